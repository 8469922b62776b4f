"""Which lock is on which bicycle, and was: a swap closes one row and opens the next, and nothing is ever lost."""

from collections.abc import Iterable, Sequence

from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cloud import claims, events
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.tables import Asset, Claim, Lock
from cloud.tables_fleet import AssetLock


def begin(session: Session, asset_id: str, lock_id: str, now: int) -> None:
    """The bicycle has this lock from now on; its row says so already."""
    session.add(AssetLock(asset_id=asset_id, lock_id=lock_id, since=now))


def end(session: Session, lock_id: str, now: int) -> None:
    """The lock is on no bicycle any more."""
    running = update(AssetLock).where(AssetLock.lock_id == lock_id, AssetLock.until.is_(None))
    session.execute(running.values(until=now))


def fit(session: Session, reach: Reach, asset: Asset, lock_id: str | None, now: int) -> None:
    """Put this lock on the bicycle in place of the one that it has; None: only take that off. Whoever had claimed by
    the old lock claims again: it opens another bicycle by now. Raises Problem not_found, asset_exists."""
    if lock_id == asset.lock_id:
        return
    if lock_id is not None:
        mine = (Lock.lock_id == lock_id, reach.of(Lock.operator_id), Lock.operator_id == asset.operator_id)
        if session.scalars(select(Lock.lock_id).where(*mine)).one_or_none() is None:
            raise Problem("not_found")
    was = asset.lock_id
    if was is not None:
        end(session, was, now)
        claims.drop(session, was)
    try:
        with session.begin_nested():
            asset.lock_id = lock_id
    except IntegrityError:  # it is on another bicycle
        raise Problem("asset_exists") from None
    if lock_id is not None:
        begin(session, asset.asset_id, lock_id, now)
    events.tell(session, "asset.lock", asset.asset_id, now, asset.operator_id, was=was, lock_id=lock_id)


def bikes_of(session: Session, claimed: Iterable[Claim]) -> dict[str, Asset]:
    """cti -> the bicycle that the claim's lock was on when it was made."""
    on = and_(
        AssetLock.lock_id == Claim.lock_id,
        AssetLock.since <= Claim.created_at,
        or_(AssetLock.until.is_(None), AssetLock.until > Claim.created_at),
    )
    rows = select(Claim.cti, Asset).join(AssetLock, on).join(Asset, Asset.asset_id == AssetLock.asset_id)
    rows = rows.where(Claim.cti.in_([claim.cti for claim in claimed]))
    return {cti: bike for cti, bike in session.execute(rows)}


def of_asset(session: Session, asset_id: str) -> Sequence[AssetLock]:
    """Newest first."""
    rows = select(AssetLock).where(AssetLock.asset_id == asset_id)
    return session.scalars(rows.order_by(AssetLock.since.desc(), AssetLock.asset_lock_id.desc())).all()


def of_lock(session: Session, lock_id: str) -> Sequence[AssetLock]:
    """Newest first."""
    rows = select(AssetLock).where(AssetLock.lock_id == lock_id)
    return session.scalars(rows.order_by(AssetLock.since.desc(), AssetLock.asset_lock_id.desc())).all()
