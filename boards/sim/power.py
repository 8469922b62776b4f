"""Whether a virtual board has current, and when it loses it, counted in writes to its storage.

A board without current does nothing: each of its parts raises `Halt`, and nothing that its firmware still tries in
an `except` or `finally` reaches the world or the flash.
"""

_EIO = 5


class Halt(Exception):
    """The processor stops here. Firmware that catches it meets it again at the next thing it touches."""


class Power:
    """Of one boot. `writes`: to storage so far; `halted`: None, "power", "reset", "watchdog" or "sleep"; `tears`: see
    cut_at.

    `went()` is called once, when the board halts.
    """

    def __init__(self, went=lambda: None):
        self.writes = 0
        self.halted = None
        self.tears = ()
        self._went = went
        self._cut = self._fail = None

    def cut_at(self, n, tear="nothing"):
        """The power goes in the nth write from now, 1 the next, after as much of it as `tear`, one of `tears`, says."""
        if tear not in self.tears:
            raise ValueError("this storage tears a write so: " + ", ".join(self.tears))
        self._cut = self.writes + n, tear

    def fail_at(self, n):
        """The nth write from now and all after it fail with EIO, though the power stays."""
        self._fail = self.writes + n

    def off(self, why="power"):
        """Stops the board without telling its firmware, which meets Halt when it goes on."""
        if not self.halted:
            self.halted = why
            self._went()

    def halt(self, why):
        self.off(why)
        raise Halt(why)

    def check(self):
        if self.halted:
            raise Halt(self.halted)

    def write(self):
        """What storage asks before each write: None to go on, else the tear with which it is to `halt`.

        OSError(EIO) when the flash has failed. To be asked by a board that is not halted.
        """
        self.writes += 1
        if self._fail is not None and self.writes >= self._fail:
            raise OSError(_EIO)
        if self._cut is not None and self.writes == self._cut[0]:
            return self._cut[1]
        return None
