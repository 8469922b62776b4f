"""A real browser for tests: Debian's Chromium, driven by Playwright, on pages of a cloud that runs.

What nobody wants on any page fails the test by itself: an error on the console, an uncaught exception, a request to
anybody else's server.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parent.parent
AXE = ROOT / "cloud/web/node_modules/axe-core/axe.min.js"
VENDOR = ROOT / "cloud/static/vendor/leaflet.js"
SERIOUS = ("serious", "critical")  # axe-core's word for what keeps people out


def chromium() -> str:
    """Its path. Skips the test where it is not installed, or fails it where RINGSLOT_NEEDS_WEB is set."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    missing = "no chromium (apt install chromium)" if found is None else "no cloud/static/vendor (make web)"
    if found is None or not VENDOR.exists():
        (pytest.fail if os.environ.get("RINGSLOT_NEEDS_WEB") else pytest.skip)(missing)
    return found


@contextmanager
def launched(*options: str, **environ: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", *options] if os.geteuid() == 0 else [*options]  # root has no sandbox
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=arguments, env={**os.environ, **environ}
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browsing(*options: str) -> Iterator["Browsing"]:
    with launched(*options) as browser:
        yield Browsing(browser)


class Browsing:
    """One browser; each visitor is a person with cookies of their own."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @contextmanager
    def visitor(self, url: str, **look) -> Iterator[Page]:
        """A page of someone at this cloud. Leaving it fails the test if anything was complained of meanwhile."""
        context: BrowserContext = self._browser.new_context(base_url=url, **{"locale": "en-GB", **look})
        context.set_default_timeout(15_000)
        complaints: list[str] = []
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: _ours(asked.url, url, complaints))
        page.complaints = complaints
        try:
            yield page
        finally:
            context.close()
        unexpected = [text for text in complaints if not text.startswith(EXPECTED)]
        assert not unexpected, unexpected


EXPECTED = (
    "Failed to load resource: the server responded with a status of 4",
    "Failed to load resource: net::ERR_INTERNET_DISCONNECTED",
)  # a refusal that the page shows; a network that a test has cut


def _ours(asked: str, url: str, complaints: list[str]) -> None:
    if not asked.startswith((url + "/", "data:", "blob:")):
        complaints.append(f"asked {asked}")


def until(page: Page, script: str, wanted: Any = True, within_s: float = 20) -> None:
    """Waits until the script's value is this; where it is a promise, what becomes of it, asked anew each time.

    Not Playwright's wait_for_function: that takes the promise itself for a yes, and goes on at once.
    """
    end = time.monotonic() + within_s
    while (value := page.evaluate(_SOON % script)) != wanted:
        assert time.monotonic() < end, f"{script} stayed {value!r}"
        page.wait_for_timeout(50)


_SOON = "Promise.race([%s, new Promise((after) => setTimeout(after, 5000, 'unanswered'))])"


def sign_in(page: Page, password: str, login: str = "anna", home: str = "Fleet") -> None:
    """To the page that one sees first."""
    page.goto("/console")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name=home, exact=True).wait_for()


def barriers(page: Page) -> list[str]:
    """What axe-core finds on the page that keeps people out."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']}: {node['target']}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """What on the page is wider than a phone."""
    page.set_viewport_size({"width": 375, "height": 800})
    found = page.evaluate(
        """document.documentElement.scrollWidth <= 375 ? [] : [...document.querySelectorAll("body *")]
        .filter(one => one.getBoundingClientRect().right > 375).map(one => one.outerHTML.slice(0, 80))"""
    )
    page.set_viewport_size({"width": 1280, "height": 720})
    return found
