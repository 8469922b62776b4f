"""The console's pages for those who run a fleet, in a real browser: zones, people, messages, programs, accounts."""

import pytest
from playwright.sync_api import expect

from hil_tests.browser import barriers, browsing, sign_in
from tools.fleet import Fleet

pytestmark = pytest.mark.web


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with Fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        fleet.add("BIKE-A", start=False)
        fleet.admin, fleet.password = fleet.person("anna", "admin")
        yield fleet


@pytest.fixture(scope="module")
def browser():
    with browsing() as browser:
        yield browser


@pytest.fixture
def page(browser, fleet):
    """An admin's, on the fleet; yes to whatever asks whether they are sure."""
    with browser.visitor(fleet.cloud.url) as page:
        page.on("dialog", lambda asked: asked.accept())
        sign_in(page, fleet.password)
        yield page


def too_wide(page):
    """What on the page is wider than a phone."""
    page.set_viewport_size({"width": 375, "height": 800})
    found = page.evaluate(
        """document.documentElement.scrollWidth <= 375 ? [] : [...document.querySelectorAll("body *")]
        .filter(one => one.getBoundingClientRect().right > 375).map(one => one.outerHTML.slice(0, 80))"""
    )
    page.set_viewport_size({"width": 1280, "height": 720})
    return found


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
    form.get_by_role("button", name="Save").click()
    row = page.get_by_role("table", name="Zones").get_by_role("row").nth(1)
    expect(row).to_contain_text("Station")
    expect(row).to_contain_text("parking")
    (zone,) = fleet.admin.get("/api/v1/zones")["zones"]
    ring = [[5.12, 52.09], [5.13, 52.09], [5.13, 52.1]]
    assert sorted(zone["polygon"]["coordinates"][0][:-1]) == ring

    page.get_by_role("button", name="Change Station").focus()
    page.keyboard.press("Enter")
    form = page.get_by_role("form", name="Change Station")
    expect(form.get_by_label("Corners")).to_have_value(
        "52.090000, 5.120000\n52.090000, 5.130000\n52.100000, 5.130000"
    )
    form.get_by_label("Kind").select_option(label="no parking")
    form.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("no parking")
    assert fleet.admin.get("/api/v1/zones")["zones"][0]["kind"] == "no_parking"
    assert barriers(page) == [] and too_wide(page) == []
    page.get_by_role("button", name="Remove Station").click()
    expect(page.get_by_text("No zone yet")).to_be_visible()
    assert fleet.admin.get("/api/v1/zones")["zones"] == []


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
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("rowheader", name="Here")).to_be_visible()
    (zone,) = fleet.admin.get("/api/v1/zones")["zones"]
    west, east = (pick(lon for lon, _ in zone["polygon"]["coordinates"][0]) for pick in (min, max))
    # Leaflet's map of the world is 256 x 2^zoom pixels wide
    assert abs((east - west) - 200 * 360 / (256 * 2**15)) < 1e-5
    page.get_by_role("button", name="Remove Here").click()
    expect(page.get_by_text("No zone yet")).to_be_visible()
