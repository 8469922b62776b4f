"""Locks, for staff: registered, looked at, told a floor, asked to blink."""

from flask import Blueprint
from sqlalchemy.orm import Session

from cloud import assets, body, claims, commands, fitting, floors, keyring, locks, operators, shapes, views
from cloud.auth import STAFF, allow, cloud, me, reach
from cloud.conditions import unchanged
from cloud.describe import Fields, Page, answers, guarded, paged, takes
from cloud.problem import Problem
from cloud.tables import KINDS, Lock
from protocol import settings

routes = Blueprint("locks", __name__, url_prefix="/api/v1/locks")
SETTINGS = body.object_of({}, {name: body.integer(low, high) for name, low, high in settings.REMOTE})


@routes.post("")
@allow("admin", scope="fleet:write")
@takes(
    {"lock_id": body.hex_of(8), "k_lock": body.b64_of(32), "kind": body.word(*KINDS)},
    {
        "group": body.hex_of(4),
        "board": body.board,
        "operator": body.opaque,
        "uplink_every_s": body.integer(1, 86_400),  # as firmware/config.py
    },
)
@answers(
    201,
    problems=("lock_exists", "no_keyset", "group_taken", "name_operator", "not_found"),
    location="/api/v1/locks/{lock_id}",
)
def register(fields: Fields) -> shapes.LockRegistered:
    """Register a lock.

    From the provisioning host, over TLS: the one time that a lock's key crosses a network. `uplink_every_s`: as in
    its settings, so that a lock which sleeps for hours does not count as silent.
    """
    with cloud().db.writing() as session:
        signed = keyring.published(session)
        owner = operators.for_new(session, reach(), fields["operator"], cloud().now())
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
            owner,
            fields["uplink_every_s"],
        )
    return {
        "lock_id": fields["lock_id"],
        "operator_id": owner,
        "keyset_version": signed.version,
        "keyset": body.b64(signed.body),
        "roots": body.b64(signed.roots),
    }


@routes.get("")
@allow(*STAFF, scope="fleet:read")
@paged(body.hex_of(8))
@answers()
def fleet(page: Page) -> shapes.Locks:
    """The fleet, by lock id."""
    with cloud().db.reading() as session:
        (after,) = page.after or ("",)
        rows, following = page.cut(
            locks.page(session, reach(), after, page.fetch), lambda row: (row.lock_id,)
        )
        bikes = assets.of_locks(session, [row.lock_id for row in rows])
        return {"locks": [views.lock(row, bikes.get(row.lock_id)) for row in rows], "next": following}


@routes.get("/<id8:lock_id>")
@allow(*STAFF, scope="fleet:read")
@answers()
def one(lock_id: str) -> shapes.LockWithClaims:
    """One lock with its newest claims; these for a program with the scope rides:read only."""
    with cloud().db.reading() as session:
        return _shown(session, locks.find(session, reach(), lock_id))


def _shown(session: Session, lock: Lock) -> shapes.LockWithClaims:
    now, bikes = cloud().now(), assets.of_locks(session, [lock.lock_id])
    newest = claims.of_lock(session, lock.lock_id) if me().may("rides:read") else []
    shown = views.lock(lock, bikes.get(lock.lock_id))
    on = fitting.bikes_of(session, newest)
    return {**shown, "claims": [views.claim(row, on.get(row.cti), now) for row in newest]}


@routes.get("/<id8:lock_id>/wanted")
@allow(*STAFF, scope="fleet:read")
@answers()
def wanted(lock_id: str) -> shapes.LockWanted:
    """What people set of a lock, and nothing that it reports: its ETag stays until somebody sets something else."""
    with cloud().db.reading() as session:
        return _wanted(locks.find(session, reach(), lock_id))


def _wanted(lock: Lock) -> shapes.LockWanted:
    return {"board": lock.board}


@routes.patch("/<id8:lock_id>/wanted")
@allow("admin", scope="fleet:write")
@guarded
@takes({"board": body.board})
@answers()
def want(lock_id: str, fields: Fields) -> shapes.LockWanted:
    """Change a lock.

    `board`: what kind of board it is; the lock itself takes no release for another.
    """
    with cloud().db.writing() as session:
        lock = locks.find(session, reach(), lock_id, for_update=True)
        unchanged(session, lock, lambda: _wanted(lock))
        lock.board = fields["board"]
        return _wanted(lock)


@routes.post("/<id8:lock_id>/floor")
@allow("admin", scope="fleet:write")
@takes({}, {"ride": body.integer(), "master": body.integer()})
@answers(problems=("floor_ahead",))
def floor(lock_id: str, fields: Fields) -> shapes.FloorRaised:
    """Raise a lock's floor.

    Without a number: kill the tokens of every claim that is over and keep the open ones, re-issued where needed.
    """
    dead: list[str] = []
    reissued: list[str] = []
    with cloud().db.writing() as session:
        lock = locks.find(session, reach(), lock_id, for_update=True)
        if fields["master"] is not None:
            floors.raise_master(lock, fields["master"])
        if fields["ride"] is not None:
            dead = list(floors.raise_ride(session, lock, fields["ride"]))
        elif fields["master"] is None:
            reissued = floors.sweep(session, cloud().box, lock, cloud().now())
        return {
            "wanted_floor": lock.wanted_floor,
            "master_floor": lock.master_floor,
            "cancelled": dead,
            "reissued": reissued,
        }


@routes.post("/<id8:lock_id>/commands")
@allow(*STAFF, scope="fleet:write")
@takes({"kind": body.word(*commands.KINDS)}, {"settings": SETTINGS})
@answers(202)
def command(lock_id: str, fields: Fields) -> shapes.CommandAsked:
    """Ask a lock to do something, at its next word; `config`, which is for admins, to change the `settings` given."""
    kind = fields["kind"]
    changes = {name: value for name, value in (fields["settings"] or {}).items() if value is not None}
    if (kind == "config") != bool(changes):
        detail = "is missing" if kind == "config" else "goes with config only"
        raise Problem("invalid", errors=[{"field": "settings", "detail": detail}])
    with cloud().db.writing() as session:
        lock = locks.find(session, reach(), lock_id)
        if kind == "config" and me().role != "admin":
            raise Problem("forbidden")
        command_id = commands.ask(session, lock, kind, me().user_id, cloud().now(), changes)
    return {"command_id": command_id, "kind": kind}
