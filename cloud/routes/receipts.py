"""Receipts that phones bring: their own rides' in the clear, and sealed ones that they carry for others."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from cloud import body, limits, locks, receipts, sealed, views
from cloud.auth import STAFF, allow, cloud, me
from cloud.problem import Problem
from cloud.tables import ROLES
from protocol import receipt as wire

routes = Blueprint("receipts", __name__, url_prefix="/api/v1")

AT_ONCE = 50  # receipts in one request
SEALED_MAX = 1024  # bytes, SPEC 1
PAGE = 200


@routes.post("/receipts")
@allow(*ROLES)
def bring() -> ResponseReturnValue:
    """Each is judged by itself, and answered in the order sent. A receipt is its own proof, so anybody may bring it."""
    bodies = body.read({"receipts": body.list_of(body.b64_of(1, wire.LIMIT), 1, AT_ONCE)})["receipts"]
    with cloud().db.writing() as session:
        outcomes = receipts.take_any(cloud(), session, bodies, "phone")
        shown = [views.outcome(outcome) for outcome in outcomes]
    return jsonify(receipts=shown)


@routes.post("/sealed")
@allow(*ROLES)
def carry() -> ResponseReturnValue:
    """A batch that a lock sealed. `lock`: where it was collected, if the phone knows; it only saves us trying.

    The answer says no more than "taken": a carrier learns neither which lock it was nor what it said.
    """
    fields = body.read({"batch": body.b64_of(1, SEALED_MAX)}, {"lock": body.hex_of(8)})
    with cloud().db.writing() as session:
        limits.take(session, "sealed", me().user_id, cloud().now())
    with cloud().db.reading() as session:
        found = sealed.unseal(session, cloud().box, fields["batch"], fields["lock"])
    if found is None:
        raise Problem("unknown_batch")
    with cloud().db.writing() as session:
        receipts.take(cloud(), session, found.lock_id, found.receipts, "mule")
    return jsonify(taken=True)


@routes.get("/locks/<id8:lock_id>/receipts")
@allow(*STAFF)
def of_lock(lock_id: str) -> ResponseReturnValue:
    """Newest first, a page at a time: `next` is the `before` of the next page."""
    before = request.args.get("before", "")
    if before and not (before.isascii() and before.isdigit() and len(before) <= 10):
        raise Problem("bad_request")
    with cloud().db.reading() as session:
        lock = locks.get(session, lock_id)
        rows = receipts.of_lock(session, lock_id, int(before) if before else None, PAGE)
        forks = receipts.forks(session, lock_id)
        shown = [{**views.receipt(row), **views.standing(row, lock, forks)} for row in rows]
    return jsonify(receipts=shown, next=rows[-1].seq if len(rows) == PAGE else None)
