"""On metal: `pytest hil_tests --board metal --port /dev/ttyACM0 --wired-as esp32s3_lock`. First read METAL.md.

Without a board each of these is reported as not run. None has ever been: what is tested here of itself is the line.
"""

import asyncio
import json

import pytest

from hil_tests.metal import ROOT, Metal, MetalError
from protocol import gatt
from tools import rv32

PARTS = "from boards.{board} import pins\nfrom boards.parts import selftest\nselftest.run(pins, {move})"
CLOCK = """
import machine, time
from boards.parts.clock import Clock
from boards.parts.rtc_memory import RtcMemory
memory = RtcMemory(machine.RTC())
clock = Clock(machine.RTC(), memory, time, None)
"""
NOON = 1_790_000_000


def test_the_line_to_a_board_works(rv32_image, tmp_path):
    """The 32-bit board in QEMU stands in: a prompt is a prompt."""
    memory = rv32.Memory(tmp_path / "memory")
    memory.put_files({})
    with rv32.Machine(memory, icount=False, serial="pty") as machine:
        board = Metal(machine.pty(), "esp32_dev")
        assert board.run("print(6 * 7)").strip() == "42"
        with pytest.raises(MetalError, match="ZeroDivisionError"):
            board.run("1 / 0")


def test_the_chip_is_the_one_that_the_wiring_is_for(metal):
    about = json.loads((ROOT / "boards" / metal.board / "board.json").read_text())
    said = metal.run(
        "import os\nprint(sys.platform, os.uname().machine.replace('-', ''), os.uname().release)"
    )
    assert (
        said.startswith("esp32 ") and about["chip"].upper() in said.upper() and about["micropython"] in said
    )


def test_every_part_is_well(metal):
    said = metal.run(PARTS.format(board=metal.board, move=False), 90)
    assert "link ok" in said and ":" not in said, said


def test_the_bolt_is_drawn_and_a_hand_closes_it(metal, moving, ask):
    said = metal.run(PARTS.format(board=metal.board, move=True), 90)
    assert "motor ok" in said, said
    ask("Push the ring shut.")
    assert "bolt ok" in metal.run(PARTS.format(board=metal.board, move=False), 90)


def test_calendar_and_mark_outlive_a_reset(metal):
    metal.run(CLOCK + f"clock.set_rtc({NOON})")
    metal.start("machine.reset()")
    metal.back()
    said = metal.run(CLOCK + "print(clock.rtc(), memory.whole)").split()
    assert said[1] == "True" and 0 < int(said[0]) - NOON < 120


def test_the_watchdog_bites_and_says_so(metal):
    metal.start("machine.WDT(timeout=2_000)\nwhile True: pass")
    metal.back()
    assert metal.run("print(machine.reset_cause() == machine.WDT_RESET)").strip() == "True"


def test_a_phone_sees_a_lock_that_runs(metal):
    """By this machine's own adapter; the board has to be provisioned."""
    from bleak import BleakScanner

    metal.start("machine.reset()")

    async def seen():
        async with BleakScanner() as scanner:
            async with asyncio.timeout(30):
                async for _, shown in scanner.advertisement_data():
                    if len(shown.manufacturer_data.get(gatt.COMPANY, b"")) == 8:
                        return True

    assert asyncio.run(seen())
