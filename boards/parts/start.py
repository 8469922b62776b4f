"""From a chip that has just booted to a lock that runs, and what happens when it does not: the same for each board.

Of a board that was made a lock: one that is none yet, boards/launcher.py leaves at MicroPython's prompt. The watchdog
runs before anything of firmware does.

`sick` is firmware's module quarantine in a hardened image, which has no console to speak to: a lock that cannot start
answers phones that it is out of order. None in a stock one.
"""

import asyncio
import sys
import time

import machine

from boards.parts.esp32_board import Board, Remains
from boards.parts.storage import Storage

_LOOK_S = 60  # a lock that cannot start says so this long, then tries again
_BREATH_MS = 5_000
_SICK_MS = 600_000  # out of order; then a start may find the storage well


def run(pins, lock_class, config_error, sick=None):
    """Does not return; raises what ended a hardened image's program. The other two: firmware's, which only a main.py
    may import."""
    try:
        board = Board(pins, Storage(pins.ROOT))
        board.watchdog.feed()
        asyncio.run(_live(board, lock_class, config_error, sick))
    except (
        Exception
    ) as error:  # and not KeyboardInterrupt: the prompt is open, for as long as the watchdog waits
        if sick:
            raise  # to what resets, and prints no more than its kind
        sys.print_exception(error)
        time.sleep_ms(_BREATH_MS)
        machine.reset()


def quarantine(pins, sick):
    """Of a board whose storage cannot be mounted: the radio, a light, and a bolt that stays."""
    asyncio.run(_out_of_order(Remains(pins), pins.ROOT, sick))


async def _live(board, lock_class, config_error, sick):
    try:
        lock = lock_class(board)
    except (config_error, OSError) as error:
        if sick:
            await _out_of_order(board, board.storage.root, sick)
        else:
            print("The lock does not start: %s." % error)
            board.led.show("fault")
            for _ in range(_LOOK_S):
                board.watchdog.feed()
                await board.clock.sleep_ms(1_000)
        board.reset()
        return
    board.watchdog.feed()
    await lock.run()


async def _out_of_order(board, root, sick):
    board.led.show("fault")
    shown = sick.payload(root, board.random)
    await sick.Quarantine(board.link, board.clock, shown, board.watchdog.feed).run(_SICK_MS)
