"""What a picture for the docs is, and the scene that it is taken of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import BrowserContext, Locator, Page

from hil_tests import town
from hil_tests.browser import Browsing, browsing
from hil_tests.radio_browser import radio_browser
from tools.demo_world import BIKE_A, BIKE_B, SETTINGS
from tools.fleet import Fleet, Member

SOON = {"batch": 5, "uplink_every_s": 10, "status_every_s": 10}  # as the demo, and nobody waits for a minute
ROLES = ("admin", "technician", "rider")


class Picture(NamedTuple):
    """`steps(page, scene)` walks to what is to be seen and waits for it; the locator that it returns, if any, is all
    that is taken. `who`: "admin", "technician", "rider" or "nobody"; `size`: of the window in CSS pixels; `look`:
    more of what Playwright's new_context takes. Pictures of one person and look share a page, in the tables' order."""

    name: str
    size: tuple[int, int]
    who: str
    steps: Callable[[Page, "Scene"], Locator | None]
    look: tuple[tuple[str, Any], ...] = ()


class Scene:
    """`fleet` runs; `clients` ask its API, by role; `browser` may have Web Bluetooth on its radio."""

    browser: Browsing

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.clients, self.passwords = {}, {}
        for role in ROLES:
            self.clients[role], self.passwords[role] = fleet.person(role, role)

    @property
    def cloud(self) -> str:
        return self.fleet.cloud.url

    @property
    def members(self) -> dict[str, Member]:
        """The locks that run, by code: BIKE-A, which was ridden, and BIKE-B."""
        return self.fleet.members

    def sign_in(self, visitor: BrowserContext, who: str) -> None:
        """By cookie, as the pages do it."""
        fields = {"login": who, "password": self.passwords[who], "cookie": True}
        answer = visitor.request.post(f"{self.cloud}/api/v1/sessions", data=fields)
        assert answer.ok, answer.text()

    def lock(self, code: str) -> str:
        """Its id."""
        return self.clients["admin"].get("/api/v1/assets", code=code)["assets"][0]["lock_id"]


@contextmanager
def scene(folder: Path, radio: bool) -> Iterator[Scene]:
    """The demo's fleet in a town, with a browser before it. It takes a minute or two to be there. `radio`: whether
    the browser has any."""
    with Fleet(folder, {**SETTINGS, **SOON}) as fleet:
        for code in (BIKE_A, BIKE_B):
            fleet.add(code)
        made = Scene(fleet)
        town.furnish(fleet, made.clients["admin"], made.clients["rider"], folder)
        with radio_browser(fleet) if radio else browsing() as made.browser:
            yield made
