"""A whole fleet in one answer, and one lock through time: queries for lists and plots, a row a thing, no objects."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cloud import watch
from cloud.reach import Reach
from cloud.tables import Asset, Command, Lock, Ride, StatusSample, User
from protocol import status

MOST = 20_000  # locks on one map
POINTS = 500  # of a plot
COLUMNS = (
    "lock_id",
    "bike",
    "lat",
    "lon",
    "fix_at",
    "accuracy_dm",
    "state",
    "battery_mv",
    "seen_at",
    "riding",
    "rank",
    "out",
)


NOWHERE = (None,) * 4


def fleet_map(session: Session, reach: Reach, since: int | None, follow: bool = True) -> list[list[Any]]:
    """COLUMNS of every lock on a bicycle; with `since` only of those that were heard of from then on. `rank` is of the
    gravest thing that is open, `out` whether it is out of service. `follow`: also where one is that somebody rides."""
    rows = (
        select(
            Lock.lock_id,
            Asset.code,
            Lock.fix_lat,
            Lock.fix_lon,
            Lock.fix_at,
            Lock.fix_accuracy,
            Lock.state,
            Lock.battery_mv,
            Lock.last_seen_at,
            Asset.out_since,
        )
        .join(Asset, Asset.lock_id == Lock.lock_id)
        .where(reach.of(Lock.operator_id))
        .limit(MOST)
    )
    if since is not None:
        rows = rows.where(Lock.last_seen_at >= since)
    riding = set(session.scalars(select(Ride.lock_id).where(Ride.state.in_(watch.RUNNING))))
    worst = watch.worst(session, reach)
    return [
        [
            *row[:2],
            *(row[2:6] if follow or row[0] not in riding else NOWHERE),
            _state(row[6]),
            *row[7:9],
            row[0] in riding,
            worst.get(row[0]),
            row[9] is not None,
        ]
        for row in session.execute(rows)
    ]


def _state(state: int | None) -> str | None:
    return None if state is None else status.STATE_NAMES.get(state, "unknown")


def series(session: Session, lock_id: str, since: int, until: int) -> tuple[list[list[int]], list[list[int]]]:
    """[at, lowest, highest, how many] for at most POINTS stretches of the time between: of millivolts, of degrees C.
    A stretch in which the lock told no temperature is not among the latter."""
    width = max(1, -(-(until - since) // POINTS))
    stretch = (StatusSample.at - since) // width
    rows = (
        select(
            func.min(StatusSample.at),
            func.min(StatusSample.battery_mv),
            func.max(StatusSample.battery_mv),
            func.count(),
            func.min(StatusSample.temperature_c),
            func.max(StatusSample.temperature_c),
            func.count(StatusSample.temperature_c),
        )
        .where(StatusSample.lock_id == lock_id, StatusSample.at >= since, StatusSample.at < until)
        .group_by(stretch)
        .order_by(func.min(StatusSample.at))
    )
    battery, temperature = [], []
    for at, low, high, count, coldest, warmest, told in session.execute(rows):
        battery.append([at or 0, low, high, count])
        if coldest is not None and warmest is not None:
            temperature.append([at or 0, coldest, warmest, told])
    return battery, temperature


def states(session: Session, lock_id: str, since: int, until: int, limit: int) -> list[tuple[int, str]]:
    """(when, state) at each change that its own status records show, oldest first."""
    before = func.lag(StatusSample.state).over(order_by=StatusSample.seq)
    inner = select(StatusSample.at, StatusSample.state, before.label("was")).where(
        StatusSample.lock_id == lock_id, StatusSample.at >= since, StatusSample.at < until
    )
    found = inner.subquery()
    rows = select(found.c.at, found.c.state).where(found.c.was.is_(None) | (found.c.was != found.c.state))
    return [
        (at, status.STATE_NAMES.get(state, "unknown"))
        for at, state in session.execute(rows.order_by(found.c.at).limit(limit))
    ]


def commands(
    session: Session, lock_id: str, before: int | None, limit: int
) -> Sequence[tuple[Command, str | None]]:
    """(command, login of who asked), newest first, from below command `before`."""
    rows = select(Command, User.login).outerjoin(User, User.user_id == Command.user_id)
    rows = rows.where(Command.lock_id == lock_id).order_by(Command.command_id.desc()).limit(limit)
    if before is not None:
        rows = rows.where(Command.command_id < before)
    return [(command, login) for command, login in session.execute(rows)]


def samples(session: Session, lock_id: str, since: int, until: int, limit: int) -> Sequence[StatusSample]:
    rows = select(StatusSample).where(
        StatusSample.lock_id == lock_id, StatusSample.at >= since, StatusSample.at < until
    )
    return session.scalars(rows.order_by(StatusSample.at).limit(limit)).all()
