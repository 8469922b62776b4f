"""The arrows between the folders (who may import whom), and what a lock's code may import at all."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"protocol", "firmware", "boards", "cloud", "tools", "hil_tests"}

ARROWS = {  # folder -> ours that it may import
    "protocol": {"protocol"},
    "firmware": {"protocol", "firmware"},
    "boards": {"protocol", "boards"},
    "cloud": {"protocol", "cloud"},
    "tools": OURS - {"hil_tests"},
    "hil_tests": OURS,
}
ROOTS = {"boards": {"firmware"}}  # what main.py, the composition root, may import beside
TESTS = {  # what a folder's own tests may import beside: things with behaviour, never doubles of ours
    "firmware": {"boards"},
    "boards": {"firmware", "tools"},
    "protocol": {"tools"},
}
METAL = {"machine", "bluetooth", "network", "esp", "esp32", "neopixel"}  # only boards/ touches these
PROTOCOL_STDLIB = {"struct", "hashlib", "binascii"}  # beside what compat.py papers over
NOT_ON_A_LOCK = {"typing", "enum", "dataclasses", "hmac", "unittest", "pathlib", "logging", "datetime"}


def imports(path: Path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []  # seen by checkers alone
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides the arrow"
            yield node.module.split(".")[0]


def is_test(path: Path) -> bool:
    return path.name.startswith("test_") or path.name == "conftest.py"


FILES = [path for folder in ARROWS for path in sorted((ROOT / folder).rglob("*.py"))]
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_follow_the_arrows(path):
    folder = path.relative_to(ROOT).parts[0]
    allowed = ARROWS[folder]
    if path.name == "main.py":
        allowed = allowed | ROOTS.get(folder, set())
    if is_test(path):
        allowed = allowed | TESTS.get(folder, set())
    assert set(imports(path)) & OURS <= allowed


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_only_boards_touch_metal(path):
    if path.relative_to(ROOT).parts[0] not in ("boards", "hil_tests"):
        assert not set(imports(path)) & METAL


LOCK = [
    path
    for path in FILES
    if path.relative_to(ROOT).parts[0] in ("protocol", "firmware") and not is_test(path)
]


@pytest.mark.parametrize("path", LOCK, ids=[path.relative_to(ROOT).as_posix() for path in LOCK])
def test_a_locks_code_imports_what_a_lock_has(path):
    found = set(imports(path))
    assert not found & NOT_ON_A_LOCK
    if path.parent.name == "protocol" and path.name != "compat.py":
        assert found - OURS <= PROTOCOL_STDLIB


def test_the_folders_are_there():
    assert all((ROOT / folder).is_dir() for folder in ARROWS) and len(LOCK) > 10
