"""The whole cloud on one machine: the web app under gunicorn, the CoAP gateway and the worker, as children on one
database."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.processes import Child, Processes

_GUNICORN_READY = r"Listening at: \S+"
_GATEWAY_READY = r"^\{\"coap\": \d+\}"
_WORKER_READY = r"^\{\"worker\": \["
ROOT = Path(__file__).parent.parent


@dataclass
class CloudRun:
    """A cloud that can be started, stopped, killed and started again on the same ports and database."""

    children: Processes
    secret: str = field(repr=False)
    database_url: str = field(repr=False)
    web: str  # host:port
    coap: str  # host:port
    extra: Mapping[str, str] = field(default_factory=dict)  # more of its environment
    parts: dict[str, Child] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.web}"

    @property
    def environ(self) -> dict[str, str]:
        """What the cloud reads its settings from."""
        return {
            "RINGSLOT_SECRET": self.secret,
            "RINGSLOT_DATABASE_URL": self.database_url,
            "RINGSLOT_COAP": self.coap,
            "RINGSLOT_URL": os.environ.get("RINGSLOT_URL")
            or f"http://localhost:{self.web.rpartition(':')[2]}",
            **self.extra,
        }

    def start(self) -> None:
        """Returns once all of it works. Raises ProcessError."""
        from cloud import db

        db.upgrade(self.database_url)
        self._start("gateway", [sys.executable, "-m", "cloud.gateway"], _GATEWAY_READY)
        gunicorn = [
            sys.executable,
            "-m",
            "gunicorn",
            "-c",
            "cloud/gunicorn_conf.py",
            "-b",
            self.web,
            "cloud.wsgi:app",
        ]
        self._start("web", gunicorn, _GUNICORN_READY)
        self._start("worker", [sys.executable, "-m", "cloud.worker"], _WORKER_READY)

    def _start(self, name: str, command: list[str], ready: str) -> None:
        self.parts[name] = self.children.start(name, command, environ=self.environ, cwd=ROOT, ready=ready)

    def stop(self) -> None:
        for child in self.parts.values():
            child.stop()

    def kill(self) -> None:
        """What a power cut does to all of it."""
        for child in self.parts.values():
            child.kill()


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path.absolute()}"
