"""The attention queue: open for as long as its evidence is there, closed by nobody but the facts.

`settle` compares what is open with what should be, and writes the difference. The worker does it every half minute;
what somebody reports (`open_one`) is there at once.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, exists, func, select, tuple_, update
from sqlalchemy.orm import Session, load_only

from cloud import attention, events, rollouts, tickets
from cloud.context import Cloud
from cloud.db import insert
from cloud.evidence import Evidence, of, packed, phrase
from cloud.problem import Problem
from cloud.proofs import FAILS, UNKNOWN
from cloud.reach import EVERYTHING, Reach
from cloud.tables import Asset, Claim, Lock, Note, Receipt, ReceiptFork, Ride
from cloud.tables_fleet import Attention, Fault, Hook, Maintenance
from protocol import telemetry

RUNNING = ("open", "parked")
TICKETS = {"dispute": "dispute", "support": "question"}  # kind: code, which is also what it is called
KEEP_S = 90 * 86400  # of what is closed


class Want(NamedTuple):
    """One matter that should be open."""

    code: str
    subject: str
    rank: int
    said: Evidence
    closes: str
    operator_id: str | None
    lock_id: str | None = None

    @property
    def open_on(self) -> str:
        return f"{self.code}:{self.subject}"

    @property
    def evidence(self) -> str:
        return packed(self.said)


def settle(cloud: Cloud, now: int) -> None:
    """For the worker. Reads first, so that nobody waits for the long part; writes only what differs."""
    with cloud.db.reading() as session:
        wanted = {want.open_on: want for want in wants(session, now)}
        standing = _standing(session)
    fresh = [want for open_on, want in wanted.items() if open_on not in standing]
    changed = {
        item_id: wanted[open_on].evidence
        for open_on, (item_id, evidence) in standing.items()
        if open_on in wanted and wanted[open_on].evidence != evidence
    }
    gone = [item_id for open_on, (item_id, _) in standing.items() if open_on not in wanted]
    if not (fresh or changed or gone):
        return
    with cloud.db.writing() as session:
        for want in fresh:
            open_one(session, want, now)
        for row in _rows(session, list(changed)):
            row.evidence = changed[row.item_id]
        for row in _rows(session, gone):
            _close(session, row, now)


def _standing(session: Session) -> dict[str, tuple[str, str]]:
    rows = select(Attention.open_on, Attention.item_id, Attention.evidence).where(
        Attention.open_on.is_not(None)
    )
    return {
        open_on: (item_id, said) for open_on, item_id, said in session.execute(rows) if open_on is not None
    }


def _rows(session: Session, ids: Sequence[str]) -> Iterable[Attention]:
    for start in range(0, len(ids), 500):
        chunk = Attention.item_id.in_(ids[start : start + 500])
        yield from session.scalars(select(Attention).where(chunk, Attention.closed_at.is_(None))).all()


def open_one(session: Session, want: Want, now: int) -> None:
    """In a writing session; does nothing where it is open already."""
    values = {
        "item_id": secrets.token_hex(8),
        "operator_id": want.operator_id,
        "lock_id": want.lock_id,
        "subject": want.subject,
        "code": want.code,
        "rank": want.rank,
        "evidence": want.evidence,
        "closes": want.closes,
        "opened_at": now,
        "open_on": want.open_on,
    }
    row = insert(session, Attention).values(values).on_conflict_do_nothing().returning(Attention.item_id)
    item_id = session.scalars(row).one_or_none()
    if item_id is not None:
        said = {"code": want.code, "lock_id": want.lock_id, "about": want.subject}
        events.tell(session, "attention.opened", item_id, now, want.operator_id, None, **said)


def reword(session: Session, want: Want) -> None:
    """The evidence of this matter, open or closed, says this from now on."""
    mine = (Attention.code == want.code, Attention.subject == want.subject)
    session.execute(update(Attention).where(*mine).values(evidence=want.evidence))


def close_one(session: Session, code: str, subject: str, now: int) -> None:
    row = session.scalars(select(Attention).where(Attention.open_on == f"{code}:{subject}")).one_or_none()
    if row is not None:
        _close(session, row, now)


def _close(session: Session, row: Attention, now: int) -> None:
    row.closed_at, row.open_on = now, None
    said = {"code": row.code, "lock_id": row.lock_id, "about": row.subject}
    events.tell(session, "attention.closed", row.item_id, now, row.operator_id, None, **said)


# ---- what should be open


def wants(session: Session, now: int) -> Iterable[Want]:
    yield from _of_locks(session, now)
    for fault in session.scalars(select(Fault).where(Fault.closed_at.is_(None))):
        yield of_fault(fault)
    for hook in session.scalars(select(Hook).where(Hook.state == "paused", Hook.failing_since.is_not(None))):
        said = of("webhook", hook.failing_since)
        yield Want("webhook", hook.hook_id, 4, said, attention.HOOK_CLOSES, hook.operator_id)
    for late in tickets.overdue(session, EVERYTHING, now):
        ticket = late.ticket
        rank = 2 if late.missed == "answer" else 3
        yield Want(
            TICKETS[ticket.kind],
            ticket.ticket_id,
            rank,
            of(f"{TICKETS[ticket.kind]}.{late.missed}", late.since),
            attention.TICKET_CLOSES,
            ticket.operator_id,
        )
    for row in rollouts.halted(session):
        yield Want("rollout", row.rollout_id, 2, attention.halted(row), attention.ROLLOUT_CLOSES, None)


def of_fault(row: Fault) -> Want:
    said = of("fault", kind=row.kind, rests=[phrase("text", text=row.text)] if row.text else [])
    rank = attention.FAULT_RANKS.get(row.kind, 3)
    return Want("fault", row.fault_id, rank, said, attention.FAULT_CLOSES, row.operator_id, row.lock_id)


_COLUMNS = (
    Lock.lock_id,
    Lock.operator_id,
    Lock.state,
    Lock.battery_mv,
    Lock.last_seen_at,
    Lock.reported_seq,
    Lock.received_seq,
    Lock.chained_seq,
    Lock.update_state,
    Lock.release,
    Lock.clone_evidence,
)


def _of_locks(session: Session, now: int) -> Iterable[Want]:
    """Only locks on a bicycle: one that lies in a drawer is silent, and that is well."""
    fitted = select(Lock).join(Asset, Asset.lock_id == Lock.lock_id).options(load_only(*_COLUMNS))
    forks, doubts, moved = _forks(session), _doubts(session), _moved(session, now)
    riding = _riding(session)
    for lock in session.scalars(fitted):
        key = lock.lock_id
        facts = attention.Facts(
            lock, now, forks.get(key, 0), doubts.get(key, 0), riding.get(key, []), moved.get(key)
        )
        for rule, evidence in attention.found(facts):
            yield Want(rule.code, key, rule.rank, evidence, rule.closes, lock.operator_id, key)


def _forks(session: Session) -> Mapping[str, int]:
    rows = select(ReceiptFork.lock_id, func.count()).group_by(ReceiptFork.lock_id)
    return {lock_id: count for lock_id, count in session.execute(rows)}


def _doubts(session: Session) -> Mapping[str, int]:
    bad = Receipt.proof.in_((FAILS, UNKNOWN))
    rows = select(Receipt.lock_id, func.count()).where(bad).group_by(Receipt.lock_id)
    return {lock_id: count for lock_id, count in session.execute(rows)}


def _moved(session: Session, now: int) -> Mapping[str, int]:
    """When each lock last said that it was moved while locked, unless a ride has begun since."""
    notes = (Note.note == telemetry.NOTE_MOVED, Note.at > now - attention.MOVED_S)
    moved = select(Note.lock_id, func.max(Note.at)).where(*notes).group_by(Note.lock_id)
    said = {lock_id: at for lock_id, at in session.execute(moved) if at is not None}
    if not said:
        return said
    begun = select(Ride.lock_id, func.max(Ride.opened_at)).where(Ride.opened_at > now - attention.MOVED_S)
    for lock_id, at in session.execute(begun.group_by(Ride.lock_id)):
        if at is not None and lock_id in said and at >= said[lock_id]:
            del said[lock_id]
    return said


def _riding(session: Session) -> Mapping[str, list[tuple[Ride, int]]]:
    found: dict[str, list[tuple[Ride, int]]] = {}
    rows = (
        select(Ride, Claim.longest).outerjoin(Claim, Claim.cti == Ride.claim).where(Ride.state.in_(RUNNING))
    )
    for ride, longest in session.execute(rows):
        found.setdefault(ride.lock_id, []).append((ride, attention.LONG_S if longest is None else longest))
    return found


# ---- the queue


def page(
    session: Session,
    reach: Reach,
    after: tuple[int, int, str] | None,
    limit: int,
    lock_id: str | None = None,
    code: str | None = None,
    closed: bool = False,
) -> Sequence[Attention]:
    """The gravest first, of those the oldest. `closed`: what was, instead of what is."""
    rows = select(Attention).where(reach.of(Attention.operator_id))
    if lock_id is not None:
        rows = rows.where(Attention.lock_id == lock_id)
    if code is not None:
        rows = rows.where(Attention.code == code)
    key = (Attention.rank, Attention.opened_at, Attention.item_id)
    rows = rows.where(Attention.closed_at.is_not(None) if closed else Attention.closed_at.is_(None))
    if after is not None:
        rows = rows.where(_past(key, after))
    return session.scalars(rows.order_by(*key).limit(limit)).all()


def _past(key: tuple, after: tuple[int, int, str]) -> ColumnElement[bool]:
    return tuple_(*key) > tuple_(*after)


def find(session: Session, reach: Reach, item_id: str) -> Attention:
    """Raises Problem not_found."""
    rows = select(Attention).where(Attention.item_id == item_id, reach.of(Attention.operator_id))
    row = session.scalars(rows).one_or_none()
    if row is None:
        raise Problem("not_found")
    return row


def worst(session: Session, reach: Reach) -> Mapping[str, int]:
    """Lock -> the rank of the gravest thing that is open on it."""
    rows = select(Attention.lock_id, func.min(Attention.rank)).where(
        Attention.closed_at.is_(None), Attention.lock_id.is_not(None), reach.of(Attention.operator_id)
    )
    found = session.execute(rows.group_by(Attention.lock_id))
    return {lock_id: rank for lock_id, rank in found if lock_id is not None}


def counts(session: Session, reach: Reach) -> Mapping[str, int]:
    """Code -> how many are open."""
    rows = select(Attention.code, func.count()).where(
        Attention.closed_at.is_(None), reach.of(Attention.operator_id)
    )
    return {code: count for code, count in session.execute(rows.group_by(Attention.code))}


def forget(session: Session, now: int) -> None:
    """Closed matters that are over their time and that no job came from."""
    kept = exists().where(Maintenance.item_id == Attention.item_id)
    session.execute(delete(Attention).where(Attention.closed_at < now - KEEP_S, ~kept))
