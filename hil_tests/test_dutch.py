"""The console in Dutch: of all that may need a person, nothing stays English but what people wrote."""

import json
import re
import time

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from cloud import evidence, notes, watch
from cloud.proofs import UNKNOWN
from cloud.routes.attention import CODES
from cloud.tables import IssuerKey, Lock, Note, Receipt, ReceiptFork, Release, Ride, Rollout
from cloud.tables_fleet import Hook
from cloud.tables_people import Ticket
from hil_tests.browser import barriers, sign_in, too_wide
from protocol import status, telemetry, update
from tools.fleet import Fleet

pytestmark = pytest.mark.web

SAID = "The bell is gone, {n} {ago}"  # a rider's words stay theirs
DAY = 86400


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with Fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        for code in ("BIKE-A", "BIKE-B"):
            fleet.add(code, start=False)
        fleet.admin, fleet.password = fleet.person("anna", "admin")
        fleet.admin.post("/api/v1/faults", {"code": "BIKE-A", "kind": "bell", "text": SAID})
        with fleet.context.db.writing() as session:
            everything_wrong(session, fleet, int(time.time()))
        watch.settle(fleet.context, int(time.time()))
        yield fleet


def everything_wrong(session, fleet, now):
    """Each matter that the queue knows, once at least."""
    a, b = (session.get(Lock, fleet.members[code].lock_id.hex()) for code in ("BIKE-A", "BIKE-B"))
    a.clone_evidence = json.dumps({"context": [now, 1, None], "record": [now, 3, 10], "back": [now, 2, 5]})
    a.state, a.battery_mv, a.reported_seq, a.received_seq, a.chained_seq = status.STATE_JAMMED, 3310, 9, 7, 4
    a.update_state, a.release = update.ROLLED_BACK, 1200
    b.state, b.last_seen_at = status.STATE_QUARANTINE, now - 2 * DAY
    row = {"lock_id": a.lock_id, "body": b"", "via": "uplink", "received_at": now}
    session.add_all(ReceiptFork(**row, seq=seq, digest=bytes(32)) for seq in (1, 2))
    kid = session.scalars(select(IssuerKey.kid).limit(1)).one()
    signed = {"countersign_kid": kid, "countersignature": bytes(64), "proof": UNKNOWN}
    session.add(Receipt(**row, **signed, seq=1, digest=bytes(32), type=1))
    session.add(Note(lock_id=b.lock_id, seq=1, at=now - 7200, note=telemetry.NOTE_MOVED, value=0))
    ride = {
        "receipts": 1,
        "fixes": 0,
        "distance_m": 0,
        "opened_seq": 1,
        "last_seq": 1,
        "opened_at": now - 3 * DAY,
    }
    session.add(Ride(ride_id="ab" * 16, cti="ab" * 8, lock_id=a.lock_id, state="open", **ride))
    made = {"kinds": "", "wrapped_secret": b"", "told": 0, "failures": 9, "due_at": now, "created_at": now}
    paused = {"state": "paused", "failing_since": now - 4 * DAY}
    session.add(Hook(hook_id="cd" * 8, url="https://hooks.example.org/", created_by="x", **made, **paused))
    for number, (kind, age) in enumerate((("dispute", 3), ("support", 3), ("dispute", 30), ("support", 30))):
        at = now - age * DAY
        asked = {"kind": kind, "subject": "?", "opened_at": at, "clock_at": at, "operator_id": a.operator_id}
        asked |= {"acknowledged_at": at} if age > 28 else {}
        session.add(
            Ticket(ticket_id=f"2345-{number:05}", user_id=fleet.admin.get("/api/v1/me")["user_id"], **asked)
        )
    halt = {"begun": 10, "limit": 2, "silent_count": 2, "rolled_back_count": 1}
    halt |= {"silent": ["1" * 16, "2" * 16], "rolled_back": ["3" * 16]}
    for version, found in ((7, halt), (8, None)):
        release = {"board": f"board{version}", "version": version}
        more = {"counter": version, "expires": 2**31, "manifest": b"", "digest": bytes(32), "files": 1}
        session.add(Release(**release, **more, size=9, taken_at=now))
        session.flush()
        times = dict.fromkeys(("started_at", "changed_at", "judged_at"), now)
        how = {"state": "halted", "percent": 10, "pardoned_at": 0, "open_on": f"board{version}"}
        by = {"halted_by": "locks", "evidence": json.dumps(found)} if found else {"halted_by": "person"}
        session.add(Rollout(**release, **times, **how, **by, rollout_id=f"{version:08x}"))


@pytest.fixture
def page(browser, fleet):
    with browser.visitor(fleet.cloud.url) as page:
        sign_in(page, fleet.password)
        page.get_by_label("Language").select_option("nl")
        page.get_by_role("heading", name="Vloot").wait_for()
        yield page


def english(because):
    """What of these sentences would be read were they not translated: their longest stretch without a figure."""
    for code in {one["code"] for one in because} - {"text"}:
        said = evidence.SAID[code]
        for form in [said] if isinstance(said, str) else said.values():
            yield max(re.split(r"\{\w+\}", form), key=len).strip(" ();,")


def test_all_that_needs_somebody_is_said_in_dutch(page, fleet):
    queue = fleet.admin.get("/api/v1/attention?limit=100")
    assert {item["code"] for item in queue["items"]} == set(CODES)
    because = [one for item in queue["items"] for one in item["because"]]
    assert {one["code"] for one in because} == set(evidence.SAID)
    page.get_by_role("link", name="Aandacht").click()
    expect(page.locator(".queue > li")).to_have_count(len(queue["items"]))
    text = page.locator("main").inner_text()
    left = [said for said in english(because) if said and said in text]
    left += [item["closes"] for item in queue["items"] if item["closes"] in text]
    assert left == [] and "undefined" not in text and "{" not in text.replace(SAID, "")
    assert f"bel: {SAID}" in text and "Accu op 3,31 V" in text and "versie 1200 draait" in text
    assert "record 10 kwam met tweeërlei inhoud (3 ×); record 5" in text and "2 dubbele bonnen" in text
    assert f"2 vielen stil ({'1' * 16}, {'2' * 16}); 1 kwam ervan terug ({'3' * 16})" in text
    assert barriers(page) == [] and too_wide(page) == []


def test_so_is_what_a_lock_told_beside_its_receipts(page, fleet):
    lock = fleet.members["BIKE-A"].lock_id.hex()
    values = {telemetry.NOTE_REFUSED: status.LOW_BATTERY, telemetry.NOTE_UPDATE: update.ROLLED_BACK}
    with fleet.context.db.writing() as session:
        for seq, note in enumerate([*notes.NOTES, 99]):
            row = {"lock_id": lock, "seq": 100 + seq, "at": int(time.time()) - 9 * DAY}
            session.add(Note(**row, note=note, value=values.get(note, 7)))
    page.goto(f"/console/locks/{lock}")
    table = page.get_by_role("table", name="Meldingen")
    expect(table.locator("tbody tr")).to_have_count(len(notes.NOTES) + 1)
    said = table.locator("tbody td:last-child").all_inner_texts()
    assert {
        "Weigerde een verzoek: LOW_BATTERY",
        "Update: teruggedraaid",
        "Bewoog op slot (7)",
        "Note 99 (7)",
    } <= set(said)
    left = {words for _, words in notes.NOTES.values()} - {"Update"}
    assert [one for one in said if one.startswith(tuple(left))] == []


def test_so_is_why_a_rollout_halted_itself(page):
    page.goto("/console/releases")
    table = page.get_by_role("table", name="Uitrol")
    expect(table).to_contain_text("stopte zichzelf bij 10 %; van 10 sloten die begonnen: 2 vielen stil")
    expect(table).to_contain_text("is door iemand gestopt, bij 10 %")
    expect(table).not_to_contain_text("halted")
