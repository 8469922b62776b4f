"""What a fleet runs by, over HTTP: locks on bicycles through time, zones and ride ends, attention, faults, jobs."""

import json

import cbor2
import pytest
from sqlalchemy import select

from cloud import accounts, locks, receipts, senml, watch
from cloud import telemetry as batches
from cloud.tables import User
from cloud.tables_fleet import Attention
from cloud.test_events import told
from cloud.test_geometry import SQUARE, polygon
from cloud.testlock import Pen
from cloud.testsite import NOW, holder_key, problem
from protocol import telemetry


def say(site, bike, first, *records):
    with site.cloud.db.writing() as session:
        lock = locks.get(session, bike.hex)
        lock.last_seen_at = site.now
        batches.take(session, lock, telemetry.encode_batch(first, list(records)), site.now)


def bring(site, pen, *bodies):
    with site.cloud.db.writing() as session:
        return receipts.take(site.cloud, session, pen.hex, list(bodies), "uplink")


def asset_of(person, bike):
    return next(row for row in person.get("/assets").get_json()["assets"] if row["code"] == bike.code)


# ---- locks on bicycles


def test_a_lock_is_swapped_and_nothing_is_lost(site):
    tech, bike, spare, rider = site.person("technician"), site.bike(), site.bike(), site.person()
    pen = Pen(bike.lock_id, bike.k_lock)
    cti = bytes.fromhex(rider.claim(bike).get_json()["cti"])
    bring(site, pen, pen.open(cti, NOW - 50), pen.close(cti, NOW - 20), pen.end(cti, NOW - 10))
    waiting = site.person()
    waiting.claim(bike)
    asset = asset_of(tech, bike)
    path = f"/assets/{asset['asset_id']}"
    site.now += 100
    problem(tech.post(path + "/lock", lock=spare.hex), 409, "asset_exists")
    other = asset_of(tech, spare)
    assert tech.post(f"/assets/{other['asset_id']}/lock").get_json()["lock_id"] is None
    site.now += 100
    fitted = tech.post(path + "/lock", lock=spare.hex).get_json()
    assert fitted["lock_id"] == spare.hex
    assert fitted["locks"] == [
        {"asset_id": asset["asset_id"], "lock_id": spare.hex, "since": NOW + 200, "until": None},
        {"asset_id": asset["asset_id"], "lock_id": bike.hex, "since": NOW, "until": NOW + 200},
    ]
    assert tech.get(path).get_json() == fitted == tech.post(path + "/lock", lock=spare.hex).get_json()
    assert [row["asset_id"] for row in tech.get(f"/locks/{spare.hex}/assets").get_json()["locks"]] == [
        asset["asset_id"],
        other["asset_id"],
    ]
    assert waiting.get("/claims").get_json()["claims"][0]["status"] == "cancelled"
    assert len(rider.get("/rides").get_json()["rides"]) == 1
    assert rider.post("/claims", code=bike.code, holder_key=holder_key()).get_json()["lock_id"] == spare.hex
    assert [row.subject for row in told(site, "asset.lock")] == [other["asset_id"], asset["asset_id"]]


def test_another_operators_lock_is_not_put_on_a_bicycle(site):
    one, two = site.operator("One"), site.operator("Two")
    bike, theirs = site.bike(operator=one), site.bike(operator=two)
    platform, admin = site.person("admin"), site.person("admin", operator=one)
    asset = asset_of(admin, bike)
    assert asset["code"] == bike.code and len(admin.get("/assets").get_json()["assets"]) == 1
    for person in (admin, platform):
        problem(person.post(f"/assets/{asset['asset_id']}/lock", lock=theirs.hex), 404, "not_found")
    stranger = site.person("admin", operator=two)
    for answer in (
        stranger.get(f"/assets/{asset['asset_id']}"),
        stranger.patch(f"/assets/{asset['asset_id']}", label="Mine"),
        stranger.post(f"/assets/{asset['asset_id']}/lock"),
    ):
        problem(answer, 404, "not_found")


def test_a_bicycle_is_renamed_and_given_a_plan(site):
    admin, bike, other = site.person("admin"), site.bike(), site.bike()
    path = f"/assets/{asset_of(admin, bike)['asset_id']}"
    changed = admin.patch(path, code="B-1", label="Blue", plan="city").get_json()
    assert (changed["code"], changed["label"], changed["plan"]) == ("B-1", "Blue", "city")
    problem(admin.patch(path, code=other.code), 409, "asset_exists")
    assert admin.patch(path, plan="").get_json() == {**changed, "plan": None}


# ---- zones and where rides end


def draw(admin, kind="parking", ring=SQUARE, **more):
    answer = admin.post("/zones", name="A zone", kind=kind, polygon=polygon(ring), **more)
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def test_a_zone_is_drawn_changed_and_taken_away_and_its_past_is_kept(site):
    admin, rider = site.person("admin"), site.person()
    made = draw(admin)
    assert admin.post("/zones", name="x", kind="parking", polygon=polygon(SQUARE[:-1])).status_code == 422
    refused = problem(
        admin.post("/zones", name="x", kind="parking", polygon=polygon(SQUARE[:-1])), 422, "invalid"
    )
    assert refused["errors"] == [
        {"field": "polygon", "detail": "a ring must be closed: its last position is its first"}
    ]
    path = f"/zones/{made['zone_id']}"
    assert rider.get("/zones").get_json()["zones"] == [made]
    site.now += 60
    newer = admin.patch(path, kind="no_parking").get_json()
    assert (newer["version"], newer["kind"], newer["polygon"]) == (2, "no_parking", made["polygon"])
    site.now += 60
    assert admin.delete(path).status_code == 204
    problem(admin.patch(path, name="y"), 404, "not_found")
    past = admin.get(path).get_json()["versions"]
    assert [(row["version"], row["since"], row["until"]) for row in past] == [
        (2, NOW + 60, NOW + 120),
        (1, NOW, NOW + 60),
    ]
    assert rider.get("/zones").get_json()["zones"] == [] and len(told(site, "zone.changed")) == 3


def test_a_zone_is_its_operators(site):
    one, two = site.operator("One"), site.operator("Two")
    admin, stranger = site.person("admin", operator=one), site.person("admin", operator=two)
    made = draw(admin)
    for answer in (
        stranger.get(f"/zones/{made['zone_id']}"),
        stranger.patch(f"/zones/{made['zone_id']}", name="x"),
        stranger.delete(f"/zones/{made['zone_id']}"),
    ):
        problem(answer, 404, "not_found")
    assert stranger.get("/zones").get_json()["zones"] == []
    assert len(site.person().get(f"/zones?operator={one}").get_json()["zones"]) == 1
    problem(
        site.person("admin").post("/zones", name="x", kind="parking", polygon=polygon(SQUARE)),
        422,
        "name_operator",
    )


def ended(site, bike, rider, fix=None, later=None, at=None):
    """A ride that closed at `at`, with a fix in its CLOSE receipt, and one after it; -> its end as the API tells it."""
    at = at or site.now
    pen = Pen(bike.lock_id, bike.k_lock)
    cti = bytes.fromhex(rider.claim(bike).get_json()["cti"])
    said = {} if fix is None else {"fix": fix}
    bring(site, pen, pen.open(cti, at - 600), pen.close(cti, at, **said), pen.end(cti, at + 5))
    if later is not None:
        say(site, bike, 1, (telemetry.FIX, at + 60, *later))
    ride = rider.get("/rides").get_json()["rides"][0]["ride_id"]
    return rider.get(f"/rides/{ride}/end").get_json()


INSIDE, EDGE, OUTSIDE = (520_500_000, 40_500_000), (520_500_000, 40_001_000), (520_500_000, 39_000_000)


@pytest.mark.parametrize(
    "kind, later, verdict",
    [
        ("parking", (*INSIDE, 50), "fine"),
        ("parking", (*OUTSIDE, 50), "wrong"),
        ("parking", (*EDGE, 500), "unsure"),
        ("no_parking", (*INSIDE, 50), "wrong"),
        ("no_parking", (*OUTSIDE, 50), "fine"),
        ("no_parking", (*EDGE, 500), "unsure"),
        ("service_area", (*OUTSIDE, 50), "wrong"),
        ("parking", None, "unsure"),
    ],
)
def test_where_a_ride_ended_is_judged_by_what_its_lock_knew(site, kind, later, verdict):
    made = draw(site.person("admin"), kind)
    said = ended(site, site.bike(), site.person(), later=later, at=NOW + 10)
    assert said["verdict"] == verdict
    if later is None:
        assert said["place"] is None
    else:
        assert said["place"] == {
            "lat": later[0],
            "lon": later[1],
            "radius_dm": later[2],
            "at": NOW + 70,
            "source": "fix",
        }
    assert all(zone["zone_id"] == made["zone_id"] for zone in said["zones"])


def test_what_was_drawn_after_a_ride_ended_does_not_count(site):
    admin = site.person("admin")
    made = draw(admin, "parking")
    bike, rider = site.bike(), site.person()
    assert ended(site, bike, rider, later=(*INSIDE, 50), at=NOW + 10)["verdict"] == "fine"
    site.now += 1000
    admin.patch(f"/zones/{made['zone_id']}", kind="no_parking")
    draw(admin, "no_parking")
    ride = rider.get("/rides").get_json()["rides"][0]["ride_id"]
    said = rider.get(f"/rides/{ride}/end").get_json()
    assert said["verdict"] == "fine" and [zone["version"] for zone in said["zones"]] == [1]
    problem(site.person().get(f"/rides/{ride}/end"), 404, "not_found")


def test_a_fix_before_the_bolt_closed_grows_by_how_far_one_may_have_ridden(site):
    draw(site.person("admin"), "no_parking")
    fresh = ended(site, site.bike(), site.person(), fix=[*INSIDE, 5, 50], at=NOW + 10)
    assert (fresh["verdict"], fresh["place"]["radius_dm"]) == ("wrong", 50 + 5 * 70)
    assert fresh["place"]["source"] == "receipt" and fresh["place"]["at"] == NOW + 5
    stale = ended(site, site.bike(), site.person(), fix=[*INSIDE, 301, 50], at=NOW + 10)
    assert (stale["verdict"], stale["place"]) == ("unsure", None)


def test_no_phone_says_where_a_ride_ended(site):
    """G03: no route takes a position from a client, and bicycles that do not exist cost time."""
    rider, bike = site.person(), site.bike()
    for path, fields in (
        ("/claims", {"code": bike.code, "holder_key": holder_key()}),
        ("/faults", {"code": bike.code, "kind": "brake"}),
        ("/receipts", {"receipts": []}),
    ):
        body = problem(rider.post(path, **fields, lat=1, lon=2), 422, "invalid")
        assert {"field": "lat", "detail": "is not known here"} in body["errors"]
    for number in range(10):
        problem(rider.post("/faults", code=f"guess-{number}", kind="brake"), 404, "not_found")
    for path in ("/faults", "/claims"):
        fields = {"kind": "brake"} if path == "/faults" else {"holder_key": holder_key()}
        answer = rider.post(path, code=bike.code, **fields)
        problem(answer, 429, "too_many")
        assert int(answer.headers["Retry-After"]) > 0


# ---- attention


def queue(person, more=""):
    return [(item["code"], item["lock_id"]) for item in person.get("/attention" + more).get_json()["items"]]


def settle(site):
    watch.settle(site.cloud, site.now)


def test_what_needs_a_person_is_ranked_and_closes_by_itself(site):
    tech = site.person("technician")
    low, jammed, silent, sound = (site.bike() for _ in range(4))
    say(site, low, 1, (telemetry.STATUS, NOW, 0, 3300, 1, 10))
    say(site, jammed, 1, (telemetry.STATUS, NOW, 4, 3900, 1, 10))
    say(site, sound, 1, (telemetry.STATUS, NOW, 0, 3900, 1, 10))
    settle(site)
    assert queue(tech)[0] == ("jammed", jammed.hex)
    assert sorted(queue(tech)[1:]) == [("battery", low.hex), ("silent", silent.hex)]  # of one rank and moment
    first = tech.get("/attention").get_json()
    assert first["counts"] == {"jammed": 1, "battery": 1, "silent": 1}
    item = next(each for each in first["items"] if each["code"] == "battery")
    assert item["evidence"] == "Battery at 3.30 V: no ride starts" and item["bike"] == low.code
    assert item["because"] == [{"code": "battery", "figures": {"millivolts": 3300}}]
    assert item["closes"] == "The lock reports 3.50 V or more." and item["opened_at"] == NOW
    settle(site)
    assert [row.kind for row in told(site, "attention.opened", "attention.closed")] == [
        "attention.opened"
    ] * 3
    site.now += 60
    say(site, low, 2, (telemetry.STATUS, NOW + 60, 0, 3400, 1, 10))
    say(site, jammed, 2, (telemetry.STATUS, NOW + 60, 0, 3900, 1, 10))
    settle(site)
    assert sorted(queue(tech)) == [("battery", low.hex), ("silent", silent.hex)]
    (item,) = tech.get("/attention?code=battery").get_json()["items"]
    assert item["evidence"].startswith("Battery at 3.40 V")
    closed = tech.get("/attention?closed=true").get_json()["items"]
    assert [(row["code"], row["closed_at"]) for row in closed] == [("jammed", NOW + 60)]
    assert queue(tech, f"?lock={silent.hex}") == [("silent", silent.hex)] and queue(tech, "?code=fork") == []
    site.now += 7200
    settle(site)
    evidence = {
        row["lock_id"]: row["evidence"] for row in tech.get("/attention?code=silent").get_json()["items"]
    }
    assert (
        evidence[sound.hex] == "Silent; last heard of 2 hours ago"
        and evidence[silent.hex] == "Never heard of"
    )


def test_a_lock_that_is_on_no_bicycle_needs_nobody(site):
    tech, bike = site.person("technician"), site.bike()
    settle(site)
    assert queue(tech) == [("silent", bike.hex)]
    tech.post(f"/assets/{asset_of(tech, bike)['asset_id']}/lock")
    settle(site)
    assert queue(tech) == []


def test_a_bike_that_was_moved_while_locked_until_a_ride_begins_or_a_day_is_over(site):
    tech, bike, other, rider = site.person("technician"), site.bike(), site.bike(), site.person()
    for each in (bike, other):
        say(
            site,
            each,
            1,
            (telemetry.STATUS, NOW, 0, 3900, 1, 10),
            (telemetry.NOTE, NOW - 600, telemetry.NOTE_MOVED, 0),
        )
    settle(site)
    assert set(queue(tech)) == {("moved", bike.hex), ("moved", other.hex)}
    assert tech.get("/attention").get_json()["items"][0]["evidence"] == "Moved while locked, 10 minutes ago"
    pen = Pen(bike.lock_id, bike.k_lock)
    bring(site, pen, pen.open(bytes.fromhex(rider.claim(bike).get_json()["cti"]), NOW))
    settle(site)
    assert [item for item in queue(tech) if item[0] == "moved"] == [("moved", other.hex)]
    site.now += 86400
    settle(site)
    assert [item for item in queue(tech) if item[0] == "moved"] == []


def test_a_fork_a_gap_a_strange_opening_and_a_long_ride(site):
    tech, bike, rider = site.person("technician"), site.bike(), site.person()
    pen, twin = Pen(bike.lock_id, bike.k_lock), Pen(bike.lock_id, bike.k_lock)
    cti = bytes.fromhex(rider.claim(bike).get_json()["cti"])
    opened = pen.open(cti, NOW - 90_000)
    bring(site, pen, opened, twin.open(b"another-", NOW - 80_000))
    for n in range(3):
        pen.close(cti, NOW - 100 + n)
    bring(site, pen, pen.log[3])
    say(site, bike, 1, (telemetry.STATUS, NOW, 2, 3900, 1, 10))
    settle(site)
    assert [code for code, _ in queue(tech)] == ["fork", "proof", "long", "gap"]
    evidence = [item["evidence"] for item in tech.get("/attention").get_json()["items"]]
    assert (
        evidence[0].startswith("1 forked receipt") and "A ride began 1 day ago and has not ended" in evidence
    )


def test_the_queue_is_its_operators_and_comes_in_pages(site):
    one, two = site.operator("One"), site.operator("Two")
    for operator in (one, one, one, two):
        site.bike(operator=operator)
    settle(site)
    tech = site.person("technician", operator=one)
    seen, cursor = [], ""
    while cursor is not None:
        page = tech.get("/attention?limit=2" + (f"&cursor={cursor}" if cursor else "")).get_json()
        seen += [item["item_id"] for item in page["items"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 3 and page["counts"] == {"silent": 3}
    assert len(site.person("admin").get("/attention").get_json()["items"]) == 4


def test_closed_matters_are_forgotten_in_time(site):
    tech, bike = site.person("technician"), site.bike()
    settle(site)
    say(site, bike, 1, (telemetry.STATUS, NOW, 0, 3900, 1, 10))
    settle(site)
    with site.cloud.db.writing() as session:
        watch.forget(session, NOW + watch.KEEP_S)
        assert session.scalar(select(Attention.item_id)) is not None
        watch.forget(session, NOW + watch.KEEP_S + 1)
        assert session.scalar(select(Attention.item_id)) is None
    assert tech


# ---- faults and jobs


def test_a_fault_becomes_a_job_and_closes_with_it(site):
    rider, tech, bike = site.person(), site.person("technician"), site.bike()
    made = rider.post("/faults", code=bike.code, kind="brake", text="Front {brake} is gone").get_json()
    assert [row["fault_id"] for row in rider.get("/faults?open=true").get_json()["faults"]] == [
        made["fault_id"]
    ]
    assert site.person().get("/faults").get_json()["faults"] == []
    (item,) = tech.get("/attention").get_json()["items"]
    assert (item["code"], item["rank"], item["evidence"]) == ("fault", 2, "Brake: Front {brake} is gone")
    assert item["because"] == [
        {"code": "fault", "figures": {"kind": "brake"}},
        {"code": "text", "figures": {"text": "Front {brake} is gone"}},
    ]
    settle(site)
    assert len(tech.get("/attention").get_json()["items"]) == 2  # and the lock, which was never heard of
    assert (made["bike"], made["label"], made["lock_now"]) == (bike.code, f"Bike {bike.code}", bike.hex)
    job = tech.post("/jobs", title="Mend the brake", item=item["item_id"]).get_json()
    assert (job["bike"], job["label"], job["lock_now"]) == (bike.code, f"Bike {bike.code}", bike.hex)
    assert (job["rank"], job["fault_id"], job["lock_id"]) == (2, made["fault_id"], bike.hex)
    assert (
        problem(tech.post("/jobs", title="Again", fault=made["fault_id"]), 409, "job_exists")["job_id"]
        == job["job_id"]
    )
    open_there = [(each["job_id"], each["same"], each["assigned_to"]) for each in jobs_at(tech, "fault")]
    assert open_there == [(job["job_id"], True, None)]
    assert [(each["job_id"], each["same"]) for each in jobs_at(tech, "silent")] == [(job["job_id"], False)]
    path = f"/jobs/{job['job_id']}"
    assert tech.post(path + "/assign", user=tech.user_id).get_json()["assigned_to"] == tech.user_id
    assert [row["job_id"] for row in tech.get("/jobs?mine=true").get_json()["jobs"]] == [job["job_id"]]
    assert site.person("technician").get("/jobs?mine=true").get_json()["jobs"] == []
    assert jobs_at(tech, "silent")[0]["assigned_to"] == tech.user_id
    site.now += 60
    done = tech.post(path + "/done", note="New cable").get_json()
    assert jobs_at(tech, "silent") == []
    assert (done["done_by"], done["done_at"], done["note"]) == (tech.user_id, NOW + 60, "New cable")
    problem(tech.post(path + "/done", note="Again"), 409, "job_over")
    problem(tech.post(path + "/assign"), 409, "job_over")
    assert rider.get("/faults").get_json()["faults"][0]["closed_at"] == NOW + 60
    assert "fault" not in [code for code, _ in queue(tech)]
    settle(site)
    assert "fault" not in [code for code, _ in queue(tech)]
    assert (
        tech.get("/jobs").get_json()["jobs"] == []
        and len(tech.get("/jobs?done=true").get_json()["jobs"]) == 1
    )
    assert [row.kind for row in told(site, "job.opened", "job.assigned", "job.done", "fault.closed")] == [
        "job.opened",
        "job.assigned",
        "fault.closed",
        "job.done",
    ]


def jobs_at(person, code):
    """What the queue says is being done about the one item of this code."""
    [item] = person.get(f"/attention?code={code}").get_json()["items"]
    return item["jobs"]


def test_a_matter_names_the_open_jobs_of_its_bicycle_its_own_first_and_no_other_operators(site):
    one, two = site.operator("One"), site.operator("Two")
    tech, bike, other = (
        site.person("technician", operator=one),
        site.bike(operator=one),
        site.bike(operator=one),
    )
    abroad, far = site.person("technician", operator=two), site.bike(operator=two)
    settle(site)
    items = {item["lock_id"]: item for item in tech.get("/attention").get_json()["items"]}
    asset = asset_of(tech, bike)["asset_id"]
    by_hand = tech.post("/jobs", title="Pump it up", asset=asset, rank=1).get_json()["job_id"]
    of_it = tech.post("/jobs", title="Find it", item=items[bike.hex]["item_id"]).get_json()["job_id"]
    tech.post("/jobs", title="Elsewhere", asset=asset_of(tech, other)["asset_id"])
    tech.post("/jobs", title="About nothing")
    [item] = tech.get(f"/attention?lock={bike.hex}").get_json()["items"]
    assert [(job["job_id"], job["same"]) for job in item["jobs"]] == [(of_it, True), (by_hand, False)]
    assert jobs_at(abroad, "silent") == [] and far.hex not in items
    tech.post(f"/jobs/{of_it}/done", note="")
    [item] = tech.get(f"/attention?lock={bike.hex}").get_json()["items"]
    assert [job["title"] for job in item["jobs"]] == ["Pump it up"]
    newer = site.bike(
        operator=one
    )  # its lock goes to that bicycle: the job is of the bicycle, whatever it wears
    tech.post(f"/assets/{asset_of(tech, newer)['asset_id']}/lock")
    tech.post(f"/assets/{asset}/lock", lock=newer.hex)
    settle(site)
    [item] = tech.get(f"/attention?lock={newer.hex}").get_json()["items"]
    assert [job["title"] for job in item["jobs"]] == ["Pump it up"]


def test_jobs_are_ranked_and_anybody_may_open_one_by_hand(site):
    tech, bike = site.person("technician"), site.bike()
    asset = asset_of(tech, bike)["asset_id"]
    for title, rank in (("Later", 5), ("Now", 1), ("Sometime", None)):
        assert tech.post("/jobs", title=title, rank=rank, asset=asset).status_code == 201
    listed = tech.get("/jobs").get_json()["jobs"]
    assert [job["title"] for job in listed] == ["Now", "Sometime", "Later"]
    assert tech.patch(f"/jobs/{listed[2]['job_id']}", rank=1).get_json()["rank"] == 1
    assert tech.get(f"/jobs/{listed[2]['job_id']}").get_json()["lock_id"] == bike.hex


def test_faults_and_jobs_are_their_operators(site):
    one, two = site.operator("One"), site.operator("Two")
    bike, tech = site.bike(operator=one), site.person("technician", operator=one)
    stranger = site.person("technician", operator=two)
    fault = site.person().post("/faults", code=bike.code, kind="tyre").get_json()
    item = tech.get("/attention").get_json()["items"][0]
    job = tech.post("/jobs", title="Pump", fault=fault["fault_id"]).get_json()
    path = f"/jobs/{job['job_id']}"
    for answer in (
        stranger.get(path),
        stranger.patch(path, rank=1),
        stranger.post(path + "/assign", user=stranger.user_id),
        stranger.post(path + "/done", note=""),
        stranger.post(f"/faults/{fault['fault_id']}/close"),
        stranger.post("/jobs", title="Mine", item=item["item_id"]),
        stranger.post("/jobs", title="Mine", fault=fault["fault_id"]),
        stranger.post("/jobs", title="Mine", asset=fault["asset_id"]),
        tech.post(path + "/assign", user=stranger.user_id),
        tech.post(path + "/assign", user=site.person().user_id),
        tech.post(path + "/assign", user=site.person("admin").user_id),
    ):
        problem(answer, 404, "not_found")
    assert stranger.get("/jobs").get_json()["jobs"] == [] == stranger.get("/faults").get_json()["faults"]
    assert stranger.get("/attention").get_json()["items"] == []
    assert tech.post(f"/faults/{fault['fault_id']}/close").get_json()["closed_at"] == NOW


# ---- the fleet at once, and one lock through time


def test_the_whole_fleet_in_one_answer(site):
    tech, bike, bare, rider = site.person("technician"), site.bike(), site.bike(), site.person()
    say(site, bike, 1, (telemetry.STATUS, NOW, 0, 3300, 1, 10), (telemetry.FIX, NOW - 5, 52, 4, 50))
    say(site, bike, 3, (telemetry.FIX, NOW - 9, 51, 4, 50))  # older, though later told
    pen = Pen(bike.lock_id, bike.k_lock)
    bring(site, pen, pen.open(bytes.fromhex(rider.claim(bike).get_json()["cti"]), NOW))
    settle(site)
    shown = tech.get("/fleet").get_json()
    rows = {row[0]: dict(zip(shown["columns"], row, strict=True)) for row in shown["rows"]}
    assert rows[bike.hex] == {
        "lock_id": bike.hex,
        "bike": bike.code,
        "lat": 52,
        "lon": 4,
        "fix_at": NOW - 5,
        "accuracy_dm": 50,
        "state": "locked",
        "battery_mv": 3300,
        "seen_at": NOW,
        "riding": True,
        "rank": 2,
        "out": False,
    }
    assert rows[bare.hex]["lat"] is None and rows[bare.hex]["rank"] == 4 and rows[bare.hex]["state"] is None
    assert [row[0] for row in tech.get(f"/fleet?since={NOW}").get_json()["rows"]] == [bike.hex]
    assert tech.get(f"/fleet?since={NOW + 1}").get_json()["rows"] == []
    stranger = site.person("technician", operator=site.operator("Other"))
    assert stranger.get("/fleet").get_json()["rows"] == []
    assert shown["event"] == tech.get("/events/history").get_json()["events"][0]["event_id"]


def test_one_lock_through_time(site):
    tech, bike = site.person("technician"), site.bike()
    records = [
        (
            telemetry.STATUS,
            NOW - 1000 + n * 10,
            (0, 0, 4, 0)[n % 4],
            3900 - n,
            1,
            n,
            *([n - 50] if n % 2 else []),
        )
        for n in range(100)
    ]
    for start in range(0, 100, 20):
        say(site, bike, 1 + start, *records[start : start + 20])
    shown = tech.get(f"/locks/{bike.hex}/series?since={NOW - 1000}&until={NOW}").get_json()
    assert len(shown["battery"]) == 100
    assert shown["battery"][0] == {"at": NOW - 1000, "low_mv": 3900, "high_mv": 3900, "count": 1}
    assert [row["state"] for row in shown["states"]][:4] == ["locked", "jammed", "locked", "jammed"]
    assert len(shown["states"]) == 51
    assert shown["temperature"] == [  # where it told one
        {"at": NOW - 1000 + n * 10, "low_c": n - 50, "high_c": n - 50, "count": 1} for n in range(1, 100, 2)
    ]
    week = tech.get(f"/locks/{bike.hex}/series").get_json()
    assert sum(row["count"] for row in week["temperature"]) == 50
    assert (week["temperature"][0]["low_c"], week["temperature"][-1]["high_c"]) == (-49, 49)
    assert sum(row["count"] for row in week["battery"]) == 100 and len(week["battery"]) <= 500
    assert tech.get(f"/locks/{bike.hex}/series?since={NOW}&until={NOW - 5}").get_json()["battery"] == []
    say(site, bike, 101, (telemetry.FIX, NOW - 5, 520_000_000, 40_000_000, 50))
    assert tech.get(f"/locks/{bike.hex}/track").get_json()["geometry"] == {
        "type": "Point",
        "coordinates": [4.0, 52.0],
    }
    say(site, bike, 102, (telemetry.FIX, NOW - 4, 520_000_001, 40_000_000, 60))
    line = tech.get(f"/locks/{bike.hex}/track")
    assert line.mimetype == "application/geo+json"
    assert line.get_json()["properties"]["accuracy_dm"] == [50, 60]
    tech.post(f"/locks/{bike.hex}/commands", kind="find")
    (command,) = tech.get(f"/locks/{bike.hex}/commands").get_json()["commands"]
    assert (command["kind"], command["created_at"], command["sent_at"], command["done_at"]) == (
        "find",
        NOW,
        None,
        None,
    )
    for path in ("series", "track", "commands", "assets", "measurements"):
        stranger = site.person("technician", operator=site.operator("Other " + path))
        problem(stranger.get(f"/locks/{bike.hex}/{path}"), 404, "not_found")


def test_a_locks_measurements_as_senml_in_both_forms(site):
    tech, bike = site.person("technician"), site.bike()
    say(
        site,
        bike,
        1,
        (telemetry.STATUS, NOW, 0, 3917, 1, 10, -7),
        (telemetry.FIX, NOW + 1, 520_000_000, 40_000_000, 50),
    )
    path = f"/api/v1/locks/{bike.hex}/measurements?until={NOW + 10}"
    plain = tech.client.get(path, headers=tech.headers)
    assert plain.mimetype == senml.JSON and plain.headers["Vary"] == "Accept"
    packed = tech.client.get(path, headers={**tech.headers, "Accept": senml.CBOR})
    assert packed.mimetype == senml.CBOR
    names = {label: name for name, label in senml.LABELS.items()}
    unpacked = [{names[label]: value for label, value in row.items()} for row in cbor2.loads(packed.data)]
    assert unpacked == json.loads(plain.data) and unpacked[0]["bn"] == bike.hex + ":" and len(unpacked) == 7
    [warm] = [row for row in unpacked if row["n"] == "temperature"]
    assert (warm["u"], warm["v"]) == ("Cel", -7)


def test_of_who_leaves_no_words_stay(site):
    rider, tech, bike = site.person(), site.person("technician"), site.bike()
    for text in ("Call me: canary-1", "canary-2"):
        made = rider.post("/faults", code=bike.code, kind="chain", text=text).get_json()
    tech.post(f"/faults/{made['fault_id']}/close")
    with site.cloud.db.writing() as session:
        accounts.erase(session, site.cloud, session.get(User, rider.user_id))
    for path in ("/faults", "/attention", "/attention?closed=true", "/events/history"):
        assert "canary" not in tech.get(path).get_data(as_text=True)
    assert {row["kind"] for row in tech.get("/faults").get_json()["faults"]} == {"chain"}
    with site.cloud.db.reading() as session:
        assert not [row for row in session.scalars(select(Attention)) if "canary" in row.evidence]
