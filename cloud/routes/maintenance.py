"""Jobs for technicians."""

from collections.abc import Sequence

from flask import Blueprint
from sqlalchemy.orm import Session

from cloud import assets, body, faults, maintenance, operators, watch
from cloud import shapes_fleet as shapes
from cloud.auth import STAFF, allow, cloud, me, reach
from cloud.conditions import unchanged
from cloud.describe import Fields, Page, answers, asks, guarded, paged, takes
from cloud.tables import Asset
from cloud.tables_fleet import Maintenance

routes = Blueprint("maintenance", __name__, url_prefix="/api/v1/jobs")

NUMBER = body.integer(0, 2**53)
TITLE, RANK, NOTE = body.text(1, 128), body.integer(1, 5), body.text(0, 1000)


@routes.post("")
@allow(*STAFF, scope="fleet:write")
@takes(
    {"title": TITLE},
    {
        "asset": body.opaque,
        "item": body.hex_of(8),
        "fault": body.hex_of(8),
        "rank": RANK,
        "operator": body.opaque,
    },
)
@answers(201, problems=("job_exists", "not_found", "name_operator"), location="/api/v1/jobs/{job_id}")
def create(fields: Fields) -> shapes.MaintenanceJob:
    """Open a job: about a bicycle, of what needs attention, of a fault, or about anything."""
    now = cloud().now()
    with cloud().db.writing() as session:
        asset = assets.find(session, reach(), fields["asset"]) if fields["asset"] else None
        item = watch.find(session, reach(), fields["item"]) if fields["item"] else None
        fault = faults.find(session, reach(), fields["fault"]) if fields["fault"] else None
        of = next((each.operator_id for each in (asset, item, fault) if each), None)
        owner = of or operators.for_new(session, reach(), fields["operator"], now)
        row = maintenance.create(
            session, owner, fields["title"], me().user_id, now, asset, item, fault, fields["rank"]
        )
        return shown(session, row)


@routes.get("")
@allow(*STAFF, scope="fleet:read")
@paged(NUMBER, NUMBER, body.hex_of(8))
@asks(done=body.boolean, mine=body.boolean, free=body.boolean, asset=body.opaque, near=body.place)
@answers()
def listed(page: Page, asked: Fields) -> shapes.MaintenanceJobs:
    """Jobs, the most urgent first: those that are open, or with `done` those that are not.

    `mine` only one's own, `free` only nobody's. `near` (latitude,longitude in degrees x 10^7) puts those first that are
    worth the way from there: a kilometre counts as much as one rank. A program without the scope tracks:read sees no
    place while a ride runs.
    """
    mine = me().user_id if asked["mine"] else None
    wanted = maintenance.Wanted(bool(asked["done"]), mine, asked["asset"], bool(asked["free"]))
    with cloud().db.reading() as session:
        if asked["near"] is None:
            found = maintenance.page(session, reach(), page.after, page.fetch, wanted)
            rows, following = page.cut(found, lambda row: (row.rank, row.opened_at, row.job_id))
            jobs: Sequence[maintenance.Seen] = maintenance.seen(session, rows, follow())
        else:
            about = (asked["near"], follow(), page.after, page.fetch, wanted)
            jobs, following = page.cut(maintenance.near(session, reach(), *about), maintenance.cost_key)
        return {"jobs": [with_place(job) for job in jobs], "next": following}


def follow() -> bool:
    """Whether the caller may know where a bicycle is that somebody rides."""
    return me().may("tracks:read")


@routes.get("/<id8:job_id>")
@allow(*STAFF, scope="fleet:read")
@answers()
def one(job_id: str) -> shapes.MaintenanceJob:
    """One job."""
    with cloud().db.reading() as session:
        return shown(session, maintenance.find(session, reach(), job_id))


@routes.patch("/<id8:job_id>")
@allow(*STAFF, scope="fleet:write")
@guarded
@takes({}, {"title": TITLE, "rank": RANK})
@answers()
def change(job_id: str, fields: Fields) -> shapes.MaintenanceJob:
    """Change what a job says or how urgent it is."""
    with cloud().db.writing() as session:
        row = maintenance.find(session, reach(), job_id)
        unchanged(session, row, lambda: shown(session, row))
        row.title, row.rank = fields["title"] or row.title, fields["rank"] or row.rank
        return shown(session, row)


@routes.post("/<id8:job_id>/assign")
@allow(*STAFF, scope="fleet:write")
@takes({}, {"user": body.opaque})
@answers(problems=("job_over",))
def assign(job_id: str, fields: Fields) -> shapes.MaintenanceJob:
    """Give a job to somebody; without `user` to nobody."""
    with cloud().db.writing() as session:
        row = maintenance.find(session, reach(), job_id)
        maintenance.assign(session, reach(), row, fields["user"], cloud().now())
        return shown(session, row)


@routes.post("/<id8:job_id>/done")
@allow(*STAFF, scope="fleet:write")
@takes({"note": NOTE})
@answers(problems=("job_over",))
def done(job_id: str, fields: Fields) -> shapes.MaintenanceJob:
    """A job is done; the note says how. The fault that it was made of is closed with it."""
    with cloud().db.writing() as session:
        row = maintenance.find(session, reach(), job_id)
        maintenance.done(session, row, fields["note"], me().user_id, cloud().now())
        return shown(session, row)


def with_place(job: maintenance.Seen) -> shapes.JobWithPlace:
    """Only in lists: a job does not change because its bicycle moves (If-Match)."""
    place: shapes.LastPlace | None = None
    if (at := job.place) is not None:
        place = {"lat": at.lat, "lon": at.lon, "accuracy_dm": at.accuracy, "at": at.at}
    return {**_shown(job.row, job.bike), "place": place, "distance_m": job.way_m}


def shown(session: Session, row: Maintenance) -> shapes.MaintenanceJob:
    return _shown(row, assets.by_id(session, [row.asset_id]).get(row.asset_id or ""))


def _shown(row: Maintenance, bike: Asset | None) -> shapes.MaintenanceJob:
    return {
        "job_id": row.job_id,
        "title": row.title,
        "rank": row.rank,
        "asset_id": row.asset_id,
        "bike": bike.code if bike else None,
        "label": bike.label if bike else None,
        "lock_id": row.lock_id,
        "lock_now": bike.lock_id if bike else None,
        "item_id": row.item_id,
        "fault_id": row.fault_id,
        "opened_at": row.opened_at,
        "opened_by": row.opened_by,
        "assigned_to": row.assigned_to,
        "assigned_at": row.assigned_at,
        "done_at": row.done_at,
        "done_by": row.done_by,
        "note": row.note,
    }
