"""Zones: polygons with a meaning, in versions, and what they say about where a ride ended.

The verdict rests on what the lock said and on nothing a phone could make up. What held when the ride ended counts,
whatever was drawn since. Where we are not sure the rider is in the right.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from cloud import events, fixes, geometry
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.tables import Fix, Lock, Receipt, Ride
from cloud.tables_fleet import Zone
from protocol import receipt

MOST = 500  # zones of one operator
RIDING_M_S = 7  # how fast a bicycle may have been since a fix before the bolt closed
OLD_S = 300  # a fix before the bolt closed that is older says nothing
AFTER_S = 1800  # for so long after it closed a fix is still of where it was left
FINE, WRONG = "fine", "wrong"  # beside geometry.UNSURE


@dataclass(frozen=True)
class Place:
    """Where a ride ended, as well as the lock knew: within `radius_m` of the point."""

    lat: int
    lon: int
    radius_m: float
    at: int
    source: str  # "receipt" or "fix"


@dataclass(frozen=True)
class End:
    """`verdict`: fine, wrong or unsure; `found`: each zone near with its own verdict."""

    place: Place | None
    verdict: str
    found: list[tuple[Zone, str]]


def now_valid() -> ColumnElement[bool]:
    return Zone.until.is_(None)


def create(
    session: Session, operator_id: str, name: str, kind: str, polygon: dict[str, Any], user_id: str, now: int
) -> Zone:
    """`polygon`: as geometry.read gives it. Raises Problem zone_limit."""
    mine = select(func.count()).select_from(Zone).where(Zone.operator_id == operator_id, now_valid())
    if (session.scalar(mine) or 0) >= MOST:
        raise Problem("zone_limit", most=MOST)
    return _write(session, secrets.token_hex(8), 1, operator_id, name, kind, polygon, user_id, now)


def change(
    session: Session,
    zone: Zone,
    name: str | None,
    kind: str | None,
    polygon: dict[str, Any] | None,
    user_id: str,
    now: int,
) -> Zone:
    """-> the new version; the one before holds for what was."""
    zone.until = now
    return _write(
        session,
        zone.zone_id,
        zone.version + 1,
        zone.operator_id,
        name or zone.name,
        kind or zone.kind,
        polygon or json.loads(zone.polygon),
        user_id,
        now,
    )


def remove(session: Session, zone: Zone, now: int) -> None:
    zone.until = now
    events.tell(session, "zone.changed", zone.zone_id, now, zone.operator_id, removed=True)


def _write(
    session: Session,
    zone_id: str,
    version: int,
    operator_id: str,
    name: str,
    kind: str,
    polygon: dict[str, Any],
    user_id: str,
    now: int,
) -> Zone:
    south, west, north, east = geometry.box(polygon)
    row = Zone(
        zone_id=zone_id,
        version=version,
        operator_id=operator_id,
        name=name,
        kind=kind,
        polygon=json.dumps(polygon, separators=(",", ":")),
        south=south,
        west=west,
        north=north,
        east=east,
        since=now,
        changed_by=user_id,
    )
    session.add(row)
    session.flush()
    events.tell(session, "zone.changed", zone_id, now, operator_id, version=version)
    return row


def find(session: Session, reach: Reach, zone_id: str) -> Zone:
    """The version that holds, kept from others until the transaction ends. Raises Problem not_found."""
    rows = select(Zone).where(Zone.zone_id == zone_id, now_valid(), reach.of(Zone.operator_id))
    row = session.scalars(rows.with_for_update()).one_or_none()
    if row is None:
        raise Problem("not_found")
    return row


def versions(session: Session, reach: Reach, zone_id: str) -> Sequence[Zone]:
    """Newest first. Raises Problem not_found."""
    rows = select(Zone).where(Zone.zone_id == zone_id, reach.of(Zone.operator_id))
    found = session.scalars(rows.order_by(Zone.version.desc())).all()
    if not found:
        raise Problem("not_found")
    return found


def page(session: Session, where: ColumnElement[bool], after: str, limit: int) -> Sequence[Zone]:
    """Those that hold, by id."""
    rows = select(Zone).where(where, now_valid(), Zone.zone_id > after).order_by(Zone.zone_id)
    return session.scalars(rows.limit(limit)).all()


# ---- where a ride ended


def end_of(session: Session, ride: Ride) -> End:
    """A ride that has not closed, or whose time nobody knows, has no place yet: unsure."""
    if ride.closed_at is None:
        return End(None, geometry.UNSURE, [])
    place = _place(session, ride, ride.closed_at)
    lock = session.get(Lock, ride.lock_id)
    held = (Zone.since <= ride.closed_at, or_(Zone.until.is_(None), Zone.until > ride.closed_at))
    rows = select(Zone).where(Zone.operator_id == (lock.operator_id if lock else None), *held)
    zones = session.scalars(rows.order_by(Zone.zone_id)).all()
    if place is None:
        return End(None, geometry.UNSURE if zones else FINE, [])
    judged = [(zone, _verdict(zone, place)) for zone in zones]
    near = [(zone, said) for zone, said in judged if said != geometry.OUTSIDE]
    return End(place, overall([(zone.kind, said) for zone, said in judged]), near)


def overall(judged: Sequence[tuple[str, str]]) -> str:
    """Of (kind, verdict) of every zone that held: wrong only where that is sure. Pure."""

    def best(kind: str) -> str | None:
        said = [verdict for of, verdict in judged if of == kind]
        for verdict in (geometry.INSIDE, geometry.UNSURE, geometry.OUTSIDE):
            if verdict in said:
                return verdict
        return None

    forbidden, parking, area = best("no_parking"), best("parking"), best("service_area")
    if geometry.INSIDE == forbidden or geometry.OUTSIDE in (parking, area):
        return WRONG
    return geometry.UNSURE if geometry.UNSURE in (forbidden, parking, area) else FINE


def _verdict(zone: Zone, place: Place) -> str:
    return geometry.verdict(json.loads(zone.polygon), place.lat, place.lon, place.radius_m)


def _place(session: Session, ride: Ride, closed_at: int) -> Place | None:
    """The nearest of what the lock knew: the fix in its CLOSE receipt, grown by how far one may have ridden since, or
    one that it took while it stood there closed."""
    places = list(_of_receipt(session, ride, closed_at))
    for fix in _after(session, ride, closed_at):
        places.append(Place(fix.lat, fix.lon, fix.accuracy / 10, fix.at, "fix"))
    return min(places, key=lambda place: place.radius_m, default=None)


def _of_receipt(session: Session, ride: Ride, closed_at: int) -> Sequence[Place]:
    closes = (Receipt.lock_id == ride.lock_id, Receipt.type == receipt.CLOSE, Receipt.cti == ride.cti)
    within = (Receipt.seq >= ride.opened_seq, Receipt.seq <= ride.last_seq)
    body = session.scalars(
        select(Receipt.body).where(*closes, *within).order_by(Receipt.seq.desc()).limit(1)
    ).one_or_none()
    fix = receipt.parse(body).fix if body else None
    if fix is None:
        return ()
    lat, lon, age, accuracy = fix
    if age > OLD_S:
        return ()
    return (Place(lat, lon, accuracy / 10 + age * RIDING_M_S, closed_at - age, "receipt"),)


def _after(session: Session, ride: Ride, closed_at: int) -> Sequence[Fix]:
    """Taken while the bolt stayed closed."""
    opened = select(func.min(Ride.opened_at)).where(Ride.lock_id == ride.lock_id, Ride.opened_at >= closed_at)
    until = min(session.scalar(opened) or closed_at + AFTER_S, closed_at + AFTER_S)
    if ride.state == "open":
        return ()
    return [fix for fix in fixes.track(session, ride.lock_id, closed_at, until) if fix.at <= until]
