"""Jobs for technicians: opened by hand, from what needs attention or from a fault; assigned; done with a note."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, or_, select, tuple_
from sqlalchemy.orm import Session

from cloud import assets, events, faults, fixes
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.tables import Asset, Lock, Ride, User
from cloud.tables_fleet import Attention, Fault, Maintenance

RANK = 3  # unless asked for, or what it is made of says
RANK_M = 1000  # metres that a technician would go further for one rank of urgency
NOWHERE_M = 5000  # how far away a job counts whose place nobody knows
MOST = 2000  # open jobs that are ranked by where they are, the most urgent


class Seen(NamedTuple):
    """A job, the bicycle that it is about, where its lock was when it last knew, and how far that is from somebody."""

    row: Maintenance
    bike: Asset | None
    place: fixes.Place | None
    way_m: int | None


class Wanted(NamedTuple):
    """Which jobs: open or done, somebody's or (`free`) nobody's, of one bicycle."""

    done: bool = False
    assigned_to: str | None = None
    asset_id: str | None = None
    free: bool = False

    def of(self, reach: Reach) -> Select[Any]:
        rows = select(Maintenance).where(reach.of(Maintenance.operator_id))
        rows = rows.where(Maintenance.done_at.is_not(None) if self.done else Maintenance.done_at.is_(None))
        for column, value in (
            (Maintenance.assigned_to, self.assigned_to),
            (Maintenance.asset_id, self.asset_id),
        ):
            if value is not None:
                rows = rows.where(column == value)
        return rows.where(Maintenance.assigned_to.is_(None)) if self.free else rows


_URGENT = (Maintenance.rank, Maintenance.opened_at, Maintenance.job_id)


def create(
    session: Session,
    operator_id: str | None,
    title: str,
    user_id: str,
    now: int,
    asset: Asset | None = None,
    item: Attention | None = None,
    fault: Fault | None = None,
    rank: int | None = None,
) -> Maintenance:
    """Raises Problem job_exists when one is open on the same matter or fault already."""
    if item is not None and item.code == "fault" and fault is None:
        fault = session.get(Fault, item.subject)
    about = [Maintenance.item_id == item.item_id] if item else []
    about += [Maintenance.fault_id == fault.fault_id] if fault else []
    if about:
        same = select(Maintenance.job_id).where(or_(*about), Maintenance.done_at.is_(None)).limit(1)
        if (found := session.scalars(same).one_or_none()) is not None:
            raise Problem("job_exists", job_id=found)
    asset_id = asset.asset_id if asset else fault.asset_id if fault else None
    lock_id = asset.lock_id if asset else item.lock_id if item else fault.lock_id if fault else None
    if asset_id is None and lock_id is not None:
        asset_id = session.scalars(select(Asset.asset_id).where(Asset.lock_id == lock_id)).one_or_none()
    row = Maintenance(
        job_id=secrets.token_hex(8),
        operator_id=operator_id,
        asset_id=asset_id,
        lock_id=lock_id,
        item_id=item.item_id if item else None,
        fault_id=fault.fault_id if fault else None,
        title=title,
        rank=rank or (item.rank if item else RANK),
        opened_at=now,
        opened_by=user_id,
    )
    session.add(row)
    session.flush()
    events.tell(session, "job.opened", row.job_id, now, operator_id, None, asset_id=asset_id, lock_id=lock_id)
    return row


def find(session: Session, reach: Reach, job_id: str) -> Maintenance:
    """Raises Problem not_found."""
    rows = select(Maintenance).where(Maintenance.job_id == job_id, reach.of(Maintenance.operator_id))
    row = session.scalars(rows.with_for_update()).one_or_none()
    if row is None:
        raise Problem("not_found")
    return row


def page(
    session: Session,
    reach: Reach,
    after: tuple[int, int, str] | None,
    limit: int,
    wanted: Wanted,
) -> Sequence[Maintenance]:
    """The most urgent first, of those the oldest."""
    rows = wanted.of(reach)
    if after is not None:
        rows = rows.where(tuple_(*_URGENT) > tuple_(*after))
    return session.scalars(rows.order_by(*_URGENT).limit(limit)).all()


def near(
    session: Session,
    reach: Reach,
    here: tuple[int, int],
    follow: bool,
    after: tuple[int, int, str] | None,
    limit: int,
    wanted: Wanted,
) -> list[Seen]:
    """What is worth the way first, by `cost`. `after`: its key, see `cost_key`."""
    rows = session.scalars(wanted.of(reach).order_by(*_URGENT).limit(MOST)).all()
    found = sorted(seen(session, rows, follow, here), key=cost_key)
    return [each for each in found if after is None or cost_key(each) > after][:limit]


def cost_key(job: Seen) -> tuple[int, int, str]:
    """Metres to go, and as many more as it is less urgent; of those alike the oldest first."""
    way = NOWHERE_M if job.way_m is None else job.way_m
    return way + RANK_M * (job.row.rank - 1), job.row.opened_at, job.row.job_id


def seen(
    session: Session, rows: Sequence[Maintenance], follow: bool, here: tuple[int, int] | None = None
) -> list[Seen]:
    """In their order. `follow`: also where a bicycle is that somebody rides."""
    bikes = assets.by_id(session, [row.asset_id for row in rows])
    on = {row.job_id: _lock(row, bikes) for row in rows}
    ids = {lock_id for lock_id in on.values() if lock_id}
    told = select(Lock.lock_id, *fixes.NEWEST).where(Lock.lock_id.in_(ids))
    places = {lock_id: fixes.place(*newest) for lock_id, *newest in session.execute(told)}
    if not follow:
        running = select(Ride.lock_id).where(Ride.lock_id.in_(ids), Ride.state != "ended")
        for lock_id in session.scalars(running):
            places[lock_id] = None
    found = []
    for row in rows:
        place = places.get(on[row.job_id] or "")
        way = round(fixes.haversine(here, place[:2])) if here and place else None
        found.append(Seen(row, bikes.get(row.asset_id or ""), place, way))
    return found


def _lock(row: Maintenance, bikes: dict[str, Asset]) -> str | None:
    """The one that is on the bicycle now; without a bicycle the one that it is about."""
    bike = bikes.get(row.asset_id or "")
    return bike.lock_id if bike else row.lock_id


class Open(NamedTuple):
    """A job that is open where something needs a person; `same`: it was made of this very matter."""

    row: Maintenance
    same: bool


def of_items(
    session: Session, reach: Reach, items: Sequence[Attention], bikes: Mapping[str, Asset]
) -> dict[str, list[Open]]:
    """Item -> open jobs of it first, then of its lock or that one's bicycle (`bikes`, by lock); each by urgency."""
    about = (
        Maintenance.item_id.in_([item.item_id for item in items]),
        Maintenance.fault_id.in_([item.subject for item in items if item.code == "fault"]),
        Maintenance.lock_id.in_([item.lock_id for item in items if item.lock_id]),
        Maintenance.asset_id.in_([bike.asset_id for bike in bikes.values()]),
    )
    open_ones = (reach.of(Maintenance.operator_id), Maintenance.done_at.is_(None), or_(*about))
    rows = session.scalars(select(Maintenance).where(*open_ones).order_by(*_URGENT).limit(MOST)).all()
    found = {}
    for item in items:
        bike = bikes.get(item.lock_id or "")
        each = [
            Open(row, _made_of(row, item)) for row in rows if _made_of(row, item) or _there(row, item, bike)
        ]
        found[item.item_id] = sorted(each, key=lambda job: not job.same)
    return found


def _made_of(row: Maintenance, item: Attention) -> bool:
    return row.item_id == item.item_id or (item.code == "fault" and row.fault_id == item.subject)


def _there(row: Maintenance, item: Attention, bike: Asset | None) -> bool:
    on_lock = item.lock_id is not None and row.lock_id == item.lock_id
    return on_lock or (bike is not None and row.asset_id == bike.asset_id)


def assign(session: Session, reach: Reach, row: Maintenance, user_id: str | None, now: int) -> None:
    """To one of the operator's staff, or to nobody. Raises Problem job_over, not_found (who is no such person)."""
    if row.done_at is not None:
        raise Problem("job_over")
    if user_id is not None:
        rows = select(User).where(User.user_id == user_id, User.role.in_(("technician", "admin")))
        person = session.scalars(rows).one_or_none()
        if person is None or person.operator_id not in (None, row.operator_id):
            raise Problem("not_found")
        if person.operator_id is None and not reach.everything and person.user_id != reach.user_id:
            raise Problem("not_found")  # the platform's staff are no stranger's to send out
    row.assigned_to, row.assigned_at = user_id, now if user_id else None
    events.tell(session, "job.assigned", row.job_id, now, row.operator_id, None, lock_id=row.lock_id)


def done(session: Session, row: Maintenance, note: str, user_id: str, now: int) -> None:
    """The fault that it was made of is closed with it. What else it came from closes when the facts say so.
    Raises Problem job_over."""
    if row.done_at is not None:
        raise Problem("job_over")
    row.done_at, row.done_by, row.note = now, user_id, note
    if row.fault_id is not None and (fault := session.get(Fault, row.fault_id)) is not None:
        faults.close(session, fault, user_id, now)
    events.tell(session, "job.done", row.job_id, now, row.operator_id, None, lock_id=row.lock_id)
