"""What an ESP32 image file says of itself, before anybody writes it: which chip it is for, whether it is MicroPython.

Layout: ESP-IDF Programming Guide, "App Image Format" (esp_image_header_t, 24 bytes, of which byte 0 is the magic and
bytes 12-13 the chip id) and esp_app_desc_t, which begins the first segment of an application. An image as MicroPython
hands them out holds the boot loader, the partition table and, at 0x10000 of the flash, the application.
"""

import struct
from typing import NamedTuple

from tools.errors import ToolError

CHIP_IDS = {0: "esp32", 2: "esp32s2", 5: "esp32c3", 9: "esp32s3", 12: "esp32c2", 13: "esp32c6", 16: "esp32h2"}
APPLICATION_AT = 0x10000  # in flash
_MAGIC = 0xE9
_HEADER = 24
_SEGMENT = 8
_DESCRIPTION = 0xABCD5432
_LEAST = 256 << 10  # bytes; no MicroPython is that small


class Image(NamedTuple):
    chip: str
    project: str
    version: str
    idf: str


def read(data: bytes, flashed_at: int) -> Image:
    """Of a whole image that is to lie at that address of the flash. ToolError, in words for whoever holds the cable."""
    if data[:2] == b"PK" or data[:1] == b"<":
        raise ToolError("This is an archive or a web page, and not an image. Download the .bin file itself.")
    if len(data) < _HEADER or data[0] != _MAGIC:
        raise ToolError(
            "This is no image for an ESP32: it does not begin with the byte E9. Download the .bin file again."
        )
    boot_chip = _chip(data)
    at = APPLICATION_AT - flashed_at
    application = data[at:]
    if len(data) < _LEAST or len(application) < _HEADER + _SEGMENT + 256 or application[0] != _MAGIC:
        raise ToolError(
            "This image holds no application where one belongs: it was cut, or it is for updates only."
            " Download the full .bin file again."
        )
    if _chip(application) != boot_chip:
        raise ToolError(
            f"This image is of two parts: a boot loader for {boot_chip}, an application for {_chip(application)}."
        )
    missing = _missing(application)
    if missing:
        raise ToolError(f"This image was cut: {missing:,} bytes or more are missing. Download it again.")
    word, *_ = struct.unpack_from("<I", application, _HEADER + _SEGMENT)
    if word != _DESCRIPTION:
        raise ToolError("This image does not say what it is. Take one from MicroPython's download page.")
    version, project = (_text(application, _HEADER + _SEGMENT + 16 + 32 * i) for i in (0, 1))
    return Image(boot_chip, project, version, _text(application, _HEADER + _SEGMENT + 112))


def _chip(image: bytes) -> str:
    (number,) = struct.unpack_from("<H", image, 12)
    return CHIP_IDS.get(number, f"a chip with number {number}")


def _missing(image: bytes) -> int:
    """How many bytes its segments go beyond its end."""
    at = _HEADER
    for _ in range(image[1]):
        if at + _SEGMENT > len(image):
            return at + _SEGMENT - len(image)
        at += _SEGMENT + struct.unpack_from("<I", image, at + 4)[0]
    return max(0, at - len(image))


def _text(data: bytes, at: int) -> str:
    return data[at : at + 32].split(b"\0")[0].decode(errors="replace")
