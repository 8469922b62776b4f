"""A light on one pin that shows patterns by a hardware timer, whatever the event loop does meanwhile."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import Pin, Timer

# pattern: (ms on, ms off, how often); 0 times is until another pattern comes
_PATTERNS = {
    "ok": (1_500, 100, 1),
    "refused": (150, 150, 4),
    "busy": (80, 220, 100),  # half a minute: no action takes longer
    "find": (500, 500, 30),
    "fault": (60, 1_940, 0),
}


class Led:
    """boards.contract.Led. `timer`: a machine.Timer of its own, and not the UART's (the README says which)."""

    def __init__(self, pin: "Pin", timer: "Timer"):
        self._pin, self._timer = pin, timer
        self._endless = None
        self._on = self._off = self._left = 0
        self.show("off")

    def show(self, pattern):
        if pattern != "off" and pattern not in _PATTERNS:
            raise ValueError("no such pattern: " + str(pattern))
        if pattern == self._endless:
            return  # it goes on
        self._timer.deinit()
        self._endless = None
        self._left = 0
        self._pin.value(0)
        if pattern == "off":
            return
        self._on, self._off, times = _PATTERNS[pattern]
        self._endless = None if times else pattern
        self._left = times or -1
        self._lit = False
        self._turn(None)

    def _turn(self, timer):
        """The timer's: runs between two bytecodes of whatever goes on."""
        if self._lit and self._left > 0:
            self._left -= 1
        self._lit = not self._lit
        if self._lit and not self._left:
            return
        self._pin.value(self._lit)
        period = self._on if self._lit else self._off
        self._timer.init(mode=self._timer.ONE_SHOT, period=period, callback=self._turn)
