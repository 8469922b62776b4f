"""Runs ble_part.py on MicroPython, one item a test."""

import ast
import os
import re
import subprocess

import pytest

from hil_tests.conftest import MICROPYTHON, ROOT

SCRIPT = "hil_tests/ble_part.py"
TESTS = [
    n.name for n in ast.parse((ROOT / SCRIPT).read_text()).body if getattr(n, "name", "").startswith("test_")
]


@pytest.mark.parametrize("test", TESTS)
def test_on_micropython(test):
    done = subprocess.run(
        [MICROPYTHON, "-X", "heapsize=384k", "tools/run_mpy_tests.py", SCRIPT, test],
        cwd=ROOT,
        env={**os.environ, "MICROPYPATH": ".frozen:."},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert re.search(rf"^PASS {test}$", done.stdout, re.MULTILINE), done.stdout + done.stderr
