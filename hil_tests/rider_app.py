"""A rider with the app in a browser of phone size, for tests: what thumbs do, and what eyes wait for."""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect

from hil_tests.browser import Browsing, barriers, until
from hil_tests.radio_browser import settled

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
PASSWORD = "long enough to keep"
LOCK_MS = 20_000  # for whatever a lock does
_numbers = itertools.count(1)


@contextmanager
def rider(browsing: Browsing, url: str, code: str | None = None, script: str = "", **look) -> Iterator[Page]:
    """A page of somebody who has just signed up; with `code`, of who has claimed that bike and stands at its lock.
    `script` runs before each page of theirs."""
    with browsing.visitor(url, **PHONE, **look) as page:
        page.context.add_init_script(script)
        page.login = f"rita-{next(_numbers)}"
        sign_up(page, page.login)
        if code:
            claim(page, code)
        yield page


def sign_up(page: Page, login: str) -> None:
    page.goto("/app/join")
    page.locator("summary").click()
    page.locator("input[name=login]").fill(login)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("details button").click()
    expect(page).to_have_url(re.compile("/app/$"))
    expect(page.locator("nav a[aria-current]")).to_have_count(1)


def sign_in(page: Page, login: str) -> None:
    """Where the app asks for it."""
    page.get_by_label("Name or e-mail address").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def claim(page: Page, code: str) -> None:
    """By the sticker's link; the tap that claims also opens the browser's list of locks."""
    page.goto(f"/b/{code}")
    with settled(page):
        page.get_by_role("button", name="Claim this bike").click()
        expect(page).to_have_url(re.compile("/app/claims/"))
    expect(page.get_by_role("timer")).not_to_be_empty()  # the page has been drawn too, and has begun to look


def unlock(page: Page) -> None:
    page.get_by_role("button", name="Unlock").click(timeout=LOCK_MS)
    sees(page, "Have a good ride")


def sees(page: Page, heading: str) -> None:
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible(timeout=LOCK_MS)


def told(page: Page, sentence: str, step: str, look: bool = True) -> None:
    """What went wrong is said in one sentence, and what to do next is one button."""
    alarm = page.locator(".alarm")
    expect(alarm).to_contain_text(sentence, timeout=LOCK_MS)
    expect(alarm.get_by_role("button")).to_have_text([step])
    assert not look or barriers(page) == []


def steps(page: Page) -> None:
    """The tap on that one button."""
    page.locator(".alarm button").click()


def installed(page: Page) -> None:
    """The whole app is on the phone, for when there is no network."""
    until(page, "navigator.serviceWorker.controller?.state ?? null", "activated")
