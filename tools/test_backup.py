"""A fleet as one encrypted file, and back: from either database to either, whole or not at all."""

import json
import secrets
import time

import pytest
from click.testing import CliRunner
from pyrage import x25519
from sqlalchemy import select, text, update

from cloud import backup as backups
from cloud import context, db, ingest, rides, tables, testdatabase, testpostgres
from cloud.config import Settings
from cloud.testlock import NOW, SECRET, Pen, make_cloud
from protocol import telemetry
from tools.cli import main

PASSPHRASE = "correct horse battery staple"
postgres = pytest.mark.skipif(testpostgres.find() is None, reason="PostgreSQL is not installed here")
ENGINES = ["sqlite", pytest.param("postgres", marks=postgres)]


@pytest.fixture(scope="module")
def engines():
    made = {name: testdatabase.Databases(name) for name in testdatabase.ENGINES}
    yield made
    for each in made.values():
        each.close()


def a_fleet(folder, url):
    """A cloud with a lock that has ridden. -> (cloud, pen)"""
    cloud = make_cloud(folder, url=url)
    pen = Pen().register(cloud)
    cti, start = b"cti-ride", NOW - 5000
    bodies = [pen.open(cti, start), pen.close(cti, start + 600), pen.reopen(cti, start + 700)]
    bodies += [pen.close(cti, start + 900), pen.end(cti, start + 950, 4, start + 900)]
    fixes = [(telemetry.FIX, start + 5 * n, 520907028 + 900 * n, 51214737, 47) for n in range(40)]
    for n in range(0, len(bodies), 4):
        ingest.take_receipts(cloud, pen.hex, telemetry.encode_receipts(bodies[n : n + 4]))
    ingest.telemetry(cloud, pen.hex, telemetry.encode_batch(1, fixes))
    return cloud, pen


def everything(url):
    """{table: rows, sorted}, but for what a restore steps ahead."""
    engine = db.make_engine(url)
    with engine.connect() as connection:
        found = {}
        for table in tables.Base.metadata.sorted_tables:
            ahead = {"oscore_reserved", "oscore_context", "next_epoch", "next_master_epoch"}
            columns = [c for c in table.columns if not (table.name == "lock" and c.name in ahead)]
            found[table.name] = sorted(map(repr, connection.execute(select(*columns))))
    engine.dispose()
    found.pop("process")
    return found


@pytest.fixture
def ringslot(tmp_path, monkeypatch):
    monkeypatch.setenv("RINGSLOT_SECRET", SECRET.decode())
    monkeypatch.delenv("RINGSLOT_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pass").write_text(PASSPHRASE + "\n")

    def run(line: str, url: str | None = None, stdin: str | None = None):
        if url:
            monkeypatch.setenv("RINGSLOT_DATABASE_URL", url)
        result = CliRunner().invoke(main, line.split(), input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


BACKUP = "backup fleet.ringslot --passphrase-file pass --json"
RESTORE = "restore fleet.ringslot --passphrase-file pass"


@pytest.mark.parametrize("source", ENGINES)
@pytest.mark.parametrize("target", ENGINES)
def test_a_fleet_comes_back_on_either_database(engines, ringslot, tmp_path, source, target):
    cloud, pen = a_fleet(tmp_path, engines[source].fresh(tmp_path))
    made = ringslot(BACKUP, cloud.settings.database_url)
    assert made.exit_code == 0, made.output
    before = everything(cloud.settings.database_url)
    cloud.db.close()
    url = engines[target].empty(tmp_path)
    restored = ringslot(RESTORE, url)
    assert restored.exit_code == 0, restored.output
    assert everything(url) == before and len(before["fix"]) == 40
    again = context.make(Settings(secret=SECRET, database_url=url), lambda: NOW)
    with again.db.writing() as session:
        assert rides.rebuild(session, again.settings.still_s) == 1
    assert everything(url)["ride"] == before["ride"] != []
    with again.db.reading() as session:
        lock = session.scalars(select(tables.Lock)).one()
        assert lock.oscore_reserved >= backups.NUMBERS_AHEAD and lock.next_epoch >= backups.EPOCHS_AHEAD
        assert lock.oscore_context is None
    with again.db.writing() as session:  # numbers go on after those that came back
        session.add(
            tables.Command(
                lock_id=pen.hex, kind=1, args="[]", user_id="rider-0000000000000000", created_at=NOW
            )
        )
    again.db.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_one_moment_while_the_cloud_writes_on(engines, tmp_path, engine):
    cloud, _ = a_fleet(tmp_path, engines[engine].fresh(tmp_path))
    before, frames = everything(cloud.settings.database_url), []

    class Out:
        def write(self, data):
            with cloud.db.writing() as session:
                session.execute(update(tables.User).values(created_at=tables.User.created_at + 1))
                session.execute(text("DELETE FROM fix"))
            frames.append(data)

    backups.write(cloud.settings, Out(), NOW)
    (tmp_path / "plain").write_bytes(b"".join(frames))
    url = engines["sqlite"].empty(tmp_path)
    with (tmp_path / "plain").open("rb") as source:
        backups.read(Settings(secret=SECRET, database_url=url), source)
    assert everything(url) == before
    cloud.db.close()


PAIR = x25519.Identity.generate()  # quicker than a passphrase, which is slow on purpose


@pytest.fixture
def for_key(engines, ringslot, tmp_path):
    cloud, _ = a_fleet(tmp_path, engines["sqlite"].fresh(tmp_path))
    (tmp_path / "mine").write_text(str(PAIR))
    line = f"backup fleet.ringslot --to {PAIR.to_public()}"
    assert ringslot(line, cloud.settings.database_url).exit_code == 0
    cloud.db.close()
    return tmp_path / "fleet.ringslot"


@pytest.fixture
def sealed(engines, ringslot, tmp_path):
    cloud, _ = a_fleet(tmp_path, engines["sqlite"].fresh(tmp_path))
    assert ringslot(BACKUP, cloud.settings.database_url).exit_code == 0
    cloud.db.close()
    return tmp_path / "fleet.ringslot"


def refused(ringslot, engines, tmp_path, words, line=RESTORE, **more):
    url = engines["sqlite"].empty(tmp_path)
    result = ringslot(line, url, **more)
    assert result.exit_code == 1 and words in result.output and "Traceback" not in result.output, (
        result.output
    )
    assert result.output.count("\n") <= 2
    engine = db.make_engine(url)
    with engine.connect() as connection:
        for table in backups._tables(connection):
            assert connection.execute(select(table)).first() is None
    engine.dispose()
    return url


def test_nothing_of_the_fleet_shows_in_the_file_and_it_is_its_owners_alone(sealed):
    data = sealed.read_bytes()
    assert sealed.stat().st_mode & 0o777 == 0o600 and not sealed.with_name("fleet.ringslot.part").exists()
    for word in (b"rider", b"lock_id", SECRET, PASSPHRASE.encode(), b"alembic"):
        assert word not in data


OPEN = "restore fleet.ringslot --identity mine"


def test_a_cut_file_is_refused_wherever_it_is_cut(ringslot, engines, tmp_path, for_key):
    whole = for_key.read_bytes()
    for length in (0, 10, 40, 150, len(whole) // 2, len(whole) - 1):
        for_key.write_bytes(whole[:length])
        refused(ringslot, engines, tmp_path, "backup", OPEN)
    for_key.write_bytes(whole + b"x")
    refused(ringslot, engines, tmp_path, "backup", OPEN)


def test_a_flipped_bit_is_refused_wherever_it_is(ringslot, engines, tmp_path, for_key):
    whole = for_key.read_bytes()
    for place in (3, 20, 60, 150, len(whole) // 2, len(whole) - 3):
        for_key.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        refused(ringslot, engines, tmp_path, "backup", OPEN)


def test_a_wrong_passphrase_is_one_sentence(ringslot, engines, tmp_path, sealed):
    (tmp_path / "pass").write_text("incorrect horse battery")
    refused(ringslot, engines, tmp_path, "The passphrase is wrong")


def test_another_secret_is_named_and_takes_nothing(ringslot, engines, tmp_path, sealed, monkeypatch):
    monkeypatch.setenv("RINGSLOT_SECRET", secrets.token_urlsafe(32))
    refused(ringslot, engines, tmp_path, "RINGSLOT_SECRET is not the one of the fleet")


def test_a_file_that_is_no_backup_is_told_so(ringslot, engines, tmp_path, sealed):
    sealed.write_bytes(b"PK\x03\x04" * 100)
    refused(ringslot, engines, tmp_path, "no backup of Ringslot")


def test_a_fleet_that_is_there_is_not_overwritten(ringslot, engines, tmp_path, sealed):
    url = engines["sqlite"].empty(tmp_path)
    assert ringslot(RESTORE, url).exit_code == 0
    before = everything(url)
    result = ringslot(RESTORE, url)
    assert result.exit_code == 1 and "There is a fleet in this database already" in result.output
    assert everything(url) == before


def test_a_file_that_is_there_is_not_overwritten(ringslot, sealed):
    before = sealed.read_bytes()
    result = ringslot(BACKUP)
    assert result.exit_code == 1 and "overwrites nothing" in result.output and sealed.read_bytes() == before


def test_a_backup_for_a_public_key_opens_with_its_secret_half_alone(engines, ringslot, tmp_path):
    cloud, _ = a_fleet(tmp_path, engines["sqlite"].fresh(tmp_path))
    pair, other = x25519.Identity.generate(), x25519.Identity.generate()
    for name, one in (("mine", pair), ("other", other)):
        (tmp_path / name).write_text(f"# created: today\n# public key: {one.to_public()}\n{one}\n")
    made = ringslot(f"backup fleet.ringslot --to {pair.to_public()} --json", cloud.settings.database_url)
    assert made.exit_code == 0 and json.loads(made.output)["rows"] > 40
    before = everything(cloud.settings.database_url)
    refused(ringslot, engines, tmp_path, "for another key", "restore fleet.ringslot --identity other")
    refused(ringslot, engines, tmp_path, "opens with the secret key of its recipient")
    url = engines["sqlite"].empty(tmp_path)
    assert ringslot("restore fleet.ringslot --identity mine", url).exit_code == 0
    assert everything(url) == before
    cloud.db.close()


def test_a_short_passphrase_and_a_strange_key_make_no_backup(ringslot, tmp_path, sealed):
    (tmp_path / "pass").write_text("short")
    result = ringslot("backup other.ringslot --passphrase-file pass")
    assert result.exit_code == 1 and "12 characters" in result.output
    result = ringslot("backup other.ringslot --to age1junk")
    assert result.exit_code == 1 and "no public key of age" in result.output
    assert not list(tmp_path.glob("other*"))


def test_without_a_fleet_there_is_nothing_to_back_up(ringslot, engines, tmp_path):
    result = ringslot(BACKUP, engines["sqlite"].empty(tmp_path))
    assert (
        result.exit_code == 1 and "no fleet" in result.output and not (tmp_path / "fleet.ringslot").exists()
    )


def test_a_backup_of_a_newer_version_says_so(engines, tmp_path, monkeypatch):
    cloud, _ = a_fleet(tmp_path, engines["sqlite"].fresh(tmp_path))
    with (tmp_path / "plain").open("wb") as out:
        backups.write(cloud.settings, out, int(time.time()))
    cloud.db.close()
    monkeypatch.setattr(db, "revisions", lambda: {"0001"})
    url = engines["sqlite"].empty(tmp_path)
    with (
        (tmp_path / "plain").open("rb") as source,
        pytest.raises(backups.BackupError, match="newer Ringslot"),
    ):
        backups.read(Settings(secret=SECRET, database_url=url), source)


def test_a_backup_by_another_secret_is_refused_and_nothing_is_registered_by_one(
    ringslot, tmp_path, monkeypatch
):
    """Nobody could restore it, and nobody could open that lock."""
    url = testdatabase.fresh(tmp_path)
    cloud, _ = a_fleet(tmp_path, url)
    cloud.db.close()
    assert ringslot("lock add BIKE-1 --out bike-1", url).exit_code == 0
    before = everything(url)
    monkeypatch.setenv("RINGSLOT_SECRET", "0123456789 another secret of somebody")
    for line in (BACKUP, "lock add BIKE-2 --out bike-2", "keys list"):
        said = ringslot(line)
        assert said.exit_code == 1 and "RINGSLOT_SECRET is not the one" in said.output + str(
            said.exception
        ), line
        assert "another secret of" not in said.output
    assert everything(url) == before and not (tmp_path / "fleet.ringslot").exists()
