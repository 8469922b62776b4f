"""Bicycles: what may be claimed, the one I stand at, and new ones."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from cloud import assets, body, limits, views
from cloud.auth import allow, cloud, me
from cloud.problem import Problem
from cloud.routes.claims import guessed
from cloud.tables import ROLES

routes = Blueprint("assets", __name__, url_prefix="/api/v1")


@routes.post("/assets")
@allow("admin")
def create() -> ResponseReturnValue:
    fields = body.read({"code": body.code, "label": body.text(1, 64)}, {"lock": body.hex_of(8)})
    with cloud().db.writing() as session:
        asset_id = assets.create(session, fields["code"], fields["label"], fields["lock"], cloud().now())
    return jsonify(asset_id=asset_id, code=fields["code"], label=fields["label"], lock_id=fields["lock"]), 201


@routes.get("/bikes")
@allow(*ROLES)
def free() -> ResponseReturnValue:
    """By code, a page at a time: `next` is the `after` of the next page, null at the end."""
    now = cloud().now()
    with cloud().db.reading() as session:
        rows = assets.free(session, now, body.query("after", body.code, ""))
    last = rows[-1].asset.code if len(rows) == assets.PAGE else None
    return jsonify(bikes=[views.bike(row, now) for row in rows], next=last)


@routes.get("/bikes/<code:code>")
@allow(*ROLES)
def one(code: str) -> ResponseReturnValue:
    now = cloud().now()
    try:
        with cloud().db.reading() as session:
            limits.check(session, "unknown_bike", me().user_id, now)
            row = assets.by_code(session, code, now)
    except Problem as problem:
        if problem.code == "not_found":
            guessed(now)
        raise
    return jsonify(views.bike(row, now))
