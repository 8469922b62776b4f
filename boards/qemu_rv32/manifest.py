# What is frozen into the image beside MicroPython itself; see modules/.
include("$(MPY_DIR)/extmod/asyncio")  # noqa: F821
freeze("$(BOARD_DIR)/modules")  # noqa: F821

# The bicycle around the lock, and the phones of a bench: on metal registers and other people's machines, so not in the
# lock's heap. The lock itself, protocol/ and firmware/, is loaded from files, as on a stock build. tools/rv32_build.py
# reads this list: paths in the checkout.
FROZEN = (
    "boards/parts/selftest.py",
    "boards/parts/serial_link.py",
    "boards/qemu_rv32/board.py",
    "boards/qemu_rv32/main.py",
    "boards/sim/bench.py",
    "boards/sim/flash.py",
    "boards/sim/gnss.py",
    "boards/sim/hand.py",
    "boards/sim/lasting.py",
    "boards/sim/parts.py",
    "boards/sim/power.py",
    "boards/sim/shown.py",
    "boards/sim/signer.py",
    "boards/sim/timeline.py",
    "boards/sim/track.py",
    "boards/sim/virtual.py",
    "boards/sim/world.py",
    "hil_tests/soak.py",
)
for path in FROZEN:
    module(path, base_path="$(BOARD_DIR)/../..")  # noqa: F821
