# heap: 2m
"""test_power.py's cuts, in the longer stories. Apart, because each file has its own time to end."""

from firmware.test_power import (
    TEARS,
    cut_everywhere,
    hand_over,
    left,
    nothing,
    parked,
    serve,
    succeed,
    whole_ride,
)


def test_a_cut_in_a_whole_ride():
    cut_everywhere(nothing, whole_ride, TEARS[-1:])


def test_a_cut_in_a_hand_over():
    cut_everywhere(left, hand_over, TEARS[-2:])


def test_a_cut_in_a_succession():
    cut_everywhere(parked, succeed, TEARS[-2:])


def test_a_cut_in_a_technicians_visit():
    cut_everywhere(parked, serve, TEARS[-2:])
