"""Signing up, in and out; who am I."""

from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from cloud import body, limits, passwords, sessions, users
from cloud.auth import allow, caller, cloud, me, public
from cloud.problem import Problem
from cloud.tables import ROLES

routes = Blueprint("sessions", __name__, url_prefix="/api/v1")


@body.reads(type="string", minLength=3, maxLength=64, pattern=body.PRINTABLE)
def login(value: Any) -> str:
    spelled = users.folded(body.text(3, 64)(value))
    if not 3 <= len(spelled) <= 64:  # folding may lengthen
        raise ValueError("must be 3 to 64 printable characters")
    return spelled


@routes.post("/users")
@public
def sign_up() -> ResponseReturnValue:
    fields = body.read({"login": login, "password": body.password}, {"role": body.word(*ROLES)})
    role = fields["role"] or "rider"
    person = caller()
    if role != "rider" and (person is None or person.role != "admin"):
        raise Problem("forbidden")
    now, db = cloud().now(), cloud().db
    with db.writing() as session:
        limits.take(session, "sign_up", request.remote_addr or "", now)
    hashed = passwords.make(fields["password"])  # slow on purpose: not while the database waits
    with db.writing() as session:
        user_id = users.create(session, fields["login"], hashed, role, now)
    return jsonify(user_id=user_id, login=fields["login"], role=role), 201


@routes.post("/sessions")
@public
def sign_in() -> ResponseReturnValue:
    fields = body.read({"login": login, "password": body.password})
    token, expires, user_id, role = check(fields["login"], fields["password"], sessions.LIFETIME)
    return jsonify(token=token, expires_at=expires, user_id=user_id, role=role), 201


def check(name: str, password: str, lifetime: int) -> tuple[str, int, str, str]:
    """(token, expires at, user id, role) of a new session. Raises Problem wrong_password, too_many.

    A try is counted before the password is looked at, so a thousand at once are a thousand; a good one is given back.
    The work for a login that nobody has is the same.
    """
    now, db = cloud().now(), cloud().db
    address = request.remote_addr or ""
    tries = {"sign_in": f"{name}\0{address}", "sign_in_login": name, "sign_in_address": address}
    with db.writing() as session:
        for limit, subject in tries.items():
            limits.take(session, limit, subject, now)
        user = users.by_login(session, name)
    if not passwords.matches(user.password if user else None, password) or user is None:
        raise Problem("wrong_password")
    with db.writing() as session:
        for limit, subject in tries.items():
            limits.give_back(session, limit, subject)
        token, expires = sessions.start(session, user.user_id, now, lifetime)
    return token, expires, user.user_id, user.role


@routes.delete("/sessions")
@allow(*ROLES)
def sign_out() -> ResponseReturnValue:
    with cloud().db.writing() as session:
        sessions.end(session, g.token)
    return "", 204


@routes.get("/me")
@allow(*ROLES)
def who() -> ResponseReturnValue:
    return jsonify(user_id=me().user_id, login=me().login, role=me().role)
