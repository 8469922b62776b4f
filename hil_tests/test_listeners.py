"""F02: nothing on a lock listens. Asked of the kernel while locks run, and of what is copied or frozen, not of sources.

On a chip there is no such kernel to ask: what a stock image of MicroPython opens by itself while Wi-Fi is connected,
mDNS, boards/README.md says.
"""

import asyncio
import json
import os
import re
from pathlib import Path

import pytest

from boards.test_pins import BOARDS
from hil_tests.conftest import await_contact
from hil_tests.people import Person, close
from hil_tests.test_esp32_boards import WIFI
from tools import application

LISTEN = "0A"  # in /proc/net/tcp
NOBODY = re.compile(r"0+:0000")
NAMES = ("webrepl", "telnet", "ftp", "dupterm", "start_server", "listen", "AP_IF", "IF_AP")


def sockets(pid: int) -> list[tuple[str, str, str, str]]:
    """(protocol, local, remote, state) of each IP socket that this process has open, as the kernel writes them."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if found := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(entry)):
                inodes.add(found[1])
        except FileNotFoundError:
            pass  # closed meanwhile
    rows = []
    for protocol in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "udplite"):
        table = Path(f"/proc/{pid}/net/{protocol}")
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            fields = line.split()
            if fields[9] in inodes:
                rows.append((protocol, fields[1], fields[2], fields[3]))
    return rows


def doors(pid: int, hand_port: int) -> list[tuple]:
    """Sockets that take what a stranger sends: those that listen, but the bench's hand, and those with no peer."""
    found = []
    for protocol, local, remote, state in sockets(pid):
        if protocol.startswith("tcp"):
            if state == LISTEN and int(local.rpartition(":")[2], 16) != hand_port:
                found.append((protocol, local))
        elif NOBODY.fullmatch(remote):
            found.append((protocol, local))
    return found


@pytest.mark.parametrize("board", ["sim", "esp32_dev"])
def test_f02_a_running_lock_has_no_open_door(fleet, admin, board, tmp_path):
    more = None if board == "sim" else {"bearer.json": json.dumps(WIFI).encode()}
    lock = fleet.add(f"DOORS-{board}".replace("_", "-"), board=board, more=more)
    seen: set[tuple] = set()
    try:
        await_contact(admin, lock, 60)

        def look() -> None:
            pid = lock.sim.child.process.pid
            seen.update(row[0] for row in sockets(pid))
            assert doors(pid, lock.sim.hand_port) == []

        async def ride():
            async with Person(fleet, tmp_path) as rider:
                claim = await rider.claim(lock.code)
                async with rider.at(claim) as link:
                    look()
                    assert (await rider.unlock(link, claim)).answer.ok
                    for _ in range(20):
                        look()
                        await asyncio.sleep(0.1)
                    await close(lock, link)
                    assert (await link.end(claim.cti, claim.key)).ok
                look()

        asyncio.run(ride())
        assert seen == {
            "tcp",
            "udp",
        }  # radio and hand of the bench, and the uplink: it was there when we looked
    finally:
        lock.sim.stop()


def test_a_door_would_be_found(fleet):
    """The same look at the gateway, which takes datagrams from anyone, and at the web server, which listens."""
    gateway, web = (fleet.cloud.parts[name].process.pid for name in ("gateway", "web"))
    assert [protocol for protocol, _ in doors(gateway, 0)] == ["udp"]
    assert [protocol for protocol, _ in doors(web, 0)] == ["tcp"]


def uses(module: bytes, name: str) -> bool:
    """Whether a .mpy has that name, whole: twice its length, its letters, 0 (py/persistentcode.c)."""
    return bytes([len(name) << 1]) + name.encode() + b"\0" in module


@pytest.mark.parametrize("board", BOARDS)
def test_f02_no_server_is_among_what_is_copied(board):
    """By the names in the compiled modules themselves."""
    files = application.installed(board)
    modules = {path: data for path, data in files.items() if path.endswith(".mpy")}
    named = {path: name for path in files for name in NAMES if name in path}
    held = {path: name for path, data in modules.items() for name in NAMES if uses(data, name)}
    assert len(modules) > 40 and (named, held) == ({}, {})
    assert [
        path for path, data in modules.items() if uses(data, "connect")
    ] != []  # names are there to be found
