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


class RadioBrowsing(Browsing):
    def __init__(self, browser: Browser, bluez: BlueZ) -> None:
        super().__init__(browser)
        self.bluez = bluez

    @contextmanager
    def visitor(self, url: str, chooser: Pick | object = PICK, **look) -> Iterator[Page]:
        with super().visitor(url, **look) as page:
            page.chooser = chooser
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
        elif device := self._page.chooser(asked["devices"]):
            self._answered.add(asked["id"])
            self._cdp.send("DeviceAccess.selectPrompt", {**request, "deviceId": device["id"]})
