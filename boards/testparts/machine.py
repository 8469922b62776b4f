"""MicroPython's `machine` module on a `Chip`, as far as boards use it: docs/library/machine.*.rst, esp32/quickref.rst.

`use(chip)` says which. Refuses what the real one refuses: a pin that is not there, an output on an input-only pin,
ADC2 while Wi-Fi runs, a timer or UART that the chip has not got.
"""

from boards.testparts.chip import (  # noqa: F401
    DEEPSLEEP_RESET,
    HARD_RESET,
    PWRON_RESET,
    SOFT_RESET,
    WDT_RESET,
)

EXT1_WAKE, TIMER_WAKE = 3, 4

_chip = None


def use(chip):
    global _chip
    _chip = chip


def reset():
    _chip.halt("reset")


def reset_cause():
    return _chip.reset_cause


def wake_reason():
    return _chip.wake_reason


def lightsleep(ms):
    _chip.light_sleep(ms)


def deepsleep(ms):
    _chip.deep_sleep(ms)


def unique_id():
    return b"\x24\x0a\xc4\x12\x34\x56"


class Pin:
    IN, OUT = 1, 3
    PULL_DOWN, PULL_UP = 1, 2
    IRQ_RISING, IRQ_FALLING = 2, 1

    def __init__(self, number, mode=-1, pull=-1, *, value=None):
        if number not in _chip.lines:
            raise ValueError("invalid pin")
        if mode == Pin.OUT and number in _chip.table.input_only:
            raise ValueError("pin can only be input")
        if pull in (Pin.PULL_UP, Pin.PULL_DOWN) and number in _chip.table.input_only:
            raise ValueError("pin has no pull resistor")
        self.number, self._chip, self._line = number, _chip, _chip.lines[number]
        if mode == Pin.OUT:
            self._line.out = int(bool(value))
            self._chip.changed()
        elif mode == Pin.IN:
            self._line.out = None
        if pull != -1:
            self._line.pull = {None: None, Pin.PULL_UP: 1, Pin.PULL_DOWN: 0}[pull]

    def value(self, value=None):
        self._chip.check()
        if value is None:
            return self._line.level()
        if self._line.out is None:
            raise ValueError("an input was written to")  # the real one says nothing, and does nothing
        self._line.out = int(bool(value))
        self._chip.changed()

    def irq(self, handler=None, trigger=3):
        self._line.handler, self._line.edges = (handler, self), trigger
        self._line.seen = self._line.level()
        if self._line not in self._chip.watched:
            self._chip.watched.append(self._line)


class PWM:
    def __init__(self, pin, *, freq=5_000, duty_u16=None, duty_ns=None):
        self._chip, self._line, self._hz = pin._chip, pin._line, freq
        if duty_ns is not None:
            self.duty_ns(duty_ns)
        else:
            self.duty_u16(duty_u16 or 0)

    def freq(self, hz=None):
        if hz is None:
            return self._hz
        self._hz = hz

    def duty_ns(self, ns):
        self._chip.check()
        if not 0 <= ns <= 1_000_000_000 // self._hz:
            raise ValueError("duty_ns out of range")
        self._line.pulse_ns = ns
        self._chip.changed()

    def duty_u16(self, part):
        self.duty_ns(1_000_000_000 // self._hz * part // 65_535)


class ADC:
    ATTN_0DB, ATTN_2_5DB, ATTN_6DB, ATTN_11DB = 0, 1, 2, 3
    _MOST = {ATTN_0DB: 950_000, ATTN_2_5DB: 1_250_000, ATTN_6DB: 1_750_000, ATTN_11DB: 2_450_000}

    def __init__(self, pin, *, atten=ATTN_0DB):
        table = pin._chip.table
        if pin.number not in table.adc1 | table.adc2:
            raise ValueError("invalid pin")
        self._chip, self._number, self._most = pin._chip, pin.number, ADC._MOST[atten]

    def read_uv(self):
        self._chip.check()
        if self._number in self._chip.table.adc2 and self._chip.radio:
            raise OSError(110)
        at_pin = self._chip.volts[self._number]() if self._number in self._chip.volts else 0
        return min(at_pin, self._most) // 1_000 * 1_000  # calibrated, in whole millivolts


class I2C:
    def __init__(self, number, *, scl, sda, freq=400_000):
        self._chip = scl._chip

    def _device(self, address):
        self._chip.check()
        device = self._chip.i2c.get(address)
        if device is None or not device.answers:
            raise OSError(19)  # ENODEV: nobody acknowledged
        return device

    def readfrom_mem(self, address, register, n):
        device = self._device(address)
        return bytes([device.read(register + i) for i in range(n)])

    def writeto_mem(self, address, register, data):
        device = self._device(address)
        for i in range(len(data)):
            device.write(register + i, data[i])


class UART:
    """Bytes take their time on the line: ten bits each. What the buffer cannot hold is lost, the newest first."""

    IRQ_RXIDLE = 0x1000

    def __init__(self, number, *, baudrate=115_200, tx=None, rx=None, rxbuf=256, timeout=0):
        table = _chip.table
        if number not in table.uarts:
            raise ValueError("UART(%d) does not exist" % number)
        for pin in (tx, rx):
            if pin not in _chip.lines:
                raise ValueError("a UART without both pins takes its usual ones")
        if tx in table.input_only:
            raise ValueError("pin can only be input")
        self._chip, self._number = _chip, number
        self._byte_us, self._room = 10_000_000 // baudrate, rxbuf
        self._coming = []  # (when it began, in us, bytes)
        self._waiting = b""
        self.lost = 0
        _chip.uarts[number] = self

    def arrive(self, data):
        """The other side begins to send this now, or after what it is sending."""
        begin = self._chip.now_ms() * 1_000
        if self._coming:
            before, sent = self._coming[-1]
            begin = max(begin, before + len(sent) * self._byte_us)
        self._coming.append((begin, data))

    def _settle(self):
        now = self._chip.now_ms() * 1_000
        while self._coming:
            began, data = self._coming[0]
            count = min(len(data), max(0, now - began) // self._byte_us)
            fits = min(count, self._room - len(self._waiting))
            self._waiting += data[:fits]
            self.lost += count - fits
            self._coming[0] = began + count * self._byte_us, data[count:]
            if count < len(data):
                return
            self._coming.pop(0)

    def any(self):
        self._chip.check()
        self._settle()
        return len(self._waiting)

    def read(self, n=None):
        self._chip.check()
        self._settle()
        if not self._waiting:
            return None
        n = len(self._waiting) if n is None else n
        data, self._waiting = self._waiting[:n], self._waiting[n:]
        return data

    def write(self, data):
        self._chip.check()
        peer = self._chip.uart_peers.get(self._number)
        if peer:
            peer.hear(bytes(data))
        return len(data)

    def irq(self, handler=None, trigger=0):
        pass


class Timer:
    ONE_SHOT, PERIODIC = 0, 1

    def __init__(self, number):
        if number not in _chip.table.timers:
            raise ValueError("Timer(%d) doesn't exist" % number)
        self._chip, self._due = _chip, None
        _chip.timers[number] = self

    def init(self, *, mode=PERIODIC, period, callback):
        if period <= 0:
            raise ValueError("period too short")
        self._mode, self._period, self._callback = mode, period, callback
        self._due = self._chip.now_ms() + period

    def deinit(self):
        self._due = None

    def run(self, now):
        while self._due is not None and self._due <= now and not self._chip.halted:
            due, self._due = self._due, None
            if self._mode == Timer.PERIODIC:
                self._due = due + self._period
            self._callback(self)


class RTC:
    MEMORY = 2_048

    def memory(self, data=None):
        if data is None:
            return self._chip.memory
        if len(data) > RTC.MEMORY:
            raise ValueError("buffer too long")
        self._chip.memory = bytes(data)

    def __init__(self):
        self._chip = _chip

    def datetime(self, moment=None):
        from boards.testparts import clocks

        if moment is None:
            raise NotImplementedError
        year, month, day, _, hour, minute, second, _ = moment
        self._chip.set_calendar(clocks.seconds_from_2000(year, month, day, hour, minute, second))


class WDT:
    def __init__(self, id=0, timeout=5_000):
        if timeout < 1_000:
            raise ValueError("timeout too short")
        self._chip = _chip
        _chip.watchdog = [timeout, _chip.now_ms()]

    def feed(self):
        self._chip.check()
        self._chip.watchdog[1] = self._chip.now_ms()
