"""Floors: the epoch below which a lock must believe no token. They travel by uplink and inside every new token.

A floor never ends a running ride, and successors do not compare with it (SPEC 6).
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from cloud import issuers, locks, tokens
from cloud.problem import Problem
from cloud.tables import Claim, IssuedToken, Lock
from cloud.wrapping import Wrapping


def settle(session: Session, lock_id: str, now: int) -> None:
    """Raise an exclusive lock's floor as far as no open claim is hurt: what was cancelled dies at the next uplink.
    Pooled locks have many claims in any order; only `sweep` raises theirs."""
    lock = locks.get(session, lock_id)
    if lock.kind == "exclusive":
        lowest = session.scalar(select(func.min(Claim.epoch)).where(*_open(lock_id, now)))
        lock.wanted_floor = max(lock.wanted_floor, lock.next_epoch if lowest is None else lowest)


def sweep(session: Session, box: Wrapping, lock: Lock, now: int) -> list[str]:
    """Kill every token of a claim that is over; open claims survive. -> ctis that got a new token.

    On a pooled lock the survivors are re-issued first, each with a fresh epoch (same cti, same holder key), and the
    floor is the first of those: a floor raised before would lock them out.
    """
    if lock.kind == "exclusive":
        settle(session, lock.lock_id, now)
        return []
    floor = lock.next_epoch
    survivors = session.scalars(select(Claim).where(*_open(lock.lock_id, now)).order_by(Claim.epoch)).all()
    reissued = []
    for claim in survivors:
        key = issuers.usable(session, claim.kid, now)
        if key is not None:
            lock = locks.next_epoch(session, lock.lock_id)
            claim.epoch = lock.next_epoch - 1
            reissued.append((key, claim))
    lock.wanted_floor = floor
    for key, claim in reissued:
        tokens.issue_ride(session, box, key, claim, lock, now)
    return [claim.cti for _key, claim in reissued]


def raise_ride(session: Session, lock: Lock, floor: int) -> Sequence[str]:
    """Raise the ride floor to this epoch, whoever it hurts. -> ctis of the open claims that died.
    Raises Problem floor_ahead."""
    if floor > lock.next_epoch:
        raise Problem("floor_ahead", next_epoch=lock.next_epoch)
    lock.wanted_floor = max(lock.wanted_floor, floor)
    below = (Claim.lock_id == lock.lock_id, Claim.status == "open", Claim.epoch < lock.wanted_floor)
    dead = session.scalars(select(Claim.cti).where(*below)).all()
    session.execute(update(Claim).where(*below).values(status="cancelled", open_on=None))
    return dead


def raise_master(lock: Lock, floor: int) -> None:
    """Kill the master tokens below this epoch. Raises Problem floor_ahead."""
    if floor > lock.next_master_epoch:
        raise Problem("floor_ahead", next_master_epoch=lock.next_master_epoch)
    lock.master_floor = max(lock.master_floor, floor)


def end_masters(session: Session, user_id: str, now: int) -> None:
    """Kill the master tokens that this person can still use without the cloud, and whatever is older for the same
    locks: colleagues take theirs again. A lock hears of it with its next word."""
    mine = (IssuedToken.user_id == user_id, IssuedToken.claim.is_(None), IssuedToken.nonce.is_(None))
    newest: dict[str, int] = {}
    for audience in session.scalars(select(IssuedToken.audience).where(*mine, IssuedToken.exp >= now)):
        for lock_id, epoch in (name.split(":") for name in audience.split()):
            newest[lock_id] = max(newest.get(lock_id, 0), int(epoch))
    rows = select(Lock).where(Lock.lock_id.in_(newest)).order_by(Lock.lock_id).with_for_update()
    for lock in session.scalars(rows, execution_options={"populate_existing": True}):
        raise_master(lock, newest[lock.lock_id] + 1)


def _open(lock_id: str, now: int) -> tuple[ColumnElement[bool], ...]:
    return (Claim.lock_id == lock_id, Claim.status == "open", Claim.exp >= now)
