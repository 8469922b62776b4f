"""Releases of the locks' own code, one a board and number, as they were signed; taken as a lock would take them.

A release never changes: the same again is no news, other bytes under its number are refused.
"""

import hashlib
from collections.abc import Iterable, Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from cloud import keyring
from cloud.db import insert
from cloud.problem import Problem
from cloud.tables import Release, ReleaseFile
from protocol import ed25519, manifest, roots, update

Entry = tuple[str, int, bytes]  # path, size, SHA-256


def _refused(why: str) -> Problem:
    return Problem("release_refused", why=why)


def get(session: Session, board: str, version: int) -> Release:
    """Raises Problem no_release."""
    row = session.get(Release, (board, version))
    if row is None:
        raise Problem("no_release")
    return row


def newest(
    session: Session, after: tuple[int, str, int] | None = None, limit: int = 100
) -> Sequence[Release]:
    """Those after the one of this time, board and version."""
    rows = select(Release).order_by(Release.taken_at.desc(), Release.board, Release.version.desc())
    if after is not None:
        at, board, version = after
        older = and_(Release.board == board, Release.version < version)
        same_time = and_(Release.taken_at == at, or_(Release.board > board, older))
        rows = rows.where(or_(Release.taken_at < at, same_time))
    return session.scalars(rows.limit(limit)).all()


def take(session: Session, raw: bytes, files: Iterable[bytes], now: int, user_id: str | None) -> Release:
    """`raw`: head and list; `files`: in any order. Raises Problem release_refused, release_taken, no_keyset."""
    head, entries = read(raw)
    vouched(session, head, now)
    bodies = _matched(entries, files)
    row = session.get(Release, (head.board, head.version))
    digest = hashlib.sha256(raw).digest()
    if row is not None:
        if row.digest != digest:
            raise Problem("release_taken")
        return row
    for body_digest, body in bodies.items():
        values = {"digest": body_digest, "body": body}
        session.execute(insert(session, ReleaseFile).values(values).on_conflict_do_nothing())
    row = Release(
        board=head.board,
        version=head.version,
        counter=head.counter,
        expires=head.expires,
        manifest=raw,
        digest=digest,
        files=len(entries),
        size=sum(size for _, size, _ in entries),
        taken_at=now,
        taken_by=user_id,
    )
    session.add(row)
    session.flush()
    return row


def read(raw: bytes) -> tuple[manifest.Head, list[Entry]]:
    """Raises Problem release_refused."""
    if len(raw) > manifest.LIMIT:
        raise _refused(f"a manifest is at most {manifest.LIMIT} bytes")
    try:
        head = manifest.parse_head(raw)
        listed = raw[head.length :]
        if len(listed) != head.size:
            raise manifest.ManifestError("the list is not as long as the head says")
        manifest.check_list(manifest.Reader(listed).read, head.size, head.digest)
        entries = list(manifest.entries(manifest.Reader(listed).read, head.size))
    except manifest.ManifestError as error:
        raise _refused(f"this is no manifest: {error}") from None
    return head, entries


def vouched(session: Session, head: manifest.Head, now: int) -> None:
    """Whether locks that have the newest keyset would believe it today. Raises Problem release_refused, no_keyset."""
    if head.expires < now:
        raise _refused("it has expired; sign it again with a later date")
    keyset, _, _ = roots.take_apart(keyring.published(session).body)
    if not manifest.trusted(head, keyset, ed25519.verify):
        raise _refused(
            "two release keys of the published keyset must have signed, each valid on the day it expires"
        )


def _matched(entries: list[Entry], files: Iterable[bytes]) -> dict[bytes, bytes]:
    """SHA-256 -> bytes, as the list says and no others. Raises Problem release_refused."""
    given = {hashlib.sha256(body).digest(): body for body in files}
    names: dict[bytes, bytes] = {}
    for path, size, digest in entries:
        if digest not in given or len(given[digest]) != size:
            raise _refused(f"{path} is missing, or other than the manifest says")
        if names.setdefault(digest[: update.NAME], digest) != digest:
            raise _refused(f"{path} has the same short name as another file; change a byte of it")
    stray = len(given) - len(names)
    if stray:
        raise _refused(f"{stray} file{'s' * (stray > 1)} that the manifest does not name")
    return {digest: given[digest] for digest in names.values()}


def body(session: Session, row: Release, name: bytes) -> bytes | None:
    """The file of this release whose SHA-256 begins so."""
    for _, _, digest in read(row.manifest)[1]:
        if digest[: update.NAME] == name:
            file = session.get(ReleaseFile, digest)
            return file.body if file else None
    return None
