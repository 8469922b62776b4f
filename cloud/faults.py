"""What people at a bicycle say is wrong with it. Open until a job that was made of it is done, or staff close it."""

import secrets
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cloud import events, watch
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.tables import Asset
from cloud.tables_fleet import Fault


def report(session: Session, asset: Asset, user_id: str, kind: str, text: str, now: int) -> Fault:
    row = Fault(
        fault_id=secrets.token_hex(8),
        asset_id=asset.asset_id,
        lock_id=asset.lock_id,
        operator_id=asset.operator_id,
        user_id=user_id,
        kind=kind,
        text=text,
        at=now,
    )
    session.add(row)
    session.flush()
    said = {"asset_id": asset.asset_id, "code": kind}
    events.tell(session, "fault.reported", row.fault_id, now, asset.operator_id, user_id, **said)
    watch.open_one(session, watch.of_fault(row), now)
    return row


def find(session: Session, reach: Reach, fault_id: str) -> Fault:
    """Staff: their operator's; a rider: their own. Raises Problem not_found."""
    mine = or_(reach.of(Fault.operator_id), Fault.user_id == reach.user_id)
    row = session.scalars(select(Fault).where(Fault.fault_id == fault_id, mine)).one_or_none()
    if row is None:
        raise Problem("not_found")
    return row


def page(
    session: Session,
    reach: Reach,
    after: tuple[int, str] | None,
    limit: int,
    asset_id: str | None,
    is_open: bool | None,
) -> Sequence[Fault]:
    """Newest first."""
    rows = select(Fault).where(or_(reach.of(Fault.operator_id), Fault.user_id == reach.user_id))
    if asset_id is not None:
        rows = rows.where(Fault.asset_id == asset_id)
    if is_open is not None:
        rows = rows.where(Fault.closed_at.is_(None) if is_open else Fault.closed_at.is_not(None))
    if after is not None:
        at, fault_id = after
        rows = rows.where(or_(Fault.at < at, (Fault.at == at) & (Fault.fault_id < fault_id)))
    return session.scalars(rows.order_by(Fault.at.desc(), Fault.fault_id.desc()).limit(limit)).all()


def close(session: Session, row: Fault, user_id: str, now: int) -> None:
    if row.closed_at is None:
        row.closed_at, row.closed_by = now, user_id
        said = {"asset_id": row.asset_id, "code": row.kind}
        events.tell(session, "fault.closed", row.fault_id, now, row.operator_id, row.user_id, **said)
        watch.close_one(session, "fault", row.fault_id, now)


def erase(session: Session, user_id: str) -> None:
    """Somebody leaves: what was wrong stays, not their words."""
    for row in session.scalars(select(Fault).where(Fault.user_id == user_id, Fault.text != "")):
        row.text = ""
        watch.reword(session, watch.of_fault(row))
