"""The database: one engine, two ways in (`reading`, `writing`), and the migrations.

SQLite runs in WAL mode, enforces foreign keys, and starts every writing transaction with BEGIN IMMEDIATE: one that
reads first and writes later would fail at the write, without waiting, whenever another writer came in between. Writers
of one process queue at a lock, those of several look again every LOOK_MS: SQLite's own wait sleeps ever longer, up to
100 ms, and the unlucky starve. PostgreSQL serialises by row locks (see claims.py); who waits BUSY_MS for one gives up
there too.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from cloud.config import ConfigError
from cloud.wake import CHANNEL, Wake

BUSY_MS = 5000  # how long a writer waits for another before the request is answered 503
LOOK_MS = 2  # between two looks whether another process still writes
MIGRATIONS = Path(__file__).parent / "migrations"
UPGRADE_LOCK = 0x72696E67  # advisory lock: two processes that upgrade at once do it one after the other

_FINISH, _THEN = "finish", "then"
_ACTING: ContextVar[Callable[[Session], None] | None] = ContextVar("acting", default=None)
REACH = {  # libpq: a server that went without a word is away within half a minute, rather than for TCP's quarter hour
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeout, sqlite3.OperationalError)


class Database:
    """`with db.reading() as session` or `with db.writing() as session`; writing commits, or rolls back on any error."""

    def __init__(self, url: str, pool_size: int = 8):
        self.engine = make_engine(url, pool_size)
        self.wake = Wake(self.engine.url)
        self._writers = threading.Lock()
        self._reader = sessionmaker(self.engine, expire_on_commit=False)
        self._writer = sessionmaker(self.engine.execution_options(writing=True), expire_on_commit=False)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self._reader() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with self._turn():
            with self._writer.begin() as session:
                yield session
                for finish in session.info.get(_FINISH, {}).values():
                    finish(session)
                if (mark := _ACTING.get()) is not None:
                    mark(session)
            for then in session.info.get(_THEN, ()):
                then()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """SQLite's one writer, as far as this process is concerned. Raises PoolTimeout."""
        if self.engine.dialect.name != "sqlite":
            yield
            return
        if not self._writers.acquire(timeout=BUSY_MS / 1000):
            raise PoolTimeout("another writer takes too long")
        try:
            yield
        finally:
            self._writers.release()

    def close(self) -> None:
        self.wake.stop()
        self.engine.dispose()


def make_engine(url: str, pool_size: int = 8) -> sa.Engine:
    target = sa.make_url(url)
    if target.drivername == "postgresql":
        target = target.set(drivername="postgresql+psycopg")
    # hide_parameters: an error's text would otherwise carry keys and tokens into the log
    common: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": 5,
        "hide_parameters": True,
    }
    if target.get_backend_name() == "sqlite":
        engine = sa.create_engine(target, **common)
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    engine = sa.create_engine(target, pool_pre_ping=True, connect_args=REACH, **common)
    event.listen(engine, "connect", _postgres_connect)
    event.listen(engine, "handle_error", _say_no_values)
    return engine


def _postgres_connect(connection: Any, _record: Any) -> None:
    connection.execute(f"SET lock_timeout = {BUSY_MS}")
    connection.commit()


def _say_no_values(context: Any) -> None:
    """PostgreSQL's second line quotes the row that it refuses: logins, and what else is unique."""
    primary = getattr(getattr(context.original_exception, "diag", None), "message_primary", None)
    if primary is not None and context.sqlalchemy_exception is not None:
        context.original_exception.args = (primary,)
        context.sqlalchemy_exception.args = (f"({type(context.original_exception).__name__}) {primary}",)


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver starts no transaction of its own; _sqlite_begin does
    for pragma in (
        f"busy_timeout = {BUSY_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",  # a lock deletes what we acknowledged: it must be on the disk by then
        "foreign_keys = ON",
        "secure_delete = ON",  # who left is not to be found in a free page
    ):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: sa.Connection) -> None:
    if not connection.get_execution_options().get("writing"):
        connection.exec_driver_sql("BEGIN")
        return
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 0")
    try:
        _begin_immediate(cursor)
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")


def _begin_immediate(cursor: Any) -> None:
    end = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            cursor.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(LOOK_MS / 1000)


def finally_do(session: Session, name: str, finish: Callable[[Session], None]) -> None:
    """In a writing session: `finish` runs once, as the last thing before the commit, if it comes to that."""
    session.info.setdefault(_FINISH, {})[name] = finish


def then_do(session: Session, then: Callable[[], None]) -> None:
    """In a writing session: `then` runs once it is committed, and not if it is not. It must not raise."""
    session.info.setdefault(_THEN, []).append(then)


@contextmanager
def acting(mark: Callable[[Session], None]) -> Iterator[None]:
    """Whatever this thread writes meanwhile, `mark` is written with it, in the same transaction; it may raise."""
    before = _ACTING.set(mark)
    try:
        yield
    finally:
        _ACTING.reset(before)


def in_turn(session: Session, number: int) -> None:
    """From here to the commit, whoever calls this with the same number waits. SQLite's writers take turns anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def notify(session: Session, payload: Any) -> None:
    """To every process that listens (wake.py), once this transaction is committed. Nothing on SQLite."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_notify(CHANNEL, sa.cast(payload, sa.Text))))


def insert(session: Session, table: Any) -> Any:
    """INSERT of this session's engine: both have ON CONFLICT and RETURNING, each in its own module."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(table)


def is_unavailable(error: BaseException) -> bool:
    """The database is away, or too busy: try again later. Not: the statement was wrong."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, UNAVAILABLE)


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """To read from for as long as it takes, all as of one moment; writers go on."""
    isolated = engine
    if engine.dialect.name == "postgresql":
        isolated = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with (
        isolated.begin() as connection
    ):  # on SQLite, WAL: what a transaction has begun to read stays as it is
        yield connection


def count_on(connection: sa.Connection, table: sa.Table) -> None:
    """After rows were put in with their numbers: the next one gets a number of its own."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.primary_key.columns:
        named = sa.func.pg_get_serial_sequence(f'"{table.name}"', column.name)
        if connection.scalar(sa.select(named)):
            newest = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
            connection.execute(sa.select(sa.func.setval(named, newest, False)))


def revisions() -> set[str]:
    """The migrations that this code knows."""
    return {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}


def upgrade(url: str, to: str = "head") -> None:
    """Bring the database to the newest migration; makes it when it is empty. Safe to run twice, or at once."""
    engine = make_engine(url)
    try:
        with engine.execution_options(writing=True).begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL lock_timeout = 0")  # a migration may take its time
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(UPGRADE_LOCK)))
            config = _alembic()
            config.attributes["connection"] = connection
            command.upgrade(config, to)
    finally:
        engine.dispose()


def newest() -> str | None:
    """The migration that this code needs."""
    return ScriptDirectory.from_config(_alembic()).get_current_head()


def revision(connection: sa.Connection) -> str | None:
    """The migration that this database is at."""
    return MigrationContext.configure(connection).get_current_revision()


def require_newest(url: str) -> None:
    """Raises ConfigError when the database is not at the newest migration. A database that is away is not judged:
    requests will be answered 503 until it is back."""
    needed = newest()
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            found = revision(connection)
    except UNAVAILABLE:
        return
    finally:
        engine.dispose()
    if found != needed:
        raise ConfigError(
            f"The database is at migration {found}, this code needs {needed}: run `ringslot up` once."
        )


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
