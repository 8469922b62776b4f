"""A board with MicroPython at the other end of a cable: its files, and code run on it. By mpremote's transport.

`with Device(port) as device:` interrupts what runs there. Files are written aside and renamed, so that a cable that
is pulled leaves each file whole or as it was, and a repeated copy sends only what is missing.
"""

import base64
import hashlib
import json
import os
import re
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import serial
from mpremote import transport_serial
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from tools.errors import ToolError

# It prints what it did not understand; standard output is shared by all boards that are done side by side
vars(transport_serial)["print"] = lambda *said: None

PIECE = 1024  # bytes a write
_NEW = ".new"  # as firmware/store.py calls a file on its way
_CONNECT_S = 20  # a chip that was just flashed makes its file system first
_PATIENCE_S = 20  # for a byte: a chip erases flash meanwhile, an emulated one waits for its turn

_LOST = "The connection to {port} broke: plug it in again and run the same command; what is there already is kept."
_FULL = (
    "The board's file system is full: remove from the one at {port} what is not Ringslot's (`mpremote connect {port} fs"
    " ls`), or begin anew with --image, which erases it; then run the same command again."
)
_SILENT = (
    "No MicroPython answers at {port}: press RESET; if that does not help, flash the image first (--image)."
    " A lock that runs a hardened build has no prompt, by design."
)

# The watchdog of a lock that was interrupted goes on, also through a soft reset, and bites within ten seconds. A second
# WDT moves the first one's time (MicroPython's ports/esp32/machine_wdt.c); the reset at the end ends both.
UNHURRIED = """
import machine
try:
    machine.WDT(timeout=86_400_000)
except AttributeError:
    pass  # a board without one
"""
# Boards answer in JSON: ast.literal_eval in several threads fails on CPython 3.11 now and then (gh-106905)
_ABOUT = """
import json, sys
is_ = sys.implementation
print(json.dumps([is_._machine, is_.version[:3], is_._mpy]))
"""

_LIST = """
import os, hashlib, binascii, json
def _list(folder):
    for name, kind, *_ in os.ilistdir(folder or '/'):
        path = folder + '/' + name
        if kind == 0x4000:
            _list(path)
        else:
            digest = hashlib.sha256()
            with open(path, 'rb') as file:
                while True:
                    data = file.read(512)
                    if not data:
                        break
                    digest.update(data)
            print(json.dumps([path[1:], binascii.hexlify(digest.digest()).decode()]))
_list('')
"""


class About(NamedTuple):
    """What a board says of itself."""

    machine: str  # "Generic ESP32S3 module with ESP32S3"
    version: tuple[int, int, int]  # of its MicroPython
    mpy: int  # what .mpy files it takes: sys.implementation._mpy


class Device:
    def __init__(self, port: str, wait_s: float = _CONNECT_S) -> None:
        self.port = port
        end = time.monotonic() + wait_s
        while True:
            try:
                # Through links such as /dev/serial/by-id/...: mpremote tells a pty by its name
                place = os.path.realpath(port) if os.path.exists(port) else port
                self._transport = SerialTransport(place, baudrate=115_200, timeout=_PATIENCE_S)
                break
            except (TransportError, OSError, serial.SerialException) as error:
                if time.monotonic() > end:
                    raise ToolError(
                        f"{port} is busy or not there: close other programs that use it, look at the cable."
                    ) from error
                time.sleep(0.3)
        self._enter(end)
        try:
            self.run(UNHURRIED)
            self._start_afresh()
        except ToolError:
            self.__exit__()
            raise

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._transport.exit_raw_repl()
            self._transport.close()
        except (OSError, serial.SerialException):
            pass  # the cable is out: who cares is told by the call that failed

    def _enter(self, end: float) -> None:
        while True:
            try:
                self._transport.enter_raw_repl(soft_reset=False, timeout_overall=3)
                return
            except (TransportError, OSError, serial.SerialException) as error:
                if time.monotonic() > end:
                    self.__exit__()
                    raise ToolError(_SILENT.format(port=self.port)) from error

    def _start_afresh(self) -> None:
        """A soft reset, without main.py: the modules and the memory of a lock that ran here would be in the way."""
        try:
            self._transport.enter_raw_repl(soft_reset=True, timeout_overall=_CONNECT_S)
        except (TransportError, OSError, serial.SerialException) as error:
            raise ToolError(_LOST.format(port=self.port)) from error

    def about(self) -> About:
        machine, version, mpy = json.loads(self.run(_ABOUT))
        return About(machine, tuple(version), mpy)

    def run(self, code: str, silent_s: float = 60) -> str:
        """What it prints. ToolError for an exception there, and when the cable is out or it is silent for so long."""
        try:
            printed, raised = self._transport.exec_raw(code, timeout=silent_s)
        except (TransportError, OSError, serial.SerialException, IndexError, struct.error) as error:
            raise ToolError(_LOST.format(port=self.port)) from error
        if raised:
            last = raised.decode(errors="replace").strip().splitlines()[-1:]
            if re.search(r"ENOSPC|OSError: (\[Errno )?28\b", last[0]):
                raise ToolError(_FULL.format(port=self.port))
            raise ToolError(f"The board at {self.port} said: {last[0]}")
        return printed.decode(errors="replace").replace("\r\n", "\n")

    def hashes(self) -> dict[str, str]:
        """{path: SHA-256 in hex} of all files there, read from the flash."""
        return dict(json.loads(line) for line in self.run(_LIST).splitlines())

    def put(self, files: Mapping[str, bytes], progress: Callable[[float], None] = lambda share: None) -> int:
        """Copies what is not there yet, and gives how many files that were."""
        there = self.hashes()
        missing = {path: data for path, data in files.items() if there.get(path) != hash_of(data)}
        total, sent = sum(map(len, missing.values())) or 1, 0
        made = {
            "/".join(path.split("/")[:depth]) for path in there for depth in range(1, path.count("/") + 1)
        }
        for path, data in missing.items():
            for depth in range(1, path.count("/") + 1):
                folder = "/".join(path.split("/")[:depth])
                if folder not in made:
                    self.run(f"import os\ntry:\n os.mkdir({folder!r})\nexcept OSError:\n pass")
                    made.add(folder)
            self.run(f"from binascii import a2b_base64 as b\nf = open({path + _NEW!r}, 'wb')")
            for at in range(0, len(data), PIECE):
                piece = data[at : at + PIECE]
                self.run(f"f.write(b({base64.b64encode(piece).decode()!r}))")
                sent += len(piece)
                progress(sent / total)
            self.run(f"f.close()\nimport os\nos.rename({path + _NEW!r}, {path!r})")
        progress(1.0)
        return len(missing)

    def check(self, files: Mapping[str, bytes]) -> None:
        """Reads all of them back. Raises ToolError, naming the first that differs."""
        there = self.hashes()
        for path, data in files.items():
            if there.get(path) != hash_of(data):
                raise ToolError(
                    f"{path} on the board at {self.port} is not what was copied: run the same command again."
                )

    def remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            self.run(f"import os\nos.remove({path!r})")

    def restart(self) -> None:
        """The board boots anew, and runs its main.py. It does not answer to this object any more."""
        try:
            # Not at once: with the reset the port may go, and with it the word that this was understood
            self._transport.exec_raw_no_follow("import machine, time\ntime.sleep_ms(500)\nmachine.reset()")
        except (TransportError, OSError, serial.SerialException) as error:
            raise ToolError(_LOST.format(port=self.port)) from error


def hash_of(data: bytes) -> str:
    """As `hashes` gives it."""
    return hashlib.sha256(data).hexdigest()
