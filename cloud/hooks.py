"""Webhooks: who is told what, how far each is, and telling them.

A hook is told its events in their order, each until it is taken (2xx), so a receiver never hears of an end before the
start. What fails is tried again after BACKOFF; after PATIENCE_S of nothing but failures the hook is paused, with its
place kept, until a person lifts that. Nothing is lost that the events still hold, and any event may be the place to
start from again; a receiver knows a message that it has by its `webhook-id`.
"""

import json
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, select, true
from sqlalchemy.orm import Session

from cloud import events, outgoing, signing, views
from cloud.context import Cloud
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.tables import Event, Receipt
from cloud.tables_fleet import Hook, HookTry
from cloud.wrapping import Wrapping

PURPOSE = "webhook secret"
OVERLAP_S = 86400  # for which a secret and the one before both sign
BACKOFF = (5, 30, 120, 600, 1800, 3600, 3 * 3600, 6 * 3600)  # seconds; the last again and again
PATIENCE_S = 3 * 86400
KEEP_S = 7 * 86400  # of what was tried
AT_ONCE = 50  # events to one hook in one go
THREADS = 8  # hooks at a time
MOST = 20  # hooks of one operator
CARRIED = tuple(name for name, kind in events.KINDS.items() if kind.hook)


def create(
    session: Session,
    box: Wrapping,
    operator_id: str | None,
    url: str,
    kinds: Sequence[str],
    user_id: str,
    now: int,
) -> tuple[Hook, str]:
    """(the hook, its secret as it is shown this once). It is told what happens from now on. Raises hook_limit."""
    if len(session.scalars(select(Hook.hook_id).where(Hook.operator_id == operator_id)).all()) >= MOST:
        raise Problem("hook_limit", most=MOST)
    hook_id, secret = secrets.token_hex(8), secrets.token_bytes(signing.LENGTH)
    row = Hook(
        hook_id=hook_id,
        operator_id=operator_id,
        url=url,
        kinds=" ".join(kinds),
        wrapped_secret=box.wrap(PURPOSE, hook_id, secret),
        state="active",
        told=events.ends(session)[1],
        failures=0,
        due_at=now,
        created_at=now,
        created_by=user_id,
    )
    session.add(row)
    session.flush()
    return row, signing.spelled(secret)


def find(session: Session, reach: Reach, hook_id: str, for_update: bool = False) -> Hook:
    """Raises Problem not_found, for another operator's too."""
    rows = select(Hook).where(Hook.hook_id == hook_id, reach.of(Hook.operator_id))
    row = session.scalars(rows.with_for_update() if for_update else rows).one_or_none()
    if row is None:
        raise Problem("not_found")
    return row


def listed(session: Session, reach: Reach) -> Sequence[Hook]:
    return session.scalars(select(Hook).where(reach.of(Hook.operator_id)).order_by(Hook.hook_id)).all()


def rotate(box: Wrapping, hook: Hook, now: int) -> str:
    """-> the new secret, shown this once. The old one signs too for OVERLAP_S."""
    secret = secrets.token_bytes(signing.LENGTH)
    hook.wrapped_before, hook.before_until = hook.wrapped_secret, now + OVERLAP_S
    hook.wrapped_secret = box.wrap(PURPOSE, hook.hook_id, secret)
    return signing.spelled(secret)


def resume(hook: Hook, now: int) -> None:
    hook.state, hook.failures, hook.failing_since, hook.due_at = "active", 0, None, now


def replay(hook: Hook, event_id: int, now: int) -> None:
    """Tell it again from this event on."""
    hook.told = max(0, event_id - 1)
    hook.due_at = now


def remove(session: Session, hook: Hook) -> None:
    session.execute(delete(HookTry).where(HookTry.hook_id == hook.hook_id))
    session.delete(hook)


def tries(session: Session, hook_id: str, limit: int) -> Sequence[HookTry]:
    """Newest first."""
    rows = select(HookTry).where(HookTry.hook_id == hook_id).order_by(HookTry.try_id.desc())
    return session.scalars(rows.limit(limit)).all()


def forget(session: Session, now: int) -> None:
    session.execute(delete(HookTry).where(HookTry.at < now - KEEP_S))


# ---- telling them


@dataclass(frozen=True)
class Message:
    event_id: int
    body: bytes


def tell_all(cloud: Cloud, now: int) -> None:
    """The worker's: every hook that is due, several at a time; one that is slow holds up its own thread only."""
    with cloud.db.reading() as session:
        due = (Hook.state == "active", Hook.due_at <= now, Hook.told < events.ends(session)[1])
        ids = session.scalars(select(Hook.hook_id).where(*due).order_by(Hook.due_at)).all()
    if ids:
        with ThreadPoolExecutor(min(THREADS, len(ids)), "hook") as pool:
            list(pool.map(lambda hook_id: tell(cloud, hook_id), ids))


def tell(cloud: Cloud, hook_id: str) -> None:
    """One hook: its next events in order, up to the first that is not taken."""
    with cloud.db.reading() as session:
        hook = session.get(Hook, hook_id)
        if hook is None:
            return
        started_at, keys = hook.told, _secrets(cloud.box, hook, cloud.now())
        waiting, end = _waiting(session, hook)
    told = started_at
    for message in waiting:
        if not _try(cloud, hook, keys, message, told):
            return
        told = message.event_id
    if not waiting or len(waiting) < AT_ONCE:
        with cloud.db.writing() as session:
            _advance(session, hook_id, told, end)


def _waiting(session: Session, hook: Hook) -> tuple[list[Message], int]:
    """(what comes next, number up to which nothing else is for it)."""
    end = events.ends(session)[1]
    kinds = hook.kinds.split() or CARRIED
    wanted = (Event.kind.in_(kinds), _visible(hook), Event.event_id > hook.told, Event.event_id <= end)
    rows = session.scalars(select(Event).where(*wanted).order_by(Event.event_id).limit(AT_ONCE)).all()
    return [Message(row.event_id, _body(session, row)) for row in rows], end


def _visible(hook: Hook) -> ColumnElement[bool]:
    return true() if hook.operator_id is None else Event.operator_id == hook.operator_id


def _body(session: Session, row: Event) -> bytes:
    """Of a ride: with the lock's receipt that says so and our word on it, so that nobody need believe the message."""
    shown: dict[str, Any] = dict(events.shown(row))
    data = shown["data"]
    if row.kind.startswith("ride."):
        found = session.get(Receipt, (data["lock_id"], data["seq"]))
        shown["receipt"] = views.receipt(found) if found else None
    stamp = datetime.fromtimestamp(row.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"type": row.kind, "timestamp": stamp, "data": shown}, separators=(",", ":")).encode()


def _secrets(box: Wrapping, hook: Hook, now: int) -> list[bytes]:
    keys = [box.unwrap(PURPOSE, hook.hook_id, hook.wrapped_secret)]
    if hook.wrapped_before is not None and now < (hook.before_until or 0):
        keys.append(box.unwrap(PURPOSE, hook.hook_id, hook.wrapped_before))
    return keys


def _try(cloud: Cloud, hook: Hook, keys: list[bytes], message: Message, told: int) -> bool:
    """-> whether it was taken, and the next one may go."""
    now, began = cloud.now(), time.monotonic()
    headers = signing.headers(keys, f"msg_{hook.hook_id}_{message.event_id}", now, message.body)
    status, error = None, None
    try:
        status = outgoing.post(hook.url, headers, message.body, cloud.settings.hooks_private)
    except (outgoing.Refused, ValueError) as refused:
        error = str(refused)[:64]
    taken = status is not None and 200 <= status < 300
    attempt = HookTry(
        hook_id=hook.hook_id,
        event_id=message.event_id,
        at=now,
        took_ms=round((time.monotonic() - began) * 1000),
        status=status,
        error=error,
    )
    with cloud.db.writing() as session:
        row = session.get(Hook, hook.hook_id, with_for_update=True)
        if row is None:  # removed meanwhile
            return False
        session.add(attempt)
        if not taken:
            _failed(row, now)
            return False
        row.failures, row.failing_since = 0, None
        if row.told != told:  # a replay came in between: go on from there next time
            return False
        row.told = message.event_id
        return row.state == "active"


def _failed(row: Hook, now: int) -> None:
    row.failing_since = now if row.failing_since is None else row.failing_since
    row.due_at = now + BACKOFF[min(row.failures, len(BACKOFF) - 1)]
    row.failures += 1
    if now - row.failing_since > PATIENCE_S:
        row.state = "paused"


def _advance(session: Session, hook_id: str, told: int, end: int) -> None:
    """Nothing up to `end` is left for it."""
    row = session.get(Hook, hook_id, with_for_update=True)
    if row is not None and row.told == told:
        row.told = max(told, end)
