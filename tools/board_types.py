"""Checks the types of the board drivers with the stubs of MicroPython on an ESP32: `python -m tools.board_types`.

The stubs are installed into build/typings once, as requirements-types.txt pins them.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PINS = ROOT / "requirements-types.txt"
TYPINGS = ROOT / "build" / "typings"


def lay_out(target: Path = TYPINGS) -> Path:
    """The folder with the stubs, made if need be. Raises CalledProcessError when pip cannot get them."""
    folder = target / hashlib.sha256(PINS.read_bytes()).hexdigest()[:16]
    if not folder.exists():
        shutil.rmtree(target, ignore_errors=True)
        partial = target / "partial"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps"]
        subprocess.run([*pip, "--target", str(partial), "--requirement", str(PINS)], check=True)
        partial.rename(folder)
    return folder


def check(*arguments: str) -> subprocess.CompletedProcess:
    """mypy over boards/mypy.ini's packages; its output is printed."""
    stubs = str(lay_out())
    command = [sys.executable, "-m", "mypy", "--config-file", "boards/mypy.ini"]
    command += ["--custom-typeshed-dir", stubs, *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "MYPYPATH": stubs}, text=True, check=False)


if __name__ == "__main__":
    sys.exit(check(*sys.argv[1:]).returncode)
