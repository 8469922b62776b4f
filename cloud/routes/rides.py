"""Rides as the receipts tell them: one's own; their operator's for staff."""

from flask import Blueprint

from cloud import body, fixes, receipts, rides, shapes, views
from cloud.auth import allow, cloud, me, reach
from cloud.describe import Fields, Page, answers, asks, paged
from cloud.tables import ROLES

routes = Blueprint("rides", __name__, url_prefix="/api/v1/rides")


@routes.get("")
@allow(*ROLES, scope="rides:read")
@asks(lock=body.hex_of(8), claim=body.hex_of(8))
@paged(body.integer(), body.hex_of(16))
@answers()
def listed(page: Page, asked: Fields) -> shapes.Rides:
    """Rides, newest first: mine, and for staff their operator's. `lock` and `claim` narrow it down."""
    wanted = {"lock_id": asked["lock"], "cti": asked["claim"]}
    with cloud().db.reading() as session:
        found = rides.page(session, reach(), wanted, page.after, page.fetch)
    rows, following = page.cut(found, lambda row: (row.opened_at or 0, row.ride_id))
    return {"rides": [views.ride(row) for row in rows], "next": following}


@routes.get("/<id16:ride_id>")
@allow(*ROLES, scope="rides:read")
@answers()
def one(ride_id: str) -> shapes.RideWithReceipts:
    """One ride, with its receipts and the cloud's countersignatures: enough to check what the ride is billed by.

    Receipts say where: a program gets them with the scope tracks:read only.
    """
    with cloud().db.reading() as session:
        ride = rides.get(session, reach(), ride_id)
        log = receipts.of_ride(session, ride) if me().may("tracks:read") else []
        return views.ride_with_receipts(ride, log)


@routes.get("/<id16:ride_id>/track")
@allow(*ROLES, scope="tracks:read")
@answers(200, "application/geo+json")
def track(ride_id: str) -> shapes.Track:
    """Where it went, as GeoJSON (RFC 7946)."""
    with cloud().db.reading() as session:
        ride = rides.get(session, reach(), ride_id)
        points = fixes.track(session, ride.lock_id, ride.opened_at, rides.ended_at(session, ride))
        return views.track(ride, points)
