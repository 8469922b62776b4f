"""Positions: stored once by (lock, record number), read by time, measured along the way. A lock's newest stands in its
own row too: who asks where a fleet is would otherwise search a million fixes for ten thousand."""

from collections.abc import Iterable, Sequence
from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloud.db import insert
from cloud.tables import Fix, Lock

EARTH_M = 6_371_009  # mean radius (IUGG); on our scale the Earth's shape matters less than a fix's accuracy
TRACK_MAX = 20_000  # fixes of one ride, a day at one every 5 s


class Place(NamedTuple):
    """Where a lock was when it last knew: degrees x 10^7, decimetres, seconds by its clock."""

    lat: int
    lon: int
    accuracy: int
    at: int


NEWEST = (
    Lock.fix_lat,
    Lock.fix_lon,
    Lock.fix_accuracy,
    Lock.fix_at,
)  # the columns of a Place; NULL: no fix yet


def store(session: Session, rows: Sequence[dict]) -> None:
    """`rows`: lock_id, seq, at, lat, lon, accuracy. What is there already stays. Who stores fixes of one lock holds
    its row, so that its newest is the newest of all that were stored."""
    if not rows:
        return
    session.execute(insert(session, Fix).values(list(rows)).on_conflict_do_nothing())
    for lock_id in sorted({row["lock_id"] for row in rows}):
        lock, newest = session.get_one(Lock, lock_id), last(session, lock_id)
        if newest is not None:
            lock.fix_lat, lock.fix_lon = newest.lat, newest.lon
            lock.fix_accuracy, lock.fix_at = newest.accuracy, newest.at


def place(lat: int | None, lon: int | None, accuracy: int | None, at: int | None) -> Place | None:
    """Of the columns NEWEST."""
    if lat is None or lon is None or accuracy is None or at is None:
        return None
    return Place(lat, lon, accuracy, at)


def track(session: Session, lock_id: str, start: int | None, end: int | None) -> Sequence[Fix]:
    """By time, both ends included. `start` None: nobody knows when, so nothing; `end` None: up to now."""
    if start is None:
        return ()
    rows = select(Fix).where(Fix.lock_id == lock_id, Fix.at >= start).order_by(Fix.at, Fix.seq)
    return session.scalars((rows if end is None else rows.where(Fix.at <= end)).limit(TRACK_MAX)).all()


def measure(session: Session, lock_id: str, start: int | None, end: int | None) -> tuple[int, int]:
    """(how many fixes, metres along them)."""
    if start is None:
        return 0, 0
    rows = select(Fix.lat, Fix.lon).where(Fix.lock_id == lock_id, Fix.at >= start).order_by(Fix.at, Fix.seq)
    points = session.execute((rows if end is None else rows.where(Fix.at <= end)).limit(TRACK_MAX)).all()
    return len(points), metres((lat, lon) for lat, lon in points)


def last(session: Session, lock_id: str) -> Fix | None:
    rows = select(Fix).where(Fix.lock_id == lock_id).order_by(Fix.at.desc(), Fix.seq.desc()).limit(1)
    return session.scalars(rows).one_or_none()


def metres(points: Iterable[tuple[int, int]]) -> int:
    """Length of a line through (lat, lon) in degrees x 10^7."""
    total, before = 0.0, None
    for point in points:
        if before:
            total += haversine(before, point)
        before = point
    return round(total)


def haversine(a: tuple[int, int], b: tuple[int, int]) -> float:
    """Metres between two points, on a sphere; exact to 0.5 %, and steady where points nearly coincide."""
    lat_a, lon_a, lat_b, lon_b = (radians(degrees / 1e7) for degrees in (*a, *b))
    half = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_M * asin(sqrt(min(1.0, half)))
