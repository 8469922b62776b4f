"""What needs a person, ranked, each with its evidence and what closes it; faults that people report."""

from collections.abc import Sequence

from flask import Blueprint

from cloud import assets, attention, body, evidence, faults, limits, maintenance, views, watch
from cloud import shapes_fleet as shapes
from cloud.auth import STAFF, allow, cloud, me, reach
from cloud.describe import Fields, Page, answers, asks, paged, takes
from cloud.problem import Problem
from cloud.routes.claims import guessed
from cloud.tables import ROLES, Asset
from cloud.tables_fleet import FAULT_KINDS, Attention, Fault

routes = Blueprint("attention", __name__, url_prefix="/api/v1")

NUMBER = body.integer(0, 2**53)
CODES = tuple(rule.code for rule in attention.RULES) + (
    "fault",
    "webhook",
    "rollout",
    *watch.TICKETS.values(),
)


@routes.get("/attention")
@allow(*STAFF, scope="fleet:read")
@paged(NUMBER, NUMBER, body.hex_of(8))
@asks(lock=body.hex_of(8), code=body.word(*CODES), closed=body.boolean)
@answers()
def queue(page: Page, asked: Fields) -> shapes.AttentionQueue:
    """What needs a person, the gravest first.

    An item closes by itself once its evidence is gone; `closed` lists those that have.
    """
    now = cloud().now()
    with cloud().db.reading() as session:
        found = watch.page(
            session, reach(), page.after, page.fetch, asked["lock"], asked["code"], bool(asked["closed"])
        )
        rows, following = page.cut(found, lambda row: (row.rank, row.opened_at, row.item_id))
        bikes = assets.of_locks(session, [row.lock_id for row in rows if row.lock_id])
        jobs = maintenance.of_items(session, reach(), rows, bikes)
        counts = watch.counts(session, reach())
    return {
        "items": [item(row, bikes.get(row.lock_id or ""), jobs[row.item_id], now) for row in rows],
        "counts": dict(counts),
        "next": following,
    }


def item(
    row: Attention, bike: Asset | None, jobs: Sequence[maintenance.Open], now: int
) -> shapes.AttentionItem:
    found = evidence.unpacked(row.evidence)
    return {
        "item_id": row.item_id,
        "code": row.code,
        "rank": row.rank,
        "lock_id": row.lock_id,
        "bike": bike.code if bike else None,
        "subject": row.subject,
        "evidence": evidence.sentence(found, row.closed_at or now),
        "because": views.because(found),
        "since": found.since,
        "closes": row.closes,
        "jobs": [
            {
                "job_id": job.row.job_id,
                "title": job.row.title,
                "same": job.same,
                "assigned_to": job.row.assigned_to,
            }
            for job in jobs
        ],
        "opened_at": row.opened_at,
        "closed_at": row.closed_at,
    }


@routes.post("/faults")
@allow(*ROLES, scope="fleet:write")
@takes({"code": body.code, "kind": body.word(*FAULT_KINDS)}, {"text": body.text(0, 500)})
@answers(201, problems=("not_found", "too_many"))
def report(fields: Fields) -> shapes.Fault:
    """Say what is wrong with a bicycle; `code` is on its sticker."""
    now, db = cloud().now(), cloud().db
    try:
        with db.reading() as session:
            limits.check(session, "unknown_bike", me().user_id, now)
            assets.by_code(session, reach(), fields["code"], now)
    except Problem as problem:
        if problem.code == "not_found":
            guessed(now)
        raise
    with db.writing() as session:
        limits.take(session, "fault", me().user_id, now)
        asset = assets.by_code(session, reach(), fields["code"], now).asset
        row = faults.report(session, asset, me().user_id, fields["kind"], fields["text"] or "", now)
        return fault(row, asset)


@routes.get("/faults")
@allow(*ROLES, scope="fleet:read")
@paged(NUMBER, body.hex_of(8))
@asks(asset=body.opaque, open=body.boolean)
@answers()
def reported(page: Page, asked: Fields) -> shapes.Faults:
    """Faults that were reported, newest first: a rider's own; staff see their operator's."""
    with cloud().db.reading() as session:
        found = faults.page(session, reach(), page.after, page.fetch, asked["asset"], asked["open"])
        rows, following = page.cut(found, lambda row: (row.at, row.fault_id))
        bikes = assets.by_id(session, [row.asset_id for row in rows])
    return {"faults": [fault(row, bikes.get(row.asset_id)) for row in rows], "next": following}


@routes.post("/faults/<id8:fault_id>/close")
@allow(*STAFF, scope="fleet:write")
@answers()
def close(fault_id: str) -> shapes.Fault:
    """Nothing is wrong, or not any more."""
    with cloud().db.writing() as session:
        row = faults.find(session, reach(), fault_id)
        faults.close(session, row, me().user_id, cloud().now())
        return fault(row, assets.by_id(session, [row.asset_id]).get(row.asset_id))


def fault(row: Fault, bike: Asset | None) -> shapes.Fault:
    """Not who said so: a job is done for the bicycle."""
    return {
        "fault_id": row.fault_id,
        "asset_id": row.asset_id,
        "bike": bike.code if bike else None,
        "label": bike.label if bike else None,
        "lock_id": row.lock_id,
        "lock_now": bike.lock_id if bike else None,
        "kind": row.kind,
        "text": row.text,
        "at": row.at,
        "closed_at": row.closed_at,
    }
