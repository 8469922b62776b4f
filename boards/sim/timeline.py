"""Virtual time, for boards in memory: it stands while a task has something to do, then jumps to the next deadline.

A task that waits looks again at each turn of the event loop; when nothing has begun or ended for a few turns, time
moves to what comes first. So an hour takes as long as what happens in it, and in the same order each time. Real
sleeps in tasks beside it are not seen, and would come out endlessly long.
"""

import asyncio

FOREVER = 1 << 60
_QUIET = 5  # turns of the loop in which nothing began or ended: what was set going has come to rest


class Timeline:
    """`now` in milliseconds. `watchers`: functions that are called with each new `now`, in the order they joined."""

    def __init__(self, now_ms):
        self.now = now_ms
        self.watchers = []
        self._waits = []  # [deadline] of each waiting task
        self._events = []  # (time, order, function), sorted
        self._order = 0
        self._stirred = 0  # counts what began or ended

    def at(self, time_ms, function):
        """Calls the function at that time, or at the next turn if it has passed; in order of time, then of asking."""
        self._order += 1
        self._events.append((time_ms, self._order, function))
        self._events.sort(key=lambda event: event[:2])
        self._stirred += 1

    async def sleep_ms(self, ms):
        await self.until(self.now + ms)

    async def until(self, deadline, ready=None):
        """Waits for that time, or sooner until `ready()`; gives way at least once. True if it was not time."""
        wait = [deadline]
        self._waits.append(wait)
        self._stirred += 1
        try:
            await asyncio.sleep(0)
            quiet, seen = 0, self._stirred
            while not (ready and ready()):
                if self.now >= deadline:
                    return False
                if self._stirred != seen:
                    quiet, seen = 0, self._stirred
                else:
                    quiet += 1
                    if quiet >= _QUIET:
                        self._jump()
                await asyncio.sleep(0)
            return True
        finally:
            self._waits.remove(wait)
            self._stirred += 1

    def _jump(self):
        """To the next thing that happens, if there is one."""
        first = min([wait[0] for wait in self._waits])
        if self._events:
            first = min(first, self._events[0][0])
        if first >= FOREVER:
            return  # nothing will, unless a task outside virtual time does something
        if first > self.now:
            self.now = first
            for watch in self.watchers:
                watch(first)
        while self._events and self._events[0][0] <= self.now:
            self._events.pop(0)[2]()
        self._stirred += 1
