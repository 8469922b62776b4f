"""People who may sign in, and their roles."""

import secrets
import unicodedata
from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.orm import Session

from cloud import passwords
from cloud.db import insert
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.tables import User, WebSession


def create(
    session: Session, login: str, password_hash: str, role: str, now: int, operator_id: str | None = None
) -> str:
    """The new user's id. `password_hash` from passwords.make: it takes long, so not inside a transaction.
    `operator_id`: whose staff; None for riders and the platform's own.
    Raises Problem login_taken."""
    user_id = secrets.token_urlsafe(16)
    values = {
        "user_id": user_id,
        "login": folded(login),
        "password": password_hash,
        "role": role,
        "operator_id": operator_id,
        "created_at": now,
    }
    rows = insert(session, User).values(values).on_conflict_do_nothing(index_elements=[User.login])
    if session.execute(rows.returning(User.user_id)).one_or_none() is None:
        raise Problem("login_taken")
    return user_id


def by_name(session: Session, name: str) -> User | None:
    """Whoever signs in by this name: a login, or a verified address, which wins over a login that looks like it."""
    name = folded(name)
    found = session.scalars(select(User).where(or_(User.login == name, User.email == name))).all()
    return max(found, key=lambda user: user.email == name, default=None)


def by_email(session: Session, email: str) -> User | None:
    return session.scalars(select(User).where(User.email == email)).one_or_none()


def get(session: Session, user_id: str) -> User:
    """Raises Problem not_found."""
    user = session.get(User, user_id, populate_existing=True)
    if user is None or user.erased_at is not None:
        raise Problem("not_found")
    return user


def name(session: Session, user_id: str | None) -> str | None:
    """What somebody is called, for others to read."""
    return None if user_id is None else session.scalar(select(User.login).where(User.user_id == user_id))


def rename(session: Session, user: User, login: str) -> None:
    """Raises Problem login_taken."""
    if session.scalars(select(User.user_id).where(User.login == login)).one_or_none() is not None:
        raise Problem("login_taken")
    user.login = login


def keep_one_admin(session: Session, user: User) -> None:
    """Before an admin is none any more: an operator keeps one, and so does the platform. Raises Problem last_admin."""
    if user.role == "admin":
        peers = (User.role == "admin", User.operator_id.is_not_distinct_from(user.operator_id))
        admins = session.scalars(select(User.user_id).where(*peers).with_for_update()).all()
        if admins == [user.user_id]:
            raise Problem("last_admin")


def staff(session: Session, reach: Reach, after: str, limit: int) -> Sequence[User]:
    """Technicians and admins by id, from the first one after `after`."""
    rows = select(User).where(_staff(reach), User.user_id > after).order_by(User.user_id).limit(limit)
    return session.scalars(rows).all()


def find_staff(session: Session, reach: Reach, user_id: str) -> User:
    """Raises Problem not_found, for riders and another operator's staff too."""
    row = session.scalars(select(User).where(_staff(reach), User.user_id == user_id)).one_or_none()
    if row is None:
        raise Problem("not_found")
    return row


def _staff(reach: Reach) -> ColumnElement[bool]:
    return and_(User.role != "rider", reach.of(User.operator_id))


def dismiss(session: Session, person: User) -> None:
    """From now on a rider like any other, and signed in nowhere. Raises Problem last_admin."""
    keep_one_admin(session, person)
    person.role, person.operator_id = "rider", None
    session.execute(delete(WebSession).where(WebSession.user_id == person.user_id))


def folded(login: str) -> str:
    """Two spellings of one login are one login."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def create_now(
    session: Session, login: str, password: str, role: str, now: int, operator_id: str | None = None
) -> str:
    """For the command line, where nobody waits for the database meanwhile."""
    return create(session, login, passwords.make(password), role, now, operator_id)
