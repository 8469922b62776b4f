"""One chip: its pins and what drives them, its RTC domain, its timers and interrupts, and how it ends.

`now_ms()` is handed in; what happens by itself happens in `tick`, which every access to a part calls. A chip that has
halted raises boards.sim.power.Halt at whatever its program still touches.
"""

from boards.chips import CHIPS
from boards.sim.power import Halt

FROM_1970_TO_2000 = 946_684_800
# machine.reset_cause(), ports/esp32/modmachine.c
PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
_CAUSES = {
    "watchdog": WDT_RESET,
    "power": PWRON_RESET,
    "brownout": PWRON_RESET,
    "sleep": DEEPSLEEP_RESET,
}


class Line:
    """One pin. `outside`: gives 0, 1 or None, what the circuit drives it to; `level`: what it has now."""

    def __init__(self, number):
        self.number = number
        self.outside = lambda: None
        self.out = None  # the level that we drive, None as an input
        self.pull = None
        self.handler, self.edges, self.seen = None, 0, None
        self.pulse_ns = 0  # PWM
        self._noise = 0

    def level(self):
        if self.out is not None:
            return self.out
        driven = self.outside()
        if driven is not None:
            return driven
        if self.pull is not None:
            return self.pull
        self._noise += 1  # nothing holds it: it reads as it likes
        return self._noise // 5 % 2

    def release(self):
        """As after a reset."""
        self.out = self.pull = self.handler = self.seen = None
        self.pulse_ns = 0


class Chip:
    """`kind`: of boards.chips.CHIPS. `memory`: its RTC user memory; `radio`: whether Wi-Fi runs, which ADC2 minds.

    `changed()` is called when a pin's level may have changed by our doing.
    """

    def __init__(self, kind, now_ms):
        self.kind, self.table, self.now_ms = kind, CHIPS[kind], now_ms
        self.lines = {number: Line(number) for number in self.table.exist}
        self.changed = lambda: None
        self.uart_peers = {}  # number -> what hears us
        self.i2c = {}  # address -> device
        self.degrees = lambda: 25  # C, where its sensor is
        self.volts = {}  # pin -> function giving microvolts there
        self.radio = False
        self.memory = b""
        self.reset_cause = PWRON_RESET
        self._calendar_from = now_ms()  # when 2000 began
        self.drift_percent = 0  # of what the calendar gains while the chip sleeps
        self.wake_reason = 0
        self.pass_ms = None  # lets that much time pass while the program stands still
        self._start()

    def _start(self):
        self.halted = None
        self.uarts = {}
        self.timers = {}
        self.watched = []  # lines with an interrupt handler
        self.bluetooth = False  # whether that radio runs
        self.wake_plain, self.wake_rtc = [], []  # lines whose high level ends light sleep; either sleep
        self.nap_ms = None  # of the deep sleep that it went into
        self.watchdog = None  # [timeout, fed at]
        self.booted_at = self.now_ms()
        for line in self.lines.values():
            line.release()
        self.changed()

    # what a program touches

    def check(self):
        self.tick()
        if self.halted:
            raise Halt(self.halted)

    def tick(self):
        """Lets timers, interrupts and the watchdog have their turn."""
        now = self.now_ms()
        if self.halted:
            return
        if self.watchdog and now - self.watchdog[1] >= self.watchdog[0]:
            return self.stop("watchdog")
        for timer in list(self.timers.values()):
            timer.run(now)
        for line in self.watched:
            self._interrupt(line)

    def _interrupt(self, line):
        before, line.seen = line.seen, line.level()
        if before is not None and line.seen != before:
            edge = 2 if line.seen else 1
            if line.edges & edge:
                line.handler[0](line.handler[1])

    def calendar(self):
        """Seconds since 2000, as the chip counts them."""
        return (self.now_ms() - self._calendar_from) // 1_000

    def set_calendar(self, seconds):
        self._calendar_from = self.now_ms() - seconds * 1_000

    def dump(self):
        """What is left of it while no program runs, for `restore`: JSON's."""
        return {"halted": self.halted, "memory": list(self.memory), "calendar": self._calendar_from}

    def restore(self, kept):
        """Boots after what was dumped."""
        self.halted, self.memory, self._calendar_from = (
            kept["halted"],
            bytes(kept["memory"]),
            kept["calendar"],
        )
        self.boot()

    # how it sleeps

    def nap(self, ms, lines, step_ms=10):
        """Until time is over (TIMER_WAKE) or one of the lines is high (EXT1_WAKE)."""
        self.wake_reason = 4
        while ms > 0:
            if [line for line in lines if line.level()]:
                self.wake_reason = 3
                return
            step = min(ms, step_ms)
            self.pass_ms(step)
            ms -= step

    def light_sleep(self, ms):
        self.check()
        if self.bluetooth or self.radio:
            raise RuntimeError("light sleep with the radio on")  # the real one hangs or resets
        self.nap(ms, self.wake_plain + self.wake_rtc)

    def deep_sleep(self, ms):
        self.check()
        if self.wake_plain and self.kind != "esp32c6":
            raise ValueError("DEEPSLEEP with gpio pins not supported on this chip")
        if self.bluetooth or self.radio or [line for line in self.lines.values() if line.out]:
            raise RuntimeError("it goes to sleep with something on")
        self.nap_ms, self.nap_lines = ms, self.wake_rtc
        self.halt("sleep")

    # how it ends, and begins again

    def stop(self, why):
        """The processor stops: "reset", "watchdog", "panic", "power", "brownout" or "sleep". Its pins float."""
        self.halted = why
        for line in self.lines.values():
            line.release()
        self.changed()

    def halt(self, why):
        self.stop(why)
        raise Halt(why)

    def boot(self):
        """The boot after that. RTC memory and calendar are kept, unless power was lost."""
        why = self.halted or "reset"
        self.reset_cause = _CAUSES.get(why, HARD_RESET)
        if why == "sleep":
            began = self.now_ms()
            self.nap(self.nap_ms, self.nap_lines, 100)
            self._calendar_from -= (self.now_ms() - began) * self.drift_percent // 100
        if why == "power":
            self.memory = bytes([(byte * 7 + 13) & 255 for byte in self.memory])  # cells come up as they like
        if why in ("power", "brownout"):
            self.set_calendar(0)
        self._start()
