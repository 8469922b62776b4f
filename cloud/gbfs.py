"""GBFS 3.0: what anyone may know of an operator's bicycles that stand free. Builds the feeds, serves none.

The feed must not tell where anybody rode. So a bicycle that is claimed, ridden or out of
order is absent; its id is a MAC that changes with each ride and each lock, and says nothing to whoever has no key;
nothing else about it differs from its neighbour; the order of the list is that of the ids; the place is rounded to
some eleven metres and the time to five minutes. The deep link holds the same id and dies with it.
"""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cloud import zones
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.tables import Asset, Claim, Lock, Operator, Ride
from cloud.tables_fleet import Zone
from cloud.watch import RUNNING
from protocol import status

VERSION = "3.0"
TTL_S = 60
TYPE = "bicycle"
DIGITS = 4  # of a degree, some 11 m
ROUND_S = 300  # times are told to this
SILENT_S = 86400  # a bicycle that has not been heard of for longer is not offered
MOST = 20_000
ANYONE = Reach("")  # who may claim what is for everybody

FEEDS = ("system_information", "vehicle_types", "vehicle_status", "geofencing_zones", "system_pricing_plans")


class Standing(NamedTuple):
    """A bicycle that anyone may claim, and where it stands."""

    asset_id: str
    code: str
    lock_id: str
    rides: int  # rises with each ride on this lock
    lat: int
    lon: int
    seen_at: int


def operator(session: Session, operator_id: str) -> Operator:
    """Raises Problem not_found; also where nobody is named whom one could write to, for a feed must say that."""
    row = session.get(Operator, operator_id)
    if row is None or not row.email:
        raise Problem("not_found")
    return row


def envelope(data: dict[str, Any], now: int) -> dict[str, Any]:
    return {"last_updated": moment(now), "ttl": TTL_S, "version": VERSION, "data": data}


def moment(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def discovery(root: str, now: int) -> dict[str, Any]:
    """`root`: the address that the feeds lie under, with a slash."""
    return envelope(
        {"feeds": [{"name": name, "url": f"{root}{name}.json"} for name in ("gbfs", *FEEDS)]}, now
    )


def system_information(row: Operator, now: int) -> dict[str, Any]:
    language = row.language
    data = {
        "system_id": row.operator_id,
        "languages": [language],
        "name": [_said(row.name, language)],
        "opening_hours": "24/7",
        "feed_contact_email": row.email,
        "email": row.email,
        "timezone": row.timezone,
    }
    for name, value in (("url", row.url), ("phone_number", row.phone)):
        if value:
            data[name] = value
    for name, value in (("terms_url", row.terms_url), ("privacy_url", row.privacy_url)):
        if value:
            data[name] = [_said(value, language)]
            data[name.replace("url", "last_updated")] = moment(row.created_at)[:10]
    return envelope(data, now)


def vehicle_types(now: int) -> dict[str, Any]:
    """One type, and so nothing to tell two bicycles apart by."""
    kind = {
        "vehicle_type_id": TYPE,
        "form_factor": "bicycle",
        "propulsion_type": "human",
        "wheel_count": 2,
        "return_constraint": "free_floating",
    }
    return envelope({"vehicle_types": [kind]}, now)


def system_pricing_plans(now: int) -> dict[str, Any]:
    """None: a plan is a name as yet, and a name is no price."""
    return envelope({"plans": []}, now)


def _said(text: str, language: str) -> dict[str, str]:
    return {"text": text, "language": language}


# ---- bicycles


def standing(session: Session, operator_id: str, now: int) -> list[Standing]:
    """Those that anyone may claim now and that have been heard of lately."""
    rides = select(func.coalesce(func.max(Ride.opened_seq), 0)).where(Ride.lock_id == Lock.lock_id)
    rows = (
        select(
            Asset.asset_id,
            Asset.code,
            Lock.lock_id,
            rides.correlate(Lock).scalar_subquery(),
            Lock.fix_lat,
            Lock.fix_lon,
            Lock.last_seen_at,
        )
        .join(Lock, Lock.lock_id == Asset.lock_id)
        .where(Asset.operator_id == operator_id, Lock.operator_id == operator_id)
        .where(or_(Lock.state.is_(None), Lock.state == status.STATE_LOCKED), Asset.out_since.is_(None))
        .where(Lock.last_seen_at >= now - SILENT_S, Lock.fix_at.is_not(None), ANYONE.usable())
        .limit(MOST)
    )
    taken = set(session.scalars(select(Claim.open_on).where(Claim.open_on.is_not(None), Claim.exp >= now)))
    taken |= set(session.scalars(select(Ride.lock_id).where(Ride.state.in_(RUNNING))))
    return [found for row in session.execute(rows) if (found := Standing(*row)).lock_id not in taken]


def vehicle_id(key: bytes, row: Standing) -> str:
    """`key`: derived from the cloud's secret, for this alone."""
    mark = f"{row.asset_id}:{row.lock_id}:{row.rides}".encode()
    return hmac.digest(key, mark, hashlib.sha256)[:16].hex()


def vehicle_status(key: bytes, rows: list[Standing], link: str, now: int) -> dict[str, Any]:
    """`link`: an address that a vehicle's id completes."""
    shown = [
        {
            "vehicle_id": ident,
            "lat": round(row.lat / 1e7, DIGITS),
            "lon": round(row.lon / 1e7, DIGITS),
            "is_reserved": False,
            "is_disabled": False,
            "vehicle_type_id": TYPE,
            "last_reported": moment(row.seen_at - row.seen_at % ROUND_S),
            "rental_uris": {"web": link + ident},
        }
        for ident, row in sorted((vehicle_id(key, row), row) for row in rows)
    ]
    return envelope({"vehicles": shown}, now)


def named(key: bytes, rows: list[Standing], ident: str) -> Standing:
    """The bicycle that a deep link names. Raises Problem not_found, as soon as it has been ridden or claimed."""
    for row in rows:
        if hmac.compare_digest(vehicle_id(key, row), ident):
            return row
    raise Problem("not_found")


# ---- zones

_RULES = {  # kind -> may a ride end there; the first zone that holds counts
    "no_parking": False,
    "parking": True,
    "service_area": True,
}


def geofencing_zones(session: Session, row: Operator, now: int) -> dict[str, Any]:
    """Outside of every parking zone, or of the service area where there is no parking zone, no ride may end."""
    held = zones.page(session, Zone.operator_id == row.operator_id, "", zones.MOST)
    kinds = {zone.kind for zone in held}
    features = []
    for kind, ends in _RULES.items():
        if kind == "service_area" and "parking" in kinds:
            ends = False
        for zone in held:
            if zone.kind == kind:
                features.append(_feature(zone, ends, row.language))
    anywhere = not kinds & {"parking", "service_area"}
    return envelope(
        {
            "geofencing_zones": {"type": "FeatureCollection", "features": features},
            "global_rules": [_rule(anywhere)],
        },
        now,
    )


def _feature(zone: Zone, ends: bool, language: str) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"name": [_said(zone.name, language)], "rules": [_rule(ends)]},
        "geometry": {"type": "MultiPolygon", "coordinates": [json.loads(zone.polygon)["coordinates"]]},
    }


def _rule(ends: bool) -> dict[str, bool]:
    return {"ride_start_allowed": True, "ride_end_allowed": ends, "ride_through_allowed": True}
