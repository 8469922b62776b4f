"""Tasks that raise, return, hang and vanish; each ends in a restart or a reset, and never in silence."""

import asyncio

from boards.sim.power import Halt
from boards.sim.timeline import FOREVER
from boards.sim.virtual import VirtualBoard
from firmware.supervisor import Supervisor
from protocol import telemetry

LIMIT = 5_000


class Rig:
    def __init__(self):
        self.board = VirtualBoard()
        self.notes, self.reports, self.starts = [], [], []
        self.farewells = 0
        self.supervisor = Supervisor(self.board, self._note, self._farewell, self._report)

    def _note(self, code, value):
        assert code == telemetry.NOTE_RESTARTED
        self.notes.append(value)

    def _farewell(self):
        self.farewells += 1

    def _report(self, name, error):
        self.reports.append((name, type(error).__name__))

    def now(self):
        return self.board.timeline.now

    async def sleep(self, ms):
        await self.board.clock.sleep_ms(ms)

    async def sound(self, beat):
        while True:
            beat()
            await self.sleep(1_000)

    def go(self, ms, scene=None):
        """Runs the supervisor for so long, or until the board stops; gives how long that took."""
        start = self.now()

        async def main():
            task = asyncio.create_task(self.supervisor.run())
            beside = asyncio.create_task(scene()) if scene else None
            await self.board.timeline.until(start + ms, lambda: task.done())
            for other in (task, beside):
                if other:
                    other.cancel()
                    try:
                        await other
                    except (Halt, asyncio.CancelledError):
                        pass

        asyncio.run(main())
        took = self.now() - start
        self.board.close()
        return took


def test_sound_tasks_run_for_ever():
    rig = Rig()
    rig.supervisor.add("one", rig.sound, LIMIT)
    rig.supervisor.add("two", rig.sound, LIMIT, vital=True)
    assert rig.go(600_000) == 600_000
    assert rig.board.power.halted == "power" and rig.notes == []  # by the test's own end


def test_one_that_raises_is_started_again_later_each_time():
    rig = Rig()

    async def ill(beat):
        rig.starts.append(rig.now())
        await rig.sleep(100)
        raise ValueError("a secret")

    rig.supervisor.add("one", rig.sound, LIMIT)
    rig.supervisor.add("two", ill, LIMIT)
    assert rig.go(600_000) == 600_000
    gaps = [after - before for before, after in zip(rig.starts, rig.starts[1:])]
    assert gaps[:7] == [1_100, 2_100, 4_100, 8_100, 16_100, 32_100, 60_100] and set(gaps[7:]) == {60_100}
    assert rig.notes == [2] * len(rig.notes) and len(rig.notes) in (len(rig.starts), len(rig.starts) - 1)
    assert set(rig.reports) == {("two", "ValueError")}


def test_one_that_recovered_is_started_soon_when_it_raises_again():
    rig = Rig()

    async def ill(beat):
        rig.starts.append(rig.now())
        for _ in range(70 if len(rig.starts) == 4 else 1):
            beat()
            await rig.sleep(1_000)
        raise ValueError

    rig.supervisor.add("one", ill, LIMIT, vital=True)
    rig.go(90_000)
    gaps = [after - before for before, after in zip(rig.starts, rig.starts[1:])]
    assert gaps[:4] == [2_000, 3_000, 5_000, 71_000]


def test_one_that_returns_is_started_again():
    rig = Rig()

    async def brief(beat):
        rig.starts.append(rig.now())

    rig.supervisor.add("one", brief, LIMIT)
    rig.go(10_000)
    assert len(rig.starts) == 4 and rig.reports == [] and rig.notes == [1] * 4


def test_one_that_hangs_resets_the_lock_within_a_second_of_its_limit():
    rig = Rig()

    async def hangs(beat):
        await rig.sleep(20_000 - 1)

    async def hangs_for_good(beat):
        for _ in range(10):
            beat()
            await rig.sleep(1_000)
        await rig.board.timeline.until(FOREVER, lambda: rig.board.power.halted)

    rig.supervisor.add("one", rig.sound, LIMIT)
    rig.supervisor.add("two", hangs, 20_000)
    rig.supervisor.add("three", hangs_for_good, LIMIT)
    assert 9_000 + LIMIT < rig.go(600_000) <= 10_000 + LIMIT + 1_000
    assert rig.board.power.halted == "reset" and rig.notes == [3] and rig.farewells == 1


def test_one_that_waits_for_events_may_wait_but_not_vanish():
    rig = Rig()

    async def waits(beat):
        await rig.board.timeline.until(FOREVER, lambda: rig.board.power.halted)

    async def killer():
        await rig.sleep(300_000)
        rig.supervisor._tasks[0].handle.cancel()

    rig.supervisor.add("one", waits, None)
    assert 300_000 <= rig.go(600_000, killer) <= 301_000
    assert rig.board.power.halted == "reset" and rig.notes == [1]


def test_one_that_vanished_resets_the_lock_at_once():
    rig = Rig()
    rig.supervisor.add("one", rig.sound, 60_000)

    async def killer():
        await rig.sleep(30_000)
        rig.supervisor._tasks[0].handle.cancel()

    assert rig.go(600_000, killer) <= 31_000
    assert rig.board.power.halted == "reset" and rig.notes == [1]


def test_a_vital_task_that_will_not_stay_up_resets_the_lock():
    rig = Rig()

    async def ill(beat):
        raise MemoryError

    rig.supervisor.add("one", ill, LIMIT, vital=True)
    assert rig.go(600_000) <= 17_000
    assert rig.board.power.halted == "reset" and rig.notes == [1] * 6


def test_an_exception_in_a_task_of_nobody_resets_the_lock():
    rig = Rig()
    rig.supervisor.add("one", rig.sound, LIMIT)

    async def stray():
        raise KeyError("a secret")

    async def careless():
        await rig.sleep(5_000)
        handle = asyncio.create_task(stray())
        await rig.sleep(100)
        del handle  # CPython tells when it is collected, MicroPython when it ended

    assert rig.go(600_000, careless) <= 8_000
    assert rig.board.power.halted == "reset" and rig.notes == [0]
    assert rig.reports == [("unknown", "KeyError")]


def test_a_supervisor_that_is_gone_feeds_nobody():
    rig = Rig()
    rig.supervisor.add("one", rig.sound, LIMIT)

    async def scene():
        task = asyncio.create_task(rig.supervisor.run())
        await rig.board.timeline.sleep_ms(5_500)
        task.cancel()
        await rig.board.timeline.sleep_ms(10_000)

    asyncio.run(scene())
    assert rig.board.power.halted == "watchdog"
    rig.board.close()


def test_a_farewell_that_fails_does_not_keep_the_lock_from_its_reset():
    rig = Rig()

    def fails():
        raise OSError(5, "flash")

    async def hangs(beat):
        await rig.board.timeline.until(FOREVER, lambda: rig.board.power.halted)

    rig.supervisor = Supervisor(rig.board, rig._note, fails)
    rig.supervisor.add("one", hangs, LIMIT)
    assert rig.go(600_000) <= LIMIT + 1_000
    assert rig.board.power.halted == "reset"


def test_a_reset_that_does_not_happen_leaves_it_to_the_watchdog():
    rig = Rig()
    rig.board.reset = lambda: None

    async def hangs(beat):
        await rig.board.timeline.until(FOREVER, lambda: rig.board.power.halted)

    rig.supervisor.add("one", hangs, LIMIT)
    assert rig.go(600_000) <= LIMIT + 12_000
    assert rig.board.power.halted == "watchdog"
