"""The board's clock: milliseconds since the boot, and the calendar that the chip counts on through warm boots.

`time.time()` starts in 2000 on an ESP32 and in 1970 elsewhere; here, and nowhere else, that is put right. Whether the
calendar was ever set, the chip does not know: a mark in RTC memory says so, and goes with the power as the calendar
does. How far it drifts is firmware's to judge (firmware/clock.py).
"""

from boards.parts.rtc_memory import SET_AT

_FROM_1970_TO_2000 = 946_684_800  # seconds


class Clock:
    """boards.contract.Clock. `rtc`: machine.RTC; `time`, `sleep_ms`: the module and asyncio's function."""

    def __init__(self, rtc, memory, time, sleep_ms):
        self.drift_ppm = 60_000  # of a sleep: the chip counts on by an oscillator without a crystal
        self._rtc, self._memory, self._time = rtc, memory, time
        self.sleep_ms = sleep_ms  # itself: a coroutine around it would be garbage, 20 times a second
        self._epoch = _FROM_1970_TO_2000 if time.gmtime(0)[0] == 2000 else 0
        self._ticks = time.ticks_ms()
        self._uptime = 0

    def uptime_ms(self):
        """Ticks wrap after 12 days, so this has to be asked more often than every 6; a lock asks all the time."""
        now = self._time.ticks_ms()
        self._uptime += max(0, self._time.ticks_diff(now, self._ticks))
        self._ticks = now
        return self._uptime

    def rtc(self):
        set_at = self._memory.get(SET_AT)
        if set_at is None:
            return None
        now = self._time.time() + self._epoch
        return now if now >= set_at else None  # it stood, or went back: nobody knows how far

    def set_rtc(self, unix):
        year, month, day, hour, minute, second = self._time.gmtime(unix - self._epoch)[:6]
        self._rtc.datetime((year, month, day, 0, hour, minute, second, 0))  # the weekday is ignored
        self._memory.put(SET_AT, unix)
