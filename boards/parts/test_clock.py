"""The clock, RTC memory and the cause of a boot: what survives which end, counted from 2000 and from 1970."""

from boards.parts import boot_cause
from boards.parts.clock import Clock
from boards.parts.rtc_memory import RUNNING, SET_AT, RtcMemory
from boards.testparts import machine
from boards.testparts.chip import FROM_1970_TO_2000, Chip
from boards.testparts.clocks import Time

_NOW = 1_790_000_000  # 2026-09-21
_LATE = 2_147_483_648 + 5  # past what an i32 holds
_LATER = 4_102_444_800  # 2100-01-01


class _Bench:
    def __init__(self, epoch=2000, ticks_from=0):
        self.now_ms = 5_000
        self.epoch, self.ticks_from = epoch, ticks_from
        self.chip = Chip("esp32s3", lambda: self.now_ms)
        machine.use(self.chip)
        self.boot()

    def boot(self):
        self.memory = RtcMemory(machine.RTC())
        self.cause = boot_cause.of(machine, self.memory)
        time = Time(self.chip, self.epoch, self.ticks_from)
        self.clock = Clock(machine.RTC(), self.memory, time, None)

    def end(self, why):
        self.chip.stop(why)
        self.chip.boot()
        self.now_ms += 700
        self.boot()


def test_the_calendar_is_unix_time_whatever_the_chip_counts_from():
    for epoch in (2000, 1970):
        for moment in (_NOW, _LATE, _LATER):
            bench = _Bench(epoch)
            assert bench.clock.rtc() is None
            bench.clock.set_rtc(moment)
            assert bench.chip.calendar() == moment - FROM_1970_TO_2000  # the chip itself has the right date
            bench.now_ms += 90_000
            assert bench.clock.rtc() == moment + 90, (epoch, moment)


def test_it_counts_on_through_warm_ends_and_is_lost_with_the_power():
    for why, kept in (
        ("reset", True),
        ("watchdog", True),
        ("panic", True),
        ("power", False),
        ("brownout", False),
    ):
        bench = _Bench()
        bench.clock.set_rtc(_NOW)
        bench.end(why)
        assert (bench.clock.rtc() is not None) == kept, why
        if kept:
            assert 0 <= bench.clock.rtc() - _NOW <= 1


def test_a_calendar_that_went_back_is_no_calendar():
    bench = _Bench()
    bench.clock.set_rtc(_NOW)
    bench.chip.set_calendar(0)
    assert bench.clock.rtc() is None
    bench.clock.set_rtc(_NOW)
    assert bench.clock.rtc() == _NOW


def test_uptime_never_wraps_nor_goes_back():
    bench = _Bench(ticks_from=(1 << 30) - 500)
    before = bench.clock.uptime_ms()
    for step in (400, 400, 400, 86_400_000, (1 << 29) - 1):
        bench.now_ms += step
        after = bench.clock.uptime_ms()
        assert after - before == step
        before = after


def test_why_it_boots():
    for why, farewell, cause in (
        ("power", False, 1),
        ("power", True, 1),
        ("brownout", False, 1),
        ("reset", True, 2),
        ("watchdog", False, 3),
        ("panic", False, 3),
        ("reset", False, 3),  # nobody took leave
    ):
        bench = _Bench()
        assert bench.cause == 1
        if farewell:
            boot_cause.farewell(bench.memory)
        bench.end(why)
        assert bench.cause == cause, (why, farewell)
        assert bench.memory.get(RUNNING) == 1


def test_a_soft_reset_and_a_wake_are_no_accident():
    for said, woken, cause in (
        (machine.SOFT_RESET, 0, 2),
        (machine.DEEPSLEEP_RESET, machine.TIMER_WAKE, 4),
        (machine.DEEPSLEEP_RESET, machine.EXT1_WAKE, 5),
    ):
        bench = _Bench()
        bench.chip.reset_cause, bench.chip.wake_reason = said, woken
        bench.boot()
        assert bench.cause == cause


def test_damaged_memory_is_lost_power():
    bench = _Bench()
    bench.clock.set_rtc(_NOW)
    whole = bench.chip.memory
    for at in range(len(whole)):
        for bit in range(8):
            bad = bytearray(whole)
            bad[at] ^= 1 << bit
            bench.chip.memory = bytes(bad)
            assert not RtcMemory(machine.RTC()).whole
    for cut in range(len(whole)):
        bench.chip.memory = whole[:cut]
        assert not RtcMemory(machine.RTC()).whole
    bench.chip.memory = whole
    assert RtcMemory(machine.RTC()).whole and RtcMemory(machine.RTC()).get(SET_AT) == _NOW
    bench.chip.memory = whole[:-1] + bytes([whole[-1] ^ 1])
    bench.chip.reset_cause = machine.WDT_RESET
    bench.boot()
    assert bench.cause == 1 and bench.clock.rtc() is None
