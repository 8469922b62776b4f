"""Whether the bike moves, by an accelerometer of ST: LIS2DH12 or LIS3DH, whose registers are alike.

The sensor compares what is left of each axis behind a high-pass filter, so without gravity, with a threshold, and holds
its line high from then on until it is asked: nothing is lost between two looks, and the same line wakes a sleeping
chip. Registers: LIS2DH12 data sheet DocID025056 §8; the order of writing: application note AN5005, inertial wake-up.
A sensor that does not answer, or has lost its settings, counts as moving: no bike may seem parked for want of a wire.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import I2C, Pin

_WHO_AM_I, _WHO = 0x0F, 0x33
_CTRL_REG1, _MODE = 0x20, 0x2F  # 10 Hz, low power (8 bits), three axes: 3 uA
_REFERENCE = 0x26  # reading it settles the high-pass filter
_INT1_SRC = 0x31  # reading it lets go of the line
_SETUP = (
    (_CTRL_REG1, _MODE),
    (0x21, 0x01),  # CTRL_REG2: high-pass filter before interrupt 1
    (0x22, 0x40),  # CTRL_REG3: interrupt 1 on INT1
    (0x23, 0x00),  # CTRL_REG4: full scale 2 g
    (0x24, 0x08),  # CTRL_REG5: INT1 latched
    (0x25, 0x00),  # CTRL_REG6: INT1 active high
    (0x32, 0x05),  # INT1_THS: 16 mg each
    (0x33, 0x00),  # INT1_DURATION: at once
    (0x30, 0x2A),  # INT1_CFG: any of x, y, z high
)
_MOTION_MS = 1_000  # boards.contract.Motion
_CHECK_MS = 10_000


class Motion:
    """boards.contract.Motion. `line`: INT1; `address`: 0x18 or 0x19, by the sensor's SA0; `clock`: for its uptime."""

    def __init__(self, i2c: "I2C", line: "Pin", address: int, clock):
        self._i2c, self._line, self._address = i2c, line, address
        self._uptime_ms = clock.uptime_ms
        self._checked_at = self._uptime_ms()
        self._moved_at = None
        self._well = self._set_up()

    def moving(self):
        now = self._uptime_ms()
        if now - self._checked_at >= _CHECK_MS:
            self._checked_at = now
            self._well = self._register(_CTRL_REG1) == _MODE or self._set_up()
        if self._well and self._line.value():
            self._moved_at = now
            self._well = self._register(_INT1_SRC) is not None
        return not self._well or (self._moved_at is not None and now - self._moved_at < _MOTION_MS)

    def answers(self):
        """Whether the sensor is there, and is one that we know."""
        return self._register(_WHO_AM_I) == _WHO

    def _set_up(self):
        if self._register(_WHO_AM_I) != _WHO:
            return False
        try:
            for register, value in _SETUP:
                self._i2c.writeto_mem(self._address, register, bytes((value,)))
        except OSError:
            return False
        return self._register(_REFERENCE) is not None and self._register(_INT1_SRC) is not None

    def _register(self, register):
        """Its value, or None when the sensor does not answer."""
        try:
            return self._i2c.readfrom_mem(self._address, register, 1)[0]
        except OSError:
            return None
