"""The reference lock on an ESP32-S3: what the launcher imports and runs. The composition root of this board."""

import gc

gc.threshold(16_384)  # what importing a module leaves is collected before the next one, or the heap scatters

import protocol.ed25519  # noqa: E402, F401  what takes most room comes first, while the heap is empty
from boards.esp32s3_lock import pins  # noqa: E402
from boards.parts import start  # noqa: E402
from boards.parts.esp32_board import Board  # noqa: E402
from boards.parts.storage import Storage  # noqa: E402
from firmware.lock import Lock  # noqa: E402
from firmware.store import ConfigError  # noqa: E402


def make():
    """The board, to be asked about its parts (boards/parts/selftest.py)."""
    return Board(pins, Storage(pins.ROOT))


def run(hardened=False):
    start.run(pins, Lock, ConfigError, _sick() if hardened else None)


def quarantine():
    """Without any storage. What boards/hardened.py runs then."""
    start.quarantine(pins, _sick())


def _sick():
    from firmware import quarantine

    return quarantine
