"""The public feed: valid by a validator that is not ours, and of no use to whoever wants to know where people rode."""

import json
import socket
import threading
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from gbfs_validator import GBFS
from werkzeug.serving import make_server

from cloud import fixes, gbfs, receipts
from cloud.tables import Group, Lock, Operator
from cloud.test_geometry import SQUARE, polygon
from cloud.testlock import Pen
from cloud.testsite import Site, problem
from cloud.wrapping import derive
from protocol import status

PLACE = (520_123_456, 49_876_543)


@pytest.fixture
def site(tmp_path):
    """Feeds are made anew for everyone who asks, and say where they are: on a port that nobody has just now."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    made = Site(tmp_path, feed_s=0)
    settings = replace(made.cloud.settings, url=f"http://127.0.0.1:{port}")
    made.app.extensions["ringslot"] = made.cloud = replace(made.cloud, settings=settings)
    made.port = port
    yield made
    made.close()


@pytest.fixture
def system(site):
    """An operator that says all it may, and where its feeds are."""
    made = site.operator("Fietsen & Co")
    with site.cloud.db.writing() as session:
        row = session.get(Operator, made)
        row.email, row.phone, row.url = "help@example.org", "+31201234567", "https://example.org/"
        row.terms_url, row.privacy_url = "https://example.org/terms", "https://example.org/privacy"
        row.timezone, row.language = "Europe/Amsterdam", "nl"
    return made


def standing(site, operator, lat=PLACE[0], lon=PLACE[1], **lock):
    bike = site.bike(operator=operator)
    with site.cloud.db.writing() as session:
        row = session.get(Lock, bike.hex)
        row.last_seen_at, row.state = site.now, status.STATE_LOCKED
        for name, value in lock.items():
            setattr(row, name, value)
        at = {"at": site.now, "lat": lat, "lon": lon, "accuracy": 50}
        fixes.store(session, [{"lock_id": bike.hex, "seq": 1, **at}])
    return bike


def feed(site, operator, name):
    answer = site.app.test_client(use_cookies=False).get(f"/gbfs/{operator}/{name}.json")
    assert answer.status_code == 200 and answer.headers["Access-Control-Allow-Origin"] == "*"
    return answer.get_json()["data"]


def vehicles(site, operator):
    return feed(site, operator, "vehicle_status")["vehicles"]


def ride(site, bike, rider, end=True):
    pen = getattr(bike, "pen", None) or Pen(bike.lock_id, bike.k_lock)
    bike.pen = pen
    cti = bytes.fromhex(rider.claim(bike).get_json()["cti"])
    bodies = [pen.open(cti, site.now)]
    if end:
        bodies += [pen.close(cti, site.now + 60), pen.end(cti, site.now + 70)]
    with site.cloud.db.writing() as session:
        receipts.take(site.cloud, session, pen.hex, bodies, "uplink")
    return cti


def validate(site, operator):
    """By gbfs-validator, over real HTTP."""
    server = make_server("127.0.0.1", site.port, site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/gbfs/{operator}/gbfs.json"
        return GBFS(url, freefloating=True).validation()
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def complaints(report):
    return {file["file"]: file.get("errors") for file in report["files"] if file.get("hasErrors")}


def test_the_feeds_are_valid(site, system):
    admin = site.person("admin", operator=system)
    for kind in ("parking", "no_parking", "service_area"):
        admin.post("/zones", name=f"Zone {kind}", kind=kind, polygon=polygon(SQUARE))
    for _ in range(3):
        standing(site, system)
    report = validate(site, system)
    assert report["summary"]["version"] == {"detected": "3.0", "validated": "3.0"}
    assert not report["summary"]["hasErrors"], complaints(report)
    there = {file["file"]: file["exists"] for file in report["files"]}
    assert all(there[f"{name}.json"] for name in ("gbfs", *gbfs.FEEDS)), there


def test_the_validator_sees_what_is_wrong(site, system, monkeypatch):
    standing(site, system)
    monkeypatch.setattr(gbfs, "moment", lambda at: at)  # a number, as GBFS 2 had it
    assert validate(site, system)["summary"]["hasErrors"]


def test_an_operator_that_says_little_has_a_valid_feed_and_one_without_an_address_none(site):
    bare = site.operator("Bare")
    problem(site.client.get(f"/gbfs/{bare}/gbfs.json"), 404, "not_found")
    problem(site.client.get(f"/gbfs/{bare}/vehicle_status.json"), 404, "not_found")
    with site.cloud.db.writing() as session:
        session.get(Operator, bare).email = "help@example.org"
    report = validate(site, bare)
    assert not report["summary"]["hasErrors"], complaints(report)
    assert site.client.get(f"/gbfs/{bare}/stations.json").status_code == 404


def test_only_bicycles_that_anyone_may_claim_are_listed(site, system):
    rider, admin = site.person(), site.person("admin", operator=system)
    free, claimed, ridden, silent, jammed, elsewhere, out = (standing(site, system) for _ in range(7))
    rider.claim(claimed)
    ride(site, ridden, site.person(), end=False)
    with site.cloud.db.writing() as session:
        session.get(Lock, silent.hex).last_seen_at = site.now - gbfs.SILENT_S - 1
        session.get(Lock, jammed.hex).state = status.STATE_JAMMED
    standing(site, site.operator("Other"))
    assets = {row["code"]: row["asset_id"] for row in admin.get("/assets").get_json()["assets"]}
    admin.post(f"/assets/{assets[elsewhere.code]}/lock")
    admin.post(f"/assets/{assets[out.code]}/service", in_service=False)
    (shown,) = vehicles(site, system)
    rider_sees = site.person().get(f"/vehicles/{system}/{shown['vehicle_id']}").get_json()
    assert rider_sees["code"] == free.code


def test_bicycles_for_members_only_are_not_for_the_public(site, system):
    admin = site.person("admin", operator=system)
    bike = standing(site, system)
    group = "0a0b0c0d"
    with site.cloud.db.writing() as session:
        session.add(
            Group(group_id=group, operator_id=system, name="Company", members_only=1, created_at=site.now)
        )
        session.flush()
        session.get(Lock, bike.hex).group_id = group
    assert vehicles(site, system) == [] and admin


def test_what_is_told_of_a_bicycle_tells_none_from_another(site, system):
    bikes = [standing(site, system, last_seen_at=site.now - 7 * n) for n in range(5)]
    shown = vehicles(site, system)
    assert {key for row in shown for key in row} == {
        "vehicle_id",
        "lat",
        "lon",
        "is_reserved",
        "is_disabled",
        "vehicle_type_id",
        "last_reported",
        "rental_uris",
    }
    assert [row["vehicle_id"] for row in shown] == sorted(row["vehicle_id"] for row in shown)
    assert {(row["lat"], row["lon"]) for row in shown} == {(52.0123, 4.9877)}
    assert {row["last_reported"] for row in shown} == {gbfs.moment(site.now - site.now % 300)} | {
        gbfs.moment((site.now - 28) - (site.now - 28) % 300)
    }
    text = json.dumps(shown)
    for bike in bikes:
        assert bike.hex not in text and bike.code not in text
    assert all(row["rental_uris"]["web"].endswith("." + row["vehicle_id"]) for row in shown)


def test_the_id_changes_with_each_ride_and_with_nothing_else(site, system):
    bike, rider = standing(site, system), site.person()
    seen = [vehicles(site, system)[0]["vehicle_id"]]
    assert vehicles(site, system)[0]["vehicle_id"] == seen[0]
    made = rider.claim(bike).get_json()
    assert vehicles(site, system) == []
    rider.delete(f"/claims/{made['claim_id']}")
    assert vehicles(site, system)[0]["vehicle_id"] == seen[0]
    for _ in range(3):
        ride(site, bike, rider)
        site.now += 100
        seen.append(vehicles(site, system)[0]["vehicle_id"])
    assert len(set(seen)) == 4
    problem(rider.get(f"/vehicles/{system}/{seen[0]}"), 404, "not_found")
    assert rider.get(f"/vehicles/{system}/{seen[-1]}").get_json()["code"] == bike.code


def test_whoever_reads_along_for_a_month_links_rides_no_better_than_chance(site, system):
    """G05. Every day all bicycles of one place are ridden at once and come back to that place.
    A crawler that has every poll guesses, for each bicycle, which one of the day before it was: by id, by place in the
    list, by any field. It may hit by luck only."""
    bikes = [standing(site, system) for _ in range(6)]
    riders = [site.person() for _ in bikes]
    days = []
    for _ in range(8):
        with site.cloud.db.writing() as session:
            for bike in bikes:
                session.get(Lock, bike.hex).last_seen_at = site.now
        rows = vehicles(site, system)
        owner = {row["vehicle_id"]: site_code(site, system, row) for row in rows}
        days.append([(row, owner[row["vehicle_id"]]) for row in rows])
        for bike, person in zip(bikes, riders, strict=True):
            ride(site, bike, person)
        site.now += 86400
    ids = [row["vehicle_id"] for day in days for row, _ in day]
    assert len(set(ids)) == len(ids)  # no id comes back
    same_place = sum(
        code == before[place][1]
        for before, day in zip(days, days[1:], strict=False)
        for place, (_, code) in enumerate(day)
    )
    tries = 7 * 6
    assert same_place <= tries / 6 + 4 * (tries * 1 / 6 * 5 / 6) ** 0.5, same_place  # four sigma of luck
    for day in days:
        fields = [{k: v for k, v in row.items() if k not in ("vehicle_id", "rental_uris")} for row, _ in day]
        assert all(row == fields[0] for row in fields)


def site_code(site, system, row):
    with site.cloud.db.reading() as session:
        key = gbfs_key(site)
        return gbfs.named(key, gbfs.standing(session, system, site.now), row["vehicle_id"]).code


def gbfs_key(site):
    return derive(site.cloud.settings.secret, "gbfs vehicle id")


def test_a_feed_is_made_once_for_all_who_ask_within_seconds(tmp_path):
    site = Site(tmp_path)
    one, other = site.operator("One"), site.operator("Other")
    with site.cloud.db.writing() as session:
        for each in (one, other):
            session.get(Operator, each).email = "help@example.org"
    bike, rider = standing(site, one), site.person()
    assert len(vehicles(site, one)) == 1 and vehicles(site, other) == []
    rider.claim(bike)
    site.now += site.cloud.settings.feed_s - 1
    assert len(vehicles(site, one)) == 1
    site.now += 1
    assert vehicles(site, one) == []
    site.close()


def test_no_host_that_a_stranger_names_gets_into_a_feed(site, system):
    standing(site, system)
    for name in ("gbfs", "vehicle_status"):
        client = site.app.test_client(use_cookies=False)
        answer = client.get(f"/gbfs/{system}/{name}.json", headers={"Host": "evil.example"})
        assert answer.status_code == 200 and "evil" not in answer.get_data(as_text=True)


def test_guessing_ids_of_vehicles_makes_one_wait(site, system):
    bike, rider = standing(site, system), site.person()
    shown = vehicles(site, system)[0]
    for n in range(10):
        problem(rider.get(f"/vehicles/{system}/{n:032x}"), 404, "not_found")
    problem(rider.get(f"/vehicles/{system}/{shown['vehicle_id']}"), 429, "too_many")
    assert bike and urlsplit(shown["rental_uris"]["web"]).query.startswith("vehicle=")


def test_where_rides_may_end_as_rules(site, system):
    admin = site.person("admin", operator=system)
    assert feed(site, system, "geofencing_zones")["global_rules"][0]["ride_end_allowed"] is True
    for kind in ("service_area", "parking", "no_parking"):
        admin.post("/zones", name=kind, kind=kind, polygon=polygon(SQUARE))
    data = feed(site, system, "geofencing_zones")
    assert data["global_rules"][0]["ride_end_allowed"] is False
    said = [
        (row["properties"]["name"][0]["text"], row["properties"]["rules"][0]["ride_end_allowed"])
        for row in data["geofencing_zones"]["features"]
    ]
    assert said == [("no_parking", False), ("parking", True), ("service_area", False)]
