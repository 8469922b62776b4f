"""Locks: registered with their key, seen, told a floor."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from cloud import groups, operators
from cloud.db import insert
from cloud.problem import Problem
from cloud.reach import EVERYTHING, Reach
from cloud.tables import Lock
from cloud.wrapping import Wrapping

PURPOSE = "lock key"


def register(
    session: Session,
    box: Wrapping,
    lock_id: str,
    k_lock: bytes,
    kind: str,
    group_id: str | None,
    now: int,
    keyset_version: int | None = None,
    board: str | None = None,
    operator_id: str | None = None,
    uplink_every_s: int | None = None,
) -> None:
    """`keyset_version`: of the keyset that it gets; `board`: whose releases are for it, none unless named;
    `operator_id`: whose it is, needed where there are several; `uplink_every_s`: of its settings. Raises Problem
    lock_exists, also when only the first four bytes are taken: they are the OSCORE sender id; group_taken,
    name_operator."""
    operator_id = operator_id or operators.for_new(session, EVERYTHING, None, now)
    if group_id is not None:
        groups.join(session, group_id, operator_id, now)
    values = {
        "lock_id": lock_id,
        "kid4": lock_id[:8],
        "wrapped_key": box.wrap(PURPOSE, lock_id, k_lock),
        "operator_id": operator_id,
        "kind": kind,
        "group_id": group_id,
        "registered_at": now,
        "keyset_version": keyset_version,
        "board": board,
        "uplink_every_s": uplink_every_s,
    }
    rows = insert(session, Lock).values(values).on_conflict_do_nothing().returning(Lock.lock_id)
    if session.execute(rows).one_or_none() is None:
        raise Problem("lock_exists")


def get(session: Session, lock_id: str, for_update: bool = False) -> Lock:
    """For the cloud itself; see `find`. Raises Problem not_found."""
    lock = session.get(Lock, lock_id, with_for_update=for_update or None, populate_existing=for_update)
    if lock is None:
        raise Problem("not_found")
    return lock


def find(session: Session, reach: Reach, lock_id: str, for_update: bool = False) -> Lock:
    """For whoever asks from outside. Raises Problem not_found, for another operator's lock too."""
    rows = select(Lock).where(Lock.lock_id == lock_id, reach.of(Lock.operator_id))
    if for_update:
        rows = rows.with_for_update().execution_options(populate_existing=True)
    lock = session.scalars(rows).one_or_none()
    if lock is None:
        raise Problem("not_found")
    return lock


def by_kid4(session: Session, kid4: str) -> Lock | None:
    return session.scalars(select(Lock).where(Lock.kid4 == kid4)).one_or_none()


def in_group(session: Session, reach: Reach, group_id: str) -> Sequence[Lock]:
    mine = (Lock.group_id == group_id, reach.of(Lock.operator_id))
    return session.scalars(select(Lock).where(*mine).order_by(Lock.lock_id)).all()


def page(session: Session, reach: Reach, after: str, limit: int) -> Sequence[Lock]:
    """Locks by id, from the first one after `after`."""
    rows = select(Lock).where(Lock.lock_id > after, reach.of(Lock.operator_id))
    return session.scalars(rows.order_by(Lock.lock_id).limit(limit)).all()


def key(box: Wrapping, lock: Lock) -> bytes:
    """K_lock. Keep it on the stack."""
    return box.unwrap(PURPOSE, lock.lock_id, lock.wrapped_key)


def next_epoch(session: Session, lock_id: str) -> Lock:
    """Take the next epoch; the lock comes back with `next_epoch` one past it. Raises Problem not_found.

    On PostgreSQL the row stays locked until the transaction ends: claims of one lock come one after the other.
    """
    return _count_up(session, lock_id, {"next_epoch": Lock.next_epoch + 1})


def next_master_epoch(session: Session, lock_id: str) -> Lock:
    return _count_up(session, lock_id, {"next_master_epoch": Lock.next_master_epoch + 1})


def _count_up(session: Session, lock_id: str, values: dict[str, ColumnElement[int]]) -> Lock:
    rows = update(Lock).where(Lock.lock_id == lock_id).values(values).returning(Lock)
    lock = session.scalars(rows, execution_options={"populate_existing": True}).one_or_none()
    if lock is None:
        raise Problem("not_found")
    return lock


def saw(session: Session, lock_id: str, ride_floor: int, receipt_seq: int = 0) -> None:
    """A sealed status or a receipt said so. Both only rise: a phone may bring an old one."""
    mine = Lock.lock_id == lock_id
    session.execute(update(Lock).where(mine, Lock.seen_floor < ride_floor).values(seen_floor=ride_floor))
    session.execute(
        update(Lock).where(mine, Lock.reported_seq < receipt_seq).values(reported_seq=receipt_seq)
    )
