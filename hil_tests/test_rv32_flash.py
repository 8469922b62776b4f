"""A bare 32-bit board gets the lock's software by `ringslot flash` over its pty, whatever happens to the cable."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from hil_tests.test_rv32_lock import HEAP, Street
from tools import application, cli, provision, rv32
from tools import flash as flashing
from tools.device import Device
from tools.errors import ToolError
from tools.rv32_cable import Cabled
from tools.rv32_lock import Client, Rv32Lock

BOARD = "qemu_rv32"
CABLE_HEAP = rv32.size("224k")  # as in test_rv32_story.py


@pytest.fixture
def board(rv32_image, tmp_path):
    """One that nobody has touched: its flash is empty."""
    with Cabled(tmp_path, CABLE_HEAP) as board:
        yield board


def ringslot(*words):
    done = CliRunner().invoke(cli.main, [*words, "--json"], catch_exceptions=False)
    return done.exit_code, json.loads(done.stdout) if done.stdout.startswith("{") else done.output


def flash(board, *more):
    """(whether it went well, what the command says of this port)"""
    resets = board.resets
    status, said = ringslot("flash", board.port, "--board", BOARD, *more)
    if status == 0:
        board.wait_reset(resets)
    return status == 0, said[board.port]


def opens(folder, street):
    """A lock that was made of this memory boots, and lets its rider start."""
    street.lock = Rv32Lock(folder, None, HEAP)
    street.lock.start(180)

    async def ride():
        link = await Client(street.lock).connect(street.keep)
        assert (await street.start_ride(link, b"flashed!")).name == "OK"
        return street.lock.hand("state")["bolt_open"]

    try:
        return asyncio.run(ride())
    finally:
        street.lock.cut()


@pytest.fixture
def street(board, tmp_path):
    """Who will ride it; the lock's files lie in files/."""
    (tmp_path / "street").mkdir()
    return Street(tmp_path / "street")


def test_copied_tested_made_a_lock_and_opened(board, street, tmp_path):
    well, said = flash(board)
    assert well and said["copied"] > 40, said
    assert {"storage", "bolt", "signatures", "gnss"} <= {check["name"] for check in said["checks"]}
    files = tmp_path / "street" / "files"
    well, said = flash(board, "--lock", str(files))  # it stayed at the prompt, and has all else already
    assert well and said["copied"] == len(provision.read(files)), said
    board.cut()
    assert opens(tmp_path, street)


def test_a_cable_that_is_pulled_leaves_what_is_there(board):
    files = application.installed(BOARD)
    with pytest.raises(ToolError, match="run the same command; what is there already is kept"):
        with Device(board.port) as device:
            device.put(files, lambda share: board.cut() if share > 0.4 else None)
    board.start()
    with Device(board.port) as device:
        there = device.hashes()
        kept = sum(there.get(path) is not None for path in files)
        assert 0.2 * len(files) < kept < 0.8 * len(files)
        assert device.put(files) == len(files) - kept
        device.check(files)


def test_two_boards_and_a_port_with_none_side_by_side(rv32_image, tmp_path):
    """By the command, with the real steps: each is told its own end. One has nearly all of it, the other all."""
    files = application.installed(BOARD)
    boards = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        boards.append(Cabled(tmp_path / name, CABLE_HEAP))
        boards[-1].memory.put_files(files)
        files.pop("main.py", None)
    with boards[0] as one, boards[1] as two:
        nowhere = str(tmp_path / "nowhere")
        status, said = ringslot("flash", one.port, nowhere, two.port, "--board", BOARD)
        assert status == 1 and list(said) == [one.port, nowhere, two.port], said
        assert "is busy or not there" in said[nowhere]["error"]
        assert [(said[board.port]["ok"], said[board.port]["copied"]) for board in boards] == [
            (True, 0),
            (True, 1),
        ]
        for board in boards:
            board.wait_reset(0)


def test_what_ran_there_before_is_out_of_the_way(board):
    """A lock that was interrupted leaves its modules, of the slot that is not to be asked, and a heap full of them."""
    with Device(board.port) as device:
        device.put({"main.py": b"print('this one ran')"})
        device.run("import sys\nsys.modules['boards'] = sys\nfull = bytearray(60_000)")
    with Device(board.port) as device:
        assert (
            device.run("import sys\nprint('boards' in sys.modules, 'full' in globals())").split()
            == ["False"] * 2
        )
        said = device.about()
        assert said.machine and len(said.version) == 3 and said.mpy & 0xFF == 6


def test_another_lock_is_not_made_this_one_and_a_full_board_says_so(board, street, tmp_path):
    with Device(board.port) as device:
        device.put({"lock/identity": b"somebody else"})
    well, said = flash(board, "--lock", str(tmp_path / "street" / "files"))
    assert not well and "is a lock already" in said["error"]
    with Device(board.port) as device:
        assert list(device.hashes()) == ["lock/identity"]
        device.remove(["lock/identity"])
        device.run("f = open('filler', 'wb')\nfor _ in range(960): f.write(bytes(1000))\nf.close()")
    well, said = flash(board)
    assert not well and "is full" in said["error"] and "run the same command again" in said["error"]
    board.cut()
    board.start()  # it boots, and waits for the cable
    with Device(board.port) as device:
        device.remove(["filler"])
    assert flash(board)[0]


def test_a_board_with_a_broken_part_says_which(board):
    """Its ring hangs half way: both switches of the bolt say no."""
    with Device(board.port) as device:
        device.put(application.installed(BOARD))
        device.run(
            "import asyncio, sys\nsys.path.insert(0, '/lock/a')\nfrom boards.qemu_rv32 import main\n"
            "board = main.make()\nboard.lasting.world.jam(40)\nboard.motor.pull()\n"
            "async def turn():\n await asyncio.sleep_ms(2_000)\n"  # by its own clock: longer does no harm
            "asyncio.run(turn())\nboard.motor.stop()\nboard.lasting.save()"
        )
    well, said = flash(board)
    assert not well and "failed its self-test. Bolt: neither switch is closed" in said["error"]


@pytest.mark.parametrize("slot", [pytest.param("a", marks=pytest.mark.long), "b", "b a 1"])
def test_a_lock_is_flashed_anew_beside_what_runs(board, street, tmp_path, slot):
    """And boots wherever the cable is pulled. It stays at the prompt here while it has no main.py: on this board,
    unlike on an ESP32, no key interrupts a lock that runs."""
    runs = "a" if slot != "b" else "b"
    other = "b" if runs == "a" else "a"
    own = {f"lock/{name}": data for name, data in street.files.items()}
    code = application.installed(BOARD, into=runs)
    launcher = code.pop("main.py")
    board.cut()
    board.memory.put_files(
        {
            **own,
            **code,
            "lock/slot": slot.encode(),
            f"lock/{runs}/manifest": b"of a release that was brought",
            f"lock/{other}/manifest": b"of the one before, or on trial",
        }
    )
    board.start()
    with pytest.raises(ToolError, match="run the same command"):
        flashing.flash(
            board.port, BOARD, lambda step, share: board.cut() if step == "copy" and share > 0.4 else None
        )
    files = board.memory.files()
    assert files["lock/slot"] == runs.encode() and f"lock/{runs}/manifest" in files
    assert {path: files[path] for path in code if path != "lock/slot"} == {
        path: code[path] for path in code if path != "lock/slot"
    }
    board.memory.put_files({**files, "main.py": launcher})
    assert opens(tmp_path, street)

    files = board.memory.files()
    files.pop("main.py")
    board.memory.put_files(files)
    board.start()
    assert flash(board)[0]
    board.cut()
    files = board.memory.files()
    assert files["lock/slot"] == other.encode() and files["main.py"] == launcher
    assert f"lock/{runs}/manifest" not in files and f"lock/{other}/manifest" not in files
    lock = Rv32Lock(tmp_path, None, HEAP)
    lock.start(180)
    assert lock.hand("state")["bolt_open"]  # its ride goes on
    lock.cut()


@pytest.mark.parametrize("port", ["/dev/nowhere"])
def test_no_board_is_said_so(port):
    with pytest.raises(ToolError, match="busy or not there"):
        Device(port, wait_s=0.5)
