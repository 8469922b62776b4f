"""A rollout from the release that is handed in to the lock that confirms it: the lock's own code with its own client,
the gateway on a socket, the cloud's database; only the bolt, the flash and the hours are virtual."""

import pytest

from boards.sim.bench import K_LOCK, LOCK
from boards.sim.release import holds, release
from boards.sim.update_bench import Bike
from boards.sim.virtual import START
from cloud import keyring, locks, releases, rollouts
from cloud.tables import RolloutLock
from cloud.testlock import make_cloud
from cloud.testreleases import publish_keys
from firmware.lock import Lock
from hil_tests.cloudbridge import Bridge, asked
from protocol import update

DAY = 86_400
EXPIRES = START // 1000 + 300 * DAY
OLD = release(1, expires=EXPIRES)
NEW = release(2, changed=("firmware/lock.mpy", "firmware/unlock.mpy"), expires=EXPIRES)


class Street:
    """One lock at release 1 and its cloud, which has release 2 and rolls it out to everybody."""

    def __init__(self, folder):
        self.bike = Bike(Lock, OLD)
        self.cloud = make_cloud(folder, self.now)
        with self.cloud.db.writing() as session:
            publish_keys(session, self.now())
            signed = keyring.published(session)
            locks.register(
                session,
                self.cloud.box,
                LOCK.hex(),
                K_LOCK,
                "exclusive",
                None,
                self.now(),
                signed.version,
                "sim",
            )
            releases.take(session, NEW.manifest, NEW.files.values(), self.now(), None)
            self.bike.bench.put("roots", signed.roots)
            self.bike.bench.put("keyset", signed.body)
        with self.cloud.db.writing() as session:
            self.rollout = rollouts.start(session, "sim", 2, 100, self.now(), None).rollout_id

    def now(self):
        return self.bike.board.timeline.now // 1000

    def change(self, **fields):
        with self.cloud.db.writing() as session:
            fields = {"percent": None, "state": None, **fields}
            rollouts.change(session, self.rollout, **fields, now=self.now(), user_id=None)

    def live(self, bridge, seconds):
        """With the next boot where the last one ended. True when the lock has reset."""
        self.bike.reboot()
        self.bike.board.bearer.peer = bridge
        return self.bike.live(seconds)

    def row(self):
        with self.cloud.db.reading() as session:
            return session.get(RolloutLock, (self.rollout, LOCK.hex()))

    def progress(self):
        with self.cloud.db.reading() as session:
            row = rollouts.get(session, self.rollout)
            counts = rollouts.progress(session, row, self.now(), 300)
            return row.state, {
                name: count for name, count in counts.items() if count and name not in ("board", "in")
            }

    def runs(self):
        with self.cloud.db.reading() as session:
            return locks.get(session, LOCK.hex()).release


@pytest.fixture
def street(tmp_path):
    made = Street(tmp_path)
    yield made
    made.bike.close()
    made.cloud.db.close()


def test_a_lock_takes_the_release_and_the_cloud_sees_each_step(street, monkeypatch):
    paths = asked(monkeypatch)
    with Bridge(street.cloud) as bridge:
        assert street.live(bridge, 600) and street.bike.text() == "b a 2"
        assert street.runs() == 1 and holds(street.bike.root, "b", NEW)
        assert paths[0] == ("m",) and len(paths) == 2 + 3 + 1  # and of the files the two that changed
        assert street.row().begun_at is not None
        assert not street.live(bridge, 300) and street.bike.text() == "b"
    assert street.progress() == ("running", {"confirmed": 1}) and street.runs() == 2
    assert len(paths) == 6  # it was offered nothing more


def test_a_release_that_loses_the_uplink_is_seen_silent_and_then_to_have_come_back(street):
    with Bridge(street.cloud) as bridge:
        assert street.live(bridge, 600) and street.bike.text() == "b a 2"
        street.bike.reboot()
        street.bike.board.bearer.peer = None
        street.bike.board.world.uplink = False
        assert street.bike.live(1000) and street.bike.text() == "a !b"
        assert street.progress()[1]["silent"] == 1
        street.bike.board.world.uplink = True
        assert not street.live(bridge, 120)
    assert street.progress() == ("running", {"rolled_back": 1}) and street.runs() == 1
    assert street.row().failures == 1


def test_a_halt_stops_a_download_and_after_it_the_lock_goes_on_where_it_was(street, monkeypatch):
    paths = asked(monkeypatch)

    def halt_soon(_):
        if len(paths) == 4:
            street.change(state="halted")
            bridge.before = lambda number: None

    with Bridge(street.cloud) as bridge:
        bridge.before = halt_soon
        assert not street.live(bridge, 300) and street.bike.text() == "a"
        assert len(paths) == 5 and (street.row().state, street.row().reason) == (update.REFUSED, update.GONE)
        street.change(state="running")
        assert street.live(bridge, 600) and street.bike.text() == "b a 2"
        assert holds(street.bike.root, "b", NEW) and len(paths) < 5 + 6  # what it had it did not fetch again
