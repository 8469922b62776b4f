"""One simulated lock: its flash image, its process of real MicroPython, and the person beside it.

The lock's logic is firmware/ on boards/sim; from here one can only start and kill it, and do what a hand can do.
"""

import json
import socket
import sys
from pathlib import Path
from typing import Any

from boards.sim.flash_image import ImageError, make_image
from tools.errors import ToolError
from tools.processes import Child, Processes

ROOT = Path(__file__).parent.parent
MICROPYTHON = Path(sys.prefix) / "bin" / "micropython"
HEAP = "384k"  # 64-bit objects; about 192 KiB on a 32-bit chip
HEAP_DOUBLES = "1m"  # with doubles of a chip beside the lock
RESTARTS = (3, 4, -14)  # exit statuses that mean "start me again": warm, cold, watchdog
_HAND_S = 10


class HandError(ToolError):
    """The hand beside the bike could not do that."""


class SimLock:
    """`folder` keeps the flash image and the world from run to run.

    `board`: "sim", or the folder of a board of ESP32 parts, which then runs on doubles of its chip's modules.
    """

    def __init__(self, children: Processes, name: str, folder: Path, radio: str, board: str = "sim") -> None:
        self.children, self.name, self.folder, self.radio = children, name, folder.absolute(), radio
        self.board = board
        self.child: Child | None = None
        self.hand_port = 0

    @property
    def image(self) -> Path:
        return self.folder / "flash"

    def provision(self, files: dict[str, bytes]) -> None:
        """A fresh flash that holds these files, in place of any. Raises ToolError."""
        (self.folder / "world").mkdir(parents=True, exist_ok=True)
        try:
            make_image(self.image, files)
        except ImageError as error:
            raise ToolError(f"The flash of lock {self.name} could not be made: {error}") from error

    def start(self, timeout_s: float = 30) -> None:
        """Returns once it runs. Raises ProcessError."""
        if not MICROPYTHON.exists():
            raise ToolError(f"There is no MicroPython at {MICROPYTHON}: make venv")
        environ = {
            "MICROPYPATH": ".frozen:.",
            "RINGSLOT_SIM_FLASH": str(self.image),
            "RINGSLOT_SIM_DIR": str(self.folder / "world"),
            "RINGSLOT_RADIO": self.radio,
            "RINGSLOT_BLE_NAME": self.name,
        }
        heap, main = (HEAP, "sim") if self.board == "sim" else (HEAP_DOUBLES, "testparts")
        environ["RINGSLOT_BOARD"] = self.board
        command = [MICROPYTHON, "-X", f"heapsize={heap}", f"boards/{main}/main.py"]
        self.child = self.children.start(f"lock-{self.name}", command, environ=environ, cwd=ROOT)
        try:
            self.hand_port = int(self.child.wait_for(r'^\{"hand": (\d+)\}', timeout_s)[1])
        except ToolError:
            self.child.kill()
            raise

    def kill(self) -> None:
        """A power cut as far as its storage can tell."""
        if self.child:
            self.child.kill()

    def stop(self) -> None:
        if self.child:
            self.child.stop()

    def hand(self, do: str, **more: Any) -> dict[str, Any]:
        """One thing that a person beside the bike does; see boards/sim/hand.py. Raises HandError."""
        try:
            with socket.create_connection(("127.0.0.1", self.hand_port), timeout=_HAND_S) as wire:
                wire.sendall(json.dumps({"do": do, **more}).encode() + b"\n")
                answer = json.loads(wire.makefile().readline() or "{}")
        except (OSError, ValueError) as error:
            raise HandError(f"Lock {self.name} is not there to {do}: {error}") from error
        if not answer.get("ok"):
            raise HandError(f"Lock {self.name} cannot {do}: {answer.get('error', 'it said nothing')}")
        return answer

    def state(self) -> dict[str, Any]:
        return self.hand("state")
