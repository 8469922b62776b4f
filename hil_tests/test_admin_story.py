"""An admin's day, in Chromium before the demo's fleet: signs in with a second factor, finds the bicycle that needs
somebody, draws a zone, follows a ride while it is ridden, and takes the figures away. Chapters, in this order."""

import asyncio
import csv
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import expect

from hil_tests.authenticator import Colleague
from hil_tests.browser import barriers, too_wide
from hil_tests.people import Person, close, until
from tools import track
from tools.demo_world import BIKE_A, BIKE_B, SETTINGS
from tools.fleet import Fleet

pytestmark = pytest.mark.web

SOON = {"batch": 3, "uplink_every_s": 10, "status_every_s": 10}  # as the demo, and nobody waits for a minute
BY_ITSELF_MS = 90_000  # the worker looks for what needs a person every half minute
FLAT_MV, FULL_MV = 3400, 4000
WAY = track.within(track.hurried(track.default_track(), 8.0), 20_000)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    with Fleet(folder, {**SETTINGS, **SOON}, {"RINGSLOT_STAFF_SECOND_FACTOR": "required"}) as fleet:
        for code in (BIKE_A, BIKE_B):
            fleet.add(code)
        fleet.chief = Colleague(fleet, "chief")
        yield fleet


@pytest.fixture(scope="module")
def signed_in(browser, fleet):
    """The cookie of an admin who signed in through the page, with both factors."""
    with browser.visitor(fleet.cloud.url) as page:
        page.goto("/console")
        page.get_by_label("Login").fill(fleet.chief.login)
        expect(
            page.get_by_label("Code of your authenticator app")
        ).to_be_hidden()  # asked of whom it concerns
        page.get_by_label("Password").fill(fleet.chief.password)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("alert").first).to_contain_text("give the second factor too")
        code = page.get_by_label("Code of your authenticator app")
        code.fill("000000")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("alert").first).to_contain_text("This code is wrong")
        assert barriers(page) == []
        code.fill(fleet.chief.code())
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("heading", name="Fleet", exact=True).wait_for()
        return page.context.storage_state()


@pytest.fixture
def console(browser, fleet, signed_in):
    """console(**look): a page of the admin's, on the fleet; see Browser.new_context for its looks."""
    with browser.visitor(fleet.cloud.url, storage_state=signed_in) as page:
        page.goto("/console")
        page.get_by_role("heading", name="Fleet", exact=True).wait_for()
        yield page


def tidy(page):
    """Nothing on the page keeps anybody out, on any screen."""
    assert barriers(page) == [] and too_wide(page) == []


class Ride:
    """Somebody rides BIKE-A meanwhile: `with Ride(fleet, folder) as ride: ... ride.close() ... ride.end()`."""

    def __init__(self, fleet, folder):
        self.fleet, self.folder, self.member = fleet, folder, fleet.members[BIKE_A]
        self.closing, self.ending = threading.Event(), threading.Event()
        self.close, self.end = self.closing.set, self.ending.set

    def __enter__(self):
        self.pool = ThreadPoolExecutor(1)
        self.done = self.pool.submit(asyncio.run, self._ride())
        return self

    def __exit__(self, *error):
        self.close(), self.end()
        self.pool.shutdown()
        if error[0] is None:
            self.done.result()

    async def _ride(self):
        async with Person(self.fleet, self.folder) as rider:
            claim = await rider.claim(BIKE_A)
            async with rider.at(claim) as link:
                assert (await rider.unlock(link, claim)).answer.ok
                points = [list(point) for point in WAY]
                await asyncio.to_thread(self.member.sim.hand, "ride", points=points)
                await until(lambda: not self.member.sim.state()["riding"], "the way", 60)
                await asyncio.to_thread(self.closing.wait, 60)
                await close(self.member, link)
                await asyncio.to_thread(self.ending.wait, 60)
                assert (await link.end(claim.cti, claim.key)).ok


def test_the_bicycle_that_needs_somebody_is_found_with_its_evidence_and_what_closes_it(console, fleet):
    page, bike = console, fleet.members[BIKE_B]
    table = page.get_by_role("table", name="Locks")
    row = table.get_by_role("row", name=BIKE_B)
    expect(row).to_contain_text("V")
    expect(row).not_to_contain_text("look")
    bike.sim.hand("battery", mv=FLAT_MV)
    expect(row).to_contain_text("look", timeout=BY_ITSELF_MS)  # nobody touches the page
    expect(table.get_by_role("rowheader").first).to_have_text(BIKE_B)  # what needs somebody comes first
    tidy(page)
    row.get_by_role("link", name="look").click()
    item = page.get_by_role("listitem").filter(has_text=BIKE_B)
    expect(item).to_contain_text("low battery")
    expect(item).to_contain_text(f"Battery at {FLAT_MV / 1000:.2f} V: no ride starts")
    expect(item).to_contain_text("Closes when: The lock reports 3.50 V or more.")
    item.get_by_role("button", name="Make a job").click()
    expect(item.get_by_text("nobody has it yet")).to_be_visible()
    expect(item.get_by_role("button", name="Make a job")).to_have_count(0)
    tidy(page)
    item.get_by_role("link", name=BIKE_B, exact=True).click()
    page.get_by_role("heading", name=BIKE_B).wait_for()
    expect(page.get_by_text("no ride starts")).to_be_visible()
    tidy(page)
    page.get_by_role("link", name="Attention").click()
    expect(item).to_be_visible()
    bike.sim.hand("battery", mv=FULL_MV)  # what closes it is the lock's own word
    expect(item).to_have_count(0, timeout=BY_ITSELF_MS)


def test_a_ride_is_followed_live_into_a_zone_that_was_drawn_for_it_in_the_dark(
    browser, fleet, signed_in, tmp_path
):
    with browser.visitor(fleet.cloud.url, storage_state=signed_in, color_scheme="dark") as page:
        page.goto("/console")
        row = page.get_by_role("table", name="Locks").get_by_role("row", name=BIKE_A)
        expect(row).to_contain_text("locked")
        with Ride(fleet, tmp_path) as ride:
            expect(row).to_contain_text("riding", timeout=60_000)  # the page follows by itself, from here on
            tidy(page)
            page.get_by_role("link", name="Rides").click()
            page.get_by_role("table", name="Rides").get_by_role("link").first.click()
            page.get_by_role("heading", name="Ride", exact=True).wait_for()
            expect(fact(page, "State")).to_have_text("riding")
            way = page.get_by_role("application")
            expect(way).to_be_visible(timeout=30_000)
            before = way.get_attribute("aria-label")
            expect(way).not_to_have_attribute("aria-label", before, timeout=30_000)  # the line grows
            tidy(page)
            draw_where_bicycles_are(page)
            page.get_by_role("link", name="Rides").click()
            page.get_by_role("table", name="Rides").get_by_role("link").first.click()
            expect(fact(page, "State")).to_have_text("riding")
            ride.close()
            expect(fact(page, "State")).to_have_text("parked", timeout=30_000)
            ride.end()
            expect(fact(page, "State")).to_have_text("ended", timeout=30_000)
        expect(page.get_by_role("table", name="Receipts").get_by_role("row")).to_have_count(
            4
        )  # OPEN, CLOSE, END
        expect(fact(page, "Place of its end")).not_to_have_text("unknown", timeout=30_000)
        expect(fact(page, "Distance")).not_to_have_text("0 m", timeout=30_000)
        tidy(page)


def fact(page, name):
    return page.locator("dl div", has=page.get_by_text(name, exact=True)).get_by_role("definition")


def draw_where_bicycles_are(page):
    """By four clicks on a map that begins where bicycles were last seen."""
    page.get_by_role("link", name="Zones").click()
    form = page.get_by_role("form", name="New zone")
    form.get_by_label("Name").fill("Harbour")
    form.get_by_label("Kind").select_option(label="parking")
    ground = page.locator(".map")
    box = ground.bounding_box()
    middle_x, middle_y = box["width"] / 2, box["height"] / 2
    for x, y in ((-200, -120), (200, -120), (200, 120), (-200, 120)):
        ground.click(position={"x": middle_x + x, "y": middle_y + y})
    with page.expect_response(lambda answer: answer.request.method == "POST" and answer.ok) as saved:
        form.get_by_role("button", name="Save").click()
    corners = saved.value.json()["polygon"]["coordinates"][0]
    assert len(corners) == 5
    assert all(
        abs(lon - WAY[-1].lon_e7 / 1e7) < 0.1 and abs(lat - WAY[-1].lat_e7 / 1e7) < 0.1
        for lon, lat in corners
    )
    expect(page.get_by_role("table", name="Zones").get_by_role("row", name="Harbour")).to_contain_text(
        "parking"
    )
    tidy(page)


def test_the_map_is_left_while_its_zones_are_on_their_way(console):
    page, held = console, []
    page.get_by_role("link", name="Office").click()
    page.route("**/api/v1/zones*", lambda route: held.append(route))
    with page.expect_request("**/api/v1/zones*"):
        page.get_by_role("link", name="Fleet").click()
    expect(page.locator(".map canvas, .map .leaflet-control-scale").first).to_be_visible()
    page.get_by_role("link", name="Office").click()
    page.get_by_role("link", name="Exports").wait_for()
    with page.expect_response("**/api/v1/zones*"):
        held[0].continue_()
    page.evaluate("new Promise((drawn) => setTimeout(() => requestAnimationFrame(drawn), 200))")
    assert page.complaints == []


def test_rides_and_positions_are_taken_away_as_tables_and_for_maps(console):
    page = console
    page.get_by_role("link", name="Office").click()
    page.get_by_role("link", name="Exports").click()
    tidy(page)
    (row, *_) = csv.DictReader(taken(page, "Rides as CSV").splitlines())
    assert row["state"] == "ended" and int(row["distance_m"]) > 0
    drawn = json.loads(taken(page, "Positions as GeoJSON"))
    assert drawn["type"] == "FeatureCollection" and len(drawn["features"]) > 3
    lon, lat = drawn["features"][0]["geometry"]["coordinates"]
    assert (round(lat), round(lon)) == (52, 4)
    names = {one["bike"] for one in csv.DictReader(taken(page, "Locks as CSV").splitlines())}
    assert names == {BIKE_A, BIKE_B}


def taken(page, name):
    with page.expect_download() as taken:
        page.get_by_role("link", name=name).click()
    return Path(taken.value.path()).read_text()


def test_by_keyboard_alone_from_signing_in_to_a_zone(browser, fleet):
    """No click: Tab, letters and Enter, and what has the focus is always seen."""
    with browser.visitor(fleet.cloud.url) as page:
        page.goto("/console")
        expect(page.get_by_label("Login")).to_be_focused()
        page.keyboard.type(fleet.chief.login)
        page.keyboard.press("Tab")
        page.keyboard.type(fleet.chief.password)
        page.keyboard.press("Enter")
        code = page.get_by_label("Code of your authenticator app")
        expect(code).to_be_focused()
        page.keyboard.type(fleet.chief.code())
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Fleet", exact=True)).to_be_focused()
        reach(page, page.get_by_role("link", name="Zones"), "Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Zones", exact=True)).to_be_focused()
        form = page.get_by_role("form", name="New zone")
        for label, text in (
            ("Name", "By the bridge"),
            ("Kind", "no"),
            ("Corners", "52.1, 4.1\n52.1, 4.2\n52.2, 4.2"),
        ):
            reach(page, form.get_by_label(label))
            page.keyboard.type(text)
        reach(page, form.get_by_role("button", name="Save"))
        page.keyboard.press("Enter")
        row = page.get_by_role("table", name="Zones").get_by_role("row", name="By the bridge")
        expect(row).to_contain_text("no parking")
        tidy(page)


def reach(page, thing, key="Tab"):
    """Presses the key until the thing has the focus, which must be seen."""
    thing.wait_for()
    for _ in range(60):
        if thing.evaluate("one => one === document.activeElement"):
            outline = thing.evaluate("one => getComputedStyle(one).outlineStyle")
            assert outline != "none", "nobody sees where the focus is"
            return
        page.keyboard.press(key)
    raise AssertionError("not to be reached by keyboard")


def test_the_same_pages_in_dutch(browser, fleet, signed_in):
    with browser.visitor(fleet.cloud.url, storage_state=signed_in, locale="nl-NL") as page:
        page.goto("/console")
        page.get_by_role("heading", name="Vloot", exact=True).wait_for()
        expect(page.get_by_role("row", name=BIKE_B)).to_contain_text("op slot")
        expect(page.get_by_role("row", name=BIKE_B)).to_contain_text("4,00 V")
        for name in ("Aandacht", "Klussen", "Claims", "Ritten", "Berichten", "Zones", "Kantoor"):
            page.get_by_role("link", name=name, exact=True).click()
            page.get_by_role("heading", name=name, exact=True).wait_for()
            tidy(page)
        fleet.members[BIKE_B].sim.hand("battery", mv=FLAT_MV)
        page.get_by_role("link", name="Aandacht", exact=True).click()
        item = page.get_by_role("listitem").filter(has_text=BIKE_B)
        expect(item).to_contain_text("Accu op 3,40 V: er begint geen rit", timeout=BY_ITSELF_MS)
        expect(item).to_contain_text("Gesloten wanneer: Het slot meldt 3,50 V of meer.")
        page.get_by_role("link", name="Kantoor", exact=True).click()
        page.get_by_role("link", name="Fietsen en sloten").click()
        page.get_by_role("table", name="Fietsen en sloten").wait_for()
        tidy(page)
        page.goto(f"/console/locks/{fleet.members[BIKE_A].lock_id.hex()}")
        expect(page.get_by_role("table", name="Bonnen")).to_contain_text("geopend")
        tidy(page)
