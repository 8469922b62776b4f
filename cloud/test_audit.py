"""The audit log: what staff did is in it without any route having to say so."""

import json

from sqlalchemy import select

from cloud import audit
from cloud.tables import Audit
from cloud.testsite import problem


def written(site):
    with site.cloud.db.reading() as session:
        return session.scalars(select(Audit).order_by(Audit.audit_id)).all()


def test_what_staff_change_is_written_down_with_who_and_what(site):
    bike = site.bike()
    before = len(written(site))
    technician = site.person("technician", login="tess")
    technician.post(f"/locks/{bike.hex}/commands", kind="find")
    (row,) = written(site)[before:]
    assert (row.who, row.user_id, row.method, row.status) == ("tess", technician.user_id, "POST", 202)
    assert row.route == "/api/v1/locks/<id8:lock_id>/commands" and row.at == site.now
    assert json.loads(row.objects) == {"lock_id": bike.hex, "command_id": "1"}


def test_what_was_made_is_named_and_no_body_is_kept(site):
    admin, bike = site.person("admin"), site.bike()
    admin.post("/assets", code="secretive", label="A label of ours")
    row = written(site)[-1]
    assert set(json.loads(row.objects)) == {"asset_id"}
    text = json.dumps([audit.shown(row) for row in written(site)])
    for part in ("secretive", "A label", bike.k_lock.hex()):
        assert part not in text


def test_looks_refusals_and_riders_are_not(site):
    bike, rider, technician = site.bike(), site.person(), site.person("technician")
    before = len(written(site))
    technician.get("/locks")
    problem(technician.post(f"/locks/{bike.hex}/commands", kind="open"), 422, "invalid")
    problem(technician.post("/assets", code="x", label="y"), 403, "forbidden")
    assert rider.claim(bike).status_code == 201
    assert len(written(site)) == before


def test_admins_read_it_in_pages(site):
    admin, technician, bike = site.person("admin"), site.person("technician"), site.bike()
    for _ in range(3):
        technician.post(f"/locks/{bike.hex}/commands", kind="find")
    page = admin.get(f"/audit?limit=2&user={technician.user_id}").get_json()
    rest = admin.get(f"/audit?user={technician.user_id}&cursor={page['next']}").get_json()
    assert [row["objects"]["command_id"] for row in page["audit"] + rest["audit"]] == ["3", "2", "1"]
    assert rest["next"] is None
    problem(technician.get("/audit"), 403, "forbidden")


def test_it_is_kept_for_two_years(site):
    bike = site.bike()
    assert bike and len(written(site)) == 2
    with site.cloud.db.writing() as session:
        assert audit.forget(session, site.now + audit.KEEP_S) == 0
        assert audit.forget(session, site.now + audit.KEEP_S + 1) == 2
