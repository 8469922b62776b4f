"""A technician's shift in the app, at phone size: before the real cloud, locks and virtual radio."""

import base64
import secrets
import time

import pytest
from playwright.sync_api import expect

from boards.sim.flash_image import read_image
from boards.sim.release import SIGNERS, release
from cloud import fixes, issuers, releases, rollouts
from hil_tests.authenticator import Colleague
from hil_tests.browser import barriers
from hil_tests.conftest import await_contact
from hil_tests.radio_browser import CANCEL, PICK, radio_browser
from hil_tests.rider_app import PHONE, rider
from tools.cloud_client import CloudClient
from tools.fleet import Fleet

pytestmark = pytest.mark.web

CUT = "net::ERR_INTERNET_DISCONNECTED"  # what the browser says of a network that a test took away
HERE = {"latitude": 52.09, "longitude": 5.12}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    with Fleet(folder, environ={"RINGSLOT_STAFF_SECOND_FACTOR": "required"}) as fleet:
        fleet.tess, fleet.chief = Colleague(fleet, "tess", "technician"), Colleague(fleet, "chief")
        with fleet.context.db.writing() as session:
            now = fleet.context.now()
            for signer in SIGNERS:  # of releases, in the first keyset
                issuers.add_release(session, signer.public, now)
        yield fleet


@pytest.fixture(scope="module")
def office(fleet):
    """An admin, signed in with both factors."""
    client, chief = CloudClient(fleet.cloud.url), fleet.chief
    fields = {"login": chief.login, "password": chief.password, "code": chief.code()}
    client.token = client.post("/api/v1/sessions", fields)["token"]
    return client


@pytest.fixture(scope="module")
def lock(fleet, office):
    member = fleet.add("BIKE-A")
    await_contact(office, member)
    place(fleet, member, 52.0950)
    return member


@pytest.fixture(scope="module")
def other(fleet, office):
    """A bicycle further away, whose lock sleeps."""
    member = fleet.add("BIKE-B", start=False)
    place(fleet, member, 52.1900)
    return member


def place(fleet, member, lat):
    """Where it stood when it last knew."""
    with fleet.context.db.writing() as session:
        at = {"at": fleet.context.now(), "lat": round(lat * 1e7), "lon": 51_200_000, "accuracy": 30}
        fixes.store(session, [{"lock_id": member.lock_id.hex(), "seq": 1 << 30, **at}])


@pytest.fixture(scope="module")
def jobs(office, lock, other):
    def job(member, title, rank):
        asset = office.get(f"/api/v1/assets?code={member.code}")["assets"][0]["asset_id"]
        return office.post("/api/v1/jobs", {"title": title, "asset": asset, "rank": rank})

    return [job(other, "Find the bicycle", 3), job(lock, "Pump up the tyres", 3), job(other, "Bell", 5)]


@pytest.fixture(scope="module")
def browser(fleet):
    with radio_browser(fleet) as browser:
        yield browser


@pytest.fixture(scope="module")
def signed_in(browser, fleet):
    """The cookie of a technician who signed in through the page, with both factors."""
    with browser.visitor(fleet.cloud.url, **PHONE) as page:
        page.goto("/app/service")
        page.get_by_label("Name or e-mail address").fill(fleet.tess.login)
        page.get_by_label("Password").fill(fleet.tess.password)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("alert").first).to_contain_text("give the code too")
        page.get_by_label("Code of your authenticator app").fill(fleet.tess.code())
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("heading", name="Service").wait_for()
        return page.context.storage_state()


@pytest.fixture(scope="module")
def kept(browser, fleet, signed_in):
    """One phone for all that follows: what it keeps, it keeps."""
    look = {**PHONE, "geolocation": HERE, "permissions": ["geolocation"]}
    with browser.visitor(fleet.cloud.url, storage_state=signed_in, **look) as page:
        yield page
        page.complaints[:] = [said for said in page.complaints if CUT not in said]


@pytest.fixture
def page(kept, jobs, lock):
    kept.context.set_offline(False)
    kept.goto("/app/service")
    heading(kept, "Service")
    yield kept
    lock.sim.hand("uplink", on=True)  # as every test finds it, whatever the one before came to
    if state(lock)["bolt_open"]:
        lock.sim.hand("close")


@pytest.fixture
def mute(lock):
    """The lock where no network reaches it either: what it has to tell waits for a phone."""
    lock.sim.hand("uplink", on=False)
    return lock


@pytest.fixture
def shift(page):
    """A shift for the locks of the jobs, begun just now; the page is at the jobs again."""
    page.goto("/app/service/shift")
    heading(page, "Which locks?")
    press(page, "Begin the shift")
    heading(page, "Service")


def heading(page, name):
    expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible()


def tidy(page):
    """Nothing keeps anybody out, nothing is wider than the phone, and what one presses is large."""
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = page.evaluate(
        """[...document.querySelectorAll("main button, main input:not([type=checkbox]), main .button, main li a")]
        .filter((one) => one.offsetParent && one.offsetHeight < 48).map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert small == []


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def test_jobs_stand_in_the_order_of_what_is_worth_the_way(page, jobs):
    lines = page.get_by_role("main").locator(".jobs li")
    expect(lines).to_have_count(3)
    expect(lines.nth(0)).to_contain_text("Pump up the tyres")
    expect(lines.nth(0)).to_contain_text("556 m")
    expect(lines.nth(2)).to_contain_text("P5")
    tidy(page)


def test_a_job_is_taken_and_done(page, office, jobs):
    page.get_by_role("link", name="Find the bicycle").click()
    heading(page, "Find the bicycle")
    tidy(page)
    press(page, "Take this job")
    expect(page.get_by_label("What you did")).to_be_visible()
    expect(page.get_by_role("definition").filter(has_text="yours")).to_be_visible()
    tidy(page)
    page.get_by_label("What you did").fill("It stood behind the shed.")
    with page.expect_response(lambda said: said.url.endswith("/done") and said.ok):
        press(page, "Done")
    heading(page, "Service")
    expect(page.locator(".jobs li")).to_have_count(2)
    done = office.get(f"/api/v1/jobs/{jobs[0]['job_id']}")
    assert done["note"] == "It stood behind the shed." and done["done_by"] == done["assigned_to"]


def test_a_shift_is_begun_in_two_taps_with_the_locks_of_the_jobs(page, lock, other):
    page.get_by_role("link", name="Begin the shift").click()
    heading(page, "Which locks?")
    expect(page.get_by_role("status").filter(has_text="2 of 8 chosen")).to_be_visible()
    tidy(page)
    press(page, "Begin the shift")
    heading(page, "Service")
    expect(page.get_by_role("heading", name="Shift until")).to_be_visible()
    listed = page.get_by_role("list", name="Locks that open without a network")
    expect(listed.get_by_role("listitem")).to_have_text([lock.code, other.code])
    tidy(page)


def state(lock):
    return lock.sim.state()


def to_bike(page, code):
    page.get_by_label("Code on the sticker").fill(code)
    press(page, "To this bicycle")
    heading(page, code)


def find(page):
    """Connects to the lock by the browser's list; and the lock blinks."""
    press(page, "Find the lock")
    expect(page.get_by_role("heading", name="Does it blink like this?")).to_be_visible(timeout=20_000)


def test_a_lock_opens_without_a_network_and_what_it_says_reaches_the_cloud_later(page, shift, mute, office):
    lock = mute
    to_bike(page, lock.code)
    expect(page.get_by_text("On your shift")).to_be_visible()
    tidy(page)
    page.context.set_offline(True)
    find(page)
    expect(page.locator(".colours li")).to_have_count(4)
    tidy(page)
    press(page, "Open it")
    expect(page.get_by_text("The ring is open.")).to_be_visible(timeout=20_000)
    assert state(lock)["bolt_open"]
    expect(page.get_by_text("taken along for the cloud")).to_be_visible(timeout=20_000)
    says = page.get_by_role("main").locator("dl").filter(has_text="Receipts so far")
    expect(says).to_contain_text("opened by you")
    expect(says).to_contain_text("right to within")
    tidy(page)
    with page.expect_response(lambda said: "/sealed" in said.url, timeout=60_000):
        page.context.set_offline(False)
    path = f"/api/v1/locks/{lock.lock_id.hex()}/receipts"
    until(lambda: office.get(path)["receipts"][0]["type"] == "SERVICE_OPEN")  # in the last of the batches


def test_the_lock_says_by_its_log_that_it_was_shut(page, shift, mute, office):
    lock = mute
    to_bike(page, lock.code)
    find(page)
    press(page, "Open it")
    expect(page.get_by_text("The ring is open.")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("taken along for the cloud")).to_be_visible(timeout=20_000)
    page.goto("/app/service")  # who opened it goes away, and shuts it
    opened = state(lock)["seq"]
    lock.sim.hand("close")
    until(lambda: state(lock)["seq"] > opened)
    to_bike(page, lock.code)
    find(page)
    press(page, "Take its log along")
    expect(page.get_by_text("taken along for the cloud")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Open it", exact=True)).to_be_visible()
    tidy(page)
    path = f"/api/v1/locks/{lock.lock_id.hex()}/receipts"
    until(lambda: office.get(path)["receipts"][0]["type"] == "SERVICE_CLOSE")


def test_a_lock_that_is_met_again_shows_its_colours_anew(page, shift, fleet, lock):
    to_bike(page, lock.code)
    find(page)
    press(page, "Open it")
    expect(page.get_by_text("The ring is open.")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Take its log along")).to_be_visible(timeout=20_000)
    lock.sim.hand("close")
    expect(page.get_by_text("The ring is shut.")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("main").locator("dl").filter(has_text="Receipts so far")).to_contain_text(
        "shut after service"
    )
    fleet.radio.tell(f"cut {lock.code}")  # the technician works behind a wall
    expect(page.get_by_role("button", name="Find the lock")).to_be_visible(timeout=30_000)
    fleet.radio.tell(f"mend {lock.code}")
    find(page)
    expect(page.locator(".colours li")).to_have_count(4)
    expect(page.get_by_text("The ring is open.")).not_to_be_visible()
    expect(page.get_by_role("button", name="Open it", exact=True)).to_be_visible()


def test_a_bicycle_that_one_stands_at_comes_first_among_the_locks_of_a_shift(page, lock, other):
    page.goto(f"/app/service/shift/{other.code}")
    heading(page, "Which locks?")
    expect(page.locator(".pick").first).to_contain_text(other.code)
    expect(page.locator(".pick input").first).to_be_checked()


def until(holds, seconds=20):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "never"
        time.sleep(0.2)


def test_a_bicycle_goes_out_of_service_without_a_network_and_in_again_with_one(page, other, office):
    to_bike(page, other.code)  # once with a network: what is known of it stays here
    expect(page.get_by_role("heading", name="The cloud knows")).to_be_visible()
    page.context.set_offline(True)
    page.get_by_role("group").filter(has_text="Take out of service").locator("summary").click()
    page.get_by_label("Why").fill("The wheel is bent.")
    press(page, "Take out of service")
    expect(page.get_by_text("The wheel is bent.")).to_be_visible()
    expect(page.get_by_text("waits on this phone")).to_be_visible()
    expect(page.locator("#network")).to_contain_text("No network")
    tidy(page)
    assert asset(office, other)["out_since"] is None
    with page.expect_response(lambda said: said.url.endswith("/service") and said.ok, timeout=60_000):
        page.context.set_offline(False)
    assert asset(office, other)["out_reason"] == "The wheel is bent."
    expect(page.get_by_text("waits on this phone")).to_have_count(0)
    with page.expect_response(lambda said: said.url.endswith("/service") and said.ok):
        press(page, "Put in service again")
    expect(page.get_by_role("group").filter(has_text="Take out of service")).to_be_visible()
    assert asset(office, other)["out_since"] is None
    tidy(page)


def asset(office, member):
    return office.get(f"/api/v1/assets?code={member.code}")["assets"][0]


def test_a_lock_is_asked_to_blink_and_does(page, lock, office):
    to_bike(page, lock.code)
    press(page, "Let it blink")
    expect(page.get_by_text("It blinks as soon as")).to_be_visible()
    path = f"/api/v1/locks/{lock.lock_id.hex()}/commands"
    until(lambda: office.get(path)["commands"][0]["done_at"], 40)


def test_a_lock_is_swapped_and_a_wrong_number_says_so(page, other, office):
    spare = secrets.token_hex(8)
    k_lock = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
    office.post("/api/v1/locks", {"lock_id": spare, "k_lock": k_lock, "kind": "exclusive"})
    had = asset(office, other)["lock_id"]
    to_bike(page, other.code)
    page.get_by_role("group").filter(has_text="Swap the lock").locator("summary").click()
    tidy(page)
    number = page.get_by_label("Number of the new lock")
    number.fill("0123456789abcdef")
    press(page, "This lock is on the bicycle now")
    expect(page.get_by_role("alert").filter(has_text="There is nothing here")).to_be_visible()
    number.fill(" ".join((spare[:8], spare[8:])).upper())
    with page.expect_response(lambda said: said.url.endswith("/lock") and said.ok):
        press(page, "This lock is on the bicycle now")
    expect(page.get_by_text("Not on your shift")).to_be_visible()  # the new one
    assert asset(office, other)["lock_id"] == spare
    office.post(f"/api/v1/assets/{asset(office, other)['asset_id']}/lock", {"lock": had})


def test_nobody_chose_a_lock_and_every_lock_near_by_may_be_shown(page, lock):
    to_bike(page, lock.code)
    page.chooser = CANCEL
    press(page, "Find the lock")
    expect(page.get_by_role("alert").filter(has_text="No lock was chosen")).to_be_visible()
    tidy(page)
    page.chooser = PICK
    press(page, "Show every lock near by")
    expect(page.get_by_role("heading", name="Does it blink like this?")).to_be_visible(timeout=20_000)
    press(page, "No, it is another one")
    expect(page.get_by_role("button", name="Find the lock")).to_be_visible()


def test_a_master_whose_number_the_lock_was_told_to_forget_is_refused_and_leads_to_the_shift(
    page, shift, lock, office
):
    path = f"/api/v1/locks/{lock.lock_id.hex()}"
    office.post(f"{path}/floor", {"master": office.get(path)["next_master_epoch"]})
    office.post(f"{path}/commands", {"kind": "find"})
    until(lambda: office.get(f"{path}/commands")["commands"][0]["done_at"], 60)  # so it heard of both
    to_bike(page, lock.code)
    find(page)
    press(page, "Open it")
    expect(page.get_by_role("alert").filter(has_text="A newer shift has replaced this one")).to_be_visible()
    assert not state(lock)["bolt_open"]
    tidy(page)
    press(page, "To the shift")
    heading(page, "Which locks?")
    press(page, "Begin the shift")
    heading(page, "Service")


def test_whoever_opens_another_bicycles_lock_is_told_so(page, shift, lock, other):
    to_bike(page, other.code)  # on the shift too, and asleep
    page.chooser = CANCEL
    press(page, "Find the lock")
    expect(page.get_by_role("alert").filter(has_text="No lock was chosen")).to_be_visible()
    page.chooser = PICK
    press(page, "Show every lock near by")
    press(page, "Open it")
    alert = page.get_by_role("alert").filter(has_text=f"This was the lock of another bicycle: {lock.code}")
    expect(alert).to_be_visible(timeout=20_000)
    assert state(lock)["bolt_open"]
    tidy(page)


def test_a_lock_of_no_group_gets_no_token_by_being_near(page, lock):
    page.get_by_role("link", name="A lock without a list").click()
    heading(page, "A lock without a list")
    tidy(page)
    find(page)
    press(page, "Open it")
    expect(page.get_by_role("alert").filter(has_text="The cloud gives no token")).to_be_visible(
        timeout=20_000
    )
    assert not state(lock)["bolt_open"]


def test_what_the_cloud_refuses_later_is_said_until_it_was_read(page, office, jobs):
    page.get_by_role("link", name="Bell").click()
    press(page, "Take this job")
    expect(page.get_by_role("button", name="Done", exact=True)).to_be_visible()
    page.context.set_offline(True)
    press(page, "Done")
    heading(page, "Service")
    expect(page.locator(".jobs li").filter(has_text="Bell")).to_have_count(0)
    office.post(f"/api/v1/jobs/{jobs[2]['job_id']}/done", {"note": "It rings."})
    page.context.set_offline(False)
    alarm = page.locator(".alarm").filter(has_text="done by somebody already")
    expect(alarm).to_be_visible(timeout=60_000)
    tidy(page)
    alarm.get_by_role("button", name="Done").click()
    expect(alarm).to_have_count(0)


def loses_its_clock(lock):
    """Its battery is taken out and put in again."""
    lock.sim.hand("reboot", how="cold")
    until(lambda: not lock.sim.child.running, 30)
    lock.sim.start()


def test_a_lock_without_a_clock_wants_a_token_made_on_the_spot(page, shift, mute):
    lock = mute
    loses_its_clock(lock)
    to_bike(page, lock.code)
    find(page)
    page.context.set_offline(True)
    press(page, "Open it")
    expect(page.get_by_role("alert").filter(has_text="Find one bar of signal")).to_be_visible(timeout=20_000)
    assert not state(lock)["bolt_open"]
    tidy(page)
    page.context.set_offline(False)
    press(page, "I am online now")
    expect(page.get_by_text("The ring is open.")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("A token was made for this lock on the spot.")).to_be_visible()
    assert state(lock)["bolt_open"]


def test_an_admin_sees_at_once_what_the_technician_did(page, shift, browser, fleet, lock, office):
    admin = {"name": "ringslot_session", "value": office.token, "url": fleet.cloud.url}
    with browser.visitor(fleet.cloud.url) as console:
        console.context.add_cookies([admin])
        console.goto(f"/console/locks/{lock.lock_id.hex()}")
        table = console.get_by_role("table", name="Receipts")
        rows = table.get_by_role("row")
        expect(rows.nth(1)).to_be_visible()  # what was before, below the head
        before = rows.count()
        to_bike(page, lock.code)
        find(page)
        press(page, "Open it")
        expect(page.get_by_text("The ring is open.")).to_be_visible(timeout=20_000)
        expect(rows).not_to_have_count(before, timeout=20_000)  # nobody touches the console
        asset = office.get(f"/api/v1/assets?code={lock.code}")["assets"][0]["asset_id"]
        job = office.post("/api/v1/jobs", {"title": "Oil the chain", "asset": asset, "rank": 5})["job_id"]
        expect(console.get_by_role("link", name="Oil the chain")).to_be_visible(timeout=20_000)
        office.post(f"/api/v1/jobs/{job}/done", {"note": "oiled"})
        expect(console.get_by_role("link", name="Oil the chain")).not_to_be_visible(timeout=20_000)


EXPIRES = int(time.time()) + 20 * 86_400
OLD, NEW = release(1, expires=EXPIRES), release(2, expires=EXPIRES)


@pytest.fixture
def slotted(fleet, office):
    """A lock that runs OLD from slot a, out of reach of its uplink; and a rollout of NEW."""
    slot = {f"a/{path}": data for path, data in OLD.files.items()}
    member = fleet.add("BIKE-U", more={**slot, "a/manifest": OLD.manifest, "slot": b"a"})
    path = f"/api/v1/locks/{member.lock_id.hex()}"
    office.patch(f"{path}/wanted", {"board": "sim"})
    until(lambda: office.get(path)["release"] == 1, 60)
    member.sim.hand("uplink", on=False)
    with fleet.context.db.writing() as session:
        now = fleet.context.now()
        releases.take(session, NEW.manifest, NEW.files.values(), now, None)
        rollouts.start(session, "sim", 2, 100, now, None)
    yield member
    member.sim.stop()


def test_an_update_is_loaded_brought_broken_off_and_brought_to_its_end(page, slotted, fleet, browser):
    to_bike(page, slotted.code)
    with page.expect_response(lambda said: "/release/files/" in said.url):
        page.get_by_role("button", name="Load release 2").click()
    expect(page.get_by_text("Release 2 is on this phone")).to_be_visible()
    tidy(page)
    page.get_by_role("link", name="Other locks").click()  # of the shift, for where there is no network
    heading(page, "Which locks?")
    for box in page.get_by_role("checkbox").all():
        box.set_checked(slotted.code in box.locator("..").inner_text())
    press(page, "Begin the shift")
    heading(page, "Service")
    to_bike(page, slotted.code)
    page.context.set_offline(True)
    find(page)
    browser.bluez.at("write", 6, lambda: fleet.radio.tell(f"loss {slotted.code}"))
    press(page, "Bring release 2 to the lock")
    expect(page.get_by_role("alert").get_by_role("button")).to_be_visible(timeout=30_000)
    tidy(page)
    page.get_by_role("alert").get_by_role("button").first.click()  # the same again, on a new link
    expect(page.get_by_text("The lock has it and starts it")).to_be_visible(timeout=60_000)
    tidy(page)
    until(lambda: not slotted.sim.child.running, 60)  # it resets into the other slot
    files = read_image(slotted.sim.image)
    assert files["slot"] == b"b a 2" and files["b/manifest"] == NEW.manifest
    assert {path: files[f"b/{path}"] for path in NEW.files} == NEW.files


def test_a_rider_finds_no_tools_there(browser, fleet):
    with rider(browser, fleet.cloud.url) as page:
        page.goto("/app/service")
        expect(page.get_by_text("This part is for technicians.")).to_be_visible()
        tidy(page)
        page.goto("/app/settings")
        heading(page, "Settings")
        expect(page.get_by_role("link", name="Service the bikes")).to_have_count(0)


def test_the_same_in_dutch_and_in_the_dark(browser, fleet, kept, lock, jobs):
    look = {**PHONE, "locale": "nl-NL", "color_scheme": "dark", "storage_state": kept.context.storage_state()}
    with browser.visitor(fleet.cloud.url, **look) as page:
        page.goto("/app/settings")
        page.get_by_role("link", name="De fietsen verzorgen").click()
        heading(page, "Service")
        expect(page.get_by_role("heading", name="Er loopt geen dienst")).to_be_visible()  # on this phone
        tidy(page)
        page.get_by_role("link", name="Pump up").click()
        expect(page.get_by_role("button", name="Neem deze klus")).to_be_visible()
        tidy(page)
        page.goto(f"/app/service/b/{lock.code}")
        expect(page.get_by_text("Niet in je dienst")).to_be_visible()
        tidy(page)
        page.goto("/app/service/any")
        expect(page.get_by_text("De browser toont elk slot in de buurt.")).to_be_visible()
        tidy(page)
