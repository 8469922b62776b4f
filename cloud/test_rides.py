"""Rides and receipts over HTTP: brought by phones, sealed or open, and shown to those whose they are."""

import base64
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select

from cloud import fixes, limits, locks, receipts, telemetry
from cloud.body import b64
from cloud.tables import Receipt, StatusSample
from cloud.testlock import Pen
from cloud.testride import bring, pen_of, ride
from cloud.testsite import NOW, problem
from protocol import exchange, keys, receipt
from protocol import telemetry as wire

CTI = b"cti-0001"


def stored(site, bike) -> list[Receipt]:
    with site.cloud.db.reading() as session:
        return list(session.scalars(select(Receipt).where(Receipt.lock_id == bike.hex).order_by(Receipt.seq)))


# ---- receipts that phones bring


def test_a_receipt_is_answered_with_the_clouds_word_for_these_bytes(site):
    bike, rider = site.bike(), site.person()
    body = pen_of(bike).open(CTI, NOW - 10)
    answer = bring(rider, body)
    (word,) = answer.get_json()["receipts"]
    assert answer.status_code == 200
    assert (word["status"], word["lock_id"], word["seq"]) == ("stored", bike.hex, 1)
    assert word["digest"] == receipt.digest(body).hex()
    published = {key["kid"]: key for key in rider.get("/keys").get_json()["keys"]}
    key = published[word["kid"]]
    assert key["role"] == "countersign"
    signed = receipt.countersign_input(bike.lock_id, 1, receipt.digest(body))

    signer = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["key"] + "="))
    signer.verify(bytes.fromhex(word["countersignature"]), signed)
    (again,) = bring(site.person(), body).get_json()["receipts"]
    assert again == word | {"status": "known"}
    assert [(row.via, row.copies) for row in stored(site, bike)] == [("phone", 2)]


def test_many_of_several_locks_are_answered_in_order_each_for_itself(site):
    one, two, rider = site.bike(), site.bike(), site.person()
    first, second = pen_of(one), pen_of(two)
    good = [first.open(CTI, NOW - 10), second.open(CTI, NOW - 9), first.close(CTI, NOW - 8)]
    unknown = Pen().open(CTI, NOW)
    forged = Pen(one.lock_id).open(CTI, NOW)
    words = bring(rider, good[0], unknown, good[1], forged, b"junk", good[2]).get_json()["receipts"]
    assert [word["status"] for word in words] == [
        "stored",
        "refused",
        "stored",
        "refused",
        "refused",
        "stored",
    ]
    assert [word["lock_id"] for word in words] == [one.hex, None, two.hex, None, None, one.hex]
    assert words[1] == words[3] == words[4]  # a lock that is not ours is told from a forgery by nobody


def test_a_forks_word_is_for_the_receipt_that_is_kept(site):
    bike, rider = site.bike(), site.person()
    kept, other = pen_of(bike).open(CTI, NOW - 10), pen_of(bike).open(b"cti-0002", NOW - 10)
    bring(rider, kept)
    (word,) = bring(rider, other).get_json()["receipts"]
    assert (word["status"], word["digest"]) == ("fork", receipt.digest(kept).hex())
    (row,) = site.person("admin").get(f"/locks/{bike.hex}/receipts").get_json()["receipts"]
    assert row["forks"] == 1 and row["digest"] == receipt.digest(kept).hex()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"receipts": []},
        {"receipts": "x"},
        {"receipts": [1]},
        {"receipts": [""]},
        {"receipts": ["====", "a b"]},
        {"receipts": [b64(bytes(513))]},
        {"receipts": [b64(bytes([n])) for n in range(51)]},
        {"receipts": [b64(b"x")], "more": 1},
    ],
)
def test_a_body_of_another_form_is_told_so(site, body):
    problem(site.person().post("/receipts", **body), 422, "invalid")


# ---- sealed ones, carried by strangers


def sealed(bike, *bodies) -> str:
    return b64(exchange.seal_batch(keys.batch_key(bike.k_lock), os.urandom(13), bodies))


@pytest.mark.parametrize("hint", [None, "right", "wrong"])
def test_a_sealed_batch_finds_its_lock_and_its_carrier_learns_nothing(site, hint):
    others = [site.bike() for _ in range(3)]
    bike, mule = site.bike(), site.person()
    pen = pen_of(bike)
    named = {"right": bike.hex, "wrong": others[0].hex, None: None}[hint]
    answer = mule.post(
        "/sealed", batch=sealed(bike, pen.open(CTI, NOW - 10), pen.close(CTI, NOW - 5)), lock=named
    )
    assert (answer.status_code, answer.get_json()) == (200, {"taken": True})
    assert [row.via for row in stored(site, bike)] == ["mule", "mule"]


def test_a_sealed_batch_that_no_lock_of_ours_made_is_refused(site):
    bike, mule = site.bike(), site.person()
    stranger = type(bike)("X", os.urandom(8), os.urandom(32))
    batch = sealed(stranger, Pen(stranger.lock_id, stranger.k_lock).open(CTI, NOW))
    problem(mule.post("/sealed", batch=batch), 422, "unknown_batch")
    problem(mule.post("/sealed", batch=batch, lock=bike.hex), 422, "unknown_batch")
    problem(mule.post("/sealed", batch=b64(b"junk")), 422, "unknown_batch")
    good = sealed(bike, pen_of(bike).open(CTI, NOW))
    problem(
        mule.post("/sealed", batch=good[:-2] + ("AA" if good[-2:] != "AA" else "BA")), 422, "unknown_batch"
    )
    assert stored(site, bike) == []


def test_one_phone_does_not_make_us_try_all_keys_for_ever(site, monkeypatch):
    monkeypatch.setitem(limits.LIMITS, "sealed", (2, 60))
    mule, batch = site.person(), b64(b"junk")
    for _ in range(2):
        problem(mule.post("/sealed", batch=batch), 422, "unknown_batch")
    answer = mule.post("/sealed", batch=batch)
    problem(answer, 429, "too_many")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    problem(site.person().post("/sealed", batch=batch), 422, "unknown_batch")


# ---- rides


def test_a_rider_sees_the_own_ride_with_receipts_and_track(site):
    bike, rider = site.bike(), site.person()
    pen = ride(site, bike, rider)
    (row,) = rider.get("/rides").get_json()["rides"]
    assert (row["state"], row["lock_id"], row["cti"], row["claim_id"]) == (
        "ended",
        bike.hex,
        pen.cti.hex(),
        pen.cti.hex(),
    )
    assert (row["opened_at"], row["closed_at"], row["billed_until"]) == (NOW - 900, NOW - 300, NOW - 300)
    assert (row["receipts"], row["fixes"]) == (3, 7)
    assert row["ride_id"] == receipt.digest(pen.log[0])[:16].hex()
    whole = rider.get(f"/rides/{row['ride_id']}").get_json()
    assert [(one["seq"], one["type"]) for one in whole["receipts"]] == [(1, "OPEN"), (2, "CLOSE"), (3, "END")]
    assert [one["receipt"] for one in whole["receipts"]] == [b64(body) for body in pen.log]
    assert all(len(bytes.fromhex(one["countersignature"])) == 64 for one in whole["receipts"])
    track = rider.get(f"/rides/{row['ride_id']}/track")
    assert track.mimetype == "application/geo+json"
    feature = track.get_json()
    assert feature["type"] == "Feature" and feature["geometry"]["type"] == "LineString"
    assert (
        feature["geometry"]["coordinates"][0] == [-5.0, 52.0] and len(feature["geometry"]["coordinates"]) == 7
    )
    assert feature["properties"]["times"][0] == NOW - 900


def test_somebody_elses_ride_is_not_there_and_staff_see_all(site):
    bike, rider, stranger = site.bike(), site.person(), site.person()
    ride(site, bike, rider)
    (row,) = rider.get("/rides").get_json()["rides"]
    path = f"/rides/{row['ride_id']}"
    assert stranger.get("/rides").get_json()["rides"] == []
    for hidden in (path, path + "/track"):
        problem(stranger.get(hidden), 404, "not_found")
    for role in ("technician", "admin"):
        staff = site.person(role)
        assert len(staff.get("/rides").get_json()["rides"]) == 1
        assert staff.get(path).status_code == staff.get(path + "/track").status_code == 200


def test_rides_narrow_down_and_come_in_pages(site):
    one, two, rider = site.bike(), site.bike(), site.person()
    ride(site, one, rider)
    pen = ride(site, two, rider)
    admin = site.person("admin")
    assert len(admin.get("/rides").get_json()["rides"]) == 2
    assert [row["lock_id"] for row in admin.get(f"/rides?lock={two.hex}").get_json()["rides"]] == [two.hex]
    assert [row["cti"] for row in admin.get(f"/rides?claim={pen.cti.hex()}").get_json()["rides"]] == [
        pen.cti.hex()
    ]
    first = admin.get("/rides?limit=1").get_json()
    second = admin.get(f"/rides?limit=1&cursor={first['next']}").get_json()
    seen = [row["ride_id"] for row in first["rides"] + second["rides"]]
    assert len(set(seen)) == len(seen) == 2 and second["next"] is None
    problem(admin.get("/rides?cursor=nonsense"), 422, "invalid")


def test_a_track_of_one_point_or_none_is_still_geojson(site):
    bike, rider = site.bike(), site.person()
    pen = pen_of(bike)
    bring(rider, pen.open(CTI, NOW - 100))
    admin = site.person("admin")
    (row,) = admin.get("/rides").get_json()["rides"]
    path = f"/rides/{row['ride_id']}/track"
    assert admin.get(path).get_json()["geometry"] is None
    with site.cloud.db.writing() as session:
        fixes.store(
            session,
            [{"lock_id": bike.hex, "seq": 1, "at": NOW, "lat": 520000000, "lon": 50000000, "accuracy": 1}],
        )
    assert admin.get(path).get_json()["geometry"] == {"type": "Point", "coordinates": [5.0, 52.0]}


def test_a_handed_over_ride_ends_with_the_receipt_that_handed_it_over(site):
    bike, first = site.bike(), site.person()
    pen = pen_of(bike)
    bring(
        first,
        pen.open(b"cti-aaaa", NOW - 2000),
        pen.hand_over(b"cti-bbbb", b"cti-aaaa", NOW - 500, NOW - 1500),
    )
    admin = site.person("admin")
    new, old = admin.get("/rides").get_json()["rides"]
    assert (old["next_ride"], new["previous_ride"]) == (new["ride_id"], old["ride_id"])
    assert (old["state"], old["billed_until"], new["state"]) == ("ended", NOW - 1200, "open")
    for row, types in ((old, ["OPEN", "HAND_OVER"]), (new, ["HAND_OVER"])):
        listed = admin.get(f"/rides/{row['ride_id']}").get_json()["receipts"]
        assert [one["type"] for one in listed] == types


def test_receipts_of_a_lock_come_in_pages_with_their_standing(site):
    bike, rider, admin = site.bike(), site.person(), site.person("admin")
    pen = pen_of(bike)
    bodies = [
        pen.open(CTI, NOW - 100),
        pen.close(CTI, NOW - 90),
        pen.end(CTI, NOW - 80),
        pen.open(CTI, NOW - 70),
    ]
    bring(rider, bodies[0], bodies[1], bodies[3])
    shown = admin.get(f"/locks/{bike.hex}/receipts").get_json()
    assert [(row["seq"], row["chain"]) for row in shown["receipts"]] == [
        (4, "gap"),
        (2, "holds"),
        (1, "holds"),
    ]
    assert shown["next"] is None
    first = admin.get(f"/locks/{bike.hex}/receipts?limit=2").get_json()
    second = admin.get(f"/locks/{bike.hex}/receipts?cursor={first['next']}").get_json()
    assert [row["seq"] for row in first["receipts"] + second["receipts"]] == [4, 2, 1]
    problem(admin.get(f"/locks/{bike.hex}/receipts?cursor=x"), 422, "invalid")
    problem(admin.get(f"/locks/{'00' * 8}/receipts"), 404, "not_found")


# ---- telemetry, without the gateway


def test_a_status_without_a_clock_has_no_time(site):
    bike = site.bike()
    with site.cloud.db.writing() as session:
        lock = locks.get(session, bike.hex)
        assert (
            telemetry.take(session, lock, wire.encode_batch(1, [(1, 0, 0, 3900, receipt.UNKNOWN, 5)]), NOW)
            == 1
        )
        sample = session.scalars(select(StatusSample)).one()
        assert (sample.at, sample.clock_error_s, lock.clock_error_s) == (None, None, None)
        assert (lock.state, lock.battery_mv) == (0, 3900)


def test_distances_on_the_sphere():
    assert fixes.metres([]) == fixes.metres([(1, 1)]) == 0
    assert fixes.metres([(520000000, 50000000), (520000000, 50000000)]) == 0
    quarter = fixes.haversine((0, 0), (900000000, 0))
    assert abs(quarter - 10_007_557) < 1
    assert abs(fixes.haversine((0, 1799999999), (0, -1799999999)) - 0.0223) < 0.001  # across the date line
    utrecht, amersfoort = (520907028, 51214737), (521561113, 53878266)
    assert abs(fixes.haversine(utrecht, amersfoort) - 19_590) < 30


def test_a_phones_receipt_and_the_uplinks_are_one(site):
    bike, rider = site.bike(), site.person()
    body = pen_of(bike).open(CTI, NOW - 10)
    bring(rider, body)
    with site.cloud.db.writing() as session:
        (outcome,) = receipts.take(site.cloud, session, bike.hex, [body], "uplink")
    assert outcome.status == "known"
    assert [(row.via, row.copies) for row in stored(site, bike)] == [("phone", 2)]
