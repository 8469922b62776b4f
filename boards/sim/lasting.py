"""A world on real time that outlives its lock's process: kept in a folder, with the clock that a warm boot keeps.

What firmware has seen of the world is in the folder before it sees it, so that a lock that is killed and started
again meets the bolt as it left it. Also holds why the last process ended, which is the cause of this boot.
"""

import json
import os
import time

from boards.sim.gnss import Receiver
from boards.sim.track import Track
from boards.sim.world import STEP_MS, World

_FILE = "/world.json"
JITTER_E7 = 40  # half a metre
_POWER, _RESET, _WATCHDOG = 1, 2, 3  # boot causes, boards.contract.Board
_CAUSES = {"power": _POWER, "reset": _RESET, None: _WATCHDOG}  # an end without farewell: hung, or killed


class Lasting:
    """`world`, `receiver`, `folder`, `boot_cause`; `track`: path of the track being ridden; `rtc_offset`: seconds from
    the world's time to the lock's, None after a power loss."""

    def __init__(self, folder, jitter_e7=JITTER_E7):
        self.folder = folder
        self._path = folder + _FILE
        wall = time.time_ns() // 1_000_000
        try:
            with open(self._path) as file:
                kept = json.load(file)
        except OSError:
            kept = {"world": None, "rtc_offset": None, "farewell": "power", "track": None}
        self.rtc_offset = kept["rtc_offset"]
        self.boot_cause = _CAUSES[kept["farewell"]]
        self.track = kept["track"]
        points = Track(self.track) if self.track else None
        self.world = World.restore(kept["world"], points) if kept["world"] else World(wall)
        self._kept = {"rtc_offset": None, "farewell": None, "track": None, "world": self.world.dump({})}
        self.receiver = Receiver(self.world, jitter_e7)
        self._base = max(wall, self.world.now)  # a host's clock that was set back does not set the world back
        self.receiver.advance(self._base)
        self._ticks = self._looked = time.ticks_ms()
        self._seen = None
        self.at()

    def elapsed_ms(self):
        """Since this process looked at the world first."""
        return time.ticks_diff(time.ticks_ms(), self._ticks)

    def now_ms(self):
        return self._base + self.elapsed_ms()

    def at(self):
        """The world as it is now; kept, if there is anything new to see. It is the same for a step of the world's."""
        world, ticks = self.world, time.ticks_ms()
        passed = time.ticks_diff(ticks, self._looked)
        if self._seen is None or passed >= STEP_MS:
            self._looked = ticks
            self.receiver.elapse(passed)
            seen = world.seen()
            if seen != self._seen:
                self._seen = seen
                self.save()
        return world

    def save(self, farewell=None):
        """Writes all down, in one piece. `farewell`: "reset" or "power", why this process ends now."""
        kept = self._kept  # made once
        kept["rtc_offset"], kept["farewell"], kept["track"] = self.rtc_offset, farewell, self.track
        self.world.dump(kept["world"])
        with open(self._path + ".new", "w") as file:
            json.dump(kept, file)
        os.rename(self._path + ".new", self._path)
