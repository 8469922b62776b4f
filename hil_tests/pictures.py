"""`make pictures`: the docs' pictures of the pages, taken anew in Chromium before a running fleet.

    python -m hil_tests.pictures                  all of them, into pictures/
    python -m hil_tests.pictures console app-ride only those whose names begin so

What is in them is said by the tables in pictures_*.py; of what, by picture.py and town.py.
"""

import importlib
import io
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from hil_tests.picture import Picture, Scene, scene

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "pictures"
COLOURS = 64  # a page has few: its picture is small
AT_LOCKS = ("rider", "technician")  # who speak with locks
LARGEST = 120 << 10  # bytes


def tables() -> list[Picture]:
    """Every picture, in the order of the files' names."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("pictures_*.py"))
    return [one for name in names for one in importlib.import_module(f"hil_tests.{name}").PICTURES]


def take(wanted: Iterable[Picture], scene: Scene, folder: Path) -> None:
    pages: dict[tuple, Page] = {}
    with ExitStack() as stack:
        for picture in wanted:
            person = (picture.who, picture.look)
            if person not in pages or picture.who == "nobody":
                pages[person] = page = stack.enter_context(
                    scene.browser.visitor(scene.cloud, **dict(picture.look))
                )
                if picture.who != "nobody":
                    scene.sign_in(page.context, picture.who)
            page = pages[person]
            width, height = picture.size
            page.set_viewport_size({"width": width, "height": height})
            only = picture.steps(page, scene)
            shot = (only or page).screenshot(animations="disabled", caret="hide")
            data = small(shot)
            assert len(data) <= LARGEST, f"{picture.name} has {len(data)} bytes; show less of it"
            (folder / f"{picture.name}.png").write_bytes(data)
            print(f"{picture.name}.png  {width}x{height}  {len(data) // 1024} KiB", flush=True)


def small(png: bytes) -> bytes:
    """The same in a palette."""
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def main(begins: list[str]) -> int:
    wanted = [one for one in tables() if not begins or one.name.startswith(tuple(begins))]
    if not wanted:
        print(f"no picture is called {' or '.join(begins)}", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    radio = any(one.who in AT_LOCKS for one in wanted)
    with (
        tempfile.TemporaryDirectory(prefix="ringslot-pictures-") as folder,
        scene(Path(folder), radio) as made,
    ):
        take(wanted, made, FOLDER)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
