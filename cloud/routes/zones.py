"""Zones: drawn by admins, seen by everybody; what they say about where a ride ended."""

import json
from typing import Any

from flask import Blueprint
from sqlalchemy import true
from sqlalchemy.orm import Session

from cloud import body, geometry, operators, rides, zones
from cloud import shapes_fleet as shapes
from cloud.auth import STAFF, allow, cloud, me, reach
from cloud.body import reads
from cloud.conditions import unchanged
from cloud.describe import Fields, Page, answers, asks, guarded, paged, takes
from cloud.tables import ROLES
from cloud.tables_fleet import ZONE_KINDS, Zone

routes = Blueprint("zones", __name__, url_prefix="/api/v1")

POSITION = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
RING = {"type": "array", "items": POSITION, "minItems": 4}


@reads(
    type="object",
    description="GeoJSON Polygon (RFC 7946 §3.1.6)",
    required=["type", "coordinates"],
    additionalProperties=False,
    properties={"type": {"const": "Polygon"}, "coordinates": {"type": "array", "items": RING, "minItems": 1}},
)
def polygon(value: Any) -> dict[str, Any]:
    return geometry.read(value)


NAME, KIND = body.text(1, 64), body.word(*ZONE_KINDS)


@routes.get("/zones")
@allow(*ROLES, scope="fleet:read")
@paged(body.hex_of(8), most=500)
@asks(operator=body.opaque)
@answers()
def listed(page: Page, asked: Fields) -> shapes.Zones:
    """Zones that hold now: staff see their operator's, riders those of every operator, or of one."""
    (after,) = page.after or ("",)
    where = reach().of(Zone.operator_id) if me().staff or me().program else true()
    if asked["operator"]:
        where = where & (Zone.operator_id == asked["operator"])
    with cloud().db.reading() as session:
        rows, following = page.cut(zones.page(session, where, after, page.fetch), lambda row: (row.zone_id,))
    return {"zones": [shown(row) for row in rows], "next": following}


@routes.post("/zones")
@allow("admin", scope="fleet:write")
@takes({"name": NAME, "kind": KIND, "polygon": polygon}, {"operator": body.opaque})
@answers(201, problems=("zone_limit", "name_operator", "not_found"), location="/api/v1/zones/{zone_id}")
def create(fields: Fields) -> shapes.Zone:
    """Draw a zone."""
    now = cloud().now()
    with cloud().db.writing() as session:
        owner = operators.for_new(session, reach(), fields["operator"], now)
        return shown(
            zones.create(session, owner, fields["name"], fields["kind"], fields["polygon"], me().user_id, now)
        )


@routes.get("/zones/<id8:zone_id>")
@allow(*STAFF, scope="fleet:read")
@answers()
def one(zone_id: str) -> shapes.ZoneVersions:
    """One zone in all its versions, newest first."""
    with cloud().db.reading() as session:
        return _versions(session, zone_id)


def _versions(session: Session, zone_id: str) -> shapes.ZoneVersions:
    return {"versions": [shown(row) for row in zones.versions(session, reach(), zone_id)]}


@routes.patch("/zones/<id8:zone_id>")
@allow("admin", scope="fleet:write")
@guarded
@takes({}, {"name": NAME, "kind": KIND, "polygon": polygon})
@answers()
def change(zone_id: str, fields: Fields) -> shapes.Zone:
    """Change a zone from now on; rides that have ended are judged by what held then."""
    with cloud().db.writing() as session:
        row = zones.find(session, reach(), zone_id)
        unchanged(session, row, lambda: _versions(session, zone_id))
        return shown(
            zones.change(
                session, row, fields["name"], fields["kind"], fields["polygon"], me().user_id, cloud().now()
            )
        )


@routes.delete("/zones/<id8:zone_id>")
@allow("admin", scope="fleet:write")
@answers()
def remove(zone_id: str) -> None:
    """Let a zone hold no more."""
    with cloud().db.writing() as session:
        zones.remove(session, zones.find(session, reach(), zone_id), cloud().now())


@routes.get("/rides/<id16:ride_id>/end")
@allow(*ROLES, scope="tracks:read")
@answers()
def end(ride_id: str) -> shapes.RideEnd:
    """Where a ride ended, as its lock knew, and what the zones that held then say of it.

    `unsure` where the fix is not good enough to tell: that is never at the rider's cost.
    """
    with cloud().db.reading() as session:
        ended = zones.end_of(session, rides.get(session, reach(), ride_id))
    place: shapes.Place | None = None
    if ended.place:
        place = {
            "lat": ended.place.lat,
            "lon": ended.place.lon,
            "radius_dm": round(ended.place.radius_m * 10),
            "at": ended.place.at,
            "source": ended.place.source,
        }
    return {
        "ride_id": ride_id,
        "verdict": ended.verdict,
        "place": place,
        "zones": [
            {
                "zone_id": zone.zone_id,
                "version": zone.version,
                "name": zone.name,
                "kind": zone.kind,
                "verdict": said,
            }
            for zone, said in ended.found
        ],
    }


def shown(row: Zone) -> shapes.Zone:
    return {
        "zone_id": row.zone_id,
        "version": row.version,
        "operator_id": row.operator_id,
        "name": row.name,
        "kind": row.kind,
        "polygon": json.loads(row.polygon),
        "since": row.since,
        "until": row.until,
    }
