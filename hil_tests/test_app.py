"""The rider's app in Chromium at phone size, away from any lock: what one sees, what is said, where buttons lead."""

import re

import pytest
from playwright.sync_api import expect

from cloud import fixes
from hil_tests.browser import barriers, until
from hil_tests.rider_app import PHONE, claim, installed, rider, sees, sign_in, told
from tools.fleet import Fleet

pytestmark = pytest.mark.web

BIKES = ("BIKE-A", "BIKE-B", "BIKE-C")
SCRIPT_MAX = 100 * 1024  # bytes of our own that a page loads
TOUCH = 44  # CSS pixels: WCAG 2.5.5

# a native shell's radio that ends as the test says, in place of the browser's
SHELL = """globalThis.ringslotRadio = {
  asked: 0,
  support: async () => globalThis.missing ?? "ready",
  async choose() {
    this.asked += 1;
    if (globalThis.ends === "never") return new Promise(() => {});
    throw Object.assign(new Error(), { name: globalThis.ends ?? "CANCELLED" });
  },
};"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with Fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        for code in BIKES:
            fleet.add(code, start=False)
        yield fleet


@pytest.fixture
def page(browser, fleet):
    with rider(browser, fleet.cloud.url) as page:
        yield page


def shelled(browser, fleet, **look):
    """A rider's page with that radio."""
    return rider(browser, fleet.cloud.url, script=SHELL, **look)


# ---- every end, and its next step


LISTS = "import('/static/app/protocol/outcome.js').then(({ NAMES, outcome }) => NAMES.map((name) => outcome(name)))"
WORDS = "(tag) => import(`/static/app/words_${tag}.js`).then((words) => words.default)"
LOADED = """Object.fromEntries(performance.getEntriesByType("resource").map(({ name, decodedBodySize }) =>
  [new URL(name).pathname, decodedBodySize]).filter(([path]) => path.endsWith(".js") && !path.includes("/vendor/")))"""
WORKED = "ride"
AWAY = "The server cannot be reached. What you hold on this phone works all the same."


@pytest.mark.parametrize("tag", ["en", "nl"])
def test_each_end_is_one_sentence_and_one_button_that_asks_again_or_leads_on(browser, fleet, tag):
    with shelled(browser, fleet) as page:
        claim(page, "BIKE-A")
        page.evaluate("(tag) => localStorage.setItem('ringslot.language', tag)", tag)
        words = page.evaluate(WORDS, tag)
        ends = [end for end in page.evaluate(LISTS) if end["next"] != WORKED]
        assert len(ends) > 35
        home = page.url
        for end in ends:
            page.goto(home)
            page.evaluate("(name) => globalThis.ends = name", end["name"])
            page.get_by_role("button", name=words["claim.find"]).click()
            told(page, words[f"outcome.{end['name']}"], words[f"next.{end['next']}"], look=False)
        assert barriers(page) == []
        page.get_by_role("button", name=words["claim.cancel"]).click()
        expect(page).to_have_url(re.compile("/app/$"))


AGAIN = "wait again closer resume online close open switch_on allow choose".split()
LEADS = {  # step: the page that it leads to
    "claim": "/app/b/BIKE-B",
    "scan": "/app/scan",
    "another": "/app/",
    "report": "/app/fault/BIKE-B",
    "other_device": "/app/help",
    "sign_in": "/app/",
}


def test_where_each_next_step_leads(browser, fleet):
    with shelled(browser, fleet) as page:
        claim(page, "BIKE-B")
        home = page.url
        found = {end["next"]: end["name"] for end in page.evaluate(LISTS)}
        assert set(found) == {*AGAIN, *LEADS, "take_over", "update", WORKED}
        for step in [*AGAIN, "take_over", "update", *LEADS]:
            if step in ("scan", "another", "report"):  # the one before gave the claim back
                claim(page, "BIKE-B")
                home = page.url
            page.goto(home)
            page.evaluate("(name) => globalThis.ends = name", found[step])
            page.get_by_role("button", name="Find the lock").click()
            button = page.locator(".alarm button")
            button.focus()
            page.keyboard.press("Enter")
            if step in AGAIN:
                until(page, "ringslotRadio.asked", 2)
                expect(page.locator(".alarm button")).to_be_focused()  # who listens is told anew
            elif step in LEADS:
                expect(page).to_have_url(fleet.cloud.url + LEADS[step])
            else:
                expect(page.get_by_role("button", name="Find the lock")).to_be_visible()
        page.goto(home)
        page.get_by_role("button", name="Give the claim back").click()
        sees(page, "Bikes")


def test_a_search_that_lasts_is_stopped(browser, fleet):
    with shelled(browser, fleet) as page:
        claim(page, "BIKE-C")
        again = page.locator(".alarm button")  # the tap that claimed asked once already
        again.wait_for()
        page.evaluate("globalThis.ends = 'never'")
        again.click()
        expect(page.get_by_text("Looking for the lock …")).to_be_visible()
        assert barriers(page) == []
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("heading", name="Stand next to the bike")).to_be_focused()
        page.get_by_role("button", name="Give the claim back").click()
        sees(page, "Bikes")


def test_a_browser_without_bluetooth_says_so_and_offers_what_works(browser, fleet):
    with rider(browser, fleet.cloud.url, script=SHELL + "globalThis.missing = 'missing';") as page:
        claim(page, "BIKE-C")
        sees(page, "No Bluetooth here")
        assert barriers(page) == []
        page.get_by_role("link", name="What works instead").click()
        sees(page, "If the phone does not work")
        expect(page.locator(".note")).to_contain_text("Safari and Firefox are such.")
        expect(page.get_by_role("heading", level=2)).to_have_text(
            ["Another phone or browser", "End a ride by hand", "A technician"]
        )
        assert barriers(page) == []
        page.get_by_role("link", name="My claims and rides").click()
        page.get_by_role("button", name="Give the claim back").click()
        sees(page, "Bikes")


# ---- signing in and up


def test_a_sticker_leads_a_stranger_by_signing_in_to_the_bike(browser, fleet):
    with rider(browser, fleet.cloud.url) as page:
        login = page.login
    with browser.visitor(fleet.cloud.url, **PHONE) as page:
        page.goto("/b/BIKE-A")
        sees(page, "Sign in")
        assert barriers(page) == []
        page.get_by_label("Name or e-mail address").fill(login)
        page.get_by_label("Password").fill("not the password")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("alert")).to_have_text("This name and password do not match.")
        sign_in(page, login)
        sees(page, "BIKE-A")
        assert page.evaluate("document.cookie") == ""
        assert barriers(page) == []


def test_a_mailed_link_makes_an_account(browser, fleet):
    with browser.visitor(fleet.cloud.url, **PHONE) as page:
        page.goto("/app/join")
        assert barriers(page) == []
        page.get_by_label("E-mail address").fill("rita@example.org")
        page.get_by_role("button", name="Mail me a link").click()
        expect(page.get_by_role("status").filter(has_text="rita@example.org")).to_be_visible()
        page.goto(mailed(fleet, "rita@example.org"))
        page.get_by_label("Password").fill("long enough to keep")
        page.get_by_role("button", name="Sign up").click()
        page.get_by_role("link").last.wait_for()
        page.goto("/app/")
        sign_in(page, "rita@example.org")
        sees(page, "Bikes")


def test_a_name_that_is_taken(browser, page, fleet):
    with browser.visitor(fleet.cloud.url, **PHONE) as other:
        other.goto("/app/join")
        other.locator("summary").click()
        other.locator("input[name=login]").fill(page.login)
        other.locator("input[name=password]").fill("another password")
        other.locator("details button").click()
        expect(
            other.get_by_role("alert").filter(has_text="This name is taken; choose another.")
        ).to_be_visible()


# ---- bikes


def test_a_bike_is_found_by_its_code_claimed_and_given_back(page):
    expect(page.get_by_role("status").filter(has_text="bikes are free")).to_be_visible()
    page.get_by_role("link", name="Scan a bike").click()
    page.get_by_label("Code on the bike").fill("BIKE-C")
    page.get_by_role("button", name="To this bike").click()
    sees(page, "BIKE-C")
    page.get_by_role("button", name="Claim this bike").click()
    expect(page.get_by_role("timer")).to_contain_text("Yours until")
    page.get_by_role("link", name="Ride", exact=True).click()
    sees(page, "BIKE-C")
    page.get_by_role("button", name="Give the claim back").click()
    sees(page, "Bikes")


def test_a_bike_that_is_not_there_and_one_that_is_taken(browser, page, fleet):
    page.goto("/app/b/NOT-THERE")
    sees(page, "There is no bike NOT-THERE")
    assert barriers(page) == []
    with rider(browser, fleet.cloud.url, "BIKE-B") as other:
        page.goto("/app/b/BIKE-B")
        expect(page.get_by_text("Someone else claimed this bike.")).to_be_visible()
        page.get_by_role("link", name="Other bikes").click()
        sees(page, "Bikes")
        other.get_by_role("button", name="Give the claim back").click()
        sees(other, "Bikes")


CAMERA = """navigator.mediaDevices.getUserMedia = async () => document.createElement("canvas").captureStream();
globalThis.BarcodeDetector = class {
  static getSupportedFormats = async () => ["qr_code"];
  detect = async () => ["https://elsewhere.example/b/BIKE-A", `${location.origin}/b/BIKE-B`]
    .map((rawValue) => ({ rawValue }));
};"""


def test_a_sticker_is_read_by_the_camera_and_another_sites_is_not(browser, fleet):
    with rider(browser, fleet.cloud.url, script=CAMERA) as page:
        page.get_by_role("link", name="Scan a bike").click()
        sees(page, "BIKE-B")


def test_bikes_show_how_old_and_how_exact_their_position_is_and_the_nearest_comes_first(browser, fleet):
    """Ten metres, two and five minutes ago, a hundred metres apart; the third was never heard of."""
    now = fleet.context.now()
    places = {"BIKE-A": (now - 120, 52_0900000, 100), "BIKE-B": (now - 300, 52_0909000, 50)}
    with fleet.context.db.writing() as session:
        for code, (at, lat, accuracy) in places.items():
            row = {
                "lock_id": fleet.members[code].lock_id.hex(),
                "seq": 1,
                "at": at,
                "lat": lat,
                "lon": 5_1200000,
            }
            fixes.store(session, [{**row, "accuracy": accuracy}])
    with rider(browser, fleet.cloud.url, permissions=["geolocation"]) as page:
        page.context.set_geolocation({"latitude": 52.0909, "longitude": 5.12})
        lines = page.locator("main .list a")
        expect(lines).to_contain_text(
            ["2 minutes ago, to within 10 m", "5 minutes ago, to within 5 m", "unknown"]
        )
        page.get_by_role("button", name="Near me").click()
        expect(lines).to_contain_text(["BIKE-B", "BIKE-A100 m", "BIKE-C"])
        assert barriers(page) == []
        page.locator(".map").get_by_role("button", name="BIKE-A").press("Enter")  # a pin is a button
        sees(page, "BIKE-A")


def test_where_i_am_is_asked_only_when_i_say_so(browser, fleet):
    with rider(browser, fleet.cloud.url) as page:
        page.get_by_role("button", name="Near me").click()
        expect(page.get_by_role("alert")).to_contain_text("This page may not know where you are.")
        page.context.grant_permissions(["geolocation"])
        page.context.set_geolocation({"latitude": 52.09, "longitude": 5.12})
        page.get_by_role("button", name="Near me").click()
        expect(page.get_by_role("button", name="Near me")).not_to_have_attribute("aria-disabled", "true")
        expect(page.get_by_role("alert")).to_have_count(0)


# ---- without a network, without room


def test_at_the_lock_a_page_loads_less_than_its_share_of_script(browser, fleet):
    with shelled(browser, fleet) as page:
        claim(page, "BIKE-C")
        page.reload()
        page.locator(".alarm, .big").first.wait_for()
        sizes = page.evaluate(LOADED)
        assert {"/static/app/protocol/flow.js", "/static/app/words_en.js"} <= set(sizes)
        assert 50_000 < sum(sizes.values()) < SCRIPT_MAX, sizes
        page.get_by_role("button", name="Give the claim back").click()
        sees(page, "Bikes")


def test_the_app_starts_without_a_network_and_shows_what_it_knew(page):
    expect(page.get_by_role("status").filter(has_text="bikes are free")).to_be_visible()
    installed(page)
    page.context.set_offline(True)
    page.goto("/app/")
    expect(page.get_by_text("No network: this is what was known")).to_be_visible()
    expect(page.locator("#network")).to_contain_text("No network.")
    assert barriers(page) == []
    page.get_by_role("link", name="BIKE-A").click()
    page.get_by_role("button", name="Claim this bike").click()
    expect(page.get_by_role("alert")).to_have_text(AWAY)
    page.get_by_role("link", name="Report a fault").click()
    page.get_by_label("What is broken?").select_option("bell")
    page.get_by_role("button", name="Report", exact=True).click()
    expect(page.get_by_text("Kept on this phone; it is sent as soon as there is a network.")).to_be_visible()
    page.get_by_role("link", name="More").click()
    expect(page.locator("dl")).to_contain_text("Waiting to be sent1")
    with page.expect_response(lambda one: one.url.endswith("/faults") and one.status == 201):
        page.context.set_offline(False)
    expect(page.locator("dl")).to_contain_text("Waiting to be sent0")


@pytest.mark.parametrize("lost", ["pages/claims.js", "keep/more.js"])
def test_a_part_of_the_app_that_does_not_come_is_a_network_that_is_away(browser, fleet, lost):
    with rider(browser, fleet.cloud.url, service_workers="block") as page:  # one that is not installed yet
        page.route(f"**/static/app/{lost}", lambda route: route.abort("internetdisconnected"))
        page.goto("/app/claims")
        expect(page.get_by_role("alert")).to_have_text(AWAY)
        page.unroute(f"**/static/app/{lost}")
        page.get_by_role("button", name="Try again").click()
        sees(page, "My claims and rides")


def test_a_phone_that_is_full_is_told_before_anything_is_claimed(browser, fleet):
    full = "navigator.storage.estimate = async () => ({ quota: 1000, usage: 999 });"
    with rider(browser, fleet.cloud.url, script=full) as page:
        page.goto("/app/b/BIKE-A")
        page.get_by_role("button", name="Claim this bike").click()
        expect(page.get_by_role("alert")).to_contain_text("Make room first; nothing was claimed.")
        page.goto("/app/b/BIKE-A")
        expect(page.get_by_text("This bike is free.")).to_be_visible()


# ---- everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_for_everybody(browser, fleet, scheme):
    with rider(browser, fleet.cloud.url, color_scheme=scheme) as page:
        for path, heading in PATHS.items():
            page.goto(f"/app/{path}")
            sees(page, heading)
            expect(page.get_by_role("heading", level=1)).to_be_focused()
            assert barriers(page) == [], path
            assert page.evaluate(STICKS_OUT) == [], path
            assert page.evaluate(TOO_SMALL, TOUCH) == [], path


PATHS = {
    "": "Bikes",
    "b/BIKE-A": "BIKE-A",
    "scan": "Scan the sticker",
    "claims": "My claims and rides",
    "rides": "My rides",
    "fault/BIKE-A": "Report a fault",
    "messages": "My messages",
    "help": "If the phone does not work",
    "join": "New here? Sign up",
    "settings": "Settings",
    "elsewhere": "There is no such page",
}
SHOWN = "(one) => one.offsetParent && !one.closest('.skip, header, .map')"
STICKS_OUT = f"""() => [...document.querySelectorAll("body *")].filter({SHOWN})
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML)"""
TOO_SMALL = f"""(least) => [...document.querySelectorAll("a, button, input, select, textarea, summary")].filter({SHOWN})
  .filter((one) => one.getBoundingClientRect().height < least).map((one) => one.outerHTML)"""


def test_with_a_keyboard_alone(page):
    page.goto("/app/")
    page.get_by_role("link", name="BIKE-A").wait_for()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.get_by_role("link", name="BIKE-A").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="BIKE-A")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Claim this bike")).to_be_focused()
    page.go_back()
    sees(page, "Bikes")


def test_in_dutch(page):
    page.get_by_role("link", name="More").click()
    page.get_by_label("Language").select_option("nl")
    sees(page, "Instellingen")
    assert page.evaluate("document.documentElement.lang") == "nl"
    assert barriers(page) == []


def test_signing_out_and_in_again(browser, page, fleet):
    page.get_by_role("link", name="More").click()
    expect(page.get_by_role("heading", name=f"Signed in as {page.login}")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    sees(page, "Sign in")
    sign_in(page, page.login)
    sees(page, "Bikes")


def mailed(fleet, to):
    """The link in the mail, once it has come."""
    from hil_tests.test_account_page import mailed as found

    fleet.cloud.mails = fleet.folder / "mail"
    return found(fleet.cloud, to, "Confirm your address").replace("localhost", "127.0.0.1")
