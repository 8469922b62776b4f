"""Claims: made, looked at, cancelled; their tokens, bound to a challenge or for another phone. Only one's own."""

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from cloud import assets, body, claims, issuers, limits, locks, tokens, views
from cloud.auth import allow, cloud, me
from cloud.problem import Problem
from cloud.tables import ROLES, Claim, Lock
from protocol import keys

routes = Blueprint("claims", __name__, url_prefix="/api/v1/claims")

HOLDER = body.b64_of(32)
MESSAGE = body.b64_of(1, 1024)  # a HELLO's or a CHALLENGE's body
WHICH = {"asset": body.text(1, 22), "code": body.code, "lock": body.hex_of(8)}


@routes.post("")
@allow(*ROLES)
def create() -> ResponseReturnValue:
    optional = {
        **WHICH,
        "mode": body.word(*claims.WINDOWS),
        "exp": body.integer(),
        "hold": body.integer(0, 86400),
    }
    fields = body.read({"holder_key": HOLDER}, optional)
    named = {name: fields[name] for name in WHICH if fields[name] is not None}
    if len(named) != 1:
        raise Problem(
            "invalid", errors=[{"field": "asset", "detail": "name exactly one of asset, code, lock"}]
        )
    holder = tokens.check_holder(fields["holder_key"])
    mode = fields["mode"] or "single"
    now, box, db = cloud().now(), cloud().box, cloud().db
    try:
        with db.reading() as session:
            limits.check(session, "unknown_bike", me().user_id, now)
            claims.check_limit(session, me().user_id, now)
            lock_id = named.get("lock") or assets.lock_of(session, named.get("asset"), named.get("code"))
        with db.writing() as session:  # SQLite has one writer at a time: only what must be inside is
            made = claims.create(
                session, box, me().user_id, lock_id, holder, mode, now, fields["exp"], fields["hold"]
            )
    except Problem as problem:
        if problem.code == "not_found":
            guessed(now)
        raise
    answer = _answer(*made)
    return jsonify(answer), 201, {"Location": f"/api/v1/claims/{answer['claim_id']}"}


def guessed(now: int) -> None:
    """One bike that does not exist was asked for: whoever tries many is told to wait (codes are short)."""
    with cloud().db.writing() as session:
        limits.take(session, "unknown_bike", me().user_id, now)


@routes.get("")
@allow(*ROLES)
def mine() -> ResponseReturnValue:
    now = cloud().now()
    with cloud().db.reading() as session:
        return jsonify(claims=[views.claim(row, now) for row in claims.of_user(session, me().user_id)])


@routes.get("/<id8:cti>")
@allow(*ROLES)
def one(cti: str) -> ResponseReturnValue:
    with cloud().db.reading() as session:
        claim = claims.get(session, cti, me().user_id)
        lock = locks.get(session, claim.lock_id)
        token = tokens.newest(session, cti)
    return jsonify(_answer(claim, lock, token))


@routes.delete("/<id8:cti>")
@allow(*ROLES)
def cancel(cti: str) -> ResponseReturnValue:
    with cloud().db.writing() as session:
        claim = claims.cancel(session, cti, me().user_id, cloud().now())
        return jsonify(views.claim(claim, cloud().now()))


@routes.post("/<id8:cti>/token")
@allow(*ROLES)
def bind(cti: str) -> ResponseReturnValue:
    fields = body.read({"hello": MESSAGE, "challenge": MESSAGE})
    with cloud().db.writing() as session:
        made = claims.bind(session, cloud().box, cti, me().user_id, now=cloud().now(), **fields)
    return jsonify(_answer(*made)), 201


@routes.post("/<id8:cti>/successor")
@allow(*ROLES)
def succeed(cti: str) -> ResponseReturnValue:
    fields = body.read({"holder_key": HOLDER}, {"hello": MESSAGE, "challenge": MESSAGE})
    body.together(fields, "hello", "challenge")
    holder = tokens.check_holder(fields.pop("holder_key"))
    with cloud().db.writing() as session:
        made = claims.succeed(session, cloud().box, cti, me().user_id, holder, cloud().now(), **fields)
    return jsonify(_answer(*made)), 201


def _answer(claim: Claim, lock: Lock, token: bytes | None) -> dict[str, Any]:
    with cloud().db.reading() as session:
        signers = issuers.public_keys(session, keys.COUNTERSIGN)
    k_lock = locks.key(cloud().box, lock)
    return views.claim_for_owner(claim, lock, k_lock, token, signers, cloud().now())
