"""What `ringslot flash` asks of a board before it copies anything, what it shows, and several boards side by side.

The boards themselves: hil_tests/test_flash.py, hil_tests/test_rv32_flash.py.
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from boards.testparts.rig import DOUBLES, Rig
from tools import application, board_data, cli, device, flash, rv32, rv32_build
from tools.errors import ToolError

MPY = {"xtensawin": 0x2B06, "rv32imc": 0x2F06}  # sys.implementation._mpy: version 6, sub-version 3, processor
S3 = "Generic ESP32S3 module with ESP32S3"


class Asked:
    """A board of which only what it says of itself is asked."""

    port = "/dev/ttyACM0"

    def __init__(self, *about):
        self.about = lambda: device.About(*about)


@pytest.mark.parametrize(
    "board, about",
    [
        ("esp32s3_lock", (S3, (1, 28, 0), MPY["xtensawin"])),
        (
            "esp32s3_lock",
            ("Generic ESP32S3 module with Octal-SPIRAM with ESP32S3", (1, 30, 1), MPY["xtensawin"]),
        ),
        ("esp32c6_lock", ("ESP32C6 module with ESP32C6", (1, 28, 0), MPY["rv32imc"])),
        ("esp32c6_lock", ("Somebody's board with ESP32-C6", (1, 28, 0), MPY["rv32imc"] | 0x4000)),
        ("esp32_dev", ("Generic ESP32 module with ESP32", (1, 28, 0), MPY["xtensawin"])),
        ("qemu_rv32", ("QEMU whatever", (1, 25, 0), MPY["rv32imc"])),
    ],
)
def test_the_board_that_was_named_is_taken(board, about):
    flash.refuse_unfit(Asked(*about), board_data.read(board))


@pytest.mark.parametrize(
    "board, about",
    [
        ("esp32_dev", (S3, (1, 28, 0), MPY["xtensawin"])),  # whose code looks the same
        ("esp32s3_lock", ("Generic ESP32 module with ESP32", (1, 28, 0), MPY["xtensawin"])),
        ("esp32s3_lock", ("ESP32C6 module with ESP32C6", (1, 28, 0), MPY["rv32imc"])),
        ("esp32s3_lock", (S3, (1, 22, 0), 0x2A06)),  # native code of another kind
        ("esp32s3_lock", (S3, (1, 18, 0), 0x2B05)),
        ("qemu_rv32", ("linux with x86-64", (1, 28, 0), 0x0B06)),
    ],
)
def test_another_chip_or_an_older_micropython_is_refused_before_anything_is_copied(board, about):
    with pytest.raises(ToolError) as why:
        flash.refuse_unfit(Asked(*about), board_data.read(board))
    said = str(why.value)
    assert about[0] in said and "nothing was copied" in said and "--image" in said


@pytest.mark.parametrize("board", ["esp32s3_lock", "esp32c6_lock", "esp32_dev", "qemu_rv32"])
def test_the_application_is_compiled_for_the_boards_processor(board):
    files = application.slot(board)
    found = {
        data[2] for data in files.values() if data[2] >> 2
    }  # bytes 1 and 2 as above; no processor: bytecode alone
    assert found == {MPY[board_data.read(board)["mpy_arch"]] >> 8} and len(files) > 40
    assert {data[:2] for data in files.values()} == {b"M\x06"}


def test_the_watchdog_of_a_lock_that_was_interrupted_does_not_bite_meanwhile(monkeypatch):
    rig = Rig(__import__("boards.esp32s3_lock.pins", fromlist=["*"]))
    monkeypatch.setitem(sys.modules, "machine", DOUBLES["machine"])
    board = rig.boot()
    try:
        board.watchdog.feed()
        exec(device.UNHURRIED, {})
        rig.timeline.now += 600_000
        rig.chip.tick()
        assert not rig.chip.halted
        board.watchdog.feed()
        rig.timeline.now += 90_000_000  # and it is none of those that never bite
        rig.chip.tick()
        assert rig.chip.halted
    finally:
        rig.close()


def test_several_compile_the_same_at_the_same_time(tmp_path, monkeypatch):
    """On a machine where nothing was compiled yet."""
    monkeypatch.setattr(rv32_build, "BUILD", tmp_path)
    together = threading.Barrier(4)

    def compiled(_):
        made = []
        for n in range(8):
            together.wait(60)
            made.append(rv32.compile_text(f"module{n}", f"x = {n}\n" * 50))
        return made

    with ThreadPoolExecutor(4) as pool:
        one, *others = pool.map(compiled, range(4))
    assert others == [one] * 3
    assert {path.suffix for path in (tmp_path / "mpy").iterdir()} == {".mpy"}


def ringslot(*words):
    return CliRunner().invoke(cli.main, words, catch_exceptions=False)


def test_boards_are_done_side_by_side_and_each_has_its_bar_and_its_end(monkeypatch):
    together = threading.Barrier(2)

    def flashed(port, board, tell, image, lock, *more):
        together.wait(60)  # BrokenBarrierError unless both are under way
        tell("copy", 0.5)
        together.wait(60)
        tell("start", 1)
        if port == "/dev/two":
            raise ToolError("The cable is out.")
        return flash.Result(port, 7, [flash.Check("bolt", True, "ok")])

    monkeypatch.setattr(flash, "flash", flashed)
    done = ringslot("flash", "/dev/one", "/dev/two", "/dev/one", "--board", "esp32s3_lock")
    assert done.exit_code == 1
    assert "/dev/one: done, 7 files copied" in done.stdout and "/dev/two: The cable is out." in done.stdout
    bars = [line for line in done.stderr.splitlines() if "100%" in line]
    assert [line.split()[:2] for line in bars] == [["/dev/one", "start"], ["/dev/two", "start"]]
    done = ringslot("flash", "/dev/one", "/dev/two", "--board", "esp32s3_lock", "--lock", ".")
    assert done.exit_code == 2 and "makes one board one lock" in done.stderr
