"""From a chip that has just booted to a lock that runs, and what happens when it does not: the same for each board.

Of a board that was made a lock: one that is none yet, boards/launcher.py leaves at MicroPython's prompt. The watchdog
runs before anything of firmware does.
"""

import asyncio
import sys
import time

import machine

from boards.parts.esp32_board import Board
from boards.parts.storage import Storage

_LOOK_S = 60  # a lock that cannot start says so this long, then tries again
_BREATH_MS = 5_000


def run(pins, lock_class, config_error):
    """Does not return. `lock_class`, `config_error`: firmware's, which only a main.py may import."""
    try:
        board = Board(pins, Storage(pins.ROOT))
        board.watchdog.feed()
        asyncio.run(_live(board, lock_class, config_error))
    except (
        Exception
    ) as error:  # and not KeyboardInterrupt: the prompt is open, for as long as the watchdog waits
        sys.print_exception(error)
        time.sleep_ms(_BREATH_MS)
        machine.reset()


async def _live(board, lock_class, config_error):
    try:
        lock = lock_class(board)
    except (config_error, OSError) as error:
        print("The lock does not start: %s." % error)
        board.led.show("fault")
        for _ in range(_LOOK_S):
            board.watchdog.feed()
            await board.clock.sleep_ms(1_000)
        board.reset()
        return
    board.watchdog.feed()
    await lock.run()
