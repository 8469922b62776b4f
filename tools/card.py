"""What is printed when a lock is made: the QR label for the bicycle, and the activation card for its owner.

A drawing is a size and a list of shapes in millimetres, y downwards; `svg` and `pdf` draw the same one. The label holds
what everybody may see. The card holds the activation key, of which there is no copy: it is for the sealed location of
locks without an owner, which no lock does yet.
"""

import base64
import hashlib
from typing import NamedTuple
from xml.sax.saxutils import escape

import segno
from fpdf import FPDF

KEY = 32  # bytes
_POINT_MM = 25.4 / 72


class Rect(NamedTuple):
    x: float
    y: float
    width: float
    height: float


class Text(NamedTuple):
    x: float
    y: float  # of its baseline
    size: float  # points
    text: str
    font: str = "helvetica"  # or courier: both are in every reader of PDF
    bold: bool = False


class Drawing(NamedTuple):
    width: float
    height: float
    title: str
    shapes: list


def label(code: str, url: str) -> Drawing:
    """For the bicycle, 50 by 62 mm: its code, and where a rider's phone claims it."""
    shapes: list = _qr(url, 5, 5, 40)
    shapes.append(Text(5, 54, 20, code, bold=True))
    shapes.append(Text(5, 59, 7, "Scan to ride, or type the code."))
    return Drawing(50, 62, f"Label of {code}", shapes)


def activation(code: str, lock_id: bytes, key: bytes) -> Drawing:
    """For the owner, 85.6 by 54 mm, ISO/IEC 7810 ID-1."""
    shapes: list = _qr("RINGSLOT:" + written(key), 55, 6, 26)
    shapes += [Text(5, 10, 9, "Ringslot activation card", bold=True), Text(5, 17, 15, code, bold=True)]
    shapes.append(Text(5, 22, 6, f"lock {lock_id.hex()}"))
    said = (
        "Keep this card. The key on it was drawn when the lock",
        "was made. Nobody has a copy of it: not the operator,",
        "not the maker.",
    )
    shapes += [Text(5, 28 + 3 * i, 5, line) for i, line in enumerate(said)]
    groups = written(key).split("-")
    rows = [groups[i : i + 7] for i in range(0, len(groups), 7)]
    shapes += [Text(5, 42 + 4.5 * i, 9, " ".join(row), "courier", True) for i, row in enumerate(rows)]
    return Drawing(85.6, 54, f"Activation card of {code}", shapes)


def written(key: bytes) -> str:
    """The key for people: base32 (RFC 4648 §6) in groups of four, with three bytes more that find a typing error."""
    text = base64.b32encode(key + hashlib.sha256(key).digest()[:3]).decode()
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))


def read_key(text: str) -> bytes | None:
    """The key that somebody typed, None when there is an error in it. Case, spaces and dashes do not matter."""
    plain = text.upper().removeprefix("RINGSLOT:").replace("-", "").replace(" ", "")
    try:
        data = base64.b32decode(plain)
    except ValueError:
        return None
    key, check = data[:KEY], data[KEY:]
    return key if len(key) == KEY and check == hashlib.sha256(key).digest()[:3] else None


def _qr(text: str, x: float, y: float, side: float) -> list:
    rows = list(segno.make(text, error="m", micro=False).matrix)
    one = side / len(rows)
    runs = []
    for i, row in enumerate(rows):
        start = None
        for j, dark in enumerate([*row, 0]):
            if dark and start is None:
                start = j
            elif not dark and start is not None:
                runs.append(Rect(x + start * one, y + i * one, (j - start) * one, one))
                start = None
    return runs


def svg(drawing: Drawing) -> str:
    width, height = drawing.width, drawing.height
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm"'
    lines = [f'{head} viewBox="0 0 {width} {height}" role="img">', f"<title>{escape(drawing.title)}</title>"]
    lines.append(f'<rect width="{width}" height="{height}" fill="#fff"/>')
    for shape in drawing.shapes:
        if isinstance(shape, Rect):
            x, y, w, h = (round(value, 3) for value in shape)
            lines.append(f'<rect x="{x}" y="{y}" width="{w}" height="{h}"/>')
        else:
            family = "monospace" if shape.font == "courier" else "Helvetica, Arial, sans-serif"
            weight = ' font-weight="bold"' if shape.bold else ""
            size = round(shape.size * _POINT_MM, 3)
            at = f'x="{shape.x}" y="{shape.y}" font-size="{size}" font-family="{family}"'
            lines.append(f"<text {at}{weight}>{escape(shape.text)}</text>")
    return "\n".join([*lines, "</svg>"]) + "\n"


def pdf(*drawings: Drawing) -> bytes:
    """One page each, of its own size."""
    made = FPDF(unit="mm")
    made.set_creator("Ringslot")
    made.set_title(drawings[0].title)
    made.set_auto_page_break(False)
    for drawing in drawings:
        made.add_page(format=(drawing.width, drawing.height))
        for shape in drawing.shapes:
            if isinstance(shape, Rect):
                made.rect(*shape, style="F")
            else:
                made.set_font(shape.font, "B" if shape.bold else "", shape.size)
                made.text(shape.x, shape.y, shape.text)
    return bytes(made.output())
