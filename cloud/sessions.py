"""Signed-in devices: a random token at the device, its SHA-256 here."""

import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from cloud.problem import Problem
from cloud.tables import User, WebSession

LIFETIME = 30 * 86400  # seconds, a phone
PAGE_LIFETIME = 12 * 3600  # seconds, the console of who runs a fleet: about a shift
FRESH_S = 600  # for so long after showing who one is, dangerous acts need no new proof
DAY_S = 86400

# Asked at every request, so built once: building a statement takes longer than running it.
_FOUND = (
    select(User, WebSession)
    .join(WebSession, WebSession.user_id == User.user_id)
    .where(WebSession.token_hash == bindparam("token_hash"), WebSession.expires_at > bindparam("now"))
)


def lifetime(role: str, page: bool) -> int:
    """Seconds for which somebody stays signed in. `page`: in a browser, which for a rider is the app on their phone."""
    return PAGE_LIFETIME if page and role != "rider" else LIFETIME


def start(
    session: Session, user_id: str, now: int, lifetime: int = LIFETIME, device: str = "", second: bool = False
) -> tuple[str, int]:
    """(token, expires at). The token exists here only until it is sent. `second`: whether a second factor was given."""
    token = secrets.token_urlsafe(32)
    expires = now + lifetime
    session.execute(delete(WebSession).where(WebSession.user_id == user_id, WebSession.expires_at <= now))
    session.add(
        WebSession(
            token_hash=_hash(token),
            session_id=secrets.token_urlsafe(16),
            user_id=user_id,
            created_at=now,
            expires_at=expires,
            device=device,
            seen_on=_day(now),
            second=int(second),
            proved_at=now,
        )
    )
    return token, expires


def find(session: Session, token: str, now: int) -> tuple[User, WebSession] | None:
    """Whose session this is, and the session; None when it is nobody's, or over."""
    row = session.execute(_FOUND, {"token_hash": _hash(token), "now": now}).one_or_none()
    return (row[0], row[1]) if row else None


def unseen(found: WebSession, now: int) -> bool:
    """Whether today's use of it is not written down yet."""
    return found.seen_on < _day(now)


def saw(session: Session, found: WebSession, now: int) -> None:
    mine = update(WebSession).where(WebSession.token_hash == found.token_hash)
    session.execute(mine.values(seen_on=_day(now)))


def proved(session: Session, found: WebSession, now: int, second: bool) -> None:
    """The person at this device has shown again who they are."""
    mine = update(WebSession).where(WebSession.token_hash == found.token_hash)
    session.execute(mine.values(proved_at=now, **({"second": 1} if second else {})))


def of_user(session: Session, user_id: str, now: int) -> Sequence[WebSession]:
    """Newest first."""
    mine = select(WebSession).where(WebSession.user_id == user_id, WebSession.expires_at > now)
    return session.scalars(mine.order_by(WebSession.created_at.desc(), WebSession.session_id)).all()


def end(session: Session, token: str) -> None:
    session.execute(delete(WebSession).where(WebSession.token_hash == _hash(token)))


def end_one(session: Session, user_id: str, session_id: str) -> None:
    """Raises Problem not_found, for a stranger's too."""
    mine = delete(WebSession).where(WebSession.user_id == user_id, WebSession.session_id == session_id)
    if session.scalars(mine.returning(WebSession.session_id)).one_or_none() is None:
        raise Problem("not_found")


def end_all(session: Session, user_id: str, but: WebSession | None = None) -> None:
    """Every device of theirs is signed out, `but` this one."""
    mine = delete(WebSession).where(WebSession.user_id == user_id)
    session.execute(mine.where(WebSession.token_hash != but.token_hash) if but else mine)


def _day(now: int) -> int:
    return now - now % DAY_S


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
