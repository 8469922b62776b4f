"""`pytest cloud --db postgres`: every test on PostgreSQL; `--db sqlite`, which is the default, on SQLite.

A test marked `sqlite` is about SQLite alone and runs there; one marked `postgres` brings a server of its own and runs
wherever PostgreSQL is installed.
"""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud import testdatabase, testpostgres
from cloud.testsite import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


@pytest.fixture
def free_port() -> int:
    """A loopback port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pytest_configure(config: pytest.Config) -> None:
    testdatabase.databases = testdatabase.Databases(config.getoption("--db"))


def pytest_unconfigure() -> None:
    testdatabase.databases.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = config.getoption("--db")
    for item in items:
        if item.get_closest_marker("sqlite") and chosen != "sqlite":
            item.add_marker(pytest.mark.skip(reason="about SQLite alone"))
        if item.get_closest_marker("postgres") and testpostgres.find() is None:
            item.add_marker(pytest.mark.skip(reason="PostgreSQL is not installed here"))


@pytest.hookimpl(trylast=True)  # after the fixtures' ends
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is None or nextitem.path != item.path:
        testdatabase.databases.clear()
