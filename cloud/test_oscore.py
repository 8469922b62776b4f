"""OSCORE contexts: freshness, retirement, and that no nonce is ever used twice under one key."""

import os

import pytest
from aiocoap import Message
from aiocoap import oscore as aead
from aiocoap.numbers.codes import Code
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from cloud import oscore
from protocol import coap, keys
from protocol import oscore as wire

KID = b"lock"
SECRET = b"0123456789abcdef"


class Lock:
    """The lock's half, as the firmware's: protocol/oscore.py. A new one is a boot."""

    def __init__(self, secret: bytes = SECRET, kid: bytes = KID, id_context: bytes | None = None):
        self.context = wire.Context(secret, b"", kid, keys.OSCORE_SERVER_ID, id_context or os.urandom(8))

    def request(self, named: bool | None = None, echo: bytes | None = None, payload: bytes = b"hi"):
        """(datagram, what opens the answer)."""
        if named is not None:
            self.context.send_id_context = named
        options = [(coap.URI_PATH, b"t")] + ([(coap.ECHO, echo)] if echo else [])
        code, outer, sealed, request = self.context.protect_request(coap.POST, options, payload)
        return coap.encode(coap.CON, code, 1, b"", outer, sealed), request

    def open(self, answer: Message, request) -> tuple[int, list, bytes]:
        options = [(o.number, o.encode()) for o in answer.opt.option_list()]
        return self.context.unprotect_response(options, answer.payload, request)


class Cloud:
    """Numbers outlive a restart; nothing else does."""

    def __init__(self) -> None:
        self.reserved = 0
        self.restart()

    def restart(self) -> None:
        self.peers = oscore.Peers()
        self.peers.add(oscore.Peer(KID, "lock", SECRET, oscore.Numbers(KID, self.block())))

    def block(self) -> range:
        self.reserved += oscore.BLOCK
        return range(self.reserved - oscore.BLOCK, self.reserved)

    def accept(self, datagram: bytes, now: float = 0.0) -> oscore.Fresh:
        return self.peers.accept(Message.decode(datagram), lambda kid: False, now)

    def echo(self, lock: Lock, now: float = 0.0, **how) -> bytes:
        """The Echo value with which a request of this lock is answered."""
        datagram, request = lock.request(**how)
        with pytest.raises(oscore.Challenge) as challenge:
            self.accept(datagram, now)
        code, options, _ = lock.open(challenge.value.response, request)
        assert code == coap.UNAUTHORIZED
        return dict(options)[coap.ECHO]

    def prove(self, lock: Lock) -> None:
        datagram, request = lock.request(echo=self.echo(lock, named=True), named=False)
        fresh = self.accept(datagram)
        answer = fresh.protect(Message(code=Code.CHANGED, payload=b"ok"))
        assert lock.open(answer, request)[2] == b"ok"


def refused(cloud: Cloud, datagram: bytes) -> bool:
    try:
        cloud.accept(datagram)
    except oscore.Refused:
        return True
    except oscore.Challenge:
        return False
    return False


def test_a_new_boot_is_asked_for_echo_and_then_believed():
    cloud, lock = Cloud(), Lock()
    cloud.prove(lock)
    fresh = cloud.accept(lock.request(payload=b"fixes")[0])
    assert (fresh.peer.lock_id, fresh.request.payload, fresh.request.opt.uri_path) == (
        "lock",
        b"fixes",
        ("t",),
    )


def test_a_bare_kid_without_a_context_is_refused_so_that_the_lock_names_it():
    cloud, lock = Cloud(), Lock()
    assert refused(cloud, lock.request(named=False)[0])
    cloud.prove(lock)
    cloud.restart()
    assert refused(cloud, lock.request(named=False)[0])
    cloud.prove(lock)


def test_a_request_counts_once():
    cloud, lock = Cloud(), Lock()
    cloud.prove(lock)
    datagram, _ = lock.request()
    cloud.accept(datagram)
    with pytest.raises(oscore.Replayed):
        cloud.accept(datagram)


def test_reordering_within_the_window_counts_and_beyond_it_does_not():
    cloud, lock = Cloud(), Lock()
    cloud.prove(lock)
    sent = [lock.request()[0] for _ in range(oscore.WINDOW + 5)]
    for datagram in reversed(sent[5:]):
        cloud.accept(datagram)
    for datagram in sent:
        with pytest.raises(oscore.Replayed):
            cloud.accept(datagram)


def test_the_next_boot_retires_the_one_before_only_once_it_is_proved():
    cloud, old, new = Cloud(), Lock(), Lock()
    cloud.prove(old)
    echo = cloud.echo(new, named=True)
    cloud.accept(old.request()[0])  # the old one still counts
    cloud.accept(new.request(echo=echo, named=False)[0])
    assert refused(cloud, old.request(named=False)[0])
    cloud.echo(old, named=True)  # by name it is asked to prove itself again


def test_an_echo_of_a_boot_that_is_over_proves_nothing():
    """A recorded old boot in full: request, request with Echo, and one that never reached us."""
    cloud, old = Cloud(), Lock()
    echo = cloud.echo(old, named=True)
    second, held_back = old.request(echo=echo, named=True)[0], old.request(echo=echo, named=True)[0]
    cloud.accept(second)
    cloud.prove(Lock())
    for datagram in (second, held_back):
        with pytest.raises(oscore.Challenge):
            cloud.accept(datagram)


def test_somebody_who_plays_back_an_old_boot_does_not_keep_a_new_one_out():
    cloud, old, new = Cloud(), Lock(), Lock()
    recorded = old.request(named=True)[0]
    echo = cloud.echo(new, named=True)
    with pytest.raises(oscore.Challenge):
        cloud.accept(recorded)  # takes the one pending place
    assert refused(cloud, new.request(echo=echo, named=False)[0])  # 4.01: the lock names its context again
    cloud.accept(new.request(echo=echo, named=True)[0])


def test_a_context_is_kept_only_once_a_tag_verified():
    cloud, lock = Cloud(), Lock()
    cloud.prove(lock)
    peer = cloud.peers.get(KID)
    current = peer.current
    for _ in range(50):
        assert refused(cloud, Lock(secret=os.urandom(16)).request(named=True)[0])
        assert peer.current is current and peer.pending is None


@pytest.mark.parametrize("bit", range(0, 8 * 9, 5))
def test_a_flipped_bit_of_the_sealed_part_is_refused_and_spends_no_number(bit):
    cloud, lock = Cloud(), Lock()
    cloud.prove(lock)
    good, _ = lock.request()
    bad = bytearray(good)
    bad[-1 - bit // 8] ^= 1 << bit % 8
    left = len(cloud.peers.get(KID).numbers)
    assert refused(cloud, bytes(bad))
    cloud.accept(good)
    assert len(cloud.peers.get(KID).numbers) == left - 1


def test_unknown_and_wrong_get_the_same_answer():
    cloud, lock = Cloud(), Lock()
    cloud.prove(lock)
    stranger = Lock(kid=b"none")
    for datagram in (stranger.request(named=True)[0], stranger.request(named=False)[0]):
        with pytest.raises(oscore.Refused) as unknown:
            cloud.accept(datagram)
        with pytest.raises(oscore.Refused) as wrong:
            cloud.accept(Lock(secret=bytes(16)).request(named=True)[0])
        assert unknown.type is wrong.type is oscore.Refused


@pytest.mark.parametrize(
    "option",
    [b"", b"\x09", b"\x08lock", b"\x01\x00", b"\x2e\x00lock", b"\x0f" + bytes(7) + KID, b"\x19\x00\xff"],
)
def test_an_option_of_another_form_is_a_bad_option(option):
    with pytest.raises(oscore.BadOption):
        Cloud().accept(coap.encode(coap.CON, coap.POST, 1, b"", [(coap.OSCORE, option)], bytes(20)))


@pytest.mark.parametrize("length", [1, 7, 9, 64])
def test_an_id_context_of_another_length_is_refused(length):
    assert refused(Cloud(), Lock(id_context=os.urandom(length)).request(named=True)[0])


def test_a_lock_that_was_not_read_yet_is_asked_for():
    cloud = Cloud()
    with pytest.raises(oscore.NotLoaded) as missing:
        cloud.peers.accept(Message.decode(Lock(kid=b"new!").request()[0]), lambda kid: True, 0.0)
    assert missing.value.kid == b"new!"


def test_numbers_run_out_and_are_never_given_twice():
    numbers = oscore.Numbers(KID, range(3, 5))
    numbers.add(range(9, 10))
    assert [numbers.take() for _ in range(3)] == [3, 4, 9]
    with pytest.raises(oscore.Spent):
        numbers.take()
    last = oscore.Numbers(KID, range(2**40 - 1, 2**40 + 9))
    with pytest.raises(oscore.Spent):
        last.take()  # RFC 8613 §7.2.1


def test_challenges_are_rationed():
    cloud, datagram = Cloud(), Lock().request(named=True)[0]
    answers = []
    for _ in range(20):
        with pytest.raises((oscore.Challenge, oscore.Refused)) as raised:
            cloud.accept(datagram, now=7.2)
        answers.append(raised.type)
    assert answers.count(oscore.Challenge) == oscore.CHALLENGES
    with pytest.raises(oscore.Challenge):
        cloud.accept(datagram, now=8.2)


def test_no_key_shows_in_a_repr():
    cloud, lock = Cloud(), Lock()
    cloud.prove(lock)
    peer = cloud.peers.get(KID)
    shown = repr(peer) + repr(peer.current) + repr(peer.numbers)
    for secret in (SECRET, peer.current.sender_key, peer.current.recipient_key, peer.echo_key):
        assert repr(secret)[2:-1] not in shown and secret.hex() not in shown


class Recorder(aead.AES_CCM_16_64_128):
    """The cipher, with a memory of every (key, nonce) that it sealed under."""

    def __init__(self):
        self.spent = set()

    def encrypt(self, plaintext, aad, key, nonce):
        assert (key, nonce) not in self.spent, "a nonce used twice"
        self.spent.add((key, nonce))
        return super().encrypt(plaintext, aad, key, nonce)


class NoNonceTwice(RuleBasedStateMachine):
    """Boots, losses, repetitions, recorded datagrams and restarts, in any order."""

    sent = Bundle("sent")

    @initialize()
    def begin(self):
        self.cloud, self.lock, self.echo = Cloud(), Lock(), None
        self.given, oscore.Context.alg_aead = oscore.Context.alg_aead, Recorder()

    def teardown(self):
        if hasattr(self, "given"):
            oscore.Context.alg_aead = self.given

    @rule()
    def boot(self):
        self.lock, self.echo = Lock(), None

    @rule()
    def restart(self):
        self.cloud.restart()

    @rule(target=sent, named=st.booleans(), with_echo=st.booleans(), lost=st.booleans())
    def send(self, named, with_echo, lost):
        datagram, request = self.lock.request(named=named, echo=self.echo if with_echo else None)
        if not lost:
            self._arrive(datagram, request)
        return datagram

    @rule(datagram=sent)
    def play_back(self, datagram):
        self._arrive(datagram, None)

    def _arrive(self, datagram, request):
        for _ in range(2):
            try:
                fresh = self.cloud.accept(datagram)
                answer = fresh.protect(Message(code=Code.CHANGED, payload=os.urandom(4)))
                break
            except oscore.Challenge as challenge:
                answer = challenge.response
                break
            except oscore.Spent:
                self.cloud.peers.get(KID).numbers.add(self.cloud.block())
            except oscore.Refused:
                return
        if request:
            self.echo = dict(self.lock.open(answer, request)[1]).get(coap.ECHO, self.echo)


NoNonceTwice.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_no_nonce_twice = NoNonceTwice.TestCase
