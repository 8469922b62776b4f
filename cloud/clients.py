"""Programs that act for an operator: keys (one secret, sent with each call) and OAuth clients (short-lived tokens).

A client never acts for a person: it has a row of its own in `user`, so its claims and rides are its own, and a rider's
are not there for it. Secrets and tokens are random, shown once, and kept as SHA-256.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from cloud import scopes, users
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.tables import AccessToken, Client

KEY, TOKEN, SECRET = (
    "rk.",
    "rt.",
    "rs.",
)  # what it is, for people and secret scanners; no session token has a dot
LASTS_S = 900  # an access token; whoever needs longer asks again
DAY_S = 86400
NOBODY = "!"  # no password has this hash


def create(
    session: Session,
    operator_id: str | None,
    kind: str,
    name: str,
    wanted: Sequence[str],
    user_id: str,
    now: int,
) -> tuple[Client, str]:
    """(the client, its secret, which is nowhere else). `operator_id`: whom it acts for, None for the platform.
    Raises Problem scope_of_platform."""
    if operator_id is not None and scopes.PLATFORM.intersection(wanted):
        raise Problem("scope_of_platform")
    client_id, secret = secrets.token_urlsafe(16), _secret(kind)
    row = Client(
        client_id=client_id,
        kind=kind,
        name=name,
        operator_id=operator_id,
        user_id=users.create(session, "client." + client_id, NOBODY, "rider", now),
        secret_hash=_hash(secret),
        scopes=scopes.write(wanted),
        created_at=now,
        created_by=user_id,
    )
    session.add(row)
    session.flush()
    return row, secret


def page(session: Session, reach: Reach, after: str, limit: int) -> Sequence[Client]:
    """By id, from the first one after `after`; revoked ones too."""
    rows = select(Client).where(reach.of(Client.operator_id), Client.client_id > after)
    return session.scalars(rows.order_by(Client.client_id).limit(limit)).all()


def find(session: Session, reach: Reach, client_id: str, for_update: bool = False) -> Client:
    """Raises Problem not_found, for another operator's too."""
    rows = select(Client).where(Client.client_id == client_id, reach.of(Client.operator_id))
    row = session.scalars(rows.with_for_update() if for_update else rows).one_or_none()
    if row is None:
        raise Problem("not_found")
    return row


def renew(session: Session, reach: Reach, client_id: str) -> tuple[Client, str]:
    """Another secret; the old one, and every token got with it, is void. Raises Problem not_found, client_revoked."""
    row = find(session, reach, client_id, for_update=True)
    if row.revoked_at is not None:
        raise Problem("client_revoked")
    secret = _secret(row.kind)
    row.secret_hash = _hash(secret)
    _drop_tokens(session, client_id)
    return row, secret


def revoke(session: Session, reach: Reach, client_id: str, now: int) -> None:
    """For good. Its open claims stay until their end: a bicycle in use is not taken from under its rider."""
    row = find(session, reach, client_id, for_update=True)
    row.revoked_at = row.revoked_at or now
    _drop_tokens(session, client_id)


def _drop_tokens(session: Session, client_id: str) -> None:
    session.execute(delete(AccessToken).where(AccessToken.client_id == client_id))


# ---- who holds a secret


def is_bearer(token: str) -> bool:
    return token.startswith((KEY, TOKEN))


def holder(session: Session, token: str, now: int) -> tuple[Client, frozenset[str]] | None:
    """(the client whose key or access token this is, what it may do); None: nobody's, over, or revoked."""
    if token.startswith(KEY):
        mine = (Client.secret_hash == _hash(token), Client.kind == "key", Client.revoked_at.is_(None))
        client = session.scalars(select(Client).where(*mine)).one_or_none()
        return (client, scopes.read(client.scopes)) if client else None
    rows = (
        select(Client, AccessToken.scopes)
        .join(AccessToken, AccessToken.client_id == Client.client_id)
        .where(AccessToken.token_hash == _hash(token), AccessToken.expires_at > now)
        .where(Client.revoked_at.is_(None))
    )
    row = session.execute(rows).one_or_none()
    return (row[0], scopes.read(row[1]) & scopes.read(row[0].scopes)) if row else None


def unseen(client: Client, now: int) -> bool:
    """Whether today's use of it is not written down yet."""
    return client.used_on is None or client.used_on < now - now % DAY_S


def saw(session: Session, client: Client, now: int) -> None:
    mine = update(Client).where(Client.client_id == client.client_id)
    session.execute(mine.values(used_on=now - now % DAY_S))


# ---- OAuth


def known(session: Session, client_id: str) -> Client | None:
    """An OAuth client that is not revoked."""
    mine = (Client.client_id == client_id, Client.kind == "oauth", Client.revoked_at.is_(None))
    return session.scalars(select(Client).where(*mine)).one_or_none()


def proves(client: Client, secret: str) -> bool:
    return hmac.compare_digest(client.secret_hash, _hash(secret))


def new_token() -> str:
    return TOKEN + secrets.token_urlsafe(32)


def keep_token(session: Session, client_id: str, token: str, granted: str, now: int) -> None:
    """Also forgets what of this client's is over."""
    over = delete(AccessToken).where(AccessToken.client_id == client_id, AccessToken.expires_at <= now)
    session.execute(over)
    row = {"token_hash": _hash(token), "client_id": client_id, "scopes": granted}
    session.add(AccessToken(**row, issued_at=now, expires_at=now + LASTS_S))


def token_of(session: Session, token: str) -> AccessToken | None:
    return session.get(AccessToken, _hash(token))


def forget(session: Session, token: AccessToken) -> None:
    session.execute(delete(AccessToken).where(AccessToken.token_hash == token.token_hash))


def _secret(kind: str) -> str:
    return (KEY if kind == "key" else SECRET) + secrets.token_urlsafe(32)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
