"""Accounts by e-mail: signing up, a new password, another address, and leaving.

Nobody learns whether an address has an account: asking is answered the same, does the same work and sends one mail
either way. A password is chosen only by whoever holds the mailbox, so signing up with somebody else's address gains
nothing. Passwords arrive hashed (passwords.make takes long, so not inside a transaction).
"""

import secrets

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from cloud import factors, faults, links, mail, sessions, tickets, users
from cloud.context import Cloud
from cloud.db import insert
from cloud.problem import Problem
from cloud.tables import Claim, Mail, Member, Ride, User
from cloud.tables_people import ProviderLogin

ERASED = "-"  # no password hashes to it


def ask_sign_up(session: Session, cloud: Cloud, email: str, language: str | None) -> None:
    token, until = links.make(
        session, cloud.box, "sign_up", {"email": email, "language": language}, cloud.now()
    )
    known = users.by_email(session, email)
    _write(
        session,
        cloud,
        "sign_up_known" if known else "sign_up",
        email,
        language,
        known,
        "sign-up",
        token,
        until,
    )


def sign_up(session: Session, cloud: Cloud, token: str, password_hash: str) -> User:
    """Raises Problem link_over."""
    _nobody, about = links.take(session, cloud.box, "sign_up", token, cloud.now())
    return make(session, about["email"], about["language"], password_hash, "rider", cloud.now())


def make(session: Session, email: str, language: str | None, password_hash: str, role: str, now: int) -> User:
    """A user who signs in by a verified address. Raises Problem link_over when somebody has it by now."""
    values = {
        "user_id": secrets.token_urlsafe(16),
        "login": f"u-{secrets.token_hex(8)}",
        "password": password_hash,
        "role": role,
        "created_at": now,
        "email": email,
        "language": language,
    }
    rows = insert(session, User).values(values).on_conflict_do_nothing(index_elements=[User.email])
    user = session.scalars(rows.returning(User)).one_or_none()
    if user is None:
        raise Problem("link_over")
    return user


def ask_reset(session: Session, cloud: Cloud, email: str, language: str | None) -> None:
    known = users.by_email(session, email)
    user_id = known.user_id if known else None
    token, until = links.make(session, cloud.box, "reset", {"email": email}, cloud.now(), user_id)
    spoken = known.language if known else language
    _write(session, cloud, "reset" if known else "reset_unknown", email, spoken, known, "reset", token, until)


def reset(session: Session, cloud: Cloud, token: str, password_hash: str) -> None:
    """Every device is signed out. The second factor stays: a mailbox alone is not enough. Raises Problem link_over."""
    user_id, _about = links.take(session, cloud.box, "reset", token, cloud.now())
    if user_id is None:
        raise Problem("link_over")
    user = users.get(session, user_id)
    user.password = password_hash
    sessions.end_all(session, user_id)
    links.drop(session, user_id)
    mail.tell(session, cloud, user, "password_changed")


def ask_address(session: Session, cloud: Cloud, user_id: str, email: str) -> None:
    """The new address has to be confirmed, the old one is told. One that is taken is not told apart."""
    user = users.get(session, user_id)
    token, until = links.make(session, cloud.box, "address", {"email": email}, cloud.now(), user_id)
    known = users.by_email(session, email)
    kind = "sign_up_known" if known else "address"
    _write(session, cloud, kind, email, user.language, user, "address", token, until)
    mail.tell(session, cloud, user, "address_asked")


def change_address(session: Session, cloud: Cloud, token: str) -> str:
    """-> the new address. Both are told. Raises Problem link_over."""
    user_id, about = links.take(session, cloud.box, "address", token, cloud.now())
    if user_id is None or users.by_email(session, about["email"]) is not None:
        raise Problem("link_over")
    user = users.get(session, user_id)
    mail.tell(session, cloud, user, "address_changed")
    user.email = about["email"]
    links.drop(session, user_id)
    mail.tell(session, cloud, user, "address_changed")
    return about["email"]


def change_password(session: Session, cloud: Cloud, user_id: str, password_hash: str) -> None:
    user = users.get(session, user_id)
    user.password = password_hash
    links.drop(session, user_id, "reset")
    mail.tell(session, cloud, user, "password_changed")


def _write(
    session: Session,
    cloud: Cloud,
    kind: str,
    email: str,
    language: str | None,
    user: User | None,
    word: str,
    token: str,
    until: int,
) -> None:
    url = cloud.settings.url
    values = {"url": url, "link": f"{url}/account#{word}={token}"}  # a fragment: no server and no log sees it
    user_id = user.user_id if user else None
    mail.queue(session, cloud.box, kind, email, language, cloud.now(), values, user_id, until)


# ---- leaving


def waits(session: Session, user_id: str, now: int) -> list[str]:
    """What must end before this account can: words for a program."""
    counts = {
        "ride": select(func.count()).where(Ride.user_id == user_id, Ride.state != "ended"),
        "claim": select(func.count()).where(
            Claim.user_id == user_id, Claim.status == "open", Claim.exp >= now
        ),
    }
    found = [word for word, count in counts.items() if session.scalar(count)]
    return [*found, "ticket"] if tickets.waiting(session, user_id) else found


def ask_erase(session: Session, cloud: Cloud, user_id: str) -> list[str]:
    """Erased at once, or as soon as nothing is open. -> what it waits for. Raises Problem last_admin."""
    user = users.get(session, user_id)
    users.keep_one_admin(session, user)
    reasons = waits(session, user_id, cloud.now())
    if reasons:
        user.erase_asked_at = cloud.now()
    else:
        erase(session, cloud, user)
    return reasons


def erase_due(cloud: Cloud, now: int) -> int:
    """A job of the worker. -> how many accounts are gone that had asked for it."""
    with cloud.db.writing() as session:
        asked = session.scalars(select(User).where(User.erase_asked_at.is_not(None)).limit(100)).all()
        free = [user for user in asked if not waits(session, user.user_id, now)]
        for user in free:
            erase(session, cloud, user)
        return len(free)


def erase(session: Session, cloud: Cloud, user: User) -> None:
    """Everything that says who this was. Claims and rides stay, as somebody's: the row they refer to is empty."""
    address, language = user.email, user.language
    sessions.end_all(session, user.user_id)
    links.drop(session, user.user_id)
    factors.forget(session, user.user_id)
    session.execute(delete(ProviderLogin).where(ProviderLogin.user_id == user.user_id))
    tickets.erase(session, user.user_id)
    faults.erase(session, user.user_id)
    session.execute(delete(Mail).where(Mail.user_id == user.user_id))
    session.execute(delete(Member).where(Member.user_id == user.user_id))
    user.login, user.password, user.email = f"erased-{secrets.token_hex(16)}", ERASED, None
    user.role, user.operator_id, user.language = "rider", None, None
    user.erase_asked_at, user.erased_at = None, cloud.now()
    if address:
        mail.queue(session, cloud.box, "erased", address, language, cloud.now())
