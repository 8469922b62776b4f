# What a lock's own MicroPython build freezes: what its start and its main.py reach, and nothing else that could be
# imported: no test, no prompt's helper, none of MicroPython's own modules but asyncio. A board's manifest.py names
# itself by `board` and includes this. Paths are relative to this file; MicroPython's docs/reference/manifest.rst.
import os

include("$(MPY_DIR)/extmod/asyncio")  # noqa: F821

_BOARD = "boards/" + options.board  # noqa: F821
_NEVER_REACHED = {  # by a lock of ESP32 parts: a bench asks its parts by cable, and QEMU has no radio
    "boards/parts": ("selftest.py", "serial_link.py"),
    _BOARD: ("_boot.py", "manifest.py"),
}


def _sources(folder):
    names = sorted(os.listdir(os.path.join("..", folder)))
    names = [name for name in names if name.endswith(".py") and not name.startswith("test_")]
    return [name for name in names if name not in _NEVER_REACHED.get(folder, ())]


module("_boot.py", base_path=os.path.join("..", _BOARD), opt=3)  # noqa: F821
package("boards", files=["hardened.py", "launcher.py"], base_path="..", opt=3)  # noqa: F821
for _folder in ("protocol", "firmware", "boards/parts", _BOARD):
    package(_folder, files=_sources(_folder), base_path="..", opt=3)  # noqa: F821
