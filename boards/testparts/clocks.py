"""The `time` module and asyncio's extras of an ESP32, on a chip's own time: ticks that wrap, an epoch of 2000.

`Time(chip)` and `Aio(sleep_ms)` stand in for the modules `time` and `asyncio` in whatever was imported.
"""

import asyncio
import time

from boards.testparts.chip import FROM_1970_TO_2000

_PERIOD = 1 << 30
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def seconds_from_2000(year, month, day, hour, minute, second):
    days = sum([366 if _leap(y) else 365 for y in range(2000, year)])
    days += sum(_MONTHS[: month - 1]) + (month > 2 and _leap(year)) + day - 1
    return ((days * 24 + hour) * 60 + minute) * 60 + second


class Time:
    """`ticks_from`: what the ticks show at the boot, to let them wrap soon."""

    def __init__(self, chip, epoch=2000, ticks_from=0):
        self._chip, self._ticks_from = chip, ticks_from
        self._epoch = FROM_1970_TO_2000 if epoch == 2000 else 0

    def ticks_ms(self):
        return (self._chip.now_ms() - self._chip.booted_at + self._ticks_from) % _PERIOD

    def ticks_diff(self, later, earlier):
        return (later - earlier + _PERIOD // 2) % _PERIOD - _PERIOD // 2

    def ticks_add(self, ticks, ms):
        return (ticks + ms) % _PERIOD

    def time(self):
        return self._chip.calendar() + FROM_1970_TO_2000 - self._epoch

    def gmtime(self, seconds):
        return tuple(time.gmtime(seconds + self._epoch)[:8])

    def sleep_ms(self, ms):
        self._chip.check()


class _Flag(asyncio.Event):
    """ThreadSafeFlag, where interrupts come between turns of the loop. Its waiter clears it, as the real one does."""

    async def wait(self):
        await super().wait()
        self.clear()


class Aio:
    """`asyncio` with MicroPython's names, and another sleep."""

    def __init__(self, sleep_ms):
        self.sleep_ms = sleep_ms
        self.ThreadSafeFlag = _Flag
        self.run = asyncio.run
