"""A board on a serial port, reached by mpremote: what the tests of test_metal.py act through.

A lock that runs has its watchdog armed, which no interrupt stops; so whatever is run first gives it a day.
"""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent

BEFORE = """
import sys
try:
    import machine
    machine.WDT(timeout=86_400_000)
except AttributeError:
    pass  # a board without one
try:
    with open("/slot") as file:
        sys.path.insert(0, "/" + file.read().split(" ")[0])
except OSError:
    pass
"""


class MetalError(Exception):
    """The board did not do what it was asked for; the text is what it said."""


class Metal:
    """`board`: the folder of boards/ that it is wired as."""

    def __init__(self, port: str, board: str) -> None:
        self.port, self.board = port, board

    def run(self, code: str, timeout_s: float = 60) -> str:
        """What the code prints, in a fresh interpreter whose main.py does not run. Raises MetalError."""
        command = [sys.executable, "-m", "mpremote", "connect", self.port, "exec", BEFORE + code]
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s)
        except subprocess.TimeoutExpired as late:
            raise MetalError(f"{self.port} did not answer within {timeout_s:g} s") from late
        if done.returncode:
            raise MetalError(f"{self.port}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def start(self, code: str) -> None:
        """Begins something that ends the board's boot, and waits for nothing."""
        command = [
            sys.executable,
            "-m",
            "mpremote",
            "connect",
            self.port,
            "exec",
            "--no-follow",
            BEFORE + code,
        ]
        subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=True)

    def back(self, within_s: float = 30) -> None:
        """Until it answers again after a reset, which takes its USB port away."""
        end = time.monotonic() + within_s
        while True:
            time.sleep(1)
            try:
                self.run("print()", 15)
                return
            except MetalError:
                if time.monotonic() > end:
                    raise
