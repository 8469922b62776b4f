"""How often something may be tried: counters in the database, so that all processes share them.

Keys are hashed: the table names no login and no address.
"""

import hashlib

from sqlalchemy import case, delete, select, update
from sqlalchemy.orm import Session

from cloud.db import insert
from cloud.problem import Problem
from cloud.tables import Attempt

LIMITS = {  # name: (how many, in how many seconds)
    "sign_in": (10, 900),  # wrong passwords for one login from one address
    "sign_in_login": (
        100,
        900,
    ),  # for one login from anywhere: bounded, yet no stranger locks its owner out soon
    "sign_in_address": (100, 900),  # from one address
    "sign_up": (200, 600),  # new users from one address
    "mail_to": (5, 3600),  # mails that somebody asks for, to one address
    "mail_from": (30, 3600),  # asked for from one address of the network
    "sso": (100, 600),  # visits to companies' providers, from one address of the network
    "ticket": (10, 3600),  # disputes and questions of one person
    "ticket_message": (60, 3600),
    "proof": (10, 900),  # of one person who is signed in
    "challenge": (300, 600),  # passkey challenges to one address of the network
    "code": (10, 900),  # wrong second factors of one person
    "sealed": (60, 60),  # sealed batches from one user: each may cost a decryption for every lock
    "client_secret": (30, 60),  # wrong secrets for one client id from one address
    "invitation": (10, 600),  # codes that no group gave out, tried by one user
    "fault": (20, 3600),  # faults reported by one user
    "unknown_bike": (10, 60),  # bikes that do not exist, asked for by one user
}
KEEP = 3600  # seconds after which a counter is surely over


def take(session: Session, name: str, subject: str, now: int) -> None:
    """Count one try. Raises Problem too_many, with nothing counted once its transaction rolls back."""
    most, window = LIMITS[name]
    fresh = Attempt.since <= now - window
    statement = insert(session, Attempt).values(key=_key(name, subject), since=now, tries=1)
    tries, since = session.execute(
        statement.on_conflict_do_update(
            index_elements=[Attempt.key],
            set_={
                "since": case((fresh, now), else_=Attempt.since),
                "tries": case((fresh, 1), else_=Attempt.tries + 1),
            },
        ).returning(Attempt.tries, Attempt.since)
    ).one()
    forget(session, now)
    if tries > most:
        raise _too_many(since + window - now)


def check(session: Session, name: str, subject: str, now: int) -> None:
    """Raises Problem too_many when no try is left; counts nothing."""
    most, window = LIMITS[name]
    row = session.execute(
        select(Attempt.tries, Attempt.since).where(Attempt.key == _key(name, subject))
    ).one_or_none()
    if row and row.since > now - window and row.tries >= most:
        raise _too_many(row.since + window - now)


def give_back(session: Session, name: str, subject: str) -> None:
    """The try was a good one and does not count."""
    mine = Attempt.key == _key(name, subject)
    session.execute(update(Attempt).where(mine, Attempt.tries > 0).values(tries=Attempt.tries - 1))


def forget(session: Session, now: int) -> None:
    """Counters that are over."""
    session.execute(delete(Attempt).where(Attempt.since < now - KEEP))


def _key(name: str, subject: str) -> str:
    return name + ":" + hashlib.sha256(subject.encode()).hexdigest()[:32]


def _too_many(seconds: int) -> Problem:
    return Problem("too_many", headers={"Retry-After": str(max(1, seconds))})
