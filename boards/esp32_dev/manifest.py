# What a hardened image of this board freezes.
include("../manifest.py", board="esp32_dev")  # noqa: F821
