import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from cloud import db, testdatabase
from cloud.config import ConfigError
from cloud.tables_people import Base


@pytest.fixture
def url(tmp_path):
    """Of an empty database."""
    return testdatabase.empty(tmp_path)


def schema(engine):
    """Every table with its columns and constraints, in an order of our own; checks included, which Alembic skips."""
    inspector = inspect(engine)
    return {
        table: {
            "columns": sorted(
                (c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)
            ),
            "primary": inspector.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted(tuple(u["column_names"]) for u in inspector.get_unique_constraints(table)),
            "foreign": sorted(
                (tuple(f["constrained_columns"]), f["referred_table"])
                for f in inspector.get_foreign_keys(table)
            ),
            "checks": sorted(c["sqltext"] for c in inspector.get_check_constraints(table)),
            "indexes": sorted(tuple(i["column_names"]) for i in inspector.get_indexes(table)),
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def test_migrations_make_what_the_models_say(url, tmp_path):
    db.upgrade(url)
    engine = db.make_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    fresh = db.make_engine(testdatabase.empty(tmp_path))
    Base.metadata.create_all(fresh)
    assert schema(engine) == schema(fresh)
    assert "claim" in schema(engine) and ("open_on",) in schema(engine)["claim"]["unique"]
    for each in (engine, fresh):
        each.dispose()


def test_upgrading_twice_or_by_several_at_once_is_upgrading_once(url):
    failed = []

    def upgrade():
        try:
            db.upgrade(url)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    db.upgrade(url)
    assert failed == []
    db.require_newest(url)


def test_a_database_of_another_migration_stops_the_start(url):
    with pytest.raises(ConfigError, match="migration None"):
        db.require_newest(url)
    db.require_newest("postgresql://127.0.0.1:1/away")  # not judged: it will be back


@pytest.mark.sqlite
def test_sqlite_is_set_up_as_we_need_it(url):
    engine = db.make_engine(url)
    with engine.connect() as connection:
        for pragma, value in (
            ("journal_mode", "wal"),
            ("busy_timeout", 5000),
            ("synchronous", 2),
            ("foreign_keys", 1),
        ):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    engine.dispose()
