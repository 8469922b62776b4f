"""A whole board of ESP32 parts in virtual time: the real drivers on doubles of their modules, in a world of its own.

    rig = Rig(pins)                     pins: of a board's folder
    board = rig.boot()                  boards.parts.esp32_board.Board, just composed
    rig.run(story())                    with time that passes
    rig.main("esp32s3_lock", story)     the board's own main.py, while the story lasts
    rig.end("power"); rig.boot()        the same bicycle and flash, after that end

`chip`, `world`, `wiring`, `air`, `radio`, `timeline`, `storage`: what there is to look at and to act on.
"""

import asyncio
import gc
import sys

from boards.sim.power import Halt, Power
from boards.sim.timeline import Timeline
from boards.sim.virtual import START
from boards.sim.virtual import Storage as Flash
from boards.sim.world import World
from boards.testparts import bluetooth, clocks, esp32, machine, network, vfs
from boards.testparts.chip import Chip
from boards.testparts.wiring import Wiring

DOUBLES = {"machine": machine, "network": network, "bluetooth": bluetooth, "esp32": esp32, "vfs": vfs}


class _Const:
    """`micropython`, for CPython."""

    @staticmethod
    def const(value):
        return value


if not hasattr(gc, "threshold"):  # CPython; nobody else there has these names
    gc.threshold = lambda size: None
    sys.print_exception = lambda error: print(repr(error))


def loaded(name):
    """A module that imports metal, imported on our doubles. They leave sys.modules again: who has them, has them."""
    doubles = dict(DOUBLES)
    if sys.implementation.name != "micropython":
        doubles["micropython"] = _Const
    before = {each: sys.modules.get(each) for each in doubles}
    sys.modules.update(doubles)
    try:
        return __import__(name, None, None, ("*",))
    finally:
        for each, module in before.items():
            if module is None:
                del sys.modules[each]
            else:
                sys.modules[each] = module


class Pins:
    """A board's pins, with the storage somewhere else."""

    def __init__(self, pins, root):
        for name in dir(pins):
            if name[0] != "_":
                setattr(self, name, getattr(pins, name))
        self.ROOT = root


class Rig:
    def __init__(self, pins, epoch=2000, ticks_from=0):
        self._epoch, self._ticks_from = epoch, ticks_from
        self.timeline = Timeline(START)
        self.world = World(START)
        self.chip = Chip(pins.CHIP, lambda: self.timeline.now)
        self.wiring = Wiring(self.chip, pins, self.world)
        self.chip.pass_ms = self._pass
        self.air = network.Air()
        self.radio = bluetooth.Radio(self.chip)
        self.storage = Flash(Power())
        self.pins = Pins(pins, self.storage.root)
        self.timeline.watchers.append(lambda now: (self.wiring.advance(), self.chip.tick()))
        self._dress()

    def _dress(self):
        machine.use(self.chip)
        esp32.use(self.chip)
        network.use(self.chip, self.air)
        bluetooth.use(self.radio)
        self.aio = clocks.Aio(self._sleep_ms)
        for name in ("boards.parts.esp32_board", "boards.parts.ble", "boards.parts.start"):
            module = loaded(name)
            module.time = clocks.Time(self.chip, self._epoch, self._ticks_from)
            module.asyncio = self.aio

    async def _sleep_ms(self, ms):
        await self.timeline.until(self.timeline.now + ms, lambda: self.chip.halted)
        self.chip.check()

    def _pass(self, ms):
        """Time goes on, and nothing in the chip does."""
        self.timeline.now += ms
        self.wiring.advance()

    def put(self, name, data):
        with open(self.storage.root + "/" + name, "wb") as file:
            file.write(data)

    def boot(self):
        """The board's parts, composed."""
        from boards.parts.storage import Storage

        return loaded("boards.parts.esp32_board").Board(self.pins, Storage(self.storage.root))

    def end(self, why):
        """Ends this boot and begins the next: "reset", "watchdog", "panic", "power", "brownout".

        After a deep sleep: once that is over.
        """
        if not self.chip.halted:
            self.chip.stop(why)
        self.chip.boot()
        self.radio.reset()
        self.storage = self.storage.again(Power())
        self._dress()

    def run(self, coroutine):
        return asyncio.run(coroutine)

    def main(self, name, story, lock_class=None, how=lambda main: main.run()):
        """Runs boards/<name>/main.py until the story, a coroutine function, is over; then the chip stops.

        `lock_class`: in place of firmware's; `how`: calls what is to run of it.
        """
        main = loaded("boards.%s.main" % name)
        main.pins = self.pins
        lock, main.Lock = main.Lock, lock_class or main.Lock
        failed = []  # a program that resets after any exception would hide the story's

        async def both(lock):
            task = asyncio.create_task(lock)
            try:
                await story()
            except BaseException as error:
                failed.append(error)
                raise
            finally:
                if not self.chip.halted:
                    self.chip.stop("panic")
                task.cancel()
                try:
                    await task
                except (asyncio.CancelledError, Halt):
                    pass

        self.aio.run = lambda lock: asyncio.run(both(lock))
        try:
            how(main)
        except Halt:
            pass
        finally:
            main.Lock = lock
        if failed:
            raise failed[0]

    def close(self):
        self.storage.close()
