# What the hardened image freezes: the lock itself, its start, and the bicycle around it. No bench, no signer, no phone:
# what is not in this list and not in a verified slot cannot be imported.
import os

include("$(MPY_DIR)/extmod/asyncio")  # noqa: F821
module("rv32.py", base_path="$(BOARD_DIR)/modules")  # noqa: F821
module("_boot.py", base_path="$(BOARD_DIR)/hardened")  # noqa: F821

# tools/rv32_build.py reads both lists. WHOLE: folders whose modules all go in, without their tests.
WHOLE = ("protocol", "firmware")
FROZEN = (
    "boards/launcher.py",
    "boards/hardened.py",
    "boards/parts/serial_link.py",
    "boards/qemu_rv32/board.py",
    "boards/qemu_rv32/main.py",
    "boards/sim/gnss.py",
    "boards/sim/hand.py",
    "boards/sim/lasting.py",
    "boards/sim/parts.py",
    "boards/sim/shown.py",
    "boards/sim/track.py",
    "boards/sim/world.py",
)
for path in FROZEN:
    module(path, base_path="$(BOARD_DIR)/../..", opt=3)  # noqa: F821
for folder in WHOLE:
    names = sorted(os.listdir("../../" + folder))  # from this file's folder
    names = [name for name in names if name.endswith(".py") and not name.startswith("test_")]
    package(folder, files=names, base_path="$(BOARD_DIR)/../..", opt=3)  # noqa: F821
