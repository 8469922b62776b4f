"""A lock's files as one littlefs image, for a board whose hardened image has no prompt to copy them by.

Where it goes, the board's partition table says (boards/esp32_hardened/).
"""

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from boards.sim import flash_image
from tools import board_data
from tools.errors import ToolError

BLOCK = 4_096  # bytes, what these chips erase at once


def partition(board: str) -> tuple[int, int]:
    """(offset, bytes) of the partition `vfs`. Raises ToolError for a board that has no hardened image of this kind."""
    flash = board_data.read(board).get("flash_size")
    if not flash:
        raise ToolError(f"{board} is no board of ESP32 parts: it needs no such image.")
    path = board_data.BOARDS / "esp32_hardened" / f"partitions-{flash >> 20}MiB.csv"
    rows = csv.reader(line for line in path.read_text().splitlines() if not line.startswith("#"))
    name, _, _, offset, size, *_ = next(row for row in rows if row and row[0] == "vfs")
    return int(offset, 16), int(size, 16)


def make(files: Mapping[str, bytes], board: str, path: Path) -> int:
    """Writes it, its owner's alone to read; gives the offset in flash where it goes. Raises ToolError."""
    offset, size = partition(board)
    framed = path.with_name(path.name + ".part")
    try:
        flash_image.make_image(framed, files, size // BLOCK)
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(flash_image.flash_of(framed.read_bytes()))
    except (OSError, flash_image.ImageError) as error:
        raise ToolError(f"{path} was not written: {error}.") from error
    finally:
        framed.unlink(missing_ok=True)
    return offset
