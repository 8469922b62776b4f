"""Images of a simulated lock's flash: littlefs in a file, made from files and read back. For CPython.

littlefs itself runs in MicroPython (image.py); nothing here knows its format.
"""

import base64
import json
import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_MICROPYTHON = Path(sys.prefix) / "bin" / "micropython"
_TIMEOUT_S = 60
_PAGE = 4_096  # before the blocks: flash.py


class ImageError(Exception):
    """The image could not be made or read; the text says why."""


def make_image(path: str | Path, files: Mapping[str, bytes], blocks: int = 256) -> None:
    """A new image that holds these files ("name" or "folder/name"), in place of any; its owner's alone to read."""
    path = Path(path)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    given = {name: base64.b64encode(data).decode() for name, data in files.items()}
    _run("make", new, json.dumps({"blocks": blocks, "files": given}))
    os.replace(new, path)


def read_image(path: str | Path) -> dict[str, bytes]:
    """The files of an image that no lock is using."""
    files = json.loads(_run("read", Path(path), ""))
    return {name: base64.b64decode(data) for name, data in files.items()}


def flash_of(image: bytes) -> bytes:
    """The blocks of an image, as a chip's partition has them."""
    return image[_PAGE:]


def image_of(flash: bytes, block: int = 4_096) -> bytes:
    """An image of these blocks, as flash.py's FileFlash has it."""
    head = b"RSFLASH1" + struct.pack(">II", block, len(flash) // block)
    return head + bytes(_PAGE - len(head)) + flash


def _run(action: str, path: Path, stdin: str) -> str:
    command = [_MICROPYTHON, "boards/sim/image.py", action, path.resolve()]
    environ = {**os.environ, "MICROPYPATH": ".frozen:."}
    done = subprocess.run(
        command, cwd=_ROOT, env=environ, input=stdin, capture_output=True, text=True, timeout=_TIMEOUT_S
    )
    if done.returncode:
        raise ImageError(f"{path}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    return done.stdout
