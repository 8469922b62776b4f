"""Staged rollouts, decided: who is in, who is offered what, and when it halts."""

from dataclasses import replace

import pytest

from cloud import staging
from cloud.staging import Begun, View
from protocol import status, update

PERIOD = 300
HOUR = 3600
IDS = [f"{number:016x}" for number in range(2000)]


def test_raising_the_percentage_only_adds_locks():
    before: set[str] = set()
    for percent in range(101):
        inside = {lock_id for lock_id in IDS if staging.is_in("0badcafe", lock_id, percent)}
        assert before <= inside
        assert abs(len(inside) - len(IDS) * percent / 100) < 90  # 4 standard deviations
        before = inside
    assert len(before) == len(IDS)


def test_each_rollout_begins_with_other_locks():
    first, second = ({i for i in IDS if staging.is_in(name, i, 10)} for name in ("00000001", "00000002"))
    assert len(first & second) < len(first) / 2


AT_REST = View(True, 1, 2, status.STATE_LOCKED, False, 0, None)


@pytest.mark.parametrize(
    "change, why",
    [
        ({}, None),
        ({"running": 0}, None),
        ({"state": status.STATE_SERVICE, "failures": 2}, None),
        ({"refused": update.UNSIGNED}, None),
        ({"inside": False}, "outside"),
        ({"running": None}, "never told"),
        ({"running": 2}, "newer"),
        ({"running": 3}, "newer"),
        ({"failures": 3}, "failed"),
        ({"refused": update.OTHER_BOARD}, "for good"),
        ({"state": None}, "at rest"),
        ({"state": status.STATE_OPEN}, "at rest"),
        ({"state": status.STATE_PARKED}, "at rest"),
        ({"state": status.STATE_JAMMED}, "at rest"),
        ({"riding": True}, "at rest"),
    ],
)
def test_who_is_offered_a_release(change, why):
    view = replace(AT_REST, **change)
    said = staging.against(view)
    assert (said is None) if why is None else (why in said)
    assert staging.may_fetch(view) == (why in (None, "at rest"))


def lock(number, begun_at=0, heard_at=0, confirmed=False, failed_at=None):
    return Begun(IDS[number], begun_at, confirmed, failed_at, heard_at)


def test_a_lock_is_silent_after_three_periods_and_not_before():
    for heard_at in (None, 50, 100):
        waits = lock(0, begun_at=100, heard_at=heard_at)
        assert not staging.is_silent(waits, 100 + 3 * PERIOD - 1, PERIOD, 0)
        assert staging.is_silent(waits, 100 + 3 * PERIOD, PERIOD, 0)
    assert not staging.is_silent(lock(0, begun_at=100, heard_at=101), 100 + 3 * PERIOD, PERIOD, 0)


def test_a_lock_that_sleeps_is_silent_after_five_of_its_own_calls():
    asleep = replace(lock(0, begun_at=100, heard_at=100), every_s=14_400)
    assert not staging.is_silent(asleep, 100 + 72_000 - 1, PERIOD, 0)
    assert staging.is_silent(asleep, 100 + 72_000, PERIOD, 0)
    assert not staging.is_silent(replace(asleep, every_s=1), 100 + 3 * PERIOD - 1, PERIOD, 0)


@pytest.mark.parametrize("begun, bad, halts", [(1, 1, 0), (2, 2, 0), (3, 3, 1), (10, 2, 0), (10, 3, 1)])
@pytest.mark.parametrize("how", ["silent", "back"])
def test_two_locks_may_be_lost_whatever_the_count(begun, bad, halts, how):
    now = 10 * HOUR
    gone = {"heard_at": HOUR} if how == "silent" else {"heard_at": now, "failed_at": now}
    suspects = [lock(number, **gone) for number in range(bad)]
    assert staging.weigh(begun, suspects, now, PERIOD, 0).halts == bool(halts)


def test_of_many_a_tenth_may_be_lost():
    now = 10 * HOUR
    suspects = [lock(number, heard_at=HOUR) for number in range(101)]
    assert not staging.weigh(1000, suspects[:100], now, PERIOD, 0).halts
    assert staging.weigh(1000, suspects, now, PERIOD, 0).halts


def test_a_lock_that_is_silent_and_came_back_counts_once_and_a_confirmed_one_no_more():
    now = 10 * HOUR
    both = lock(0, heard_at=HOUR, failed_at=HOUR)
    well = lock(1, heard_at=now, failed_at=HOUR, confirmed=True)
    found = staging.weigh(10, [both, well], now, PERIOD, 0)
    assert (found.silent, found.rolled_back) == ([], [both.lock_id])


def test_what_a_person_has_seen_counts_no_more_and_what_comes_after_does():
    now = 10 * HOUR
    old = [lock(number, heard_at=HOUR) for number in range(3)] + [
        lock(3, heard_at=now + HOUR, failed_at=HOUR)
    ]
    assert staging.weigh(10, old, now, PERIOD, 0).halts
    after = staging.weigh(10, old, now + HOUR, PERIOD, now)
    assert (after.silent, after.rolled_back) == ([], [])
    new = [lock(number, heard_at=now) for number in range(5, 8)]
    assert staging.weigh(10, old + new, now + HOUR, PERIOD, now).silent == [each.lock_id for each in new]
