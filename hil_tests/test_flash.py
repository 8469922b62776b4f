"""MicroPython's image onto a bare chip, by the real esptool, on a chip that is a program.

The chip's loader and flash are rom_chip.py's; what boots from it is for test_rv32_bare_chip.py.
Unproven without a chip: that its own ROM takes what the double takes, that the official image starts, and everything
electrical.
"""

import fcntl
import random
import struct

import pytest

from hil_tests.rom_chip import CHIPS, RomChip, Wire
from tools import esp_image, flash_chip
from tools.device import Device
from tools.errors import ToolError

BOARD = {
    "name": "a test board",
    "chip": "esp32s3",
    "image": "ESP32_GENERIC_S3",
    "image_says": "Generic ESP32S3 module",
    "image_offset": 0,
    "flash_size": 8 << 20,
    "micropython": "1.28.0",
}


def application(
    chip: str,
    project: bytes = b"micropython",
    says: bytes = b"Generic ESP32S3 module",
    version: bytes = b"v1.28.0",
) -> bytes:
    """An application's image of one segment, as ESP-IDF lays it out."""
    number = {name: number for number, name in esp_image.CHIP_IDS.items()}[chip]
    described = struct.pack(
        "<II8x32s32s16s16s32s32s", 0xABCD5432, 0, version, project, b"", b"", b"v5.4.2", b""
    )
    segment = described + bytes(80) + says + random.Random(1).randbytes(300_000)
    header = struct.pack("<BBBBI4xH9xB", 0xE9, 1, 2, 0x20, 0x40380000, number, 0)
    return header + struct.pack("<II", 0x3C000020, len(segment)) + segment


def image(chip: str = "esp32s3", **more: bytes) -> bytes:
    """A whole image: boot loader, partition table, application."""
    flashed_at = CHIPS[chip][4]
    boot = application(chip, b"bootloader", b"")[:0x6000]
    return boot.ljust(esp_image.APPLICATION_AT - flashed_at, b"\xff") + application(chip, **more)


@pytest.mark.parametrize(
    "data, said",
    [
        (image(), None),
        (image("esp32c6"), "is for esp32c6, and a test board has an esp32s3"),
        (image(project=b"esp-at"), "is esp-at and not MicroPython"),
        (image(says=b"M5STACK_ATOM"), "another board with the same chip"),
        (
            image(version=b"v1.20.0"),
            "is MicroPython v1.20.0, and a test board needs 1.28.0 or newer: nothing was",
        ),
        (image(version=b"v1.9.4-dirty"), "or newer: nothing was erased"),
        (image(version=b"v1.28.0-dirty"), None),
        (image(version=b"v1.30.0"), None),
        (image(version=b"0a1b2c3"), None),
        (image()[:200_000], "holds no application"),
        (image()[:300_000], "was cut: "),
        (application("esp32s3"), "holds no application"),
        (b"PK\x03\x04" + bytes(1000), "an archive"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"", "no image for an ESP32"),
        (image().ljust(9 << 20, b"\xff"), "larger than the 8 MB of flash"),
    ],
)
def test_an_image_is_looked_at_before_anything_is_erased(tmp_path, data, said):
    path = tmp_path / "image.bin"
    path.write_bytes(data)
    if said is None:
        assert flash_chip.check(path, BOARD).chip == "esp32s3"
    else:
        with pytest.raises(ToolError, match=said):
            flash_chip.check(path, BOARD)


@pytest.mark.parametrize(
    "chip", [pytest.param(chip, marks=[] if chip == "esp32s3" else pytest.mark.long) for chip in CHIPS]
)
def test_esptool_erases_writes_and_compares(tmp_path, chip):
    path, shares = tmp_path / "image.bin", []
    path.write_bytes(image(chip))
    board = {**BOARD, "chip": chip, "image_offset": CHIPS[chip][4]}
    with RomChip(chip) as bare:
        bare.flash[0x300000:0x300005] = b"stale"
        flash_chip.write(bare.port, path, board, shares.append)
        at = board["image_offset"]
        assert bytes(bare.flash[at : at + len(image(chip))]) == image(chip)
        assert bare.erased == 1 and b"stale" not in bare.flash and bare.boots == 1
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) > 5


def test_another_chip_is_left_as_it_was(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(image())
    with Wire("esp32c6") as bare:
        bare.flash[0:4] = b"mine"
        with pytest.raises(
            ToolError, match="is an ESP32-C6, and this board has an ESP32-S3: nothing was erased"
        ):
            flash_chip.write(bare.port, path, BOARD, lambda share: None)
        assert bare.flash[0:4] == b"mine" and not bare.erased


def test_a_cable_that_is_pulled_costs_a_repetition(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(image())
    with Wire("esp32s3") as bare:
        bare.fail_after = 150_000
        with pytest.raises(ToolError, match="broke in the middle: plug it in again and run the same command"):
            flash_chip.write(bare.port, path, BOARD, lambda share: None)
        assert bytes(bare.flash[: len(image())]) != image()
        flash_chip.write(bare.port, path, BOARD, lambda share: None)
        assert bytes(bare.flash[: len(image())]) == image()


def test_a_port_that_is_not_there(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(image())
    with pytest.raises(ToolError, match="/dev/nowhere is busy, not there, or not yours"):
        flash_chip.write("/dev/nowhere", path, BOARD, lambda share: None)


def test_a_port_that_another_program_holds(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(image())
    with Wire("esp32s3") as bare, open(bare.port, "rb", buffering=0) as other:
        fcntl.flock(other, fcntl.LOCK_EX)  # as esptool, mpremote and terminal programs do
        with pytest.raises(ToolError, match="is busy, not there, or not yours: close other programs"):
            flash_chip.write(bare.port, path, BOARD, lambda share: None)
        with pytest.raises(ToolError, match="is busy or not there: close other programs"):
            Device(bare.port, wait_s=0.5)
        assert not bare.erased


def test_a_flash_that_does_not_hold_what_is_written(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(image())
    with Wire("esp32s3") as bare:
        bare.worn_at = 0x20000
        with pytest.raises(ToolError, match="is not what was written: the flash is worn"):
            flash_chip.write(bare.port, path, BOARD, lambda share: None)


def test_a_chip_that_is_not_in_its_loader(tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(image())
    with Wire("esp32s3") as bare:
        bare.falls_asleep()
        with pytest.raises(ToolError, match="does not answer: hold its BOOT button"):
            flash_chip.write(bare.port, path, BOARD, lambda share: None)
