"""Rollouts: begun, widened, halted, lifted and ended by an admin; looked at by staff."""

from flask import Blueprint
from sqlalchemy.orm import Session

from cloud import body, rollouts, shapes, views
from cloud.auth import STAFF, allow, cloud, me, platform
from cloud.conditions import unchanged
from cloud.describe import Fields, Page, answers, guarded, paged, takes
from cloud.tables import ROLLOUT_STATES, Rollout

routes = Blueprint("rollouts", __name__, url_prefix="/api/v1/rollouts")

PERCENT = body.integer(0, 100)


@routes.post("")
@platform
@allow("admin", scope="platform:write")
@takes({"board": body.board, "version": body.integer(), "percent": PERCENT})
@answers(
    201,
    problems=("no_release", "release_refused", "rollout_open", "no_keyset"),
    location="/api/v1/rollouts/{rollout_id}",
)
def start(fields: Fields) -> shapes.Rollout:
    """Begin to offer a release to the locks of its board; one rollout a board until it is done."""
    with cloud().db.writing() as session:
        row = rollouts.start(session, **fields, now=cloud().now(), user_id=me().user_id)
        return _shown(session, row)


@routes.get("/<id4:rollout_id>/wanted")
@platform
@allow(*STAFF, scope="platform:read")
@answers()
def wanted(rollout_id: str) -> shapes.RolloutWanted:
    """How far a rollout may go, and not how far it is: its ETag stays until it is steered, or halts itself."""
    rollouts.tend(cloud())
    with cloud().db.reading() as session:
        return _wanted(rollouts.get(session, rollout_id))


def _wanted(row: Rollout) -> shapes.RolloutWanted:
    return {"percent": row.percent, "state": row.state}


@routes.patch("/<id4:rollout_id>/wanted")
@platform
@allow("admin", scope="platform:write")
@guarded
@takes({}, {"percent": PERCENT, "state": body.word(*ROLLOUT_STATES)})
@answers(problems=("rollout_over", "percent_back"))
def want(rollout_id: str, fields: Fields) -> shapes.RolloutWanted:
    """Widen, halt, lift or end a rollout."""
    with cloud().db.writing() as session:
        before = rollouts.get(session, rollout_id)
        unchanged(session, before, lambda: _wanted(before))
        row = rollouts.change(session, rollout_id, **fields, now=cloud().now(), user_id=me().user_id)
        return _wanted(row)


@routes.get("")
@platform
@allow(*STAFF, scope="platform:read")
@paged(body.integer(), body.hex_of(4), most=50)
@answers()
def newest(page: Page) -> shapes.Rollouts:
    """Rollouts, newest first."""
    rollouts.tend(cloud())
    with cloud().db.reading() as session:
        found = rollouts.newest(session, page.after, page.fetch)
        rows, following = page.cut(found, lambda row: (row.started_at, row.rollout_id))
        return {"rollouts": [_shown(session, row) for row in rows], "next": following}


@routes.get("/<id4:rollout_id>")
@platform
@allow(*STAFF, scope="platform:read")
@answers()
def one(rollout_id: str) -> shapes.Rollout:
    """One rollout, with how many locks are where; while it is halted, with its evidence."""
    rollouts.tend(cloud())
    with cloud().db.reading() as session:
        return _shown(session, rollouts.get(session, rollout_id))


def _shown(session: Session, row: Rollout) -> shapes.Rollout:
    counts = rollouts.progress(session, row, cloud().now(), cloud().settings.uplink_s)
    return views.rollout(row, counts)
