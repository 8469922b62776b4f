"""The life of an issuer key, and the answer to the key that leaks and to the one that only grows old.

    next ── rotate ──► current ── rotate ──► retiring ── drop ──► removed
      └──────────────────┴── withdraw, when it leaked ───────────────┘

`next` is in the keyset already, so that every lock believes it before it signs: a rotation, and a leak, finds it there.
`current` signs what is new; `retiring` only what belongs to claims that it has signed. A claim stays under one key.
"""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cloud import floors, issuers
from cloud.problem import Problem
from cloud.tables import Claim, IssuerKey
from cloud.wrapping import Wrapping
from protocol import keys


def tend(session: Session, box: Wrapping, now: int) -> list[str]:
    """Rotate what is due, and make what is missing. -> kids that sign now and did not before"""
    fresh = []
    for role in issuers.ROTATED:
        if issuers.following(session, role) is not None and is_due(session, role, now):
            fresh.append(rotate(session, box, role, now)[0])
    issuers.make_missing(session, box, now)
    return fresh


def is_due(session: Session, role: int, now: int) -> bool:
    """Whether the role's current key has served its term: what is left is for those who hear of it late."""
    return issuers.ends(session, role, now) - now <= issuers.OVERLAP_S


def rotate(session: Session, box: Wrapping, role: int, now: int) -> tuple[str, str]:
    """The next key signs from now on, for a whole term; the one before retires, and another is made ready. The locks
    hear of it by the next keyset, and believe the new current key already. -> (current, next). Raises Problem."""
    after = issuers.following(session, role)
    if after is None:
        raise Problem("no_issuer_key", role=issuers.ROLE_NAMES[role])
    mine = (IssuerKey.role == role, IssuerKey.state == "current")
    session.execute(update(IssuerKey).where(*mine).values(state="retiring"))
    after.state, after.nbf, after.exp = "current", now, now + issuers.lasts(role)
    session.flush()
    return after.kid, issuers.make(session, box, role, now, "next")


def drop(session: Session, kid: str, now: int) -> int:
    """Out of the next keyset, and its claims are over. -> how many. Raises Problem not_found."""
    key = session.get(IssuerKey, kid)
    if key is None:
        raise Problem("not_found")
    if key.state != "removed":
        key.state, key.retired_at = "removed", now
    held = select(Claim.lock_id).where(Claim.kid == kid, Claim.status == "open")
    locked = session.scalars(held.distinct().order_by(Claim.lock_id)).all()
    closed = update(Claim).where(Claim.kid == kid, Claim.status == "open").returning(Claim.cti)
    over = session.scalars(closed.values(status="cancelled", open_on=None, why="key")).all()
    session.flush()
    for lock_id in locked:
        floors.settle(session, lock_id, now)
    return len(over)


def withdraw(session: Session, box: Wrapping, kid: str, now: int) -> tuple[str | None, int]:
    """It leaked: it signs no more, its claims are over, and another stands in at once: the next one, which locks
    believe already, else a new one. -> (the key that signs instead, claims closed). Raises Problem not_found."""
    key = session.get(IssuerKey, kid)
    if key is None:
        raise Problem("not_found")
    was = key.state
    closed = drop(session, kid, now)
    instead = None
    if was == "current" and key.role in issuers.ROTATED and issuers.following(session, key.role) is not None:
        instead, _ = rotate(session, box, key.role, now)
    elif was == "current" and key.role in issuers.ROLE_NAMES and key.role != keys.RELEASE:
        instead = issuers.make(session, box, key.role, now)
    issuers.make_missing(session, box, now)
    return instead, closed
