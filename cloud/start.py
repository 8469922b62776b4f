"""Before a process of the cloud serves anybody: its database is at the newest migration, and RINGSLOT_SECRET is the one
that this fleet's keys are wrapped with. A lock that was registered under another secret could never be opened.

The database holds 32 bytes derived from the secret and good for nothing else, written by the first who comes.
"""

import hmac

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloud import db, issuers, locks, wrapping
from cloud.config import ConfigError, Settings
from cloud.tables import IssuerKey, Lock
from cloud.tables_api import SecretCheck

WRONG = "RINGSLOT_SECRET is not the one that this fleet's keys are wrapped with; set that one. Nothing was changed."


def require(settings: Settings) -> None:
    """Raises ConfigError. A database that is away is not judged: it will be back."""
    db.require_newest(settings.database_url)
    secret(settings)


def secret(settings: Settings) -> None:
    """The second half, for a database that was just upgraded. Raises ConfigError."""
    mine = wrapping.check(settings.secret)
    database = db.Database(settings.database_url, 1)
    try:
        with database.reading() as session:
            kept = session.scalar(select(SecretCheck.value))
            if kept is None and not _unwraps(session, wrapping.Wrapping(settings.secret)):
                raise ConfigError(WRONG)
        if kept is None:
            with database.writing() as session:
                row = db.insert(session, SecretCheck).values(check_id=1, value=mine)
                session.execute(row.on_conflict_do_nothing())
                kept = session.scalars(select(SecretCheck.value)).one()  # somebody else may have been first
    except db.UNAVAILABLE:
        return
    finally:
        database.close()
    if not hmac.compare_digest(kept, mine):
        raise ConfigError(WRONG)


def _unwraps(session: Session, box: wrapping.Wrapping) -> bool:
    """Whether a fleet from before there was a check is ours; also when there is no key yet."""
    keys = select(IssuerKey.kid, IssuerKey.wrapped_private).where(IssuerKey.wrapped_private != b"")
    ids = select(Lock.lock_id, Lock.wrapped_key)
    try:
        for purpose, rows in ((issuers.PURPOSE, keys), (locks.PURPOSE, ids)):
            for owner, blob in session.execute(rows.limit(1)):
                box.unwrap(purpose, owner, blob)
    except wrapping.WrongSecret:
        return False
    return True
