"""Signing up by a login, signing in and out, and the devices that are signed in."""

from typing import Any

from flask import Blueprint, g, request

from cloud import body, limits, operators, passwords, sessions, shapes_accounts, users
from cloud.auth import allow, caller, cloud, enrolling, here, me, public, reach
from cloud.describe import Fields, answers, takes
from cloud.problem import Problem
from cloud.tables import ROLES, WebSession

routes = Blueprint("sessions", __name__, url_prefix="/api/v1")


@body.reads(type="string", minLength=3, maxLength=254, pattern=body.PRINTABLE)
def login(value: Any) -> str:
    spelled = users.folded(body.text(3, 254)(value))
    if not 3 <= len(spelled) <= 254:  # folding may lengthen
        raise ValueError("must be 3 to 254 printable characters")
    return spelled


@body.reads(type="string", minLength=3, maxLength=64, pattern=body.PRINTABLE)
def new_login(value: Any) -> str:
    spelled = login(value)
    if len(spelled) > 64:
        raise ValueError("must be 3 to 64 printable characters")
    return spelled


DEVICE = body.text(1, 64)


@routes.post("/users")
@public
@takes({"login": new_login, "password": body.password}, {"role": body.word(*ROLES), "operator": body.opaque})
@answers(201, problems=("forbidden", "login_taken", "too_many", "not_found"))
def sign_up(fields: Fields) -> shapes_accounts.NewUser:
    """Sign up by a login, without an address.

    `role`: rider unless an admin makes staff, of `operator` if the platform's admin says so.
    """
    role = fields["role"] or "rider"
    person = caller()
    admin = person is not None and person.role == "admin"
    if role != "rider" and not admin:
        raise Problem("forbidden")
    if "@" in fields["login"] and not admin:  # an address is taken by verifying it; see accounts.py
        raise Problem("invalid", errors=[{"field": "login", "detail": "is an address: use /sign-ups"}])
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
@takes({"login": login, "password": body.password}, {"device": DEVICE})
@answers(201, problems=("wrong_password", "too_many"))
def sign_in(fields: Fields) -> shapes_accounts.SignedIn:
    """Sign in: a token to send as `Authorization: Bearer`. `login` may be a verified address."""
    token, expires, user_id, role = check(
        fields["login"], fields["password"], sessions.LIFETIME, fields["device"] or agent()
    )
    return {"token": token, "expires_at": expires, "user_id": user_id, "role": role}


def agent() -> str:
    """What the device calls itself, if it says nothing better."""
    said = "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())
    return said[:64]


def check(name: str, password: str, lifetime: int, device: str = "") -> tuple[str, int, str, str]:
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
        user = users.by_name(session, name)
    if not passwords.matches(user.password if user else None, password) or user is None:
        raise Problem("wrong_password")
    with db.writing() as session:
        for limit, subject in tries.items():
            limits.give_back(session, limit, subject)
        token, expires = sessions.start(session, user.user_id, now, lifetime, device)
    return token, expires, user.user_id, user.role


@routes.delete("/sessions")
@allow(*ROLES)
@enrolling
@answers()
def sign_out() -> None:
    """Sign out: the token is worth nothing from now on."""
    with cloud().db.writing() as session:
        sessions.end(session, g.token)


@routes.get("/sessions")
@allow(*ROLES)
@answers()
def mine() -> shapes_accounts.Devices:
    """My signed-in devices, newest first."""
    with cloud().db.reading() as session:
        rows = sessions.of_user(session, me().user_id, cloud().now())
    return {"sessions": [_shown(row) for row in rows]}


@routes.delete("/sessions/<id22:session_id>")
@allow(*ROLES)
@answers(problems=("not_found",))
def end_one(session_id: str) -> None:
    """Sign one of my devices out."""
    with cloud().db.writing() as session:
        sessions.end_one(session, me().user_id, session_id)


@routes.post("/sessions/end-others")
@allow(*ROLES)
@answers()
def end_others() -> None:
    """Sign all my devices out but this one."""
    with cloud().db.writing() as session:
        sessions.end_all(session, me().user_id, but=here())


def _shown(row: WebSession) -> shapes_accounts.Device:
    return {
        "session_id": row.session_id,
        "device": row.device,
        "created_at": row.created_at,
        "seen_on": row.seen_on,
        "expires_at": row.expires_at,
        "second_factor": bool(row.second),
        "here": row.token_hash == here().token_hash,
    }
