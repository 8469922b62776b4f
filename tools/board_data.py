"""What the tools must know of a board before they can talk to it: boards/NAME/board.json, as a table.

| key | is |
|---|---|
| id, name | the folder's name, and one for people |
| chip | esptool's word for it; null where nothing is to be flashed |
| mpy_arch, micropython | mpy-cross's word for its processor, and the version that the board is made for |
| image, image_says | MicroPython's image for it: its name, and words that only it holds |
| image_offset, flash_size, filesystem | in bytes: where that begins in flash, how much there is, what files get |
| root | where a lock's own files lie, such as its identity: "" or a folder with a slash behind it |
| start | the line that follows the launcher in its main.py (boards/launcher.py) |
"""

import json
from pathlib import Path

from tools.errors import ToolError

ROOT = Path(__file__).parent.parent
BOARDS = ROOT / "boards"


def names() -> list[str]:
    return sorted(path.parent.name for path in BOARDS.glob("*/board.json"))


def read(board: str) -> dict:
    """Raises ToolError for a board that does not exist."""
    if board not in names():
        raise ToolError(f"There is no board {board}. There are: {', '.join(names())}.")
    return json.loads((BOARDS / board / "board.json").read_text())


def settings(board: str) -> dict[str, int]:
    """How a lock of that board is to sleep, wake and report, for its cell to last as `ringslot power` predicts: of its
    currents.json; nothing where nobody has looked."""
    path = BOARDS / board / "currents.json"
    found: dict[str, int] = json.loads(path.read_text())["settings"] if path.exists() else {}
    return found
