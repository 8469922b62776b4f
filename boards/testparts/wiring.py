"""The bicycle's end of the wires: connects the pins that a board's `pins` module names to a world, part by part."""

from boards.sim.gnss import Receiver
from boards.testparts.at_modem import AtModem
from boards.testparts.lis2dh12 import Lis2dh12

SHAKE_MG = 250  # of a bike that moves
_LIGHTS = ("off", "blue", "green", "cyan", "red", "magenta", "yellow", "white")


class Wiring:
    """`receiver`, `motion`, `modem` (or None), `button` (set to True to hold it), `light` (its colour or "off"; a
    plain one is white).

    `lasting`: boards.sim.lasting.Lasting, when the world is kept from process to process.
    """

    def __init__(self, chip, pins, world, lasting=None):
        self.chip, self._pins, self.world, self._lasting = chip, pins, world, lasting
        self.receiver = lasting.receiver if lasting else Receiver(world)
        self.motion = Lis2dh12(lambda: SHAKE_MG if self._at().moving() else 0)
        self.button = False
        self._sensor_pulls(pins.REED_PULL_UPS)
        chip.lines[pins.MOTION_INT_PIN].outside = self.motion.int1
        chip.lines[pins.BUTTON_PIN].outside = lambda: int(self.button)
        chip.i2c[pins.MOTION_ADDRESS] = self.motion
        chip.volts[pins.BATTERY_PIN] = self._battery
        chip.degrees = lambda: self._at().temperature()
        self.modem = AtModem(chip, pins.MODEM_UART) if hasattr(pins, "MODEM_UART") else None
        self._pulling = False
        chip.changed = self.changed

    def _sensor_pulls(self, by_chip):
        high = None if by_chip else 1  # else the board's own resistors hold an open switch's line
        for pin, there in (
            (self._pins.BOLT_OPEN_PIN, lambda: self._at().bolt_open()),
            (self._pins.BOLT_CLOSED_PIN, lambda: self._at().bolt_closed()),
            (self._pins.SHACKLE_CLOSED_PIN, lambda: self._at().shackle_closed()),
        ):
            self.chip.lines[pin].outside = lambda there=there: 0 if there() else high

    def _at(self):
        """The world as it is now; what the receiver said meanwhile is on its line."""
        if self._lasting:
            self._lasting.at()
        else:
            self.receiver.advance(self.chip.now_ms())
        uart = self.chip.uarts.get(self._pins.GNSS_UART)
        said = self.receiver.read(4_096)
        if said and uart:
            uart.arrive(said)
        return self.world

    def _battery(self):
        times, by = self._pins.BATTERY_DIVIDER
        return self._at().millivolts() * 1_000 * by // times

    def advance(self):
        self._at()
        self.motion.sample()

    def changed(self):
        """The chip drives its pins anew."""
        pins, lines = self._pins, self.chip.lines
        if hasattr(pins, "SERVO_PIN"):
            pulse = lines[pins.SERVO_PIN].pulse_ns
            middle = (pins.SERVO_DRAWN_NS + pins.SERVO_REST_NS) // 2
            drawn = pulse > middle if pins.SERVO_DRAWN_NS > pins.SERVO_REST_NS else 0 < pulse < middle
            pulling = drawn and lines[pins.SERVO_POWER_PIN].out == 1
        else:
            pulling = lines[pins.MOTOR_PULL_PIN].out == 1 and lines[pins.MOTOR_AWAKE_PIN].out == 1
        if pulling != self._pulling:
            self._pulling = pulling
            world = self._at()
            if pulling:
                world.pull()
            else:
                world.stop()
            if self._lasting:
                self._lasting.save()  # each pull is on record before the motor turns
        self.receiver.power(lines[pins.GNSS_POWER_PIN].out == 1)
        if hasattr(pins, "LED_RED_PIN"):
            numbers = pins.LED_RED_PIN, pins.LED_GREEN_PIN, pins.LED_BLUE_PIN
        else:
            numbers = (pins.LED_PIN,) * 3
        red, green, blue = [lines[number].out == 1 for number in numbers]
        self.light = _LIGHTS[red << 2 | green << 1 | blue]
        if self.modem:
            self.modem.key(lines[pins.MODEM_KEY_PIN].out == 1)
