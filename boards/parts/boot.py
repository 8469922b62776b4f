"""The start of a hardened image of ESP32 parts: its board's frozen `_boot.py` calls it, in place of MicroPython's.

The watchdog bites should the rest of the start hang; what is entered, boards/hardened.py says.
"""

import machine
import vfs
from esp32 import Partition

from boards import hardened

_WATCH_MS = 60_000  # two signatures and a hash of every file; then the board's own, of ten seconds


def mount():
    """The partition `vfs` of boards/esp32_hardened, as it is. Raises OSError, or IndexError when there is none."""
    device = Partition.find(Partition.TYPE_DATA, label="vfs")[0]
    vfs.mount(vfs.VfsLfs2(device), "/")  # type: ignore[abstract]  # the stubs' mistake


def start(board):
    """Does not return."""
    machine.WDT(timeout=_WATCH_MS)
    hardened.start(mount, "", board, "boards." + board + ".main", machine.reset)
