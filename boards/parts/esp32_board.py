"""A lock's board of ESP32 chips, composed of its parts by a table: the `pins` module of a board's folder.

Names that one board has and another has not: SERVO_* in place of MOTOR_*, LED_RED_PIN and so on in place of LED_PIN,
MODEM_*.
"""

import asyncio
import os
import time

import bluetooth
import esp32
import machine
import network

from boards.parts import boot_cause, gnss, networks, temperature
from boards.parts.battery import Battery
from boards.parts.bearer import Bearer
from boards.parts.ble import Ble
from boards.parts.button import Button
from boards.parts.clock import Clock
from boards.parts.drbg import Random
from boards.parts.gnss import Gnss
from boards.parts.led import Led
from boards.parts.motion import Motion
from boards.parts.motor import Bridge, Servo
from boards.parts.reeds import Bolt, Shackle
from boards.parts.rtc_memory import KEPT, RtcMemory
from boards.parts.sleep import Sleep
from boards.parts.watchdog import Watchdog

_I2C_HZ = 400_000
_MODEM_RXBUF = 4_096  # bytes: a full datagram and a half in PPP's dress, while Python collects its garbage


def _output(number):
    return machine.Pin(number, machine.Pin.OUT, value=0)


def _input(number, pull=None):
    return machine.Pin(number, machine.Pin.IN, pull)


def _motor(pins):
    if hasattr(pins, "SERVO_PIN"):
        pwm = machine.PWM(_output(pins.SERVO_PIN), freq=50, duty_u16=0)
        power, timer = _output(pins.SERVO_POWER_PIN), machine.Timer(pins.SERVO_TIMER)
        return Servo(pwm, power, timer, pins.SERVO_DRAWN_NS, pins.SERVO_REST_NS)
    return Bridge(_output(pins.MOTOR_PULL_PIN), _output(pins.MOTOR_AWAKE_PIN))


def _led(pins):
    colours = hasattr(pins, "LED_RED_PIN")
    numbers = (pins.LED_RED_PIN, pins.LED_GREEN_PIN, pins.LED_BLUE_PIN) if colours else (pins.LED_PIN,)
    return Led(tuple([_output(number) for number in numbers]), machine.Timer(pins.LED_TIMER))


class Remains:
    """What of a board still works without any storage: enough to answer a phone, and to keep the motor still.

    OSError when the radio does not start.
    """

    def __init__(self, pins):
        self.motor = _motor(pins)  # first of all: it stands still
        self.watchdog = Watchdog(machine.WDT)
        self.watchdog.feed()
        self.led = _led(pins)
        self.clock = Clock(machine.RTC(), RtcMemory(machine.RTC()), time, asyncio.sleep_ms)
        self.link = Ble(bluetooth)
        self.link.start()
        self.random = os.urandom  # now that the radio runs

    def reset(self):
        self.motor.stop()
        machine.reset()


class Board:
    """boards.contract.Board. OSError when the radio does not start. Beside the contract: `button`."""

    def __init__(self, pins, storage):
        self.name = pins.NAME
        self.motor = _motor(pins)  # first of all: it stands still
        self._memory = RtcMemory(machine.RTC())
        wakers = {"button": _input(pins.BUTTON_PIN), "shake": _input(pins.MOTION_INT_PIN)}
        self.boot_cause = boot_cause.of(machine, self._memory, wakers["button"].value, wakers["shake"].value)
        self.kept = (self._memory.get(KEPT) or b"") if self.boot_cause >= boot_cause.TIMER else b""
        self._memory.put(KEPT, None)
        self.wakes = ("button", "shake")
        self._sleep = Sleep(machine, esp32, wakers)
        self.clock = Clock(machine.RTC(), self._memory, time, asyncio.sleep_ms)
        self.storage = storage
        self.led = _led(pins)
        self.watchdog = Watchdog(machine.WDT)
        pull = machine.Pin.PULL_UP if pins.REED_PULL_UPS else None
        self.bolt = Bolt(_input(pins.BOLT_OPEN_PIN, pull), _input(pins.BOLT_CLOSED_PIN, pull))
        self.shackle = Shackle(_input(pins.SHACKLE_CLOSED_PIN, pull))
        self.button = Button(wakers["button"])
        adc = machine.ADC(machine.Pin(pins.BATTERY_PIN), atten=machine.ADC.ATTN_11DB)
        self.battery = Battery(adc, pins.BATTERY_DIVIDER)
        self.temperature = temperature.reader(esp32)
        scl, sda = machine.Pin(pins.MOTION_SCL_PIN), machine.Pin(pins.MOTION_SDA_PIN)
        i2c = machine.I2C(0, scl=scl, sda=sda, freq=_I2C_HZ)
        self.motion = Motion(i2c, wakers["shake"], pins.MOTION_ADDRESS, self.clock)
        self.gnss = Gnss(self._uart(pins, "GNSS", gnss.RXBUF), _output(pins.GNSS_POWER_PIN))
        self.link = Ble(bluetooth)
        self.link.start()
        self.random = Random(os.urandom, storage.root, machine.unique_id())  # now that the radio runs
        self.bearer = Bearer(self._network(pins), self.clock, self.random)

    def reset(self):
        self.motor.stop()
        boot_cause.farewell(self._memory)
        machine.reset()

    async def doze(self, ms, wake_on):
        self.link.stop()
        before, end = self._switches(), self.clock.uptime_ms() + ms
        while True:
            moves = self.motion.moving()  # asked each time: else the sensor's line stays high
            if "button" in wake_on and self.button.pressed():
                return "button"
            if "shake" in wake_on and moves:
                return "shake"
            left = end - self.clock.uptime_ms()
            if left <= 0 or self._switches() != before:
                return None
            self.watchdog.feed()
            self._sleep.light(left, wake_on)

    def sleep(self, ms, wake_on, keep):
        self.motor.stop()
        self.gnss.power(False)
        self.led.show("off")
        self.link.stop()
        self.bearer.close()
        self.motion.moving()
        self._memory.put(KEPT, keep)
        boot_cause.farewell(self._memory)
        self._sleep.deep(ms, wake_on)

    def _switches(self):
        return self.bolt.open(), self.bolt.closed(), self.shackle.closed()

    def _uart(self, pins, name, rxbuf):
        """With both lines named: a UART's usual pins may be those of the flash."""
        number, baud = getattr(pins, name + "_UART"), getattr(pins, name + "_BAUD")
        tx, rx = getattr(pins, name + "_TX_PIN"), getattr(pins, name + "_RX_PIN")
        return machine.UART(number, baudrate=baud, tx=tx, rx=rx, rxbuf=rxbuf, timeout=0)

    def _network(self, pins):
        def wifi(ssid, key):  # imported by the one that is used: each costs heap
            from boards.parts.wifi import Wifi

            return Wifi(network.WLAN(network.WLAN.IF_STA), self.clock, ssid, key)

        def modem(apn, user, password):
            from boards.parts.modem import Modem

            uart = self._uart(pins, "MODEM", _MODEM_RXBUF)
            key = _output(pins.MODEM_KEY_PIN)
            ppp = network.PPP(uart)
            return Modem(uart, key, ppp, self.clock, pins.MODEM_KEY_MS, apn, user, password)

        makers = {"wifi": wifi, "modem": modem} if hasattr(pins, "MODEM_UART") else {"wifi": wifi}
        return networks.choose(self.storage.root, makers, print)
