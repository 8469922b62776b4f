"""Run every test of protocol/, firmware/ and boards/parts/ a second time, on MicroPython, each as its own item.

One MicroPython process a file, started when its first test is due, in a heap as bounded as the lock's: 384k,
or what a first line `# heap: 1m` asks for. A test that MicroPython did not report on has failed. So has one that
made the interpreter print a warning: on a lock each such line costs milliseconds of UART.
"""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import mpy_tests

ROOT = Path(__file__).parent
MICROPYTHON = Path(sys.prefix) / "bin" / "micropython"
DUAL = ("protocol", "firmware", "boards/parts")  # the folders that run on both interpreters
ALONE = ("boards/parts/test_serial_link.py",)  # but for these
HEAP = "384k"  # 64-bit objects; about 192 KiB on a 32-bit chip
TIMEOUT = 120  # seconds for one file


class MicroPythonFile(pytest.File):
    def collect(self):
        self.heap = mpy_tests.heap_of(self.path, HEAP)
        self.reports = None
        for test in mpy_tests.tests_of(self.path):
            yield MicroPythonItem.from_parent(self, name=f"{test}[micropython]", test=test)

    def report_of(self, test):
        """(verdict, what was printed) of one test; runs all the selected ones of this file the first time."""
        if self.reports is None:
            selected = [item.test for item in self.session.items if item.parent is self]
            self.reports, self.rest = self._run(selected)
        return self.reports.get(test, ("no report", self.rest))

    def _run(self, tests):
        script = self.path.relative_to(ROOT).as_posix()
        command = [MICROPYTHON, "-X", f"heapsize={self.heap}", mpy_tests.RUNNER, script, *tests]
        environment = {**os.environ, "MICROPYPATH": ".frozen:."}
        try:
            output = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                timeout=TIMEOUT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            ).stdout
        except subprocess.TimeoutExpired as late:
            output = (late.stdout or b"") + f"\nstopped after {TIMEOUT} s\n".encode()
        return mpy_tests.reports(output.decode(errors="replace"))


class MicroPythonItem(pytest.Item):
    def __init__(self, *, test, **kwargs):
        super().__init__(**kwargs)
        self.test = test

    def runtest(self):
        verdict, printed = self.parent.report_of(self.test)
        if mpy_tests.complaint(verdict, printed):
            pytest.fail(f"{verdict} on MicroPython, heap {self.parent.heap}\n{printed}", pytrace=False)

    def reportinfo(self):
        return self.path, None, f"{self.test} on MicroPython"


def pytest_addoption(parser):
    parser.addoption(
        "--db", choices=("sqlite", "postgres"), default="sqlite", help="the database of cloud/'s tests"
    )


def pytest_collection_finish(session):
    """A lock collects at each exchange; here that would walk all the tests each time, so they are kept out of it."""
    gc.collect()
    gc.freeze()


def pytest_collect_file(file_path, parent):
    path = file_path.relative_to(ROOT).as_posix() if file_path.is_relative_to(ROOT) else ""
    inside = path.startswith(tuple(folder + "/" for folder in DUAL)) and path not in ALONE
    if inside and file_path.name.startswith("test_") and file_path.suffix == ".py":
        return MicroPythonFile.from_parent(parent, path=file_path)
