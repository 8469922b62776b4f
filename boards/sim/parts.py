"""The parts of a simulated board that only look at its world or act on it.

`at()` gives the world, brought up to date; what it raises, the part raises.
"""


class Motor:
    def __init__(self, at):
        self._at = at

    def pull(self):
        self._at().pull()

    def stop(self):
        self._at().stop()


class Bolt:
    def __init__(self, at):
        self._at = at

    def open(self):
        return self._at().bolt_open()

    def closed(self):
        return self._at().bolt_closed()


class Shackle:
    def __init__(self, at):
        self._at = at

    def closed(self):
        return self._at().shackle_closed()


class Motion:
    def __init__(self, at):
        self._at = at

    def moving(self):
        return self._at().moving()


class Led:
    def __init__(self, at):
        self._at = at

    def show(self, pattern):
        self._at().show(pattern)


class Battery:
    def __init__(self, at):
        self._at = at

    def millivolts(self):
        return self._at().millivolts()


def thermometer(at):
    """A board's `temperature`."""
    return lambda: at().temperature()


class Gnss:
    """The line to a `boards.sim.gnss.Receiver`, which `at` keeps up to date too."""

    def __init__(self, at, receiver):
        self._at, self._receiver = at, receiver

    def power(self, on):
        self._at()
        self._receiver.power(on)

    def read(self, n):
        self._at()
        return self._receiver.read(n)
