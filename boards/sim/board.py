"""The simulator: a board on MicroPython's unix port, in real time, with real sockets and littlefs in a file."""

import asyncio
import os
import sys

import vfs

from boards.sim import parts
from boards.sim.bearer import Bearer
from boards.sim.flash import FileFlash

ROOT = "/flash"
EXIT_RESET, EXIT_POWER = 3, 4  # exit status: start me again, warm or cold; the watchdog's is -14


class Clock:
    def __init__(self, lasting):
        self._lasting = lasting
        self._booted = lasting.now_ms()

    def uptime_ms(self):
        return self._lasting.now_ms() - self._booted

    def rtc(self):
        offset = self._lasting.rtc_offset
        return None if offset is None else self._lasting.now_ms() // 1_000 + offset

    def set_rtc(self, unix):
        self._lasting.rtc_offset = unix - self._lasting.now_ms() // 1_000
        self._lasting.save()

    async def sleep_ms(self, ms):
        await asyncio.sleep_ms(ms)


class Motor(parts.Motor):
    """Each pull is on record before the motor turns."""

    def __init__(self, lasting):
        super().__init__(lasting.at)
        self._lasting = lasting

    def pull(self):
        super().pull()
        self._lasting.save()

    def stop(self):
        super().stop()
        self._lasting.save()


class Storage:
    """Mounts the flash's image at ROOT. OSError or ValueError when it is none."""

    def __init__(self, image):
        vfs.mount(FileFlash(image), ROOT)
        self.root = ROOT


class Board:
    """boards.contract.Board of these parts and of the world in `lasting`, which is for the hand, not for firmware."""

    def __init__(self, storage, lasting, watchdog, link):
        self.storage = storage
        self.lasting = lasting
        self.watchdog = watchdog
        self.link = link
        self.name = "sim"
        self.boot_cause = lasting.boot_cause
        self.wakes, self.kept = (), b""  # it is run to be watched: it never sleeps
        self.clock = Clock(lasting)
        self.motor = Motor(lasting)
        self.bolt = parts.Bolt(lasting.at)
        self.shackle = parts.Shackle(lasting.at)
        self.motion = parts.Motion(lasting.at)
        self.led = parts.Led(lasting.at)
        self.battery = parts.Battery(lasting.at)
        self.temperature = parts.thermometer(lasting.at)
        self.gnss = parts.Gnss(lasting.at, lasting.receiver)
        self.bearer = Bearer(lasting.at)
        lasting.world.radio_on = True

    def random(self, n):
        return os.urandom(n)

    def reset(self):
        self.end("reset")

    def end(self, farewell):
        """Stops the lock's processor: "reset", or "power", which loses the clock."""
        if farewell == "power":
            self.lasting.rtc_offset = None
        self.lasting.at().dark()
        self.lasting.save(farewell)
        sys.exit(EXIT_RESET if farewell == "reset" else EXIT_POWER)
