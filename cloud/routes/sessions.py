"""Signing up, in and out; who am I."""

from typing import Any

from flask import Blueprint, g, request

from cloud import body, limits, operators, passwords, sessions, shapes, users
from cloud.auth import allow, caller, cloud, me, public, reach
from cloud.describe import Fields, answers, takes
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
@takes({"login": login, "password": body.password}, {"role": body.word(*ROLES), "operator": body.opaque})
@answers(201, problems=("forbidden", "login_taken", "too_many", "not_found"))
def sign_up(fields: Fields) -> shapes.User:
    """Sign up.

    `role`: rider unless an admin makes staff, of `operator` if the platform's admin says so.
    """
    role = fields["role"] or "rider"
    person = caller()
    if role != "rider" and (person is None or person.role != "admin"):
        raise Problem("forbidden")
    now, db = cloud().now(), cloud().db
    owner = _employer(fields["operator"]) if role != "rider" else None
    with db.writing() as session:
        limits.take(session, "sign_up", request.remote_addr or "", now)
    hashed = passwords.make(fields["password"])  # slow on purpose: not while the database waits
    with db.writing() as session:
        user_id = users.create(session, fields["login"], hashed, role, now, owner)
    return {"user_id": user_id, "login": fields["login"], "role": role, "operator_id": owner}


def _employer(named: str | None) -> str | None:
    """Whose staff an admin makes: their own operator's, or whichever the platform names. Raises Problem not_found."""
    if named is None:
        return me().operator_id
    with cloud().db.reading() as session:
        return operators.find(session, reach(), named).operator_id


@routes.post("/sessions")
@public
@takes({"login": login, "password": body.password})
@answers(201, problems=("wrong_password", "too_many"))
def sign_in(fields: Fields) -> shapes.SignedIn:
    """Sign in: a token to send as `Authorization: Bearer`."""
    token, expires, user_id, role = check(fields["login"], fields["password"], sessions.LIFETIME)
    return {"token": token, "expires_at": expires, "user_id": user_id, "role": role}


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
@answers()
def sign_out() -> None:
    """Sign out: the token is worth nothing from now on."""
    with cloud().db.writing() as session:
        sessions.end(session, g.token)


@routes.get("/me")
@allow(*ROLES)
@answers()
def who() -> shapes.User:
    """Who is asking."""
    return {"user_id": me().user_id, "login": me().login, "role": me().role, "operator_id": me().operator_id}
