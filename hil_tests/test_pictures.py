"""The docs' pictures: each is in the tables by which `make pictures` takes it, small, and shown somewhere."""

import re

from hil_tests.pictures import FOLDER, LARGEST, ROOT, tables

SHOWN_IN = (
    "README.md",
    "cloud/README.md",
    "cloud/static/app/README.md",
    "cloud/static/app/service/README.md",
)
LINK = re.compile(r"\]\((?:\.\./)*pictures/([a-z0-9-]+)\.png\)")


def shown():
    """Names of the pictures that some page of the docs shows."""
    pages = [ROOT / path for path in SHOWN_IN]
    return {name for page in pages if page.exists() for name in LINK.findall(page.read_text())}


def test_every_picture_is_taken_by_the_command_and_shown():
    names = [one.name for one in tables()]
    there = {path.stem for path in FOLDER.glob("*.png")}
    assert len(names) == len(set(names)) and set(names) == there == shown()


def test_no_picture_makes_the_docs_heavy():
    assert [path.name for path in FOLDER.glob("*.png") if path.stat().st_size > LARGEST] == []
