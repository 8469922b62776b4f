"""The cloud's part of the attack catalogue (hil_tests/README.md), G: each case by its name, and where else it is tried.

G01, and "a stranger's is 404" of G02: test_matrix.py. G03: test_running.py. G05: test_gbfs.py. G06 between processes:
test_race.py, test_idempotency.py. G07 on the pages: test_pages.py, hil_tests/test_console.py.
"""

import itertools
import secrets
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from cloud import claims, limits, receipts
from cloud.body import b64
from cloud.tables import Claim, IssuedToken, Lock, Ride
from cloud.test_matrix import ROWS, never
from cloud.testlock import Pen, proof, public
from cloud.testride import bring, pen_of, ride
from cloud.testsite import NOW, PASSWORD, holder_key, problem
from cloud.testworld import World

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}${7*7}",
    "' OR 1=1 --",
    "javascript:alert(1)//",
)


# ---- G02: the fleet, counted


def test_g02_ids_of_what_a_rider_meets_say_nothing_and_count_nothing(site):
    """Who has one id has no other: none is near another, and none rises."""
    made = {name: [] for name in ("claim", "asset", "ride", "user", "ticket")}
    operator = site.operator("A")
    for _ in range(8):
        rider, bike = site.person(), site.bike(operator=operator)
        ride(site, bike, rider)
        made["user"].append(rider.user_id)
        made["ride"].append(rider.get("/rides").get_json()["rides"][0]["ride_id"])
        made["asset"].append(rider.get(f"/bikes/{bike.code}").get_json()["asset_id"])
        made["claim"].append(rider.get("/claims").get_json()["claims"][0]["claim_id"])
        asked = {"kind": "support", "subject": "Why", "text": "Why?", "operator": operator}
        made["ticket"].append(rider.post("/tickets", **asked).get_json()["ticket_id"])
    for name, ids in made.items():
        assert len(set(ids)) == 8 and ids != sorted(ids) and ids != sorted(ids, reverse=True), name
        for one, other in itertools.combinations(ids, 2):
            same = sum(a == b for a, b in zip(one, other, strict=True))
            assert same <= len(one) / 2, (name, one, other)  # by chance 1 in 16 or fewer


def test_g02_a_rider_reads_where_bicycles_stand_and_neither_locks_nor_who_rides_where(site):
    rider, other = site.person(), site.person()
    free, ridden = site.bike(), site.bike()
    ride(site, free, other)
    bring(other, pen_of(ridden).open(bytes.fromhex(other.claim(ridden).get_json()["cti"]), NOW - 60))
    shown = rider.get("/bikes")
    assert [bike["code"] for bike in shown.get_json()["bikes"]] == [free.code]
    in_use = rider.get(f"/bikes/{ridden.code}")
    assert in_use.get_json()["state"] == "in_use" and in_use.get_json()["fix"] is None
    for answer in (shown, in_use):
        text = answer.get_data(as_text=True)
        assert free.hex not in text and ridden.hex not in text and other.user_id not in text


def test_g02_whoever_walks_through_ids_is_told_to_wait(site):
    """Stickers have short codes: ten that are none, and the next costs a minute; by whichever route they are tried."""
    rider, bike = site.person(), site.bike()
    tries = [
        lambda code: rider.get(f"/bikes/{code}"),
        lambda code: rider.post("/claims", code=code, holder_key=holder_key()),
        lambda code: rider.post("/faults", code=code, kind="brake"),
    ]
    for number in range(limits.LIMITS["unknown_bike"][0]):
        problem(tries[number % 3](f"none-{number}"), 404, "not_found")
    for attempt in tries:
        answer = attempt(bike.code)
        problem(answer, 429, "too_many")
        assert 0 < int(answer.headers["Retry-After"]) <= 60


# ---- G04: a lock bound to another account


def test_g04_a_locks_id_alone_binds_it_to_nobody(site):
    """Whoever knows a lock's id (it is on its label) and not its secret gets neither the lock nor a word of it."""
    world = World(site)
    thief = site.person("admin", operator=world.b)
    mine = world.bike
    lock = {"lock_id": mine.hex, "k_lock": b64(secrets.token_bytes(32)), "kind": "exclusive"}
    problem(thief.post("/locks", **lock), 409, "lock_exists")
    half = {**lock, "lock_id": mine.hex[:8] + "0" * 8}  # its OSCORE sender id
    problem(thief.post("/locks", **half), 409, "lock_exists")
    problem(thief.post("/assets", code="STOLEN", label="Mine now", lock=mine.hex), 404, "not_found")
    problem(thief.patch(f"/locks/{mine.hex}/wanted", board="sim"), 404, "not_found")
    asset = thief.post("/assets", code="BARE", label="Bare").get_json()["asset_id"]
    problem(thief.post(f"/assets/{asset}/lock", lock=mine.hex), 404, "not_found")
    with site.cloud.db.reading() as session:
        assert session.get(Lock, mine.hex).operator_id == world.a
    assert (
        bring(world.owner, pen_of(mine).open(b"cti-0001", NOW - 5)).get_json()["receipts"][0]["status"]
        == "stored"
    )


def test_g04_who_registers_a_lock_with_a_made_up_secret_hears_nothing_of_it(site):
    world = World(site)
    thief = site.person("admin", operator=world.b)
    real = Pen(secrets.token_bytes(8), secrets.token_bytes(32))  # on the street; not registered yet
    fields = {"lock_id": real.hex, "k_lock": b64(secrets.token_bytes(32)), "kind": "exclusive"}
    assert thief.post("/locks", **fields).status_code == 201
    answer = bring(thief, real.open(b"cti-0001", NOW - 10), real.close(b"cti-0001", NOW - 5))
    assert [row["status"] for row in answer.get_json()["receipts"]] == ["refused"] * 2
    assert thief.get(f"/locks/{real.hex}/receipts").get_json()["receipts"] == []
    assert thief.get("/rides").get_json()["rides"] == []


def test_g04_the_secret_is_in_no_answer(site):
    world = World(site)
    key = b64(world.bike.k_lock)
    for who in (world.admin, site.person("admin"), world.program(world.a, "fleet:read")):
        for path in (f"/locks/{world.bike.hex}", "/locks", "/fleet", "/assets"):
            answer = who.get(path)
            assert answer.status_code == 200 and key not in answer.get_data(as_text=True)


# ---- G05: see test_gbfs.py, which reads along for a month


def test_g05_the_public_feed_names_no_lock_no_sticker_and_no_bicycle_on_a_ride(site):
    world = World(site)
    before = world.thing("vehicle_id")
    feed = f"/gbfs/{world.a}/vehicle_status.json"
    text = site.client.get(feed).get_data(as_text=True)
    asset = world.owner.get(f"/bikes/{world.bike.code}").get_json()["asset_id"]
    for known in (world.bike.hex, world.bike.code, asset):
        assert known not in text
    ride(site, world.bike, world.owner)
    site.now += 60  # a feed is made anew now and then only
    assert before not in site.client.get(feed).get_data(as_text=True)
    bring(world.owner, pen_of(world.claimed).open(bytes.fromhex(world.made["cti"]), site.now - 60))
    assert len(site.client.get(feed).get_json()["data"]["vehicles"]) <= 1


# ---- G06: twice


def test_g06_a_start_and_an_end_told_ten_times_by_every_carrier_are_one_ride(site):
    rider, stranger, bike = site.person(), site.person(), site.bike()
    pen, holder = pen_of(bike), Ed25519PrivateKey.generate()
    with site.cloud.db.writing() as session:
        claim, _, _ = claims.create(
            session, site.cloud.box, rider.user_id, bike.hex, public(holder), "single", NOW
        )
        session.flush()
        token = session.scalars(select(IssuedToken).where(IssuedToken.cti == claim.cti)).one()
    cti, kid = bytes.fromhex(claim.cti), bytes.fromhex(claim.kid)
    request = proof(holder, token.token_hash)
    log = [
        pen.open(cti, NOW - 900, epoch=claim.epoch, kid=kid, request=request),
        pen.close(cti, NOW - 300),
        pen.end(cti, NOW - 60),
    ]
    seen = []
    for _ in range(10):
        for carrier in (rider, stranger):
            bring(carrier, *log)
            bring(carrier, *reversed(log))
        with site.cloud.db.writing() as session:
            receipts.take(site.cloud, session, bike.hex, log, "uplink")
        seen.append(rider.get("/rides").get_json()["rides"])
    assert len(seen[0]) == 1 and all(told == seen[0] for told in seen)
    assert seen[0][0]["state"] == "ended" and seen[0][0]["billed_until"] == NOW - 300
    assert stranger.get("/rides").get_json()["rides"] == []
    with site.cloud.db.reading() as session:
        assert len(session.scalars(select(Ride)).all()) == 1
        assert session.get(Claim, claim.cti).status == "used"


def test_g06_of_ten_riders_at_one_bicycle_at_once_one_has_it(site):
    bike, riders = site.bike(), [site.person() for _ in range(10)]
    start, answers = threading.Barrier(10, timeout=30), []

    def go(rider):
        start.wait()
        answers.append(rider.claim(bike).status_code)

    threads = [threading.Thread(target=go, args=(rider,)) for rider in riders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [201] + [409] * 9
    with site.cloud.db.reading() as session:
        assert (
            len(session.scalars(select(Claim)).all()) == len(session.scalars(select(IssuedToken)).all()) == 1
        )


def test_g06_a_start_that_races_its_own_cancellation_is_one_ride_of_its_own_claim(site):
    """The token was on its way when the claim was cancelled and somebody else got the bicycle."""
    late, next_one, bike = site.person(), site.person(), site.bike()
    first = late.claim(bike).get_json()
    assert late.delete(f"/claims/{first['claim_id']}").status_code == 200
    second = next_one.claim(bike).get_json()
    pen = pen_of(bike)
    bring(late, pen.open(bytes.fromhex(first["cti"]), NOW - 900, epoch=first["epoch"]))
    bring(next_one, pen.end(bytes.fromhex(first["cti"]), NOW - 600))
    bring(next_one, pen.open(bytes.fromhex(second["cti"]), NOW - 500, epoch=second["epoch"]))
    for rider, cti in ((late, first["cti"]), (next_one, second["cti"])):
        assert [told["cti"] for told in rider.get("/rides").get_json()["rides"]] == [cti]


# ---- G07: session, CSRF, scripts


def _cookie(site, role="admin"):
    site.person(role, login="anna")
    browser = site.app.test_client()
    fields = {"login": "anna", "password": PASSWORD, "cookie": True}
    assert browser.post("/api/v1/sessions", json=fields).status_code == 201
    return browser


CHANGES = [route for route in ROWS if not route.startswith("GET")]


def test_g07_nothing_changes_by_a_cookie_alone(site):
    """Every route that changes something, from a browser that is signed in, as another site's page would send it."""
    browser = _cookie(site)
    assert len(CHANGES) > 50
    for route in CHANGES:
        method, rule = route.split()
        problem(browser.open(never(rule), method=method), 403, "csrf")
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = site.app.test_client().open(never(rule), method=method, headers=headers)
            problem(answer, 403, "csrf")  # nobody signed in: signing somebody in from afar is refused too


def test_g07_every_answer_forbids_scripts_that_are_not_ours(site):
    browser = _cookie(site)
    for route in ROWS:
        method, rule = route.split()
        headers = browser.open(never(rule), method=method).headers
        policy = dict(
            part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == "'none'" and policy["base-uri"] == "'none'", route
        assert policy["frame-ancestors"] == "'none'" and policy["form-action"] == "'self'", route
        assert "unsafe" not in headers["Content-Security-Policy"] and policy["script-src"] == "'self'", route
        assert headers["X-Content-Type-Options"] == "nosniff", route


def strings(value):
    """Every string in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return {text for each in value for text in strings(each)}
    return {value} if isinstance(value, str) else set()


@pytest.mark.parametrize("text", HOSTILE)
def test_g07_a_name_is_text_wherever_it_comes_out(site, text):
    """What people may call things comes back as JSON, letter for letter, and no page has it in its markup."""
    world = World(site)
    admin = site.person("admin", operator=world.a)
    named = {
        "/operators": site.person("admin").post("/operators", name=text),
        "/clients": admin.post("/clients", name=text, kind="key", scopes=["bikes:read"]),
        "/groups": admin.post("/groups", name=text),
        "/assets": admin.post("/assets", code="X-1", label=text, lock=world.thing("bare lock")),
    }
    for path, made in named.items():
        assert made.status_code == 201, path
        listed = site.person("admin").get(path)
        assert listed.mimetype == "application/json" and text in strings(listed.get_json())
    agent = {"User-Agent": text, "X-Request-Id": text, "X-Forwarded-For": text, "Accept-Language": text}
    fields = {"login": secrets.token_hex(4), "password": PASSWORD}
    client = site.app.test_client(use_cookies=False)
    client.post("/api/v1/users", json=fields)
    signed = client.post("/api/v1/sessions", json=fields, headers=agent)
    assert signed.status_code == 201 and text not in "".join(map(str, signed.headers.values()))
    frame = world.admin.client.get("/console", headers={**world.admin.headers, **agent}).get_data(
        as_text=True
    )
    assert frame == client.get("/console").get_data(as_text=True)


def test_g07_a_session_is_no_ones_but_its_owners(site):
    browser = _cookie(site)
    cookie = browser.get_cookie("ringslot_session")
    assert cookie.http_only and cookie.same_site == "Lax"
    fixed = site.app.test_client()
    fixed.set_cookie("ringslot_session", "chosen-by-somebody-else")
    fixed.post("/api/v1/sessions", json={"login": "anna", "password": PASSWORD, "cookie": True})
    assert fixed.get_cookie("ringslot_session").value not in ("chosen-by-somebody-else", cookie.value)
    for mangled in (cookie.value[:-1], cookie.value + "A", cookie.value.swapcase(), ""):
        other = site.app.test_client()
        other.set_cookie("ringslot_session", mangled)
        problem(other.get("/api/v1/me"), 401, "sign_in")
