"""Rides in the database: what projection.py tells from the receipts. Rows are never edited, only rewritten."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, or_, select
from sqlalchemy.orm import Session, aliased

from cloud import events, fixes, locks, projection
from cloud.problem import Problem
from cloud.projection import ENDED, OPEN, PARKED
from cloud.reach import Reach
from cloud.tables import Claim, Lock, Receipt, Ride
from protocol import receipt


def update(session: Session, lock: Lock, still_s: int, now: int) -> None:
    """Project again what new receipts may have changed: the last ride, and all that they start.

    Where a receipt without a time may be dated by one of its boot from before (projection.times), or one from before
    by a new one, all of the lock's receipts are needed. That is rare: a lock knows the time but after a power cut.
    """
    start = session.scalar(select(func.max(Ride.opened_seq)).where(Ride.lock_id == lock.lock_id)) or 1
    listed = _receipts(session, lock, start)
    if start > 1 and _undated(session, lock, start, {r.boot for r, _ in listed}):
        start, listed = 1, _receipts(session, lock, 1)
    before = {ride_id: state for ride_id, state in session.execute(_states(lock, start))}
    _write(session, lock, start, listed, still_s)
    _tell(session, lock, start, before, now)


TOLD = {OPEN: "ride.resumed", PARKED: "ride.parked", ENDED: "ride.ended"}


def _states(lock: Lock, start: int) -> Select[str, str]:
    return select(Ride.ride_id, Ride.state).where(Ride.lock_id == lock.lock_id, Ride.opened_seq >= start)


def _tell(session: Session, lock: Lock, start: int, before: Mapping[str, str], now: int) -> None:
    """What became of the rides opened from seq `start` on, that were in the states `before`."""
    rows = (
        select(Ride).where(Ride.lock_id == lock.lock_id, Ride.opened_seq >= start).order_by(Ride.opened_seq)
    )
    for ride in session.scalars(rows, execution_options={"populate_existing": True}):
        was = before.get(ride.ride_id)
        told = [("ride.started", ride.opened_seq)] * (was is None)
        if ride.state != (was or OPEN):
            told.append((TOLD[ride.state], ride.last_seq))
        for kind, seq in told:  # seq: of the receipt that says so
            events.of_lock(session, kind, lock, now, ride.ride_id, ride.user_id, seq=seq)


def rebuild(session: Session, still_s: int, lock_id: str | None = None) -> int:
    """Delete all rides (or one lock's) and project them again from the receipts. -> how many there are now."""
    these = select(Lock.lock_id).order_by(Lock.lock_id)
    for each in session.scalars(these if lock_id is None else these.where(Lock.lock_id == lock_id)).all():
        lock = locks.get(session, each, for_update=True)
        _write(session, lock, 1, _receipts(session, lock, 1), still_s)
    counted = select(func.count()).select_from(Ride)
    return session.scalar(counted if lock_id is None else counted.where(Ride.lock_id == lock_id)) or 0


def _receipts(session: Session, lock: Lock, start: int) -> list[tuple[receipt.Receipt, bytes]]:
    """(parsed, digest) of the chained prefix from `start` on. They verified when they were stored."""
    rows = (
        select(Receipt.body, Receipt.digest)
        .where(Receipt.lock_id == lock.lock_id, Receipt.seq >= start, Receipt.seq <= lock.chained_seq)
        .order_by(Receipt.seq)
    )
    return [(receipt.parse(body), digest) for body, digest in session.execute(rows)]


def _undated(session: Session, lock: Lock, start: int, boots: set[bytes]) -> bool:
    """Whether a receipt from seq `start` on, or an older one of these boots, was written without a time."""
    undated = select(Receipt.seq, Receipt.body).where(Receipt.lock_id == lock.lock_id, Receipt.at.is_(None))
    return any(seq >= start or receipt.parse(body).boot in boots for seq, body in session.execute(undated))


def _write(
    session: Session, lock: Lock, start: int, listed: list[tuple[receipt.Receipt, bytes]], still_s: int
) -> None:
    """Replace the rides opened from seq `start` on."""
    these = (Ride.lock_id == lock.lock_id, Ride.opened_seq >= start)
    # what the first of them ended by a hand-over lies below `start`, and so cannot be seen from there
    before = select(Ride.previous_ride).where(Ride.lock_id == lock.lock_id, Ride.opened_seq == start)
    previous = session.scalars(before).one_or_none()
    session.execute(delete(Ride).where(*these))
    ids = {r.seq: digest[:16].hex() for r, digest in listed}
    for ride in projection.project([r for r, _ in listed], still_s):
        claim = session.get(Claim, ride.cti.hex())
        ended_at = ride.ended_at if ride.next else None if ride.state == projection.OPEN else ride.closed_at
        count, metres = fixes.measure(session, lock.lock_id, ride.opened_at, ended_at)
        session.add(
            Ride(
                ride_id=ids[ride.opened_seq],
                cti=ride.cti.hex(),
                lock_id=lock.lock_id,
                operator_id=lock.operator_id,
                claim=claim.cti if claim else None,
                user_id=claim.user_id if claim else None,
                state=ride.state,
                opened_seq=ride.opened_seq,
                last_seq=ride.last_seq,
                opened_at=ride.opened_at,
                closed_at=ride.closed_at,
                billed_until=ride.billed_until,
                previous_ride=ids[ride.previous]
                if ride.previous
                else previous
                if ride.opened_seq == start
                else None,
                next_ride=ids[ride.next] if ride.next else None,
                receipts=len(ride.seqs),
                fixes=count,
                distance_m=metres,
            )
        )
    session.flush()


def window(ride: type[Ride], following: type[Ride]) -> ColumnElement[int | None]:
    """When a ride's fixes end, in SQL: as `_write` says it. NULL: not yet."""
    return case(
        (ride.next_ride.is_not(None), following.opened_at),
        (ride.state == projection.OPEN, None),
        else_=ride.closed_at,
    )


def measure(session: Session, lock_id: str, first_at: int, last_at: int) -> None:
    """Fixes of this time have come in: count them in the rides that they belong to."""
    following = aliased(Ride)
    end = window(Ride, following)
    rows = (
        select(Ride, end)
        .outerjoin(following, following.ride_id == Ride.next_ride)
        .where(Ride.lock_id == lock_id, Ride.opened_at <= last_at, or_(end.is_(None), end >= first_at))
    )
    for ride, ended_at in session.execute(rows).all():
        ride.fixes, ride.distance_m = fixes.measure(session, lock_id, ride.opened_at, ended_at)


def get(session: Session, reach: Reach, ride_id: str) -> Ride:
    """Raises Problem not_found, for a stranger's ride too."""
    ride = session.scalars(select(Ride).where(Ride.ride_id == ride_id, reach.rides())).one_or_none()
    if ride is None:
        raise Problem("not_found")
    return ride


def ended_at(session: Session, ride: Ride) -> int | None:
    """When its fixes end, as `window`."""
    following = aliased(Ride)
    rows = select(window(Ride, following)).select_from(Ride)
    rows = rows.outerjoin(following, following.ride_id == Ride.next_ride)
    return session.scalars(rows.where(Ride.ride_id == ride.ride_id)).one()


def page(
    session: Session,
    reach: Reach,
    wanted: Mapping[str, str | None],
    after: tuple[int, str] | None,
    limit: int,
) -> Sequence[Ride]:
    """Newest first, those after the ride of this time and id; one whose time is not known has 0 and comes last.
    `wanted`: columns with the value that they must have, None for any."""
    rows = select(Ride).order_by(Ride.opened_at.desc().nulls_last(), Ride.ride_id).limit(limit)
    for column, value in wanted.items():
        if value is not None:
            rows = rows.where(getattr(Ride, column) == value)
    if after is not None:
        at, last = after
        undated, later = Ride.opened_at.is_(None), Ride.ride_id > last
        same = and_(undated, later) if at == 0 else and_(Ride.opened_at == at, later)
        rows = rows.where(same if at == 0 else or_(Ride.opened_at < at, same, undated))
    found = {ride.ride_id: ride for mine in reach.either(Ride) for ride in session.scalars(rows.where(mine))}
    return sorted(found.values(), key=lambda ride: (-(ride.opened_at or 0), ride.ride_id))[:limit]
