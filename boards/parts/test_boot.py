# heap: 2m
"""A hardened image's start on boards of ESP32 parts: a lock that rides, one that is ill, and what ends them."""

import sys

from boards.esp32_dev import pins as dev
from boards.esp32c6_lock import pins as c6
from boards.esp32s3_lock import pins as s3
from boards.parts.test_board import Phone, provision
from boards.testparts import esp32, vfs
from boards.testparts.rig import Rig, loaded
from protocol import exchange, receipt, status

BOARDS = (("esp32s3_lock", s3), ("esp32c6_lock", c6), ("esp32_dev", dev))


def hardened(main):
    main.run(True)


def out_of_order(main):
    main.quarantine()


async def told(rig):
    """What a phone is told that begins an exchange."""
    phone = Phone(rig)
    await phone.connect()
    phone.send(exchange.HELLO, exchange.encode_hello(bytes(8), 0))
    return exchange.decode_result(await phone.answer(exchange.RESULT))[0]


def test_a_hardened_lock_rides_as_any_other():
    rig = Rig(c6)
    provision(rig)
    got = []

    async def story():
        phone = Phone(rig)
        await phone.connect()
        got.append(await phone.unlock(bound=True))
        assert rig.world.actuations == 1

    rig.main("esp32c6_lock", story, how=hardened)
    assert receipt.parse(got[0][1]).type == receipt.OPEN
    rig.close()


def sick_one(name, pins, how):
    rig = Rig(pins)
    provision(rig)
    if how is hardened:
        rig.put("settings.json", b'{"kind": "neither"}')
    seen = []

    async def story():
        for _ in range(2):
            seen.append(await told(rig))
        await rig.timeline.sleep_ms(20_000)
        seen.append((rig.wiring.light, rig.chip.halted, rig.chip.watchdog[0], rig.world.actuations))

    try:
        rig.main(name, story, how=how)
    finally:
        rig.close()
    assert seen[:2] == [status.QUARANTINE] * 2, seen
    assert seen[2][1:] == (None, 10_000, 0), seen


def test_without_storage_each_board_says_that_it_is_out_of_order_and_its_bolt_stays():
    for name, pins in BOARDS:
        sick_one(name, pins, out_of_order)


def test_a_hardened_lock_that_cannot_start_is_out_of_order_too():
    sick_one("esp32s3_lock", s3, hardened)


def test_a_radio_that_does_not_start_ends_a_hardened_program_and_prints_nothing():
    rig = Rig(dev)
    provision(rig)
    rig.radio.broken = True

    async def story():
        raise AssertionError("it ran")

    for how in (hardened, out_of_order):
        try:
            rig.main("esp32_dev", story, how=how)
        except OSError:
            continue
        raise AssertionError("it went on")
    assert rig.chip.halted is None  # whoever called resets
    rig.close()


class Program:
    """A board's main.py. `calls`: what of it ran."""

    def __init__(self):
        self.calls = []

    def run(self, hardened):
        self.calls.append(("run", hardened, sys.path[-1]))

    def quarantine(self):
        self.calls.append(("quarantine", list(sys.path)))


def started(rig):
    """(what ran, how the chip ended) of a start."""
    program, path = Program(), list(sys.path)
    boot = loaded("boards.parts.boot")
    real = sys.modules.get("boards.esp32s3_lock.main")
    sys.modules["boards.esp32s3_lock.main"] = program
    forget, boot.hardened._forget = boot.hardened._forget, lambda: None
    listed, boot.hardened.choose = boot.hardened.choose, lambda root, board: None
    package = sys.modules["boards.esp32s3_lock"]
    before = getattr(package, "main", None)
    package.main = program
    try:
        boot.start("esp32s3_lock")
    except BaseException as ended:  # the reset
        assert type(ended).__name__ == "Halt", repr(ended)
    finally:
        sys.path[:] = path
        boot.hardened._forget, boot.hardened.choose = forget, listed
        if real:
            sys.modules["boards.esp32s3_lock.main"] = real
        else:
            del sys.modules["boards.esp32s3_lock.main"]
        if before:
            package.main = before
        else:
            del package.main
    return program.calls, rig.chip.halted


def test_a_start_mounts_the_partition_runs_the_lock_and_resets():
    rig = Rig(s3)
    vfs.use(False)
    assert started(rig) == ([("run", True, ".frozen")], "reset")
    assert vfs._mounted == [("vfs", "/")] and rig.chip.watchdog[0] == 60_000
    rig.close()


def test_no_partition_or_none_that_mounts_is_out_of_order_and_only_the_image_is_imported():
    for labels, broken in ((("vfs",), True), (("nvs",), False), ((), False)):
        rig = Rig(s3)
        vfs.use(broken)
        esp32.Partition.labels = labels
        try:
            assert started(rig) == ([("quarantine", [".frozen"])], "reset")
        finally:
            esp32.Partition.labels = ("vfs",)
        assert vfs._mounted == []
        rig.close()
