# heap: 2m
"""An exception of ours at every place where memory may run out, at the first call, the second, and so on (D06).

Whatever raised: the motor stands, nothing is pending, each opening has its receipt and each ride its opening; and with
memory back, the next rider is served, at once or after the boot that the lock asks for.
"""

from boards.sim.bench import K_LOCK, Bench, Phone, key
from firmware.lock import Lock
from protocol import keys, receipt, status

RIDER, OTHER = key("rider"), key("other")
CTI = b"cti-one-"
_KEY = keys.receipt_key(K_LOCK)


def _places(bench):
    """(object, method) of what a request or a tick calls."""
    lock = bench.lock
    unlock, ledger, session, receipts = lock.unlock, lock.ledger, lock.session, lock.receipts
    yield from ((session, "send"), (session, "_result"), (session, "refuse"))
    yield from (
        (unlock, "decide"),
        (unlock, "_view"),
        (unlock, "_learn"),
        (unlock, "_claim"),
        (unlock, "_intend"),
    )
    yield from ((unlock, "_settle"), (unlock, "_begin"))
    intents = unlock._intents
    yield from ((intents, "write"), (intents._evidence, "write"), (intents._what, "write"))
    yield from ((ledger, "commit"), (ledger, "_circumstances"), (ledger, "end"), (ledger, "latest"))
    yield from ((receipts, "append"), (receipts, "get"), (receipts, "after"), (receipts._store, "append"))
    yield from (
        (receipts._store, "write"),
        (lock.floors, "raise_to"),
        (lock.floors, "save"),
    )
    yield from (
        (lock.clock, "now"),
        (lock.clock, "known"),
        (unlock._actuator, "position"),
        (unlock._actuator, "open"),
    )
    yield from (
        (lock.watch, "look"),
        (lock.watch, "_closed"),
        (unlock._stillness, "look"),
        (unlock._stillness, "still"),
    )
    yield from ((bench.board.battery, "millivolts"), (bench.board.led, "show"), (bench.board.link, "send"))
    yield from ((bench.board.link, "mtu"), (bench.board.bolt, "open"), (bench.board.motor, "pull"))
    yield from ((bench.board, "random"), (session, "_note"))


def _raise_at(target, name, nth, error):
    """Lets the nth call of this method raise. Gives a list that is empty until it did, and what undoes it."""
    plain = getattr(target, name)
    calls, raised = [], []

    def broken(*args, **kwargs):
        calls.append(1)
        if len(calls) == nth:
            raised.append(1)
            raise error
        return plain(*args, **kwargs)

    setattr(target, name, broken)
    return raised, lambda: setattr(target, name, plain)


def _story(bench):
    """A ride with all that the places are good for; goes on whatever it is told."""
    raw = bench.token(RIDER, 1, CTI)

    def visit(ask, *args):
        phone = bench.phone()
        try:
            ask(phone, *args)
        except AssertionError:
            pass  # no CHALLENGE came
        if phone.up:
            phone.leave()

    def tick(seconds):
        for _ in range(int(seconds * 10)):
            bench.run(bench.board.timeline.sleep_ms(100))
            try:
                bench.lock.tick()
            except MemoryError:
                pass  # the supervisor would start the task again

    visit(Phone.open, raw, RIDER)
    tick(0.2)
    visit(Phone.reopen, CTI, RIDER)
    bench.world.close()
    tick(0.6)
    visit(Phone.reopen, CTI, RIDER)
    visit(Phone.open, bench.token(OTHER, 2), OTHER)
    bench.world.close()
    tick(0.6)
    visit(Phone.end, CTI, RIDER)
    tick(0.3)


def _check(bench):
    log = [receipt.open(_KEY, raw) for _, raw in bench.lock.receipts.after(0, 99)]
    openings = [parsed for parsed in log if parsed.type in (receipt.OPEN, receipt.REOPEN)]
    assert bench.world.openings == len(openings), [receipt.NAMES[parsed.type] for parsed in log]
    assert len([parsed for parsed in log if parsed.type == receipt.OPEN and parsed.cti == CTI]) <= 1
    ride = bench.lock.ledger.ride
    assert bench.world.bolt_open() == (bench.lock.state == status.STATE_OPEN)
    assert ride is not None or bench.lock.state in (status.STATE_LOCKED, status.STATE_JAMMED)


def _fault_at(index, nth):
    """False when the nth call never came."""
    bench = Bench(Lock)
    target, name = list(_places(bench))[index]
    raised, undo = _raise_at(target, name, nth, MemoryError())
    _story(bench)
    undo()
    assert not bench.world._pulling and not bench.lock.ledger.busy, name
    if bench.lock.state == status.STATE_QUARANTINE:
        bench.reboot()
        bench.wait(0.5, 100)
    _check(bench)
    bench.world.close()
    bench.wait(0.6, 100)
    if bench.lock.ledger.ride:
        phone = bench.phone()
        assert (
            phone.end(
                bench.lock.ledger.ride.cti, RIDER if bench.lock.ledger.ride.cti == CTI else OTHER
            ).status
            == 0
        )
        phone.leave()
    assert bench.phone().open(bench.token(OTHER, 9), OTHER).status == status.OK, (name, nth)
    _check(bench)
    bench.close()
    return bool(raised)


def _count():
    bench = Bench(Lock)
    count = len(list(_places(bench)))
    bench.close()
    return count


def test_no_exception_anywhere_leaves_a_bolt_without_its_receipt():
    faults = 0
    for index in range(_count()):
        nth = 1
        while nth <= 12 and _fault_at(index, nth):
            faults += 1
            nth += 1 if nth < 4 else 4
        assert nth > 1, index  # the story came by there
    assert faults > 100, faults
