"""Rollouts as locks and people see them: offers, halts and what lifts them, over ingest and the API."""

import hashlib

import pytest

from cloud import receipts, releases, rollouts
from cloud.body import b64
from cloud.problem import NotOffered
from cloud.tables import Lock, Ride, Rollout
from cloud.testreleases import FILES, Teller, publish_keys, short, signed
from cloud.testsite import problem
from protocol import status, telemetry, update

DAY, HOUR, MINUTE = 86_400, 3600, 60
SILENCE = 3 * 300


class Fleet:
    """Locks of board `sim`, each at release 1, a release 2 that is uploaded, and whoever runs them."""

    def __init__(self, site, count):
        self.site, self.cloud = site, site.cloud
        self.admin = site.person("admin")
        with self.cloud.db.writing() as session:
            publish_keys(session, site.now)
        self.upload(2)
        self.locks = [self.lock() for _ in range(count)]

    def upload(self, version, board="sim"):
        with self.cloud.db.writing() as session:
            raw = signed(version, self.site.now + 300 * DAY, board)
            releases.take(session, raw, FILES.values(), self.site.now, None)

    def lock(self, board="sim", release=1):
        bike = self.site.bike()
        if board:
            assert self.admin.patch(f"/locks/{bike.hex}/wanted", board=board).status_code == 200
        teller = Teller(self.cloud, bike.hex)
        if release is not None:
            teller.boot(release)
        return teller

    def start(self, percent=100, version=2, board="sim"):
        answer = self.admin.post("/rollouts", board=board, version=version, percent=percent)
        assert answer.status_code == 201, answer.get_json()
        return answer.get_json()["rollout_id"]

    def change(self, rollout, **fields):
        answer = self.admin.patch(f"/rollouts/{rollout}/wanted", **fields)
        assert answer.status_code == 200, answer.get_json()
        return self.show(rollout)

    def show(self, rollout):
        return self.admin.get(f"/rollouts/{rollout}").get_json()

    def wait(self, seconds):
        self.site.now += seconds

    def begin(self, *tellers):
        """They are offered the release and fetch its manifest."""
        for teller in tellers:
            assert telemetry.RELEASE in teller.status()
            rollouts.manifest_for(self.cloud, teller.lock_id, (), ())


@pytest.fixture
def fleet(site):
    return Fleet(site, 10)


def offered(answer):
    return telemetry.RELEASE in answer


def test_a_lock_is_offered_the_release_and_goes_through_it(fleet):
    lock, rollout = fleet.locks[0], fleet.start()
    version, digest = lock.status()[telemetry.RELEASE]
    raw = signed(2, fleet.site.now + 300 * DAY)
    assert version == 2 and rollouts.manifest_for(fleet.cloud, lock.lock_id, (), ()) == raw
    with fleet.cloud.db.reading() as session:
        assert digest == releases.get(session, "sim", 2).digest
    body = FILES["firmware/lock.mpy"]
    assert rollouts.file_for(fleet.cloud, lock.lock_id, (short(body),), ()) == body
    for state, step in ((1, "downloading"), (2, "downloading"), (3, "on_trial")):
        assert offered(lock.update(state))
        counts = fleet.show(rollout)["progress"]
        assert (counts["in"], counts[step], counts["confirmed"]) == (10, 1, 0)
    assert not offered(lock.boot(2))
    lock.update(update.CONFIRMED)
    lock.update(update.REFUSED, update.RUNNING)  # an offer that crossed it
    assert fleet.show(rollout)["progress"]["confirmed"] == 1
    shown = fleet.admin.get(f"/locks/{lock.lock_id}").get_json()
    assert (shown["release"], shown["board"], shown["update"]["state"]) == (2, "sim", "confirmed")
    with pytest.raises(NotOffered):
        rollouts.manifest_for(fleet.cloud, lock.lock_id, (), ())


def test_who_is_not_offered_it(fleet):
    fleet.upload(2, "other")
    same, newer, unknown = fleet.lock(release=2), fleet.lock(release=3), fleet.lock(release=None)
    nobody, other = fleet.lock(board=None), fleet.lock(board="other")
    unknown.say((telemetry.NOTE_BOOT, 1))
    fleet.start()
    for lock in (same, newer, unknown, nobody, other):
        assert not offered(lock.status())
        for fetch in ((rollouts.manifest_for, ()), (rollouts.file_for, (short(FILES["protocol/cbor.mpy"]),))):
            with pytest.raises(NotOffered):
                fetch[0](fleet.cloud, lock.lock_id, fetch[1], ())
    fleet.start(board="other")
    assert offered(other.status())


@pytest.mark.parametrize("percent", [0, 100])
def test_a_lock_that_was_not_offered_the_release_fetches_nothing(fleet, percent):
    assert not any(offered(lock.status()) for lock in fleet.locks)
    fleet.start(percent=percent)
    for lock in fleet.locks:
        with pytest.raises(NotOffered):
            rollouts.manifest_for(fleet.cloud, lock.lock_id, (), ())
        assert offered(lock.status()) == (percent == 100)


def test_a_phone_carries_what_the_rollout_has_for_the_lock(fleet):
    lock, technician = fleet.locks[0], fleet.site.person("technician")
    way = f"/locks/{lock.lock_id}/release"
    problem(technician.get(way), 404, "none_offered")
    rollout = fleet.start()
    said = technician.get(way).get_json()
    raw = signed(2, fleet.site.now + 300 * DAY)
    assert (said["board"], said["version"], said["manifest"]) == ("sim", 2, b64(raw))
    assert said["digest"] == hashlib.sha256(raw).hexdigest()
    assert {each["name"]: each["size"] for each in said["files"]} == {
        short(data): len(data) for data in FILES.values()
    }
    for data in FILES.values():
        answer = technician.get(f"{way}/files/{short(data)}").get_json()
        assert answer == {"name": short(data), "data": b64(data)}
    problem(technician.get(f"{way}/files/00000000"), 404, "not_found")
    assert fleet.show(rollout)["progress"]["offered"] == 1
    lock.boot(2)
    problem(technician.get(way), 404, "none_offered")  # it runs it
    other = fleet.locks[1]
    fleet.change(rollout, state="halted")
    problem(technician.get(f"/locks/{other.lock_id}/release"), 404, "none_offered")
    problem(technician.get(f"/locks/{other.lock_id}/release/files/{short(data)}"), 404, "none_offered")


def test_what_becomes_of_a_release_that_phones_brought_counts_like_any(fleet):
    rollout, technician = fleet.start(), fleet.site.person("technician")
    for lock in fleet.locks[:3]:  # which the cloud has offered nothing
        assert technician.get(f"/locks/{lock.lock_id}/release").status_code == 200
        lock.update(update.TRIAL)
    counts = fleet.show(rollout)["progress"]
    assert (counts["on_trial"], counts["offered"]) == (3, 0)
    for lock in fleet.locks[:3]:
        lock.update(update.ROLLED_BACK)
    fleet.wait(rollouts.JUDGE_S)
    fleet.locks[4].status()
    assert fleet.show(rollout)["halt"]["evidence"]["rolled_back_count"] == 3


def test_a_lock_in_a_ride_is_left_alone_and_goes_on_with_what_it_has_begun(fleet):
    lock, rollout = fleet.locks[0], fleet.start()
    fleet.begin(lock)
    assert not offered(lock.status(status.STATE_OPEN)) and not offered(lock.status(status.STATE_PARKED))
    assert rollouts.manifest_for(fleet.cloud, lock.lock_id, (), ())
    assert offered(lock.status())
    with fleet.cloud.db.writing() as session:
        session.add(
            Ride(ride_id="00" * 16, cti="00" * 8, lock_id=lock.lock_id, state="open", opened_seq=1, last_seq=1,
                 receipts=1, fixes=0, distance_m=0)
        )  # fmt: skip
    assert not offered(lock.status())
    assert fleet.show(rollout)["state"] == "running"


def test_raising_the_percentage_only_adds_and_lowering_it_is_refused(fleet):
    rollout = fleet.start(percent=0)
    before = set()
    for percent in (20, 50, 100):
        assert fleet.change(rollout, percent=percent)["progress"]["in"] >= len(before)
        now = {lock.lock_id for lock in fleet.locks if offered(lock.status())}
        assert before <= now and len(now) == fleet.show(rollout)["progress"]["in"]
        before = now
    assert len(before) == 10
    problem(fleet.admin.patch(f"/rollouts/{rollout}/wanted", percent=99), 422, "percent_back")
    problem(fleet.admin.patch(f"/rollouts/{rollout}/wanted", percent=101), 422, "invalid")


def test_offers_and_downloads_stop_at_once_on_halt_and_go_on_after_it(fleet):
    rollout, lock = fleet.start(), fleet.locks[0]
    fleet.begin(lock)
    halted = fleet.change(rollout, state="halted")
    assert halted["halt"]["by"] == "person" and "by a person" in halted["halt"]["said"]
    for each in fleet.locks:
        assert not offered(each.status())
    for name, rest in (
        (rollouts.manifest_for, ()),
        (rollouts.file_for, (short(FILES["protocol/cbor.mpy"]),)),
    ):
        with pytest.raises(NotOffered):
            name(fleet.cloud, lock.lock_id, rest, ())
    fleet.wait(HOUR)
    assert fleet.change(rollout, state="running")["halt"] is None
    assert all(offered(each.status()) for each in fleet.locks)


def test_it_halts_by_itself_when_three_of_ten_go_silent(fleet):
    rollout = fleet.start()
    fleet.begin(*fleet.locks)
    gone, well = fleet.locks[:3], fleet.locks[3:]
    for lock in gone:
        lock.update(update.VERIFIED)
    for _ in range(2):
        fleet.wait(SILENCE // 2 - 1)
        assert all(offered(lock.status()) for lock in well)
    fleet.wait(10)
    assert not any(offered(lock.status()) for lock in well)
    shown = fleet.show(rollout)
    assert shown["state"] == "halted" and shown["halt"]["by"] == "locks"
    evidence = shown["halt"]["evidence"]
    assert evidence["silent"] == sorted(lock.lock_id for lock in gone)
    assert (evidence["begun"], evidence["limit"], evidence["silent_count"]) == (10, 2, 3)
    assert "of 10 locks that began: 3 fell silent (" in shown["halt"]["said"]
    assert [one["code"] for one in shown["halt"]["because"]] == ["rollout.locks", "rollout.silent"]
    gone[0].status()  # it is back; that lifts nothing
    fleet.wait(DAY)
    assert not any(offered(lock.status()) for lock in fleet.locks)


def test_locks_that_sleep_as_they_were_told_do_not_halt_it(fleet):
    with fleet.cloud.db.writing() as session:
        for lock in fleet.locks:
            session.get(Lock, lock.lock_id).uplink_every_s = 14_400
    rollout = fleet.start()
    fleet.begin(*fleet.locks)
    fleet.wait(4 * HOUR)
    assert all(offered(lock.status()) for lock in fleet.locks[3:])
    fleet.wait(16 * HOUR - 1)
    assert fleet.show(rollout)["progress"]["silent"] == 0
    fleet.wait(1)
    assert fleet.show(rollout)["progress"]["silent"] == 3
    fleet.wait(rollouts.JUDGE_S)
    assert not offered(fleet.locks[3].status()) and fleet.show(rollout)["state"] == "halted"


def test_two_of_ten_may_go_silent(fleet):
    rollout = fleet.start()
    fleet.begin(*fleet.locks)
    for _ in range(4):
        fleet.wait(HOUR // 6)
        assert all(offered(lock.status()) for lock in fleet.locks[2:])
    shown = fleet.show(rollout)
    assert (shown["state"], shown["progress"]["silent"]) == ("running", 2)


def test_locks_that_were_decommissioned_are_not_waited_for(fleet):
    rollout = fleet.start()
    fleet.begin(*fleet.locks)
    with fleet.cloud.db.writing() as session:
        for lock in fleet.locks[:5]:
            receipts.decommission(session, lock.lock_id, fleet.cloud.now())
    fleet.wait(SILENCE - 1)
    for lock in fleet.locks[5:]:
        lock.status()
    fleet.wait(SILENCE - 1)
    shown = fleet.show(rollout)
    assert (shown["state"], shown["progress"]["silent"], shown["progress"]["board"]) == ("running", 0, 5)


def test_locks_that_never_began_may_be_silent(fleet):
    rollout = fleet.start()
    for lock in fleet.locks:
        assert offered(lock.status())
    fleet.begin(fleet.locks[0])
    fleet.wait(DAY)
    assert offered(fleet.locks[0].status()) and fleet.show(rollout)["state"] == "running"


def test_it_halts_at_once_when_three_come_back_and_a_person_lifts_it(fleet):
    rollout = fleet.start()
    fleet.begin(*fleet.locks)
    for lock in fleet.locks[:2]:
        assert offered(lock.update(update.ROLLED_BACK))
    assert not offered(fleet.locks[2].update(update.ROLLED_BACK))
    shown = fleet.show(rollout)
    assert shown["state"] == "halted" and shown["halt"]["evidence"]["rolled_back_count"] == 3
    assert "3 came back" in shown["halt"]["said"]
    fleet.wait(MINUTE)
    fleet.change(rollout, state="running")
    fleet.wait(MINUTE)
    assert all(offered(lock.status()) for lock in fleet.locks)  # what was known counts no more
    for lock in fleet.locks[3:5]:
        lock.update(update.ROLLED_BACK)
    assert fleet.show(rollout)["state"] == "running"
    fleet.locks[5].update(update.ROLLED_BACK)
    assert fleet.show(rollout)["state"] == "halted"


def test_a_fleet_of_which_nobody_is_heard_halts_when_somebody_looks(fleet):
    rollout = fleet.start()
    fleet.begin(*fleet.locks)
    fleet.wait(HOUR)
    assert fleet.show(rollout)["state"] == "halted"
    assert fleet.show(rollout)["halt"]["evidence"]["silent_count"] == 10


def test_a_lock_that_came_back_three_times_is_not_asked_again(fleet):
    lock, rollout = fleet.locks[0], fleet.start()
    fleet.begin(lock)
    for _ in range(3):
        assert offered(lock.update(update.TRIAL))
        fleet.wait(MINUTE)
        answer = lock.update(update.ROLLED_BACK)
        assert lock.again().get(telemetry.RELEASE) == answer.get(telemetry.RELEASE)  # told twice is once
    assert not offered(lock.status())
    counts = fleet.show(rollout)["progress"]
    assert (counts["rolled_back"], counts["confirmed"]) == (1, 0)
    told = fleet.admin.get(f"/locks/{lock.lock_id}").get_json()["update"]
    assert told["state"] == "rolled back"


def test_a_lock_that_refuses_for_good_is_left_alone(fleet):
    for_good, for_now = fleet.locks[:2]
    rollout = fleet.start()
    fleet.begin(for_good, for_now)
    assert not offered(for_good.update(update.REFUSED, update.OTHER_BOARD))
    assert offered(for_now.update(update.REFUSED, update.NO_ROOM))
    assert fleet.show(rollout)["progress"]["refused"] == 2
    shown = fleet.admin.get(f"/locks/{for_now.lock_id}").get_json()["update"]
    assert shown["state"] == "refused" and "storage" in shown["why"]


def test_a_restart_whose_note_was_lost_is_seen_by_what_runs(fleet):
    lock, rollout = fleet.locks[0], fleet.start()
    fleet.begin(lock)
    lock.boot(2)
    assert fleet.show(rollout)["progress"]["on_trial"] == 1


def test_one_rollout_a_board_at_a_time(fleet):
    fleet.upload(3)
    first = fleet.start(percent=5)
    problem(fleet.admin.post("/rollouts", board="sim", version=3, percent=5), 409, "rollout_open")
    fleet.change(first, state="halted")
    problem(fleet.admin.post("/rollouts", board="sim", version=3, percent=5), 409, "rollout_open")
    fleet.change(first, state="done")
    problem(fleet.admin.patch(f"/rollouts/{first}/wanted", state="running"), 409, "rollout_over")
    fleet.start(version=3)
    assert fleet.locks[0].status()[telemetry.RELEASE][0] == 3
    with fleet.cloud.db.reading() as session:
        assert session.query(Rollout).count() == 2


def test_what_cannot_begin(fleet):
    problem(fleet.admin.post("/rollouts", board="sim", version=9, percent=5), 404, "no_release")
    problem(fleet.admin.post("/rollouts", board="Sim", version=2, percent=5), 422, "invalid")
    problem(
        fleet.site.person("technician").post("/rollouts", board="sim", version=2, percent=5), 403, "forbidden"
    )
    problem(fleet.admin.patch(f"/rollouts/{'00' * 4}/wanted", percent=5), 404, "not_found")
    fleet.wait(301 * DAY)
    problem(
        fleet.site.person("admin").post("/rollouts", board="sim", version=2, percent=5),
        422,
        "release_refused",
    )


@pytest.mark.parametrize(
    "rest", [(), ("",), ("0123456",), ("0123456g",), ("ABCDEF01",), ("00000000",), ("a", "b")]
)
def test_a_file_is_asked_for_by_eight_digits(fleet, rest):
    fleet.start()
    fleet.begin(fleet.locks[0])
    with pytest.raises(NotOffered):
        rollouts.file_for(fleet.cloud, fleet.locks[0].lock_id, rest, ())


def test_staff_sees_what_runs(fleet):
    fleet.start()
    fleet.begin(fleet.locks[0])
    fleet.locks[0].update(update.DOWNLOADING)
    shown = fleet.admin.get(f"/locks/{fleet.locks[0].lock_id}").get_json()
    assert shown["release"] == 1 and shown["update"]["state"] == "downloading"
    with fleet.cloud.db.reading() as session:
        assert session.get(Lock, fleet.locks[1].lock_id).release == 1
