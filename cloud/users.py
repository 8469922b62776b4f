"""People who may sign in, and their roles."""

import secrets
import unicodedata

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloud import passwords
from cloud.db import insert
from cloud.problem import Problem
from cloud.tables import User


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


def by_login(session: Session, login: str) -> User | None:
    return session.scalars(select(User).where(User.login == folded(login))).one_or_none()


def folded(login: str) -> str:
    """Two spellings of one login are one login."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def create_now(session: Session, login: str, password: str, role: str, now: int) -> str:
    """For the command line, where nobody waits for the database meanwhile."""
    return create(session, login, passwords.make(password), role, now)
