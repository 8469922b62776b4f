"""The console's pages for those who run a fleet, in a real browser: zones, people, messages, programs, accounts."""

import json
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from cloud import hooks
from cloud.tables import Release, Rollout, WebSession
from hil_tests.browser import barriers, sign_in, too_wide
from tools.cloud_client import CloudClient, CloudError
from tools.fleet import Fleet

pytestmark = pytest.mark.web


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with Fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        fleet.add("BIKE-A", start=False)
        fleet.admin, fleet.password = fleet.person("anna", "admin")
        yield fleet


@pytest.fixture
def page(browser, fleet):
    """An admin's, on the fleet; yes to whatever asks whether they are sure."""
    with browser.visitor(fleet.cloud.url) as page:
        page.on("dialog", lambda asked: asked.accept())
        sign_in(page, fleet.password)
        yield page


def test_a_zone_is_drawn_on_the_map_changed_by_keyboard_and_removed(page, fleet):
    page.get_by_role("link", name="Zones").click()
    form = page.get_by_role("form", name="New zone")
    form.get_by_label("Name").fill("Station")
    ground = page.locator(".map")
    for x, y in ((200, 100), (400, 100), (400, 250), (500, 300)):
        ground.click(position={"x": x, "y": y})
    corners = form.get_by_label("Corners")
    assert len(corners.input_value().splitlines()) == 4
    form.get_by_role("button", name="Take the last corner away").click()
    assert len(corners.input_value().splitlines()) == 3
    corners.fill("50, 1\n50, 20\n51, 20")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("must span at most 10 degrees")
    corners.fill("52.09, 5.12\n52.09, 5.13\nnorth of there")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("“north of there” is no corner")
    corners.fill("52.09, 5.12\n52.09, 5.13\n52.1, 5.13")
    assert barriers(page) == []
    with page.expect_response(lambda answer: answer.request.method == "POST" and answer.ok) as saved:
        form.get_by_role("button", name="Save").click()
    zone = saved.value.json()
    row = page.get_by_role("table", name="Zones").get_by_role("row").nth(1)
    expect(row).to_contain_text("Station")
    expect(row).to_contain_text("parking")
    ring = [[5.12, 52.09], [5.13, 52.09], [5.13, 52.1]]
    assert sorted(zone["polygon"]["coordinates"][0][:-1]) == ring

    page.get_by_role("button", name="Change Station").focus()
    page.keyboard.press("Enter")
    form = page.get_by_role("form", name="Change Station")
    expect(form.get_by_label("Corners")).to_have_value(
        "52.090000, 5.120000\n52.090000, 5.130000\n52.100000, 5.130000"
    )
    form.get_by_label("Kind").select_option(label="no parking")
    fleet.admin.patch(f"/api/v1/zones/{zone['zone_id']}", {"name": "Station, north"})
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("Somebody else changed this meanwhile")
    page.get_by_role("button", name="Change Station").click()
    form = page.get_by_role("form", name="Change Station, north")
    form.get_by_label("Kind").select_option(label="no parking")
    form.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("no parking")
    assert barriers(page) == [] and too_wide(page) == []
    page.get_by_role("button", name="Remove Station").click()
    expect(page.get_by_text("No zone yet")).to_be_visible()


def test_corners_are_clicked_where_the_map_is(page, fleet):
    page.get_by_role("link", name="Zones").click()
    form = page.get_by_role("form", name="New zone")
    form.get_by_label("Name").fill("Here")
    ground = page.locator(".map")
    for _ in range(8):
        before = page.locator(".leaflet-control-scale-line").inner_text()
        page.get_by_role("button", name="Zoom in").click()
        expect(page.locator(".leaflet-control-scale-line")).not_to_have_text(before)
    for x, y in ((200, 100), (400, 100), (400, 250)):
        ground.click(position={"x": x, "y": y})
    with page.expect_response(lambda answer: answer.request.method == "POST" and answer.ok) as saved:
        form.get_by_role("button", name="Save").click()
    zone = saved.value.json()
    expect(page.get_by_role("rowheader", name="Here")).to_be_visible()
    west, east = (pick(lon for lon, _ in zone["polygon"]["coordinates"][0]) for pick in (min, max))
    # Leaflet's map of the world is 256 x 2^zoom pixels wide
    assert abs((east - west) - 200 * 360 / (256 * 2**15)) < 1e-5
    page.get_by_role("button", name="Remove Here").click()
    expect(page.get_by_text("No zone yet")).to_be_visible()


@pytest.mark.parametrize(
    "way, first, then",  # what the page asks first, and what once it has drawn that
    [("", "**/api/v1/fleet", "**/api/v1/zones*"), ("/locks/{lock}", "**/api/v1/locks/{lock}", "**/series*")],
)
def test_a_page_that_is_left_while_it_loads_draws_nothing_on_the_next(page, fleet, way, first, then):
    lock = fleet.admin.get("/api/v1/assets?code=BIKE-A")["assets"][0]["lock_id"]
    held, first = [], first.format(lock=lock)
    page.route(first, lambda route: held.append(route))
    with page.expect_request(first):
        page.goto("/console" + way.format(lock=lock))
    page.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("heading", name="Fault reports")).to_be_visible()
    with page.expect_response(then):
        held[0].continue_()
    expect(page.locator(".map")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
    assert page.title().startswith("Jobs")


def test_a_fault_becomes_a_job_that_somebody_does(page, fleet):
    fleet.admin.post("/api/v1/faults", {"code": "BIKE-A", "kind": "chain", "text": "<b>off</b> & rusty"})
    page.get_by_role("link", name="Jobs").click()
    fault = page.get_by_role("table", name="Fault reports").get_by_role("row").nth(1)
    expect(fault).to_contain_text("<b>off</b> & rusty")
    expect(fault).to_contain_text("BIKE-A")
    fault.get_by_role("button", name="Make a job of it").click()
    job = page.get_by_role("table", name="Jobs").get_by_role("row").nth(1)
    expect(job).to_contain_text("chain: <b>off</b> & rusty")
    job.get_by_role("button", name="Change chain").click()
    change = page.get_by_role("form", name="Change chain")
    change.get_by_label("Urgency").select_option(label="1, at once")
    change.get_by_role("button", name="Save").click()
    expect(job).to_contain_text("1, at once")
    job.get_by_role("combobox").select_option(label="anna")
    job.get_by_role("button", name="Assign").click()
    expect(job.get_by_role("combobox").locator("option:checked")).to_have_text("anna")
    page.get_by_label("Only mine").check()
    expect(job).to_contain_text("chain")
    assert barriers(page) == [] and too_wide(page) == []
    job.locator("summary").click()
    job.get_by_label("What was done").fill("oiled")
    job.get_by_role("button", name="Done").click()
    expect(page.get_by_text("No job.")).to_be_visible()
    expect(page.get_by_text("No fault report.")).to_be_visible()  # closed with it
    page.get_by_label("Those that are done").check()
    expect(job).to_contain_text("oiled")


def test_a_rider_asks_and_staff_answers_and_decides_by_name(browser, page, fleet):
    _, password = fleet.person("rik", "rider")
    with browser.visitor(fleet.cloud.url) as phone:
        sign_in(phone, password, "rik", home="Rides")
        expect(phone.get_by_role("link", name="Fleet")).to_have_count(0)
        phone.get_by_role("link", name="Messages").click()
        phone.get_by_text("Write a message").click()
        phone.get_by_label("Subject").fill("Where is my bag?")
        phone.get_by_label("Text").fill("<i>Left</i> it on BIKE-A.")
        phone.get_by_role("button", name="Send").click()
        phone.get_by_role("heading", name="Where is my bag?").wait_for()
        expect(phone.locator(".messages")).to_contain_text("<i>Left</i> it on BIKE-A.")
        assert barriers(phone) == [] and too_wide(phone) == []

        page.get_by_role("link", name="Messages").click()
        page.get_by_role("link", name="Where is my bag?").click()
        answer = page.get_by_role("form", name="Answer")
        answer.get_by_label("Text").fill("We look.")
        page.get_by_role("button", name="Acknowledge").click()
        expect(page.get_by_role("button", name="Acknowledge")).to_be_hidden()
        expect(answer.get_by_label("Text")).to_have_value("We look.")  # what was being written stays
        answer.get_by_role("button", name="Send").click()
        expect(page.locator(".messages li").nth(1)).to_contain_text("anna")
        expect(answer.get_by_label("Text")).to_have_value("")
        decide = page.get_by_role("form", name="Decide")
        decide.get_by_label("Reason").fill("It is here.")
        assert barriers(page) == [] and too_wide(page) == []
        decide.get_by_role("button", name="Decide").click()
        expect(page.get_by_role("definition").filter(has_text="answered")).to_be_visible()

        phone.reload()
        expect(phone.locator(".messages li").nth(2)).to_contain_text("It is here.")
        expect(phone.get_by_text("Decided by").locator("xpath=..")).to_contain_text("anna")


def test_whatever_is_dangerous_asks_who_one_is_first(page, fleet):
    with fleet.context.db.writing() as session:
        session.execute(update(WebSession).values(proved_at=0))
    page.get_by_role("link", name="Office").click()
    page.get_by_role("link", name="People").click()
    invite = page.get_by_role("form", name="Invite somebody")
    invite.get_by_label("E-mail address").fill("new@example.org")
    invite.get_by_role("button", name="Invite").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Password").fill("wrong password")
    assert barriers(page) == []
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.get_by_role("alert").first).to_have_text("This login and password do not match.")
    dialog.get_by_role("button", name="Cancel").click()
    expect(invite.get_by_role("alert")).to_contain_text("fresh proof")
    invite.get_by_role("button", name="Invite").click()
    dialog.get_by_label("Password").fill(fleet.password)
    dialog.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("A mail is on its way to new@example.org")).to_be_visible()


def office(page, name):
    page.get_by_role("link", name="Office").click()
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("heading", name=name, exact=True).first.wait_for()


def tidy(page):
    """Nothing keeps anybody out, on any screen."""
    assert barriers(page) == [] and too_wide(page) == []


def test_a_colleague_is_made_admin_and_dismissed(page, fleet):
    fleet.person("tim", "technician")
    office(page, "People")
    row = page.get_by_role("row", name="tim")
    row.get_by_role("button", name="Make admin").click()
    expect(row.get_by_role("button", name="Make technician")).to_be_visible()
    tidy(page)
    page.get_by_role("button", name="Dismiss tim").click()
    expect(row).to_have_count(0)
    expect(page.get_by_role("row", name="anna")).to_contain_text("that is you")


def test_a_group_invites_by_a_code_that_is_shown_once(page, fleet):
    rider, _ = fleet.person("rosa", "rider")
    office(page, "Groups")
    page.get_by_text("New group").click()
    new = page.get_by_role("form", name="New group")
    new.get_by_label("Name").fill("Works")
    new.get_by_label("Only members").check()
    new.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Change Works").click()
    page.get_by_role("form", name="Make an invitation code").get_by_role("button", name="Make an").click()
    code = page.get_by_label("Invitation code", exact=True).inner_text()
    tidy(page)
    rider.post("/api/v1/me/groups", {"code": code})
    page.get_by_role("button", name="I have kept it").click()
    assert code not in page.content()
    page.get_by_role("button", name="Change Works").click()
    row = page.get_by_role("table", name="Members").get_by_role("row", name="rosa")
    row.get_by_role("button", name="Put out").click()
    expect(page.get_by_text("Nobody joined by a code yet.")).to_be_visible()
    form = page.get_by_role("form", name="Change Works")
    form.get_by_label("Domain").fill("works.example")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("table", name="Groups")).to_contain_text("works.example")


def test_a_program_gets_a_secret_once_and_is_revoked(page, fleet):
    office(page, "Programs")
    new = page.get_by_role("form", name="New program")
    new.get_by_label("Name", exact=True).fill("Partner")
    new.get_by_label("bikes:read").check()
    new.get_by_role("button", name="Save").click()
    secret = page.get_by_label("Secret of Partner").inner_text()
    tidy(page)
    program = CloudClient(fleet.cloud.url, secret)
    assert "bikes" in program.get("/api/v1/bikes")
    page.reload()
    row = page.get_by_role("row", name="Partner")
    expect(row).to_contain_text("bikes:read")
    assert secret not in page.content()
    row.get_by_role("button", name="Revoke Partner").click()
    expect(row).to_contain_text("revoked")
    with pytest.raises(CloudError, match="Sign in"):
        program.get("/api/v1/bikes")


def test_a_webhook_that_nobody_answers_is_seen_paused_and_told_again(page, fleet):
    office(page, "Webhooks")
    new = page.get_by_role("form", name="New webhook")
    new.get_by_label("Address").fill("https://hooks.example.org/ringslot")
    expect(new.get_by_role("checkbox")).to_have_count(len(hooks.CARRIED))
    for kind in hooks.CARRIED:
        expect(new.get_by_label(kind, exact=True)).to_be_visible()
    new.get_by_label("zone.changed").check()
    new.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Signing secret of https://hooks.example.org/ringslot")).to_contain_text(
        "whsec_"
    )
    page.get_by_role("button", name="I have kept it").click()
    page.get_by_role("button", name="Look at https://hooks.example.org/ringslot").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    tidy(page)
    [made] = fleet.admin.get("/api/v1/webhooks")["webhooks"]
    fleet.admin.patch(f"/api/v1/webhooks/{made['hook_id']}/wanted", {"kinds": ["zone.changed", "job.done"]})
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("Somebody else changed this meanwhile")).to_be_visible()
    page.get_by_role("button", name="Look at https://hooks.example.org/ringslot").click()
    expect(page.get_by_text("zone.changed job.done")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    replay = page.get_by_role("form", name="Tell again")
    replay.get_by_label("From event").fill("1")
    with page.expect_response("**/replay") as answered:
        replay.get_by_role("button", name="Tell again").click()
    hook = answered.value.json()
    assert hook["kinds"] == ["zone.changed", "job.done"] and hook["told"] == 0
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No webhook yet.")).to_be_visible()


def test_two_people_do_not_both_go_to_the_same_bicycle(page, fleet, browser):
    """One makes a job of a report; the other sees it on each matter of that bicycle, whose it is, and what it says."""
    fleet.admin.post("/api/v1/faults", {"code": "BIKE-A", "kind": "bell", "text": "gone"})
    _, password = fleet.person("toos", "technician")
    page.get_by_role("link", name="Attention").click()
    mine = page.get_by_role("listitem").filter(has_text="Bell: gone")
    with browser.visitor(fleet.cloud.url) as other:
        sign_in(other, password, "toos")
        other.get_by_role("link", name="Attention").click()
        theirs = other.get_by_role("listitem").filter(has_text="Bell: gone")
        expect(theirs.get_by_role("button", name="Make a job of it: BIKE-A")).to_be_visible()
        with page.expect_response(lambda answer: answer.request.method == "POST" and answer.ok) as made:
            mine.get_by_role("button", name="Make a job of it: BIKE-A").click()
        job = made.value.json()
        expect(mine.get_by_role("link", name="fault reported: BIKE-A")).to_be_focused()
        expect(theirs).to_contain_text("nobody has it yet")  # by itself
        expect(theirs.get_by_role("button", name="Make a job of it: BIKE-A")).to_have_count(0)
        fleet.admin.post(f"/api/v1/jobs/{job['job_id']}/assign", {"user": job["opened_by"]})
        expect(theirs).to_contain_text("a colleague has it")
        expect(mine).to_contain_text("yours")  # drawn anew, and whoever goes by keyboard is where they were
        expect(mine.get_by_role("link", name="fault reported: BIKE-A")).to_be_focused()
        tidy(other)
        theirs.get_by_role("link", name="fault reported: BIKE-A").click()
        table = other.get_by_role("table", name="Jobs")
        expect(table.get_by_role("rowheader")).to_have_text(["fault reported: BIKE-A"])
        tidy(other)
        other.get_by_role("link", name="All jobs").click()
        expect(other.get_by_label("Only mine")).to_be_visible()
    mine.get_by_role("link", name="fault reported: BIKE-A").click()
    page.get_by_text("Done", exact=True).first.click()
    page.get_by_label("What was done").fill("a new one")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("table", name="Jobs")).to_contain_text("a new one")
    page.get_by_role("link", name="Attention").click()
    expect(mine).to_have_count(0)


def test_what_riders_are_told_of_an_operator(page, fleet):
    office(page, "Operators")
    page.get_by_role("button", name="Change").first.click()
    page.get_by_label("E-mail address for riders").fill("help@example.org")
    tidy(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("table", name="Operators")).to_contain_text("help@example.org")


def test_a_rollout_is_halted_and_resumed_by_a_person(page, fleet):
    release = {"board": "sim", "version": 9}
    now = int(time.time())
    with fleet.context.db.writing() as session:
        more = {
            "counter": 9,
            "expires": 2**31,
            "manifest": b"",
            "digest": bytes(32),
            "files": 1,
            "size": 4096,
        }
        session.add(Release(**release, **more, taken_at=now))
        session.flush()
        times = dict.fromkeys(("started_at", "changed_at", "judged_at"), now)
        session.add(
            Rollout(
                **release,
                **times,
                rollout_id="00" * 4,
                open_on="sim",
                percent=10,
                state="running",
                pardoned_at=0,
            )
        )
    office(page, "Releases")
    page.get_by_text("New rollout").click()
    new = page.get_by_role("form", name="New rollout")
    new.get_by_label("Board").fill("sim")
    new.get_by_label("Release").fill("8")
    new.get_by_role("button", name="Start").click()
    expect(new.get_by_role("alert")).to_have_text("There is no such release; upload it first.")
    row = page.get_by_role("table", name="Rollouts").get_by_role("row").nth(1)
    expect(row).to_contain_text("running")
    row.get_by_role("button", name="Halt").click()
    expect(row).to_contain_text("halted")
    tidy(page)
    fleet.admin.patch(f"/api/v1/rollouts/{'00' * 4}/wanted", {"percent": 20})
    row.get_by_role("button", name="Resume").click()
    expect(row.get_by_role("alert").first).to_contain_text("Somebody else changed this meanwhile")
    page.reload()
    expect(row).to_contain_text("20 %")
    row.get_by_role("button", name="Resume").click()
    expect(row).to_contain_text("running")
    expect(page.get_by_role("table", name="Keys", exact=True)).to_contain_text("current")
    row.get_by_role("button", name="End").click()
    expect(row).to_contain_text("done")


def test_exports_are_taken_away_and_the_audit_log_says_so(page, fleet):
    office(page, "Exports")
    for name, form in (("Locks as CSV", "csv"), ("Rides as GeoJSON", "geojson")):
        with page.expect_download() as taken:
            page.get_by_role("link", name=name).click()
        text = Path(taken.value.path()).read_text()
        assert ("BIKE-A" in text) if form == "csv" else json.loads(text)["type"] == "FeatureCollection"
    tidy(page)
    office(page, "Audit log")
    log = page.get_by_role("table", name="Audit log")
    expect(log.get_by_role("row").nth(1)).to_contain_text("anna")
    expect(log).to_contain_text("/api/v1/exports/")
    tidy(page)
    page.get_by_role("combobox", name="Who").select_option(label="anna")
    expect(log.get_by_role("row").nth(1)).to_contain_text("anna")


def test_a_technician_finds_no_more_than_they_may(browser, fleet):
    _, password = fleet.person("tess", "technician")
    with browser.visitor(fleet.cloud.url) as page:
        sign_in(page, password, "tess")
        page.get_by_role("link", name="Office").click()
        expect(page.locator(".queue a")).to_have_text(
            ["Bicycles and locks", "Groups", "Operators", "Releases"]
        )
        page.get_by_role("link", name="Zones").click()
        page.get_by_role("heading", name="Zones").wait_for()
        expect(page.get_by_role("form", name="New zone")).to_have_count(0)
        page.goto("/console/audit")
        expect(page.get_by_role("alert")).to_have_text("Your role does not allow this.")
