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
        self.receiver = Receiver(self.world, jitter_e7)
        self._base = max(wall, self.world.now)  # a host's clock that was set back does not set the world back
        self._ticks = self._looked = time.ticks_ms()
        self._seen = None
        self.save()
        self.at()

    def now_ms(self):
        return self._base + time.ticks_diff(time.ticks_ms(), self._ticks)

    def at(self):
        """The world as it is now; kept, if there is anything new to see. It is the same for a step of the world's, so
        that looking at ten parts in a row costs the memory of one look."""
        world, ticks = self.world, time.ticks_ms()
        if self._seen and time.ticks_diff(ticks, self._looked) < STEP_MS:
            return world
        self._looked = ticks
        self.receiver.advance(self.now_ms())
        bolt = world.bolt_open(), world.bolt_closed(), world.shackle_closed()
        seen = bolt, world.moving(), world.millivolts()
        if seen != self._seen:
            self._seen = seen
            self.save()
        return world

    def save(self, farewell=None):
        """Writes all down, in one piece. `farewell`: "reset" or "power", why this process ends now."""
        kept = {"rtc_offset": self.rtc_offset, "farewell": farewell, "track": self.track}
        kept["world"] = self.world.dump()
        with open(self._path + ".new", "w") as file:
            json.dump(kept, file)
        os.rename(self._path + ".new", self._path)
