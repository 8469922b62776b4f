"""Signed keysets: what the cloud proposes, what comes back signed from the roots, and what locks fetch (SPEC 2 and 10).

The cloud holds no root key. It checks what is handed in as a lock would, and then that it is of use: a keyset that
lacks the keys that sign now would lock every rider out, one that holds a key that leaked would let its thief in again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cloud import issuers
from cloud.context import Cloud
from cloud.problem import NotOffered, Problem
from cloud.reach import Reach
from cloud.tables import Comb, IssuerKey, Lock, SignedKeyset
from protocol import comb, ed25519, keyset, roots

RootSet = tuple[int, list[bytes]]


@dataclass(frozen=True)
class Proposal:
    """What the next keyset should say."""

    version: int
    entries: list[tuple[bytes, bytes, int, int]]

    @property
    def issuers(self) -> dict[bytes, bytes]:
        """kid -> public key of those that sign tokens: locks have a comb of each."""
        return {kid: key for kid, key, _, _ in self.entries if kid[0] in issuers.ROTATED}


def newest(session: Session) -> SignedKeyset | None:
    return session.scalars(select(SignedKeyset).order_by(SignedKeyset.version.desc()).limit(1)).one_or_none()


def published(session: Session) -> SignedKeyset:
    """What a lock gets when it is provisioned. Raises Problem no_keyset."""
    row = newest(session)
    if row is None:
        raise Problem("no_keyset")
    return row


def propose(session: Session, now: int) -> Proposal:
    """From the issuers as they stand; retiring ones whose time is over stay out. Versions of before keysets were signed
    counted keys made and retired: no lock may see one of those again."""
    rows = session.scalars(select(IssuerKey).where(IssuerKey.role.in_(issuers.IN_KEYSET))).all()
    last = newest(session)
    counted = len(rows) + sum(key.retired_at is not None for key in rows)
    entries = sorted(
        (bytes.fromhex(key.kid), key.public, key.nbf, key.exp)
        for key in rows
        if key.state != "removed" and (key.state != "retiring" or key.exp >= now)
    )
    return Proposal(last.version + 1 if last else max(counted, 1), entries)


def is_due(session: Session, now: int) -> bool:
    """Whether the issuers are other than the published keyset says."""
    row = newest(session)
    if row is None:
        return True
    found, _, _ = roots.take_apart(row.body)
    return sorted((kid, *entry) for kid, entry in found.keys.items()) != propose(session, now).entries


def take(
    session: Session,
    raw: bytes,
    now: int,
    first_roots: RootSet | None = None,
    combs: Mapping[str, bytes] | None = None,
) -> keyset.Keyset:
    """A signed keyset for the fleet. `first_roots`: with the first one, the root set that locks will get with it;
    `combs`: kid -> the file whose hash it names. Taking the same again changes nothing.
    Raises Problem no_roots, keyset_refused, keyset_useless."""
    last = newest(session)
    trusted = roots.parse(last.roots) if last else first_roots
    if trusted is None:
        raise Problem("no_roots")
    try:
        found = roots.verify(raw, trusted, ed25519.verify)
        if last and not roots.is_next(raw, last.body):
            return found
    except keyset.KeysetError as error:
        raise Problem("keyset_refused", why=str(error)) from None
    if reason := _useless(session, found, now):
        raise Problem("keyset_useless", why=reason)
    for kid, digest in found.combs.items():
        body = (combs or {}).get(kid.hex(), b"")
        if hashlib.sha256(body).digest() != digest or comb.parse(bytearray(body)).key != found.keys[kid][0]:
            raise Problem("keyset_useless", why=f"the comb of {kid.hex()} is missing or another")
        session.merge(Comb(kid=kid.hex(), body=body))
    after = roots.in_force(trusted, found)
    brings = found.roots is not None and found.roots != trusted
    row = SignedKeyset(
        version=found.version, body=raw, roots=roots.encode(*after), brings_roots=int(brings), imported_at=now
    )
    session.add(row)
    session.flush()
    return found


def _useless(session: Session, found: keyset.Keyset, now: int) -> str | None:
    rows = {key.kid: key for key in session.scalars(select(IssuerKey))}
    for kid in found.keys:
        key = rows.get(kid.hex())
        if key is None:
            return f"key {kid.hex()} is none of this cloud's"
        if key.state == "removed":
            return f"key {kid.hex()} was removed"
    for role in issuers.ROTATED:
        if bytes.fromhex(issuers.current(session, role, now).kid) not in found.keys:
            return f"the current {issuers.ROLE_NAMES[role]} key is not in it"
    return None


def spread(session: Session, reach: Reach) -> dict[int | None, int]:
    """How many locks have which version, as far as they said; None: never said."""
    rows = select(Lock.keyset_version, func.count()).where(reach.of(Lock.operator_id))
    rows = rows.group_by(Lock.keyset_version)
    return {version: count for version, count in session.execute(rows)}


def installed(lock: Lock, version: int) -> None:
    """The lock says that it has this keyset now. What floors it had under keys that left are gone with them: from here
    on the cloud counts on no more than it asked for itself (advertising.py starts from there)."""
    if lock.keyset_version is None or version > lock.keyset_version:
        lock.keyset_version = version
        lock.seen_floor = min(lock.seen_floor, lock.wanted_floor)


# ---- what locks fetch, in blocks


def keyset_for(cloud: Cloud, lock_id: str, rest: tuple[str, ...], query: tuple[str, ...]) -> bytes:
    """GET /k?v=N: the newest keyset; for a lock at version N before that each one that brings other roots, in turn."""
    if rest or len(query) > 1:
        raise NotOffered
    with cloud.db.reading() as session:
        row = newest(session)
        if query:
            later = (SignedKeyset.version > _version(query[0]), SignedKeyset.brings_roots == 1)
            rows = select(SignedKeyset).where(*later).order_by(SignedKeyset.version).limit(1)
            row = session.scalars(rows).one_or_none() or row
    if row is None:
        raise NotOffered
    return row.body


def _version(query: str) -> int:
    name, _, number = query.partition("=")
    if name != "v" or not number.isascii() or not number.isdigit() or len(number) > 10:
        raise NotOffered
    return int(number)


def comb_for(cloud: Cloud, lock_id: str, rest: tuple[str, ...], query: tuple[str, ...]) -> bytes:
    """GET /c/KID: the comb of an issuer that a keyset named."""
    with cloud.db.reading() as session:
        row = session.get(Comb, rest[0]) if len(rest) == 1 and not query else None
    if row is None:
        raise NotOffered
    return row.body
