# heap: 1m
"""No collection from the first frame of a request until the motor runs; and whatever happens, they go on after."""

from boards.sim.bench import Bench, key
from firmware.lock import Lock
from protocol import compat, exchange, status

RIDER, OTHER = key("rider"), key("other")
USUAL = 16_384


class Collector:
    """In place of the interpreter's, for one bench."""

    def __init__(self):
        self.after = USUAL
        self.count = 0

    def collect(self):
        self.count += 1

    def collect_after(self, size):
        before, self.after = self.after, size
        return before


def _bench():
    collector = Collector()
    plain = compat.collect, compat.collect_after
    compat.collect, compat.collect_after = collector.collect, collector.collect_after
    try:
        return Bench(Lock), collector
    finally:
        compat.collect, compat.collect_after = plain


def _begin(bench, mtu=60):
    """A phone that has sent all of its request but the last frame, and that one."""
    phone = bench.phone(mtu)
    phone.hello()
    raw = bench.token(RIDER, 1, b"cti-one-")
    body = phone.request(exchange.OPEN, raw, b"no such subject", RIDER)
    *first, last = phone._sender.frames(exchange.REQUEST, body, mtu - 3)
    assert len(first) > 2
    for frame in first:
        phone.frame(frame)
    return phone, last


def test_it_is_collected_once_a_phone_has_its_challenge():
    bench, collector = _bench()
    phone = bench.phone()
    sent = []
    bench.lock.session._garbage.collect = lambda: sent.append(bench.board.link.frames_for(phone.conn))
    phone.send(exchange.HELLO, exchange.encode_hello(bytes(8)))
    assert len(sent) == 1 and len(sent[0]) == 1 and collector.after == USUAL
    bench.close()


def test_nothing_is_collected_from_a_requests_first_frame_until_the_motor_runs():
    for mtu in (23, 60, 247):
        bench, collector = _bench()
        seen, pull, take = [], bench.board.motor.pull, bench.lock.session._message

        def pulling():
            seen.append(("motor", collector.after))  # noqa: B023
            pull()  # noqa: B023

        def taking(link, frame):
            action = take(link, frame)  # noqa: B023
            seen.append((link.receiver.opcode, collector.after))  # noqa: B023
            return action

        bench.board.motor.pull, bench.lock.session._message = pulling, taking
        assert bench.phone(mtu).open(bench.token(RIDER), RIDER).status == status.OK
        at = [what for what, _ in seen].index(exchange.REQUEST)
        assert ("motor", -1) in seen[at:] and all([after == -1 for _, after in seen[at:]]), seen
        assert collector.after == USUAL and collector.count == 1
        bench.close()


def test_collections_go_on_while_the_motor_runs():
    bench, collector = _bench()
    seen, stop = [], bench.board.motor.stop

    def stopping():
        seen.append(collector.after)
        stop()

    bench.board.motor.stop = stopping
    assert bench.phone().open(bench.token(RIDER), RIDER).status == status.OK
    assert seen[0] == USUAL
    bench.close()


def test_they_go_on_after_a_refusal_a_farewell_and_silence():
    for leave in (
        lambda bench, phone, last: phone.frame(last),  # its proof is of something else
        lambda bench, phone, last: phone.frame(b"\0" * 9),
        lambda bench, phone, last: phone.leave(),
        lambda bench, phone, last: bench.wait(11),
    ):
        bench, collector = _bench()
        phone, last = _begin(bench)
        assert collector.after == -1
        leave(bench, phone, last)
        assert collector.after == USUAL and not bench.world.actuations
        bench.close()


def test_they_go_on_after_an_error_of_ours():
    for name in ("decide", "carry_out", "_intend"):
        bench, collector = _bench()

        def broken(*args):
            assert collector.after == -1  # noqa: B023
            raise MemoryError

        setattr(bench.lock.unlock, name, broken)
        assert bench.phone().open(bench.token(RIDER), RIDER) is None
        assert collector.after == USUAL and bench.lock.session.errors == 1
        bench.close()


def test_they_wait_for_the_last_of_several_phones():
    bench, collector = _bench()
    first, last = _begin(bench)
    second, other = _begin(bench)
    second.frame(other)
    assert collector.after == -1  # the first is still at it
    first.frame(last)
    assert collector.after == USUAL
    bench.close()
