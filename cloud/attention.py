"""What of a lock needs a person, and why. Pure: rows and counts in, sentences out."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from cloud.tables import Lock, Ride, Rollout
from protocol import status, update

SILENT_S = 3600  # a lock says something every minute or so, but it may stand in a cellar
LOW_MV = 3500  # the locks' own start reserve unless set otherwise: below it no ride starts
CLONED = {  # clones.py
    "context": "it went back to an old session",
    "record": "record {number} came with two contents",
    "back": "record {number} came out of its turn",
}
LONG_S = 86400  # of a ride nobody claimed; otherwise the claim says


@dataclass(frozen=True)
class Facts:
    """One lock with what hangs on it."""

    lock: Lock
    now: int
    forks: int = 0  # receipts under a (lock, seq) already taken
    doubts: int = 0  # receipts whose proof fails or is of no token of ours
    riding: list[tuple[Ride, int]] = field(default_factory=list)  # rides that run, with their longest


@dataclass(frozen=True)
class Reason:
    code: str
    text: str


def ago(seconds: int) -> str:
    """A duration in one or two words."""
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "moments"


def _clone(facts: Facts) -> str | None:
    if facts.lock.clone_evidence is None:
        return None
    parts = []
    for sign, (_, count, number) in json.loads(facts.lock.clone_evidence).items():
        parts.append(CLONED[sign].format(number=number) + (f", {count} times" if count > 1 else ""))
    return f"Two devices speak as this lock: {'; '.join(parts)}"


def _fork(facts: Facts) -> str | None:
    if facts.forks:
        return f"{facts.forks} forked receipt{'s' * (facts.forks > 1)}: its key or flash may have leaked"
    return None


def _chain(facts: Facts) -> str | None:
    if facts.lock.chained_seq < facts.lock.received_seq:
        return f"Receipt {facts.lock.chained_seq + 1} does not follow the one before: rides stop there"
    return None


def _doubt(facts: Facts) -> str | None:
    if facts.doubts:
        return f"{facts.doubts} opening{'s' * (facts.doubts > 1)} without a token of ours"
    return None


def _jammed(facts: Facts) -> str | None:
    return "Jammed: the bolt hangs half-way" if facts.lock.state == status.STATE_JAMMED else None


def _quarantine(facts: Facts) -> str | None:
    return "Out of order: its storage failed" if facts.lock.state == status.STATE_QUARANTINE else None


def _battery(facts: Facts) -> str | None:
    millivolts = facts.lock.battery_mv
    if millivolts is not None and millivolts < LOW_MV:
        return f"Battery at {millivolts / 1000:.2f} V: no ride starts"
    return None


def _silent(facts: Facts) -> str | None:
    if facts.lock.last_seen_at is None:
        return "Never heard of"
    silent = facts.now - facts.lock.last_seen_at
    return f"Silent for {ago(silent)}" if silent > SILENT_S else None


def _gap(facts: Facts) -> str | None:
    missing = facts.lock.reported_seq - facts.lock.received_seq
    if missing > 0:
        return f"Receipts wait from {facts.lock.received_seq + 1} on: {missing} missing or behind a gap"
    return None


def _long(facts: Facts) -> str | None:
    for ride, longest in facts.riding:
        if ride.opened_at is not None and facts.now - ride.opened_at > longest:
            return f"A ride has run for {ago(facts.now - ride.opened_at)}"
    return None


def _came_back(facts: Facts) -> str | None:
    if facts.lock.update_state == update.ROLLED_BACK:
        return f"Came back from an update; release {facts.lock.release} runs"
    return None


REASONS: tuple[tuple[str, Callable[[Facts], str | None]], ...] = (  # the gravest first
    ("clone", _clone),
    ("fork", _fork),
    ("chain", _chain),
    ("proof", _doubt),
    ("quarantine", _quarantine),
    ("jammed", _jammed),
    ("battery", _battery),
    ("silent", _silent),
    ("gap", _gap),
    ("long", _long),
    ("update", _came_back),
)


def needed(facts: Facts) -> list[Reason]:
    """Why somebody should look at this lock; empty when nobody need."""
    return [Reason(code, text) for code, reason in REASONS if (text := reason(facts))]


def halted(row: Rollout) -> Reason:
    """Why a rollout that was halted waits for a person."""
    what = f"The rollout of release {row.version} to {row.board}"
    if row.evidence is None:
        return Reason("rollout", f"{what} was halted by a person, at {row.percent} %")
    found = json.loads(row.evidence)
    silent, back = found["silent_count"], found["rolled_back_count"]
    parts = [f"{silent} fell silent"] * bool(silent) + [f"{back} came back from it"] * bool(back)
    named = ", ".join(found["silent"] + found["rolled_back"])
    return Reason(
        "rollout",
        f"{what} halted itself at {row.percent} %: of {found['begun']} locks that began it {' and '.join(parts)}"
        f" ({named})",
    )
