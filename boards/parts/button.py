"""A push button that pulls its line high, so that it can wake the chip together with the motion sensor's line.

Looked at, without an interrupt: a chip that was told to wake by a pin's level would be interrupted without end by it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import Pin


class Button:
    def __init__(self, pin: "Pin"):
        self._pin = pin

    def pressed(self):
        return bool(self._pin.value())
