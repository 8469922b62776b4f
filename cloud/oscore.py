"""The locks' OSCORE security contexts (RFC 8613; SPEC 10). Decides; touches no socket and no database (see peers.py).

A lock draws a random ID Context at each boot and keeps no counter in flash. For each lock there is one context that
proved fresh, and at most one that has not yet:

    request under an unknown ID Context ── tag verifies ──► pending ── Echo comes back ──► current
                                         └ it does not ───► nothing is kept                (the older one is dropped)

Nonces. Every answer takes the next server sequence number, of which a lock has one run, whatever its contexts, our
restarts and how many gateways there are: a recorded old boot, played again, derives the old key again but never meets a
number twice. None takes its request's nonce (RFC 8613 §8.3 allows both): who plays one request to two gateways at the
same moment would get two answers under it.

Several gateways. Each has its own idea of a lock, and each is right about who wrote a request; whether it counts is
decided where all meet, in the lock's row (`Shared`, `count`): which context is current and its replay window, in the
transaction that stores what the request brought. A context comes to be current there by an Echo that was asked for
after whatever was current before; so a boot that is over does not come back by way of a gateway that missed its end.

Echo (RFC 9175 §2.3) is a MAC over the ID Context and how many boots of this lock were proved fresh before. So the
value survives a pending context that was evicted, and dies with the next proof: what was valid for a boot that is
over opens nothing.
"""

import hmac
import math
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aiocoap import error, oscore
from aiocoap.message import Message

from protocol import keys
from protocol import oscore as wire

ID_CONTEXT_BYTES = 8
KID_BYTES = 4
WINDOW = 32  # RFC 8613 §3.2.2
ECHO_BYTES = 8
BLOCK = 256  # server sequence numbers reserved at a time
LOW = 64  # left over when it is time to reserve more
NEW_S = 1.0  # how long what was read of a lock counts as new when it names another context
CHALLENGES = 8  # Echo answers a lock gets in one second: each costs a number
SEEN = 8  # messages of a lock whose repetition CoAP still answers, see `Peer.repeated`
FORMER = (
    8  # ID Contexts of a lock remembered after another replaced them: one that returns is a second device's
)
PEERS = 100_000  # locks held in memory, about 2 kB each


class Refused(Exception):
    """Unknown lock, unknown context, wrong tag, replay: one answer to all, so that it tells nothing."""


class BadOption(Refused):
    """The OSCORE option itself has no such form (RFC 8613 §6.1)."""


class Replayed(Refused):
    """Authentic, and seen before: a repetition that CoAP may still answer, or somebody who plays back."""

    def __init__(self, peer: "Peer"):
        self.peer = peer


class Elsewhere(Exception):
    """Another gateway knows better: the lock has moved on, or this request counted there. `shared`: what holds."""

    def __init__(self, shared: "Shared"):
        self.shared = shared


class Missing(Exception):
    """The database must be asked first."""

    def __init__(self, kid: bytes):
        self.kid = kid


class NotLoaded(Missing):
    """This lock has not been read yet."""


class Spent(Missing):
    """No reserved sequence number of this lock is left."""


class Stale(Missing):
    """It names a context that we do not know; another gateway may."""


class Challenge(Exception):
    """Authentic, not known to be fresh: `response` carries Echo, protected."""

    def __init__(self, response: Message):
        self.response = response


@dataclass(frozen=True)
class Fresh:
    """A request that verified, for the first time."""

    peer: "Peer"
    context: "Context"
    request: Message
    request_id: oscore.RequestIdentifiers
    reserved: int  # server sequence number for its answer: so there is one, whatever else comes in meanwhile
    returned: bool = False  # its context had been replaced by another

    @property
    def number(self) -> int:
        """The lock's own sequence number of this request."""
        return int.from_bytes(self.request_id.partial_iv, "big")

    def protect(self, answer: Message) -> Message:
        return self.context.answer(answer, self.request_id, self.reserved)


@dataclass(frozen=True)
class Shared:
    """What all gateways share of a lock. `turn` counts how often another context came to be current."""

    turn: int = 0
    id_context: bytes | None = None  # the current one; None: none was proved yet
    index: int = 0  # of its replay window, as aiocoap keeps it: the lowest number,
    seen: int = 0  # and which from there on were seen


def count(shared: Shared, context: "Context", number: int) -> Shared:
    """What holds once this request has counted. Raises Elsewhere when it does not."""
    window = oscore.ReplayWindow(WINDOW, lambda: None)
    if shared.id_context == context.id_context:
        window.initialize_from_persisted({"index": shared.index, "bitfield": shared.seen})
        if not window.is_valid(number):
            raise Elsewhere(shared)
        window.strike_out(number)
        turn = shared.turn
    elif context.first is not None and context.base == shared.turn and number >= context.first:
        window.initialize_from_freshlyseen(context.first)
        if number != context.first:
            window.strike_out(number)
        turn = shared.turn + 1
    else:
        raise Elsewhere(shared)
    kept = window.persist()
    return Shared(turn, context.id_context, kept["index"], kept["bitfield"])


def named(option: bytes) -> tuple[bytes, bytes | None]:
    """(kid, ID Context or None) that a request's OSCORE option says; nothing of it is trusted. Raises BadOption."""
    try:
        piv, kid, id_context = wire.parse_option(option)
    except wire.OscoreError:
        raise BadOption from None
    if piv is None or kid is None:  # a request always has both: RFC 8613 §5
        raise BadOption
    return kid, id_context


class Context(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):
    """One boot of one lock. Its replay window starts out unknown, so that the first request has to bring Echo."""

    alg_aead = oscore.algorithms["AES-CCM-16-64-128"]
    hashfun = oscore.hashfunctions["sha256"]

    def __init__(self, peer: "Peer", id_context: bytes, echo: bytes):
        self.peer = peer
        self.base = peer.shared.turn  # when it was asked to prove itself
        self.first: int | None = None  # number of the request that did
        self.counted = False  # whether it was the lock's, by what all gateways share
        self._reserved: int | None = None
        self.sender_id = keys.OSCORE_SERVER_ID
        self.recipient_id = peer.kid
        self.id_context = id_context
        self.derive_keys(b"", peer.secret)
        self.recipient_replay_window = oscore.ReplayWindow(WINDOW, lambda: None)
        self.echo_recovery = echo

    def __repr__(self) -> str:
        return f"Context({self.peer.lock_id})"

    def answer(self, message: Message, request_id: oscore.RequestIdentifiers, reserved: int) -> Message:
        """Protected, under a number that was reserved before."""
        request_id.can_reuse_nonce = False
        self._reserved = reserved
        try:
            protected: Message = self.protect(message, request_id)[0]
        finally:
            self._reserved = None
        return protected

    def new_sequence_number(self) -> int:
        return self.peer.numbers.take() if self._reserved is None else self._reserved

    def post_seqnoincrease(self) -> None:
        pass  # Numbers has reserved it already


class Numbers:
    """A run of sequence numbers that the database has given to this process and will give to nobody again."""

    def __init__(self, kid: bytes, reserved: range):
        self._kid = kid
        self._blocks = deque([reserved])

    def add(self, reserved: range) -> None:
        self._blocks.append(reserved)

    def take(self) -> int:
        """Raises Spent."""
        while self._blocks and not self._blocks[0]:
            self._blocks.popleft()
        if not self._blocks or self._blocks[0].start >= oscore.MAX_SEQNO:
            raise Spent(self._kid)
        block = self._blocks[0]
        self._blocks[0] = block[1:]
        return block.start

    def __len__(self) -> int:
        return sum(len(block) for block in self._blocks)


@dataclass
class Peer:
    """One lock, as far as its messages go."""

    kid: bytes
    lock_id: str
    secret: bytes = field(repr=False)
    numbers: Numbers = field(repr=False)
    shared: Shared = field(default=Shared(), repr=False)  # when it was last read
    read_at: float = math.inf  # the same clock as `now` of accept()
    current: Context | None = None
    pending: Context | None = None
    proved: int = 0  # boots that proved fresh, in this process
    former: deque = field(
        default_factory=lambda: deque(maxlen=FORMER), repr=False
    )  # their ID Contexts, but the current
    echo_key: bytes = field(
        default_factory=lambda: secrets.token_bytes(32), repr=False
    )  # of this process alone
    repeated: deque = field(default_factory=lambda: deque(maxlen=SEEN), repr=False)  # (address, message id)
    _second: int = 0
    _challenges: int = 0

    def learn(self, shared: Shared, now: float) -> None:
        """What another gateway may have made of it meanwhile: its current context is ours too."""
        self.shared, self.read_at = shared, now
        if shared.id_context is None or (self.current and self.current.id_context == shared.id_context):
            return
        if self.current and self.current.counted:
            self.former.append(self.current.id_context)
        self.current = Context(self, shared.id_context, b"")
        self.current.counted = True
        self.current.recipient_replay_window.initialize_from_persisted(
            {"index": shared.index, "bitfield": shared.seen}
        )

    def drop(self, context: Context, shared: Shared, now: float) -> None:
        """It does not count any more; the lock has to prove itself again."""
        if context.counted and context.id_context != shared.id_context:
            self.former.append(context.id_context)
        if self.current is context:
            self.current = None
        self.learn(shared, now)

    def may_challenge(self, now: float) -> bool:
        if int(now) != self._second:
            self._second, self._challenges = int(now), 0
        self._challenges += 1
        return self._challenges <= CHALLENGES


class Peers:
    """The locks that this process has read, by kid."""

    def __init__(self) -> None:
        self._peers: OrderedDict[bytes, Peer] = OrderedDict()
        self._nobody = Peer(bytes(KID_BYTES), "nobody", secrets.token_bytes(16), Numbers(b"", range(0)))
        self._nothing = self._context(self._nobody, bytes(ID_CONTEXT_BYTES))

    def add(self, peer: Peer) -> None:
        self._peers[peer.kid] = peer
        while len(self._peers) > PEERS:
            self._peers.popitem(last=False)

    def get(self, kid: bytes) -> Peer | None:
        return self._peers.get(kid)

    def accept(self, message: Message, exists: Callable[[bytes], bool], now: float) -> Fresh:
        """Verify a request. `exists`: whether a lock with this kid may be read; `now`: seconds, any origin.

        Raises Challenge, Refused, NotLoaded, Spent, Stale. A context is kept only once a tag under it verified.
        """
        kid, id_context = named(message.opt.oscore)
        if len(kid) != KID_BYTES:
            raise Refused
        peer = self._peers.get(kid)
        if peer:
            self._peers.move_to_end(kid)
            if not peer.numbers:
                raise Spent(kid)
        elif exists(kid):
            raise NotLoaded(kid)
        else:
            # checked against a key that nobody has, so that the answer takes as long as to a wrong tag
            peer = self._nobody
            peer.kid = self._nothing.recipient_id = kid
        for context in self._candidates(peer, id_context):
            try:
                request, request_id = context.unprotect(message)
            except oscore.ReplayErrorWithEcho as unproved:
                if now - peer.read_at > NEW_S:
                    raise Stale(kid) from None
                peer.pending = context
                if not peer.may_challenge(now):
                    raise Refused from None
                raise Challenge(unproved.to_message()) from None
            except oscore.ReplayError:  # raised after the tag verified, as echo_recovery is set
                raise Replayed(peer) from None
            except (error.Error, ValueError, IndexError):
                continue  # wrong tag, or a plaintext that is no CoAP
            returned = False
            if context is not peer.current:
                context.first = int.from_bytes(request_id.partial_iv, "big")
                returned = self._replace(peer, context)
            return Fresh(peer, context, request, request_id, peer.numbers.take(), returned)
        raise Refused

    def _replace(self, peer: Peer, context: Context) -> bool:
        """Of one that just proved fresh; whether it had been the lock's before."""
        if peer.current:
            peer.former.append(peer.current.id_context)
        peer.current, peer.pending = context, None
        peer.proved += 1
        return context.id_context in peer.former

    def _candidates(self, peer: Peer, id_context: bytes | None) -> Iterator[Context]:
        held = [context for context in (peer.current, peer.pending) if context]
        if id_context is None:  # a lock leaves it out once an answer verified
            yield from held or [self._nothing]
        elif known := [context for context in held if context.id_context == id_context]:
            yield from known
        elif len(id_context) == ID_CONTEXT_BYTES:
            yield self._context(peer, id_context)

    def _context(self, peer: Peer, id_context: bytes) -> Context:
        mac = hmac.digest(peer.echo_key, peer.proved.to_bytes(8, "big") + id_context, "sha256")
        return Context(peer, id_context, mac[:ECHO_BYTES])
