"""F04: a lock's flash is copied, and both locks run: real firmware, each a process of MicroPython, one gateway.

What the cloud makes of it is cloud/clones.py's; that a lone lock never looks like two is shown here as well, through
everything that happens to one: killed, restarted, its cloud gone in the middle.
"""

import json
import shutil
import time

import pytest

from cloud.tables import Lock
from hil_tests.conftest import await_contact
from tools.fleet import Fleet
from tools.simlock import SimLock

TELLS = {"uplink_every_s": 1, "status_every_s": 10}
SOON_S = 60


@pytest.fixture
def fleet(tmp_path):
    with Fleet(tmp_path / "fleet", TELLS) as fleet:
        yield fleet


def heard(fleet, member) -> tuple[int, dict]:
    """(number after its highest record, what tells of a second device)."""
    with fleet.context.db.reading() as session:
        row = session.get(Lock, member.lock_id.hex())
        return row.next_record, json.loads(row.clone_evidence or "{}")


def until_it_speaks(fleet, member, more: int = 2) -> dict:
    """Its evidence once it has told so many records more."""
    before, end = heard(fleet, member)[0], time.monotonic() + SOON_S
    while heard(fleet, member)[0] < before + more:
        assert time.monotonic() < end, member.sim.child.tail()
        time.sleep(0.2)
    return heard(fleet, member)[1]


def copy_of(fleet, member, name: str) -> SimLock:
    """A second lock with the same flash as the first has now, on the same radio and network."""
    copy = SimLock(fleet.children, name, fleet.folder / name, fleet.radio.locks)
    (copy.folder / "world").mkdir(parents=True)
    shutil.copy(member.sim.image, copy.image)
    return copy


def signs_of_two(fleet, member) -> dict:
    end = time.monotonic() + SOON_S
    while not (found := heard(fleet, member)[1]):
        assert time.monotonic() < end, "nobody noticed"
        time.sleep(0.2)
    return found


def test_f04_a_copy_that_only_tells_where_it_is_is_noticed(fleet):
    admin = fleet.person("chief")[0]
    member = fleet.add("BIKE-1")
    await_contact(admin, member)
    assert until_it_speaks(fleet, member) == {}
    copy = copy_of(fleet, member, "COPY-1")
    copy.start()
    try:
        found = signs_of_two(fleet, member)
        assert set(found) <= {"context", "record", "back"}
        end = time.monotonic() + SOON_S
        while "context" not in (found := heard(fleet, member)[1]) and time.monotonic() < end:
            time.sleep(0.2)  # both go on: by turns
        assert "context" in found
    finally:
        copy.stop()
        member.sim.stop()


def test_f04_a_copy_of_last_weeks_flash_is_noticed_though_the_lock_itself_is_silent(fleet):
    """The lock is in a cellar, or in pieces: nothing of it is on the air, and the copy says what was said before."""
    admin = fleet.person("chief")[0]
    member = fleet.add("BIKE-2")
    await_contact(admin, member)
    member.sim.stop()
    copy = copy_of(fleet, member, "COPY-2")
    member.sim.start()
    until_it_speaks(fleet, member, 6)
    member.sim.stop()
    copy.start()
    try:
        assert {"record", "back"} & set(signs_of_two(fleet, member))
    finally:
        copy.stop()


def test_a_lone_lock_is_never_taken_for_two(fleet):
    admin = fleet.person("chief")[0]
    member = fleet.add("BIKE-3")
    await_contact(admin, member)
    for _ in range(3):
        member.sim.kill()
        member.sim.start()
        assert until_it_speaks(fleet, member) == {}
    for _ in range(2):
        fleet.cloud.kill()
        time.sleep(3)  # records wait, and some were told without an answer
        fleet.cloud.start()
        assert until_it_speaks(fleet, member) == {}
    member.sim.stop()
