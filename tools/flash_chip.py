"""An official MicroPython image onto a bare chip, by esptool: erased, written, read back and compared.

esptool runs as a program of its own; what it says on failure becomes one sentence with the next step. Nothing is
erased before the chip has said what it is and the image was found to be for it.
"""

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from tools import esp_image
from tools.errors import ToolError

BAUD = 460_800
TIMEOUT_S = 900  # for all of it; 2 MB take about a minute

# what esptool says -> what that means, and what to do
MEANINGS = (
    (r"(?s)\A(?!.*Connecting).*(busy or doesn't exist|could not open port|exclusively lock|Permission denied)",
     "{port} is busy, not there, or not yours: close other programs that use it, look at the cable, and on Linux be in"
     " the group that owns it (`ls -l {port}`)."),
    (r"This chip is (?P<found>[\w-]+), not (?P<wanted>[\w-]+)",
     "At {port} is an {found}, and this board has an {wanted}: nothing was erased. Check which board is on the cable."),
    (r"Unexpected chip|doesn't appear to be an",
     "At {port} is a chip that this board does not have: nothing was erased. Check which board is on the cable."),
    (r"Failed to connect|No serial data received|Wrong boot mode|Invalid head of packet",
     "The chip at {port} does not answer: hold its BOOT button, press RESET shortly, let go, and run this again."),
    (r"MD5 of file does not match|hash of data|[Vv]erif\w+ failed",
     "What the flash at {port} holds is not what was written: the flash is worn, or the power is too weak."
     " Try another cable or port, then another board."),
    (r"will not fit|not fit in|exceeds flash|too large",
     "The image is larger than the flash at {port}: take the image for this board."),
    ("", "The connection to {port} broke in the middle: plug it in again and run the same command; it begins this step"
     " anew, and the board is not lost."),
)  # fmt: skip


def check(image: Path, board: dict) -> esp_image.Image:
    """The image, found to be MicroPython for that board's chip. Raises ToolError."""
    try:
        data = image.read_bytes()
    except OSError as error:
        raise ToolError(f"{image}: {error.strerror}.") from error
    try:
        found = esp_image.read(data, board["image_offset"])
    except ToolError as why:
        raise ToolError(f"{image}: {why}") from None
    if found.chip != board["chip"]:
        raise ToolError(f"{image} is for {found.chip}, and {board['name']} has an {board['chip']}: nothing was erased."
                        f" The image for it is called {board['image']}.")  # fmt: skip
    if found.project != "micropython":
        raise ToolError(
            f"{image} is {found.project or 'something'} and not MicroPython. Take {board['image']}."
        )
    version = re.match(
        r"v?(\d+)\.(\d+)", found.version
    )  # another word than these, and the board is asked afterwards
    if version and tuple(map(int, version.groups())) < tuple(map(int, board["micropython"].split(".")[:2])):
        raise ToolError(
            f"{image} is MicroPython {found.version}, and {board['name']} needs {board['micropython']} or newer:"
            f" nothing was erased. Download the newest {board['image']}."
        )
    if len(data) > board["flash_size"]:
        raise ToolError(
            f"{image} is larger than the {board['flash_size'] >> 20} MB of flash of {board['name']}."
        )
    if board["image_says"].encode() not in data:
        raise ToolError(
            f"{image} is for another board with the same chip: {board['name']} needs {board['image']}."
        )
    return found


def write(port: str, image: Path, board: dict, progress: Callable[[float], None]) -> None:
    """Erases, writes and compares. `progress`: from 0 to 1. Raises ToolError."""
    command = [sys.executable, "-m", "esptool", "--chip", board["chip"], "--port", port, "--baud", str(BAUD)]
    command += ["write-flash", "--erase-all", hex(board["image_offset"]), str(image)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as esptool:
        assert esptool.stdout
        late = threading.Timer(TIMEOUT_S, esptool.kill)
        late.daemon = True
        late.start()
        said, line = "", b""
        while piece := esptool.stdout.read1(512):  # type: ignore[attr-defined]
            said = (said + piece.decode(errors="replace"))[-20_000:]
            line = (line + piece)[-200:]
            if shares := re.findall(rb"([\d.]+)% *\d+/\d+ bytes", line):
                progress(float(shares[-1]) / 100)
        status = esptool.wait()
        late.cancel()
    if status:
        raise ToolError(meaning(said, port))


def meaning(said: str, port: str) -> str:
    """The sentence for what esptool said when it failed."""
    for pattern, text in MEANINGS:
        if found := re.search(pattern, said):
            return text.format(port=port, **found.groupdict())
    raise AssertionError("the last pattern always matches")
