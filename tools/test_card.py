"""The label and the card: what a phone's camera reads from them, and what a person types."""

import hashlib
import re
import xml.etree.ElementTree as ET
import zlib

import pytest
import segno

from tools import card

KEY = hashlib.sha256(b"a key").digest()


def modules(drawing, x, y, side):
    """The dark modules of the QR code that lies there, as (row, column)."""
    rects = [shape for shape in drawing.shapes if isinstance(shape, card.Rect)]
    one = rects[0].height
    count = round(side / one)
    dark = set()
    for rect in rects:
        row, column = round((rect.y - y) / one), round((rect.x - x) / one)
        dark |= {(row, column + i) for i in range(round(rect.width / one))}
    return count, dark


@pytest.mark.parametrize(
    "drawing, text, x, y, side",
    [
        (card.label("BIKE-7", "https://fleet.example/b/BIKE-7"), "https://fleet.example/b/BIKE-7", 5, 5, 40),
        (card.activation("BIKE-7", bytes(8), KEY), "RINGSLOT:" + card.written(KEY), 55, 6, 26),
    ],
)
def test_the_code_is_the_one_for_the_text(drawing, text, x, y, side):
    count, dark = modules(drawing, x, y, side)
    wanted = list(segno.make(text, error="m", micro=False).matrix)
    assert count == len(wanted)
    assert dark == {(i, j) for i, row in enumerate(wanted) for j, bit in enumerate(row) if bit}


def test_a_key_survives_being_read_aloud_and_no_wrong_one_does():
    text = card.written(KEY)
    assert card.read_key(text) == KEY and card.read_key(text.lower().replace("-", " ")) == KEY
    assert card.read_key(text[:-1]) is None and card.read_key("") is None and card.read_key("1" * 56) is None
    for at, letter in enumerate(text):
        if letter != "-":
            assert card.read_key(text[:at] + ("A" if letter != "A" else "B") + text[at + 1 :]) is None, at


@pytest.mark.parametrize(
    "drawing", [card.label("B<&>7", "https://a"), card.activation("B<&>7", bytes(8), KEY)]
)
def test_both_are_drawn_as_svg_and_as_pdf(drawing):
    root = ET.fromstring(card.svg(drawing))
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "B<&>7" in texts and root.get("width") == f"{drawing.width}mm"
    made = card.pdf(drawing)
    assert made.startswith(b"%PDF-") and made.rstrip().endswith(b"%%EOF")
    box = [float(word) for word in re.findall(rb"/MediaBox \[([\d. ]+)\]", made)[-1].split()]
    assert box[2:] == pytest.approx([drawing.width / 25.4 * 72, drawing.height / 25.4 * 72], abs=0.02)


@pytest.mark.parametrize(
    "drawing", [card.label("BIKE-7", "https://a"), card.activation("BIKE-7", bytes(8), KEY)]
)
def test_both_hold_each_shape_at_its_place(drawing):
    """Every dark run of the QR code and every word: what is not drawn does not scan."""
    rects = [shape for shape in drawing.shapes if isinstance(shape, card.Rect)]
    words = [shape.text for shape in drawing.shapes if isinstance(shape, card.Text)]
    drawn = list(ET.fromstring(card.svg(drawing)).iter("{http://www.w3.org/2000/svg}rect"))[
        1:
    ]  # but the paper
    assert [tuple(float(one.get(name)) for name in ("x", "y", "width", "height")) for one in drawn] == [
        pytest.approx(rect, abs=0.001) for rect in rects
    ]
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", card.pdf(drawing), re.DOTALL)
    page = max((zlib.decompress(data) for data in streams if data[:1] == b"x"), key=len).decode("latin-1")
    found = [
        [float(word) for word in line]
        for line in re.findall(r"([-\d.]+) ([-\d.]+) ([-\d.]+) ([-\d.]+) re", page)
    ]
    point = 72 / 25.4  # and its y goes upwards, a height may be negative
    wanted = [(x * point, (drawing.height - y) * point, w * point, -h * point) for x, y, w, h in rects]
    assert found == [pytest.approx(one, abs=0.02) for one in wanted]
    assert [word for word in words if f"({word})" not in page] == []


def test_nothing_lies_outside_the_paper():
    for drawing in (card.label("BIKE-7" * 2, "https://a"), card.activation("BIKE-7", bytes(8), KEY)):
        for shape in drawing.shapes:
            assert 0 <= shape.x < drawing.width and 0 <= shape.y < drawing.height
