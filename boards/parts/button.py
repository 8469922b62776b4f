"""A push button that pulls its line high, so that it can wake the chip together with the motion sensor's line."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import Pin


class Button:
    """`pin`: an input; presses between two looks are not lost, for an interrupt keeps them."""

    def __init__(self, pin: "Pin"):
        self._pin = pin
        self._pressed = False
        pin.irq(handler=self._press, trigger=pin.IRQ_RISING)

    def pressed(self):
        """Whether it is held, or was pressed since last asked."""
        pressed, self._pressed = self._pressed, False
        return pressed or bool(self._pin.value())

    def _press(self, pin):
        self._pressed = True
