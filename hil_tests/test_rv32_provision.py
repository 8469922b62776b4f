"""A board with our software becomes a lock of the fleet by `ringslot provision`; whatever is full or away, the same
command goes on."""

import errno
import json
import os

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from cloud import context
from cloud.tables import Asset, Lock
from hil_tests.test_rv32_flash import BOARD, HEAP, board, flash, ringslot  # noqa: F401
from tools import board_data, power, power_life
from tools.cli import settings
from tools.device import Device
from tools.rv32_lock import Rv32Lock

CODE = "BIKE-7"
PAPERS = ["card.pdf", "card.svg", "label.pdf", "label.svg"]


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("RINGSLOT_SECRET", "a secret for this test and nothing else")
    return tmp_path / "fleet"


def make(board, data, paper, *more, as_board=BOARD):  # noqa: F811
    """(whether it went well, what the command says)"""
    resets = board.resets
    where = ["--uplink", "192.0.2.1:5683", "--url", "https://fleet.example/", "--data", str(data)]
    words = [board.port, CODE, "--board", as_board, *where, "--out", str(paper), *more]
    status, said = ringslot("provision", *words)
    if status == 0:
        board.wait_reset(resets)
    return status == 0, said


def known(data):
    """{code: (lock id, board)} in the cloud."""
    cloud = context.make(settings(data))
    try:
        with cloud.db.reading() as session:
            rows = session.query(Asset.code, Lock.lock_id, Lock.board).join(
                Lock, Lock.lock_id == Asset.lock_id
            )
            return {code: (lock_id, board) for code, lock_id, board in rows}
    finally:
        cloud.db.close()


def starts(folder):
    lock = Rv32Lock(folder, None, HEAP)
    lock.start(180)
    try:
        return lock.hand("state")["state"]
    finally:
        lock.cut()


def test_a_board_becomes_a_lock_that_the_cloud_knows(board, data, tmp_path):  # noqa: F811
    paper = tmp_path / "bike-7"
    well, said = make(board, data, paper)
    assert not well and "does not hold Ringslot yet" in said
    assert flash(board)[0]
    with Device(board.port) as device:
        device.put({"lock/identity": b"somebody else"})
    well, said = make(board, data, paper)
    assert not well and "is a lock already" in said
    with Device(board.port) as device:
        device.remove(["lock/identity"])
    assert not list(paper.iterdir()) and known(data) == {}  # the code is free
    well, said = make(board, data, paper, "--set", "fix_every_s=90", "--set", "sleep=1")
    assert well, said
    assert sorted(path.name for path in paper.iterdir()) == PAPERS
    assert all(path.stat().st_mode & 0o77 == 0 for path in paper.iterdir())
    assert known(data) == {CODE: (said["lock_id"], BOARD)}  # so releases for that board are for it
    board.cut()
    told = json.loads(board.memory.files()["lock/settings.json"])
    assert told == said["settings"] and (told["fix_every_s"], told["sleep"]) == (90, 1)
    assert starts(tmp_path) == "locked"


@pytest.mark.parametrize("name", ["esp32s3_lock", "esp32c6_lock"])
def test_what_a_lock_is_told_makes_its_cell_last_180_days(board, data, tmp_path, name):  # noqa: F811
    """The files of an ESP32's lock, on the flash of the board that we have: they are read back from there."""
    with Device(board.port) as device:
        device.put({"main.py": b"# what `ringslot flash` would have put there\n"})
    well, said = make(board, data, tmp_path / "paper", as_board=name)
    assert well and said["days"] >= power.AIM_DAYS, said
    board.cut()
    written = board.memory.files()["settings.json"]
    told = json.loads(written)
    assert told == {
        **board_data.settings(name),
        **{key: told[key] for key in ("kind", "uplink_host", "uplink_port")},
    }
    result = power_life.live(power.told(name, written), power.AIM_RIDES, 365)
    assert result.empty_day is not None and result.empty_day >= power.AIM_DAYS


def full(monkeypatch, suffix):
    """The disk under files with that end is full."""
    real = os.open

    def opened(path, *more, **named):
        if str(path).endswith(suffix):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return real(path, *more, **named)

    monkeypatch.setattr(os, "open", opened)


def test_whatever_is_full_or_away_the_same_command_goes_on(board, data, tmp_path, monkeypatch):  # noqa: F811
    paper = tmp_path / "bike-7"
    assert flash(board)[0]
    with Device(board.port) as device:
        untouched = device.hashes()

    with monkeypatch.context() as away:
        away.setenv("RINGSLOT_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
        status, said = ringslot(
            *("provision", board.port, CODE, "--board", BOARD, "--uplink", "192.0.2.1:5683"),
            *("--url", "https://fleet.example", "--out", str(paper)),
        )
        assert status == 1 and "The database said" in said and "run the same command again" in said, said
    ringslot("keys", "make", "--data", str(data))  # a fleet there is, and its disk is full

    def no_page_more(connection, _):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "connect", no_page_more)
    try:
        well, said = make(board, data, paper)
    finally:
        event.remove(Engine, "connect", no_page_more)
    assert not well and "full" in said and known(data) == {}, said

    with monkeypatch.context() as disk:
        full(disk, "files/seed")
        well, said = make(board, data, paper)
        assert not well and "No space left on device; no lock was registered" in said and known(data) == {}
    with monkeypatch.context() as disk:
        full(disk, "card.pdf")
        well, said = make(board, data, paper)
        assert not well and "make room" in said and "the same command goes on from here" in said, said
    ((lock_id, _),) = known(data).values()  # of which there is one from now on

    with Device(board.port) as device:
        assert device.hashes() == untouched  # as it was, and at its prompt
        free = int(device.run("import os\ns = os.statvfs('/')\nprint(s[0] * s[3])"))
        device.run(
            f"f = open('filler', 'wb')\nfor _ in range({free // 1000 - 12}): f.write(bytes(1000))\nf.close()"
        )
    well, said = make(board, data, paper)
    assert not well and "is full" in said and "the same command goes on from here" in said, said
    board.cut()
    board.start()  # it boots, is no lock yet, and waits for the cable
    with Device(board.port) as device:
        assert "lock/identity" not in device.hashes()
        device.remove(["filler"])
    card = (paper / "card.svg").read_bytes()
    well, said = make(board, data, paper)
    assert well and said["lock_id"] == lock_id and known(data) == {CODE: (lock_id, BOARD)}, said
    assert sorted(path.name for path in paper.iterdir()) == PAPERS
    assert (paper / "card.svg").read_bytes() == card  # it may have been printed before
    board.cut()
    assert starts(tmp_path) == "locked"


def test_a_folder_with_something_of_ones_own_is_not_touched(board, data, tmp_path):  # noqa: F811
    with Device(board.port) as device:
        device.put({"main.py": b"# what `ringslot flash` would have put there\n"})
    for name in ("holiday.jpg", "files/holiday.jpg"):
        path = tmp_path / name.replace("/", "-") / name
        path.parent.mkdir(parents=True)
        path.touch()
        well, said = make(board, data, tmp_path / name.replace("/", "-"))
        assert not well and "not empty" in said and path.exists() and known(data) == {}
