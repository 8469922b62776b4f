"""The rider's pictures: from the bikes near by to the receipt, at phone size."""

import time

from playwright.sync_api import expect

from hil_tests.picture import Picture
from hil_tests.town import EAST_E7, NORTH_E7, way

PHONE = (390, 844)
BIKE = "BIKE-A"
HERE = {
    "latitude": NORTH_E7 / 1e7 + 0.0032,
    "longitude": EAST_E7 / 1e7 + 0.0024,
}  # near where that bike stands
LOOK = (("is_mobile", True), ("has_touch", True), ("permissions", ("geolocation",)))
LOCK_MS = 30_000
WAY = [(440, 220), (380, 130), (300, 60)]
RIDE_S = 120


def bikes(page, scene):
    page.context.set_geolocation(HERE)
    page.goto("/app/")
    page.get_by_role("button", name="Near me").click()
    expect(page.locator("main .list a").first).to_contain_text(" m")
    expect(page.locator(".pin").first).to_be_visible()


def colours(page, scene):
    page.goto(f"/b/{BIKE}")
    page.get_by_role("button", name="Claim this bike").click()
    expect(page.get_by_role("button", name="Unlock")).to_be_visible(timeout=LOCK_MS)


def stuck(page, scene):
    hand = scene.members[BIKE].sim.hand
    hand("jam", on=True)
    page.get_by_role("button", name="Unlock").click()
    expect(page.locator(".alarm")).to_contain_text("The ring is stuck.", timeout=LOCK_MS)
    hand("jam", on=False)


def riding(page, scene):
    lock = scene.members[BIKE].sim
    page.locator(".alarm button").click()
    expect(page.get_by_role("heading", name="Have a good ride")).to_be_visible(timeout=LOCK_MS)
    lock.hand("ride", points=[list(point) for point in way(WAY)])
    end = time.monotonic() + RIDE_S
    while (state := lock.state())["riding"] or state["moving"]:
        assert time.monotonic() < end, "the way has no end"
        page.wait_for_timeout(500)


def parked(page, scene):
    scene.members[BIKE].sim.hand("close")
    expect(page.get_by_role("heading", name="Parked")).to_be_visible(timeout=LOCK_MS)


def receipt(page, scene):
    page.get_by_role("button", name="End the ride").click()
    expect(page.get_by_role("heading", name="The ride has ended")).to_be_visible(timeout=LOCK_MS)
    expect(page.get_by_text("signed copy says the same")).to_be_visible(timeout=LOCK_MS)


def history(page, scene):
    page.goto("/app/rides")
    page.locator("main .list a").first.click()
    end = time.monotonic() + RIDE_S
    while not page.locator(".map path").count():  # the lock tells where it was in its own time
        assert time.monotonic() < end, "no track came"
        page.wait_for_timeout(2000)
        page.reload()
        expect(page.get_by_role("heading", name="The ride", exact=True)).to_be_visible()


def fault(page, scene):
    page.goto(f"/app/fault/{BIKE}")
    page.get_by_label("What is broken?").select_option("bell")
    expect(page.get_by_role("button", name="Report", exact=True)).to_be_visible()


PICTURES = tuple(
    Picture(f"app-{steps.__name__}", PHONE, "rider", steps, LOOK)
    for steps in (bikes, colours, stuck, riding, parked, receipt, history, fault)
)
