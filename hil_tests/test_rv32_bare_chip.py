"""From a bare chip to a lock that its rider opens, in one command, by the real esptool and mpremote on one port.

The port is a chip's (rom_chip.py): its loader takes the image, and what then boots is MicroPython on the 32-bit board,
whose line the chip's is. Of that board only two things are not asked here: the name of its processor, and where its
file system lies.
"""

import contextlib
import os
import threading
import tty

import pytest

from hil_tests.rom_chip import RomChip
from hil_tests.test_flash import image
from hil_tests.test_rv32_flash import BOARD, CABLE_HEAP, opens, ringslot
from hil_tests.test_rv32_lock import Street
from tools import board_data, device
from tools.rv32_cable import Cabled

CHIP = "esp32c6"
SAYS = b"ESP32C6 module"


class Booted:
    """The 32-bit board, running, behind a chip's line: also after it has reset itself."""

    def __init__(self, chip, board):
        self._board, self._chip, self._line = board, chip, -1
        self._there = threading.Event()
        board.start()
        threading.Thread(target=self._listen, daemon=True).start()
        assert self._there.wait(30)

    def _listen(self):
        while self._board.on:
            with contextlib.suppress(OSError):  # it resets: its pty is another one then
                self._line = os.open(self._board.port, os.O_RDWR | os.O_NOCTTY)
                tty.setraw(self._line)
                self._there.set()
                while data := os.read(self._line, 4096):
                    self._chip.say(data)
            line, self._line = self._line, -1
            if line >= 0:
                os.close(line)
            threading.Event().wait(0.05)

    def write(self, data):
        with contextlib.suppress(OSError):
            os.write(self._line, data)

    def stop(self):
        self._board.cut()


@pytest.fixture
def as_if_of_that_chip(monkeypatch):
    """boards/qemu_rv32 with what a board.json says of an ESP32-C6."""
    other = board_data.read("esp32c6_lock")
    data = {**other, **board_data.read(BOARD), "chip": CHIP}
    monkeypatch.setattr(board_data, "read", lambda board: data)
    about = device.Device.about
    monkeypatch.setattr(
        device.Device, "about", lambda self: about(self)._replace(machine="ESP32C6 module with ESP32C6")
    )


def test_one_command_and_a_cable_that_is_pulled_in_it(rv32_image, as_if_of_that_chip, tmp_path):
    (tmp_path / "street").mkdir()
    street = Street(tmp_path / "street")
    path = tmp_path / "image.bin"
    path.write_bytes(image(CHIP, says=SAYS))
    board = Cabled(tmp_path, CABLE_HEAP)
    with RomChip(CHIP, program=lambda chip: Booted(chip, board)) as chip:
        words = ("--board", BOARD, "--image", str(path), "--lock", str(tmp_path / "street" / "files"))
        chip.fail_after = 150_000
        status, said = ringslot("flash", chip.port, *words)
        assert status == 1 and "run the same command" in said[chip.port]["error"], said
        status, said = ringslot("flash", chip.port, *words)
        assert status == 0 and said[chip.port]["copied"] > 40, said
        assert {"storage", "bolt", "signatures"} <= {check["name"] for check in said[chip.port]["checks"]}
        assert bytes(chip.flash[: path.stat().st_size]) == path.read_bytes()
        board.wait_reset(0)
    assert opens(tmp_path, street)


def test_an_image_does_not_erase_a_lock_unless_that_is_said(rv32_image, as_if_of_that_chip, tmp_path):
    """This board has no loader for esptool, so to go on is to hear that the chip does not answer."""
    path = tmp_path / "image.bin"
    path.write_bytes(image(CHIP, says=SAYS))
    board = Cabled(tmp_path, CABLE_HEAP)
    board.memory.put_files({"lock/identity": b"of somebody's bicycle"})
    with board:
        words = ("flash", board.port, "--board", BOARD, "--image", str(path))
        status, said = ringslot(*words)
        assert (
            status == 1 and "is a lock already, and an image erases its keys" in said[board.port]["error"]
        ), said
        status, said = ringslot(*words, "--even-a-lock")
        assert status == 1 and "hold its BOOT button" in said[board.port]["error"], said
