"""Bicycles: what may be claimed, the one I stand at, and new ones."""

from flask import Blueprint

from cloud import assets, body, limits, shapes, views
from cloud.auth import allow, cloud, me, reach
from cloud.describe import Fields, Page, answers, paged, takes
from cloud.problem import Problem
from cloud.routes.claims import guessed
from cloud.tables import ROLES

routes = Blueprint("assets", __name__, url_prefix="/api/v1")


@routes.post("/assets")
@allow("admin", scope="fleet:write")
@takes({"code": body.code, "label": body.text(1, 64)}, {"lock": body.hex_of(8), "operator": body.opaque})
@answers(201, problems=("asset_exists", "not_found", "name_operator"))
def create(fields: Fields) -> shapes.AssetMade:
    """Register a bicycle, with its lock or without one yet."""
    with cloud().db.writing() as session:
        asset_id = assets.create(
            session,
            reach(),
            fields["code"],
            fields["label"],
            fields["lock"],
            cloud().now(),
            fields["operator"],
        )
    return {
        "asset_id": asset_id,
        "code": fields["code"],
        "label": fields["label"],
        "lock_id": fields["lock"],
    }


@routes.get("/bikes")
@allow(*ROLES, scope="bikes:read")
@paged(body.code, most=500)
@answers()
def free(page: Page) -> shapes.Bikes:
    """Bicycles that may be claimed now, by code."""
    now = cloud().now()
    (after,) = page.after or ("",)
    with cloud().db.reading() as session:
        rows, following = page.cut(
            assets.free(session, reach(), now, after, page.fetch), lambda row: (row.asset.code,)
        )
    return {"bikes": [views.bike(row, now) for row in rows], "next": following}


@routes.get("/bikes/<code:code>")
@allow(*ROLES, scope="bikes:read")
@answers(problems=("too_many",))
def one(code: str) -> shapes.Bike:
    """The bicycle that one stands at, whatever its state."""
    now = cloud().now()
    try:
        with cloud().db.reading() as session:
            limits.check(session, "unknown_bike", me().user_id, now)
            row = assets.by_code(session, reach(), code, now)
    except Problem as problem:
        if problem.code == "not_found":
            guessed(now)
        raise
    return views.bike(row, now)
