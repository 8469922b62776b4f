# What a lock's own MicroPython build freezes: our folders without their tests, and asyncio. A board's manifest.py names
# itself by BOARD and includes this. Paths are relative to this file; MicroPython's docs/reference/manifest.rst.
import os

include("$(MPY_DIR)/extmod/asyncio")  # noqa: F821


def _sources(folder):
    names = sorted(os.listdir(os.path.join("..", folder)))
    return [name for name in names if name.endswith(".py") and not name.startswith("test_")]


for _folder in ("protocol", "firmware", "boards/parts", "boards/" + options.board):  # noqa: F821
    _names = [name for name in _sources(_folder) if name != "manifest.py"]
    package(_folder, files=_names, base_path="..", opt=3)  # noqa: F821
