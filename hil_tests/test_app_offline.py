"""The riders' app in a real browser, installed and without a network: what the worker and the store keep.

The cloud runs from a copy of its folder, so that a test can put a new version of the app there.
"""

import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from cloud.tables import Receipt
from cloud.tables_fleet import Fault
from cloud.testlock import Pen
from cloud.testsite import PASSWORD, Site, served
from hil_tests.browser import ROOT, until

pytestmark = pytest.mark.web

NETWORK_GONE = "Failed to load resource: net::ERR_INTERNET_DISCONNECTED"
RIDER = """async () => {
  const { openRider } = await import("/static/app/keep/rider.js");
  window.rider = await openRider();
}"""
ACTIVE = "navigator.serviceWorker.ready.then(({ active }) => active.scriptURL)"
CONTROLLED = "navigator.serviceWorker.controller?.state ?? null"
SETTLED = """const settled = async (worker, state) => {
  for (let tries = 0; worker.state === state && tries < 400; tries++) await new Promise((go) => setTimeout(go, 50));
  return worker.state;
};"""
FETCHED = f"""async () => {{
  {SETTLED}
  const kept = await navigator.serviceWorker.ready;
  await kept.update();
  return settled((window.newest = kept.installing ?? kept.waiting), "installing");
}}"""
TAKEN_OVER = f"""async () => {{
  {SETTLED}
  newest.postMessage("go");
  await settled(newest, "installed");
  return settled(newest, "activating");
}}"""
HELD = """async () => {
  const [name, ...more] = await caches.keys();
  const asked = await (await caches.open(name)).keys();
  return [...more, ...asked.map(({ url }) => new URL(url).pathname)];
}"""


class Town:
    """A cloud and, for each test, a bike and a rider; `app`: where its app's files lie."""

    def __init__(self, site: Site, folder: Path, url: str) -> None:
        self.site, self.app, self.url = site, folder / "cloud/static/app", url

    def count(self, table) -> int:
        with self.site.cloud.db.reading() as session:
            return session.scalar(select(func.count()).select_from(table))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    folder = tmp_path_factory.mktemp("town")
    for name in ("cloud", "protocol"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("node_modules", "__pycache__")
        )
    site = Site(folder, now=int(time.time()))
    with served(site, folder / "web.log", root=folder) as (host, port):
        yield Town(site, folder, f"http://{host}:{port}")
    site.close()


@pytest.fixture
def town(cloud):
    cloud.bike, cloud.login = cloud.site.bike(), cloud.site.person().login
    return cloud


@contextmanager
def visit(browser, town):
    """A page of the app whose worker is at work, and a Rider in it who has signed in."""
    with browser.visitor(town.url) as page:
        page.goto("/app/")
        assert page.evaluate(ACTIVE) == town.url + "/app/worker.js"
        page.evaluate(RIDER)
        page.evaluate("([login, password]) => rider.signIn({ login, password })", [town.login, PASSWORD])
        yield page
        page.complaints[:] = [said for said in page.complaints if not said.startswith(NETWORK_GONE)]


def claims(page, town):
    """The claim, as the page has it."""
    return page.evaluate("(code) => rider.claim({ code })", town.bike.code)


def hears(page, town, claim):
    """The phone is given the receipt of an OPEN by that bike's lock."""
    receipt = Pen(town.bike.lock_id, town.bike.k_lock, town.site.now - 60).open(
        bytes.fromhex(claim["claim_id"]), town.site.now
    )
    page.evaluate(
        """([claim, hex]) => rider.inside.keep({ ...claim, user: rider.inside.user },
        Uint8Array.from(hex.match(/../g), (two) => parseInt(two, 16)))""",
        [claim, receipt.hex()],
    )


def in_the_way(page):
    """What Chromium says keeps it from being installed; that a test's browser is private is not the app's fault."""
    devtools = page.context.new_cdp_session(page)
    assert devtools.send("Page.getAppManifest")["errors"] == []
    found = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    return [each["errorId"] for each in found if each["errorId"] != "in-incognito"]


def test_it_can_be_installed(browser, town):
    with visit(browser, town) as page:
        assert in_the_way(page) == []
        page.route("**/manifest.webmanifest", lambda route: route.fulfill(json={"name": "Ringslot"}))
        page.goto("/app/rides")
        assert "manifest-missing-suitable-icon" in in_the_way(page)  # it does look


def test_it_starts_without_a_network_and_the_worker_holds_nothing_of_the_api(browser, town):
    with visit(browser, town) as page:
        claim = claims(page, town)
        page.context.set_offline(True)
        other = page.context.new_page()
        assert other.goto("/app/rides").status == 200
        other.evaluate(RIDER)
        assert other.evaluate("rider.me()")["login"] == town.login
        assert other.evaluate("(id) => rider.held(id)", claim["claim_id"])["code"] == town.bike.code
        kept = other.evaluate(HELD)
        assert "/app/" in kept and "/static/app/keep/rider.js" in kept
        assert not [path for path in kept if path.startswith("/api")]
        assert {path.relative_to(town.app).as_posix() for path in town.app.rglob("*.js")} - {"worker.js"} == {
            path.removeprefix("/static/app/")
            for path in kept
            if path.startswith("/static/app/") and path.endswith("js")
        }


def renew(town):
    """A new version of the app, by a byte or so."""
    style = town.app / "app.css"
    style.write_text(style.read_text() + "/* newer */\n")


def past_the_worker(page):
    """A forced reload: the page is no worker's, as one that was loaded while its worker was being installed."""
    with page.expect_navigation():
        page.context.new_cdp_session(page).send("Page.reload", {"ignoreCache": True})


def test_a_page_that_is_no_workers_is_taken_by_the_newest(browser, town):
    with visit(browser, town) as page:
        until(page, CONTROLLED, "activated")
        past_the_worker(page)
        until(page, CONTROLLED, "activated")
        page.context.set_offline(True)
        page.get_by_role("link", name="Ride", exact=True).click()
        expect(page.get_by_role("heading", name="My claims and rides", exact=True)).to_be_visible()
        page.context.set_offline(False)
        before = page.evaluate("caches.keys()")
        renew(town)
        past_the_worker(page)
        until(page, CONTROLLED, "activated")
        after = page.evaluate("caches.keys()")
        assert len(after) == 1 and after != before  # never a page of one version with the files of another


def test_a_page_that_was_taken_late_hears_of_the_next_version_too(browser, town):
    with visit(browser, town) as page:
        until(page, CONTROLLED, "activated")
        past_the_worker(page)
        until(page, CONTROLLED, "activated")
        renew(town)
        assert page.evaluate(FETCHED) == "installed"
        assert page.evaluate(TAKEN_OVER) == "activated"
        with page.expect_event("load"):  # pages of the new version are for a frame of the new version
            page.get_by_role("link", name="Ride", exact=True).click()


def test_what_was_done_offline_is_delivered_once_by_one_of_two_tabs(browser, town):
    with visit(browser, town) as page:
        claim = claims(page, town)
        page.context.set_offline(True)
        before = town.count(Fault), town.count(Receipt)
        fault = {"code": town.bike.code, "kind": "brake", "text": "It squeals"}
        assert page.evaluate("(fault) => rider.fault(fault)", fault) == {"queued": True}
        hears(page, town, claim)
        assert page.evaluate("rider.waiting()") == 2
        other = page.context.new_page()
        other.goto("/app/")
        other.evaluate(RIDER)
        page.context.set_offline(False)
        for tab in (page, other):  # both begin before either is done
            tab.evaluate("() => { window.done = rider.deliver(); }")
        for tab in (page, other):
            assert tab.evaluate("done.then(({ waiting }) => waiting)") == 0
        assert (town.count(Fault), town.count(Receipt)) == (before[0] + 1, before[1] + 1)
        assert page.evaluate("(claim) => rider.receipts(claim)", claim)["verdict"] == "same"


def test_two_tabs_at_one_lock_one_is_told(browser, town):
    with visit(browser, town) as page:
        claim = claims(page, town)
        other = page.context.new_page()
        other.goto("/app/")
        other.evaluate(RIDER)
        begin = """async (claim) => {
          const link = { listen() {}, write() {}, cut() {} };
          return rider.visit(claim, link).then((visit) => ((window.visit = visit), "here"), ({ code }) => code);
        }"""
        assert page.evaluate(begin, claim) == "here"
        assert other.evaluate(begin, claim) == "other_tab"
        page.close()  # or killed: the browser lets go
        assert other.evaluate(
            f"""async (claim) => {{
            for (let tries = 0; tries < 100; tries++) {{
                if ((await ({begin})(claim)) === "here") return true;
                await new Promise((settle) => setTimeout(settle, 50));
            }}
        }}""",
            claim,
        )


def test_an_update_of_the_app_keeps_the_token_and_the_receipt(browser, town):
    with visit(browser, town) as page:
        claim = claims(page, town)
        page.context.route("**/api/v1/receipts", lambda route: route.abort("internetdisconnected"))
        hears(page, town, claim)
        before = page.evaluate(
            "(id) => rider.inside.db.get('claims', id).then(({ token }) => [...token])", claim["claim_id"]
        )
        names = page.evaluate("caches.keys()")
        schema = town.app / "keep/db.js"
        text = schema.read_text()
        assert text.count("\n];\n") == 1
        schema.write_text(text.replace("\n];\n", '\n  (db) => db.createObjectStore("more"),\n];\n'))
        assert page.evaluate(FETCHED) == "installed"
        assert page.evaluate("rider.waiting()") == 1  # and nothing changes under the page that is open
        assert page.evaluate(TAKEN_OVER) == "activated"
        assert names[0] not in page.evaluate("caches.keys()")
        page.reload()
        page.evaluate(RIDER)
        assert page.evaluate("rider.inside.db.all('more')") == []  # the schema is the new one
        kept = "(id) => rider.inside.db.get('claims', id).then(({ token, key }) => [[...token], key.extractable])"
        assert page.evaluate(kept, claim["claim_id"]) == [before, False]
        assert page.evaluate("rider.waiting()") == 1
        page.context.unroute("**/api/v1/receipts")
        assert page.evaluate("rider.deliver()")["waiting"] == 0
        assert page.evaluate("(claim) => rider.receipts(claim)", claim)["verdict"] == "same"
