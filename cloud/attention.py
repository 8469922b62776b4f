"""What of a lock needs a person, and why. Pure: rows and counts in, evidence out."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cloud import silence
from cloud.evidence import Evidence, of, phrase
from cloud.tables import Lock, Ride, Rollout
from protocol import status, update

SILENT_S = 3600  # of any lock: one that is awake calls every minute or so, but it may stand in a cellar
LOW_MV = 3500  # the locks' own start reserve unless set otherwise: below it no ride starts
MOVED_S = 86400  # for which a movement while locked matters
LONG_S = 86400  # of a ride nobody claimed; otherwise the claim says


@dataclass(frozen=True)
class Facts:
    """One lock with what hangs on it."""

    lock: Lock
    now: int
    forks: int = 0  # receipts under a (lock, seq) already taken
    doubts: int = 0  # receipts whose proof fails or is of no token of ours
    riding: list[tuple[Ride, int]] = field(default_factory=list)  # rides that run, with their longest
    moved_at: int | None = None  # that it was moved while locked, since the last ride began


class Rule(NamedTuple):
    """`rank`: 1 is the gravest; `closes`: what ends it, a sentence; `look` gives the evidence while there is some."""

    code: str
    rank: int
    closes: str
    look: Callable[[Facts], Evidence | None]


def _clone(facts: Facts) -> Evidence | None:
    if facts.lock.clone_evidence is None:
        return None
    rests = []
    for sign, (_, times, number) in json.loads(facts.lock.clone_evidence).items():
        figures = {"times": times} if number is None else {"times": times, "number": number}
        rests.append(phrase(f"clone.{sign}", **figures))
    return of("clone", rests=rests)


def _fork(facts: Facts) -> Evidence | None:
    return of("fork", n=facts.forks) if facts.forks else None


def _chain(facts: Facts) -> Evidence | None:
    whole = facts.lock.chained_seq >= facts.lock.received_seq
    return None if whole else of("chain", seq=facts.lock.chained_seq + 1)


def _doubt(facts: Facts) -> Evidence | None:
    return of("proof", n=facts.doubts) if facts.doubts else None


def _jammed(facts: Facts) -> Evidence | None:
    return of("jammed") if facts.lock.state == status.STATE_JAMMED else None


def _quarantine(facts: Facts) -> Evidence | None:
    return of("quarantine") if facts.lock.state == status.STATE_QUARANTINE else None


def _battery(facts: Facts) -> Evidence | None:
    millivolts = facts.lock.battery_mv
    low = millivolts is not None and millivolts < LOW_MV
    return of("battery", millivolts=millivolts) if low else None


def _silent(facts: Facts) -> Evidence | None:
    heard = facts.lock.last_seen_at
    if heard is None:
        return of("never")
    quiet = silence.quiet_s(facts.lock.uplink_every_s, SILENT_S)
    return of("silent", heard) if facts.now - heard > quiet else None


def _moved(facts: Facts) -> Evidence | None:
    if facts.moved_at is not None and facts.now - facts.moved_at <= MOVED_S:
        return of("moved", facts.moved_at)
    return None


def _gap(facts: Facts) -> Evidence | None:
    missing = facts.lock.reported_seq - facts.lock.received_seq
    return of("gap", seq=facts.lock.received_seq + 1, n=missing) if missing > 0 else None


def _long(facts: Facts) -> Evidence | None:
    for ride, longest in facts.riding:
        if ride.opened_at is not None and facts.now - ride.opened_at > longest:
            return of("long", ride.opened_at)
    return None


def _came_back(facts: Facts) -> Evidence | None:
    back = facts.lock.update_state == update.ROLLED_BACK
    return of("update", release=str(facts.lock.release)) if back else None


RULES = (  # the gravest first
    Rule(
        "clone",
        1,
        "Another lock in its place: nobody can tell from afar which of the two is the real one.",
        _clone,
    ),
    Rule("fork", 1, "Another lock in its place: what this one says can no longer be trusted.", _fork),
    Rule("chain", 1, "The receipt that is missing in the chain comes in, or the lock is replaced.", _chain),
    Rule("proof", 2, "Nothing by itself: find out who opened it.", _doubt),
    Rule("moved", 2, "A ride begins, or a day passes.", _moved),
    Rule("quarantine", 2, "The lock starts again with storage that works, or is replaced.", _quarantine),
    Rule("jammed", 2, "The lock says that its bolt is all the way open or closed.", _jammed),
    Rule("long", 3, "The ride's end comes in.", _long),
    Rule("battery", 4, f"The lock reports {LOW_MV / 1000:.2f} V or more.", _battery),
    Rule("silent", 4, "The lock is heard of.", _silent),
    Rule("gap", 5, "The missing receipts come in, by the lock's uplink or any phone.", _gap),
    Rule("update", 5, "The lock confirms a release.", _came_back),
)
FAULT_CLOSES = "The report is closed, or the job that was made of it is done."
FAULT_RANKS = {"brake": 2, "lock": 2}  # 3 unless here
TICKET_CLOSES = "Somebody of the staff acknowledges it, or decides."
HOOK_CLOSES = "An admin sets the webhook active again, or removes it."
ROLLOUT_CLOSES = "A person lets the rollout run on, or ends it."


def found(facts: Facts) -> list[tuple[Rule, Evidence]]:
    """Every rule that has evidence against this lock: why somebody should look at it."""
    return [(rule, evidence) for rule in RULES if (evidence := rule.look(facts))]


def halted(row: Rollout) -> Evidence:
    """Why a rollout that was halted waits for a person."""
    what: dict[str, Any] = {"version": row.version, "board": row.board, "percent": row.percent}
    if row.evidence is None:
        return of("rollout.person", **what)
    told = json.loads(row.evidence)
    rests = [
        phrase(code, n=told[f"{name}_count"], named=", ".join(told[name]))
        for code, name in (("rollout.silent", "silent"), ("rollout.back", "rolled_back"))
        if told[f"{name}_count"]
    ]
    return of("rollout.locks", rests=rests, begun=told["begun"], **what)
