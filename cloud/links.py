"""Links in mails: a random single-use token in the mailbox, its SHA-256 here, and what it will do, wrapped."""

import hashlib
import json
import secrets
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cloud.problem import Problem
from cloud.tables import MailedLink
from cloud.wrapping import Wrapping

LIFETIMES = {"sign_up": 86400, "reset": 3600, "address": 86400, "invitation": 3 * 86400}  # seconds


def make(
    session: Session, box: Wrapping, kind: str, about: dict[str, Any], now: int, user_id: str | None = None
) -> tuple[str, int]:
    """(token, expires at). What went before for the same person and purpose is void."""
    if user_id is not None:
        drop(session, user_id, kind)
    token = secrets.token_urlsafe(32)
    digest, expires = _hash(token), now + LIFETIMES[kind]
    session.add(
        MailedLink(
            token_hash=digest,
            kind=kind,
            user_id=user_id,
            wrapped=box.wrap("link", digest.hex(), json.dumps(about).encode()),
            created_at=now,
            expires_at=expires,
        )
    )
    return token, expires


def take(
    session: Session, box: Wrapping, kind: str, token: str, now: int
) -> tuple[str | None, dict[str, Any]]:
    """(user id, what it is about); the token is spent, if the transaction holds. Raises Problem link_over."""
    mine = (MailedLink.token_hash == _hash(token), MailedLink.kind == kind, MailedLink.expires_at > now)
    row = session.execute(
        delete(MailedLink).where(*mine).returning(MailedLink.user_id, MailedLink.wrapped)
    ).one_or_none()
    if row is None:
        raise Problem("link_over")
    return row.user_id, json.loads(box.unwrap("link", _hash(token).hex(), row.wrapped))


def look(session: Session, kind: str, token: str, now: int) -> None:
    """Before anything slow. Raises Problem link_over."""
    mine = (MailedLink.token_hash == _hash(token), MailedLink.kind == kind, MailedLink.expires_at > now)
    if session.scalars(select(MailedLink.kind).where(*mine)).one_or_none() is None:
        raise Problem("link_over")


def drop(session: Session, user_id: str, *kinds: str) -> None:
    """All of these kinds; all there are when none is named."""
    mine = delete(MailedLink).where(MailedLink.user_id == user_id)
    session.execute(mine.where(MailedLink.kind.in_(kinds)) if kinds else mine)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
