"""The fleet on one map, and one lock through time: battery, states, track, commands, measurements."""

from flask import Blueprint, Response, request

from cloud import body, claims, events, fitting, fixes, locks, overview, senml, views
from cloud import shapes_fleet as shapes
from cloud.auth import STAFF, allow, cloud, me, reach
from cloud.commands import KINDS, changes
from cloud.describe import Fields, Page, answers, asks, paged
from cloud.routes.assets import span
from cloud.shapes import Claims
from cloud.tables import CLAIM_STATES, Command

routes = Blueprint("overview", __name__, url_prefix="/api/v1")

WEEK_S = 7 * 86400  # shown unless asked for
LONGEST_S = 400 * 86400
TIME = body.integer()
STATES, SAMPLES = 500, 5000
WORDS = {number: word for word, number in KINDS.items()}


@routes.get("/fleet")
@allow(*STAFF, scope="fleet:read")
@asks(since=TIME)
@answers()
def everything(asked: Fields) -> shapes.Fleet:
    """Where every bicycle is and how it fares, in one compact answer.

    `rows` hold the values named by `columns`. `since`: only locks that were heard of from then on; ask with the
    answer's `at` to keep up. A program without the scope tracks:read sees nobody ride: no position while a ride runs.
    """
    now = cloud().now()
    with cloud().db.reading() as session:
        newest = events.ends(session)[1]
        rows = overview.fleet_map(session, reach(), asked["since"], me().may("tracks:read"))
    return {"at": now, "event": newest, "columns": list(overview.COLUMNS), "rows": rows}


@routes.get("/fleet/claims")
@allow(*STAFF, scope="rides:read")
@paged(TIME, body.hex_of(8))
@asks(lock=body.hex_of(8), state=body.word(*CLAIM_STATES))
@answers()
def claimed(page: Page, asked: Fields) -> Claims:
    """Claims of the whole fleet, newest first: when, of what, and what became of it; no tokens, and not whose."""
    now = cloud().now()
    with cloud().db.reading() as session:
        found = claims.page(session, reach(), now, page.after, page.fetch, asked["lock"], asked["state"])
        rows, following = page.cut(found, lambda row: (row.created_at, row.cti))
        on = fitting.bikes_of(session, rows)
    return {"claims": [views.claim(row, on.get(row.cti), now) for row in rows], "next": following}


@routes.get("/locks/<id8:lock_id>/series")
@allow(*STAFF, scope="fleet:read")
@asks(since=TIME, until=TIME)
@answers()
def series(lock_id: str, asked: Fields) -> shapes.Series:
    """A lock's battery, temperature and states over time, the last week unless asked for; at most 500 points."""
    since, until = _between(asked)
    with cloud().db.reading() as session:
        locks.find(session, reach(), lock_id)
        battery, temperature = overview.series(session, lock_id, since, until)
        seen = overview.states(session, lock_id, since, until, STATES)
    return {
        "since": since,
        "until": until,
        "battery": [{"at": at, "low_mv": low, "high_mv": high, "count": n} for at, low, high, n in battery],
        "temperature": [
            {"at": at, "low_c": low, "high_c": high, "count": n} for at, low, high, n in temperature
        ],
        "states": [{"at": at, "state": state} for at, state in seen],
    }


def _between(asked: Fields) -> tuple[int, int]:
    """The time that was asked for: half-open, never empty, never too long."""
    until = asked["until"] or cloud().now() + 1
    since = asked["since"] if asked["since"] is not None else until - WEEK_S
    return max(0, min(since, until - 1), until - LONGEST_S), until


@routes.get("/locks/<id8:lock_id>/track")
@allow(*STAFF, scope="tracks:read")
@asks(since=TIME, until=TIME)
@answers(200, "application/geo+json")
def track(lock_id: str, asked: Fields) -> shapes.LockTrack:
    """Where a lock was, as GeoJSON (RFC 7946), the last week unless asked for; 20,000 fixes at most."""
    since, until = _between(asked)
    with cloud().db.reading() as session:
        locks.find(session, reach(), lock_id)
        points = fixes.track(session, lock_id, since, until - 1)
    line = [[fix.lon / 1e7, fix.lat / 1e7] for fix in points]
    geometry: shapes.Geometry | None = {"type": "LineString", "coordinates": line}
    if len(line) < 2:
        geometry = {"type": "Point", "coordinates": line[0]} if line else None
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "lock_id": lock_id,
            "times": [fix.at for fix in points],
            "accuracy_dm": [fix.accuracy for fix in points],
        },
    }


@routes.get("/locks/<id8:lock_id>/commands")
@allow(*STAFF, scope="fleet:read")
@paged(body.integer(0, 2**53))
@answers()
def commands(lock_id: str, page: Page) -> shapes.Commands:
    """What a lock was asked to do, newest first: when it was asked, sent, and said to be done."""
    (before,) = page.after or (None,)
    with cloud().db.reading() as session:
        locks.find(session, reach(), lock_id)
        found = overview.commands(session, lock_id, before, page.fetch)
    rows, following = page.cut(found, lambda row: (row[0].command_id,))
    shown = [command(row, None if me().program else who) for row, who in rows]
    return {"commands": shown, "next": following}


def command(row: Command, who: str | None) -> shapes.Command:
    return {
        "command_id": row.command_id,
        "kind": WORDS.get(row.kind, "unknown"),
        "settings": changes(row),
        "by": who,
        "created_at": row.created_at,
        "sent_at": row.sent_at,
        "done_at": row.done_at,
        "refused": row.refused,
    }


@routes.get("/locks/<id8:lock_id>/assets")
@allow(*STAFF, scope="fleet:read")
@answers()
def bicycles(lock_id: str) -> shapes.Spans:
    """Every bicycle that a lock was on, newest first."""
    with cloud().db.reading() as session:
        locks.find(session, reach(), lock_id)
        return {"locks": [span(each) for each in fitting.of_lock(session, lock_id)]}


@routes.get("/locks/<id8:lock_id>/measurements")
@allow(*STAFF, scope="tracks:read")
@asks(since=TIME, until=TIME)
@answers(200, senml.JSON, senml.CBOR)
def measurements(lock_id: str, asked: Fields) -> Response:
    """What a lock measured, as SenML (RFC 8428), in JSON or, if `Accept` prefers it, in CBOR; the last week unless
    asked for, 5,000 status records and as many fixes at most."""
    since, until = _between(asked)
    with cloud().db.reading() as session:
        locks.find(session, reach(), lock_id)
        said = overview.samples(session, lock_id, since, until, SAMPLES)
        points = fixes.track(session, lock_id, since, until - 1)[:SAMPLES]
    records = [record for row in said for record in senml.of_status(row)]
    records += [record for row in points for record in senml.of_fix(row)]
    pack = senml.pack(lock_id, records)
    best = request.accept_mimetypes.best_match([senml.JSON, senml.CBOR], senml.JSON)
    answer = senml.as_cbor(pack) if best == senml.CBOR else senml.as_json(pack)
    return Response(answer, mimetype=best, headers={"Vary": "Accept"})
