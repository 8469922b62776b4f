"""Several gateways on one database: a request counts once, wherever it comes in, and no nonce is ever used twice."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiocoap import Message
from aiocoap.numbers.codes import Code
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule
from sqlalchemy import select, update

from cloud import oscore, tables
from cloud.test_oscore import KID, SECRET, Lock, Recorder
from cloud.testlock import Gateway, Pen, Uplink, Wire, make_cloud
from protocol import coap, telemetry
from protocol import oscore as wire_oscore

BOOT = [(telemetry.NOTE, 5, telemetry.NOTE_BOOT, 1)]


# ---- two processes


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = make_cloud(tmp_path_factory.mktemp("cloud"), now=lambda: int(time.time()))
    yield cloud
    cloud.db.close()


@pytest.fixture(scope="module")
def gateways(cloud):
    both = [Gateway(cloud).start() for _ in range(2)]
    yield both
    for gateway in both:
        gateway.stop()


@pytest.fixture
def wires(gateways):
    both = [Wire(gateway.port) for gateway in gateways]
    yield both
    for wire in both:
        wire.close()


@pytest.fixture
def pen(cloud):
    return Pen(began=int(time.time()) - 5000).register(cloud)


def copies(cloud, pen) -> dict[int, int]:
    """seq -> how often a receipt of that number counted."""
    with cloud.db.reading() as session:
        mine = select(tables.Receipt.seq, tables.Receipt.copies).where(tables.Receipt.lock_id == pen.hex)
        return dict(session.execute(mine).all())


def receipts(pen, n: int) -> list[bytes]:
    first = pen.began + 10 * (len(pen.log) + 1)
    return [telemetry.encode_receipts([pen.close(b"cti-0000", first + 10 * m)]) for m in range(n)]


def test_a_lock_goes_from_one_to_the_other_at_the_cost_of_nothing(cloud, wires, pen):
    uplink = Uplink(pen, wires[0])
    assert uplink.post(b"t", telemetry.encode_batch(1, BOOT))[0] == coap.CHANGED
    for n, body in enumerate(receipts(pen, 8)):
        uplink.wire = wires[(n + 1) % 2]
        before = len(uplink.sent)
        assert uplink.post(b"r", body)[0] == coap.CHANGED
        assert len(uplink.sent) - before <= (
            1 if n else 2
        )  # a bare kid tells the other nothing the first time
    assert copies(cloud, pen) == {n: 1 for n in range(1, 9)}


def test_what_one_took_is_a_replay_at_the_other(cloud, wires, pen):
    uplink = Uplink(pen, wires[1])
    uplink.post(b"t", telemetry.encode_batch(1, BOOT))
    uplink.wire = wires[0]
    uplink.post(b"t", telemetry.encode_batch(2, BOOT))  # both know this boot now, and its window up to here
    recorded = []
    for body in receipts(pen, 6):
        datagram, request = uplink.seal(b"r", body)
        assert uplink.open(uplink.ask(datagram), request)[0] == coap.CHANGED
        recorded.append(datagram)
    for datagram in recorded:
        answer = coap.decode(wires[1].ask(datagram))
        assert (answer.code, answer.option(coap.OSCORE)) == (coap.UNAUTHORIZED, None)
    assert copies(cloud, pen) == {n: 1 for n in range(1, 7)}


def test_of_one_request_at_both_at_once_one_counts(cloud, wires, pen):
    uplink = Uplink(pen, wires[0])
    uplink.post(b"t", telemetry.encode_batch(1, BOOT))
    uplink.wire = wires[1]
    uplink.post(b"t", telemetry.encode_batch(2, BOOT))
    with ThreadPoolExecutor(2) as pool:
        for body in receipts(pen, 20):
            datagram, _ = uplink.seal(b"r", body)
            answers = [coap.decode(a) for a in pool.map(lambda wire, d=datagram: wire.ask(d), wires)]
            protected = [answer.option(coap.OSCORE) is not None for answer in answers]
            assert sorted(protected) == [False, True], answers
    assert copies(cloud, pen) == {n: 1 for n in range(1, 21)}


def test_a_boot_that_is_over_does_not_come_back_by_the_gateway_that_missed_its_end(cloud, wires, pen):
    old = Uplink(pen, wires[0])
    old.post(b"t", telemetry.encode_batch(1, BOOT))
    held_back = [old.seal(b"r", body)[0] for body in receipts(pen, 3)]  # of the old boot, and never delivered
    new = Uplink(pen, wires[1])
    assert new.post(b"t", telemetry.encode_batch(2, BOOT))[0] == coap.CHANGED
    for datagram in [*held_back, *held_back]:
        assert coap.decode(wires[0].ask(datagram)).code == coap.UNAUTHORIZED
    assert copies(cloud, pen) == {}
    new.wire = wires[0]
    assert new.post(b"t", telemetry.encode_batch(3, BOOT))[0] == coap.CHANGED


def test_no_answer_of_either_takes_a_number_twice(cloud, wires, pen):
    uplink, numbers = Uplink(pen, wires[0]), []
    uplink.post(b"t", telemetry.encode_batch(1, BOOT))
    for n in range(40):
        datagram, _ = uplink.seal(b"t", telemetry.encode_batch(2 + n, BOOT))
        for wire in wires:
            answer = coap.decode(wire.ask(datagram))
            if option := answer.option(coap.OSCORE):
                numbers.append(wire_oscore.parse_option(option)[0])
    assert len(numbers) >= 40 and None not in numbers and len(set(numbers)) == len(numbers)


def test_a_context_that_nobody_knows_any_more_is_named_and_proved_again(cloud, gateways, wires, pen):
    uplink = Uplink(pen, wires[0])
    uplink.post(b"t", telemetry.encode_batch(1, BOOT))
    with cloud.db.writing() as session:  # as after a restored backup
        session.execute(update(tables.Lock).values(oscore_context=None))
    uplink.bare = 0
    assert uplink.post(b"t", telemetry.encode_batch(2, BOOT))[0] == coap.CHANGED
    assert uplink.bare == 1  # 4.01 in the clear; then named, Echo, and stored


# ---- any order of anything


class Shop:
    """Two gateways' memories, and the lock's row between them."""

    def __init__(self) -> None:
        self.row, self.reserved = oscore.Shared(), 0
        self.memories = [self.begin(), self.begin()]

    def begin(self) -> oscore.Peers:
        memory = oscore.Peers()
        memory.add(oscore.Peer(KID, "lock", SECRET, oscore.Numbers(KID, self.block()), read_at=0.0))
        memory.get(KID).learn(self.row, 0.0)
        return memory

    def block(self) -> range:
        self.reserved += oscore.BLOCK
        return range(self.reserved - oscore.BLOCK, self.reserved)


class CountsOnce(RuleBasedStateMachine):
    """Boots, losses, repetitions, restarts, and transactions that take their time."""

    sent = Bundle("sent")

    @initialize()
    def begin(self):
        self.shop, self.lock, self.echo, self.now = Shop(), Lock(), None, 0.0
        self.boot_number, self.boots, self.counted = 0, {}, []
        self.working, self.heard = [], []  # accepted and not yet committed; answered
        self.given, oscore.Context.alg_aead = oscore.Context.alg_aead, Recorder()

    def teardown(self):
        if hasattr(self, "given"):
            oscore.Context.alg_aead = self.given

    @rule()
    def boot(self):
        self.lock, self.echo = Lock(), None
        self.boot_number += 1

    @rule(which=st.integers(0, 1))
    def restart(self, which):
        self.working = [work for work in self.working if work[0] != which]
        self.shop.memories[which] = self.shop.begin()

    @rule(
        target=sent,
        named=st.booleans(),
        with_echo=st.booleans(),
        where=st.sets(st.integers(0, 1)),
        commits=st.booleans(),
    )
    def send(self, named, with_echo, where, commits):
        datagram, request = self.lock.request(named=named, echo=self.echo if with_echo else None)
        self.boots[datagram] = self.boot_number
        for which in sorted(where):
            self._arrive(which, datagram, request, commits)
        return datagram

    @rule(datagram=sent, which=st.integers(0, 1), now=st.booleans())
    def play_back(self, datagram, which, now):
        self._arrive(which, datagram, None, now)

    @rule(data=st.data())
    def commit(self, data):
        if self.working:
            self._commit(self.working.pop(data.draw(st.integers(0, len(self.working) - 1))))

    @rule()
    def time_passes(self):
        self.now += 2

    def _arrive(self, which, datagram, request, now):
        peers = self.shop.memories[which]
        for _ in range(3):
            try:
                fresh = peers.accept(Message.decode(datagram), lambda kid: False, self.now)
            except oscore.Challenge as challenge:
                self._hear(challenge.response, request)
            except oscore.Missing:
                peer = peers.get(KID)
                peer.numbers.add(self.shop.block())
                peer.learn(self.shop.row, self.now)
                continue
            except oscore.Refused:
                pass
            else:
                self.working.append((which, datagram, request, fresh))
                if now:
                    self._commit(self.working.pop())
            return

    def _commit(self, work):
        _, datagram, request, fresh = work
        try:
            self.shop.row = oscore.count(self.shop.row, fresh.context, fresh.number)
        except oscore.Elsewhere as elsewhere:
            fresh.peer.drop(fresh.context, elsewhere.shared, self.now)
            return
        assert datagram not in self.counted, "counted twice"
        assert all(self.boots[other] <= self.boots[datagram] for other in self.counted), (
            "an old boot came back"
        )
        self.counted.append(datagram)
        answer = fresh.protect(Message(code=Code.CHANGED, payload=os.urandom(4)))
        self._hear(answer, request if self.boots[datagram] == self.boot_number else None)

    def _hear(self, answer, request):
        if request and request not in self.heard:  # a lock takes one answer a request
            self.heard.append(request)
            self.echo = dict(self.lock.open(answer, request)[1]).get(coap.ECHO, self.echo)


CountsOnce.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
test_a_request_counts_once_whatever_happens = CountsOnce.TestCase


def test_a_proof_that_comes_too_late_does_not_bring_a_boot_back():
    shop, old, new = Shop(), Lock(), Lock()

    def proved(which, lock):
        datagram, request = lock.request(named=True)
        with pytest.raises(oscore.Challenge) as challenge:
            shop.memories[which].accept(Message.decode(datagram), lambda kid: False, 0.0)
        echo = dict(lock.open(challenge.value.response, request)[1])[coap.ECHO]
        datagram, _ = lock.request(named=True, echo=echo)
        return shop.memories[which].accept(Message.decode(datagram), lambda kid: False, 0.0)

    late, prompt = proved(0, old), proved(1, new)  # the first one's transaction waits, and the lock restarts
    shop.row = oscore.count(shop.row, prompt.context, prompt.number)
    with pytest.raises(oscore.Elsewhere):
        oscore.count(shop.row, late.context, late.number)
    again = shop.memories[1].accept(Message.decode(new.request()[0]), lambda kid: False, 0.0)
    assert oscore.count(shop.row, again.context, again.number).turn == 1


def test_a_lock_that_keeps_changing_gets_through():
    """What the machine above cannot say: that anything counts at all."""
    shop, lock, echo, done = Shop(), Lock(), None, 0
    for n in range(60):
        peers = shop.memories[n % 2]
        datagram, request = lock.request(named=True, echo=echo)
        peer = peers.get(KID)
        peer.numbers.add(shop.block())
        try:
            fresh = peers.accept(Message.decode(datagram), lambda kid: False, 10.0 * n)
        except oscore.Stale:
            peer.learn(shop.row, 10.0 * n)
        except oscore.Challenge as challenge:
            echo = dict(lock.open(challenge.response, request)[1])[coap.ECHO]
        else:
            shop.row = oscore.count(shop.row, fresh.context, fresh.number)
            done += 1
    assert done >= 50
