"""The console's pictures: an admin's walk through it."""

import re

from playwright.sync_api import expect

from hil_tests.authenticator import Colleague
from hil_tests.picture import Picture
from hil_tests.town import STANDING, ZONES

WIDE = (1280, 800)
PHONE = (390, 844)


def signing_in(page, scene):
    colleague = Colleague(scene.fleet, "chief")
    page.goto("/console")
    page.get_by_label("Login").fill(colleague.login)
    page.get_by_label("Password").fill(colleague.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code of your authenticator app").fill(colleague.code())


def fleet(page, scene):
    page.goto("/console")
    expect(page.get_by_role("rowheader")).to_have_count(len(STANDING) + len(scene.members))
    expect(page.locator(".map canvas")).to_be_visible()


def attention(page, scene):
    page.goto("/console/attention")
    expect(page.get_by_role("main").get_by_role("listitem").first).to_be_visible()


def lock(page, scene):
    page.goto(f"/console/locks/{scene.lock('BIKE-C')}")
    expect(page.get_by_text("no ride starts")).to_be_visible()
    expect(page.locator(".plot").first).to_be_visible()


def ride(page, scene):
    page.goto("/console/rides")
    page.get_by_role("table", name="Rides").get_by_role("link").first.click()
    expect(page.get_by_text("ended", exact=True).first).to_be_visible()
    page.locator(".map canvas").scroll_into_view_if_needed()
    expect(page.locator(".map canvas")).to_be_visible()


def zones(page, scene):
    page.goto("/console/zones")
    expect(page.get_by_role("table", name="Zones").get_by_role("rowheader")).to_have_count(len(ZONES))
    form = page.get_by_role("form", name="New zone")
    form.get_by_label("Name").fill("Bridge")
    box = page.locator(".map").bounding_box()
    for x, y in ((0.30, 0.55), (0.38, 0.50), (0.42, 0.66), (0.33, 0.72)):
        page.locator(".map").click(position={"x": box["width"] * x, "y": box["height"] * y})
    expect(form.get_by_label("Corners")).to_have_value(re.compile(r"^(.+\n){3}.+$"))


def exports(page, scene):
    page.goto("/console/exports")
    expect(page.get_by_role("link", name="Rides as CSV")).to_be_visible()


PICTURES = (
    Picture("console-sign-in", (640, 700), "nobody", signing_in),
    Picture("console-fleet", WIDE, "admin", fleet),
    Picture("console-attention", WIDE, "admin", attention),
    Picture("console-lock", WIDE, "admin", lock),
    Picture("console-ride", WIDE, "admin", ride),
    Picture("console-zones", WIDE, "admin", zones),
    Picture("console-exports", (1280, 560), "admin", exports),
    Picture("console-phone", PHONE, "admin", attention, (("color_scheme", "dark"), ("locale", "nl-NL"))),
)
