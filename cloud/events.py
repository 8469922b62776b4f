"""What changed, in the order in which it was committed: the table that live updates and webhooks read.

`tell` puts an event aside; it is written as the last thing of the transaction that changed something, so there is no
change without its event and no event without its change. On PostgreSQL those who have something to tell commit one
after the other: a reader that has seen number 9 will never find a new number 8.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, insert, select
from sqlalchemy.orm import Session

from cloud import shapes_fleet
from cloud.db import finally_do, in_turn, notify
from cloud.tables import Event, Lock

Visible = Sequence[ColumnElement[bool]]  # conditions of which one is enough, as Reach.either
TURN = 0x65766E74  # advisory lock of those who tell
_DAY = 86400


@dataclass(frozen=True)
class Kind:
    """`subject`: what its id is of; `keep_s`: for how long it is kept; `hook`: whether webhooks may carry it."""

    subject: str
    keep_s: int = 30 * _DAY
    hook: bool = True


KINDS = {
    "ride.started": Kind("ride"),
    "ride.parked": Kind("ride"),
    "ride.resumed": Kind("ride"),
    "ride.ended": Kind("ride"),
    "claim.made": Kind("claim"),
    "claim.cancelled": Kind("claim"),
    "lock.state": Kind("lock"),
    "lock.moved": Kind("lock", _DAY, hook=False),  # one a batch with fixes: for who looks at the map just now
    "command.asked": Kind("lock", 7 * _DAY, hook=False),
    "command.done": Kind("lock", 7 * _DAY, hook=False),
    "receipt.stored": Kind("lock", 7 * _DAY),  # one a delivery, however many it held
    "receipt.forked": Kind("lock"),
    "lock.cloned": Kind("lock"),  # two devices speak as one: clones.py
    "lock.serviced": Kind("lock"),  # a master token was used: what for, and whose it is by its cti
    "attention.opened": Kind("attention"),
    "attention.closed": Kind("attention"),
    "fault.reported": Kind("fault"),
    "fault.closed": Kind("fault"),
    "job.opened": Kind("job"),
    "job.assigned": Kind("job"),
    "job.done": Kind("job"),
    "asset.lock": Kind("asset"),
    "asset.service": Kind("asset"),
    "zone.changed": Kind("zone"),
    "ticket.opened": Kind("ticket"),
    "ticket.written": Kind("ticket"),  # by whose it is
    "ticket.answered": Kind("ticket"),  # by staff
    "ticket.acknowledged": Kind("ticket"),
    "ticket.decided": Kind("ticket"),
}


def tell(
    session: Session,
    kind: str,
    subject: str,
    at: int,
    operator_id: str | None = None,
    user_id: str | None = None,
    **data: Any,
) -> None:
    """In a writing session. `user_id`: the rider that it is about, who may see it too; `data`: no secret, no person."""
    assert kind in KINDS, kind
    row = {
        "at": at,
        "kind": kind,
        "subject": subject,
        "operator_id": operator_id,
        "user_id": user_id,
        "data": json.dumps(data, separators=(",", ":")),
    }
    session.info.setdefault("events", []).append(row)
    finally_do(session, "events", _write)


def of_lock(
    session: Session,
    kind: str,
    lock: Lock,
    at: int,
    subject: str | None = None,
    user_id: str | None = None,
    **data: Any,
) -> None:
    """`tell` of a lock, or of something (`subject`) that happened at it."""
    tell(
        session,
        kind,
        subject or lock.lock_id,
        at,
        lock.operator_id,
        user_id,
        lock_id=lock.lock_id,
        **data,
    )


def _write(session: Session) -> None:
    in_turn(session, TURN)
    session.execute(insert(Event), session.info.pop("events"))
    notify(session, select(func.max(Event.event_id)).scalar_subquery())


def page(session: Session, visible: Visible, after: int, limit: int) -> list[Event]:
    """Those that the caller may see, by number, from the first one after `after`."""
    rows = select(Event).where(Event.event_id > after).order_by(Event.event_id).limit(limit)
    return sorted(_either(session, visible, rows), key=lambda row: row.event_id)[:limit]


def newest_first(
    session: Session,
    visible: Visible,
    before: int | None,
    limit: int,
    kind: str | None = None,
    subject: str | None = None,
) -> list[Event]:
    rows = select(Event).order_by(Event.event_id.desc()).limit(limit)
    for column, value in ((Event.kind, kind), (Event.subject, subject)):
        if value is not None:
            rows = rows.where(column == value)
    if before is not None:
        rows = rows.where(Event.event_id < before)
    return sorted(_either(session, visible, rows), key=lambda row: -row.event_id)[:limit]


def _either(session: Session, visible: Visible, rows: Select[Event]) -> Iterable[Event]:
    found = {row.event_id: row for mine in visible for row in session.scalars(rows.where(mine))}
    return found.values()


def ends(session: Session) -> tuple[int, int]:
    """(oldest number that is kept, newest); (1, 0) where there is none."""
    low, high = select(func.min(Event.event_id)), select(func.max(Event.event_id))  # apart: each is one look
    oldest, newest = session.execute(select(low.scalar_subquery(), high.scalar_subquery())).one()
    return (1, 0) if newest is None else (oldest, newest)


def forget(session: Session, now: int) -> int:
    """Delete what is over its time; the newest stays, so that numbers go on. -> how many."""
    newest = select(func.max(Event.event_id)).scalar_subquery()
    gone = 0
    for keep_s in {kind.keep_s for kind in KINDS.values()}:
        kinds = [name for name, kind in KINDS.items() if kind.keep_s == keep_s]
        old = delete(Event).where(Event.kind.in_(kinds), Event.at < now - keep_s, Event.event_id < newest)
        gone += session.execute(old).rowcount  # type: ignore[attr-defined]
    return gone


def shown(row: Event) -> shapes_fleet.Event:
    return {
        "event_id": row.event_id,
        "at": row.at,
        "kind": row.kind,
        "subject": row.subject,
        "data": json.loads(row.data),
    }


def reset(newest: int, retry_ms: int) -> str:
    return f"retry: {retry_ms}\n\nid: {newest}\nevent: reset\ndata: {{}}\n\n"


def stream(rows: Sequence[Event], last: int, retry_ms: int) -> str:
    """What EventSource reads (HTML, 9.2.6); `last` is where the next answer goes on from, said even with no news."""
    lines = [f"retry: {retry_ms}\n"]
    for row in rows:
        body = json.dumps(shown(row), separators=(",", ":"))
        lines.append(f"id: {row.event_id}\nevent: {row.kind}\ndata: {body}\n")
    lines.append(f"id: {last}\n")  # no data: nothing is dispatched, the number is remembered
    return "\n".join(lines) + "\n"
