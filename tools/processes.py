"""Child processes, each with a log file, that never outlive this program.

`with Processes(folder) as children: child = children.start("cloud", [...], ready="Listening at")`. It starts,
waits, stops and kills; what runs in them is the caller's affair.

A child ends by `stop`, at the end of the `with`, and with us even if we are killed: Linux sends it a signal;
elsewhere its standard input ends, which children of ours heed.
"""

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tools.errors import ToolError

_GRACE_S = 5.0  # between asking and killing
_LOOK_S = 0.02  # between two looks into a log
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class ProcessError(ToolError):
    """A child did not start, or ended too soon. The text ends with the last lines of its log."""


class Child:
    """One running program. `log` keeps what all runs of it printed; this run's begins at `started`."""

    def __init__(self, name: str, log: Path, process: subprocess.Popen, started: int) -> None:
        self.name, self.log, self.process, self._started = name, log, process, started

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def printed(self) -> str:
        """What this run has printed so far."""
        with open(self.log, "rb") as log:
            log.seek(self._started)
            return log.read().decode(errors="replace")

    def wait_for(self, pattern: str, timeout_s: float) -> re.Match:
        """The first match of `pattern` in what it printed. Raises ProcessError when it ends, or is late."""
        end = time.monotonic() + timeout_s
        while True:
            alive = self.running  # asked first: what it printed before it ended is then all in the log
            found = re.search(pattern, self.printed(), re.MULTILINE)
            if found:
                return found
            if not alive:
                raise ProcessError(f"{self.name} ended with status {self.process.returncode}\n{self.tail()}")
            if time.monotonic() > end:
                raise ProcessError(f"{self.name} was not ready after {timeout_s:g} s\n{self.tail()}")
            time.sleep(_LOOK_S)

    def tail(self, lines: int = 12) -> str:
        kept = [f"  {line}" for line in self.printed().splitlines()[-lines:]]
        return "\n".join([*kept, f"  (all of it: {self.log})"])

    def stop(self, grace_s: float = _GRACE_S) -> None:
        """Ask it to end, then make it. Nothing happens when it has ended already."""
        if self.running:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(grace_s)
        self.kill()

    def kill(self) -> None:
        """What a power cut does: no handler of it runs, nor of its workers."""
        self._signal(signal.SIGKILL)
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # all of its group have ended
            os.killpg(self.process.pid, number)


class Processes:
    """Starts children and ends whatever still runs at the end of the `with`, last started first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.children: list[Child] = []

    def __enter__(self) -> "Processes":
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        while self.children:
            self.children.pop().stop()

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        ready: str | None = None,
        timeout_s: float = 30,
    ) -> Child:
        """Start `command` with `environ` beside our own; return once its output matches `ready`."""
        path = self.folder / f"{name}.log"
        with open(path, "ab") as log:
            started = log.tell()  # before the child moves it: both write through one file description
            settings = {
                "cwd": cwd,
                "env": {**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})},
                "stdin": subprocess.PIPE,
                "stdout": log,
                "stderr": subprocess.STDOUT,
                "start_new_session": True,  # a group: Ctrl-C is ours alone, and a kill takes its workers too
            }
            words = [str(part) for part in command]
            started = log.tell()  # before the child, which writes at the same offset, says its first word
            try:
                process = start(words, **settings)
            except OSError as error:
                raise ProcessError(f"{name} did not start: {command[0]}: {error.strerror}") from error
            child = Child(name, path, process, started)
        self.children = [other for other in self.children if other.running] + [child]
        if ready:
            try:
                child.wait_for(ready, timeout_s)
            except ProcessError:
                child.kill()
                raise
        return child


# Linux means the thread that started a child when it says parent: this one ends with us, not with a caller's.
_starter = ThreadPoolExecutor(1, "starter")


def start(command: Sequence[str], **settings: Any) -> subprocess.Popen:
    """subprocess.Popen of a child that is killed when this program ends, however that is."""
    return _starter.submit(subprocess.Popen, command, preexec_fn=_end_with_us(), **settings).result()


def _end_with_us() -> Callable[[], None] | None:
    """What a child runs before its program, so that it is killed when the thread that starts it ends."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A loopback port that nobody has at the moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
