"""Unmodified Chromium with Web Bluetooth, on the virtual radio of a fleet: what a rider's pages are tested in.

    with radio_browser(fleet) as browser:
        with browser.visitor(fleet.cloud.url) as page:          # as hil_tests/browser.py
            page.get_by_role("button", name="Unlock").click()   # the first lock in the chooser's list is picked
        browser.bluez.power(False)                              # what goes wrong: bluez.py

Two visitors are two people at one machine: they share its Bluetooth and, as long as it lasts, its one link to a lock.

The chooser is the one thing that is automated, since it belongs to the browser and not to the page. `page.chooser` says
who answers it from now on:

    PICK       the first device that appears in the list (from the start)
    CANCEL     nobody: the list is closed as soon as it opens
    LEAVE      nobody: it stays open
    f(devices) → one of them, or None to wait for more; a device is {"id": address, "name": ...}

`page.chosen` counts the lists that were answered so. Who taps on the page while a list is about to be answered closes
it too, and Chromium 156 ends at a list that is both closed and answered: `settled(page)` waits, as a person must.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, CDPSession, Page

from hil_tests.bluez import BlueZ
from hil_tests.browser import Browsing, launched
from tools.fleet import Fleet

Pick = Callable[[list[dict]], dict | None]
CANCEL = object()


def PICK(devices: list[dict]) -> dict | None:
    return devices[0] if devices else None


def LEAVE(_: list[dict]) -> None:
    return None


@contextmanager
def radio_browser(fleet: Fleet, *options: str) -> Iterator["RadioBrowsing"]:
    """Skips the test without dbus-daemon, or fails it where RINGSLOT_NEEDS_WEB is set."""
    if shutil.which("dbus-daemon") is None:
        (pytest.fail if os.environ.get("RINGSLOT_NEEDS_WEB") else pytest.skip)(
            "no dbus-daemon (apt install dbus-daemon)"
        )
    with (
        BlueZ(fleet.children, fleet.radio.hci) as bluez,
        launched("--enable-features=WebBluetooth", *options, DBUS_SYSTEM_BUS_ADDRESS=bluez.bus) as browser,
    ):
        yield RadioBrowsing(browser, bluez)


@contextmanager
def settled(page: Page, within_ms: int = 5_000) -> Iterator[None]:
    """What is done in it opens the browser's list; goes on once that was answered, or when nobody was found in time."""
    before = getattr(page, "chosen", None)  # a browser without a radio has no list
    yield
    while before is not None and page.chosen == before and within_ms > 0:
        page.wait_for_timeout(50)
        within_ms -= 50


class RadioBrowsing(Browsing):
    def __init__(self, browser: Browser, bluez: BlueZ) -> None:
        super().__init__(browser)
        self.bluez = bluez

    @contextmanager
    def visitor(self, url: str, chooser: Pick | object = PICK, **look) -> Iterator[Page]:
        with super().visitor(url, **look) as page:
            page.chooser, page.chosen = chooser, 0
            _Chooser(page, page.context.new_cdp_session(page))
            try:
                yield page
            finally:
                self.bluez.calm()


class _Chooser:
    """Answers each request once: Chromium tells of it again with each device, and a second answer crashes it."""

    def __init__(self, page: Page, cdp: CDPSession) -> None:
        self._page, self._cdp, self._answered = page, cdp, set()
        cdp.on("DeviceAccess.deviceRequestPrompted", self._prompted)
        cdp.send("DeviceAccess.enable")

    def _prompted(self, asked: dict) -> None:
        request = {"id": asked["id"]}
        if asked["id"] in self._answered:
            return
        if self._page.chooser is CANCEL:
            self._answered.add(asked["id"])
            self._cdp.send("DeviceAccess.cancelPrompt", request)
            self._page.chosen += 1
        elif device := self._page.chooser(asked["devices"]):
            self._answered.add(asked["id"])
            self._cdp.send("DeviceAccess.selectPrompt", {**request, "deviceId": device["id"]})
            self._page.chosen += 1
