"""The console's pages about bicycles and locks as things, in a real browser: registered, renamed, told a floor."""

import base64
import hashlib
import secrets
import time

import pytest
from playwright.sync_api import expect

from cloud import issuers, testkeys, testreleases
from cloud.tables import Lock, StatusSample
from hil_tests.browser import barriers, sign_in, too_wide
from tools import keysets
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


def bikes(page):
    page.get_by_role("link", name="Office").click()
    page.get_by_role("link", name="Bicycles and locks").click()
    page.get_by_role("table", name="Bicycles and locks").wait_for()


def answered(page, method):
    """The answer to the next such call, once it is there."""
    return page.expect_response(lambda answer: answer.request.method == method and answer.ok)


def test_a_lock_is_registered_and_put_on_a_new_bicycle(page, fleet):
    bikes(page)
    lock_id, key = secrets.token_hex(8), base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()[:43]
    page.get_by_text("Register a lock").click()
    new = page.get_by_role("form", name="Register a lock")
    new.get_by_label("Lock", exact=True).fill(lock_id)
    new.get_by_label("Its secret key").fill(key)
    new.get_by_label("Board").fill("sim")
    new.get_by_role("button", name="Save").click()
    papers = page.get_by_label(f"What lock {lock_id} must be given")
    expect(papers).to_contain_text("keyset: ")
    expect(papers).to_contain_text("roots: ")
    expect(new.get_by_label("Its secret key")).to_have_value("")
    assert key not in page.content() and barriers(page) == []
    page.get_by_role("button", name="I have kept it").click()
    page.get_by_text("New bicycle", exact=True).click()
    bike = page.get_by_role("form", name="New bicycle")
    bike.get_by_label("Code on the sticker").fill("BIKE-N")
    bike.get_by_label("Name").fill("<i>New</i> one")
    bike.get_by_label("Lock").fill(lock_id)
    with answered(page, "POST") as made:
        bike.get_by_role("button", name="Save").click()
    assert made.value.json()["lock_id"] == lock_id
    row = page.get_by_role("table", name="Bicycles and locks").get_by_role("row", name="BIKE-N")
    expect(row).to_contain_text("<i>New</i> one")
    expect(
        page.get_by_role("table", name="Locks", exact=True).get_by_role("row", name=lock_id)
    ).to_contain_text("BIKE-N")
    expect(bike.get_by_label("Name")).to_have_value("")
    bike.get_by_label("Code on the sticker").fill("BIKE-N")
    bike.get_by_label("Name").fill("Another")
    bike.get_by_role("button", name="Save").click()
    expect(bike.get_by_role("alert")).to_have_text("This code is on another bicycle, or the lock is.")
    assert barriers(page) == [] and too_wide(page) == []


def test_a_bicycle_is_renamed_unless_somebody_else_was_there_first_and_loses_its_lock(page, fleet):
    made = fleet.admin.post("/api/v1/assets", {"code": "BIKE-R", "label": "Red"})
    bikes(page)
    page.get_by_role("button", name="Change BIKE-R").click()
    form = page.get_by_role("form", name="Change BIKE-R")
    form.get_by_label("Name", exact=True).fill("Rose")
    fleet.admin.patch(f"/api/v1/assets/{made['asset_id']}", {"label": "Ruby"})
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("Somebody else changed this meanwhile")
    expect(form.get_by_label("Name", exact=True)).to_have_value("Rose")
    page.get_by_role("button", name="Change BIKE-R").click()
    expect(form.get_by_label("Name", exact=True)).to_have_value("Ruby")
    form.get_by_label("Name", exact=True).fill("Rose")
    form.get_by_role("button", name="Save").click()
    table = page.get_by_role("table", name="Bicycles and locks")
    expect(table.get_by_role("row", name="BIKE-R")).to_contain_text("Rose")

    lock = fleet.members["BIKE-A"].lock_id.hex()
    page.get_by_role("button", name="Change BIKE-A").click()
    expect(page.get_by_role("table", name="Locks that BIKE-A had")).to_contain_text(lock)
    assert barriers(page) == [] and too_wide(page) == []
    out = page.get_by_role("form", name="Take out of service")
    out.get_by_label("Why").fill("<u>bent</u> wheel")
    out.get_by_role("button", name="Take out of service").click()
    expect(table.get_by_role("row", name="BIKE-A")).to_contain_text("<u>bent</u> wheel")
    page.get_by_role("button", name="Back into service").click()
    expect(table.get_by_role("row", name="BIKE-A")).to_contain_text("in service")
    page.get_by_role("form", name="Another lock for BIKE-A").get_by_role("button", name="Go on").click()
    expect(table.get_by_role("row", name="BIKE-A").get_by_role("cell").nth(2)).to_have_text("none")
    other = page.get_by_role("form", name="Another lock for BIKE-A")
    expect(
        page.get_by_role("table", name="Locks that BIKE-A had").get_by_role("cell").nth(1)
    ).not_to_be_empty()
    other.get_by_label("Lock").fill(lock)
    other.get_by_role("button", name="Go on").click()
    expect(table.get_by_role("row", name="BIKE-A")).to_contain_text(lock)


def test_a_floor_is_raised_and_the_board_changed(page, fleet):
    lock = fleet.members["BIKE-A"].lock_id.hex()
    page.goto(f"/console/locks/{lock}")
    page.get_by_role("button", name="End the tokens").click()
    expect(page.get_by_text("0 claims cancelled")).to_be_visible()
    page.get_by_text("Raise a floor by hand").click()
    form = page.get_by_role("form", name="Raise a floor by hand")
    form.get_by_role("button", name="Raise").click()
    expect(form.get_by_role("alert")).to_have_text("Give one of the two.")
    form.get_by_label("Epoch of claims").fill("4000000000")
    form.get_by_role("button", name="Raise").click()
    expect(form.get_by_role("alert")).to_contain_text("above every epoch so far")
    form.get_by_label("Epoch of claims").fill("")
    form.get_by_label("Epoch of technicians").fill("1")
    with answered(page, "POST") as raised:
        form.get_by_role("button", name="Raise").click()
    assert raised.value.json()["master_floor"] == 1
    page.get_by_text("Change the board").click()
    board = page.get_by_role("form", name="Change the board")
    board.get_by_label("Board").fill("esp32s3_lock")
    board.get_by_role("button", name="Save").click()
    expect(page.get_by_text("esp32s3_lock", exact=True)).to_be_visible()
    assert barriers(page) == [] and too_wide(page) == []


def test_of_two_who_change_one_lock_the_second_is_told_and_loses_nothing(page, fleet, browser):
    lock_id = fleet.members["BIKE-A"].lock_id.hex()
    _, password = fleet.person("otto", "admin")
    with browser.visitor(fleet.cloud.url) as other:
        sign_in(other, password, "otto")
        for one in (page, other):
            one.goto(f"/console/locks/{lock_id}")
            with one.expect_response("**/wanted"):
                one.get_by_text("Change the board").click()
        first, second = (one.get_by_role("form", name="Change the board") for one in (page, other))
        expect(second.get_by_label("Board")).to_have_value(
            fleet.admin.get(f"/api/v1/locks/{lock_id}")["board"]
        )
        with fleet.context.db.writing() as session:  # what the lock says meanwhile is nobody's change
            session.get(Lock, lock_id).last_seen_at = int(time.time())
        first.get_by_label("Board").fill("board_one")
        with answered(page, "PATCH"):
            first.get_by_role("button", name="Save").click()
        second.get_by_label("Board").fill("board_two")
        second.get_by_role("button", name="Save").click()
        expect(second.get_by_role("alert")).to_contain_text("Somebody else changed this meanwhile")
        expect(second.get_by_label("Board")).to_have_value("board_two")
        assert fleet.admin.get(f"/api/v1/locks/{lock_id}")["board"] == "board_one"
        assert barriers(other) == []
        other.get_by_text("Change the board").click()
        other.get_by_text("Change the board").click()  # open it again, as it says
        expect(second.get_by_label("Board")).to_have_value("board_one")
        second.get_by_label("Board").fill("board_two")
        with answered(other, "PATCH"):
            second.get_by_role("button", name="Save").click()
        second.get_by_label("Board").fill("board_three")  # and once more, with nobody in between
        with answered(other, "PATCH"):
            second.get_by_role("button", name="Save").click()
        expect(other.get_by_text("board_three", exact=True)).to_be_visible()


def test_how_warm_and_how_full_a_lock_was_is_drawn_and_said(page, fleet):
    """Points and figures of what it told; of two at one moment the band between them."""
    lock_id, now = fleet.members["BIKE-A"].lock_id.hex(), int(time.time())
    told = [(5, 3900, 21), (4, 3850, -7), (4, 3800, -4), (3, 3700, None), (2, 3750, 38), (1, 3820, 19)]
    with fleet.context.db.writing() as session:
        for seq, (days, millivolts, celsius) in enumerate(told):
            row = {"battery_mv": millivolts, "temperature_c": celsius, "at": now - days * 86400}
            session.add(StatusSample(lock_id=lock_id, seq=seq, state=0, uptime_s=60, **row))
    page.goto(f"/console/locks/{lock_id}")
    page.get_by_role("heading", name="The last seven days").wait_for()

    def drawn(name):
        """(the plot's text alternative, its caption, [(x, y)] of its band, the figures beside it)"""
        figure = page.get_by_role("figure").filter(has_text=name)
        expect(figure).to_have_count(1)
        image = figure.get_by_role("img")
        corners = image.locator("polygon").get_attribute("points").split()
        band = [tuple(float(part) for part in corner.split(",")) for corner in corners]
        caption = figure.locator("figcaption").inner_text()
        return image.get_attribute("aria-label"), caption, band, image.locator("text").all_text_contents()

    said, caption, band, scale = drawn("Temperature")
    assert "21 °C" in said and "19 °C" in said and "between -7 °C and 38 °C" in said
    assert caption.startswith("Temperature: 19 °C") and scale[:2] == ["38 °C", "-7 °C"]
    above, below = band[:4], band[:3:-1]  # there and back; where it told none is no point
    assert [x for x, _ in above] == [x for x, _ in below] == sorted({x for x, _ in band})
    assert [high < low for (_, high), (_, low) in zip(above, below, strict=True)] == [
        False,
        True,
        False,
        False,
    ]
    assert min(y for _, y in band) == above[2][1] and max(y for _, y in band) == below[1][1]

    said, _, band, scale = drawn("Battery")
    assert "between 3.70 V and 3.90 V" in said and scale[:2] == ["3.90 V", "3.70 V"] and len(band) == 2 * 5
    assert barriers(page) == []


def test_a_release_is_uploaded_as_it_was_signed(page, fleet):
    with fleet.context.db.writing() as session:
        for name in testreleases.SIGNERS:
            issuers.add_release(session, testkeys.public(testkeys.root(name)), int(time.time()))
        keysets.settle(fleet.context, session)
    page.goto("/console/releases")
    page.get_by_text("Upload a release").click()
    form = page.get_by_role("form", name="Upload a release")
    manifest = {"name": "manifest", "mimeType": "application/octet-stream"}
    files = [
        {"name": path.replace("/", "_"), "mimeType": "application/octet-stream", "buffer": data}
        for path, data in testreleases.FILES.items()
    ]
    signed = testreleases.signed(12, int(time.time()) + 86400)
    form.get_by_label("The file “manifest”").set_input_files({**manifest, "buffer": signed[:-1] + b"!"})
    form.get_by_label("Its files").set_input_files(files)
    form.get_by_role("button", name="Upload").click()
    expect(form.get_by_role("alert")).to_contain_text("No lock would take this release.")
    form.get_by_label("The file “manifest”").set_input_files({**manifest, "buffer": signed})
    form.get_by_role("button", name="Upload").click()
    row = page.get_by_role("table", name="Releases").get_by_role("row").nth(1)
    expect(row).to_contain_text(hashlib.sha256(signed).hexdigest()[:16])
    assert barriers(page) == [] and too_wide(page) == []
