"""The console's two pages: what they show, to whom, and that nothing hostile becomes markup."""

import re
from html.parser import HTMLParser

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from cloud import assets, attention, claims, drawing, fixes, locks, receipts, rides, telemetry
from cloud.attention import Facts
from cloud.tables import IssuedToken, Lock, Ride
from cloud.testlock import Pen, proof, public
from cloud.testsite import NOW, PASSWORD
from protocol import status
from protocol import telemetry as wire

CTI = b"cti-0001"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'onmouseover='alert(1)",
    "{{ 7*7 }}",
    "</title><b>",
    "&lt;b&gt;",
]


class Page(HTMLParser):
    """A page's elements, and its text."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def browser(site, role="admin"):
    site.person(role, login="anna")
    client = site.app.test_client()
    client.post("/sign-in", data={"login": "anna", "password": PASSWORD, "next": "/console"})
    return client


def page(client, path="/console") -> Page:
    answer = client.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return Page(answer.get_data(as_text=True))


def pen_of(bike) -> Pen:
    return Pen(bike.lock_id, bike.k_lock)


def take(site, pen, bodies, via="uplink"):
    with site.cloud.db.writing() as session:
        return receipts.take(site.cloud, session, pen.hex, bodies, via)


def tell(site, bike, **columns):
    with site.cloud.db.writing() as session:
        lock = locks.get(session, bike.hex)
        for name, value in columns.items():
            setattr(lock, name, value)


def well(site, bike):
    tell(site, bike, state=0, battery_mv=3900, last_seen_at=NOW - 20, clock_error_s=2)


def ride(site, bike, rider) -> tuple[Pen, bytes]:
    """A claimed ride of ten minutes with a fix each ten seconds, ended."""
    holder = Ed25519PrivateKey.generate()
    pen = pen_of(bike)
    with site.cloud.db.writing() as session:
        claim, _, _ = claims.create(
            session, site.cloud.box, rider.user_id, bike.hex, public(holder), "single", NOW
        )
        session.flush()
        token = session.scalars(select(IssuedToken).where(IssuedToken.cti == claim.cti)).one()
    cti = bytes.fromhex(claim.cti)
    request = proof(holder, token.token_hash)
    kid = bytes.fromhex(claim.kid)
    take(site, pen, [pen.open(cti, NOW - 900, epoch=claim.epoch, kid=kid, request=request)], "phone")
    take(site, pen, [pen.close(cti, NOW - 300), pen.end(cti, NOW - 60)])
    points = [
        {
            "lock_id": bike.hex,
            "seq": n,
            "at": NOW - 900 + 10 * n,
            "lat": 52_0000000 + 900 * n,
            "lon": 0,
            "accuracy": 9,
        }
        for n in range(60)
    ]
    with site.cloud.db.writing() as session:
        fixes.store(session, points)
        rides.measure(session, bike.hex, points[0]["at"], points[-1]["at"])
    return pen, cti


# ---- who may look


def test_staff_only(site):
    assert browser(site, "technician").get("/console").status_code == 200
    rider = site.app.test_client()
    site.person("rider", login="bert")
    rider.post("/sign-in", data={"login": "bert", "password": PASSWORD, "next": "/console"})
    assert rider.get("/console").status_code == 403
    assert rider.get("/console/locks/" + "00" * 8).status_code == 403
    stranger = site.app.test_client().get("/console/locks/" + "00" * 8)
    assert stranger.status_code == 303 and stranger.headers["Location"].startswith("/sign-in?next=")


def test_an_unknown_lock_is_not_there(site):
    client = browser(site)
    assert client.get("/console/locks/" + "00" * 8).status_code == 404
    assert client.get("/console/locks/nonsense").status_code == 404


# ---- what is shown


def test_an_empty_fleet_says_what_to_do(site):
    assert "ringslot lock add" in page(browser(site)).text


def test_the_fleet_shows_each_bike_and_those_that_need_attention_first(site):
    fine, low, silent = site.bike(), site.bike(), site.bike()
    for bike in (fine, low, silent):
        well(site, bike)
    tell(site, low, battery_mv=3400)
    tell(site, silent, last_seen_at=NOW - 7300)
    shown = page(browser(site))
    assert "Battery at 3.40 V: no ride starts" in shown.text and "Silent for 2 hours" in shown.text
    order = [shown.text.index(bike.code) for bike in (fine, low, silent)]
    assert order[0] == max(order)
    assert re.search(r"3\s+locks", shown.text) and re.search(r"2\s+to look at", shown.text)
    (meter,) = [m for m in shown.all("meter") if m["value"] == "3400"]
    assert int(meter["min"]) < 3400 < int(meter["low"])


def test_a_lock_shows_its_receipts_rides_claims_notes_and_track(site):
    bike, rider = site.bike(), site.person()
    well(site, bike)
    _pen, cti = ride(site, bike, rider)
    with site.cloud.db.writing() as session:
        batch = wire.encode_batch(
            500, [(2, NOW - 5, wire.NOTE_REFUSED, status.OLD), (2, 0, wire.NOTE_MOVED, 0)]
        )
        telemetry.take(session, locks.get(session, bike.hex), batch, NOW)
    shown = page(browser(site), f"/console/locks/{bike.hex}")
    for word in (
        "OPEN",
        "CLOSE",
        "END",
        cti.hex(),
        "10 min 0 s",
        "590 m",
        "60 positions",
        "Refused a request: OLD",
    ):
        assert word in shown.text, word
    assert "Moved while locked" in shown.text and "Needs attention" not in shown.text
    (line,) = shown.all("polyline")
    assert len(line["points"].split()) == 60
    assert [a["role"] for a in shown.all("svg")] == ["img"]


def test_forks_gaps_and_doubts_are_told_on_both_pages(site):
    bike = site.bike()
    well(site, bike)
    pen, clone = pen_of(bike), pen_of(bike)
    bodies = [pen.open(CTI, NOW - 900), pen.close(CTI, NOW - 800), pen.end(CTI, NOW - 300)]
    clone.log.append(bodies[0])
    take(site, pen, [bodies[0], bodies[1], clone.close(CTI, NOW - 850)])
    pen.open(b"cti-0002", NOW - 200)
    take(site, pen, [pen.close(b"cti-0002", NOW - 100)])
    client = browser(site)
    for path in ("/console", f"/console/locks/{bike.hex}"):
        text = page(client, path).text
        assert "1 forked receipt" in text and "1 opening without a token of ours" in text
        assert "Receipts wait from 3 on: 3 missing or behind a gap" in text
    shown = page(client, f"/console/locks/{bike.hex}")
    assert "3\N{EN DASH}4" in shown.text and "missing" in shown.text
    assert "behind a gap" in shown.text and "forked" in shown.text and "nobody's claim" in shown.text


def test_one_may_choose_the_ride_whose_track_is_drawn(site):
    bike, rider = site.bike(), site.person()
    pen, _cti = ride(site, bike, rider)
    take(site, pen, [pen.open(b"cti-next", NOW - 30)])
    client = browser(site)
    assert page(client, f"/console/locks/{bike.hex}").all("polyline") == []
    with site.cloud.db.reading() as session:
        first = session.scalars(
            select(Ride.ride_id).where(Ride.lock_id == bike.hex, Ride.opened_seq == 1)
        ).one()
    assert len(page(client, f"/console/locks/{bike.hex}?ride={first}").all("polyline")) == 1


def test_a_large_fleet_comes_in_pages(site, monkeypatch):
    monkeypatch.setattr("cloud.routes.console.PAGE", 2)
    bikes = sorted((site.bike() for _ in range(3)), key=lambda bike: bike.hex)
    client = browser(site)
    first = page(client)
    link = next(a["href"] for a in first.all("a") if "after=" in a["href"])
    second = page(client, link)
    assert bikes[2].code in second.text and bikes[2].code not in first.text and "3" in second.text


# ---- nothing hostile becomes markup


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(site, text):
    bike = site.bike()
    plain = {
        "html",
        "head",
        "meta",
        "title",
        "link",
        "body",
        "header",
        "main",
        "section",
        "h1",
        "h2",
        "p",
        "a",
        "span",
    }
    plain |= {
        "form",
        "input",
        "button",
        "ul",
        "li",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "code",
    }
    plain |= {"dl", "div", "dt", "dd", "strong", "meter", "time"}
    with site.cloud.db.writing() as session:
        asset = assets.of_locks(session, [bike.hex])[bike.hex]
        asset.code, asset.label = text[:32], text
    client = browser(site)
    for path in ("/console", f"/console/locks/{bike.hex}"):
        shown = page(client, path)
        assert text in shown.text and text[:32] in shown.text
        assert {tag for tag, _ in shown.tags} <= plain
        assert not [name for _, attrs in shown.tags for name in attrs if name.startswith("on")]


def test_the_pages_ask_nobody_else_and_hold_no_inline_script_or_style(site):
    bike, rider = site.bike(), site.person()
    ride(site, bike, rider)
    client = browser(site)
    for path in ("/console", f"/console/locks/{bike.hex}", "/sign-in"):
        answer = client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        shown = Page(answer.get_data(as_text=True))
        assert not shown.all("script") and not shown.all("style")
        for _tag, attrs in shown.tags:
            assert "style" not in attrs
            for name in ("src", "href", "action", "xlink:href"):
                assert (attrs.get(name) or "/").startswith(("/", "#")) and not (
                    attrs.get(name) or ""
                ).startswith("//")
    css = client.get("/static/style.css").get_data(as_text=True)
    assert "url(" not in css and "@import" not in css


def test_tables_say_what_their_cells_are(site):
    bike, rider = site.bike(), site.person()
    ride(site, bike, rider)
    client = browser(site)
    for path in ("/console", f"/console/locks/{bike.hex}"):
        shown = page(client, path)
        cells = shown.all("th")
        assert cells and all(cell.get("scope") in ("col", "row") for cell in cells)
        ids = [attrs["id"] for _, attrs in shown.tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        for _tag, attrs in shown.tags:
            for name in (attrs.get("aria-labelledby") or "").split():
                assert name in ids
    (language,) = shown.all("html")
    assert language["lang"] == "en"


# ---- reasons, one by one


def lock(**columns) -> Lock:
    sound = dict(
        state=0, battery_mv=3900, last_seen_at=NOW - 10, reported_seq=4, received_seq=4, chained_seq=4
    )
    return Lock(lock_id="00" * 8, **(sound | columns))


RIDE = Ride(opened_at=NOW - 7200, state="open")
CASES = {
    "sound": (Facts(lock(), NOW), []),
    "fork": (Facts(lock(), NOW, forks=2), ["fork"]),
    "chain": (Facts(lock(chained_seq=2), NOW), ["chain"]),
    "proof": (Facts(lock(), NOW, doubts=1), ["proof"]),
    "quarantine": (Facts(lock(state=6), NOW), ["quarantine"]),
    "jammed": (Facts(lock(state=4), NOW), ["jammed"]),
    "battery": (Facts(lock(battery_mv=3499), NOW), ["battery"]),
    "battery just enough": (Facts(lock(battery_mv=3500), NOW), []),
    "battery unknown": (Facts(lock(battery_mv=None), NOW), []),
    "silent": (Facts(lock(last_seen_at=NOW - 3601), NOW), ["silent"]),
    "silent for just an hour": (Facts(lock(last_seen_at=NOW - 3600), NOW), []),
    "never heard of": (Facts(lock(last_seen_at=None), NOW), ["silent"]),
    "gap": (Facts(lock(reported_seq=5), NOW), ["gap"]),
    "long": (Facts(lock(), NOW, riding=[(RIDE, 7199)]), ["long"]),
    "not yet long": (Facts(lock(), NOW, riding=[(RIDE, 7200)]), []),
    "long, when is unknown": (Facts(lock(), NOW, riding=[(Ride(opened_at=None, state="open"), 1)]), []),
    "the gravest first": (
        Facts(lock(last_seen_at=None, state=4), NOW, forks=1),
        ["fork", "jammed", "silent"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_needs_attention_and_why(name):
    facts, codes = CASES[name]
    assert [reason.code for reason in attention.needed(facts)] == codes


@pytest.mark.parametrize(
    "seconds, words",
    [
        (0, "moments"),
        (59, "moments"),
        (60, "1 minute"),
        (7199, "1 hour"),
        (7200, "2 hours"),
        (86400 * 3, "3 days"),
    ],
)
def test_durations_in_words(seconds, words):
    assert attention.ago(seconds) == words


# ---- the drawing


def test_a_track_is_drawn_north_up_to_scale_and_inside_its_frame():
    square = [
        (52_0000000, 5_0000000),
        (52_0100000, 5_0000000),
        (52_0100000, 5_0162000),
        (52_0000000, 5_0162000),
    ]
    drawn = drawing.draw(square)
    points = [tuple(map(float, pair.split(","))) for pair in drawn.line.split()]
    (x0, y0), (x1, y1), (x2, y2), _ = points
    assert y1 < y0 and x2 > x1  # north is up, east is right
    assert abs((x2 - x1) - (y0 - y1)) < 1  # 0.01 degrees north is as far as 0.0162 east, at 52 degrees
    assert all(0 < x < drawing.WIDTH and 0 < y < drawing.HEIGHT for x, y in points)
    assert abs(drawn.bar / drawn.bar_m - (y0 - y1) / 1112) < 0.01 * drawn.bar / drawn.bar_m
    assert str(drawn.bar_m).rstrip("0") in ("1", "2", "5")


def test_a_track_of_one_place_or_of_very_many_is_drawn_too():
    assert drawing.draw([]) is drawing.draw([(1, 1)]) is None
    assert drawing.draw([(520000000, 50000000)] * 2)
    long = drawing.draw([(520000000 + n, 50000000) for n in range(100_000)])
    assert len(long.line.split()) == drawing.POINTS and long.line.endswith(f"{long.end[0]},{long.end[1]}")
    assert drawing.draw([(-900000000, -1800000000), (900000000, 1800000000)])
