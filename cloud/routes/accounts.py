"""Accounts by e-mail: sign up, choose a new password, change the address, leave. And who am I."""

from flask import Blueprint, request

from cloud import accounts, body, limits, links, passwords, sessions, shapes_accounts, users
from cloud.auth import allow, cloud, csrf, enrolling, fresh, here, me, public
from cloud.describe import Fields, answers, takes
from cloud.tables import LANGUAGES, ROLES

routes = Blueprint("accounts", __name__, url_prefix="/api/v1")

LANGUAGE = body.word(*LANGUAGES)
TOKEN = body.text(43, 43)  # 32 bytes in base64url


@routes.post("/sign-ups")
@public
@takes({"email": body.email}, {"language": LANGUAGE})
@answers(202, problems=("too_many",))
def ask_sign_up(fields: Fields) -> None:
    """Ask to sign up with an address: a link is mailed.

    The answer is the same whether the address is known or not.
    """
    _take(fields["email"])
    with cloud().db.writing() as session:
        accounts.ask_sign_up(session, cloud(), fields["email"], fields["language"])


@routes.post("/sign-ups/confirm")
@public
@takes({"token": TOKEN, "password": body.password})
@answers(201, problems=("link_over",))
def sign_up(fields: Fields) -> shapes_accounts.NewUser:
    """Sign up: the token is in the mail."""
    hashed = _hashed("sign_up", fields)
    with cloud().db.writing() as session:
        user = accounts.sign_up(session, cloud(), fields["token"], hashed)
    return {"user_id": user.user_id, "login": user.login, "role": user.role, "operator_id": None}


@routes.post("/resets")
@public
@takes({"email": body.email}, {"language": LANGUAGE})
@answers(202, problems=("too_many",))
def ask_reset(fields: Fields) -> None:
    """Ask for a new password: a link is mailed.

    The answer is the same whether the address is known or not.
    """
    _take(fields["email"])
    with cloud().db.writing() as session:
        accounts.ask_reset(session, cloud(), fields["email"], fields["language"])


@routes.post("/resets/confirm")
@public
@takes({"token": TOKEN, "password": body.password})
@answers(problems=("link_over",))
def reset(fields: Fields) -> None:
    """Choose a new password by the mailed token; every device is signed out."""
    hashed = _hashed("reset", fields)
    with cloud().db.writing() as session:
        accounts.reset(session, cloud(), fields["token"], hashed)


@routes.get("/me")
@allow(*ROLES)
@enrolling
@answers()
def who() -> shapes_accounts.Me:
    """Who is asking."""
    with cloud().db.reading() as session:
        user = users.get(session, me().user_id)
    return {
        "user_id": user.user_id,
        "login": user.login,
        "role": user.role,
        "operator_id": user.operator_id,
        "email": user.email,
        "language": user.language,
        "second_factor": bool(here().second),
        "erase_asked_at": user.erase_asked_at,
        "csrf": csrf(),
    }


@routes.patch("/me")
@allow(*ROLES)
@takes({"language": LANGUAGE})
@answers()
def speak(fields: Fields) -> None:
    """Choose the language of my mails."""
    with cloud().db.writing() as session:
        users.get(session, me().user_id).language = fields["language"]


@routes.put("/me/password")
@allow(*ROLES)
@fresh
@takes({"password": body.password})
@answers()
def change_password(fields: Fields) -> None:
    """Choose another password; every other device is signed out."""
    hashed = passwords.make(fields["password"])
    with cloud().db.writing() as session:
        accounts.change_password(session, cloud(), me().user_id, hashed)
        sessions.end_all(session, me().user_id, but=here())


@routes.post("/me/address")
@allow(*ROLES)
@fresh
@takes({"email": body.email})
@answers(202, problems=("too_many",))
def ask_address(fields: Fields) -> None:
    """Ask for another address: a link is mailed to it, and the old one is told."""
    _take(fields["email"])
    with cloud().db.writing() as session:
        accounts.ask_address(session, cloud(), me().user_id, fields["email"])


@routes.post("/addresses/confirm")
@public
@takes({"token": TOKEN})
@answers(problems=("link_over",))
def change_address(fields: Fields) -> shapes_accounts.Address:
    """Change the address by the mailed token, on whatever device."""
    with cloud().db.writing() as session:
        email = accounts.change_address(session, cloud(), fields["token"])
    return {"email": email}


@routes.delete("/me")
@allow(*ROLES)
@fresh
@answers(problems=("last_admin",))
def leave() -> shapes_accounts.Leaving:
    """Delete my account, at once or as soon as nothing is open; `waits` says what is."""
    with cloud().db.writing() as session:
        reasons = accounts.ask_erase(session, cloud(), me().user_id)
    return {"erased": not reasons, "waits": reasons}


@routes.post("/me/stay")
@allow(*ROLES)
@answers()
def stay() -> None:
    """Take back a wish to leave that still waits."""
    with cloud().db.writing() as session:
        users.get(session, me().user_id).erase_asked_at = None


def _take(email: str) -> None:
    """Count a mail that is asked for. Raises Problem too_many."""
    with cloud().db.writing() as session:
        limits.take(session, "mail_from", request.remote_addr or "", cloud().now())
        limits.take(session, "mail_to", email, cloud().now())


def _hashed(kind: str, fields: dict[str, str]) -> str:
    """The new password's hash, made only for a link that is good: hashing is slow, and anyone may call.
    Raises Problem link_over."""
    with cloud().db.reading() as session:
        links.look(session, kind, fields["token"], cloud().now())
    return passwords.make(fields["password"])
