"""Keeps the lock's tasks running, and the watchdog fed only while each of them shows signs of life.

asyncio alone prints a task's exception and goes on without it, and a fed watchdog says nothing about a task that
hangs. So each task is handed `beat` and calls it at least once in its own limit. One that raises, or returns, is
started again, later each time. One that hangs or has vanished, an exception outside of all tasks, or a vital task
that will not stay up resets the lock: at most one second after the limit. Should that fail too, or this loop hang,
the watchdog's 10 s end it.
"""

import asyncio

from protocol import telemetry
from protocol.compat import const

_LOOK_MS = const(1000)
_RETRY_MS = const(1000)  # after the first failure, doubled with each further one
_RETRY_MAX_MS = const(60000)
_SOUND_MS = const(60000)  # up for so long, a task counts as recovered
_FAILURES = const(5)  # of a vital task, one after another
_UNKNOWN = const(0)  # note 7: a task that is none of ours


class _Task:
    def __init__(self, number, name, factory, limit_ms, vital, uptime_ms):
        self.number, self.name, self.factory = number, name, factory
        self.limit_ms, self.vital = limit_ms, vital
        self._uptime_ms = uptime_ms
        self.failures = 0
        self.handle = None
        self.beat()

    def beat(self):
        self._beat_at = self._uptime_ms()

    def alive(self):
        if self.handle.done():
            return False
        return self.limit_ms is None or self._uptime_ms() - self._beat_at <= self.limit_ms


def _say(name, error):
    print(
        "task", name, "raised", type(error).__name__
    )  # no more: an exception's text may hold what it choked on


class Supervisor:
    """`note`: the outbox's. `farewell()`: called before a reset. `report(name, error)`: of a task that raised."""

    def __init__(self, board, note, farewell=lambda: None, report=_say):
        self._board = board
        self._uptime_ms, self._sleep_ms = board.clock.uptime_ms, board.clock.sleep_ms
        self._note, self._farewell, self._report = note, farewell, report
        self._tasks = []
        self._stray = False  # something raised that was not in a task of ours

    def add(self, name, factory, limit_ms, vital=False):
        """`factory(beat)` gives the coroutine, again for each start. Tasks are numbered from 1, in notes too.

        limit_ms: None for a task that only waits for events, whose next nobody can foretell.
        vital: without it the lock is no lock, so it is worth a reset when it will not stay up.
        """
        self._tasks.append(_Task(len(self._tasks) + 1, name, factory, limit_ms, vital, self._uptime_ms))

    async def run(self):
        """Returns only by an exception, such as a board's that has lost its current."""
        loop = asyncio.get_event_loop()
        loop.set_exception_handler(self._handler)
        try:
            for task in self._tasks:
                task.beat()
                task.handle = asyncio.create_task(self._keep(task))
            while self._fallen() is None:
                self._board.watchdog.feed()
                await self._sleep_ms(_LOOK_MS)
            self._reset(self._fallen())
            while True:
                await self._sleep_ms(_LOOK_MS)  # not even that helped: the watchdog goes hungry
        finally:
            for task in self._tasks:
                if task.handle:
                    task.handle.cancel()
            loop.set_exception_handler(None)

    def _fallen(self):
        """The number of a task that is worth a reset, or None."""
        if self._stray:
            return _UNKNOWN
        for task in self._tasks:
            if not task.alive() or (task.vital and task.failures >= _FAILURES):
                return task.number
        return None

    def _reset(self, number):
        try:
            self._note(telemetry.NOTE_RESTARTED, number)
            self._farewell()
        except Exception:
            pass  # nothing keeps a lock that is ill from its reset
        self._board.reset()

    async def _keep(self, task):
        while True:
            started = self._uptime_ms()
            try:
                await task.factory(task.beat)
            except Exception as error:
                self._report(task.name, error)
            if self._uptime_ms() - started >= _SOUND_MS:
                task.failures = 0
            task.failures += 1
            self._note(telemetry.NOTE_RESTARTED, task.number)
            until = self._uptime_ms() + min(_RETRY_MS << min(task.failures, 8) - 1, _RETRY_MAX_MS)
            while self._uptime_ms() < until:
                task.beat()
                await self._sleep_ms(_LOOK_MS)
            task.beat()

    def _handler(self, loop, context):
        if context.get("exception") is not None:
            self._stray = True
            self._report("unknown", context["exception"])
