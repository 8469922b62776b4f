"""Companies' own sign-in: which providers an operator trusts, who is on the way there, and who came back as whom."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cloud import groups, oidc, sessions
from cloud.accounts import ERASED
from cloud.context import Cloud
from cloud.db import insert
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.tables import Member, User
from cloud.tables_people import Provider, ProviderLogin, ProviderVisit

VISIT_S = 600


class Back(NamedTuple):
    """Somebody is back: with whom, and what we kept of them."""

    provider: Provider
    nonce: str
    verifier: str
    target: str


def create(
    session: Session,
    cloud: Cloud,
    reach: Reach,
    operator_id: str,
    name: str,
    issuer: str,
    client_id: str,
    secret: str | None,
    group_id: str | None,
    second: bool,
) -> Provider:
    """Raises Problem not_found for another operator's group."""
    if group_id is not None and groups.find(session, reach, group_id).group.operator_id != operator_id:
        raise Problem("not_found")
    provider_id = secrets.token_urlsafe(16)
    row = Provider(
        provider_id=provider_id,
        operator_id=operator_id,
        group_id=group_id,
        name=name,
        issuer=issuer,
        client_id=client_id,
        wrapped_secret=cloud.box.wrap("provider", provider_id, secret.encode()) if secret else None,
        second=int(second),
        created_at=cloud.now(),
    )
    session.add(row)
    session.flush()
    return row


def page(session: Session, reach: Reach, after: str, limit: int) -> Sequence[Provider]:
    rows = select(Provider).where(reach.of(Provider.operator_id), Provider.provider_id > after)
    return session.scalars(rows.order_by(Provider.provider_id).limit(limit)).all()


def remove(session: Session, reach: Reach, provider_id: str) -> None:
    """Whoever came by it is signed out, and comes in no more. Raises Problem not_found."""
    mine = select(Provider).where(Provider.provider_id == provider_id, reach.of(Provider.operator_id))
    row = session.scalars(mine).one_or_none()
    if row is None:
        raise Problem("not_found")
    people = select(ProviderLogin.user_id).where(ProviderLogin.provider_id == provider_id)
    for user_id in session.scalars(people).all():
        sessions.end_all(session, user_id)
    for table in (ProviderLogin, ProviderVisit):
        session.execute(delete(table).where(table.provider_id == provider_id))
    session.delete(row)


def find(session: Session, provider_id: str) -> Provider:
    """For whoever wants to sign in: the id is all one needs. Raises Problem not_found."""
    row = session.get(Provider, provider_id)
    if row is None:
        raise Problem("not_found")
    return row


def known(cloud: Cloud, row: Provider) -> oidc.Known:
    secret = None
    if row.wrapped_secret is not None:
        secret = cloud.box.unwrap("provider", row.provider_id, row.wrapped_secret).decode()
    back = cloud.settings.url + "/sso/callback"
    return oidc.Known(row.issuer, row.client_id, secret, back, cloud.settings.hooks_private)


def leave(session: Session, cloud: Cloud, row: Provider, visit: oidc.Visit, target: str) -> str:
    """-> what this browser keeps: nobody finishes a visit that another browser began (a login CSRF)."""
    browser, digest = secrets.token_urlsafe(24), _hash(visit.state)
    kept = json.dumps([visit.nonce, visit.verifier, target]).encode()
    session.execute(delete(ProviderVisit).where(ProviderVisit.expires_at <= cloud.now()))
    session.add(
        ProviderVisit(
            state_hash=digest,
            provider_id=row.provider_id,
            wrapped=cloud.box.wrap("visit", digest.hex(), kept),
            browser_hash=_hash(browser),
            expires_at=cloud.now() + VISIT_S,
        )
    )
    return browser


def come_back(session: Session, cloud: Cloud, state: str, browser: str) -> Back:
    """Once, and in the same browser. Raises Problem sso_refused."""
    mine = (
        ProviderVisit.state_hash == _hash(state),
        ProviderVisit.browser_hash == _hash(browser),
        ProviderVisit.expires_at > cloud.now(),
    )
    found = delete(ProviderVisit).where(*mine).returning(ProviderVisit.provider_id, ProviderVisit.wrapped)
    row = session.execute(found).one_or_none()
    if row is None:
        raise Problem("sso_refused")
    nonce, verifier, target = json.loads(cloud.box.unwrap("visit", _hash(state).hex(), row.wrapped))
    return Back(find(session, row.provider_id), nonce, verifier, target)


def sign_in(
    session: Session, cloud: Cloud, provider_id: str, subject: str, lifetime: int, device: str
) -> tuple[str, int]:
    """(token, expires at) for whom the provider vouches for; a new rider at the first time. Raises Problem not_found:
    the provider was removed meanwhile."""
    now, row = cloud.now(), find(session, provider_id)
    login = session.get(ProviderLogin, (provider_id, subject))
    user_id = login.user_id if login else _new(session, row, subject, now)
    if row.group_id is not None:
        joined = insert(session, Member).values(group_id=row.group_id, user_id=user_id, joined_at=now)
        session.execute(joined.on_conflict_do_nothing())
    return sessions.start(session, user_id, now, lifetime, device, second=bool(row.second))


def _new(session: Session, row: Provider, subject: str, now: int) -> str:
    user_id = secrets.token_urlsafe(16)
    session.add(
        User(
            user_id=user_id, login=f"u-{secrets.token_hex(8)}", password=ERASED, role="rider", created_at=now
        )
    )
    session.flush()
    session.add(ProviderLogin(provider_id=row.provider_id, subject=subject, user_id=user_id, created_at=now))
    return user_id


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()
