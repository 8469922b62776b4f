"""The rider's app at a simulated lock, in Chromium over Web Bluetooth: rides, and what goes wrong beside the bike."""

import re
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import expect

from hil_tests.browser import barriers, until
from hil_tests.browser import sign_in as console
from hil_tests.people import Colleague, bolt
from hil_tests.radio_browser import CANCEL, PICK, radio_browser
from hil_tests.rider_app import LOCK_MS, PHONE, claim, installed, rider, sees, sign_in, steps, told, unlock
from tools.cloud_client import b64

pytestmark = pytest.mark.web

SAME = "The cloud's signed copy says the same as the lock told this phone."


@pytest.fixture(scope="module")
def browser(fleet):
    with radio_browser(fleet) as browser:
        yield browser


@pytest.fixture
def page(browser, fleet, lock):
    """Of a rider who has claimed the lock's bike and been connected to it."""
    with rider(browser, fleet.cloud.url, lock.code) as page:
        yield page


def loses_its_clock(lock):
    """Its battery is taken out and put in again where no network reaches it."""
    lock.sim.hand("uplink", on=False)
    lock.sim.hand("reboot", how="cold")
    end = time.monotonic() + 30
    while lock.sim.child.running:
        assert time.monotonic() < end, "the power to go"
        time.sleep(0.1)
    lock.sim.start()


def test_from_the_claim_to_the_receipt(browser, fleet, lock):
    with rider(browser, fleet.cloud.url) as page:
        page.get_by_role("link", name=lock.code).click()
        page.get_by_role("button", name="Claim this bike").click()
        expect(page.get_by_role("button", name="Unlock")).to_be_visible(timeout=LOCK_MS)
        colours = page.locator(".colours li")
        expect(colours).to_have_count(4)
        seen = [text.split()[0] for text in colours.all_inner_texts()]
        assert " ".join(seen) == bolt(lock)["led"]  # what somebody beside the bike sees
        assert barriers(page) == [] and not bolt(lock)["bolt_open"]
        unlock(page)
        assert bolt(lock)["bolt_open"] and barriers(page) == []
        lock.sim.hand("close")
        sees(page, "Parked")
        expect(page.get_by_role("timer")).to_contain_text("Kept for you")
        page.get_by_role("button", name="Open again").click()  # on the same link: no list of locks
        sees(page, "Have a good ride")
        assert bolt(lock)["bolt_open"]
        page.get_by_role("button", name="End the ride").click()
        told(page, "The ring is still open. Push it shut first.", "It is closed now")
        lock.sim.hand("close")
        sees(page, "Parked")
        page.get_by_role("button", name="End the ride").click()
        sees(page, "The ride has ended")
        expect(page.get_by_text(SAME)).to_be_visible(timeout=LOCK_MS)
        assert barriers(page) == []
        page.get_by_role("link", name="History").click()
        page.locator("main .list a").click()
        sees(page, "The ride")
        expect(page.get_by_text(SAME)).to_be_visible()
        expect(page.locator("ol li")).to_contain_text(["opened", "closed", "opened again", "closed", "ended"])
        assert barriers(page) == []


def test_a_whole_ride_in_flight_mode_is_told_to_the_cloud_afterwards(page, lock):
    expect(page.get_by_role("button", name="Unlock")).to_be_visible(timeout=LOCK_MS)
    installed(page)
    page.context.set_offline(True)
    expect(page.locator("#network")).to_contain_text("No network.")
    unlock(page)
    page.get_by_role("link", name="History").click()  # a link lasts while one looks elsewhere
    page.get_by_role("link", name="Ride", exact=True).click()
    sees(page, "Have a good ride")
    lock.sim.hand("close")
    sees(page, "Parked")
    page.get_by_role("button", name="End the ride").click()
    sees(page, "The ride has ended")
    expect(page.get_by_text("The cloud has not signed for every receipt yet")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text(SAME)).to_be_visible(timeout=LOCK_MS)
    expect(page.locator("#network")).to_be_empty()


def test_a_lock_that_lost_its_clock_asks_the_cloud_once(page, lock):
    loses_its_clock(lock)
    page.reload()
    page.get_by_role("button", name="Find the lock").click()
    expect(page.get_by_role("button", name="Unlock")).to_be_visible(timeout=LOCK_MS)
    page.context.set_offline(True)
    page.get_by_role("button", name="Unlock").click()
    told(
        page,
        "The lock lost its clock, and the cloud cannot be reached. Find a network, once.",
        "I am online now",
    )
    assert not bolt(lock)["bolt_open"]
    page.context.set_offline(False)
    steps(page)
    sees(page, "Have a good ride")
    assert bolt(lock)["bolt_open"]


def adapter(page, there):
    """Until the browser has heard that there is one, or none."""
    until(page, "navigator.bluetooth.getAvailability()", there)


def test_the_list_closed_bluetooth_off_and_a_lock_out_of_reach(browser, fleet, lock):
    with rider(browser, fleet.cloud.url, chooser=CANCEL) as page:
        claim(page, lock.code)
        told(
            page,
            "No lock was chosen. If yours is not in the list, see that Bluetooth is on, and step closer.",
            "Choose the lock",
        )
        browser.bluez.plug(False)
        try:
            adapter(page, False)
            steps(page)
            told(page, "Bluetooth is off. Switch it on in the phone's settings.", "It is on now")
        finally:
            browser.bluez.plug(True)
        adapter(page, True)
        page.chooser = PICK
        browser.bluez.refuse(3)
        steps(page)
        told(page, "The lock was seen, but no connection came about. Step closer.", "I am closer")
        steps(page)
        unlock(page)
        assert bolt(lock)["bolt_open"]


def test_a_link_lost_before_the_tap_and_after_it(browser, page, fleet, lock):
    expect(page.get_by_role("button", name="Unlock")).to_be_visible(timeout=LOCK_MS)
    fleet.radio.tell(f"loss {lock.code}")
    told(page, "The connection broke before anything was asked. Nothing has happened.", "Try again")
    steps(page)
    expect(page.get_by_role("button", name="Unlock")).to_be_visible(timeout=LOCK_MS)
    browser.bluez.at("write", 1, lambda: fleet.radio.tell("loss " + lock.code))
    page.get_by_role("button", name="Unlock").click()
    told(page, "The connection broke while the lock was working; it may have opened. Ask it.", "Ask the lock")
    steps(page)
    sees(page, "Have a good ride")
    assert bolt(lock)["bolt_open"] and bolt(lock)["openings"] == 1


def test_a_ring_that_is_stuck_and_a_battery_that_is_low(page, lock):
    lock.sim.hand("jam", on=True)
    page.get_by_role("button", name="Unlock").click(timeout=LOCK_MS)
    told(page, "The ring is stuck. See that no spoke is in its way.", "Try again")
    lock.sim.hand("jam", on=False)
    steps(page)
    sees(page, "Have a good ride")


def test_a_claim_that_was_withdrawn_opens_nothing_at_a_lock_without_a_clock(page, fleet, lock):
    expect(page.get_by_role("button", name="Unlock")).to_be_visible(timeout=LOCK_MS)
    loses_its_clock(lock)
    page.evaluate(
        """async (path) => {
          const { csrf } = await (await fetch("/api/v1/me")).json();
          await fetch(path, { method: "DELETE", headers: { "X-CSRF-Token": csrf } });
        }""",
        page.url.replace("/app/", "/api/v1/"),
    )  # on another phone of theirs
    page.locator(".alarm button").click(timeout=LOCK_MS)
    page.get_by_role("button", name="Unlock").click(timeout=LOCK_MS)
    told(page, "The cloud says that this claim is over.", "Claim again")
    steps(page)
    sees(page, lock.code)
    expect(page.get_by_role("button", name="Claim this bike")).to_be_visible()
    assert not bolt(lock)["bolt_open"]


def test_a_lock_that_is_busy_with_a_technician(browser, fleet, lock, technician, tmp_path):
    with rider(browser, fleet.cloud.url) as page, Colleague(fleet, lock, technician, tmp_path) as colleague:
        claim(page, lock.code)
        expect(page.get_by_role("button", name="Unlock")).to_be_visible(timeout=LOCK_MS)
        lock.sim.hand("jam", on=True)
        with colleague.opening():
            page.get_by_role("button", name="Unlock").click()
            told(page, "The lock is busy with someone else.", "Try again", look=False)
        assert barriers(page) == []
        lock.sim.hand("jam", on=False)
        steps(page)
        sees(page, "Have a good ride")
        assert bolt(lock)["bolt_open"]


@pytest.fixture
def misled(browser, fleet, lock, second_lock, technician):
    """A page of a rider who claimed `lock` and was led to `second_lock`: the values that the claim tells to look for
    are that one's, as after a swap of locks that nobody wrote down."""
    holder = b64(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    fields = {"locks": [second_lock.lock_id.hex()], "holder_key": holder}
    shown = technician.post("/api/v1/master-tokens", fields)["locks"][0]["advertising"]

    def mistaken(route):
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "advertising": shown})

    with rider(browser, fleet.cloud.url) as page:
        page.goto(f"/b/{lock.code}")
        claiming = page.get_by_role("button", name="Claim this bike")
        expect(claiming).to_be_visible()
        page.route("**/api/v1/claims", mistaken)
        claiming.click()
        expect(page.get_by_role("button", name="Unlock")).to_be_visible(timeout=LOCK_MS)
        page.unroute("**/api/v1/claims")
        yield page


def test_another_bikes_lock_is_known_by_its_colours_before_anything_opens(misled, lock, second_lock):
    seen = [text.split()[0] for text in misled.locator(".colours li").all_inner_texts()]
    shown, beside_me = bolt(second_lock)["led"], bolt(lock)["led"]
    assert " ".join(seen) == shown != beside_me
    misled.get_by_role("button", name="No, it blinks otherwise").click()
    expect(misled).to_have_url(re.compile("/app/scan$"))
    misled.get_by_label("Code on the bike").fill(lock.code)
    misled.keyboard.press("Enter")
    expect(misled.get_by_role("button", name="Claim this bike")).to_be_visible()  # the claim was given back
    assert not bolt(lock)["openings"] and not bolt(second_lock)["actuations"]


def test_another_bikes_lock_stays_shut_and_says_so(misled, lock, second_lock):
    misled.get_by_role("button", name="Unlock").click()
    told(misled, "This is another bike's lock.", "Scan this bike")
    steps(misled)
    expect(misled).to_have_url(re.compile("/app/scan$"))
    assert not bolt(lock)["actuations"] and not bolt(second_lock)["actuations"]


FORBIDDEN = "Permissions policy violation: bluetooth is not allowed in this document."


def test_a_page_that_may_not_use_bluetooth_until_it_is_allowed(browser, fleet, lock):
    def forbids(route):
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, "Permissions-Policy": "bluetooth=()"})

    online = {"service_workers": "block"}  # a worker would give the page without a server
    with rider(browser, fleet.cloud.url, **online) as page:
        here = f"**/app/b/{lock.code}"
        page.route(here, forbids)
        page.goto(f"/app/b/{lock.code}")
        page.get_by_role("button", name="Claim this bike").click()
        sentence = "This page may not use Bluetooth. Allow it in the browser's settings for this page."
        told(page, sentence, "I have allowed it")
        steps(page)  # they have not
        told(page, sentence, "I have allowed it")
        page.unroute(here)
        page.reload()
        page.get_by_role("button", name="Find the lock").click()
        unlock(page)
        assert bolt(lock)["bolt_open"]
        page.complaints[:] = [said for said in page.complaints if said != FORBIDDEN]


LINKED = """globalThis.ringslotRadio = {
  support: async () => "ready",
  choose: async () => "the lock",
  connect: async () => ({ write: async () => {}, cut() {}, listen() {} }),
};"""


def test_two_tabs_at_one_lock(page, lock):
    expect(page.get_by_role("button", name="Unlock")).to_be_visible(timeout=LOCK_MS)
    other = page.context.new_page()
    other.add_init_script(LINKED)  # nobody would answer this tab's list
    other.goto(page.url)
    other.get_by_role("button", name="Find the lock").click()
    told(other, "Another tab of this app is at this lock. Go on there, or close it.", "Try again")
    other.close()
    unlock(page)
    assert bolt(lock)["openings"] == 1


FULL = """() => {
  const put = IDBObjectStore.prototype.put;
  globalThis.room = () => void (IDBObjectStore.prototype.put = put);
  IDBObjectStore.prototype.put = function (...row) {
    if (this.name === "receipts") queueMicrotask(() => this.transaction.abort());
    return put.apply(this, row);
  };
}"""


def test_a_receipt_that_cannot_be_kept_is_said_and_sent_all_the_same(page, lock):
    expect(page.get_by_role("button", name="Unlock")).to_be_visible(timeout=LOCK_MS)
    page.evaluate(FULL)
    page.get_by_role("button", name="Unlock").click()
    told(page, "It worked, but this phone is full: the lock's receipt could not be kept.", "Send it now")
    assert bolt(lock)["bolt_open"]
    page.evaluate("room()")
    with page.expect_response(lambda one: one.url.endswith("/receipts") and one.ok) as answer:
        steps(page)
    assert answer.value.json()["receipts"][0]["status"] in ("stored", "known")
    sees(page, "Have a good ride")


def test_a_ride_is_disputed_without_a_network_and_the_answer_is_read(page, lock, admin):
    unlock(page)
    lock.sim.hand("close")
    sees(page, "Parked")
    page.get_by_role("button", name="End the ride").click()
    expect(page.get_by_text(SAME)).to_be_visible(timeout=LOCK_MS)
    page.get_by_role("link", name="History").click()
    page.locator("main .list a").click()
    page.get_by_role("link", name="Something is not right").click()
    sees(page, "Something is not right")
    assert barriers(page) == []
    page.get_by_label("What is it about?").select_option("I had ended it before")
    page.get_by_label("What happened?").fill("It stood shut.")
    page.context.set_offline(True)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Kept on this phone; it is sent as soon as there is a network.")).to_be_visible()
    with page.expect_response(lambda one: one.url.endswith("/tickets") and one.status == 201) as sent:
        page.context.set_offline(False)
    ticket = sent.value.json()
    assert ticket["kind"] == "dispute" and ticket["ride_id"]
    page.get_by_role("link", name="My messages").click()
    page.get_by_role("link", name="I had ended it before").click()
    sees(page, "I had ended it before")
    expect(page.locator("main ol")).to_contain_text("It stood shut.")
    page.get_by_label("Write more").fill("And I walked away.")
    with page.expect_response(lambda one: one.url.endswith("/messages") and one.status == 201):
        page.get_by_role("button", name="Send").click()
    expect(page.locator("main ol")).to_contain_text("And I walked away.")
    expect(page.get_by_label("Write more")).to_have_value("")
    answer = {"outcome": "upheld", "reason": "The lock says so too."}
    admin.post(f"/api/v1/tickets/{ticket['ticket_id']}/decision", answer)
    page.reload()
    expect(page.locator("main ol")).to_contain_text("The lock says so too.")
    expect(page.locator("main dl")).to_contain_text("you are right")
    assert barriers(page) == []
    page.get_by_role("link", name="The ride", exact=True).click()
    page.get_by_role("link", name="Something is not right").click()
    expect(page.get_by_text("You have written about this ride before:")).to_be_visible()
    page.get_by_role("link", name="I had ended it before").click()
    expect(page).to_have_url(re.compile(f"/app/messages/{ticket['ticket_id']}$"))


def test_a_phone_carries_sealed_messages_for_others_unless_its_owner_says_no(page, lock):
    carried = []
    page.on("request", lambda one: carried.append(one.url) if one.url.endswith("/sealed") else None)
    lock.sim.hand("uplink", on=False)  # what it has for the cloud waits for a phone
    home = page.url
    wish = page.get_by_role("checkbox", name="Carry sealed messages.")
    page.get_by_role("link", name="More").click()
    expect(page.get_by_text("nobody can read them on this phone")).to_be_visible()
    expect(wish).to_be_checked()
    wish.uncheck()
    page.reload()
    expect(wish).not_to_be_checked()
    assert barriers(page) == []
    page.goto(home)
    page.get_by_role("button", name="Find the lock").click()
    unlock(page)
    lock.sim.hand("close")
    sees(page, "Parked")
    page.get_by_role("button", name="End the ride").click()
    expect(page.get_by_text(SAME)).to_be_visible(timeout=LOCK_MS)
    page.get_by_role("link", name="More").click()
    expect(page.locator("dl")).to_contain_text("Of these, sealed for other riders0")
    assert carried == []
    wish.check()
    claim(page, lock.code)
    with page.expect_response(lambda one: one.url.endswith("/sealed") and one.ok, timeout=LOCK_MS):
        unlock(page)


def test_a_bike_of_a_pool_is_ridden_twice_on_one_claim(browser, fleet, make_lock):
    lock = make_lock("pooled")
    with rider(browser, fleet.cloud.url, lock.code) as page:
        unlock(page)
        for opened in (1, 2):
            lock.sim.hand("close")
            sees(page, "Parked")
            page.get_by_role("button", name="End the ride").click()
            sees(page, "The ride has ended")
            expect(page.get_by_text(SAME)).to_be_visible(timeout=LOCK_MS)
            assert bolt(lock)["openings"] == opened
            page.get_by_role("button", name="Find the lock").click()
            if opened == 1:
                unlock(page)


def test_an_admin_sees_the_ride_as_it_begins_and_ends(browser, page, fleet, lock):
    login = f"admin-{lock.code}"
    _, password = fleet.person(login)
    with browser.visitor(fleet.cloud.url) as desk:
        console(desk, password, login)
        state = desk.get_by_role("row").filter(has_text=lock.code)
        expect(state).to_be_visible()
        expect(state).not_to_contain_text("riding")
        unlock(page)
        expect(state).to_contain_text("riding", timeout=LOCK_MS)
        lock.sim.hand("close")
        sees(page, "Parked")
        page.get_by_role("button", name="End the ride").click()
        sees(page, "The ride has ended")
        expect(state).not_to_contain_text("riding", timeout=LOCK_MS)


def test_another_phone_takes_the_ride_over(browser, page, fleet, lock):
    with page.expect_response(lambda one: one.url.endswith("/receipts") and one.ok):  # the cloud knows of it
        unlock(page)
    lock.sim.hand("close")
    sees(page, "Parked")
    page.goto("about:blank")  # its battery is empty
    with browser.visitor(fleet.cloud.url, **PHONE) as second:
        second.goto("/app/")
        sign_in(second, page.login)
        sees(second, "Bikes")
        second.get_by_role("link", name="Ride", exact=True).click()
        sees(second, "This bike was claimed on another phone")
        sees(second, lock.code)
        assert barriers(second) == []
        second.get_by_role("button", name="Take over on this phone").click()
        second.get_by_role("button", name="Open again").click()
        sees(second, "Have a good ride")
        assert bolt(lock)["bolt_open"]
        lock.sim.hand("close")
        sees(second, "Parked")
        second.get_by_role("button", name="End the ride").click()
        sees(second, "The ride has ended")
