"""Why a lock needs a person, one reason at a time."""

import pytest

from cloud import attention, evidence
from cloud.attention import Facts
from cloud.tables import Lock, Ride
from cloud.testsite import NOW


def lock(**columns) -> Lock:
    sound = dict(
        state=0, battery_mv=3900, last_seen_at=NOW - 10, reported_seq=4, received_seq=4, chained_seq=4
    )
    return Lock(lock_id="00" * 8, **(sound | columns))


RIDE = Ride(opened_at=NOW - 7200, state="open")
CASES = {
    "sound": (Facts(lock(), NOW), []),
    "fork": (Facts(lock(), NOW, forks=2), ["fork"]),
    "chain": (Facts(lock(chained_seq=2), NOW), ["chain"]),
    "proof": (Facts(lock(), NOW, doubts=1), ["proof"]),
    "quarantine": (Facts(lock(state=6), NOW), ["quarantine"]),
    "jammed": (Facts(lock(state=4), NOW), ["jammed"]),
    "battery": (Facts(lock(battery_mv=3499), NOW), ["battery"]),
    "battery just enough": (Facts(lock(battery_mv=3500), NOW), []),
    "battery unknown": (Facts(lock(battery_mv=None), NOW), []),
    "silent": (Facts(lock(last_seen_at=NOW - 3601), NOW), ["silent"]),
    "silent for just an hour": (Facts(lock(last_seen_at=NOW - 3600), NOW), []),
    "asleep": (Facts(lock(last_seen_at=NOW - 5 * 14_400, uplink_every_s=14_400), NOW), []),
    "asleep for too long": (Facts(lock(last_seen_at=NOW - 72_001, uplink_every_s=14_400), NOW), ["silent"]),
    "silent though it calls each minute": (
        Facts(lock(last_seen_at=NOW - 3601, uplink_every_s=60), NOW),
        ["silent"],
    ),
    "never heard of": (Facts(lock(last_seen_at=None), NOW), ["silent"]),
    "gap": (Facts(lock(reported_seq=5), NOW), ["gap"]),
    "long": (Facts(lock(), NOW, riding=[(RIDE, 7199)]), ["long"]),
    "not yet long": (Facts(lock(), NOW, riding=[(RIDE, 7200)]), []),
    "long, when is unknown": (Facts(lock(), NOW, riding=[(Ride(opened_at=None, state="open"), 1)]), []),
    "the gravest first": (
        Facts(lock(last_seen_at=None, state=4), NOW, forks=1),
        ["fork", "jammed", "silent"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_needs_attention_and_why(name):
    facts, codes = CASES[name]
    assert [rule.code for rule, _ in attention.found(facts)] == codes


@pytest.mark.parametrize(
    "seconds, words",
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (7200, "2 hours ago"),
        (86400 * 3, "3 days ago"),
    ],
)
def test_durations_in_words(seconds, words):
    assert evidence.ago(seconds) == words


def test_evidence_is_kept_as_it_is_and_a_persons_words_are_no_template():
    said = evidence.of("fault", NOW, kind="bell", rests=[evidence.phrase("text", text="{ago} it {n} rang")])
    assert evidence.sentence(said, NOW) == "Bell: {ago} it {n} rang"
    again = evidence.unpacked(evidence.packed(said))
    assert evidence.sentence(again, NOW) == evidence.sentence(said, NOW) and again.since == NOW
    before = '{"text": "Silent for {ago}", "since": 7}'  # what was closed by an older cloud
    assert evidence.sentence(evidence.unpacked(before), NOW) == "Silent for some time"
