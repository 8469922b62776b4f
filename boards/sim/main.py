"""One lock on the simulator: `micropython -X heapsize=384k boards/sim/main.py`, from the checkout.

    RINGSLOT_SIM_FLASH   the flash's image, made by boards/sim/flash_image.py
    RINGSLOT_SIM_DIR     a folder for what lies outside the lock: the bolt, the bike, the clock's battery
    RINGSLOT_RADIO       host:port of the virtual radio (tools/radio.py)
    RINGSLOT_BLE_NAME    the lock's name there

Prints {"hand": port} once it runs, see boards/sim/hand.py. Exit status: 0 asked to quit, 2 a setting is wrong,
3 start me again, 4 the same and the power was cut; -14 the watchdog. The composition root of this board.
"""

import asyncio
import json
import os
import sys

sys.path[0] = __file__.rpartition("boards/sim/")[0] or "."  # the checkout, not boards/sim/

from boards.sim.board import Board  # noqa: E402
from boards.sim.hand import Hand  # noqa: E402
from firmware.lock import Lock  # noqa: E402

_SETTINGS = {
    "RINGSLOT_SIM_FLASH": "the path of a flash image, see boards/sim/flash_image.py",
    "RINGSLOT_SIM_DIR": "a folder for the world around the lock",
    "RINGSLOT_RADIO": "host:port of the virtual radio, see tools/radio.py",
    "RINGSLOT_BLE_NAME": "the lock's name on the virtual radio",
}


def refuse(sentence):
    sys.stderr.write(sentence + "\n")
    sys.exit(2)


async def main():
    settings = {name: os.getenv(name) for name in _SETTINGS}
    for name, value in settings.items():
        if not value:
            refuse("%s is not set: %s." % (name, _SETTINGS[name]))
    try:
        board = Board(settings["RINGSLOT_SIM_FLASH"], settings["RINGSLOT_SIM_DIR"])
        lock = Lock(board)
    except (OSError, ValueError) as error:
        refuse("The lock cannot start: %s." % error)
    hand = Hand(board)
    await hand.start()
    print(json.dumps({"hand": hand.port}))
    await lock.run()


if __name__ == "__main__":
    asyncio.run(main())
