"""Rides out of receipts: SPEC 7 and 8, without a database."""

import pytest

from cloud import projection
from cloud.testlock import Pen
from protocol import receipt

A, B, C = b"ride-aaa", b"ride-bbb", b"ride-ccc"
T = 1_800_000_000


def rides(pen: Pen, still_s: int = 300) -> list[projection.Projected]:
    return projection.project([receipt.parse(body) for body in pen.log], still_s)


def test_a_ride_parks_reopens_and_ends():
    pen = Pen()
    pen.open(A, T)
    assert [(r.state, r.opened_at, r.billed_until) for r in rides(pen)] == [("open", T, None)]
    pen.close(A, T + 600)
    assert [(r.state, r.closed_at, r.billed_until) for r in rides(pen)] == [("parked", T + 600, T + 600)]
    pen.reopen(A, T + 700)
    assert rides(pen)[0].state == "open"
    pen.close(A, T + 900)
    pen.end(A, T + 1800, close_at=T + 900)
    (ride,) = rides(pen)
    assert (ride.state, ride.closed_at, ride.billed_until, ride.ended_at) == (
        "ended",
        T + 900,
        T + 900,
        T + 900,
    )
    assert ride.seqs == [1, 2, 3, 4, 5] and ride.last_seq == 5


def test_a_hand_over_ends_one_ride_and_starts_the_next_linked_both_ways():
    pen = Pen()
    pen.open(A, T)
    pen.hand_over(B, A, T + 2000, still_since=T + 500)
    pen.close(B, T + 2600)
    first, second = rides(pen)
    assert (first.state, first.billed_until, first.ended_at, first.next) == ("ended", T + 800, T + 2000, 2)
    assert (second.state, second.opened_at, second.previous) == ("parked", T + 2000, 1)
    assert first.seqs == [1, 2] and second.seqs == [2, 3]


@pytest.mark.parametrize(
    "still_since, billed",
    [
        (0, 900),  # moved until it was closed
        (900, 900),
        (600, 900),  # 300 s still: not more than still_s
        (599, 899),  # 301 s
        (100, 400),
        (-500, 0),  # still before it was opened: never less than nothing
    ],
)
def test_stillness_before_the_close_is_not_billed_beyond_still_s(still_since, billed):
    pen = Pen()
    pen.open(A, T)
    pen.close(A, T + 900, still_since=T + still_since if still_since else 0)
    assert rides(pen)[0].billed_until == T + billed
    assert rides(pen)[0].closed_at == T + 900


def test_a_technicians_close_does_not_move_a_riders_end():
    pen = Pen()
    pen.open(A, T)
    pen.close(A, T + 60)
    pen.service(C, T + 300)
    (ride,) = rides(pen)
    assert (ride.state, ride.closed_at, ride.seqs) == ("parked", T + 60, [1, 2])
    pen.reopen(A, T + 500)
    assert rides(pen)[0].state == "open"


def test_an_abort_starts_nothing_and_ends_nothing():
    pen = Pen()
    pen.abort(A, T)
    assert rides(pen) == []
    pen.open(A, T + 10)
    pen.abort(B, T + 400, cause=receipt.ABORT_MOVED)  # a hand-over that was called off
    pen.close(A, T + 500)
    pen.abort(A, T + 600)  # a re-open that failed
    (ride,) = rides(pen)
    assert ride.state == "parked" and ride.seqs == [2, 4, 5]


def test_a_successor_goes_on_with_the_same_ride():
    pen = Pen()
    pen.open(A, T)
    pen.close(A, T + 60)
    pen.successor(A, T + 90, epoch=2)
    pen.reopen(A, T + 90)
    (ride,) = rides(pen)
    assert ride.state == "open" and ride.seqs == [1, 2, 3, 4]


def test_one_period_claim_starts_many_rides():
    pen = Pen()
    for start in (T, T + 5000):
        pen.open(A, start)
        pen.close(A, start + 100)
        pen.end(A, start + 1000)
    assert [(r.opened_seq, r.state, r.closed_at) for r in rides(pen)] == [
        (1, "ended", T + 100),
        (4, "ended", T + 5100),
    ]


def test_receipts_of_a_ride_that_is_over_change_nothing():
    pen = Pen()
    pen.close(B, T - 10)  # of a ride before the log began
    pen.open(A, T)
    pen.close(A, T + 100)
    pen.end(A, T + 400)
    pen.reopen(A, T + 500)
    pen.close(A, T + 900)
    (ride,) = rides(pen)
    assert (ride.state, ride.billed_until, ride.last_seq) == ("ended", T + 100, 4)


def test_a_ride_that_no_end_was_written_for_ends_where_the_next_one_opens():
    pen = Pen()
    pen.open(A, T)
    pen.close(A, T + 100)
    pen.open(B, T + 900)
    first, second = rides(pen)
    assert (first.state, first.ended_at, first.next, second.previous) == ("ended", T + 100, None, None)


def test_a_time_learned_later_dates_what_the_same_boot_wrote_before():
    pen = Pen(began=T)
    pen.open(A, T + 50, known=False)
    assert rides(pen)[0].opened_at is None
    pen.close(A, T + 250, known=False)
    assert rides(pen)[0].billed_until is None
    pen.end(A, T + 500)  # the uplink has told the time by now
    assert [(r.opened_at, r.closed_at, r.billed_until) for r in rides(pen)] == [(T + 50, T + 250, T + 250)]


def test_another_boots_time_dates_nothing():
    pen = Pen(began=T)
    pen.open(A, T + 50, known=False)
    pen.reboot(T + 400)
    pen.close(A, T + 500)
    (ride,) = rides(pen)
    assert (ride.opened_at, ride.closed_at, ride.billed_until) == (None, T + 500, T + 500)


def test_a_hand_over_of_a_ride_that_was_not_running_is_a_plain_start():
    pen = Pen()
    pen.hand_over(B, A, T, still_since=T - 400)
    (ride,) = rides(pen)
    assert (ride.cti, ride.state, ride.previous) == (B, "open", None)


def test_projecting_a_longer_log_never_unmakes_a_ride():
    pen = Pen()
    pen.open(A, T)
    pen.close(A, T + 60)
    pen.end(A, T + 900)
    pen.open(B, T + 1000, epoch=2)
    pen.hand_over(C, B, T + 3000, still_since=T + 1200, epoch=3)
    parsed = [receipt.parse(body) for body in pen.log]
    before: set[tuple[bytes, int]] = set()
    for length in range(len(parsed) + 1):
        now = {(r.cti, r.opened_seq) for r in projection.project(parsed[:length], 300)}
        assert before <= now
        before = now
    assert len(before) == 3
