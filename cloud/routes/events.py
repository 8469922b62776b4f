"""What changed: as server-sent events, each answer at once and short, and as a list. What staff did, for admins."""

from flask import Blueprint, Response, request
from sqlalchemy import ColumnElement, and_

from cloud import audit, body, events
from cloud import shapes_fleet as shapes
from cloud.auth import allow, cloud, me, reach
from cloud.describe import Fields, Page, answers, asks, paged
from cloud.tables import ROLES, Audit, Event

routes = Blueprint("events", __name__, url_prefix="/api/v1")

AT_ONCE = 200  # events in one answer of the stream
RETRY_MS = 1000  # EventSource comes back by itself after this
OF_RIDES = [name for name, kind in events.KINDS.items() if kind.subject in ("ride", "claim")]
OF_PEOPLE = [name for name, kind in events.KINDS.items() if kind.subject == "ticket"]
STALE_S = 3600  # who was away for longer loads afresh
NUMBER = body.integer(0, 2**53)


def visible() -> list[ColumnElement[bool]]:
    """What of the events the caller may see: staff and programs their operator's, a rider their own. What people write
    to each other is no program's."""
    hidden = ([] if me().may("rides:read") else OF_RIDES) + (OF_PEOPLE if me().program else [])
    seen = reach().either(Event)
    return [and_(each, Event.kind.not_in(hidden)) for each in seen] if hidden else seen


@routes.get("/events")
@allow(*ROLES, scope="fleet:read")
@answers(200, "text/event-stream")
def stream() -> Response:
    """What changes, live.

    Server-sent events: what is new since `Last-Event-ID`, then the end; EventSource asks again after a second. Without
    that header: from now on. An event `reset` says that too much was missed: load afresh.
    """
    known = cloud().db.wake.newest()
    if (
        known is not None and _last_seen(known) == known
    ):  # most of the time, and it costs the database nothing
        return _answer(events.stream([], known, RETRY_MS))
    with cloud().db.reading() as session:
        newest = events.ends(session)[1]
        last = _last_seen(newest)
        rows = events.page(session, visible(), last, AT_ONCE + 1)
    if last > newest or len(rows) > AT_ONCE or (rows and rows[0].at < cloud().now() - STALE_S):
        text = events.reset(newest, RETRY_MS)
    else:
        text = events.stream(rows, newest, RETRY_MS)
    return _answer(text)


def _answer(text: str) -> Response:
    return Response(text, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _last_seen(newest: int) -> int:
    said = request.headers.get("Last-Event-ID", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 16 else newest


@routes.get("/events/history")
@allow(*ROLES, scope="fleet:read")
@paged(NUMBER)
@asks(kind=body.word(*events.KINDS), subject=body.text(1, 32))
@answers()
def history(page: Page, asked: Fields) -> shapes.Events:
    """What changed, newest first."""
    (before,) = page.after or (None,)
    with cloud().db.reading() as session:
        found = events.newest_first(session, visible(), before, page.fetch, asked["kind"], asked["subject"])
    rows, following = page.cut(found, lambda row: (row.event_id,))
    return {"events": [events.shown(row) for row in rows], "next": following}


@routes.get("/audit")
@allow("admin")
@paged(NUMBER)
@asks(user=body.text(1, 22))
@answers()
def staff_actions(page: Page, asked: Fields) -> shapes.AuditLog:
    """What staff of one's operator did, newest first."""
    (before,) = page.after or (None,)
    with cloud().db.reading() as session:
        found = audit.page(session, reach().of(Audit.operator_id), before, page.fetch, asked["user"])
    rows, following = page.cut(found, lambda row: (row.audit_id,))
    return {"audit": [audit.shown(row) for row in rows], "next": following}
