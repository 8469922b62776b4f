"""A process that is told to end more than once ends once, and in order."""

import os
import signal
import subprocess
import sys
import time

import pytest

from cloud.testlock import ROOT, SECRET, make_cloud

PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}

SLOW = """
import atexit, threading, time
from cloud import stop
told = threading.Event()
stop.when_told(told.set)
print("ready", flush=True)
told.wait()
atexit.register(lambda: print("in order", flush=True))
time.sleep(0.2)
"""


def press(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """(exit status, stdout, stderr) of one that hears Ctrl-C and SIGTERM, over and over, until it is gone."""
    until = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < until:
        for number in (signal.SIGINT, signal.SIGTERM):
            process.send_signal(number)
        time.sleep(0.0005)
    process.kill()
    return process.returncode, *process.communicate(timeout=10)


def test_whatever_comes_after_the_first_word_changes_nothing():
    process = subprocess.Popen([sys.executable, "-c", SLOW], cwd=ROOT, **PIPES)
    assert process.stdout.readline() == "ready\n"
    assert press(process) == (0, "in order\n", "")


@pytest.mark.parametrize("command", [["cloud.gateway", "--port", "0"], ["cloud.worker"]])
def test_a_process_of_the_cloud_that_is_told_over_and_over(tmp_path, command):
    cloud = make_cloud(tmp_path)
    environ = {
        **os.environ,
        "RINGSLOT_SECRET": SECRET.decode(),
        "RINGSLOT_DATABASE_URL": cloud.settings.database_url,
    }
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environ, **PIPES)
    if not process.stdout.readline():
        pytest.fail(process.communicate(timeout=10)[1])
    status, _, log = press(process)
    assert status == 0 and "Traceback" not in log, log
