"""Chromium's Web Bluetooth, as Debian ships it, at a simulated lock: an unlock, its round trips, what goes wrong."""

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import expect

from hil_tests.browser import until
from hil_tests.people import Colleague, bolt
from hil_tests.radio_browser import CANCEL, PICK, radio_browser
from protocol import gatt
from tools.bleak_radio import Phone
from tools.cloud_client import CloudClient

pytestmark = pytest.mark.web

PAGE = (
    '<!doctype html><html lang="en"><title>Rider</title><body><script type="module" src="/rider.js"></script>'
)
SCRIPT = Path(__file__).parent / "rider_page.js"
TRIPS_MAX = 8
SHOWN = (
    "[...rider.filters.filters[0].manufacturerData[0].dataPrefix]"  # one of the values that the lock may show
)
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def browser(fleet):
    with radio_browser(fleet) as browser:
        yield browser


@contextmanager
def rider(browser, fleet, lock, mode="single", policy="", first="", **look):
    """A page whose rider has claimed the lock's bike."""
    login = f"rider-{next(_numbers)}"
    cloud = CloudClient(fleet.cloud.url)
    cloud.post("/api/v1/users", {"login": login, "password": "long enough to keep"})
    token = cloud.post("/api/v1/sessions", {"login": login, "password": "long enough to keep"})["token"]
    with browser.visitor(fleet.cloud.url, **look) as page:
        headers = {"Content-Type": "text/html", "Permissions-Policy": policy}
        page.route("**/rider", lambda route: route.fulfill(headers=headers, body=PAGE))
        page.route("**/rider.js", lambda route: route.fulfill(path=SCRIPT, content_type="text/javascript"))
        page.add_init_script(first)
        page.goto("/rider")
        page.locator("output").wait_for(state="attached")
        assert page.evaluate("(asked) => rider.claim(...asked)", [token, lock.code, mode]) >= 256
        yield page


def taps(page, name, outcome):
    page.get_by_role("button", name=name).click()
    expect(page.locator("output")).to_have_text(outcome, timeout=20_000)


def trips(fleet, lock):
    return int(fleet.radio.tell(f"trips {lock.code}"))


def leaves(browser, page):
    """Both pages are on one machine, which has one link to a lock. Until that is gone, the other one's list shows the
    lock under the address of that link, where nobody is found any more."""
    page.evaluate("rider.visit.leave()")
    for _ in range(100):
        if not browser.bluez.links():
            return
        page.wait_for_timeout(50)
    raise AssertionError("the link stays")


def loses(fleet, lock):
    """What breaks the link off, as distance does; both ends time out."""
    return lambda: fleet.radio.tell(f"loss {lock.code}")


@contextmanager
def impostor(fleet, shown):
    """A device on the radio that advertises these bytes as a lock's."""
    over = Event()

    async def advertise():
        phone = Phone(fleet.radio.hci)
        device = await phone.device()
        data = bytes([2, 1, 6, 3 + len(shown), 0xFF]) + gatt.COMPANY.to_bytes(2, "little") + bytes(shown)
        await device.start_advertising(advertising_data=data)
        ready.set()
        await asyncio.to_thread(over.wait, 60)
        await phone.close()

    ready = Event()
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(lambda: asyncio.run(advertise()))
        try:
            assert ready.wait(20)
            yield
        finally:
            over.set()
            done.result(20)


def test_an_unlock_takes_no_more_than_eight_round_trips(browser, fleet, lock):
    with rider(browser, fleet, lock) as page:
        assert page.evaluate("rider.support()") == "ready"
        taps(page, "Unlock", "OK ride")
        assert bolt(lock)["bolt_open"]
        counted = trips(fleet, lock)
        print(f"\nround trips from connect to bolt: {counted}")
        assert counted == page.evaluate("rider.visit.trips") <= TRIPS_MAX
        assert page.evaluate("rider.deliver()") == ["OPEN"]


def test_park_reopen_and_end_on_the_same_link(browser, fleet, lock):
    with rider(browser, fleet, lock) as page:
        taps(page, "Unlock", "OK ride")
        lock.sim.hand("close")
        until(page, "rider.seen.includes('receipt')")
        before = trips(fleet, lock)
        taps(page, "Reopen", "OK ride")
        assert trips(fleet, lock) == before + 2  # HELLO and REQUEST
        assert bolt(lock)["bolt_open"]
        taps(page, "End", "NOT_CLOSED close")
        lock.sim.hand("close")
        until(page, "rider.kept.length", 4)
        taps(page, "End", "OK ride")
        assert page.evaluate("rider.deliver()") == ["OPEN", "CLOSE", "REOPEN", "CLOSE", "END"]
        assert browser.bluez.taken("connect") - browser.bluez.taken("subscribe") == 0


LOST = {  # where the link is lost: what the rider is told, whether the bolt has moved by then, what to tap next
    ("resolve", 1): ("UNREACHED closer", 0, "Unlock"),
    ("subscribe", 1): ("UNREACHED closer", 0, "Unlock"),
    ("write", 1): ("LOST again", 0, "Unlock"),  # HELLO
    ("notification", 1): ("LOST again", 0, "Unlock"),  # CHALLENGE
    ("write", 2): ("UNSURE resume", 0, "Resume"),  # REQUEST, its first frame
    ("write", 4): ("UNSURE resume", 0, "Resume"),
    ("notification", 2): ("UNSURE resume", 1, "Resume"),  # RESULT
}


@pytest.mark.parametrize("where", LOST, ids=lambda where: f"{where[0]}-{where[1]}")
def test_the_link_is_lost_at(browser, fleet, lock, where):
    told, moved, then = LOST[where]
    with rider(browser, fleet, lock) as page:
        browser.bluez.at(*where, loses(fleet, lock))
        taps(page, "Unlock", told)
        assert bolt(lock)["openings"] == moved
        taps(page, then, "OK ride")
        assert bolt(lock)["bolt_open"] and bolt(lock)["openings"] == 1


def test_a_first_connection_fails_and_nobody_notices(browser, fleet, lock):
    with rider(browser, fleet, lock) as page:
        browser.bluez.refuse(2)
        taps(page, "Unlock", "OK ride")
        assert trips(fleet, lock) <= TRIPS_MAX


def test_no_connection_comes_about(browser, fleet, lock):
    with rider(browser, fleet, lock) as page:
        browser.bluez.refuse(3)
        taps(page, "Unlock", "UNREACHED closer")
        assert not bolt(lock)["bolt_open"]
        taps(page, "Unlock", "OK ride")


def test_the_lock_goes_out_of_reach_once_it_is_picked(browser, fleet, lock):
    with rider(browser, fleet, lock) as page:
        browser.bluez.at("connect", 1, lambda: fleet.radio.tell(f"cut {lock.code}"))
        taps(page, "Unlock", "UNREACHED closer")
        fleet.radio.tell(f"mend {lock.code}")
        taps(page, "Unlock", "OK ride")


def test_no_lock_is_in_reach(browser, fleet, lock):
    """The list stays empty; the page gives up after a while, and the next tap begins anew."""
    fleet.radio.tell(f"cut {lock.code}")
    with rider(browser, fleet, lock) as page:
        page.clock.install()
        page.get_by_role("button", name="Unlock").click()
        expect(page.locator("output")).to_have_text("…")
        page.clock.fast_forward(100_000)
        expect(page.locator("output")).to_have_text("NOT_HEARD closer")
        page.get_by_role("button", name="Unlock").click()
        expect(page.locator("output")).to_have_text("…")
        fleet.radio.tell(f"mend {lock.code}")
        expect(page.locator("output")).to_have_text("OK ride", timeout=20_000)


def test_the_list_is_closed(browser, fleet, lock):
    with rider(browser, fleet, lock, chooser=CANCEL) as page:
        taps(page, "Unlock", "CANCELLED choose")
        page.chooser = PICK
        taps(page, "Unlock", "OK ride")


def test_there_is_no_adapter(browser, fleet, lock):
    with rider(browser, fleet, lock) as page:
        browser.bluez.plug(False)
        try:
            until(page, "rider.support()", "off")
            taps(page, "Unlock", "BLUETOOTH_OFF switch_on")
        finally:
            browser.bluez.plug(True)
        until(page, "rider.support()", "ready")
        taps(page, "Unlock", "OK ride")


def test_bluetooth_is_off_and_switched_on_while_the_list_is_open(browser, fleet, lock):
    """Chromium says by itself that it is off, in the list's place, and tells the page nothing."""
    with rider(browser, fleet, lock) as page:
        browser.bluez.power(False)
        page.get_by_role("button", name="Unlock").click()
        expect(page.locator("output")).to_have_text("…")
        browser.bluez.power(True)
        expect(page.locator("output")).to_have_text("OK ride", timeout=20_000)


def test_bluetooth_is_switched_off_during_a_ride(browser, fleet, lock):
    with rider(browser, fleet, lock) as page:
        taps(page, "Unlock", "OK ride")
        browser.bluez.power(False)
        until(page, "rider.visit.over")
        browser.bluez.power(True)
        lock.sim.hand("close")
        taps(page, "End", "OK ride")


def test_pages_may_not_use_bluetooth(browser, fleet, lock):
    with rider(browser, fleet, lock, policy="bluetooth=()") as page:
        taps(page, "Unlock", "DENIED allow")
        assert (
            page.complaints.pop()
            == "Permissions policy violation: bluetooth is not allowed in this document."
        )


def test_this_browser_has_no_bluetooth_for_pages(browser, fleet, lock):
    with rider(browser, fleet, lock, first="delete Navigator.prototype.bluetooth") as page:
        assert page.evaluate("rider.support()") == "missing"
        taps(page, "Unlock", "UNSUPPORTED other_device")


def test_a_native_shell_brings_its_own_radio(browser, fleet, lock):
    shell = "globalThis.ringslotRadio = {support: async () => 'off', choose: async () => { throw %s }}"
    with rider(browser, fleet, lock, first=shell % '{name: "BLUETOOTH_OFF", next: "switch_on"}') as page:
        assert page.evaluate("rider.support()") == "off"
        taps(page, "Unlock", "BLUETOOTH_OFF switch_on")


def test_another_phone_has_the_lock_at_work(browser, fleet, lock, technician, tmp_path):
    """While the motor turns for somebody else the lock is BUSY; a moment later the same link opens it."""
    with rider(browser, fleet, lock) as page, Colleague(fleet, lock, technician, tmp_path) as colleague:
        taps(page, "Arrive", "HERE")
        lock.sim.hand("jam", on=True)
        with colleague.opening():
            taps(page, "Unlock", "BUSY wait")
        lock.sim.hand("jam", on=False)
        taps(page, "Unlock", "OK ride")
        assert trips(fleet, lock) > TRIPS_MAX  # it is still the first link


def test_another_phone_rides_away(browser, fleet, make_lock):
    """On a bicycle that a whole group may claim."""
    lock = make_lock("pooled")
    with rider(browser, fleet, lock, "period") as page, rider(browser, fleet, lock, "period") as other:
        taps(other, "Unlock", "OK ride")
        leaves(browser, other)
        taps(page, "Unlock", "IN_USE another")


def test_what_was_picked_is_no_lock(browser, fleet, lock):
    """Somebody's device shows what the lock shows, and has nothing of a lock."""
    with rider(browser, fleet, lock) as page, impostor(fleet, page.evaluate(SHOWN)):
        fleet.radio.tell(f"cut {lock.code}")
        taps(page, "Unlock", "NOT_OURS report")


def test_a_stack_that_asks_for_everything(browser, fleet, lock):
    """As BlueZ does: more round trips than a page can see, and the same ride."""
    with rider(browser, fleet, lock) as page:
        browser.bluez.thorough(True)
        taps(page, "Unlock", "OK ride")
        counted = trips(fleet, lock)
        print(f"\nround trips with a stack that asks for everything: {counted}")
        assert counted > page.evaluate("rider.visit.trips") == TRIPS_MAX
