"""The same on PostgreSQL: every test of claims, the fleet, rides and the console, the migrations, and the race."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from cloud import db, testpostgres
from cloud.context import unix_now
from cloud.tables import Base
from cloud.test_claims import *  # noqa: F403
from cloud.test_console import *  # noqa: F403
from cloud.test_fleet import *  # noqa: F403
from cloud.test_race import PAIRS, check, race
from cloud.test_rides import *  # noqa: F403
from cloud.test_rollouts import *  # noqa: F403
from cloud.testsite import Site, served

pytestmark = pytest.mark.skipif(testpostgres.find() is None, reason="PostgreSQL is not installed here")


@pytest.fixture(scope="module")
def server():
    with testpostgres.server() as url:
        db.upgrade(url)
        yield url


@pytest.fixture
def empty(server):
    tables = ", ".join(f'"{table}"' for table in Base.metadata.tables)
    testpostgres.run(server, f"TRUNCATE {tables}")
    return server


@pytest.fixture
def site(empty, tmp_path):
    made = Site(tmp_path, empty)
    yield made
    made.close()


def test_migrations_make_what_the_models_say(server):
    engine = db.make_engine(server)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()
    db.require_newest(server)


def test_of_two_hundred_racing_pairs_each_gets_one_claim_and_one_refusal(empty, tmp_path):
    site = Site(tmp_path, empty, now=unix_now())
    pairs = [(site.bike().hex, site.person().token, site.person().token) for _ in range(PAIRS)]
    with served(site, tmp_path / "gunicorn.log") as address:
        check(site, pairs, race(address, pairs))
    site.close()
