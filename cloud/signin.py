"""Signing in: a password, then the second factor of whoever has one; or a passkey, which is both."""

from typing import NamedTuple

from cloud import factors, limits, passkeys, passwords, sessions, users
from cloud.context import Cloud
from cloud.problem import Problem
from cloud.tables import User, WebSession


class SignedIn(NamedTuple):
    token: str
    expires_at: int
    user: User
    enrol: bool  # staff that has no second factor yet: nothing else is open to this session


def by_password(
    cloud: Cloud, address: str, name: str, password: str, code: str | None, page: bool, device: str
) -> SignedIn:
    """`page`: by a browser's cookie.
    Raises Problem wrong_password, second_factor (with `methods`), wrong_code, too_many.

    A try is counted before the password is looked at, so a thousand at once are a thousand; a good one is given back.
    The work for a login that nobody has is the same.
    """
    now = cloud.now()
    tries = {"sign_in": f"{name}\0{address}", "sign_in_login": name, "sign_in_address": address}
    with cloud.db.writing() as session:
        for limit, subject in tries.items():
            limits.take(session, limit, subject, now)
        user = users.by_name(session, name)
    if not passwords.matches(user.password if user else None, password) or user is None:
        raise Problem("wrong_password")
    with cloud.db.writing() as session:
        for limit, subject in tries.items():
            limits.give_back(session, limit, subject)
        had = factors.of_user(session, user.user_id)
    if had.any:
        second(cloud, user.user_id, code, had)
    with cloud.db.writing() as session:
        token, expires = sessions.start(
            session, user.user_id, now, sessions.lifetime(user.role, page), device, second=had.any
        )
    return SignedIn(token, expires, user, _enrol(cloud, user, had.any))


def second(cloud: Cloud, user_id: str, code: str | None, had: factors.Factors) -> None:
    """Whoever has a second factor gives it. Raises Problem second_factor, wrong_code, too_many."""
    if code is None:
        raise Problem("second_factor", methods=had.methods)
    with cloud.db.writing() as session:
        factors.count_try(session, user_id, cloud.now())
    with cloud.db.writing() as session:
        if not factors.take(session, cloud.box, user_id, code, cloud.now()):
            raise Problem("wrong_code")
        limits.give_back(session, "code", user_id)


def by_passkey(cloud: Cloud, address: str, answer: dict[str, bytes], page: bool, device: str) -> SignedIn:
    """`answer`: what passkeys.check takes of the browser. Raises Problem passkey_refused, too_many."""
    now = cloud.now()
    with cloud.db.writing() as session:
        limits.take(session, "sign_in_address", address, now)
    with cloud.db.writing() as session:
        user_id = passkeys.check(session, cloud.settings.url, answer, now)
        limits.give_back(session, "sign_in_address", address)
        user = users.get(session, user_id)
        token, expires = sessions.start(
            session, user_id, now, sessions.lifetime(user.role, page), device, second=True
        )
    return SignedIn(token, expires, user, False)


def prove(cloud: Cloud, here: WebSession, password: str, code: str | None) -> None:
    """The person at this device gives password and second factor again.
    Raises Problem wrong_password, second_factor, wrong_code, too_many."""
    now = cloud.now()
    with cloud.db.writing() as session:
        limits.take(session, "proof", here.user_id, now)
        user = users.get(session, here.user_id)
        had = factors.of_user(session, here.user_id)
    if not passwords.matches(user.password, password):
        raise Problem("wrong_password")
    if had.any:
        second(cloud, here.user_id, code, had)
    with cloud.db.writing() as session:
        limits.give_back(session, "proof", here.user_id)
        sessions.proved(session, here, now, had.any)


def prove_by_passkey(cloud: Cloud, here: WebSession, answer: dict[str, bytes]) -> None:
    """Raises Problem passkey_refused, too_many."""
    now = cloud.now()
    with cloud.db.writing() as session:
        limits.take(session, "proof", here.user_id, now)
    with cloud.db.writing() as session:
        passkeys.check(session, cloud.settings.url, answer, now, here.user_id)
        limits.give_back(session, "proof", here.user_id)
        sessions.proved(session, here, now, second=True)


def _enrol(cloud: Cloud, user: User, second: bool) -> bool:
    return user.role != "rider" and not second and cloud.settings.staff_second_factor
