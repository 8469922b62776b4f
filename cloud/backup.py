"""What a backup holds, and how a fleet comes back from one: all rows as of one moment, whichever database they are in.

Frames of four bytes of length and CBOR: first what this is, then a table's name and columns, then its rows in handfuls,
and so on; last how many there were and an HMAC over everything before, under a key of RINGSLOT_SECRET: only who has
that can have written it. RINGSLOT_SECRET itself is not inside, so a backup alone opens no lock.

What comes back is older than the locks. So every counter that must not give out a number twice is stepped ahead, by
more than any lock can have used since; and no lock's session counts before it is proved again.
"""

import hmac
import io
from collections.abc import Callable
from typing import Any, BinaryIO

import cbor2
import sqlalchemy as sa

from cloud import db, wrapping
from cloud.config import Settings

FORMAT = 1
FRAME = 64 << 20  # bytes of one at most
HANDFUL = 500  # rows
LEFT_OUT = ("alembic_version", "process")
NUMBERS_AHEAD = 1 << 24  # server sequence numbers of OSCORE; there are 2^40
EPOCHS_AHEAD = 1000  # claims, and master tokens, of one lock since the backup

Progress = Callable[[str, int, int], None]  # table, rows so far, rows in all


class BackupError(Exception):
    """Why it cannot be taken or restored, in one sentence."""


def _silent(table: str, done: int, total: int) -> None:
    pass


def write(settings: Settings, out: BinaryIO, now: int, progress: Progress = _silent) -> int:
    """All rows, consistent, into `out`. -> how many. Raises BackupError."""
    engine = db.make_engine(settings.database_url, 1)
    mac = _mac(settings)
    try:
        with db.snapshot(engine) as connection:
            revision = db.revision(connection)
            if revision is None:
                raise BackupError("There is no fleet in this database.")
            tables = _tables(connection)
            _refuse_wrong_secret(connection, tables, settings)
            total = sum(connection.scalar(sa.select(sa.func.count()).select_from(t)) or 0 for t in tables)
            head = {"ringslot": FORMAT, "revision": revision, "at": now, "rows": total}
            _put(out, mac, head)
            done = 0
            for table in tables:
                _put(out, mac, [table.name, [column.name for column in table.columns]])
                rows = connection.execution_options(yield_per=HANDFUL).execute(sa.select(table))
                for some in rows.partitions():
                    _put(out, mac, [list(row) for row in some])
                    done += len(some)
                    progress(table.name, done, total)
            _put(out, None, {"rows": done, "hmac": mac.digest()})
    finally:
        engine.dispose()
    return done


def read(settings: Settings, source: BinaryIO, progress: Progress = _silent) -> int:
    """Into an empty database, all or nothing. -> how many rows. Raises BackupError."""
    mac = _mac(settings)
    head = _take(source, mac)
    if not isinstance(head, dict) or head.get("ringslot") != FORMAT:
        raise BackupError("This backup is of another form than this version reads.")
    if head["revision"] not in db.revisions():
        raise BackupError("This backup is of a newer Ringslot; install that first.")
    engine = db.make_engine(settings.database_url, 1)
    try:
        with engine.connect() as connection:
            _refuse_if_used(connection)
        db.upgrade(settings.database_url, head["revision"])
        with engine.execution_options(writing=True).begin() as connection:
            _refuse_if_used(connection)
            done = _load(connection, source, mac, head["rows"], progress)
            _step_ahead(connection)
    finally:
        engine.dispose()
    db.upgrade(settings.database_url)
    return done


def _load(connection: sa.Connection, source: BinaryIO, mac: hmac.HMAC, total: int, progress: Progress) -> int:
    tables = {table.name: table for table in _tables(connection)}
    done, table, columns = 0, None, []
    while isinstance(item := _take(source, mac), list):
        if item and isinstance(item[0], str):
            if item[0] not in tables:
                raise BackupError(f"This backup has a table {item[0][:40]} that this version does not know.")
            if table is not None:
                db.count_on(connection, table)
            table, columns = tables[item[0]], item[1]
        elif item and table is not None:
            connection.execute(sa.insert(table), [dict(zip(columns, row, strict=True)) for row in item])
            done += len(item)
            progress(table.name, done, total)
    if table is not None:
        db.count_on(connection, table)
    if not isinstance(item, dict) or item.get("rows") != done:
        raise BackupError("This backup is not whole; nothing of it was taken.")
    if not hmac.compare_digest(item.get("hmac", b""), mac.digest()):
        raise BackupError(
            "RINGSLOT_SECRET is not the one of the fleet in this backup; set that one. Nothing was taken."
        )
    return done


def _step_ahead(connection: sa.Connection) -> None:
    lock = sa.Table("lock", sa.MetaData(), autoload_with=connection)
    ahead: dict[str, Any] = {
        "oscore_reserved": lock.c.oscore_reserved + NUMBERS_AHEAD,
        "next_epoch": lock.c.next_epoch + EPOCHS_AHEAD,
        "next_master_epoch": lock.c.next_master_epoch + EPOCHS_AHEAD,
    }
    if "oscore_context" in lock.c:
        ahead["oscore_context"] = None
    connection.execute(sa.update(lock).values(ahead))


def _refuse_wrong_secret(connection: sa.Connection, tables: list[sa.Table], settings: Settings) -> None:
    """Its HMAC would be of that: nobody could restore it. A database from before the check has none."""
    found = next((table for table in tables if table.name == "secret_check"), None)
    kept = None if found is None else connection.scalar(sa.select(found.c.value))
    if kept is not None and not hmac.compare_digest(kept, wrapping.check(settings.secret)):
        raise BackupError("RINGSLOT_SECRET is not the one of this fleet; set that one. There is no backup.")


def _refuse_if_used(connection: sa.Connection) -> None:
    for table in _tables(connection):
        if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
            raise BackupError("There is a fleet in this database already; restore into an empty one.")


def _tables(connection: sa.Connection) -> list[sa.Table]:
    """As the database has them, those before that others refer to."""
    found = sa.MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name not in LEFT_OUT]


# ---- frames


def _mac(settings: Settings) -> hmac.HMAC:
    return hmac.new(wrapping.derive(settings.secret, "backup"), digestmod="sha256")


def _put(out: BinaryIO, mac: hmac.HMAC | None, item: Any) -> None:
    body = cbor2.dumps(item)
    frame = len(body).to_bytes(4, "big") + body
    if mac is not None:
        mac.update(frame)
    out.write(frame)


def _take(source: BinaryIO, mac: hmac.HMAC) -> Any:
    """The next item; all but the last, a map that is not the first, count into the HMAC. Raises BackupError."""
    length = source.read(4)
    size = int.from_bytes(length, "big")
    body = source.read(size) if len(length) == 4 and size <= FRAME else b""
    if not size or len(body) != size:
        raise BackupError("This backup is not whole; nothing of it was taken.")
    try:
        item = cbor2.load(io.BytesIO(body))
    except (cbor2.CBORDecodeError, ValueError):
        raise BackupError("This backup is damaged; nothing of it was taken.") from None
    if not (isinstance(item, dict) and "hmac" in item):
        mac.update(length + body)
    return item
