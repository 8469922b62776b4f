"""The lock on an ESP32 development board: what the launcher imports and runs. The composition root of this board."""

import gc

gc.threshold(16_384)  # what importing a module leaves is collected before the next one, or the heap scatters

import protocol.ed25519  # noqa: E402, F401  what takes most room comes first, while the heap is empty
from boards.esp32_dev import pins  # noqa: E402
from boards.parts import start  # noqa: E402
from firmware.config import ConfigError  # noqa: E402
from firmware.lock import Lock  # noqa: E402


def run():
    start.run(pins, Lock, ConfigError)
