"""Locks, for staff: registered, looked at, told a floor, asked to blink."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from cloud import assets, body, claims, commands, floors, keyring, locks, views
from cloud.auth import STAFF, allow, cloud, me
from cloud.tables import KINDS

routes = Blueprint("locks", __name__, url_prefix="/api/v1/locks")

PAGE = 200  # locks in one answer


@routes.post("")
@allow("admin")
def register() -> ResponseReturnValue:
    """From the provisioning host, over TLS: the one time that a lock's key crosses a network."""
    fields = body.read(
        {"lock_id": body.hex_of(8), "k_lock": body.b64_of(32), "kind": body.word(*KINDS)},
        {"group": body.hex_of(4), "board": body.board},
    )
    with cloud().db.writing() as session:
        signed = keyring.published(session)
        locks.register(
            session,
            cloud().box,
            fields["lock_id"],
            fields["k_lock"],
            fields["kind"],
            fields["group"],
            cloud().now(),
            signed.version,
            fields["board"],
        )
    answer = {
        "keyset_version": signed.version,
        "keyset": body.b64(signed.body),
        "roots": body.b64(signed.roots),
    }
    return jsonify(lock_id=fields["lock_id"], **answer), 201


@routes.get("")
@allow(*STAFF)
def fleet() -> ResponseReturnValue:
    """By lock id, a page at a time: `next` is the `after` of the next page, null at the end."""
    with cloud().db.reading() as session:
        rows = locks.page(session, body.query("after", body.hex_of(8), ""), PAGE)
        bikes = assets.of_locks(session, [row.lock_id for row in rows])
        shown = [views.lock(row, bikes.get(row.lock_id)) for row in rows]
    return jsonify(locks=shown, next=rows[-1].lock_id if len(rows) == PAGE else None)


@routes.get("/<id8:lock_id>")
@allow(*STAFF)
def one(lock_id: str) -> ResponseReturnValue:
    now = cloud().now()
    with cloud().db.reading() as session:
        lock = locks.get(session, lock_id)
        shown = views.lock(lock, assets.of_locks(session, [lock_id]).get(lock_id))
        shown["claims"] = [views.claim(row, now) for row in claims.of_lock(session, lock_id)]
    return jsonify(shown)


@routes.patch("/<id8:lock_id>")
@allow("admin")
def change(lock_id: str) -> ResponseReturnValue:
    """`board`: what kind of board it is; the lock itself takes no release for another."""
    fields = body.read({"board": body.board})
    with cloud().db.writing() as session:
        locks.get(session, lock_id, for_update=True).board = fields["board"]
    return jsonify(lock_id=lock_id, board=fields["board"])


@routes.post("/<id8:lock_id>/floor")
@allow("admin")
def floor(lock_id: str) -> ResponseReturnValue:
    """Without a number: kill the tokens of every claim that is over and keep the open ones, re-issued where needed."""
    fields = body.read({}, {"ride": body.integer(), "master": body.integer()})
    dead, reissued = [], []
    with cloud().db.writing() as session:
        lock = locks.get(session, lock_id, for_update=True)
        if fields["master"] is not None:
            floors.raise_master(lock, fields["master"])
        if fields["ride"] is not None:
            dead = list(floors.raise_ride(session, lock, fields["ride"]))
        elif fields["master"] is None:
            reissued = floors.sweep(session, cloud().box, lock, cloud().now())
        answer = {"wanted_floor": lock.wanted_floor, "master_floor": lock.master_floor}
    return jsonify(**answer, cancelled=dead, reissued=reissued)


@routes.post("/<id8:lock_id>/commands")
@allow(*STAFF)
def command(lock_id: str) -> ResponseReturnValue:
    kind = body.read({"kind": body.word(*commands.KINDS)})["kind"]
    with cloud().db.writing() as session:
        locks.get(session, lock_id)
        command_id = commands.ask(session, lock_id, kind, me().user_id, cloud().now())
    return jsonify(command_id=command_id, kind=kind), 202
