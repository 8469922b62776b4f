"""This board: the simulator's world around it, littlefs on its own flash, its console as a serial link, no network.

Storage is under /lock, the world under /world of the same flash: both outlive the machine. There is no watchdog.
"""

import asyncio
import os
import select
import sys
import time

import micropython
import rv32

from boards.sim import parts

ROOT, WORLD = "/lock", "/world"
EXIT_RESET, EXIT_POWER = 3, 4  # exit status of QEMU: start me again, warm or cold
_ENETUNREACH = 101


class Console:
    """Standard input and output as a UART. Ctrl-C is data from now on."""

    def __init__(self):
        if hasattr(micropython, "kbd_intr"):  # a hardened image has no key that interrupts
            micropython.kbd_intr(-1)
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        self._in, self._byte = sys.stdin.buffer, bytearray(1)
        self.write = sys.stdout.buffer.write

    def readinto(self, buffer):
        count = 0
        while count < len(buffer) and self._is_there():
            self._in.readinto(self._byte)
            buffer[count] = self._byte[0]
            count += 1
        return count

    def _is_there(self):
        for _ in self._poll.ipoll(0):
            return True
        return False


class Clock:
    def __init__(self, lasting):
        self._lasting = lasting
        self._elapsed_ms = lasting.elapsed_ms
        self._booted = lasting.elapsed_ms()
        self.sleep_ms = asyncio.sleep_ms

    def uptime_ms(self):
        return self._elapsed_ms() - self._booted

    def rtc(self):
        offset = self._lasting.rtc_offset
        return None if offset is None else self._lasting.now_ms() // 1_000 + offset

    def set_rtc(self, unix):
        offset = unix - self._lasting.now_ms() // 1_000
        if offset != self._lasting.rtc_offset:
            self._lasting.rtc_offset = offset
            self._lasting.save()


class Uptime:
    """What `Clock` asks of a Lasting, for a machine without a world."""

    rtc_offset = None

    def elapsed_ms(self):
        return time.ticks_ms()


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


class Bearer:
    """No network."""

    async def open(self, host, port):
        raise OSError(_ENETUNREACH)

    def send(self, datagram):
        raise OSError(_ENETUNREACH)

    async def recv(self, timeout_ms):
        raise OSError(_ENETUNREACH)

    def close(self):
        pass


class Storage:
    root = ROOT


class Watchdog:
    def feed(self):
        pass


class Line:
    """In place of a link: whoever asks this board does so over the very line that is its link."""

    def healthy(self):
        return True


class Board:
    """boards.contract.Board in the world that `lasting` keeps."""

    def __init__(self, lasting, link):
        self.lasting = lasting
        self.link = link
        self.storage = Storage()
        self.name = "qemu_rv32"
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
        self.bearer = Bearer()
        self.watchdog = Watchdog()
        lasting.world.radio_on = True

    def random(self, n):
        return os.urandom(n)

    def reset(self):
        self.end("reset")

    def end(self, farewell):
        """Stops the processor: "reset", or "power", which loses the clock."""
        if farewell == "power":
            self.lasting.rtc_offset = None
        self.lasting.at().dark()
        self.lasting.save(farewell)
        rv32.exit(EXIT_RESET if farewell == "reset" else EXIT_POWER)
