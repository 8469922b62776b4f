"""What draws the bolt back: a DC motor behind an H-bridge, or a servo. One direction, and still when the processor is.

Both are wired so that their pins at rest, as after any reset, leave them without current: see the board's README.
Neither stops by itself while a program hangs; then the watchdog's reset does it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import PWM, Pin, Timer

_SERVO_HZ = 50
_LET_GO_MS = 500  # for the horn to swing back before the servo loses its current


class Bridge:
    """boards.contract.Motor on a TI DRV8837 whose IN2 is tied to ground, so that no program can drive it the other way.

    IN1 high and nSLEEP high: forward; else the bridge coasts (SLVSBA4, table 1). Both have pull-downs.
    """

    def __init__(self, pull: "Pin", awake: "Pin"):
        self._pull, self._awake = pull, awake
        self.stop()

    def pull(self):
        self._awake.value(1)
        self._pull.value(1)

    def stop(self):
        self._pull.value(0)
        self._awake.value(0)


class Servo:
    """boards.contract.Motor: `drawn_ns` is the pulse that draws the bolt, `rest_ns` the one that frees its spring.

    `power`: switches the servo's supply, off while its pin floats.
    """

    def __init__(self, pwm: "PWM", power: "Pin", timer: "Timer", drawn_ns: int, rest_ns: int):
        self._pwm, self._power, self._timer = pwm, power, timer
        self._drawn_ns, self._rest_ns = drawn_ns, rest_ns
        self._pulls = False
        pwm.freq(_SERVO_HZ)
        self._dark(None)

    def pull(self):
        self._pulls = True
        self._pwm.duty_ns(self._drawn_ns)
        self._power.value(1)

    def stop(self):
        if not self._pulls:
            return
        self._pulls = False
        self._pwm.duty_ns(self._rest_ns)
        self._timer.init(mode=self._timer.ONE_SHOT, period=_LET_GO_MS, callback=self._dark)

    def _dark(self, timer):
        if not self._pulls:
            self._power.value(0)
            self._pwm.duty_u16(0)
