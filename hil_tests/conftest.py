"""What every test on the simulator needs: child processes that end with the test, and one virtual radio for all."""

import json
import socket
import sys
from pathlib import Path

import pytest

from tools.processes import Child, Processes

ROOT = Path(__file__).parent.parent
MICROPYTHON = Path(sys.prefix) / "bin" / "micropython"


class RadioProcess:
    """`python -m tools.radio`; `locks`, `hci` and `control` are "host:port"."""

    def __init__(self, child: Child) -> None:
        self.child = child
        ports = json.loads(child.wait_for(r"^\{.*\}$", 30).group())
        self.locks, self.hci, self.control = (
            f"127.0.0.1:{ports[name]}" for name in ("locks", "hci", "control")
        )

    def tell(self, command: str) -> str:
        """One command of its control line, such as "cut NAME"; the answer."""
        host, port = self.control.split(":")
        with socket.create_connection((host, int(port)), timeout=5) as wire:
            wire.sendall(command.encode() + b"\n")
            return wire.makefile().readline().strip()


@pytest.fixture(scope="session")
def radio(tmp_path_factory):
    with Processes(tmp_path_factory.mktemp("radio")) as children:
        yield RadioProcess(children.start("radio", [sys.executable, "-m", "tools.radio"], cwd=ROOT))


@pytest.fixture
def children(tmp_path):
    with Processes(tmp_path / "logs") as children:
        yield children


@pytest.fixture
def start_lock(radio, children):
    """start_lock(name, script): a MicroPython process on the radio under that name, ready when it printed "ready"."""

    def start(name: str, script: str, heap: str = "384k", **environ: str) -> Child:
        command = [MICROPYTHON, "-X", f"heapsize={heap}", script]
        settings = {
            "MICROPYPATH": ".frozen:.:boards/sim",
            "RINGSLOT_RADIO": radio.locks,
            "RINGSLOT_BLE_NAME": name,
        }
        return children.start(
            name, command, cwd=ROOT, environ={**settings, **environ}, ready="^ready", timeout_s=10
        )

    return start
