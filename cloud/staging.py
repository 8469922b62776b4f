"""A staged rollout, decided: which locks are in, which of them are offered the release, and when nobody is any more.

Pure: rows and counts in, answers out (rollouts.py has the database). What the cloud cannot know it does not guess: a
lock tells of its restart into a new release only after it, so whoever fetched the manifest and then fell silent counts.
"""

import hashlib
from dataclasses import dataclass

from cloud import silence
from protocol import status, update

OFFERED = 0  # a lock's state in a rollout before it has told one of update.py's
FAILURES = 3  # as firmware/update.py's TRIALS: the lock would refuse it too
SILENT_PERIODS = 3  # uplink periods without a word, and longer for a lock that is told to call more rarely
TOLERATED = 2  # locks that may be lost before it halts ...
TOLERATED_PERCENT = 10  # ... or so many of those that began, if that is more
AT_REST = (status.STATE_LOCKED, status.STATE_SERVICE)
FINAL = (  # reasons of a lock that will not change its mind about this very release
    update.OTHER_BOARD,
    update.OLDER,
    update.OTHER_BYTES,
    update.COUNTER,
    update.FAILED,
    update.NO_SLOTS,
)


def is_in(rollout_id: str, lock_id: str, percent: int) -> bool:
    """The same for ever, and raising the percentage only adds locks."""
    drawn = hashlib.sha256(f"{rollout_id} {lock_id}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") % 100 < percent


@dataclass(frozen=True)
class View:
    """One lock before an offer. `running`: its release, None when it never told; `state`: as it last told."""

    inside: bool
    running: int | None
    version: int
    state: int | None
    riding: bool
    failures: int
    refused: int | None  # reason, if that is the last it told


# the first that holds is why the lock is not offered the release
AGAINST = (
    ("outside the percentage", lambda v: not v.inside),
    ("never told what it runs: it may have no slots", lambda v: v.running is None),
    ("at this release or a newer one", lambda v: v.running >= v.version),
    ("failed too often", lambda v: v.failures >= FAILURES),
    ("refused for good", lambda v: v.refused in FINAL),
    ("not at rest", lambda v: v.state not in AT_REST or v.riding),
)


def against(view: View) -> str | None:
    """Why this lock is offered nothing now; None: it is offered the release."""
    return next((why for why, holds in AGAINST if holds(view)), None)


def may_fetch(view: View) -> bool:
    """Whether a lock that was offered the release may go on fetching it: what it rides is its own business."""
    return against(view) in (None, "not at rest")


# ---- when it halts


@dataclass(frozen=True)
class Begun:
    """A lock that fetched the manifest or told more, and has not refused."""

    lock_id: str
    begun_at: int
    confirmed: bool
    failed_at: int | None  # when it last told that it came back
    heard_at: int | None
    every_s: int | None = None  # how often it calls, where that is known


def silent_since(lock: Begun, period_s: int) -> int:
    """From when on it is overdue, if it says nothing."""
    quiet = silence.quiet_s(lock.every_s, SILENT_PERIODS * period_s)
    return max(lock.begun_at, lock.heard_at or 0) + quiet


def came_back(lock: Begun, pardoned_at: int) -> bool:
    return lock.failed_at is not None and lock.failed_at > pardoned_at and not lock.confirmed


def is_silent(lock: Begun, now: int, period_s: int, pardoned_at: int) -> bool:
    return pardoned_at < silent_since(lock, period_s) <= now


def limit(begun: int) -> int:
    return max(TOLERATED, begun * TOLERATED_PERCENT // 100)


@dataclass(frozen=True)
class Evidence:
    begun: int
    silent: list[str]  # lock ids
    rolled_back: list[str]

    @property
    def halts(self) -> bool:
        return len(self.silent) + len(self.rolled_back) > limit(self.begun)


def weigh(begun: int, suspects: list[Begun], now: int, period_s: int, pardoned_at: int) -> Evidence:
    """`suspects`: of the `begun` locks those that may speak against the release, among others. What a person who lifted
    a halt has seen, until `pardoned_at`, counts no more."""
    back = [lock.lock_id for lock in suspects if came_back(lock, pardoned_at)]
    silent = [lock.lock_id for lock in suspects if is_silent(lock, now, period_s, pardoned_at)]
    return Evidence(begun, sorted(set(silent) - set(back)), sorted(back))
