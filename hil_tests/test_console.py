"""The console in a real browser, before a living fleet."""

import pytest
from playwright.sync_api import expect

from hil_tests.browser import barriers, sign_in
from tools.fleet import Fleet

pytestmark = pytest.mark.web


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with Fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        for code in ("BIKE-A", "BIKE-B"):
            fleet.add(code)
        fleet.password = fleet.person("anna", "admin")[1]
        yield fleet


def test_a_wrong_password_is_said_and_a_right_one_leads_to_the_fleet(browser, fleet):
    with browser.visitor(fleet.cloud.url) as page:
        page.goto("/console")
        assert barriers(page) == []
        page.get_by_label("Login").fill("anna")
        page.get_by_label("Password").fill("not the password")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("alert")).to_have_text("This login and password do not match.")
        sign_in(page, fleet.password)
        expect(page.get_by_role("rowheader")).to_contain_text(["BIKE-A", "BIKE-B"])
        page.get_by_label("Find a bicycle or lock").fill("e-b")
        expect(page.get_by_role("status")).to_have_text("1 bicycle, 0 riding, 0 to look at")
        assert barriers(page) == []
        assert page.evaluate("document.cookie") == ""
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("heading", name="Sign in").wait_for()


def test_in_dutch(browser, fleet):
    with browser.visitor(fleet.cloud.url) as page:
        sign_in(page, fleet.password)
        page.get_by_label("Language").select_option("nl")
        page.get_by_role("heading", name="Vloot").wait_for()
        assert page.evaluate("document.documentElement.lang") == "nl"
        expect(page.get_by_role("row").first).to_contain_text("Laatst gehoord")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_that_everybody_can_read(browser, fleet, scheme):
    with browser.visitor(fleet.cloud.url, color_scheme=scheme) as page:
        sign_in(page, fleet.password)
        expect(page.get_by_role("rowheader")).to_have_count(2)
        assert barriers(page) == []


def test_a_lock_is_asked_to_blink_and_one_sees_when_it_did(browser, fleet):
    with browser.visitor(fleet.cloud.url) as page:
        sign_in(page, fleet.password)
        page.get_by_role("link", name="BIKE-A").click()
        page.get_by_role("heading", name="BIKE-A").wait_for()
        page.get_by_role("button", name="Let it blink").click()
        row = page.get_by_role("table", name="Commands").get_by_role("row").nth(1)
        expect(row).to_contain_text("blink")
        expect(row.get_by_role("cell").nth(2)).not_to_contain_text("not yet", timeout=40_000)
        assert barriers(page) == []
        page.get_by_role("link", name="Attention").click()
        expect(page.get_by_role("status")).to_have_text("Nothing needs anybody.")
        page.go_back()
        page.get_by_role("heading", name="BIKE-A").wait_for()


def test_a_lock_is_given_other_settings_and_says_that_it_took_them(browser, fleet):
    with browser.visitor(fleet.cloud.url) as page:
        sign_in(page, fleet.password)
        page.get_by_role("link", name="BIKE-B").click()
        page.get_by_role("heading", name="BIKE-B").wait_for()
        page.get_by_text("Other settings").click()
        form = page.get_by_role("form", name="Other settings")
        form.get_by_role("button", name="Send to the lock").click()
        expect(form.get_by_role("alert")).to_have_text("Change one at least.")
        form.get_by_label("A position every").fill("7")
        assert barriers(page) == []
        form.get_by_role("button", name="Send to the lock").click()
        row = page.get_by_role("table", name="Commands").get_by_role("row").nth(1)
        expect(row).to_contain_text("fix_every_s 7")
        expect(row.get_by_role("cell").nth(2)).not_to_contain_text("not yet", timeout=40_000)
        expect(row).not_to_contain_text("refused")
