"""Draws the app's icons: the ring of cloud/static/icon.svg on white, as PNG.

    python -m tools.icons

Smaller than in icon.svg, so that a launcher may cut a circle out of it (the safe zone of a maskable icon is the inner
80 %). No library: an edge pixel is covered as far as its distance from the edge says.
"""

import math
import struct
import sys
import zlib
from pathlib import Path

APP = Path(__file__).parent.parent / "cloud/static/app"
SIZES = (192, 512)  # pixels
INK, PAPER = (0x0B, 0x6B, 0x4F), (255, 255, 255)
_SCALE = 0.72  # of icon.svg's 32 units
_RING = (11.0, 5.0)  # radius, width
_GAP = (
    -60 + 52 / 11 * 180 / math.pi,
    300.0,
)  # degrees, clockwise from the right: where the stroke's dash is off
_BODY = (12.0, 20.0, 20.0, 28.0, 2.0)  # the lock's body: left, top, right, bottom, corner


def png(size: int) -> bytes:
    """The icon as a PNG of one palette of 256 tints: 8 bits a pixel."""
    tints = b"".join(
        bytes(round(p + (i - p) * k / 255) for p, i in zip(PAPER, INK, strict=True)) for k in range(256)
    )
    rows = b"".join(b"\0" + bytes(_tint(x, y, size) for x in range(size)) for y in range(size))
    header = struct.pack(">IIBBBBB", size, size, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", tints), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _tint(x: int, y: int, size: int) -> int:
    """How much of this pixel is ink, 0 to 255."""
    unit = 32 / size / _SCALE
    u, v = 16 + (x + 0.5 - size / 2) * unit, 16 + (y + 0.5 - size / 2) * unit
    inside = max(_ring(u, v), _body(u, v)) / unit + 0.5
    return round(255 * min(1.0, max(0.0, inside)))


def _ring(u: float, v: float) -> float:
    """How far inside the stroke, in units; negative outside."""
    radius, width = _RING
    from_edge = width / 2 - abs(math.hypot(u - 16, v - 16) - radius)
    angle = math.degrees(math.atan2(v - 16, u - 16)) % 360
    low, high = _GAP
    to_gap = min(abs(angle - low), abs(high - angle), 90)
    from_end = radius * math.sin(math.radians(to_gap))
    return min(from_edge, -from_end if low < angle < high else from_end)


def _body(u: float, v: float) -> float:
    left, top, right, bottom, corner = _BODY
    du = abs(u - (left + right) / 2) - (right - left) / 2 + corner
    dv = abs(v - (top + bottom) / 2) - (bottom - top) / 2 + corner
    return corner - math.hypot(max(du, 0), max(dv, 0)) - min(max(du, dv), 0)


def main() -> None:
    for size in SIZES:
        (APP / f"icon-{size}.png").write_bytes(png(size))


if __name__ == "__main__":
    sys.exit(main())
