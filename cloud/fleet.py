"""Locks with all that staff look at together: one query a kind of thing, however many locks."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cloud import keyring
from cloud.attention import LONG_S, Facts
from cloud.proofs import FAILS, UNKNOWN
from cloud.reach import Reach
from cloud.tables import Claim, Lock, Receipt, ReceiptFork, Ride


def facts(session: Session, locks: Sequence[Lock], now: int) -> list[Facts]:
    """In the order of `locks`."""
    ids = [lock.lock_id for lock in locks]
    forks = _count(session, ReceiptFork, ids)
    doubts = _count(session, Receipt, ids, Receipt.proof.in_((FAILS, UNKNOWN)))
    riding: dict[str, list[tuple[Ride, int]]] = {}
    rows = (
        select(Ride, Claim.longest)
        .outerjoin(Claim, Claim.cti == Ride.claim)
        .where(Ride.lock_id.in_(ids), Ride.state != "ended")
        .order_by(Ride.opened_seq)
    )
    for ride, longest in session.execute(rows):
        riding.setdefault(ride.lock_id, []).append((ride, LONG_S if longest is None else longest))
    return [
        Facts(
            lock, now, forks.get(lock.lock_id, 0), doubts.get(lock.lock_id, 0), riding.get(lock.lock_id, [])
        )
        for lock in locks
    ]


def _count(session: Session, table: Any, ids: list[str], *where: Any) -> dict[str, int]:
    rows = select(table.lock_id, func.count()).where(table.lock_id.in_(ids), *where).group_by(table.lock_id)
    return {lock_id: count for lock_id, count in session.execute(rows)}


def behind(session: Session, reach: Reach) -> tuple[int, int]:
    """(locks that have not said that they have the newest keyset, its version); (0, 0) before there is one."""
    newest = keyring.newest(session)
    if newest is None:
        return 0, 0
    spread = keyring.spread(session, reach)
    return sum(count for version, count in spread.items() if version != newest.version), newest.version
