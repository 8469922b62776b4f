"""Bicycles: what may be claimed, the one I stand at, and new ones."""

from flask import Blueprint
from sqlalchemy.orm import Session

from cloud import assets, body, fitting, limits, service, shapes, shapes_fleet, views
from cloud.auth import STAFF, allow, cloud, me, reach
from cloud.conditions import unchanged
from cloud.describe import Fields, Page, answers, asks, guarded, paged, takes
from cloud.problem import Problem
from cloud.routes.claims import guessed
from cloud.tables import ROLES, Asset
from cloud.tables_fleet import AssetLock

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


@routes.get("/assets")
@allow(*STAFF, scope="fleet:read")
@paged(body.code)
@asks(code=body.code)
@answers()
def listed(page: Page, asked: Fields) -> shapes_fleet.Assets:
    """Every bicycle, by code, with a lock or without; or the one with this `code` on its sticker."""
    (after,) = page.after or ("",)
    with cloud().db.reading() as session:
        found = assets.page(session, reach(), after, page.fetch, asked["code"])
    rows, following = page.cut(found, lambda row: (row.code,))
    return {"assets": [shown(row) for row in rows], "next": following}


@routes.get("/assets/<id22:asset_id>")
@allow(*STAFF, scope="fleet:read")
@answers()
def bicycle(asset_id: str) -> shapes_fleet.AssetWithLocks:
    """One bicycle with every lock that it ever had, newest first."""
    with cloud().db.reading() as session:
        return _with_locks(session, assets.find(session, reach(), asset_id))


def _with_locks(session: Session, row: Asset) -> shapes_fleet.AssetWithLocks:
    had = [span(each) for each in fitting.of_asset(session, row.asset_id)]
    return {**shown(row), "locks": had}


@routes.patch("/assets/<id22:asset_id>")
@allow("admin", scope="fleet:write")
@guarded
@takes({}, {"code": body.code, "label": body.text(1, 64), "plan": body.text(0, 32)})
@answers(problems=("asset_exists",))
def change(asset_id: str, fields: Fields) -> shapes_fleet.Asset:
    """Change what a bicycle is called; `plan` names what a ride on it costs, empty for none."""
    with cloud().db.writing() as session:
        row = assets.find(session, reach(), asset_id)
        unchanged(session, row, lambda: _with_locks(session, row))
        row.label = fields["label"] or row.label
        if fields["plan"] is not None:
            row.plan = fields["plan"] or None
        if fields["code"] is not None:
            assets.rename(session, row, fields["code"])
        return shown(row)


@routes.post("/assets/<id22:asset_id>/lock")
@allow(*STAFF, scope="fleet:write")
@takes({}, {"lock": body.hex_of(8)})
@answers(problems=("asset_exists",))
def fit(asset_id: str, fields: Fields) -> shapes_fleet.AssetWithLocks:
    """Put another lock on a bicycle; without `lock` only take the one that it has off.

    Its history stays, and so do the rides of each lock. Open claims of the old lock are cancelled.
    """
    with cloud().db.writing() as session:
        row = assets.find(session, reach(), asset_id)
        fitting.fit(session, reach(), row, fields["lock"], cloud().now())
        session.flush()
        return {**shown(row), "locks": [span(each) for each in fitting.of_asset(session, asset_id)]}


@routes.post("/assets/<id22:asset_id>/service")
@allow(*STAFF, scope="fleet:write")
@takes({"in_service": body.boolean}, {"reason": body.text(1, 200)})
@answers()
def put(asset_id: str, fields: Fields) -> shapes_fleet.Asset:
    """Put a bicycle out of service, or in again.

    Out of service it is offered to nobody and no claim of it is made; claims without a ride are cancelled. Whoever
    rides it rides on.
    """
    with cloud().db.writing() as session:
        row = assets.find(session, reach(), asset_id)
        service.put(session, row, fields["in_service"], fields["reason"], cloud().now())
        return shown(row)


def shown(row: Asset) -> shapes_fleet.Asset:
    return {
        "asset_id": row.asset_id,
        "code": row.code,
        "label": row.label,
        "plan": row.plan,
        "lock_id": row.lock_id,
        "out_since": row.out_since,
        "out_reason": row.out_reason,
        "created_at": row.created_at,
    }


def span(row: AssetLock) -> shapes_fleet.Span:
    return {"asset_id": row.asset_id, "lock_id": row.lock_id, "since": row.since, "until": row.until}
