"""Chromium's Web Bluetooth, as Debian ships it, at a simulated lock: an unlock, its round trips, what goes wrong."""

import itertools
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from hil_tests.people import bolt
from hil_tests.radio_browser import radio_browser
from tools.cloud_client import CloudClient

pytestmark = pytest.mark.web

PAGE = (
    '<!doctype html><html lang="en"><title>Rider</title><body><script type="module" src="/rider.js"></script>'
)
SCRIPT = Path(__file__).parent / "rider_page.js"
TRIPS_MAX = 8
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def browser(fleet):
    with radio_browser(fleet) as browser:
        yield browser


@contextmanager
def rider(browser, fleet, lock, **look):
    """A page whose rider has claimed the lock's bike."""
    login = f"rider-{next(_numbers)}"
    cloud = CloudClient(fleet.cloud.url)
    cloud.post("/api/v1/users", {"login": login, "password": "long enough to keep"})
    token = cloud.post("/api/v1/sessions", {"login": login, "password": "long enough to keep"})["token"]
    with browser.visitor(fleet.cloud.url, **look) as page:
        page.route("**/rider", lambda route: route.fulfill(content_type="text/html", body=PAGE))
        page.route("**/rider.js", lambda route: route.fulfill(path=SCRIPT, content_type="text/javascript"))
        page.goto("/rider")
        page.locator("output").wait_for(state="attached")
        assert page.evaluate("([token, code]) => rider.claim(token, code)", [token, lock.code]) >= 256
        yield page


def taps(page, name, outcome):
    page.get_by_role("button", name=name).click()
    expect(page.locator("output")).to_have_text(outcome, timeout=20_000)


def trips(fleet, lock):
    return int(fleet.radio.tell(f"trips {lock.code}"))


def test_an_unlock_takes_no_more_than_eight_round_trips(browser, fleet, lock, record_property):
    with rider(browser, fleet, lock) as page:
        assert page.evaluate("rider.support()") == "ready"
        taps(page, "Unlock", "OK ride")
        assert bolt(lock)["bolt_open"]
        counted = trips(fleet, lock)
        print(f"\nround trips from connect to bolt: {counted}")
        assert counted == page.evaluate("rider.visit.trips") <= TRIPS_MAX
        assert page.evaluate("rider.deliver()") == ["OPEN"]
