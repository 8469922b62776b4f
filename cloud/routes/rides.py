"""Rides as the receipts tell them: one's own; all of them for staff."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from cloud import fixes, receipts, rides, views
from cloud.auth import allow, cloud, me
from cloud.tables import ROLES

routes = Blueprint("rides", __name__, url_prefix="/api/v1/rides")

PAGE = 100


@routes.get("")
@allow(*ROLES)
def listed() -> ResponseReturnValue:
    """Newest first, a page at a time: `next` is the `after` of the next page. `lock` and `claim` narrow it down."""
    mine = None if me().staff else me().user_id
    with cloud().db.reading() as session:
        after = request.args.get("after", "")[:32] or None
        if after is not None:
            rides.get(session, after, mine)
        wanted = {"lock_id": request.args.get("lock"), "cti": request.args.get("claim")}
        rows = rides.page(session, mine, wanted, after, PAGE)
        shown = [views.ride(row) for row in rows]
    return jsonify(rides=shown, next=rows[-1].ride_id if len(rows) == PAGE else None)


@routes.get("/<id16:ride_id>")
@allow(*ROLES)
def one(ride_id: str) -> ResponseReturnValue:
    """With its receipts and the cloud's countersignatures: enough to check what the ride is billed by."""
    with cloud().db.reading() as session:
        ride = rides.get(session, ride_id, None if me().staff else me().user_id)
        shown = {
            **views.ride(ride),
            "receipts": [views.receipt(row) for row in receipts.of_ride(session, ride)],
        }
    return jsonify(shown)


@routes.get("/<id16:ride_id>/track")
@allow(*ROLES)
def track(ride_id: str) -> ResponseReturnValue:
    """GeoJSON (RFC 7946)."""
    with cloud().db.reading() as session:
        ride = rides.get(session, ride_id, None if me().staff else me().user_id)
        points = fixes.track(session, ride.lock_id, ride.opened_at, rides.ended_at(session, ride))
        shown = views.track(ride, points)
    answer = jsonify(shown)
    answer.mimetype = "application/geo+json"
    return answer
