"""Where a lock was last: in its own row, and always the newest of all that it told."""

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud import db, fixes, testdatabase
from cloud.tables import Fix, Lock
from cloud.testlock import NOW, Pen, make_cloud

HEAD, BEFORE = "0016", "0015"  # the migration that moved it there, and the one before


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = make_cloud(tmp_path_factory.mktemp("cloud"))
    yield cloud
    cloud.db.close()


def newest(rows):
    """The long way: of all rows the one that is the newest by time, and of two at once the later record."""
    row = max(rows, key=lambda each: (each["at"], each["seq"]))
    return tuple(row[name] for name in fixes.Place._fields)


BATCHES = st.lists(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 8)), max_size=4), max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BATCHES)
def test_the_newest_is_the_newest_whatever_comes_late_twice_or_at_the_same_second(cloud, batches):
    pen, other = Pen().register(cloud), Pen().register(cloud)
    stored = {}
    for batch in batches:
        rows = [
            {"lock_id": pen.hex, "seq": seq, "at": NOW + at, "lat": seq, "lon": -at, "accuracy": seq + at}
            for seq, at in batch
        ]
        with cloud.db.writing() as session:
            for row in rows:
                fixes.store(session, [row])
                stored.setdefault(row["seq"], row)  # the first of a number stays
        with cloud.db.reading() as session:
            told = fixes.place(
                *session.execute(sa.select(*fixes.NEWEST).where(Lock.lock_id == pen.hex)).one()
            )
        assert told == (newest(stored.values()) if stored else None)
    with cloud.db.reading() as session:
        assert session.get(Lock, other.hex).fix_at is None


def _filled(table: sa.Table, **given: Any) -> dict[str, Any]:
    """A row with something in every column that must have something."""
    row = dict(given)
    for column in table.columns:
        if not column.nullable and column.name not in row:
            row[column.name] = (
                b"\0"
                if column.type.python_type is bytes
                else 0
                if column.type.python_type is int
                else "exclusive"
            )
    return row


def test_the_migration_finds_the_newest_of_what_was_there(tmp_path):
    url = testdatabase.empty(tmp_path)
    db.upgrade(url, BEFORE)
    engine = db.make_engine(url)
    with engine.begin() as connection:
        tables = sa.MetaData()
        tables.reflect(connection, only=["lock", "fix"])
        lock, fix = tables.tables["lock"], tables.tables["fix"]
        for n in range(3):
            connection.execute(sa.insert(lock), _filled(lock, lock_id=f"{n:016x}", kid4=f"{n:08x}"))
        told = [
            {"lock_id": f"{n:016x}", "seq": seq, "at": NOW + at, "lat": seq, "lon": -at, "accuracy": n + 1}
            for n in (0, 1)
            for seq, at in ((1, 5), (3, 9), (2, 9), (4, 7))
        ]
        connection.execute(sa.insert(fix), told)
    engine.dispose()
    db.upgrade(url, HEAD)
    engine = db.make_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(*fixes.NEWEST).order_by(Lock.lock_id)).all()
        assert [fixes.place(*row) for row in rows] == [(3, -9, 1, NOW + 9), (3, -9, 2, NOW + 9), None]
        assert connection.scalar(sa.select(sa.func.count()).select_from(Fix)) == len(told)
    engine.dispose()
