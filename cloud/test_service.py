"""A technician's day, over HTTP: out of service and in again, what to do first from where one stands, who claimed."""

import json

import pytest

from cloud import fixes, receipts
from cloud.test_events import told
from cloud.testlock import Pen
from cloud.testsite import NOW, Person, holder_key, problem

HERE = (520_900_000, 51_200_000)


def bring(site, pen, *bodies):
    with site.cloud.db.writing() as session:
        receipts.take(site.cloud, session, pen.hex, list(bodies), "uplink")


def put(site, bike, lat, lon=HERE[1], at=NOW):
    with site.cloud.db.writing() as session:
        where = {"lat": lat, "lon": lon, "accuracy": 50}
        fixes.store(session, [{"lock_id": bike.hex, "seq": 1, "at": at, **where}])


def asset_of(person, bike):
    (row,) = person.get(f"/assets?code={bike.code}").get_json()["assets"]
    return row


def served(person, bike, in_service, **more):
    path = f"/assets/{asset_of(person, bike)['asset_id']}/service"
    answer = person.post(path, in_service=in_service, **more)
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def bikes(person):
    return [row["code"] for row in person.get("/bikes").get_json()["bikes"]]


# ---- out of service


@pytest.mark.parametrize("kind", ["exclusive", "pooled"])
def test_out_of_service_nobody_claims_it_until_a_person_says_that_it_is_well(site, kind):
    tech, rider, bike, other = site.person("technician"), site.person(), site.bike(kind), site.bike()
    mode = {"mode": "period"} if kind == "pooled" else {}
    shown = served(tech, bike, False, reason="Bent wheel")
    assert (shown["out_since"], shown["out_reason"]) == (NOW, "Bent wheel")
    assert bikes(rider) == [other.code]
    assert rider.get(f"/bikes/{bike.code}").get_json()["state"] == "out_of_order"
    for named in ({"code": bike.code}, {"lock": bike.hex}, {"asset": shown["asset_id"]}):
        problem(rider.post("/claims", holder_key=holder_key(), **named, **mode), 409, "out_of_service")
    site.now += 60
    assert served(tech, bike, False)["out_since"] == NOW, "since the first time"
    assert served(tech, bike, False, reason="Stolen wheel")["out_reason"] == "Stolen wheel"
    fleet = tech.get("/fleet").get_json()
    out = {row[0]: row[fleet["columns"].index("out")] for row in fleet["rows"]}
    assert out == {bike.hex: True, other.hex: False}
    assert served(tech, bike, True, reason="All is well") == {**shown, "out_since": None, "out_reason": None}
    assert served(tech, bike, True, reason="Again")["out_reason"] is None
    assert rider.claim(bike, **mode).status_code == 201
    rows = told(site, "asset.service")
    assert [json.loads(row.data) for row in rows] == [
        {"out": True, "lock_id": bike.hex},
        {"out": False, "lock_id": bike.hex},
    ]
    audited = site.person("admin").get(f"/audit?user={tech.user_id}").get_json()["audit"]
    assert {row["route"] for row in audited} == {"/api/v1/assets/<id22:asset_id>/service"}


def test_who_had_claimed_is_told_and_the_token_dies_at_the_locks_next_word(site):
    tech, rider, bike = site.person("technician"), site.person(), site.bike()
    made = rider.claim(bike).get_json()
    served(tech, bike, False)
    claim = rider.get(f"/claims/{made['claim_id']}").get_json()
    assert claim["status"] == "cancelled" and claim["why"].startswith("This bike is out of service")
    (row,) = told(site, "claim.cancelled")
    assert (row.subject, row.user_id) == (made["claim_id"], rider.user_id)
    problem(rider.post(f"/claims/{made['claim_id']}/token", **bike.challenge()), 409, "out_of_service")
    assert tech.get(f"/locks/{bike.hex}").get_json()["wanted_floor"] == claim["epoch"] + 1
    served(tech, bike, True)
    assert site.person().claim(bike).status_code == 201, "the old claim holds nothing"


def test_whoever_rides_rides_on(site):
    tech, rider, bike = site.person("technician"), site.person(), site.bike("pooled")
    idle = site.person().claim(bike, mode="period").get_json()
    made = rider.claim(bike, mode="period").get_json()
    pen = Pen(bike.lock_id, bike.k_lock)
    bring(site, pen, pen.open(bytes.fromhex(made["cti"]), NOW - 50, epoch=made["epoch"]))
    served(tech, bike, False)
    assert rider.get(f"/claims/{made['claim_id']}").get_json()["status"] == "open"
    assert [row.subject for row in told(site, "claim.cancelled")] == [idle["claim_id"]]
    answer = rider.post(f"/claims/{made['claim_id']}/successor", holder_key=holder_key())
    assert answer.status_code == 201
    assert rider.get(f"/bikes/{bike.code}").get_json()["state"] == "in_use"


def test_a_bicycle_without_a_lock_may_be_out_of_service_too(site):
    tech, bike = site.person("technician"), site.bike()
    asset = asset_of(tech, bike)["asset_id"]
    tech.post(f"/assets/{asset}/lock")
    assert served(tech, bike, False)["out_since"] == NOW
    assert tech.post(f"/assets/{asset}/lock", lock=bike.hex).get_json()["out_since"] == NOW
    problem(site.person().claim(bike), 409, "out_of_service")


def test_a_claim_tells_of_which_bicycle_it_was_also_after_the_lock_went_to_another(site):
    tech, rider, bike, spare = site.person("technician"), site.person(), site.bike(), site.bike()
    made = rider.claim(bike).get_json()
    assert (made["bike"], made["label"]) == (bike.code, f"Bike {bike.code}")
    asset, other = (asset_of(tech, each)["asset_id"] for each in (bike, spare))
    site.now += 10
    for path, lock in ((other, None), (asset, None), (other, bike.hex)):
        tech.post(f"/assets/{path}/lock", lock=lock)
    answer = rider.claim(bike, code=spare.code)
    assert answer.get_json()["bike"] == spare.code
    path = f"/claims/{made['claim_id']}"
    assert rider.get(path).get_json()["bike"] == rider.delete(path).get_json()["bike"] == bike.code
    for claims in (rider.get("/claims"), tech.get(f"/locks/{bike.hex}"), tech.get("/fleet/claims")):
        assert [row["bike"] for row in claims.get_json()["claims"]] == [spare.code, bike.code]


# ---- what to do first


def jobs(person, query=""):
    return person.get(f"/jobs{query}").get_json()["jobs"]


def test_jobs_are_ranked_by_need_and_by_the_way_there(site):
    tech = site.person("technician")
    near = f"?near={HERE[0]},{HERE[1]}"
    for title, rank, metres in (
        ("far and urgent", 1, 8900),
        ("close", 3, 200),
        ("closer", 4, 100),
        ("there", 5, None),
    ):
        bike = site.bike()
        if metres is not None:
            put(site, bike, HERE[0] + round(metres / 6_371_009 / 0.017453292519943295 * 1e7))
        made = tech.post("/jobs", title=title, rank=rank, asset=asset_of(tech, bike)["asset_id"]).get_json()
        assert (made["bike"], made["lock_now"]) == (bike.code, bike.hex)
    assert tech.post("/jobs", title="anywhere", rank=2).get_json()["bike"] is None
    assert [(job["title"], job["distance_m"]) for job in jobs(tech)][0] == ("far and urgent", None)
    found = jobs(tech, near)
    assert [(job["title"], job["distance_m"]) for job in found] == [
        ("close", 200),  # 2200
        ("closer", 100),  # 3100
        ("anywhere", None),  # 6000
        ("far and urgent", 8900),  # 8900
        ("there", None),  # 9000
    ]
    assert found[0]["place"]["at"] == NOW and found[0]["place"]["accuracy_dm"] == 50
    pages, cursor = [], ""
    while cursor is not None:
        page = tech.get(f"/jobs{near}&limit=2{cursor and '&cursor=' + cursor}").get_json()
        pages.append([job["title"] for job in page["jobs"]])
        cursor = page["next"]
    assert pages == [["close", "closer"], ["anywhere", "far and urgent"], ["there"]]
    assert tech.post(f"/jobs/{found[1]['job_id']}/assign", user=tech.user_id).status_code == 200
    assert [job["title"] for job in jobs(tech, near + "&mine=true")] == ["closer"]
    assert len(jobs(tech, near + "&free=true")) == 4 == len(jobs(tech, "?free=true"))
    for wrong in ("52.1,5.1", "520900000", "900000001,0", "0,1800000001", "1,2,3"):
        problem(tech.get(f"/jobs?near={wrong}"), 422, "invalid")


def test_a_job_goes_with_its_bicycle_when_the_lock_is_swapped(site):
    tech, bike, spare = site.person("technician"), site.bike(), site.bike()
    asset = asset_of(tech, bike)["asset_id"]
    tech.post("/jobs", title="Look", asset=asset)
    put(site, spare, 1, 2)
    tech.post(f"/assets/{asset_of(tech, spare)['asset_id']}/lock")
    tech.post(f"/assets/{asset}/lock", lock=spare.hex)
    (shown,) = jobs(tech)
    assert (shown["lock_id"], shown["lock_now"], shown["place"]["lat"]) == (bike.hex, spare.hex, 1)


def test_that_a_bicycle_moves_does_not_keep_anybody_from_changing_its_job(site):
    tech, bike = site.person("technician"), site.bike()
    made = tech.post("/jobs", title="Look", asset=asset_of(tech, bike)["asset_id"]).get_json()
    path = f"/api/v1/jobs/{made['job_id']}"
    tag = tech.client.get(path, headers=tech.headers).headers["ETag"]
    put(site, bike, 1)
    headers = {**tech.headers, "If-Match": tag}
    assert tech.client.patch(path, headers=headers, json={"rank": 1}).status_code == 200
    problem(tech.client.patch(path, headers=headers, json={"rank": 2}), 412, "changed")


def test_a_program_that_may_not_follow_rides_sees_no_place_of_one_in_a_job(site):
    operator = site.operator("One")
    admin, bike, rider = site.person("admin", operator=operator), site.bike(operator=operator), site.person()
    admin.post("/jobs", title="Look", asset=asset_of(admin, bike)["asset_id"])
    put(site, bike, HERE[0])

    def program(*scopes):
        made = admin.post("/clients", name="Partner", kind="key", scopes=list(scopes)).get_json()
        return Person(site.app.test_client(use_cookies=False), "", made["secret"], program=True)

    blind, sees = program("fleet:read"), program("fleet:read", "tracks:read")
    near = f"?near={HERE[0]},{HERE[1]}"
    assert jobs(blind, near)[0]["distance_m"] == 0
    pen = Pen(bike.lock_id, bike.k_lock)
    bring(site, pen, pen.open(bytes.fromhex(rider.claim(bike).get_json()["cti"]), NOW))
    (job,) = jobs(blind, near)
    assert job["place"] is None and job["distance_m"] is None
    assert jobs(sees, near)[0]["distance_m"] == 0 == jobs(admin, near)[0]["distance_m"]


# ---- claims of the whole fleet


def test_staff_see_their_fleets_claims_newest_first_without_tokens_or_people(site):
    operator = site.operator("One")
    staff, stranger = (
        site.person("technician", operator=operator),
        site.person("admin", operator=site.operator("Two")),
    )
    one, two, rider = site.bike(operator=operator), site.bike(operator=operator), site.person()
    made = []
    for bike in (one, two):
        made.append(rider.claim(bike).get_json()["claim_id"])
        site.now += 5
    rider.delete(f"/claims/{made[0]}")
    made.append(rider.claim(one).get_json()["claim_id"])

    def listed(query="", who=staff):
        return [row["claim_id"] for row in who.get(f"/fleet/claims{query}").get_json()["claims"]]

    answer = staff.get("/fleet/claims")
    assert listed() == made[::-1] == listed(who=site.person("admin"))
    assert [row["bike"] for row in answer.get_json()["claims"]] == [one.code, two.code, one.code]
    assert '"token"' not in answer.get_data(as_text=True) and rider.user_id not in answer.get_data(
        as_text=True
    )
    assert listed(who=stranger) == []
    problem(rider.get("/fleet/claims"), 403, "forbidden")
    assert listed(f"?lock={one.hex}") == [made[2], made[0]]
    assert listed("?state=cancelled") == [made[0]] and listed("?state=open") == [made[2], made[1]]
    first = staff.get("/fleet/claims?limit=2").get_json()
    assert listed(f"?cursor={first['next']}") == [made[0]]
    site.now += 598  # the second one's window is over, the third one's is not
    assert listed("?state=open") == [made[2]] and listed("?state=expired") == [made[1]]
