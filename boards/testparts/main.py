"""One lock of ESP32 parts as a process, in real time: its board's own main.py on doubles, on the virtual radio.

    RINGSLOT_BOARD       the board's folder, such as esp32s3_lock
    and all that boards/sim/main.py takes; `bearer.json` on the flash joins the Wi-Fi "bench" or the modem's APN.

The same world, hand and exit statuses as boards/sim/main.py has, and the real boards/parts/ between it and firmware.
"""

import asyncio
import gc
import json
import os
import sys
import time

gc.threshold(16_384)
sys.path[0] = __file__.rpartition("boards/testparts/")[0] or "."  # the checkout, not boards/testparts/

import protocol.ed25519  # noqa: E402, F401
from boards.sim import bluetooth, shown  # noqa: E402
from boards.sim.board import EXIT_POWER, EXIT_RESET, ROOT, Storage  # noqa: E402
from boards.sim.hand import Hand  # noqa: E402
from boards.sim.lasting import Lasting  # noqa: E402
from boards.sim.power import Halt  # noqa: E402
from boards.testparts import clocks, esp32, machine, network, rig  # noqa: E402
from boards.testparts.chip import Chip  # noqa: E402
from boards.testparts.wiring import Wiring  # noqa: E402

SSID, KEY = "bench", "of the bench"
_TICK_MS = 5
_ENDS = {"reset": ("reset", EXIT_RESET), "power": ("power", EXIT_POWER)}


class Air:
    """There while the world's network is."""

    def __init__(self, lasting):
        self._lasting, self.dns = lasting, "127.0.0.1"

    @property
    def networks(self):
        return {SSID: KEY} if self._lasting.at().uplink else {}


class Beside:
    """What the hand beside the bike takes hold of: a board of the simulator, as far as it goes."""

    def __init__(self, board, chip, lasting):
        self.lasting, self.clock, self.boot_cause = lasting, board.clock, board.boot_cause
        self._chip = chip

    def end(self, farewell):
        """ "reset": its reset button, of which the chip says no more than that it was reset; "power": a cut."""
        self._chip.stop(farewell)
        leave(self._chip, self.lasting)


def leave(chip, lasting):
    farewell, code = _ENDS.get(chip.halted, (None, EXIT_RESET))
    lasting.at().dark()
    lasting.save(farewell)
    with open(lasting.folder + "/chip.new", "w") as file:
        json.dump(chip.dump(), file)
    os.rename(lasting.folder + "/chip.new", lasting.folder + "/chip")
    sys.exit(code)


def revive(chip, lasting):
    """The chip as the last process left it; one that was killed lost its power."""
    path = lasting.folder + "/chip"
    try:
        with open(path) as file:
            kept = json.load(file)
    except OSError:
        return
    os.remove(path)
    chip.restore(kept)


def main(name):
    pins = __import__("boards.%s.pins" % name, None, None, ("*",))
    Storage(os.getenv("RINGSLOT_SIM_FLASH"))  # mounts it at ROOT
    lasting = Lasting(os.getenv("RINGSLOT_SIM_DIR"))
    chip = Chip(pins.CHIP, lasting.now_ms)
    revive(chip, lasting)
    chip.pass_ms = time.sleep_ms
    machine.use(chip)
    esp32.use(chip)
    network.use(chip, Air(lasting))
    wiring = Wiring(chip, pins, lasting.world, lasting)
    rig.DOUBLES["bluetooth"] = bluetooth
    module = rig.loaded("boards.%s.main" % name)
    rig.loaded("boards.parts.esp32_board").time = clocks.Time(chip)
    module.pins = rig.Pins(pins, ROOT)
    lock_class = module.Lock
    made = []

    def make(board):
        lasting.world.radio_on = True
        made.append((board, lock_class(board)))
        return made[0][1]

    async def tend():
        while not made:
            await asyncio.sleep_ms(_TICK_MS)
        board, lock = made[0]
        hand = Hand(Beside(board, chip, lasting), lambda: shown.of(lock))
        await hand.start()
        print(json.dumps({"hand": hand.port}))
        while True:
            if wiring.modem:
                wiring.modem.network = lasting.at().uplink
            wiring.advance()
            chip.tick()
            await asyncio.sleep_ms(_TICK_MS)

    async def both(lock):
        asyncio.create_task(tend())
        await lock

    start = rig.loaded("boards.parts.start")
    start.asyncio = clocks.Aio(asyncio.sleep_ms)
    start.asyncio.run = lambda lock: asyncio.run(both(lock))
    module.Lock = make
    try:
        module.run()
    except Halt:
        leave(chip, lasting)


if __name__ == "__main__":
    main(os.getenv("RINGSLOT_BOARD"))
