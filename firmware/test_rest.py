# heap: 2m
"""A lock that sleeps: what wakes it, how soon it is on the air, what it does not sleep through, its last reserve."""

import asyncio
import hashlib

from boards.sim.bench import K_LOCK, LOCK, Answer, Bench, key
from boards.sim.peer import Peer
from boards.sim.power import Halt
from firmware import power
from firmware.lock import Lock
from protocol import exchange, frames, status

RIDER, OTHER, TECH = key("rider"), key("other"), key("technician")
CTI = b"cti-one-"
BOOT_MS = 2_000
SLEEPY = {"sleep": 1, "fix_every_s": 120, "uplink_every_s": 14_400, "status_every_s": 14_400}


class Street:
    """A bench whose lock runs its tasks, sleeps and boots: `naps` [(at, for ms, wake_on)], `boots` [(at, cause)]."""

    def __init__(self, clock=True, drift_ppm=20, **settings):
        given = dict(SLEEPY)
        given.update(settings)
        self.bench = bench = Bench(Lock, clock=clock, **given)
        self.timeline, self.world = bench.board.timeline, bench.world
        self.started = self.timeline.now
        self.naps, self.boots, self.air = [], [], []
        self.drift_ppm = drift_ppm
        self.peer = Peer(LOCK, K_LOCK, lambda: bench.now)
        self._fit()

    def _fit(self):
        """What a boot does not remember of the world around it."""
        self.board.bearer.peer = self.peer
        self.board.clock.drift_ppm = self.drift_ppm
        self.lock.clock.drift_ppm = self.drift_ppm

    @property
    def board(self):
        return self.bench.board

    @property
    def lock(self):
        return self.bench.lock

    @property
    def asleep(self):
        return self.board.power.halted == "sleep"

    @property
    def shown_ms(self):
        """The advertising interval, 0 when it is off the air."""
        shown = None if self.board.power.halted else self.board.link.advertised
        return shown[1] if shown else 0

    async def wait(self, seconds):
        await self.timeline.sleep_ms(int(seconds * 1000))

    async def until(self, condition, seconds):
        """How many seconds it took, to a tenth; fails when it takes longer than that."""
        for tenth in range(int(seconds * 10) + 1):
            if condition():
                return tenth / 10
            await self.timeline.sleep_ms(100)
        raise AssertionError("not within %d s" % seconds)

    async def _live(self):
        while True:
            try:
                await self.lock.run()
            except Halt:
                pass
            if not self.asleep:
                return
            now = self.timeline.now
            self.naps.append((now, self.board.nap[0] - now, self.board.nap[1]))
            self.bench.board = await self.board.slept()
            await self.timeline.sleep_ms(BOOT_MS)
            self.boots.append((self.timeline.now, self.board.boot_cause))
            self.bench.lock = Lock(self.board)
            self._fit()

    def run(self, story):
        async def both():
            task = asyncio.create_task(self._live())
            try:
                await story()
                assert not task.done()
            finally:
                task.cancel()
                try:
                    await task
                except (asyncio.CancelledError, Halt):
                    pass

        asyncio.run(both())
        self.bench.close()


class Phone:
    """One link to a lock that is on the air."""

    def __init__(self, street):
        assert street.shown_ms, "nothing to connect to"
        self.street, self.link = street, street.board.link
        self.conn = self.link.connect()
        self.sender, self.receiver = frames.Sender(), frames.Receiver()

    def send(self, opcode, body):
        for part in self.sender.frames(opcode, body, 244):
            self.link.phone_write(self.conn, part)

    async def next(self):
        for _ in range(300):
            for part in self.link.frames_for(self.conn):
                message = self.receiver.feed(part)
                if message and message[0] != exchange.RECEIPT:  # which comes unasked
                    return message
            await self.street.timeline.sleep_ms(20)
        raise AssertionError("no answer")

    async def ask(self, command, raw, subject, holder):
        greeting = exchange.encode_hello(self.street.bench.random(8))
        self.send(exchange.HELLO, greeting)
        transcript = exchange.transcript(greeting, (await self.next())[1])
        signature = holder.sign(exchange.proof_input(subject, transcript, command))
        self.send(exchange.REQUEST, exchange.encode_request(command, raw, signature))
        return Answer((await self.next())[1])

    async def open(self, raw, holder, command=exchange.OPEN):
        return await self.ask(command, raw, hashlib.sha256(raw).digest(), holder)

    async def with_ride(self, command, holder):
        return await self.ask(command, None, CTI, holder)

    def leave(self):
        self.link.disconnect(self.conn)


async def start(street, holder=RIDER, epoch=1):
    street.world.press()
    await street.until(lambda: street.shown_ms, 5)
    phone = Phone(street)
    answer = await phone.open(street.bench.token(holder, epoch, CTI), holder)
    assert answer.status == status.OK, status.NAMES[answer.status]
    phone.leave()


# ---- falling asleep


def test_a_lock_that_nobody_touches_tells_the_cloud_and_sleeps():
    street = Street()

    async def story():
        assert (
            await street.until(lambda: street.asleep, 120) >= 29
        )  # after power came back it is there for a while
        at, length, wakes = street.naps[0]
        assert wakes == ("button", "shake") and 14_300_000 < length <= 14_400_000
        assert len(street.peer.records) >= 1
        await street.wait(100_000)
        assert 6 <= len(street.boots) <= 8 and {cause for _, cause in street.boots} == {power.TIMER}
        assert len(street.peer.records) >= 7

    street.run(story)


def test_without_the_setting_it_stays_awake():
    street = Street(sleep=0)

    async def story():
        for _ in range(10):
            await street.wait(10)
            assert street.shown_ms == 250
        assert street.naps == [] and street.lock.rest is None
        assert street.peer.records and street.board.bearer.opened  # and keeps the network

    street.run(story)


def test_a_board_that_cannot_sleep_stays_awake():
    street = Street()
    street.board.wakes = ()
    street.bench.start()

    async def story():
        await street.wait(100)
        assert street.naps == [] and street.shown_ms == 250

    street.run(story)


def test_the_clock_is_good_enough_after_every_sleep():
    crystal, oscillator = _ten_hours(20), _ten_hours(60_000)
    assert len(crystal.boots) == 2
    assert max([length for _, length, _ in oscillator.naps]) <= 4_500_000 and len(oscillator.boots) >= 8


def _ten_hours(drift_ppm):
    street = Street(drift_ppm=drift_ppm)

    async def story():
        for _ in range(60):
            await street.wait(601)
            assert street.asleep or street.lock.clock.known()

    street.run(story)
    return street


# ---- waking


def test_the_button_or_a_shake_and_three_seconds_later_it_is_on_the_air():
    street = Street()

    async def story():
        for wake, stays in ((street.world.press, 30), (street.world.move, 15)):
            await street.until(lambda: street.asleep, 300)
            await street.wait(100)
            wake()
            assert await street.until(lambda: street.shown_ms, 5) <= 3
            assert street.shown_ms == 250
            street.world.still()
            left = await street.until(lambda: street.asleep, 60)
            assert stays - 2 <= left <= stays + 2, (stays, left)
        assert [cause for _, cause in street.boots] == [power.BUTTON, power.SHAKE]

    street.run(story)


def test_a_touch_does_not_call_the_cloud_before_it_is_time():
    street = Street()

    async def story():
        await street.until(lambda: street.asleep, 300)
        told = len(street.peer.seen)
        for _ in range(5):
            street.world.press()
            await street.until(lambda: street.shown_ms, 5)
            await street.until(lambda: street.asleep, 60)
        assert len(street.peer.seen) == told

    street.run(story)


def test_when_strangers_have_used_up_their_hour_only_the_button_wakes_it_and_an_honest_rider_rides():
    street = Street()

    async def story():
        await street.until(lambda: street.asleep, 300)
        for _ in range(22):
            street.world.move()
            await street.wait(1)
            street.world.still()
            await street.wait(30)
        awake = sum([1 for _, cause in street.boots if cause == power.SHAKE])
        assert 10 <= awake <= 25
        assert street.asleep and street.naps[-1][1:] == (3_600_000, ("button",))
        street.world.move()
        await street.wait(10)
        assert street.asleep
        street.world.still()
        street.world.press()
        await street.until(lambda: street.shown_ms, 5)
        assert street.shown_ms == 2_000
        phone = Phone(street)
        assert (await phone.open(street.bench.token(RIDER, 1, CTI), RIDER)).status == status.OK
        await street.until(lambda: street.shown_ms == 250, 5)  # he is no stranger any more

    street.run(story)


def test_links_that_prove_nothing_keep_it_awake_for_ten_seconds_more_at_most():
    street = Street()

    async def story():
        await street.until(lambda: street.asleep, 300)
        street.world.press()
        await street.until(lambda: street.shown_ms, 5)
        began, connected = street.timeline.now, 0
        while not street.asleep:
            if street.shown_ms and street.board.link.links() < 4:
                street.board.link.connect()
                connected += 1
            await street.wait(0.5)
        assert connected >= 12
        assert street.timeline.now - began <= (30 + 11) * 1000

    street.run(story)


# ---- what outlasts a sleep


def test_kept_bytes_that_are_damaged_are_as_none():
    for kept in (b"", b"x", b"\xff" * 13, bytes(13), b"\x7f" * 32):
        _woken_with(kept)


def _woken_with(kept):
    street = Street()
    street.board.kept, street.board.boot_cause = kept, power.BUTTON
    street.bench.start()
    street._fit()

    async def story():
        await street.wait(1)
        assert street.shown_ms in (250, 2_000)
        await street.until(lambda: street.asleep, 300)

    street.run(story)
