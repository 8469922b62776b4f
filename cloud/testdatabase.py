"""For tests: a database of its own for whoever asks, on the engine that `pytest --db` chose.

Migrated once a run; each test gets a copy: of a file on SQLite, of a template database on PostgreSQL, whose server runs
for as long as the tests do.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import make_url

from cloud import db, testpostgres
from cloud.tables import Base

ENGINES = ("sqlite", "postgres")
TEMPLATE = "template_ringslot"


class Databases:
    """One engine's. `fresh(folder)` -> URL; `clear()` drops what was given out so far; `close()`."""

    def __init__(self, engine: str):
        self.engine = engine
        self._stack = ExitStack()
        self._numbers = count()
        self._given: list[str] = []
        self._server: testpostgres.Server | None = None
        self._file: Path | None = None

    def fresh(self, folder: Path) -> str:
        """At the newest migration, with no row in it."""
        if self.engine == "sqlite":
            url = self.empty(folder)
            shutil.copy(self._sqlite_template(), str(make_url(url).database))
            return url
        return self._create(f'TEMPLATE "{TEMPLATE}"')

    def empty(self, folder: Path) -> str:
        """With not even a table in it."""
        if self.engine == "sqlite":
            name = next(name for n in count() if not (name := folder / f"cloud{n or ''}.db").exists())
            return f"sqlite:///{name}"
        return self._create("TEMPLATE template0")

    def _sqlite_template(self) -> Path:
        if not self._file:
            self._file = Path(self._stack.enter_context(tempfile.TemporaryDirectory())) / "template.db"
            db.upgrade(f"sqlite:///{self._file}")
        return self._file

    def _create(self, like: str) -> str:
        if not self._server:
            self._server = self._stack.enter_context(testpostgres.server())
            testpostgres.run(self._server.url, f'CREATE DATABASE "{TEMPLATE}" TEMPLATE template0')
            db.upgrade(self._url(TEMPLATE))
        name = f"test{next(self._numbers)}"
        testpostgres.run(self._server.url, f'CREATE DATABASE "{name}" {like}')
        self._given.append(name)
        return self._url(name)

    def _url(self, name: str) -> str:
        assert self._server
        return make_url(self._server.url).set(database=name).render_as_string(hide_password=False)

    def clear(self) -> None:
        if self._server and self._given:
            drops = [f'DROP DATABASE "{name}" WITH (FORCE)' for name in self._given]
            testpostgres.run(self._server.url, *drops)
        self._given = []

    def close(self) -> None:
        self._stack.close()


databases = Databases("sqlite")  # conftest.py puts another here


def fresh(folder: Path) -> str:
    return databases.fresh(folder)


def empty(folder: Path) -> str:
    return databases.empty(folder)


@contextmanager
def held(database: db.Database) -> Iterator[None]:
    """Somebody writes, and does not come to an end; who only reads does not wait."""
    with database.engine.connect().execution_options(writing=True) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("SELECT 1")  # BEGIN IMMEDIATE
        else:
            connection.exec_driver_sql('LOCK TABLE "lock", "user", attempt IN EXCLUSIVE MODE')
        yield
        connection.rollback()


def stored(database: db.Database) -> bytes:
    """All that is in it."""
    if database.engine.dialect.name == "sqlite":
        database.close()
        path = Path(str(database.engine.url.database))
        return b"".join(part.read_bytes() for part in path.parent.glob(path.name + "*"))
    found = []
    with database.reading() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(table.select()):
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return b"\n".join(found)
