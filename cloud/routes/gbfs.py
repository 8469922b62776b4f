"""GBFS 3.0, one system an operator, for anyone; and the bicycle behind a deep link, for who wants to claim it."""

import json
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, current_app

from cloud import assets, gbfs, limits, shapes, views
from cloud.auth import allow, cloud, me, public, reach
from cloud.describe import answers
from cloud.problem import Problem
from cloud.routes.claims import guessed
from cloud.tables import ROLES, Operator
from cloud.wrapping import derive

routes = Blueprint("gbfs", __name__)


def _key() -> bytes:
    return derive(cloud().settings.secret, "gbfs vehicle id")


@routes.get("/gbfs/<opaque:operator_id>/gbfs.json")
@public
def discovery(operator_id: str) -> Response:
    """Where the feeds of one system are."""
    with cloud().db.reading() as session:
        gbfs.operator(session, operator_id)
    made = gbfs.discovery(f"{cloud().settings.url}/gbfs/{operator_id}/", cloud().now())
    return _feed(json.dumps(made, separators=(",", ":")).encode())


@routes.get("/gbfs/<opaque:operator_id>/<any({}):name>.json".format(", ".join(gbfs.FEEDS)))
@public
def feed(operator_id: str, name: str) -> Response:
    """One feed."""
    now, feeds = cloud().now(), _feeds()
    made_at, text = feeds.get((operator_id, name), (0, b""))
    if not made_at or not 0 <= now - made_at < cloud().settings.feed_s:
        with cloud().db.reading() as session:
            row = gbfs.operator(session, operator_id)
            text = json.dumps(MADE[name](session, row, now), separators=(",", ":")).encode()
        feeds[operator_id, name] = now, text
    return _feed(text)


def _feeds() -> dict[tuple[str, str], tuple[int, bytes]]:
    """(when it was made, its bytes) of each feed of each operator: anyone may ask, and a large one is dear."""
    found: dict[tuple[str, str], tuple[int, bytes]] = current_app.extensions.setdefault("ringslot_feeds", {})
    return found


def _bicycles(session: Any, row: Operator, now: int) -> dict[str, Any]:
    return gbfs.vehicle_status(
        _key(),
        gbfs.standing(session, row.operator_id, now),
        f"{cloud().settings.url}/?vehicle={row.operator_id}.",
        now,
    )


MADE: dict[str, Callable[[Any, Operator, int], dict[str, Any]]] = {
    "system_information": lambda session, row, now: gbfs.system_information(row, now),
    "vehicle_types": lambda session, row, now: gbfs.vehicle_types(now),
    "vehicle_status": _bicycles,
    "geofencing_zones": gbfs.geofencing_zones,
    "system_pricing_plans": lambda session, row, now: gbfs.system_pricing_plans(now),
}


def _feed(text: bytes) -> Response:
    answer = Response(text, mimetype="application/json")
    answer.headers["Access-Control-Allow-Origin"] = "*"  # it is for anyone, and says nothing of who asks
    return answer


@routes.get("/api/v1/vehicles/<opaque:operator_id>/<id16:vehicle_id>")
@allow(*ROLES, scope="bikes:read")
@answers(problems=("too_many",))
def vehicle(operator_id: str, vehicle_id: str) -> shapes.Bike:
    """The bicycle behind a public feed's deep link, for as long as nobody has claimed or ridden it."""
    now = cloud().now()
    try:
        with cloud().db.reading() as session:
            limits.check(session, "unknown_bike", me().user_id, now)
            found = gbfs.named(_key(), gbfs.standing(session, operator_id, now), vehicle_id)
            return views.bike(assets.by_code(session, reach(), found.code, now), now)
    except Problem as problem:
        if problem.code == "not_found":
            guessed(now)
        raise
