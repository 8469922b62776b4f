"""A GNSS receiver on a UART, its supply switched by a pin. It hears nothing from us and speaks NMEA unasked."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import UART, Pin

RXBUF = 2_048  # bytes: two seconds of a talkative receiver at 9,600 baud


class Gnss:
    """boards.contract.Gnss."""

    def __init__(self, uart: "UART", power: "Pin"):
        self._uart, self._power = uart, power
        self._on = False
        power.value(0)

    def power(self, on):
        if bool(on) != self._on:
            while self._uart.read(RXBUF):
                pass  # what an unpowered line or another ride left there
        self._on = bool(on)
        self._power.value(self._on)

    def read(self, n):
        return (self._uart.read(n) or b"") if self._on else b""
