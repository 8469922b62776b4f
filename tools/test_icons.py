"""The app's icons are what tools/icons.py draws."""

import zlib

from tools import icons


def rows(data, size):
    """Its pixels: zlib's bytes differ between versions, what they say does not."""
    at = data.index(b"IDAT") + 4
    length = int.from_bytes(data[at - 8 : at - 4], "big")
    raw = zlib.decompress(data[at : at + length])
    return [raw[y * (size + 1) + 1 : (y + 1) * (size + 1)] for y in range(size)]


def test_the_icons_are_as_drawn_and_a_launcher_may_cut_a_circle_out_of_them():
    for size in icons.SIZES:
        kept = rows((icons.APP / f"icon-{size}.png").read_bytes(), size)
        assert kept == rows(icons.png(size), size)
        middle = (size - 1) / 2
        inked = [(x, y) for y in range(size) for x in range(size) if kept[y][x]]
        assert max((x - middle) ** 2 + (y - middle) ** 2 for x, y in inked) ** 0.5 < 0.4 * size
        assert 0.1 < sum(kept[y][x] for x, y in inked) / 255 / size**2 < 0.3
