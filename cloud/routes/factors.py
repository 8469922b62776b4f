"""My second factors: authenticator app, passkeys, recovery codes."""

import segno
from flask import Blueprint
from sqlalchemy.orm import Session

from cloud import body, factors, limits, mail, passkeys, sessions, shapes_accounts, users
from cloud.auth import allow, cloud, enrolling, fresh, here, me
from cloud.describe import Fields, answers, takes
from cloud.problem import Problem
from cloud.tables import ROLES
from cloud.tables_people import Passkey

routes = Blueprint("factors", __name__, url_prefix="/api/v1/me")

NAME = body.text(1, 64)
ADDING = ("second_factor_needed",)


@routes.get("/factors")
@allow(*ROLES)
@enrolling
@answers()
def mine() -> shapes_accounts.Factors:
    """What I may sign in with beside my password."""
    with cloud().db.reading() as session:
        had = factors.of_user(session, me().user_id)
        keys = passkeys.of_user(session, me().user_id)
    return {"totp": had.totp, "passkeys": [_passkey(row) for row in keys], "recovery_codes": had.codes}


@routes.post("/totp")
@allow(*ROLES)
@enrolling
@fresh
@answers(201, problems=(*ADDING, "factor_exists"))
def begin_totp() -> shapes_accounts.NewTotp:
    """Begin with an authenticator app: its secret, to scan. It counts after a first code."""
    with cloud().db.writing() as session:
        factors.may_add(session, here())
        secret, uri = factors.begin_totp(session, cloud().box, users.get(session, me().user_id))
    return {"secret": secret, "uri": uri, "picture": segno.make(uri, error="m").svg_data_uri(scale=4)}


@routes.post("/totp/confirm")
@allow(*ROLES)
@enrolling
@fresh
@takes({"code": body.text(6, 6)})
@answers(problems=(*ADDING, "wrong_code", "too_many"))
def confirm_totp(fields: Fields) -> shapes_accounts.Codes:
    """Show that the app works. With the first factor come recovery codes, and other devices are signed out."""
    now = cloud().now()
    with cloud().db.writing() as session:
        factors.count_try(session, me().user_id, now)
    with cloud().db.writing() as session:
        factors.may_add(session, here())
        codes = factors.confirm_totp(session, cloud().box, me().user_id, fields["code"], now)
        limits.give_back(session, "code", me().user_id)
        _added(session, "an authenticator app", bool(codes))
    return {"recovery_codes": codes}


@routes.delete("/totp")
@allow(*ROLES)
@fresh
@answers(problems=("not_found", "last_factor"))
def drop_totp() -> None:
    """Remove the authenticator app."""
    with cloud().db.writing() as session:
        factors.drop_totp(session, me().user_id)
        _removed(session, "an authenticator app")


@routes.post("/recovery-codes")
@allow(*ROLES)
@fresh
@answers(201, problems=("not_found",))
def new_codes() -> shapes_accounts.Codes:
    """New recovery codes; those of before are void."""
    with cloud().db.writing() as session:
        if not factors.of_user(session, me().user_id).any:
            raise Problem("not_found")
        codes = factors.new_codes(session, me().user_id)
        mail.tell(
            session, cloud(), users.get(session, me().user_id), "factors_changed", what="recovery codes"
        )
    return {"recovery_codes": codes}


@routes.post("/passkey-challenges")
@allow(*ROLES)
@enrolling
@fresh
@answers(problems=(*ADDING, "passkey_limit"))
def passkey_options() -> shapes_accounts.PasskeyOptions:
    """Begin with a passkey: what to ask the browser for, for navigator.credentials.create()."""
    with cloud().db.writing() as session:
        factors.may_add(session, here())
        user = users.get(session, me().user_id)
        return {"options": passkeys.register_options(session, cloud().settings.url, user, cloud().now())}


@routes.post("/passkey-proofs")
@allow(*ROLES)
@enrolling
@answers()
def proof_options() -> shapes_accounts.PasskeyOptions:
    """What to ask the browser for, to prove that it is me: for navigator.credentials.get()."""
    with cloud().db.writing() as session:
        url, now = cloud().settings.url, cloud().now()
        return {"options": passkeys.assert_options(session, url, now, me().user_id)}


@routes.post("/passkeys")
@allow(*ROLES)
@enrolling
@fresh
@takes({"name": NAME, "client_data": body.b64_of(1, 4096), "attestation": body.b64_of(1, 16384)})
@answers(201, problems=(*ADDING, "passkey_refused"))
def add_passkey(fields: Fields) -> shapes_accounts.NewPasskey:
    """Add the passkey that the browser made. With the first factor come recovery codes."""
    with cloud().db.writing() as session:
        factors.may_add(session, here())
        first = not factors.of_user(session, me().user_id).any
        user = users.get(session, me().user_id)
        row = passkeys.register(session, cloud().settings.url, user, now=cloud().now(), **fields)
        session.flush()
        codes = factors.new_codes(session, user.user_id) if first else []
        _added(session, "a passkey", first)
    return {**_passkey(row), "recovery_codes": codes}


@routes.patch("/passkeys/<id22:passkey_id>")
@allow(*ROLES)
@takes({"name": NAME})
@answers(problems=("not_found",))
def rename(passkey_id: str, fields: Fields) -> None:
    """Call a passkey of mine something else."""
    with cloud().db.writing() as session:
        passkeys.rename(session, me().user_id, passkey_id, fields["name"])


@routes.delete("/passkeys/<id22:passkey_id>")
@allow(*ROLES)
@fresh
@answers(problems=("not_found", "last_factor"))
def drop_passkey(passkey_id: str) -> None:
    """Remove a passkey of mine."""
    with cloud().db.writing() as session:
        passkeys.drop(session, me().user_id, passkey_id)
        _removed(session, "a passkey")


def _added(session: Session, what: str, first: bool) -> None:
    """This device has shown the new factor. Others, signed in by password alone, sign in again with the first."""
    sessions.proved(session, here(), cloud().now(), second=True)
    if first:
        sessions.end_all(session, me().user_id, but=here())
    mail.tell(session, cloud(), users.get(session, me().user_id), "factors_changed", what=what)


def _removed(session: Session, what: str) -> None:
    """Raises Problem last_factor, which undoes it."""
    if me().staff and cloud().settings.staff_second_factor and not factors.of_user(session, me().user_id).any:
        raise Problem("last_factor")
    factors.settle(session, me().user_id)
    mail.tell(session, cloud(), users.get(session, me().user_id), "factors_changed", what=what)


def _passkey(row: Passkey) -> shapes_accounts.Passkey:
    return {
        "passkey_id": row.passkey_id,
        "name": row.name,
        "created_at": row.created_at,
        "used_on": row.used_on,
    }
