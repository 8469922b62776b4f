# What a hardened image of this board freezes.
include("../manifest.py", board="esp32s3_lock")  # noqa: F821
