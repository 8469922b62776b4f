"""Children start, speak, stop and never stay."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tools.processes import ProcessError, Processes

SLEEPER = "import time; print('ready 7', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER
MIDDLE = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
child.wait()
"""
PARENT = """
import sys, time
from pathlib import Path
from tools.processes import Processes
children = Processes(Path(sys.argv[1]))
children.folder.mkdir()
child = children.start("child", [sys.executable, "-c", sys.argv[2]], ready="ready")
print(child.process.pid, flush=True)
time.sleep(60)
"""


def gone(pid):
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_a_child_is_ready_when_it_says_so_and_ends_with_the_block(tmp_path):
    with Processes(tmp_path) as children:
        child = children.start("child", [sys.executable, "-c", SLEEPER], ready=r"^ready (\d)")
        assert child.running and child.wait_for(r"ready (\d)", 1)[1] == "7"
    assert not child.running and child.process.returncode == -signal.SIGTERM


def test_a_child_may_speak_at_once_and_is_heard_each_time(tmp_path):
    with Processes(tmp_path) as children:
        for number in range(20):
            command = ["/bin/sh", "-c", f"echo ready {number}; exec sleep 60"]
            child = children.start("child", command, ready=r"^ready \d+", timeout_s=5)
            assert child.printed() == f"ready {number}\n"
            child.kill()


def test_a_child_that_ends_early_is_an_error_with_its_last_words(tmp_path):
    with Processes(tmp_path) as children, pytest.raises(ProcessError, match="status 3\n  last words"):
        children.start("child", [sys.executable, "-c", "print('last words'); exit(3)"], ready="ready")


def test_a_child_that_is_never_ready_is_killed(tmp_path):
    with Processes(tmp_path) as children:
        with pytest.raises(ProcessError, match="not ready after 0.5 s"):
            children.start("child", [sys.executable, "-c", SLEEPER], ready="never", timeout_s=0.5)
        assert not any(child.running for child in children.children)


def test_a_program_that_is_not_there_is_named(tmp_path):
    with Processes(tmp_path) as children, pytest.raises(ProcessError, match="child did not start: /absent"):
        children.start("child", ["/absent"])


def test_a_child_that_will_not_stop_is_killed(tmp_path):
    with Processes(tmp_path) as children:
        child = children.start("child", [sys.executable, "-c", STUBBORN], ready="ready")
        child.stop(grace_s=0.2)
        assert child.process.returncode == -signal.SIGKILL


def test_a_second_run_does_not_read_the_first_ones_output(tmp_path):
    with Processes(tmp_path) as children:
        children.start("child", [sys.executable, "-c", SLEEPER], ready="ready").kill()
        child = children.start("child", [sys.executable, "-c", "import time; time.sleep(60)"])
        assert child.printed() == "" and "ready 7" in child.log.read_text()


def test_the_grandchildren_end_too(tmp_path):
    with Processes(tmp_path) as children:
        child = children.start("child", [sys.executable, "-c", MIDDLE, STUBBORN], ready="ready")
        pid = int(child.wait_for(r"^(\d+)$", 5)[1])
    assert gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel signals orphans on Linux only")
def test_a_killed_program_leaves_no_child(tmp_path):
    command = [sys.executable, "-c", PARENT, tmp_path / "run", STUBBORN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    assert gone(pid)


def test_a_child_started_by_a_thread_outlives_the_thread(tmp_path):
    with Processes(tmp_path) as children:
        starter = threading.Thread(
            target=lambda: children.start("child", [sys.executable, "-c", SLEEPER], ready="ready")
        )
        starter.start()
        starter.join()
        time.sleep(0.2)
        assert children.children[0].running
