"""What of a lock needs a person, and why. Pure: rows and counts in, sentences out."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from cloud.tables import Lock, Ride, Rollout
from protocol import status, update

SILENT_S = 3600  # a lock says something every minute or so, but it may stand in a cellar
LOW_MV = 3500  # the locks' own start reserve unless set otherwise: below it no ride starts
CLONED = {  # clones.py
    "context": "it went back to an old session",
    "record": "record {number} came with two contents",
    "back": "record {number} came out of its turn",
}
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


class Found(NamedTuple):
    """Evidence: a sentence, in which {ago} is how long ago `since` is."""

    text: str
    since: int | None = None


class Rule(NamedTuple):
    """`rank`: 1 is the gravest; `closes`: what ends it, a sentence; `look` gives the evidence while there is some."""

    code: str
    rank: int
    closes: str
    look: Callable[[Facts], Found | None]


@dataclass(frozen=True)
class Reason:
    code: str
    text: str
    rank: int = 1
    closes: str = ""


def ago(seconds: int) -> str:
    """A duration in one or two words."""
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "moments"


def sentence(text: str, since: int | None, now: int) -> str:
    """Evidence as a person reads it now."""
    return text if since is None else text.replace("{ago}", ago(now - since))


def _clone(facts: Facts) -> Found | None:
    if facts.lock.clone_evidence is None:
        return None
    parts = []
    for sign, (_, count, number) in json.loads(facts.lock.clone_evidence).items():
        parts.append(CLONED[sign].format(number=number) + (f", {count} times" if count > 1 else ""))
    return Found(f"Two devices speak as this lock: {'; '.join(parts)}")


def _fork(facts: Facts) -> Found | None:
    if facts.forks:
        return Found(
            f"{facts.forks} forked receipt{'s' * (facts.forks > 1)}: its key or flash may have leaked"
        )
    return None


def _chain(facts: Facts) -> Found | None:
    if facts.lock.chained_seq < facts.lock.received_seq:
        return Found(f"Receipt {facts.lock.chained_seq + 1} does not follow the one before: rides stop there")
    return None


def _doubt(facts: Facts) -> Found | None:
    if facts.doubts:
        return Found(f"{facts.doubts} opening{'s' * (facts.doubts > 1)} without a token of ours")
    return None


def _jammed(facts: Facts) -> Found | None:
    return Found("Jammed: the bolt hangs half-way") if facts.lock.state == status.STATE_JAMMED else None


def _quarantine(facts: Facts) -> Found | None:
    failed = facts.lock.state == status.STATE_QUARANTINE
    return Found("Out of order: its storage failed") if failed else None


def _battery(facts: Facts) -> Found | None:
    millivolts = facts.lock.battery_mv
    if millivolts is not None and millivolts < LOW_MV:
        return Found(f"Battery at {millivolts / 1000:.2f} V: no ride starts")
    return None


def _silent(facts: Facts) -> Found | None:
    heard = facts.lock.last_seen_at
    if heard is None:
        return Found("Never heard of")
    return Found("Silent for {ago}", heard) if facts.now - heard > SILENT_S else None


def _moved(facts: Facts) -> Found | None:
    if facts.moved_at is not None and facts.now - facts.moved_at <= MOVED_S:
        return Found("Moved while locked, {ago} ago", facts.moved_at)
    return None


def _gap(facts: Facts) -> Found | None:
    missing = facts.lock.reported_seq - facts.lock.received_seq
    if missing > 0:
        return Found(
            f"Receipts wait from {facts.lock.received_seq + 1} on: {missing} missing or behind a gap"
        )
    return None


def _long(facts: Facts) -> Found | None:
    for ride, longest in facts.riding:
        if ride.opened_at is not None and facts.now - ride.opened_at > longest:
            return Found("A ride has run for {ago}", ride.opened_at)
    return None


def _came_back(facts: Facts) -> Found | None:
    if facts.lock.update_state == update.ROLLED_BACK:
        return Found(f"Came back from an update; release {facts.lock.release} runs")
    return None


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


def found(facts: Facts) -> list[tuple[Rule, Found]]:
    """Every rule that has evidence against this lock."""
    return [(rule, evidence) for rule in RULES if (evidence := rule.look(facts))]


def needed(facts: Facts) -> list[Reason]:
    """Why somebody should look at this lock; empty when nobody need."""
    return [
        Reason(rule.code, sentence(evidence.text, evidence.since, facts.now), rule.rank, rule.closes)
        for rule, evidence in found(facts)
    ]


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
