"""The whole cloud on one machine: the web app under gunicorn, the CoAP gateway and the worker, as children on one
database."""

import os
import shutil
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.errors import ToolError
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
    tls: tuple[Path, Path] | None = None  # certificate chain and key
    parts: dict[str, Child] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.web}"

    @property
    def environ(self) -> dict[str, str]:
        """What the cloud reads its settings from."""
        return {
            "RINGSLOT_SECRET": self.secret,
            "RINGSLOT_DATABASE_URL": self.database_url,
            "RINGSLOT_COAP": self.coap,
            "RINGSLOT_URL": os.environ.get("RINGSLOT_URL")
            or f"{self.url.partition(':')[0]}://localhost:{self.web.rpartition(':')[2]}",
            "PROMETHEUS_MULTIPROC_DIR": str(self._counted),
            **self.extra,
        }

    @property
    def _counted(self) -> Path:
        return (self.children.folder / "counted").absolute()

    def start(self) -> None:
        """Returns once all of it works. Raises ProcessError, ConfigError."""
        from cloud import config, db, start

        db.upgrade(self.database_url)
        start.secret(config.from_environment(self.environ))
        shutil.rmtree(self._counted, ignore_errors=True)
        self._counted.mkdir(parents=True)
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
        if self.tls:  # read anew for every connection, so a renewed certificate needs no restart
            gunicorn += ["--certfile", str(self.tls[0].absolute()), "--keyfile", str(self.tls[1].absolute())]
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


def check_tls(cert: Path, key: Path) -> None:
    """Raises ToolError when a browser would never get an answer with these."""
    for path in (cert, key):
        if not os.access(path, os.R_OK):
            raise ToolError(f"{path} cannot be read.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ToolError(f"The key in {key} is not that of the certificate in {cert}.") from None
        raise ToolError(
            f"{cert} and {key} are no certificate chain and its key in PEM, without a passphrase."
        ) from None


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path.absolute()}"
