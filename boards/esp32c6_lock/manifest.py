# What a hardened image of this board freezes.
include("../manifest.py", board="esp32c6_lock")  # noqa: F821
