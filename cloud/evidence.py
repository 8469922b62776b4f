"""What tells that something needs a person: codes with their figures, and the English sentence that they make.

The console says the same in every language: a test holds its word tables to `SAID`. `{ago}` and `{volts}` are not
stored: they are made of `since` and `millivolts` by whoever reads. Pure.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

SAID: dict[str, str | dict[str, str]] = {  # one, or {"one", "other"} by its {n}
    "clone": "Two devices speak as this lock",
    "clone.context": "it went back to an old session ({times} ×)",
    "clone.record": "record {number} came with two contents ({times} ×)",
    "clone.back": "record {number} came out of its turn ({times} ×)",
    "fork": {
        "one": "{n} forked receipt: its key or flash may have leaked",
        "other": "{n} forked receipts: its key or flash may have leaked",
    },
    "chain": "Receipt {seq} does not follow the one before: rides stop there",
    "proof": {"one": "{n} opening without a token of ours", "other": "{n} openings without a token of ours"},
    "moved": "Moved while locked, {ago}",
    "quarantine": "Out of order: its storage failed",
    "jammed": "Jammed: the bolt hangs half-way",
    "long": "A ride began {ago} and has not ended",
    "battery": "Battery at {volts}: no ride starts",
    "silent": "Silent; last heard of {ago}",
    "never": "Never heard of",
    "gap": "Receipts wait from {seq} on: {n} missing or behind a gap",
    "update": "Came back from an update; release {release} runs",
    "fault": "{fault}",
    "text": "{text}",
    "webhook": "A webhook is paused after days of failures; it failed first {ago}",
    "dispute.acknowledgement": "A dispute waits for its acknowledgement, which was due {ago}",
    "dispute.answer": "A dispute waits for its answer, which was due {ago}",
    "question.acknowledgement": "A question waits for its acknowledgement, which was due {ago}",
    "question.answer": "A question waits for its answer, which was due {ago}",
    "rollout.person": "The rollout of release {version} to {board} was halted by a person, at {percent} %",
    "rollout.locks": "The rollout of release {version} to {board} halted itself at {percent} %; "
    "of {begun} locks that began",
    "rollout.silent": "{n} fell silent ({named})",
    "rollout.back": "{n} came back from it ({named})",
}


class Phrase(NamedTuple):
    code: str
    figures: Mapping[str, Any]  # int or str


class Evidence(NamedTuple):
    """`phrases`: the matter, then what it rests on; `since`: what {ago} counts from."""

    phrases: Sequence[Phrase]
    since: int | None = None


def phrase(code: str, **figures: Any) -> Phrase:
    return Phrase(code, figures)


def of(code: str, since: int | None = None, *, rests: Sequence[Phrase] = (), **figures: Any) -> Evidence:
    return Evidence((Phrase(code, figures), *rests), since)


def packed(evidence: Evidence) -> str:
    """As it is stored; the same evidence is the same text."""
    return json.dumps({"because": [one._asdict() for one in evidence.phrases], "since": evidence.since})


def unpacked(stored: str) -> Evidence:
    found = json.loads(stored)
    if "because" not in found:  # closed before there were codes: the sentence of then
        return of("text", found["since"], text=found["text"].replace("{ago}", "some time"))
    return Evidence([Phrase(one["code"], one["figures"]) for one in found["because"]], found["since"])


def sentence(evidence: Evidence, now: int) -> str:
    """As a person reads it now, in English."""
    first, *rest = [_said(one, evidence.since, now) for one in evidence.phrases]
    return f"{first}: {'; '.join(rest)}" if rest else first


def _said(one: Phrase, since: int | None, now: int) -> str:
    template = SAID[one.code]
    if isinstance(template, dict):
        template = template["one" if one.figures["n"] == 1 else "other"]
    made = {"ago": ago(now - since)} if since is not None else {}
    if "millivolts" in one.figures:
        made["volts"] = f"{one.figures['millivolts'] / 1000:.2f} V"
    if "kind" in one.figures:
        made["fault"] = one.figures["kind"].capitalize()
    return template.format(**one.figures, **made)


def ago(seconds: int) -> str:
    """When that was, in a few words."""
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"
