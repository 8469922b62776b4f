"""Rides, locks and fixes to take away: CSV (RFC 4180) and GeoJSON (RFC 7946), row by row, never the whole in memory.

A spreadsheet takes a cell that begins with = + - @ for a formula: such text gets an apostrophe in front. Numbers are
numbers and stay as they are. Pages of rows are read by key, each in a transaction of its own, so that a long export
holds nothing; what changes under way may be in or out, as with any list.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from cloud.context import Cloud
from cloud.reach import Reach
from cloud.rides import window
from cloud.tables import Asset, Fix, Lock, Ride
from cloud.tables_fleet import AssetLock
from protocol import status

CSV, GEOJSON = "text/csv", "application/geo+json"
CHUNK = 1000  # rows a page
MOST = 1_000_000  # rows of one export
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Row = dict[str, Any]
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Export:
    """`columns` in their order; `page` gives rows from after a key; `place` a row's GeoJSON geometry."""

    columns: tuple[str, ...]
    page: Callable[[Session, Reach, "Wanted", Key | None], list[tuple[Key, Row]]]
    place: Callable[[Session, Row], dict[str, Any] | None]


@dataclass(frozen=True)
class Wanted:
    """Half-open in time; of one lock or all."""

    since: int
    until: int
    lock_id: str | None = None


def safe(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return "" if value is None else value


def rows(cloud: Cloud, export: Export, reach: Reach, wanted: Wanted, tracks: bool) -> Iterator[list[Row]]:
    """Page by page; with `tracks` each row has its `geometry`."""
    after, count = None, 0
    while count < MOST:
        with cloud.db.reading() as session:
            found = export.page(session, reach, wanted, after)
            page = [{**row, "geometry": export.place(session, row) if tracks else None} for _, row in found]
        yield page
        count += len(found)
        if len(found) < CHUNK:
            return
        after = found[-1][0]


def as_csv(export: Export, pages: Iterable[list[Row]]) -> Iterator[bytes]:
    yield _line(export.columns)
    for page in pages:
        yield b"".join(_line([safe(row[name]) for name in export.columns]) for row in page)


def _line(cells: Sequence[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)  # RFC 4180 §2
    return text.getvalue().encode()


def as_geojson(export: Export, pages: Iterable[list[Row]]) -> Iterator[bytes]:
    yield b'{"type":"FeatureCollection","features":['
    first = True
    for page in pages:
        features = []
        for row in page:
            shown = {name: row[name] for name in export.columns}
            feature = {"type": "Feature", "geometry": row["geometry"], "properties": shown}
            features.append(json.dumps(feature, separators=(",", ":")))
        if features:
            yield (("" if first else ",") + ",".join(features)).encode()
            first = False
    yield b"]}"


# ---- what there is


def _of_lock(rows: Any, column: Any, wanted: Wanted) -> Any:
    return rows if wanted.lock_id is None else rows.where(column == wanted.lock_id)


def _rides(session: Session, reach: Reach, wanted: Wanted, after: Key | None) -> list[tuple[Key, Row]]:
    following, key = aliased(Ride), (Ride.opened_at, Ride.ride_id)
    on = and_(
        AssetLock.lock_id == Ride.lock_id,
        AssetLock.since <= Ride.opened_at,
        or_(AssetLock.until.is_(None), AssetLock.until > Ride.opened_at),
    )
    found = (
        select(Ride, window(Ride, following), Asset.code)
        .outerjoin(following, following.ride_id == Ride.next_ride)
        .outerjoin(AssetLock, on)
        .outerjoin(Asset, Asset.asset_id == AssetLock.asset_id)
        .where(reach.of(Ride.operator_id), Ride.opened_at >= wanted.since, Ride.opened_at < wanted.until)
    )
    if after is not None:
        found = found.where(tuple_(*key) > tuple_(*after))
    shown = []
    for ride, until, code in session.execute(
        _of_lock(found, Ride.lock_id, wanted).order_by(*key).limit(CHUNK)
    ):
        row = {
            "ride_id": ride.ride_id,
            "lock_id": ride.lock_id,
            "bike": code,
            "state": ride.state,
            "opened_at": ride.opened_at,
            "closed_at": ride.closed_at,
            "billed_until": ride.billed_until,
            "billed_s": None if ride.billed_until is None else ride.billed_until - ride.opened_at,
            "distance_m": ride.distance_m,
            "fixes": ride.fixes,
            "receipts": ride.receipts,
            "until": until,
        }
        shown.append(((ride.opened_at, ride.ride_id), row))
    return shown


def _track(session: Session, row: Row) -> dict[str, Any] | None:
    """The ride's line; nothing where there is none."""
    points = select(Fix.lon, Fix.lat).where(Fix.lock_id == row["lock_id"], Fix.at >= row["opened_at"])
    if row["until"] is not None:
        points = points.where(Fix.at <= row["until"])
    line = [
        [lon / 1e7, lat / 1e7] for lon, lat in session.execute(points.order_by(Fix.at, Fix.seq).limit(20_000))
    ]
    if len(line) < 2:
        return {"type": "Point", "coordinates": line[0]} if line else None
    return {"type": "LineString", "coordinates": line}


def _locks(session: Session, reach: Reach, wanted: Wanted, after: Key | None) -> list[tuple[Key, Row]]:
    """As they are now, whatever the time that was asked for."""
    found = (
        select(Lock, Asset.code, Asset.label)
        .outerjoin(Asset, Asset.lock_id == Lock.lock_id)
        .where(reach.of(Lock.operator_id), Lock.lock_id > (after[0] if after else ""))
    )
    shown = []
    ordered = _of_lock(found, Lock.lock_id, wanted).order_by(Lock.lock_id).limit(CHUNK)
    for lock, code, label in session.execute(ordered):
        row = {
            "lock_id": lock.lock_id,
            "bike": code,
            "label": label,
            "kind": lock.kind,
            "group": lock.group_id,
            "state": None if lock.state is None else status.STATE_NAMES.get(lock.state, "unknown"),
            "battery_mv": lock.battery_mv,
            "last_seen_at": lock.last_seen_at,
            "release": lock.release,
            "lat": None if lock.fix_lat is None else lock.fix_lat / 1e7,
            "lon": None if lock.fix_lon is None else lock.fix_lon / 1e7,
            "accuracy_m": None if lock.fix_accuracy is None else lock.fix_accuracy / 10,
            "fix_at": lock.fix_at,
        }
        shown.append(((lock.lock_id,), row))
    return shown


def _fixes(session: Session, reach: Reach, wanted: Wanted, after: Key | None) -> list[tuple[Key, Row]]:
    """By lock, then by time."""
    key = (Fix.lock_id, Fix.at, Fix.seq)
    found = select(Fix).where(reach.on_lock(Fix.lock_id), Fix.at >= wanted.since, Fix.at < wanted.until)
    if after is not None:
        found = found.where(tuple_(*key) > tuple_(*after))
    shown = []
    for fix in session.scalars(_of_lock(found, Fix.lock_id, wanted).order_by(*key).limit(CHUNK)):
        row = {
            "lock_id": fix.lock_id,
            "at": fix.at,
            "lat": fix.lat / 1e7,
            "lon": fix.lon / 1e7,
            "accuracy_m": fix.accuracy / 10,
        }
        shown.append(((fix.lock_id, fix.at, fix.seq), row))
    return shown


def _point(session: Session, row: Row) -> dict[str, Any] | None:
    return None if row["lat"] is None else {"type": "Point", "coordinates": [row["lon"], row["lat"]]}


_RIDE = "ride_id lock_id bike state opened_at closed_at billed_until billed_s distance_m fixes receipts"
_LOCK = "lock_id bike label kind group state battery_mv last_seen_at release lat lon accuracy_m fix_at"
EXPORTS = {
    "rides": Export(tuple(_RIDE.split()), _rides, _track),
    "locks": Export(tuple(_LOCK.split()), _locks, _point),
    "fixes": Export(tuple("lock_id at lat lon accuracy_m".split()), _fixes, _point),
}
