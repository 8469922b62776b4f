"""Signed-in devices: a random token at the device, its SHA-256 here."""

import hashlib
import secrets

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from cloud.tables import User, WebSession

LIFETIME = 30 * 86400  # seconds, a phone
PAGE_LIFETIME = 12 * 3600  # seconds, the console: about a shift

# Asked at every request, so built once: building a statement takes longer than running it.
_USER = (
    select(User)
    .join(WebSession, WebSession.user_id == User.user_id)
    .where(WebSession.token_hash == bindparam("token_hash"), WebSession.expires_at > bindparam("now"))
)


def start(session: Session, user_id: str, now: int, lifetime: int = LIFETIME) -> tuple[str, int]:
    """(token, expires at). The token exists here only until it is sent."""
    token = secrets.token_urlsafe(32)
    expires = now + lifetime
    session.execute(delete(WebSession).where(WebSession.user_id == user_id, WebSession.expires_at <= now))
    session.add(WebSession(token_hash=_hash(token), user_id=user_id, created_at=now, expires_at=expires))
    return token, expires


def user(session: Session, token: str, now: int) -> User | None:
    """Whose session this is; None when it is nobody's, or over."""
    return session.scalars(_USER, {"token_hash": _hash(token), "now": now}).one_or_none()


def end(session: Session, token: str) -> None:
    session.execute(delete(WebSession).where(WebSession.token_hash == _hash(token)))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
