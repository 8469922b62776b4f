"""Whether the cloud can do its work: what /readyz answers, and how its parts say that they are there."""

import secrets
from contextlib import suppress

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cloud import db, issuers
from cloud.context import Cloud
from cloud.db import insert
from cloud.problem import Problem
from cloud.tables import Process
from protocol import keys

BEAT_S = 20  # between two words of a process
SILENT_S = 70  # and after this long it is taken for gone
KEEP_S = 86400
PARTS = ("gateway", "worker")


def name() -> str:
    """A process's name for itself."""
    return secrets.token_urlsafe(16)


def beat(cloud: Cloud, part: str, process: str) -> None:
    row = {"process_id": process, "part": part, "seen_at": cloud.now()}
    with cloud.db.writing() as session:
        said = insert(session, Process).values(row)
        session.execute(said.on_conflict_do_update(index_elements=["process_id"], set_=row))


def forget(session: Session, now: int) -> None:
    session.execute(delete(Process).where(Process.seen_at < now - KEEP_S))


def look(cloud: Cloud) -> dict[str, bool]:
    """What there has to be -> whether it is there. What cannot be known counts as not there."""
    found = dict.fromkeys(("database", "migrations", "issuer_key", *PARTS), False)
    try:
        with cloud.db.reading() as session:
            found["migrations"] = db.revision(session.connection()) == db.newest()
            found["database"] = True
            if not found["migrations"]:
                return found
            with suppress(Problem):
                found["issuer_key"] = bool(issuers.current(session, keys.RIDE, cloud.now()))
            heard = select(Process.part).where(Process.seen_at >= cloud.now() - SILENT_S)
            for part in session.scalars(heard.distinct()):
                found[part] = True
    except Exception as error:
        if not db.is_unavailable(error):
            raise
    return found
