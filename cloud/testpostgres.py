"""For tests: a PostgreSQL server of our own, reached by a socket file, gone with the process."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

WAIT_S = 30


def find() -> Path | None:
    """The folder of initdb and postgres: of the PATH, or the newest of Debian's. None: there is none."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@contextmanager
def server() -> Iterator[str]:
    """-> URL of its first database. Raises RuntimeError."""
    programs = find()
    assert programs
    folder = Path(tempfile.mkdtemp(prefix="ringslot-pg-"))
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    try:
        data = folder / "data"
        initdb = [
            str(programs / "initdb"),
            "-D",
            str(data),
            "-U",
            "ringslot",
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
        ]
        subprocess.run(initdb, user=user, cwd=folder, check=True, timeout=WAIT_S * 2, capture_output=True)
        quick = ["-c", "fsync=off", "-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, *quick], user=user, cwd=folder, stdout=log, stderr=log
            )
        try:
            url = f"postgresql://ringslot@/postgres?host={folder}"
            _wait(url, process, folder / "log")
            yield url
        finally:
            process.send_signal(signal.SIGQUIT)  # "immediate": nobody will read it again
            process.wait(WAIT_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(url: str, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + WAIT_S
    while process.poll() is None and time.monotonic() < end:
        try:
            run(url, "SELECT 1")
            return
        except sa.exc.OperationalError:
            time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")


def run(url: str, statement: str) -> None:
    """One statement outside any transaction, as CREATE DATABASE wants it."""
    engine = sa.create_engine(
        sa.make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
