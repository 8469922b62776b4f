"""For tests: a PostgreSQL server of our own, reached by a socket file, gone with the process."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

WAIT_S = 60
QUICK = {  # nobody will read it again
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "4GB",
    "max_connections": "200",
}


def find() -> Path | None:
    """The folder of initdb and postgres: of the PATH, or the newest of Debian's. None: there is none."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    return max(
        Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: int(path.parent.name)
    )


class Server:
    """`url` of its first database; `stop()`, and `start()` again on the same data. Raises CalledProcessError."""

    def __init__(self, programs: Path, folder: Path):
        self._programs, self._folder = programs, folder
        self._user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        if self._user:
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, -1)
        self.url = f"postgresql://ringslot@/postgres?host={folder}"
        self._run("initdb", "-U", "ringslot", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")

    def start(self) -> None:
        settings = {**QUICK, "listen_addresses": "", "unix_socket_directories": str(self._folder)}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run("pg_ctl", "start", "-w", "-o", options, "-l", str(self._folder / "log"))

    def stop(self, how: str = "fast") -> None:
        self._run("pg_ctl", "stop", "-w", "-m", how)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments, "-D", str(self._folder / "data")]
        with (self._folder / "out").open("ab") as out:  # a pipe would stay open in the server
            settings = {"user": self._user, "cwd": self._folder, "stdout": out, "stderr": out}
            subprocess.run(command, check=True, timeout=WAIT_S, stdin=subprocess.DEVNULL, **settings)  # type: ignore[call-overload]


@contextmanager
def server() -> Iterator[Server]:
    """A server that runs."""
    programs = find()
    assert programs, "PostgreSQL is not installed here"
    folder = Path(tempfile.mkdtemp(prefix="ringslot-pg-"))
    try:
        made = Server(programs, folder)
        made.start()
        try:
            yield made
        finally:
            with suppress(subprocess.CalledProcessError):  # it is down already
                made.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(url: str, *statements: str) -> None:
    """Statements outside any transaction, as CREATE DATABASE wants it."""
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        connect_args={"connect_timeout": 10, "options": f"-c statement_timeout={WAIT_S * 1000}"},
    )
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()
