"""One lock on the simulator: `micropython -X heapsize=384k boards/sim/main.py`, from the checkout.

    RINGSLOT_SIM_FLASH   the flash's image, made by boards/sim/flash_image.py
    RINGSLOT_SIM_DIR     a folder for what lies outside the lock: the bolt, the bike, the clock's battery
    RINGSLOT_RADIO       host:port of the virtual radio (tools/radio.py)
    RINGSLOT_BLE_NAME    the lock's name there

Prints {"hand": port} when it is up, see boards/sim/hand.py. Exit status: 0 asked to quit, 2 a setting is wrong,
3 start me again, 4 the same and the power was cut; -14 the watchdog. The composition root of this board.
"""

import asyncio
import gc
import json
import os
import sys

# What compiling a module leaves is collected before the next one: else modules lie scattered over the heap, and of
# 180 KiB free no 9 lie together (measured; so, 160 do).
gc.threshold(16_384)
sys.path[0] = __file__.rpartition("boards/sim/")[0] or "."  # the checkout, not boards/sim/

import protocol.ed25519  # noqa: E402, F401  what takes most to compile comes first, while the heap is empty
from boards.parts.ble import Ble  # noqa: E402
from boards.sim import bluetooth, shown  # noqa: E402
from boards.sim.board import Board, Storage  # noqa: E402
from boards.sim.hand import Hand  # noqa: E402
from boards.sim.lasting import Lasting  # noqa: E402
from boards.sim.watchdog import Watchdog  # noqa: E402
from firmware.lock import Lock  # noqa: E402
from firmware.store import ConfigError  # noqa: E402


def refuse(sentence):
    sys.stderr.write(sentence + "\n")
    sys.exit(2)


def setting(name, what):
    value = os.getenv(name)
    if not value:
        refuse("%s is not set: %s." % (name, what))
    return value


def made(name, make, *arguments):
    """What the setting of that name makes."""
    try:
        return make(*arguments)
    except (OSError, ValueError) as error:
        refuse("%s=%s cannot be used: %s." % (name, os.getenv(name), error))


def link():
    link = Ble(
        bluetooth, flag=asyncio.Event()
    )  # its irq runs between turns of the loop, so it needs no ThreadSafeFlag
    link.start()
    return link


async def main():
    image = setting("RINGSLOT_SIM_FLASH", "the path of a flash's image, see boards/sim/flash_image.py")
    folder = setting("RINGSLOT_SIM_DIR", "a folder for the world around the lock")
    setting("RINGSLOT_RADIO", "host:port of the virtual radio, see tools/radio.py")
    setting("RINGSLOT_BLE_NAME", "the lock's name on the virtual radio")
    storage = made("RINGSLOT_SIM_FLASH", Storage, image)
    lasting = made("RINGSLOT_SIM_DIR", Lasting, folder)
    watchdog = Watchdog(folder)
    board = Board(storage, lasting, watchdog, made("RINGSLOT_RADIO", link))
    try:
        lock = Lock(board)
    except (ConfigError, OSError) as error:
        refuse("The lock does not start: %s." % error)
    hand = Hand(board, lambda: shown.of(lock))
    await hand.start()
    print(json.dumps({"hand": hand.port}))
    await lock.run()


if __name__ == "__main__":
    asyncio.run(main())
