"""The app without a page, under Node: SPEC.md's vectors, the lock's CBOR, rides at the lock's own logic, and what the
phone keeps. What needs npm's modules is marked `web` (make web).

The tests are cloud/web/tests/*.test.mjs; `node --test cloud/web/tests/*.test.mjs` runs them too. Node 18 is enough.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cloud import scripts

ROOT = Path(__file__).parent.parent
APP = ROOT / "cloud/static/app"
TESTS = sorted((ROOT / "cloud/web/tests").glob("*.test.mjs"))
TIMEOUT = 300  # seconds for one file
NEEDS_NPM = re.compile('pocket.mjs|from "acorn"')
OLDEST = 18  # the first with Ed25519 in WebCrypto and a test runner
SCRIPT_MAX = 100 * 1024  # bytes of our own that any page of a rider's loads, as the cloud gives them
SERVICE_MAX, WORDS_MAX = 32_000, 8_500  # of what technicians load beside that


@pytest.fixture(scope="module")
def node() -> str:
    """Its path. Skips the test where it is missing or too old, or fails it where RINGSLOT_NEEDS_WEB is set."""
    found = shutil.which("node") or shutil.which("nodejs")
    version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout if found else "v0"
    if int(re.match(r"v(\d+)", version)[1]) < OLDEST:
        why = f"no Node {OLDEST} or newer (apt install npm)"
        (pytest.fail if os.environ.get("RINGSLOT_NEEDS_WEB") else pytest.skip)(why)
    return found


def marked(path):
    """A test file, and whether `make web` has to come first."""
    return pytest.param(path, marks=[pytest.mark.web] if NEEDS_NPM.search(path.read_text()) else [])


@pytest.mark.parametrize(
    "path", [marked(path) for path in TESTS], ids=[path.name.split(".")[0] for path in TESTS]
)
def test_in_node(node, path):
    ran = subprocess.run(
        [node, "--test", path],
        cwd=ROOT,
        env={**os.environ, "RINGSLOT_PYTHON": sys.executable, "NODE_NO_WARNINGS": "1"},
        timeout=TIMEOUT,
        capture_output=True,
        text=True,
    )
    passed = re.search(r"^(?:#|ℹ) pass (\d+)$", ran.stdout, re.MULTILINE)
    assert ran.returncode == 0 and passed and int(passed[1]) > 1, ran.stdout[-8000:] + ran.stderr[-2000:]


def test_there_are_tests():
    assert [path.name for path in TESTS] == [
        "cbor.test.mjs",
        "flow.test.mjs",
        "keep.test.mjs",
        "link.test.mjs",
        "lock.test.mjs",
        "ring.test.mjs",
        "scripts.test.mjs",
        "service.test.mjs",
        "vectors.test.mjs",
    ]


def loaded(*entries):
    """Every script that these import, and they."""
    found, ahead = set(), list(entries)
    while ahead:
        path = ahead.pop().resolve()
        if path not in found:
            found.add(path)
            told = re.findall(r'^(?:import|export|\}) ?[^;]*?"(\.[^"]+)";', path.read_text(), re.MULTILINE)
            ahead += [path.parent / name for name in told]
    return found


def size(path):
    """Bytes of a script as it is given to a browser, before anything is compressed."""
    static = APP.parent
    return len(scripts.given(static, path.resolve().relative_to(static).as_posix()))


def words_of(*names):
    """The bytes of these, in the language that takes more."""
    return max(sum(size(APP / name.format(tag)) for name in names) for tag in ("en", "nl"))


def test_the_app_stays_small():
    """Each page comes by itself, by import(); a technician's half is counted by its own tests."""
    first = [APP / name for name in ("app.js", "keep/rider.js", "protocol/visit.js")]
    lock, rest = words_of("words_{}.js"), words_of("words_{}.js", "words_{}_more.js")
    sizes = {
        path.name: (lock if path.name == "claim.js" else rest)
        + sum(size(each) for each in loaded(*first, path))
        for path in (APP / "pages").glob("*.js")
    }
    assert min(sizes.values()) > 40_000 and max(sizes.values()) < SCRIPT_MAX, sizes


def test_the_technicians_part_stays_small():
    """Beside the rider's; its words are counted apart."""
    sizes = {path.name: size(path) for path in (APP / "service").glob("*.js")}
    words = {name: sizes.pop(name) for name in list(sizes) if name.startswith("words_")}
    assert 20_000 < sum(sizes.values()) < SERVICE_MAX, sizes
    assert max(words.values()) < WORDS_MAX, words
