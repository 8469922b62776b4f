"""The console: the fleet on one page, one lock on another. Drawn on the server from the nouns that the API serves."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cloud import (
    assets,
    claims,
    drawing,
    fixes,
    fleet,
    locks,
    notes,
    receipts,
    rides,
    rollouts,
    telemetry,
    views,
)
from cloud.attention import Reason, ago, halted, needed
from cloud.auth import STAFF, allow, cloud, reach
from cloud.tables import Asset, Lock, Ride
from protocol import status

routes = Blueprint("console", __name__, url_prefix="/console")

PAGE = 200  # locks
ROWS = 50  # of each table on a lock's page


class Row(NamedTuple):
    lock: Lock
    bike: Asset | None
    riding: list[tuple[Ride, int]]
    reasons: list[Reason]


@routes.get("")
@allow(*STAFF)
def everything() -> ResponseReturnValue:
    now = cloud().now()
    rollouts.tend(cloud())
    with cloud().db.reading() as session:
        page = locks.page(session, reach(), request.args.get("after", "")[:16], PAGE)
        bikes = assets.of_locks(session, [lock.lock_id for lock in page])
        rows = [
            Row(facts.lock, bikes.get(facts.lock.lock_id), facts.riding, needed(facts))
            for facts in fleet.facts(session, page, now)
        ]
        total, riding = fleet.size(session, reach())
        behind, newest = fleet.behind(session, reach())
        halts = [halted(row) for row in rollouts.halted(session)] if reach().everything else []
    rows.sort(key=lambda row: (not row.reasons, row.bike.code if row.bike else "~"))
    following = page[-1].lock_id if len(page) == PAGE else None
    troubled = sum(bool(row.reasons) for row in rows)
    return render_template(
        "fleet.html",
        rows=rows,
        total=total,
        riding=riding,
        behind=behind,
        newest=newest,
        troubled=troubled,
        halts=halts,
        following=following,
        now=now,
    )


@routes.get("/locks/<id8:lock_id>")
@allow(*STAFF)
def one(lock_id: str) -> ResponseReturnValue:
    """`ride`: whose track to draw; the newest one's otherwise."""
    now = cloud().now()
    with cloud().db.reading() as session:
        lock = locks.find(session, reach(), lock_id)
        (facts,) = fleet.facts(session, [lock], now)
        ridden = rides.page(session, reach(), {"lock_id": lock_id}, None, ROWS)
        wanted = request.args.get("ride")
        shown = next((ride for ride in ridden if ride.ride_id == wanted), ridden[0] if ridden else None)
        points = _points(session, shown)
        forks = receipts.forks(session, lock_id)
        log = receipts.of_lock(session, lock_id, None, ROWS)
        return render_template(
            "lock.html",
            lock=lock,
            bike=assets.of_locks(session, [lock_id]).get(lock_id),
            reasons=needed(facts),
            rides=ridden,
            shown=shown,
            drawn=drawing.draw(points),
            fixes=len(points),
            receipts=_with_gaps([dict(views.logged(row, lock, forks)) for row in log], lock.reported_seq),
            claims=[(claim, claims.status(claim, now)) for claim in claims.of_lock(session, lock_id, ROWS)],
            notes=telemetry.notes(session, lock_id, ROWS),
            now=now,
        )


def _points(session: Session, ride: Ride | None) -> list[tuple[int, int]]:
    if ride is None:
        return []
    track = fixes.track(session, ride.lock_id, ride.opened_at, rides.ended_at(session, ride))
    return [(fix.lat, fix.lon) for fix in track]


def _with_gaps(log: list[dict[str, Any]], reported: int) -> list[dict[str, Any]]:
    """Newest first, with a line for what is missing in between, and above where the lock says that it wrote more."""
    lines: list[dict[str, Any]] = []
    above = reported + 1
    for row in log:
        if row["seq"] < above - 1:
            first, last = row["seq"] + 1, above - 1
            lines.append({"missing": str(first) if first == last else f"{first}\N{EN DASH}{last}"})
        lines.append(row)
        above = row["seq"]
    return lines


# ---- words for the templates


@routes.app_template_filter()
def iso(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@routes.app_template_filter()
def when(unix: int) -> str:
    moment = datetime.fromtimestamp(unix, UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M:%S}"


@routes.app_template_filter()
def since(unix: int, now: int) -> str:
    return f"{ago(now - unix)} ago" if now - unix >= 60 else "just now"


@routes.app_template_filter()
def state_name(state: int | None) -> str:
    return "unknown" if state is None else status.STATE_NAMES.get(state, f"state {state}")


@routes.app_template_filter()
def volts(millivolts: int) -> str:
    return f"{millivolts / 1000:.2f} V"


@routes.app_template_filter()
def metres(count: int) -> str:
    return f"{count} m" if count < 1000 else f"{count / 1000:.1f} km"


@routes.app_template_filter()
def lasted(ride: Ride) -> str:
    """What a ride is billed for, as far as it is known."""
    if ride.opened_at is None or ride.billed_until is None:
        return ""
    minutes, seconds = divmod(ride.billed_until - ride.opened_at, 60)
    return f"{minutes} min {seconds} s"


@routes.app_template_filter()
def note_text(note: int, value: int) -> str:
    return notes.said(note, value)


@routes.app_template_filter()
def running(lock: Lock) -> str:
    """The release that a lock runs, and how far it is with another."""
    runs = "unknown" if lock.release is None else str(lock.release or "unnumbered")
    told = views.update_state(lock)
    if told is None or told["state"] == "confirmed":
        return runs
    return f"{runs}, {told['state']}"
