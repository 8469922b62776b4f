"""No process of the cloud starts with a secret that is not this fleet's."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, func, select

from cloud import db, start, testdatabase
from cloud.config import ConfigError, Settings
from cloud.tables import IssuerKey
from cloud.tables_api import SecretCheck
from cloud.testlock import ROOT, SECRET, Pen, make_cloud

OTHER = b"another secret, that is not the fleet's: 0123456789"
SAID = "RINGSLOT_SECRET is not the one that this fleet's keys are wrapped with; set that one. Nothing was changed."


def settings(url, secret=SECRET):
    return Settings(secret=secret, database_url=url)


@pytest.fixture
def cloud(tmp_path):
    made = make_cloud(tmp_path)
    yield made
    made.db.close()


def test_the_first_secret_stays_and_no_other_starts(tmp_path):
    url = testdatabase.fresh(tmp_path)
    start.require(settings(url))
    start.require(settings(url))
    with pytest.raises(ConfigError) as stopped:
        start.require(settings(url, OTHER))
    assert str(stopped.value) == SAID and OTHER.decode() not in SAID
    start.require(settings(url))


@pytest.mark.parametrize("key", ["an issuer's", "a lock's"])
def test_a_fleet_from_before_there_was_a_check_is_tried_by_its_keys(cloud, key):
    Pen().register(cloud)
    with cloud.db.writing() as session:
        assert session.scalar(select(SecretCheck.value)) is None
        if key == "a lock's":
            session.execute(delete(IssuerKey))
    url = cloud.settings.database_url
    with pytest.raises(ConfigError, match="is not the one"):
        start.require(settings(url, OTHER))
    with cloud.db.reading() as session:
        assert session.scalar(select(SecretCheck.value)) is None, "a wrong secret leaves no mark"
    start.require(settings(url))
    with pytest.raises(ConfigError, match="is not the one"):
        start.require(settings(url, OTHER))


def test_several_that_start_at_once_leave_one_mark(tmp_path):
    url = testdatabase.fresh(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: start.require(settings(url)), range(8)))
    database = db.Database(url)
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(SecretCheck)) == 1
    database.close()


def test_a_database_that_is_away_is_not_judged():
    start.require(settings("postgresql://127.0.0.1:1/away"))


GUNICORN = ["gunicorn", "-c", "cloud/gunicorn_conf.py", "-b", "127.0.0.1:0", "cloud.wsgi:app"]


@pytest.mark.parametrize("part", [["cloud.worker"], ["cloud.gateway", "--port", "0"], GUNICORN])
def test_each_process_stops_with_one_sentence(cloud, part):
    url = cloud.settings.database_url
    start.require(settings(url))
    environ = {**os.environ, "RINGSLOT_SECRET": OTHER.decode(), "RINGSLOT_DATABASE_URL": url}
    ended = subprocess.run(
        [sys.executable, "-m", *part], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0 and SAID in ended.stderr, ended.stderr
    assert "Traceback" not in ended.stderr and OTHER.decode() not in ended.stderr + ended.stdout
