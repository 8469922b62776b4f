"""The technician's pictures: what there is to do, a lock that is looked for, and one that was opened."""

from playwright.sync_api import expect

from hil_tests.picture import Picture
from tools.demo_world import BIKE_B

PHONE = (390, 844)
HERE = {"latitude": 52.0, "longitude": 4.0}  # the middle of hil_tests/town.py
JOBS = (
    ("BIKE-E", "The bolt is jammed", 2),
    (BIKE_B, "Pump up the tyres", 3),
    ("BIKE-C", "Charge the battery", 3),
)
LOCK_MS = 30_000  # for whatever a lock does


def jobs(page, scene):
    admin = scene.clients["admin"]
    for code, title, rank in JOBS:
        bike = admin.get("/api/v1/assets", code=code)["assets"][0]["asset_id"]
        admin.post("/api/v1/jobs", {"title": title, "asset": bike, "rank": rank})
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation(HERE)
    page.goto("/app/service/shift")
    page.get_by_role("button", name="Begin the shift").click()
    expect(page.get_by_role("heading", name="Shift until")).to_be_visible()
    expect(page.locator(".jobs li")).to_have_count(len(JOBS))


def lock(page, scene):
    page.goto(f"/app/service/b/{BIKE_B}")
    page.get_by_role("button", name="Find the lock").click()
    expect(page.locator(".colours li")).to_have_count(4, timeout=LOCK_MS)


def opened(page, scene):
    page.get_by_role("button", name="Open it").click()
    expect(page.get_by_text("The ring is open")).to_be_visible(timeout=LOCK_MS)
    expect(page.get_by_role("heading", name="The lock says")).to_be_visible()
    expect(page.get_by_role("button", name="Take its log along")).to_be_visible(timeout=LOCK_MS)
    page.evaluate("scrollTo(0, 0)")
    scene.members[BIKE_B].sim.hand("close")


PICTURES = (
    Picture("service-jobs", PHONE, "technician", jobs),
    Picture("service-lock", PHONE, "technician", lock),
    Picture("service-open", PHONE, "technician", opened),
)
