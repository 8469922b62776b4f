# heap: 2m
"""The power goes in every write of an update, torn in every way; the launcher starts the old release or the new, whole,
and an update that is taken up again comes to its end (E04, D01, D02).

On MicroPython a write is one of littlefs to a block of flash, and what is there of it nothing, half, all but one byte,
random bits or all. On CPython it is a whole file.
"""

import asyncio
import os

from boards import launcher
from boards.sim.power import Halt
from boards.sim.release import holds, install, release
from boards.sim.virtual import VirtualBoard
from firmware.slots import Slots
from firmware.store import Store

SIZES = (("boards/sim/main.mpy", 300), ("firmware/lock.mpy", 700), ("protocol/cbor.mpy", 40))
OLD = release(1, sizes=SIZES + (("firmware/gone.mpy", 20),))
NEW = release(2, changed=("firmware/lock.mpy",), sizes=SIZES + (("firmware/x/__init__.py", 0),))
OLDER = release(0, sizes=SIZES + (("firmware/stray.mpy", 20),))
_LIVES = 8


class Bike:
    """A board, and what its lock does from one boot to the next. `good`: the new release passes its self-test."""

    def __init__(self, good, cable=False):
        """`cable`: the old release came by cable, which brings no manifest."""
        self.good = good
        self.board = VirtualBoard()
        self.root = self.board.storage.root
        install(self.root, OLDER, "b")
        install(self.root, OLD)
        if cable:
            os.remove(self.root + "/a/manifest")

    async def _pause(self):
        pass

    async def _get(self, name, offset):
        return NEW.get(name, offset)

    async def _update(self, slots):
        if not slots.ready(NEW.digest):
            if not slots.begun(NEW.digest):
                for at in range(0, len(NEW.manifest), 512):
                    slots.take_offered(at, NEW.manifest[at : at + 512])
                assert slots.check_offered(NEW.digest)
                slots.begin()
            await slots.tidy()
            await slots.fill(self._get)
            await slots.finish()
        if not slots.failures():
            await slots.switch(False)

    def live(self):
        """One boot, as far as it goes. Halt when the power goes."""
        slot = launcher.settle(self.root)
        slots = Slots(Store(self.root), self._pause)
        assert slots.running == slot
        if slots.left:
            slots.told()
        if slots.back and self.good:
            slots.confirm()
        elif slots.back:
            slots.go_back()
        elif slot == "a":
            asyncio.run(self._update(slots))

    def boot(self):
        self.board = self.board.reboot(warm=False)

    def check(self):
        """What starts next is whole. Reads only."""
        whole = [name for name in ("a", "b") if holds(self.root, name, NEW if name == "b" else OLD)]
        with open(self.root + "/slot") as file:
            run, _ = launcher.choose(file.read(), whole)
        assert run in whole, (run, whole)
        if "manifest" in os.listdir(self.root + "/b"):  # no slot says that it is whole when it is not
            assert holds(self.root, "b", NEW) or holds(self.root, "b", OLDER)

    def done(self):
        with open(self.root + "/slot") as file:
            text = file.read()
        if self.good:
            return text == "b" and holds(self.root, "b", NEW)
        slots = Slots(Store(self.root), None)
        return text == "a" and slots.failures() > 0 and slots.ready(NEW.digest) and holds(self.root, "a", OLD)

    def finish(self):
        """How many lives until the update has come to its end."""
        for count in range(_LIVES):
            if self.done():
                return count
            self.boot()
            self.live()
            self.check()
        raise AssertionError("it never ends")


def _cuts(good, life):
    """Cuts each write of one of the lives, in every way. Gives how many."""
    tears = [None]
    count, number = 0, 0
    while tears:
        number += 1
        for tear in list(tears):
            bike = Bike(good)
            try:
                for _ in range(life):
                    bike.live()
                    bike.boot()
                power = bike.board.power
                if tears == [None]:
                    tears = list(power.tears)
                    tear = tears[0]
                power.cut_at(number, tear)
                try:
                    bike.live()
                    return count  # it has no write of that number
                except Halt:
                    pass
                count += 1
                bike.boot()
                bike.check()
                bike.finish()
            except AssertionError as error:
                raise AssertionError("life %d, write %d, %s: %s" % (life, number, tear, error))
            finally:
                bike.board.close()


def test_a_cut_in_any_write_of_the_download():
    assert _cuts(True, 0) > 20


def test_a_cut_in_any_write_of_the_first_start_and_its_confirmation():
    assert _cuts(True, 1) >= 4


def test_a_cut_in_any_write_of_the_way_back():
    assert _cuts(False, 1) >= 4
    assert _cuts(False, 2) >= 4


def test_a_release_that_came_by_cable_is_come_back_to():
    """With the power cut before each of its boots."""
    for good in (False, True):
        bike = Bike(good, cable=True)
        seen = []
        for _ in range(6):
            bike.live()
            bike.boot()
            with open(bike.root + "/slot") as file:
                seen.append(file.read())
        assert seen == (
            ["b a 2", "b", "b", "b", "b", "b"] if good else ["b a 2", "a !b", "a", "a", "a", "a"]
        ), seen
        bike.board.close()


def test_without_a_cut_each_ends_as_it_should():
    for good, lives in ((True, 2), (False, 3)):
        bike = Bike(good)
        assert bike.finish() == lives
        bike.board.close()


def test_a_flash_that_fails_for_good_still_starts_the_old_release():
    """From its nth write on everything that is written fails; the launcher starts what is whole nevertheless."""
    for number in range(1, 200):
        bike = Bike(True)
        bike.board.power.fail_at(number)
        try:
            bike.live()
            bike.board.close()
            return
        except OSError:
            pass
        bike.boot()
        bike.board.power.fail_at(1)
        assert launcher.settle(bike.root) == "a" and holds(bike.root, "a", OLD), number
        bike.board.close()
    raise AssertionError("it never ends")
