"""Bicycles: what the rider sees. A bicycle has one lock, or none yet."""

import secrets
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cloud import fitting, fixes, locks, operators
from cloud.db import insert
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.tables import Asset, Claim, Lock, Ride
from protocol import status

IN_USE = (status.STATE_OPENING, status.STATE_OPEN, status.STATE_PARKED)  # as the lock last said


class Bike(NamedTuple):
    """One row of what a rider may see."""

    asset: Asset
    kind: str
    state: str  # "free", "claimed", "in_use" or "out_of_order"
    fix: fixes.Place | None  # the last one


def create(
    session: Session,
    reach: Reach,
    code: str,
    label: str,
    lock_id: str | None,
    now: int,
    operator_id: str | None = None,
) -> str:
    """-> asset id. It belongs to its lock's operator; without a lock to `operator_id`, or the caller's.
    Raises Problem asset_exists (the code or the lock is on a bike already), not_found (the lock), name_operator."""
    if lock_id is not None:
        operator_id = locks.find(session, reach, lock_id).operator_id
    else:
        operator_id = operators.for_new(session, reach, operator_id, now)
    values = {
        "asset_id": secrets.token_urlsafe(16),
        "code": code,
        "label": label,
        "operator_id": operator_id,
        "lock_id": lock_id,
        "created_at": now,
    }
    rows = insert(session, Asset).values(values).on_conflict_do_nothing().returning(Asset.asset_id)
    asset_id = session.scalars(rows).one_or_none()
    if asset_id is None:
        raise Problem("asset_exists")
    if lock_id is not None:
        fitting.begin(session, asset_id, lock_id, now)
    return asset_id


def fit(session: Session, reach: Reach, code: str, lock_id: str, now: int) -> bool:
    """Puts the lock on the bicycle of its operator that has this code and no lock, as one has whose lock was
    decommissioned. False when there is none."""
    operator_id = locks.find(session, reach, lock_id).operator_id
    mine = (Asset.code == code, Asset.lock_id.is_(None), Asset.operator_id.is_not_distinct_from(operator_id))
    rows = update(Asset).where(*mine).values(lock_id=lock_id).returning(Asset.asset_id)
    asset_id = session.scalars(rows).one_or_none()
    if asset_id is not None:
        fitting.begin(session, asset_id, lock_id, now)
    return asset_id is not None


def free_of(session: Session, lock_id: str, now: int) -> None:
    """The bicycle that has this lock has none from now on."""
    session.execute(update(Asset).where(Asset.lock_id == lock_id).values(lock_id=None))
    fitting.end(session, lock_id, now)


def lock_of(
    session: Session, reach: Reach, asset: str | None = None, code: str | None = None, lock: str | None = None
) -> str:
    """The id of a lock that the caller may claim: by its own id, its bicycle's, or the code on the bicycle's sticker.
    Raises Problem not_found, also for one that is not for the caller, and no_lock_on_bike."""
    if lock is not None:
        found = session.execute(
            select(Lock.lock_id).where(Lock.lock_id == lock, reach.usable())
        ).one_or_none()
    else:
        named = Asset.code == code if asset is None else Asset.asset_id == asset
        rows = select(Lock.lock_id).select_from(Asset).outerjoin(Lock, Lock.lock_id == Asset.lock_id)
        bare = and_(Lock.lock_id.is_(None), reach.bare())
        found = session.execute(rows.where(named, or_(bare, reach.usable()))).one_or_none()
    if found is None:
        raise Problem("not_found")
    if found.lock_id is None:
        raise Problem("no_lock_on_bike")
    return str(found.lock_id)


def free(session: Session, reach: Reach, now: int, after: str, limit: int) -> list[Bike]:
    """Bicycles that the caller may claim, by code, from the first one after `after`: in service, with a lock that has
    reported nothing wrong, no ride that we know of, and no claim that keeps others away."""
    claimed, in_use = _claimed(now), _in_use()
    well = or_(Lock.state.is_(None), Lock.state == status.STATE_LOCKED)
    rows = (
        _bikes(reach, now)
        .where(well, Asset.out_since.is_(None), ~claimed, ~in_use, Asset.code > after)
        .order_by(Asset.code)
        .limit(limit)
    )
    return [_bike(row) for row in session.execute(rows)]


def by_code(session: Session, reach: Reach, code: str, now: int) -> Bike:
    """The bicycle that one stands at, whatever its state. Raises Problem not_found."""
    row = session.execute(_bikes(reach, now).where(Asset.code == code)).one_or_none()
    if row is None:
        raise Problem("not_found")
    return _bike(row)


def find(session: Session, reach: Reach, asset_id: str) -> Asset:
    """For staff. Raises Problem not_found, for another operator's too."""
    rows = select(Asset).where(Asset.asset_id == asset_id, reach.of(Asset.operator_id))
    asset = session.scalars(rows.with_for_update()).one_or_none()
    if asset is None:
        raise Problem("not_found")
    return asset


def page(session: Session, reach: Reach, after: str, limit: int, code: str | None = None) -> Sequence[Asset]:
    """By code, from the first one after `after`; or the one that has this code."""
    rows = select(Asset).where(reach.of(Asset.operator_id), Asset.code > after).order_by(Asset.code)
    if code is not None:
        rows = rows.where(Asset.code == code)
    return session.scalars(rows.limit(limit)).all()


def rename(session: Session, asset: Asset, code: str) -> None:
    """Another sticker. Raises Problem asset_exists."""
    try:
        with session.begin_nested():
            asset.code = code
    except IntegrityError:
        raise Problem("asset_exists") from None


def by_id(session: Session, ids: Iterable[str | None]) -> dict[str, Asset]:
    """For the cloud itself; a NULL is nothing."""
    rows = select(Asset).where(Asset.asset_id.in_({each for each in ids if each}))
    return {asset.asset_id: asset for asset in session.scalars(rows)}


def of_locks(session: Session, lock_ids: Sequence[str]) -> dict[str, Asset]:
    rows = session.scalars(select(Asset).where(Asset.lock_id.in_(lock_ids)))
    return {asset.lock_id: asset for asset in rows if asset.lock_id}


def _bikes(reach: Reach, now: int) -> Select[Any]:
    return (
        select(
            Asset,
            Lock.kind,
            Lock.state,
            _claimed(now).label("claimed"),
            _in_use().label("in_use"),
            *fixes.NEWEST,
        )
        .join(Lock, Lock.lock_id == Asset.lock_id)
        .where(reach.usable())
    )


def _claimed(now: int) -> Any:
    """Never of a pooled lock: its claims keep nobody away, so their open_on is NULL."""
    return exists().where(Claim.open_on == Lock.lock_id, Claim.exp >= now).correlate(Lock)


def _in_use() -> Any:
    return exists().where(Ride.lock_id == Lock.lock_id, Ride.state != "ended").correlate(Lock)


def _bike(row: Sequence[Any]) -> Bike:
    asset, kind, lock_state, claimed, in_use, *newest = row
    fix = fixes.place(*newest)
    if in_use or lock_state in IN_USE:
        return Bike(asset, kind, "in_use", fix)
    if lock_state not in (None, status.STATE_LOCKED) or asset.out_since is not None:
        return Bike(asset, kind, "out_of_order", fix)
    return Bike(asset, kind, "claimed" if claimed else "free", fix)
