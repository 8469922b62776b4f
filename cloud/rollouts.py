"""Rollouts: one release on its way to the locks of its board, by percentage. What staging.py decides, on the database.

Judged whenever a lock of that board is heard of or asks, so that no clock of its own is needed: silence is counted at
most every JUDGE_S, a lock that came back at once. Only a person lifts a halt, and only what comes after it counts then.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cloud import releases, staging
from cloud.context import Cloud
from cloud.db import insert
from cloud.problem import NotOffered, Problem
from cloud.staging import Begun, Evidence, View
from cloud.tables import Lock, Release, Ride, Rollout, RolloutLock
from protocol import telemetry as wire
from protocol import update as said

JUDGE_S = 10
NAMED = 20  # locks of each kind that the evidence names
STARTED = (said.DOWNLOADING, said.VERIFIED, said.TRIAL, said.CONFIRMED)


# ---- what a person does


def start(session: Session, board: str, version: int, percent: int, now: int, user_id: str | None) -> Rollout:
    """Raises Problem no_release, release_refused, rollout_open."""
    head, _ = releases.read(releases.get(session, board, version).manifest)
    releases.vouched(session, head, now)
    row = Rollout(
        rollout_id=secrets.token_hex(4),
        board=board,
        version=version,
        open_on=board,
        percent=percent,
        state="running",
        started_at=now,
        changed_at=now,
        changed_by=user_id,
        judged_at=now,
        pardoned_at=0,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # open_on is taken
        raise Problem("rollout_open") from None
    return row


def change(
    session: Session, rollout_id: str, percent: int | None, state: str | None, now: int, user_id: str | None
) -> Rollout:
    """Raises Problem not_found, rollout_over, percent_back."""
    row = get(session, rollout_id, for_update=True)
    if row.state == "done" and (state != "done" or percent is not None):
        raise Problem("rollout_over")
    if percent is not None and percent < row.percent:
        raise Problem("percent_back")
    row.percent = row.percent if percent is None else percent
    if state is not None and state != row.state:
        if state == "halted":
            row.halted_by, row.evidence = "person", None
        elif state == "running":  # what is known by now counts no more
            row.pardoned_at = row.judged_at = now
            row.halted_by = None
        else:
            row.open_on = None
        row.state = state
    row.changed_at, row.changed_by = now, user_id
    session.flush()
    return row


def get(session: Session, rollout_id: str, for_update: bool = False) -> Rollout:
    """Raises Problem not_found."""
    row = session.get(Rollout, rollout_id, with_for_update=for_update or None, populate_existing=for_update)
    if row is None:
        raise Problem("not_found")
    return row


def newest(session: Session, after: tuple[int, str] | None = None, limit: int = 50) -> Sequence[Rollout]:
    """Those after the one of this time and id."""
    rows = select(Rollout).order_by(Rollout.started_at.desc(), Rollout.rollout_id).limit(limit)
    if after is not None:
        at, last = after
        same_time = and_(Rollout.started_at == at, Rollout.rollout_id > last)
        rows = rows.where(or_(Rollout.started_at < at, same_time))
    return session.scalars(rows).all()


def halted(session: Session) -> Sequence[Rollout]:
    return session.scalars(select(Rollout).where(Rollout.state == "halted").order_by(Rollout.board)).all()


# ---- what locks are offered


def _running(session: Session, board: str | None) -> Rollout | None:
    if board is None:
        return None
    open_here = select(Rollout).where(Rollout.open_on == board, Rollout.state == "running")
    # read anew: another process may have halted it
    return session.scalars(open_here, execution_options={"populate_existing": True}).one_or_none()


def _view(session: Session, lock: Lock, row: Rollout, mine: RolloutLock | None) -> View:
    rides = select(Ride.ride_id).where(Ride.lock_id == lock.lock_id, Ride.state != "ended").limit(1)
    return View(
        inside=staging.is_in(row.rollout_id, lock.lock_id, row.percent),
        running=lock.release,
        version=row.version,
        state=lock.state,
        riding=session.scalar(rides) is not None,
        failures=mine.failures if mine else 0,
        refused=mine.reason if mine and mine.state == said.REFUSED else None,
    )


def offer(session: Session, lock: Lock, now: int, period_s: int) -> list | None:
    """What the next answer to this lock offers: [version, digest of the manifest] or None. In a writing session."""
    row = _running(session, lock.board)
    if row is None or not _stands(session, row, now, period_s):
        return None
    mine = session.get(RolloutLock, (row.rollout_id, lock.lock_id))
    if staging.against(_view(session, lock, row, mine)) is not None:
        return None
    if mine is None:
        _offered(session, row, lock, now)
    digest = session.scalar(
        select(Release.digest).where(Release.board == row.board, Release.version == row.version)
    )
    return [row.version, digest]


def _offered(session: Session, row: Rollout, lock: Lock, now: int) -> None:
    """From here on what the lock tells of an update is the rollout's evidence."""
    values = {"rollout_id": row.rollout_id, "lock_id": lock.lock_id, "offered_at": now, "since": now}
    values |= {"state": staging.OFFERED, "reason": 0, "failures": 0}
    session.execute(insert(session, RolloutLock).values(values).on_conflict_do_nothing())


def manifest_for(cloud: Cloud, lock_id: str, rest: tuple[str, ...], query: tuple[str, ...]) -> bytes:
    """GET /m. From here on the lock counts as one that began."""
    if rest or query:
        raise NotOffered
    with cloud.db.reading() as session:
        row, mine = _allowed(session, lock_id)
        body = releases.get(session, row.board, row.version).manifest
    if mine.begun_at is None:
        with cloud.db.writing() as session:
            key = (RolloutLock.rollout_id == mine.rollout_id, RolloutLock.lock_id == lock_id)
            begins = update(RolloutLock).where(*key, RolloutLock.begun_at.is_(None))
            session.execute(begins.values(begun_at=cloud.now()))
    return body


def file_for(cloud: Cloud, lock_id: str, rest: tuple[str, ...], query: tuple[str, ...]) -> bytes:
    """GET /f/<8 hex>."""
    if len(rest) != 1 or query or len(rest[0]) != 2 * said.NAME or set(rest[0]) - set("0123456789abcdef"):
        raise NotOffered
    with cloud.db.reading() as session:
        row, _ = _allowed(session, lock_id)
        release = releases.get(session, row.board, row.version)
        found = releases.body(session, release, bytes.fromhex(rest[0]))
    if found is None:
        raise NotOffered
    return found


def for_phone(session: Session, lock: Lock) -> Rollout:
    """Whose release a technician may carry to this lock: nothing that the uplink would not bring it too, but for the
    moment. Raises Problem none_offered."""
    row = _running(session, lock.board)
    mine = session.get(RolloutLock, (row.rollout_id, lock.lock_id)) if row else None
    if row is None or not staging.may_fetch(_view(session, lock, row, mine)):
        raise Problem("none_offered")
    return row


def offer_phone(session: Session, lock: Lock, now: int) -> Release:
    """The same, and the lock counts as offered the release: the cloud may hear no more of it than how it went. In a
    writing session. Raises Problem none_offered."""
    row = for_phone(session, lock)
    _offered(session, row, lock, now)
    return releases.get(session, row.board, row.version)


def _allowed(session: Session, lock_id: str) -> tuple[Rollout, RolloutLock]:
    """What this lock may fetch of: the rollout that runs on its board and offered it the release. Raises NotOffered."""
    lock = session.get(Lock, lock_id)
    row = _running(session, lock.board) if lock else None
    mine = session.get(RolloutLock, (row.rollout_id, lock_id)) if row else None
    if lock is None or row is None or mine is None or not staging.may_fetch(_view(session, lock, row, mine)):
        raise NotOffered
    return row, mine


# ---- what locks tell


def told(session: Session, lock: Lock, code: int, value: int, now: int) -> None:
    """A note about updates that was not stored before."""
    row = _running_or_halted(session, lock.board)
    mine = session.get(RolloutLock, (row.rollout_id, lock.lock_id)) if row else None
    if code == wire.NOTE_RELEASE:
        lock.release = value
        if row and mine and value == row.version and mine.state not in (said.TRIAL, said.CONFIRMED):
            _step(mine, said.TRIAL, 0, now)  # its note of that was lost with the old release
        return
    state, reason = value & 0xFF, value >> 8
    if (state, reason) == (said.REFUSED, said.RUNNING):
        return  # it has it: an offer that crossed its confirmation
    lock.update_state, lock.update_reason, lock.update_at = state, reason, now
    if row is None or mine is None:
        return
    _step(mine, state, reason, now)
    if state == said.ROLLED_BACK:
        mine.failures += 1
        mine.failed_at = now
        row.judged_at = 0  # at once
    session.flush()


def _step(mine: RolloutLock, state: int, reason: int, now: int) -> None:
    mine.state, mine.reason, mine.since = state, reason, now
    if mine.begun_at is None and state in STARTED:
        mine.begun_at = now


def _running_or_halted(session: Session, board: str | None) -> Rollout | None:
    if board is None:
        return None
    return session.scalars(select(Rollout).where(Rollout.open_on == board)).one_or_none()


# ---- and what follows from it


def _stands(session: Session, row: Rollout, now: int, period_s: int) -> bool:
    """False when it has to halt, which is written down then."""
    due = update(Rollout).where(Rollout.rollout_id == row.rollout_id, Rollout.state == "running")
    due = due.where(Rollout.judged_at <= now - JUDGE_S).values(judged_at=now).returning(Rollout.rollout_id)
    if session.scalar(due) is None:
        return True
    found = evidence(session, row, now, period_s)
    if not found.halts:
        return True
    row.state, row.halted_by, row.evidence = "halted", "locks", json.dumps(_brief(found))
    row.changed_at, row.changed_by = now, None
    session.flush()
    return False


def evidence(session: Session, row: Rollout, now: int, period_s: int) -> Evidence:
    began = (
        RolloutLock.rollout_id == row.rollout_id,
        RolloutLock.begun_at.is_not(None),
        RolloutLock.state != said.REFUSED,
        Lock.lock_id == RolloutLock.lock_id,
        Lock.board == row.board,  # not one that was decommissioned since
    )
    begun = session.scalar(select(func.count(RolloutLock.lock_id)).where(*began)) or 0
    long_ago = now - staging.SILENT_PERIODS * period_s
    suspect = or_(
        RolloutLock.failed_at.is_not(None), Lock.last_seen_at.is_(None), Lock.last_seen_at <= long_ago
    )
    rows = select(RolloutLock, Lock.last_seen_at, Lock.uplink_every_s)
    suspects = [
        Begun(mine.lock_id, mine.begun_at or now, mine.state == said.CONFIRMED, mine.failed_at, *lately)
        for mine, *lately in session.execute(rows.where(*began, suspect))
    ]
    return staging.weigh(begun, suspects, now, period_s, row.pardoned_at)


def _brief(found: Evidence) -> dict:
    item = asdict(found)
    counts = {"silent_count": len(found.silent), "rolled_back_count": len(found.rolled_back)}
    named = {name: item[name][:NAMED] for name in ("silent", "rolled_back")}
    return {"begun": found.begun, "limit": staging.limit(found.begun), **counts, **named}


def tend(cloud: Cloud) -> None:
    """Judges whatever runs, for whoever looks: when every lock is silent, nothing else would."""
    with cloud.db.reading() as session:
        if session.scalar(select(Rollout.rollout_id).where(Rollout.state == "running").limit(1)) is None:
            return
    with cloud.db.writing() as session:
        for row in session.scalars(select(Rollout).where(Rollout.state == "running").order_by(Rollout.board)):
            _stands(session, row, cloud.now(), cloud.settings.uplink_s)


STEPS = {
    said.DOWNLOADING: "downloading",
    said.VERIFIED: "downloading",
    said.TRIAL: "on_trial",
    said.CONFIRMED: "confirmed",
    said.ROLLED_BACK: "rolled_back",
    said.REFUSED: "refused",
}


def progress(session: Session, row: Rollout, now: int, period_s: int) -> dict[str, int]:
    """How many locks are where. `silent` are counted beside their step."""
    ids = session.scalars(select(Lock.lock_id).where(Lock.board == row.board)).all()
    counts = {"board": len(ids), "in": sum(staging.is_in(row.rollout_id, id_, row.percent) for id_ in ids)}
    counts |= {"offered": 0, **dict.fromkeys(STEPS.values(), 0)}
    mine = RolloutLock.rollout_id == row.rollout_id
    steps = select(RolloutLock.state, RolloutLock.begun_at.is_not(None), func.count()).where(mine)
    for state, begun, count in session.execute(
        steps.group_by(RolloutLock.state, RolloutLock.begun_at.is_not(None))
    ):
        counts[STEPS.get(state, "downloading" if begun else "offered")] += count
    counts["silent"] = len(evidence(session, row, now, period_s).silent)
    return counts
