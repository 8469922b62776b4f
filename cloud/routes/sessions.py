"""Signing up by a login, signing in and out, and the devices that are signed in."""

from typing import Any

from flask import Blueprint, Response, after_this_request, g, request

from cloud import body, limits, operators, passkeys, passwords, sessions, shapes_accounts, signin, users
from cloud.auth import allow, caller, cloud, enrolling, here, me, public, reach, set_cookie
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


CODE = body.text(6, 32)
PASSKEY = {
    "credential_id": body.b64_of(1, 1023),
    "client_data": body.b64_of(1, 4096),
    "authenticator_data": body.b64_of(37, 4096),
    "signature": body.b64_of(1, 1024),
}
AS = {"device": DEVICE, "cookie": body.boolean}


@routes.post("/sessions")
@public
@takes({"login": login, "password": body.password}, {"code": CODE, **AS})
@answers(201, problems=("wrong_password", "second_factor", "wrong_code", "too_many"))
def sign_in(fields: Fields) -> shapes_accounts.SignedIn:
    """Sign in: a token to send as `Authorization: Bearer`. `login` may be a verified address.

    Whoever has a second factor gives `code` too: of the authenticator app, or a recovery code. `cookie`: for a
    browser; the token is a cookie that no script reads, and not in the answer.
    """
    made = signin.by_password(
        cloud(),
        request.remote_addr or "",
        fields["login"],
        fields["password"],
        fields["code"],
        bool(fields["cookie"]),
        fields["device"] or agent(),
    )
    return signed_in(made, fields["cookie"])


@routes.post("/passkey-challenges")
@public
@answers()
def challenge() -> shapes_accounts.PasskeyOptions:
    """What to ask the browser for, to sign in with a passkey: for navigator.credentials.get()."""
    with cloud().db.writing() as session:
        limits.take(session, "challenge", request.remote_addr or "", cloud().now())
        return {"options": passkeys.assert_options(session, cloud().settings.url, cloud().now())}


@routes.post("/sessions/passkey")
@public
@takes(PASSKEY, AS)
@answers(201, problems=("passkey_refused", "too_many"))
def sign_in_by_passkey(fields: Fields) -> shapes_accounts.SignedIn:
    """Sign in with a passkey, which is two factors in one."""
    cookie, device = fields.pop("cookie"), fields.pop("device") or agent()
    return signed_in(
        signin.by_passkey(cloud(), request.remote_addr or "", fields, bool(cookie), device), cookie
    )


def signed_in(made: signin.SignedIn, cookie: bool | None) -> shapes_accounts.SignedIn:
    user = made.user
    if cookie:

        @after_this_request
        def keep(answer: Response) -> Response:
            set_cookie(answer, made.token, made.expires_at - cloud().now())
            return answer

    return {
        "token": None if cookie else made.token,
        "expires_at": made.expires_at,
        "user_id": user.user_id,
        "role": user.role,
        "enrol": made.enrol,
    }


@routes.post("/sessions/proof")
@allow(*ROLES)
@enrolling
@takes({}, {"password": body.password, "code": CODE, "passkey": body.object_of(PASSKEY)})
@answers(problems=("wrong_password", "second_factor", "wrong_code", "passkey_refused", "too_many"))
def prove(fields: Fields) -> None:
    """Show again that it is you, for what needs a fresh proof: `passkey`; or `password`, and `code` if you have one."""
    if fields["passkey"] is not None:
        signin.prove_by_passkey(cloud(), here(), fields["passkey"])
    else:
        signin.prove(cloud(), here(), fields["password"] or "", fields["code"])


def agent() -> str:
    """What the device calls itself, if it says nothing better."""
    said = "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())
    return said[:64]


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
