"""A small fleet on this machine: cloud, virtual radio and simulated locks, on free loopback ports in one folder.

What the demo, the hardware tests and `ringslot sim` stand on. Every part is a process of its own and the one that
runs for real, but for the metal.
"""

import json
import secrets
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

from cloud import config, context
from tools import provision
from tools.cli_operator import add_lock, add_user
from tools.cloud_client import CloudClient
from tools.processes import Child, Processes, free_port
from tools.simlock import ROOT, SimLock
from tools.up import CloudRun, sqlite_url

STILL_S = 10  # a bike left open this long may be handed over; 300 on the street, but nobody waits here
LOCK_SETTINGS = {"still_s": STILL_S, "fix_every_s": 1, "uplink_every_s": 10, "status_every_s": 30}


class RadioRun:
    """The virtual radio as a child; `locks`, `hci` and `control` are "host:port"."""

    def __init__(self, children: Processes) -> None:
        self.child: Child = children.start("radio", [sys.executable, "-m", "tools.radio"], cwd=ROOT)
        ports = json.loads(self.child.wait_for(r"^\{.*\}$", 30)[0])
        self.locks, self.hci, self.control = (
            f"127.0.0.1:{ports[name]}" for name in ("locks", "hci", "control")
        )

    def tell(self, command: str) -> str:
        """One command of its control line, such as "cut NAME"; the answer."""
        host, port = self.control.split(":")
        with socket.create_connection((host, int(port)), timeout=5) as wire:
            wire.sendall(command.encode() + b"\n")
            return wire.makefile().readline().strip()


@dataclass(frozen=True)
class Member:
    """A lock of the fleet, and what a test may know of it that nobody outside may."""

    code: str
    sim: SimLock
    identity: provision.Identity = field(repr=False)

    @property
    def lock_id(self) -> bytes:
        return self.identity.lock_id


class Fleet:
    """`with Fleet(folder) as fleet: fleet.add("BIKE-A")`. Nothing of it outlives the `with`."""

    def __init__(
        self, folder: Path, settings: dict | None = None, environ: dict[str, str] | None = None
    ) -> None:
        """`settings`: of each lock; `environ`: of the cloud, in place of what a fleet on one machine has."""
        self.folder = folder.absolute()
        self.settings = {**LOCK_SETTINGS, **(settings or {})}
        self.environ = environ or {}
        self.children = Processes(self.folder / "logs")
        self.members: dict[str, Member] = {}

    def __enter__(self) -> "Fleet":
        self.folder.mkdir(parents=True, exist_ok=True)
        self.children.__enter__()
        try:
            self._start()
        except BaseException:
            self.children.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.context.db.close()
        self.children.stop()

    def _start(self) -> None:
        self.cloud = CloudRun(
            self.children,
            secret=secrets.token_urlsafe(32),
            database_url=sqlite_url(self.folder / "ringslot.db"),
            web=f"127.0.0.1:{free_port()}",
            coap=f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}",
            extra={
                "RINGSLOT_STILL_S": str(self.settings["still_s"]),
                "RINGSLOT_STAFF_SECOND_FACTOR": "off",  # nobody holds a phone beside a demo
                "RINGSLOT_MAIL_FOLDER": str(self.folder / "mail"),
                **self.environ,
            },
        )
        self.cloud.start()
        self.context = context.make(config.from_environment(self.cloud.environ))
        self.radio = RadioRun(self.children)

    def add(
        self,
        code: str,
        kind: str = "exclusive",
        start: bool = True,
        board: str = "sim",
        more: dict[str, bytes] | None = None,
    ) -> Member:
        """A new lock on a new bike, provisioned and running. `board`: see SimLock; `more`: further files for its flash.

        Raises ToolError.
        """
        files = self.folder / f"{code}-files"
        identity = add_lock(self.context, code, code, kind, files, self.cloud.coap, more=self.settings)
        sim = SimLock(self.children, code, self.folder / code, self.radio.locks, board)
        sim.provision({**provision.read(files), **(more or {})})
        self.members[code] = member = Member(code, sim, identity)
        if start:
            sim.start()
        return member

    def person(self, login: str, role: str = "admin") -> tuple[CloudClient, str]:
        """Someone who runs the fleet, signed in; and their password."""
        password = secrets.token_urlsafe(12)
        add_user(self.context, login, password, role)
        client = CloudClient(self.cloud.url)
        client.token = client.post("/api/v1/sessions", {"login": login, "password": password})["token"]
        return client, password
