"""The 32-bit board as if it lay on the desk: always at the same port, and started again after each reset.

`with Cabled(folder, heap) as board:` has current; `board.port` leads to its cable, whatever pty QEMU made this time.
"""

import contextlib
import os
import threading
import time
from pathlib import Path

from tools import rv32

_PLUGGED_S = 30.0
_TOO_SOON_S = 0.2  # a board that ends so soon, and
_TOO_OFTEN = 20  # so often, does not start at all


class Cabled:
    """`folder` keeps its memory, and the link `tty` to its port."""

    def __init__(self, folder: Path, heap: int = rv32.HEAP) -> None:
        self.memory = rv32.Memory(folder / "memory")
        self.heap = heap
        self.port = str(folder / "tty")
        self.resets = 0  # that it did by itself
        self.on = False  # it has current, and starts
        self._machine: rv32.Machine | None = None
        self._thread: threading.Thread | None = None
        self._plugged = threading.Event()

    def __enter__(self) -> "Cabled":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def start(self) -> None:
        """Gives it current. Returns when its port is there. Raises MachineError."""
        self.on = True
        self._plugged.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if not self._plugged.wait(_PLUGGED_S) or not self.on:
            raise rv32.MachineError("The board does not start.")

    def cut(self) -> None:
        """Takes its power, whatever it is doing. What it had written to its flash is there."""
        self.on = False
        while self._thread and self._thread.is_alive():
            if self._machine:
                self._machine.process.kill()
            self._thread.join(0.1)  # it may just be starting the next one

    def wait_reset(self, before: int, timeout_s: float = 60) -> None:
        """Until it has reset more often than `before`, and is on its port again. Raises MachineError."""
        end = time.monotonic() + timeout_s
        while self.resets <= before or not self._plugged.is_set():
            if time.monotonic() > end or not self.on:
                raise rv32.MachineError("The board has not reset.")
            time.sleep(0.05)

    def _run(self) -> None:
        soon = 0
        while self.on and soon < _TOO_OFTEN:
            began = time.monotonic()
            seed = int.from_bytes(os.urandom(4), "big") | 1
            with rv32.Machine(
                self.memory, heap=self.heap, icount=False, seed=seed, serial="pty"
            ) as self._machine:
                self._lay(self._machine.pty())
                self._plugged.set()
                self._machine.process.wait()
                if self.on:
                    self._plugged.clear()
                    self.resets += 1
            soon = soon + 1 if time.monotonic() - began < _TOO_SOON_S else 0
        self.on = False
        with contextlib.suppress(OSError):
            os.unlink(self.port)
        self._plugged.set()  # whoever waits has waited enough

    def _lay(self, pty: str) -> None:
        aside = self.port + ".new"
        with contextlib.suppress(OSError):
            os.unlink(aside)
        os.symlink(pty, aside)
        os.replace(aside, self.port)
