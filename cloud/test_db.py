"""Writers wait for each other, and what one read still holds when it writes."""

import threading

import pytest
from sqlalchemy import select

from cloud import testdatabase
from cloud.db import UNAVAILABLE, Database
from cloud.tables import Attempt

WAIT = 10  # seconds


@pytest.fixture
def two(tmp_path):
    """The same database as two processes have it: nothing else shared."""
    url = testdatabase.fresh(tmp_path)
    both = Database(url), Database(url)
    with both[0].writing() as session:
        session.add(Attempt(key="count", since=0, tries=0))
    yield both
    for database in both:
        database.close()


def count(database, times):
    for _ in range(times):
        with database.writing() as session:
            row = session.scalars(select(Attempt).with_for_update()).one()  # read first, write later
            row.tries += 1


def test_a_writer_that_read_first_loses_nothing_to_another_process(two):
    threads = [threading.Thread(target=count, args=(database, 50)) for database in (*two, *two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT * 3)
    with two[0].reading() as session:
        assert session.scalars(select(Attempt.tries)).one() == 200


def test_a_reader_sees_what_is_committed_and_waits_for_nobody(two):
    with two[0].writing() as session:
        session.scalars(select(Attempt)).one().tries = 7
        session.flush()
        with two[1].reading() as other:
            assert other.scalars(select(Attempt.tries)).one() == 0
    with two[1].reading() as other:
        assert other.scalars(select(Attempt.tries)).one() == 7


def test_an_error_inside_writes_nothing_and_lets_the_next_one_in(two):
    for database in two:
        with pytest.raises(KeyError), database.writing() as session:
            session.scalars(select(Attempt)).one().tries = 9
            session.flush()
            raise KeyError
    count(two[0], 1)
    with two[1].reading() as session:
        assert session.scalars(select(Attempt.tries)).one() == 1


@pytest.mark.parametrize("other", [0, 1], ids=["same process", "another process"])
def test_a_writer_that_waits_too_long_gives_up(tmp_path, two, other, monkeypatch):
    monkeypatch.setattr("cloud.db.BUSY_MS", 60)
    two[1].close()  # PostgreSQL is told at the next connection
    with two[0].writing() as session:
        session.scalars(select(Attempt).with_for_update()).one()
        with pytest.raises(UNAVAILABLE):
            count(two[other], 1)
    count(two[other], 1)
