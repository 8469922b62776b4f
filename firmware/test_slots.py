"""The other slot filled, switched to, confirmed and left, with sources that lie, break off and come back."""

import asyncio
import os

from boards.sim import release as made
from boards.sim.release import Release, holds, install, release
from boards.sim.virtual import VirtualBoard
from firmware.slots import NoRoom, Slots, WrongFile
from firmware.store import Store

OLD = release(1)
NEW = release(2, changed=("firmware/lock.mpy", "firmware/unlock.mpy"))


class Broke(Exception):
    """The source breaks off."""


class Bench:
    """A board that runs `old` from slot a. `asked`: what the source was asked for."""

    def __init__(self, old=OLD, new=NEW):
        self.board = VirtualBoard()
        self.root = self.board.storage.root
        self.new = new
        self.lie = None
        install(self.root, old)
        self.open()

    def open(self):
        self.slots = Slots(Store(self.root), self._pause)
        self.asked = []
        self.left = 1 << 30  # blocks until the source breaks off

    async def _pause(self):
        pass

    async def get(self, name, offset):
        if not self.left:
            raise Broke
        self.left -= 1
        self.asked.append((name, offset))
        data = self.new.get(name, offset)
        return self.lie(data) if self.lie and offset == 512 else data

    def offer(self):
        for at in range(0, len(self.new.manifest), 512):
            self.slots.take_offered(at, self.new.manifest[at : at + 512])
        return self.slots.check_offered(self.new.digest)

    async def _install(self):
        if not self.slots.begun(self.new.digest):
            assert self.offer()
            self.slots.begin()
        await self.slots.tidy()
        await self.slots.fill(self.get)
        await self.slots.finish()

    def install(self):
        asyncio.run(self._install())

    def switch(self, alone=False):
        asyncio.run(self.slots.switch(alone))

    def slot(self):
        with open(self.root + "/slot") as file:
            return file.read()

    def close(self):
        self.board.close()


def raised(error, function, *args):
    try:
        function(*args)
    except error:
        return True
    return False


def test_only_what_differs_is_fetched_and_the_running_slot_stays_as_it_was():
    bench = Bench()
    bench.install()
    assert holds(bench.root, "a", OLD) and holds(bench.root, "b", NEW)
    changed = [NEW.files[path] for path in ("firmware/lock.mpy", "firmware/unlock.mpy")]
    assert [bench.new.get(name, 0, 9999) for name, at in bench.asked if at == 0] == changed
    assert len(bench.asked) == 4 and bench.slot() == "a"
    bench.switch()
    assert bench.slot() == "b a 2"
    bench.close()


def test_a_lock_that_is_not_run_from_slots_has_none():
    board = VirtualBoard()
    assert raised(KeyError, Slots, Store(board.storage.root))
    board.close()


def test_it_goes_on_where_it_stopped():
    bench = Bench()
    bench.left = 2  # of the three blocks of firmware/lock.mpy
    assert raised(Broke, bench.install)
    assert not holds(bench.root, "b", NEW) and bench.slots.begun(NEW.digest)
    bench.open()
    bench.install()
    assert bench.asked == [(bench.asked[0][0], 1024), (bench.asked[1][0], 0)]
    assert holds(bench.root, "b", NEW)
    bench.close()


def test_a_third_release_fills_the_same_slot_from_what_is_there():
    bench = Bench()
    bench.install()
    sizes = [(path, size) for path, size in made._SIZES if path != "firmware/unlock.mpy"] + [
        ("protocol/x/y.mpy", 5)
    ]
    bench.new = release(3, changed=("protocol/x/y.mpy",), sizes=sizes)
    made.write(bench.root + "/b/firmware/stray/z.mpy", b"z")
    made.write(bench.root + "/b/firmware/cbor.py", b"a shadow")
    bench.open()
    bench.install()
    assert holds(bench.root, "b", bench.new) and "stray" not in os.listdir(bench.root + "/b/firmware")
    assert len(bench.asked) == 1
    bench.close()


def test_e04_a_source_that_gives_other_bytes_or_sizes():
    def other(data):
        return b"\0" + data[1:]

    for i, lie in enumerate((other, lambda data: data[:-1], lambda data: data + b"x", lambda data: b"")):
        bench = Bench()
        bench.lie = lie
        assert raised(WrongFile, bench.install) and bench.asked[-1][1] >= 512, i
        assert not bench.slots.ready(NEW.digest) and bench.slot() == "a" and holds(bench.root, "a", OLD)
        bench.lie = None
        bench.open()
        bench.install()
        assert holds(bench.root, "b", NEW)
        bench.close()


def test_what_a_cut_left_damaged_is_fetched_anew():
    bench = Bench()
    bench.left = 2
    assert raised(Broke, bench.install)
    with open(bench.root + "/b/firmware/lock.mpy.part", "wb") as file:
        file.write(b"?" * 600)
    bench.open()
    bench.install()
    assert [at for _, at in bench.asked] == [512, 1024, 0, 512, 1024, 0]
    assert holds(bench.root, "b", NEW)
    bench.close()


def test_a_file_that_changes_after_it_was_written_is_noticed_before_the_switch():
    for when in ("finish", "switch"):
        bench = Bench()
        bench.install()
        if when == "finish":
            os.rename(bench.root + "/b/manifest", bench.root + "/b/incoming")
        made.write(bench.root + "/b/firmware/lock.mpy", b"x" * 1100)
        work = bench.slots.finish() if when == "finish" else bench.slots.switch(False)
        assert raised(WrongFile, asyncio.run, work)
        assert bench.slot() == "a"
        bench.close()


def test_a_manifest_that_is_not_whole_begins_nothing():
    bench = Bench()
    assert not bench.slots.check_offered(NEW.digest)
    for data in (NEW.manifest[:-1], NEW.manifest + b"x", NEW.manifest[:-1] + b"x", b"", OLD.manifest):
        bench.slots.take_offered(0, data)
        assert not bench.slots.check_offered(NEW.digest)
    assert bench.offer()
    bench.close()


def test_a_release_that_leaves_no_room_for_receipts_is_refused():
    data = bytes(12_000)
    bench = Bench(new=Release(2, {"firmware/big%d.mpy" % i: data for i in range(6)}))
    assert raised(NoRoom, bench.install) and not bench.asked
    assert holds(bench.root, "a", OLD) and bench.slot() == "a"
    bench.new = Release(3, {"firmware/big%d.mpy" % i: data for i in range(3)})
    bench.open()
    bench.install()
    bench.close()


def test_trial_confirmed():
    bench = Bench()
    bench.install()
    bench.switch()
    made.write(bench.root + "/slot", b"b a 1")  # as the launcher counts
    bench.open()
    assert (bench.slots.running, bench.slots.other, bench.slots.back) == ("b", "a", "a")
    assert not bench.slots.is_alone()
    bench.slots.confirm()
    assert bench.slot() == "b" and bench.slots.back is None
    bench.close()


def test_trial_left_and_told_and_counted():
    bench = Bench()
    bench.install()
    for count in range(3):
        bench.switch(alone=True)
        made.write(bench.root + "/slot", b"b a 0")
        bench.open()
        assert bench.slots.is_alone()
        bench.slots.go_back()
        assert bench.slot() == "a !b"
        bench.open()
        assert (bench.slots.running, bench.slots.left, bench.slots.failures()) == ("a", "b", count)
        bench.slots.told()
        assert bench.slot() == "a" and bench.slots.left is None and bench.slots.failures() == count + 1
        assert bench.slots.ready(NEW.digest)
    bench.switch(alone=False)
    assert not os.listdir(bench.root + "/b").count("alone")
    bench.new = release(3)
    made.write(bench.root + "/slot", b"a")
    bench.open()
    bench.install()
    assert bench.slots.failures() == 0  # another release starts with a clean sheet
    bench.close()
