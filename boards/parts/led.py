"""A light that shows patterns by a hardware timer, whatever the event loop does meanwhile: of one colour, or of three.

A light of one colour tells a colour by how often it blinks (SPEC.md section 5).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import Pin, Timer

_RED, _GREEN, _BLUE, _WHITE = 1, 2, 4, 7  # a bit a pin, in this order
_COLOURS = (_RED, _GREEN, _BLUE, _WHITE)  # of a code, by number

# pattern: (colour, ms on, ms off, how often); 0 times is until another pattern comes
_PATTERNS = {
    "ok": (_GREEN, 1_500, 100, 1),
    "refused": (_RED, 150, 150, 4),
    "busy": (_WHITE, 80, 220, 100),  # half a minute: no action takes longer
    "find": (_WHITE, 500, 500, 30),
    "fault": (_RED, 60, 1_940, 0),
}
_CODE_MS = 30_000  # at most: longer than a link may last that has proved nothing
_FLASH = (400, 200)  # ms on and off, of three colours
_BLINK = (150, 150)  # the same of one
_COUNT_MS = 450  # more, between two counts
_ROUND_MS = 1_200  # more, between two rounds


class Led:
    """boards.contract.Led. `pins`: one, or those of red, green and blue. `timer`: a machine.Timer of its own, and not
    the UART's (the README says which)."""

    def __init__(self, pins: "tuple[Pin, ...]", timer: "Timer"):
        self._pins, self._timer = pins, timer
        self._turned = self._turn  # made once: while a code is shown a person waits for the bolt
        self._steps = []  # type: list  # (colour, ms) one after the other, and again
        self._at = self._left = 0
        self.show("off")

    def show(self, pattern):
        goes_on = False
        if isinstance(pattern, bytes):
            steps = self._code(pattern)
            times = _CODE_MS // sum([ms for _, ms in steps])
        elif pattern == "off":
            steps, times = (), 0
        elif pattern in _PATTERNS:
            colour, on, off, times = _PATTERNS[pattern]
            steps = (colour, on), (0, off)
            goes_on = not times and self._steps == steps
        else:
            raise ValueError("no such pattern: " + str(pattern))
        if goes_on:
            return
        self._timer.deinit()
        self._steps, self._left = steps, times or -1
        self._at = 0
        if steps:
            self._turn(None)
        else:
            self._light(0)

    def _code(self, code):
        if not code or max(code) >= len(_COLOURS):
            raise ValueError("no such colour")
        steps = []
        for number in code:
            if len(self._pins) > 1:
                steps += [(_COLOURS[number], _FLASH[0]), (0, _FLASH[1])]
            else:
                steps += [(1, _BLINK[0]), (0, _BLINK[1])] * number
                steps += [(1, _BLINK[0]), (0, _BLINK[1] + _COUNT_MS)]
        steps[-1] = (0, steps[-1][1] + _ROUND_MS)
        return steps

    def _light(self, colour):
        if len(self._pins) == 1:
            self._pins[0].value(colour != 0)
            return
        for bit, pin in enumerate(self._pins):
            pin.value(colour >> bit & 1)

    def _turn(self, timer):
        """The timer's: runs between two bytecodes of whatever goes on."""
        if self._at == len(self._steps):
            self._at = 0
            if self._left > 0:
                self._left -= 1
        if not self._left:
            return
        colour, ms = self._steps[self._at]
        self._at += 1
        self._light(colour)
        self._timer.init(mode=self._timer.ONE_SHOT, period=ms, callback=self._turned)
