"""Which periodic work is due, and who does it: a row a job, leased, so that of several workers one does it.

    due ── take ──► held for LEASE_S ── keep ──► … ── done ──► due again after its period
                          └ nobody kept it: its worker died ──► due at once

A lease ends only where a worker died or lost the database. Its job may have been half-way then, and is done again: so
whatever a job does, it does in transactions of its own, and doing it twice is doing it once.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cloud.db import insert
from cloud.tables import Job

LEASE_S = 60  # how long a job stays with a worker that says nothing more
RETRY_S = 5  # after a first failure; twice that after each further one
RETRY_MAX_S = 600  # and never later than its next time


def register(session: Session, names: Iterable[str], now: int) -> None:
    """A row for each; those that are new are due at once."""
    for name in sorted(names):  # in one order: two workers that start at once do not wait for each other
        row = insert(session, Job).values(name=name, due_at=now, held_until=0, failures=0)
        session.execute(row.on_conflict_do_nothing())


def due(session: Session, now: int) -> Sequence[str]:
    """What somebody should do now; longest due first."""
    free = (Job.due_at <= now, Job.held_until <= now)
    return session.scalars(select(Job.name).where(*free).order_by(Job.due_at, Job.name)).all()


def hurry(session: Session, names: Iterable[str], now: int) -> None:
    """There is something to do for these: they are due now, unless somebody is at it."""
    idle = (Job.name.in_(sorted(names)), Job.due_at > now, Job.held_until <= now, Job.failures == 0)
    session.execute(update(Job).where(*idle).values(due_at=now))


def take(session: Session, name: str, holder: str, now: int) -> bool:
    """Whether it is ours now. One statement: of two that ask at once, the second finds it held."""
    mine = update(Job).where(Job.name == name, Job.due_at <= now, Job.held_until <= now)
    taken = session.scalars(mine.values(held_by=holder, held_until=now + LEASE_S).returning(Job.name))
    return taken.one_or_none() is not None


def keep(session: Session, name: str, holder: str, now: int) -> bool:
    """Prolong the lease. False: somebody else has it by now."""
    mine = update(Job).where(Job.name == name, Job.held_by == holder)
    kept = session.scalars(mine.values(held_until=now + LEASE_S).returning(Job.name))
    return kept.one_or_none() is not None


def done(session: Session, name: str, holder: str, now: int, every: int, failed: bool) -> None:
    """It ran, well or not; its next time follows from that."""
    mine = (Job.name == name, Job.held_by == holder)
    failures = session.scalar(select(Job.failures).where(*mine))
    if failures is None:  # no longer ours
        return
    failures = failures + 1 if failed else 0
    row = {"held_by": None, "held_until": 0, "failures": failures, "due_at": now + wait(every, failures)}
    session.execute(update(Job).where(*mine).values({**row, **({} if failed else {"ran_at": now})}))


def wait(every: int, failures: int) -> int:
    """Seconds until the next time."""
    if not failures:
        return every
    return min(every, RETRY_MAX_S, RETRY_S << min(failures - 1, 10))
