"""The locks' OSCORE security contexts (RFC 8613; SPEC 10). Decides; touches no socket and no database (see peers.py).

A lock draws a random ID Context at each boot and keeps no counter in flash. For each lock there is one context that
proved fresh, and at most one that has not yet:

    request under an unknown ID Context ── tag verifies ──► pending ── Echo comes back ──► current
                                         └ it does not ───► nothing is kept                (the older one is dropped)

Nonces. A response takes its request's nonce only once that request passed the replay window (RFC 8613 §8.3). Every
other answer takes the next server sequence number, of which a lock has one run, whatever its contexts and our
restarts: a recorded old boot, played again, derives the old key again but never meets a number twice.

Echo (RFC 9175 §2.3) is a MAC over the ID Context and how many boots of this lock were proved fresh before. So the
value survives a pending context that was evicted, and dies with the next proof: what was valid for a boot that is
over opens nothing.
"""

import hmac
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
BLOCK = 64  # server sequence numbers reserved at a time
LOW = 16  # left over when it is time to reserve more
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


class Missing(Exception):
    """The database must be asked first."""

    def __init__(self, kid: bytes):
        self.kid = kid


class NotLoaded(Missing):
    """This lock has not been read yet."""


class Spent(Missing):
    """No reserved sequence number of this lock is left."""


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
    returned: bool = False  # its context had been replaced by another


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
        self.sender_id = keys.OSCORE_SERVER_ID
        self.recipient_id = peer.kid
        self.id_context = id_context
        self.derive_keys(b"", peer.secret)
        self.recipient_replay_window = oscore.ReplayWindow(WINDOW, lambda: None)
        self.echo_recovery = echo

    def __repr__(self) -> str:
        return f"Context({self.peer.lock_id})"

    def new_sequence_number(self) -> int:
        return self.peer.numbers.take()

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

        Raises Challenge, Refused, NotLoaded, Spent. A context is kept only once a tag under it verified.
        """
        kid, id_context = named(message.opt.oscore)
        if len(kid) != KID_BYTES:
            raise Refused
        peer = self._peers.get(kid)
        if peer:
            self._peers.move_to_end(kid)
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
                peer.pending = context
                if not peer.may_challenge(now):
                    raise Refused from None
                raise Challenge(unproved.to_message()) from None
            except oscore.ReplayError:  # raised after the tag verified, as echo_recovery is set
                raise Replayed(peer) from None
            except (error.Error, ValueError, IndexError):
                continue  # wrong tag, or a plaintext that is no CoAP
            returned = context is not peer.current and self._replace(peer, context)
            return Fresh(peer, context, request, request_id, returned)
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
