"""How the chip sleeps: light, where memory stays and the program goes on, and deep, which ends in a boot.

Two lines can end either, each by going high: the button's and the motion sensor's. Light sleep watches them as plain
pins, which leaves them plain; deep sleep as pins of the RTC domain (ext1), which the next boot gives back. Stock builds
allow no radio in light sleep, and refuse a deep one while plain pins are set to wake (ports/esp32/modmachine.c).
"""

_SLICE_MS = 250  # of a doze, after which the bolt's switches are looked at


class Sleep:
    """`wakers`: name -> machine.Pin that is high when it happens."""

    def __init__(self, machine, esp32, wakers):
        self._machine, self._esp32, self._wakers = machine, esp32, wakers

    def light(self, ms, wake_on):
        """A slice of light sleep at most, less when a waker comes."""
        self._esp32.wake_on_gpio(self._pins(wake_on), self._esp32.WAKEUP_ANY_HIGH)
        self._machine.lightsleep(min(ms, _SLICE_MS))

    def deep(self, ms, wake_on):
        """Does not return."""
        self._esp32.wake_on_gpio((), self._esp32.WAKEUP_ANY_HIGH)
        self._esp32.wake_on_ext1(self._pins(wake_on), self._esp32.WAKEUP_ANY_HIGH)
        self._machine.deepsleep(ms)

    def _pins(self, wake_on):
        return tuple([self._wakers[name] for name in wake_on])
