"""The chip's task watchdog. Once started it cannot be stopped, so it starts with the first `feed`."""

_TIMEOUT_MS = 10_000


class Watchdog:
    """boards.contract.Watchdog. `start`: machine.WDT."""

    def __init__(self, start):
        self._start = start
        self._wdt = None

    def feed(self):
        if self._wdt is None:
            self._wdt = self._start(timeout=_TIMEOUT_MS)
        self._wdt.feed()
