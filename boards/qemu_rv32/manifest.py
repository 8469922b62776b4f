# What is frozen into the image beside MicroPython itself; see modules/.
include("$(MPY_DIR)/extmod/asyncio")  # noqa: F821
freeze("$(BOARD_DIR)/modules")  # noqa: F821
