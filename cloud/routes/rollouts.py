"""Rollouts: begun, widened, halted, lifted and ended by an admin; looked at by staff."""

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from cloud import body, rollouts, views
from cloud.auth import STAFF, allow, cloud, me
from cloud.tables import ROLLOUT_STATES, Rollout

routes = Blueprint("rollouts", __name__, url_prefix="/api/v1/rollouts")

PERCENT = body.integer(0, 100)


@routes.post("")
@allow("admin")
def start() -> ResponseReturnValue:
    fields = body.read({"board": body.board, "version": body.integer(), "percent": PERCENT})
    with cloud().db.writing() as session:
        row = rollouts.start(session, **fields, now=cloud().now(), user_id=me().user_id)
        shown = _shown(session, row)
    return jsonify(shown), 201


@routes.patch("/<id4:rollout_id>")
@allow("admin")
def change(rollout_id: str) -> ResponseReturnValue:
    fields = body.read({}, {"percent": PERCENT, "state": body.word(*ROLLOUT_STATES)})
    with cloud().db.writing() as session:
        row = rollouts.change(session, rollout_id, **fields, now=cloud().now(), user_id=me().user_id)
        shown = _shown(session, row)
    return jsonify(shown)


@routes.get("")
@allow(*STAFF)
def newest() -> ResponseReturnValue:
    rollouts.tend(cloud())
    with cloud().db.reading() as session:
        return jsonify(rollouts=[_shown(session, row) for row in rollouts.newest(session)])


@routes.get("/<id4:rollout_id>")
@allow(*STAFF)
def one(rollout_id: str) -> ResponseReturnValue:
    rollouts.tend(cloud())
    with cloud().db.reading() as session:
        return jsonify(_shown(session, rollouts.get(session, rollout_id)))


def _shown(session: Session, row: Rollout) -> dict[str, Any]:
    counts = rollouts.progress(session, row, cloud().now(), cloud().settings.uplink_s)
    return views.rollout(row, counts)
