"""Reed switches that say where bolt and ring are. Each closes to ground when its magnet is there.

A cut wire therefore reads as "not there", which proves nothing, and never as "open" or "closed".
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import Pin

_READS = 3  # that agree: a motor's spark is shorter


def there(switch: "Pin") -> bool:
    for _ in range(_READS):
        if switch.value():
            return False
    return True


class Bolt:
    """boards.contract.Bolt."""

    def __init__(self, drawn: "Pin", home: "Pin"):
        self._drawn, self._home = drawn, home

    def open(self):
        return there(self._drawn)

    def closed(self):
        return there(self._home)


class Shackle:
    """boards.contract.Shackle."""

    def __init__(self, shut: "Pin"):
        self._shut = shut

    def closed(self):
        return there(self._shut)
