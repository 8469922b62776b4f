"""Receipts that phones bring: their own rides' in the clear, and sealed ones that they carry for others."""

from flask import Blueprint

from cloud import body, limits, locks, receipts, sealed, shapes, views
from cloud.auth import STAFF, allow, cloud, me, reach
from cloud.describe import Fields, Page, answers, paged, takes
from cloud.problem import Problem
from cloud.tables import ROLES
from protocol import receipt as wire

routes = Blueprint("receipts", __name__, url_prefix="/api/v1")

AT_ONCE = 50  # receipts in one request
SEALED_MAX = 1024  # bytes, SPEC 1


@routes.post("/receipts")
@allow(*ROLES, scope="claims:write")
@takes({"receipts": body.list_of(body.b64_of(1, wire.LIMIT), 1, AT_ONCE)})
@answers(problems=("no_issuer_key",))
def bring(fields: Fields) -> shapes.Outcomes:
    """Bring receipts.

    Each is judged by itself, and answered in the order sent. A receipt is its own proof, so anybody may bring it.
    """
    with cloud().db.writing() as session:
        outcomes = receipts.take_any(cloud(), session, fields["receipts"], "phone")
        return {"receipts": [views.outcome(outcome) for outcome in outcomes]}


@routes.post("/sealed")
@allow(*ROLES, scope="claims:write")
@takes({"batch": body.b64_of(1, SEALED_MAX)}, {"lock": body.hex_of(8)})
@answers(problems=("unknown_batch", "too_many", "no_issuer_key"))
def carry(fields: Fields) -> shapes.Taken:
    """A batch that a lock sealed. `lock`: where it was collected, if the phone knows; it only saves us trying.

    The answer says no more than "taken": a carrier learns neither which lock it was nor what it said.
    """
    with cloud().db.writing() as session:
        limits.take(session, "sealed", me().user_id, cloud().now())
    with cloud().db.reading() as session:
        found = sealed.unseal(session, cloud().box, fields["batch"], fields["lock"])
    if found is None:
        raise Problem("unknown_batch")
    with cloud().db.writing() as session:
        receipts.take(cloud(), session, found.lock_id, found.receipts, "mule")
    return {"taken": True}


@routes.get("/locks/<id8:lock_id>/receipts")
@allow(*STAFF, scope="tracks:read")
@paged(body.integer())
@answers()
def of_lock(lock_id: str, page: Page) -> shapes.LockReceipts:
    """A lock's receipts, newest first, with how each stands in its log."""
    (before,) = page.after or (None,)
    with cloud().db.reading() as session:
        lock = locks.find(session, reach(), lock_id)
        found = receipts.of_lock(session, lock_id, before, page.fetch)
        forks = receipts.forks(session, lock_id)
    rows, following = page.cut(found, lambda row: (row.seq,))
    return {"receipts": [views.logged(row, lock, forks) for row in rows], "next": following}
