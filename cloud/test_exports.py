"""Exports: complete whatever the page, safe in a spreadsheet, streamed, of one's own operator, and in the audit log."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from cloud import exports, receipts
from cloud import fixes as positions
from cloud.tables import Audit
from cloud.testlock import Pen
from cloud.testsite import NOW, Bike, problem


def ride(site, bike, rider, at):
    pen = getattr(bike, "pen", None) or Pen(bike.lock_id, bike.k_lock)
    bike.pen = pen
    cti = bytes.fromhex(rider.claim(bike).get_json()["cti"])
    with site.cloud.db.writing() as session:
        bodies = [pen.open(cti, at), pen.close(cti, at + 60), pen.end(cti, at + 70)]
        receipts.take(site.cloud, session, pen.hex, bodies, "uplink")


def fixes(site, bike, *at):
    with site.cloud.db.writing() as session:
        where = {"lock_id": bike.hex, "lon": -40_000_000, "accuracy": 57}
        rows = [{**where, "seq": seq, "at": when, "lat": 520_000_000 + seq} for seq, when in enumerate(at, 1)]
        positions.store(session, rows)


def table(answer):
    assert answer.status_code == 200 and answer.mimetype == "text/csv", answer.get_data(as_text=True)[:300]
    text = answer.get_data(as_text=True)
    assert text.endswith("\r\n") and answer.headers["Content-Disposition"].startswith(
        'attachment; filename="'
    )
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_rides_are_taken_away_with_the_bicycle_that_they_were_on(site):
    admin, rider, bike, spare = site.person("admin"), site.person(), site.bike(), site.bike()
    ride(site, bike, rider, NOW + 10)
    site.now += 1000
    assets = {row["code"]: row["asset_id"] for row in admin.get("/assets").get_json()["assets"]}
    admin.post(f"/assets/{assets[spare.code]}/lock")
    admin.post(f"/assets/{assets[bike.code]}/lock", lock=spare.hex)
    ride(site, Bike(bike.code, spare.lock_id, spare.k_lock), rider, site.now + 10)
    site.now += 1000
    rows = table(admin.get("/exports/rides.csv"))
    assert [(row["lock_id"], row["bike"], row["billed_s"]) for row in rows] == [
        (bike.hex, bike.code, "60"),
        (spare.hex, bike.code, "60"),
    ]
    assert tuple(rows[0]) == exports.EXPORTS["rides"].columns
    assert rider.user_id not in json.dumps(rows)
    assert len(table(admin.get(f"/exports/rides.csv?lock={spare.hex}"))) == 1
    assert len(table(admin.get(f"/exports/rides.csv?since={NOW + 11}"))) == 1
    assert table(admin.get(f"/exports/rides.csv?until={NOW + 10}")) == []


def test_geojson_of_each(site):
    admin, rider, bike = site.person("admin"), site.person(), site.bike()
    ride(site, bike, rider, NOW + 10)
    fixes(site, bike, NOW + 5, NOW + 15, NOW + 20, NOW + 90)
    site.now += 1000
    shown = {}
    for what in exports.EXPORTS:
        answer = admin.get(f"/exports/{what}.geojson")
        assert answer.mimetype == "application/geo+json"
        shown[what] = answer.get_json()["features"]
    assert shown["rides"][0]["geometry"] == {
        "type": "LineString",
        "coordinates": [[-4.0, 52.0000002], [-4.0, 52.0000003]],
    }
    assert shown["locks"][0]["geometry"] == {"type": "Point", "coordinates": [-4.0, 52.0000004]}
    assert [feature["properties"]["at"] for feature in shown["fixes"]] == [
        NOW + 5,
        NOW + 15,
        NOW + 20,
        NOW + 90,
    ]
    assert site.person("admin", operator=site.operator("Other")).get("/exports/fixes.geojson").get_json() == {
        "type": "FeatureCollection",
        "features": [],
    }


@pytest.mark.parametrize("what", ["rides", "locks", "fixes"])
def test_an_export_is_complete_whatever_the_page(site, monkeypatch, what):
    admin, rider = site.person("admin"), site.person()
    bikes = [site.bike() for _ in range(3)]
    for n, bike in enumerate(bikes):
        fixes(site, bike, *(NOW + k for k in (1, 1, 2)))
        ride(site, bike, rider, NOW + 10)
        ride(site, bike, rider, NOW + 200 + n)
    site.now += 1000
    whole = table(admin.get(f"/exports/{what}.csv"))
    assert len(whole) == {"rides": 6, "locks": 3, "fixes": 9}[what]
    for size in (1, 2, 3, 4):
        monkeypatch.setattr(exports, "CHUNK", size)
        assert table(admin.get(f"/exports/{what}.csv")) == whole
    monkeypatch.setattr(exports, "MOST", 2)
    monkeypatch.setattr(exports, "CHUNK", 1)
    assert len(table(admin.get(f"/exports/{what}.csv"))) == 2


def test_a_label_is_no_formula(site):
    admin = site.person("admin")
    bikes = {label: site.bike() for label in ("=1+1", "+1", "-2", "@SUM(A1)", "plain", "=HYPERLINK(1)")}
    assets = {row["code"]: row["asset_id"] for row in admin.get("/assets").get_json()["assets"]}
    for label, bike in bikes.items():
        admin.patch(f"/assets/{assets[bike.code]}", label=label)
        fixes(site, bike, NOW)
    rows = {row["lock_id"]: row for row in table(admin.get("/exports/locks.csv"))}
    for label, bike in bikes.items():
        assert rows[bike.hex]["label"] == (label if label == "plain" else "'" + label)
        assert rows[bike.hex]["lon"] == "-4.0"  # a number stays one
    shown = admin.get("/exports/locks.geojson").get_json()["features"]
    assert {row["properties"]["label"] for row in shown} == set(bikes)  # no spreadsheet reads JSON


@given(st.text())
def test_no_text_becomes_a_formula(text):
    shown = exports.safe(text)
    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) and shown.removeprefix("'") in (
        text,
        text[1:],
    )


def test_it_is_streamed_page_by_page(site, monkeypatch):
    admin, bike = site.person("admin"), site.bike()
    fixes(site, bike, *(NOW + n for n in range(20)))
    site.now += 1000
    monkeypatch.setattr(exports, "CHUNK", 5)
    asked = []

    def note(_connection, _cursor, statement, *_):
        if "FROM fix" in statement:
            asked.append(statement)

    event.listen(site.cloud.db.engine, "before_cursor_execute", note)
    answer = admin.client.get("/api/v1/exports/fixes.csv", headers=admin.headers, buffered=False)
    chunks = iter(answer.response)
    next(chunks), next(chunks)
    early = len(asked)
    assert early < 4 and b"".join(chunks).count(b"\r\n") == 15 and len(asked) >= 4
    event.remove(site.cloud.db.engine, "before_cursor_execute", note)


def test_each_is_in_the_audit_log_and_for_admins_alone(site):
    admin = site.person("admin", login="ada")
    admin.get("/exports/rides.csv").get_data()
    with site.cloud.db.reading() as session:
        row = session.query(Audit).order_by(Audit.audit_id.desc()).first()
    assert (row.who, row.method, json.loads(row.objects)) == ("ada", "GET", {"what": "rides", "form": "csv"})
    problem(site.person("technician").get("/exports/rides.csv"), 403, "forbidden")
    problem(admin.get("/exports/rides.csv?since=x"), 422, "invalid")
    assert admin.get("/exports/users.csv").status_code == 404
