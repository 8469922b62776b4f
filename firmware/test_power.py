# heap: 2m
"""The power goes in every single write to flash, in every way that it can tear, at each step of a ride.

After the boot: whatever anyone was told is there, each opening of the bolt has its one receipt, ride and state are what
the log and the bolt say, and the lock works.
"""

from boards.sim.bench import K_LOCK, Bench, Phone, key
from boards.sim.power import Halt
from firmware.lock import Lock
from protocol import exchange, keys, receipt, status, token

RIDER, OTHER, TECH = key("rider"), key("other"), key("technician")
CTI, NEXT = b"cti-one-", b"cti-two-"
_KEY = keys.receipt_key(K_LOCK)


class People:
    """Who uses one bench, and every receipt that they were told."""

    def __init__(self, bench):
        self.bench = bench
        self.told = []
        self.master = bench.token(TECH, 1, issuer="master")
        self.first = bench.token(RIDER, 1, CTI)
        self.second = bench.token(OTHER, 2, NEXT)
        self.successor = bench.token(OTHER, 2, CTI, mode=token.SUCCESSOR)

    def ask(self, method, *args):
        phone = self.bench.phone()
        answer = method(phone, *args)
        if answer and answer.receipt:
            self.told.append(answer.receipt)
        assert answer is None or answer.status == status.OK, status.NAMES[answer.status]
        phone.leave()

    def close(self):
        self.bench.world.close()
        self.bench.wait(0.5, 100)

    def stand(self):
        self.bench.wait(40, 10_000)


def start(people):
    people.ask(Phone.open, people.first, RIDER)


def parked(people):
    start(people)
    people.close()


def left(people):
    start(people)
    people.stand()


def nothing(people):
    pass


def whole_ride(people):
    start(people)
    people.close()
    people.ask(Phone.reopen, CTI, RIDER)
    people.close()
    people.ask(Phone.end, CTI, RIDER)


def hand_over(people):
    people.ask(Phone.open, people.second, OTHER)


def succeed(people):
    people.ask(Phone.open, people.successor, OTHER)


def serve(people):
    people.ask(Phone.service, people.master, TECH)
    people.close()


def _check(bench, people):
    ledger, world = bench.lock.ledger, bench.world
    raws = [raw for _, raw in bench.lock.receipts.after(0, 999)]
    log = [receipt.open(_KEY, raw) for raw in raws]
    for raw in people.told:
        assert raws[receipt.parse(raw).seq - 1] == raw
    assert ledger.state != status.STATE_QUARANTINE
    types = [parsed.type for parsed in log]
    openings = [kind for kind in types if kind in (receipt.OPEN, receipt.REOPEN, receipt.SERVICE_OPEN)]
    assert world.openings == len(openings), types
    running, starts = None, []
    for parsed in log:
        if parsed.type in (receipt.OPEN, receipt.HAND_OVER):
            assert parsed.type == receipt.HAND_OVER or running is None
            running = parsed.cti
            starts.append(running)
        elif parsed.type == receipt.END:
            assert parsed.cti == running
            running = None
    assert len(set(starts)) == len(starts)  # a single ride starts once
    assert (ledger.ride.cti if ledger.ride else None) == running
    assert world.bolt_open() == (ledger.state in (status.STATE_OPEN, status.STATE_SERVICE))
    assert bench.lock.floors.ride() >= (len(starts) and 2)
    return running


def _goes_on(bench, people, running):
    """Whoever has the ride, rides and ends it; or the next one does."""
    people.told.clear()
    bench.lock.clock.set(bench.now, 1)
    if running == CTI and bench.lock.ledger.ride.holder == RIDER.public or running is None:
        holder, cti = RIDER, CTI
    else:
        holder, cti = OTHER, running
    if running is None:
        holder, cti = OTHER, b"cti-new-"
        people.close()
        people.ask(Phone.open, bench.token(OTHER, 9, cti), OTHER)
    elif bench.lock.state == status.STATE_PARKED:
        people.ask(Phone.reopen, cti, holder)
    if bench.lock.state != status.STATE_PARKED:
        people.close()
    people.ask(Phone.end, cti, holder)
    assert bench.lock.state == status.STATE_LOCKED
    _check(bench, people)


def cut_everywhere(before, during, tears=None):
    cuts = 0
    for tear in tears or TEARS:
        n, done = 0, False
        while not done:
            n += 1
            bench = Bench(Lock, still_s=30)
            people = People(bench)
            before(people)
            bench.board.power.cut_at(n, tear)
            try:
                during(people)
                done = True
            except Halt:
                cuts += 1
            bench.board.power.off()
            bench.run(bench.board.timeline.sleep_ms(1000))
            bench.reboot(warm=n % 2 == 0)
            _goes_on(bench, people, _check(bench, people))
            bench.close()
    assert cuts >= 3 * len(tears or TEARS), cuts


def fail_everywhere(before, during):
    """The flash fails from its nth write on, though the power stays; a boot finds it well again."""
    n, failures, done = 0, 0, False
    while not done:
        n += 1
        bench = Bench(Lock, still_s=30)
        people = People(bench)
        before(people)
        bench.board.power.fail_at(n)
        try:
            during(people)
            done = bench.lock.state != status.STATE_QUARANTINE
        except AssertionError:
            pass  # refused, as a rider sees it
        failures += not done
        assert done or bench.lock.state == status.STATE_QUARANTINE
        bench.wait(1)
        if not done:  # and nothing more is promised
            moved = bench.world.actuations
            people.bench.phone().send(exchange.HELLO, exchange.encode_hello(bytes(8)))
            assert bench.world.actuations == moved
        bench.reboot()
        _goes_on(bench, people, _check(bench, people))
        bench.close()
    assert failures > 2, failures


def _tears():
    bench = Bench(Lock)
    bench.close()
    return bench.board.power.tears


TEARS = _tears()


def test_a_cut_in_a_start():
    cut_everywhere(nothing, start)


def test_a_flash_that_fails_in_a_start():
    fail_everywhere(nothing, start)


def test_a_flash_that_fails_in_a_hand_over():
    fail_everywhere(left, hand_over)


def test_a_brown_out_at_each_motor_start():
    bench = Bench(Lock)
    moved = 0
    for epoch in range(1, 41):
        bench.lock.clock.set(bench.now, 1)
        plain = bench.board.motor.pull

        def pull(plain=plain, board=bench.board):
            plain()
            board.power.halt("power")

        bench.board.motor.pull = pull
        phone = bench.phone()
        try:
            phone.open(bench.token(RIDER, epoch), RIDER)
            raise AssertionError("the power held")
        except Halt:
            moved += 1
        bench.run(bench.board.timeline.sleep_ms(500))
        bench.reboot(warm=False)
        assert bench.lock.state == status.STATE_LOCKED and not bench.world.bolt_open()
    log = [receipt.parse(raw) for _, raw in bench.lock.receipts.after(0, 99)]
    assert [(parsed.type, parsed.detail) for parsed in log] == [
        (receipt.ABORT, [receipt.ABORT_POWER])
    ] * moved
    bench.close()
