"""The self-test names what is broken, and only that."""

from boards.esp32_dev import pins as dev
from boards.esp32c6_lock import pins as c6
from boards.esp32s3_lock import pins as s3
from boards.parts import selftest
from boards.testparts.rig import Rig


def found_ill(pins, hurt=None, move=False):
    """(well, the parts that are not) of a board that `hurt(rig)` has got at."""
    rig = Rig(pins)
    if hurt:
        hurt(rig)
    board = rig.boot()
    said = []
    well = rig.run(selftest.check(board, move, said.append))
    assert not rig.world._pulling and not rig.world.gnss_on
    moved = rig.world.actuations
    rig.close()
    names = [line.split(":")[0] for line in said if ":" in line]
    assert len(said) == len(selftest.CHECKS) + move and well == (not names)
    return names, moved


def test_a_whole_board_is_well_and_nothing_moves():
    for pins in (s3, c6, dev):
        assert found_ill(pins) == ([], 0)


def test_the_bolt_is_drawn_when_asked_for():
    for pins in (s3, c6, dev):
        assert found_ill(pins, move=True) == ([], 1)


def line(rig, pin, level):
    rig.chip.lines[pin].outside = lambda: level


def test_each_fault_is_told_by_the_name_of_its_part():
    for hurt, names in (
        (lambda rig: rig.world.set_battery(1_000), ["battery"]),
        (lambda rig: line(rig, s3.BOLT_CLOSED_PIN, 1), ["bolt"]),
        (lambda rig: line(rig, s3.BOLT_OPEN_PIN, 0), ["bolt"]),
        (lambda rig: line(rig, s3.SHACKLE_CLOSED_PIN, 1), ["shackle"]),
        (lambda rig: setattr(rig.wiring.motion, "answers", False), ["motion"]),
        (lambda rig: rig.world.move(), ["motion"]),
        (lambda rig: line(rig, s3.MOTION_INT_PIN, 1), ["motion"]),
        (lambda rig: setattr(rig.wiring.receiver, "read", lambda n: b""), ["gnss"]),
        (lambda rig: setattr(rig.wiring.receiver, "read", lambda n: b"\xff\x12"), ["gnss"]),
    ):
        assert found_ill(s3, hurt) == (names, 0), names


def test_a_jammed_bolt_is_told_and_the_motor_let_go():
    assert found_ill(s3, lambda rig: rig.world.jam(30), move=True) == (["motor"], 1)


def test_a_bolt_that_is_not_home_is_not_pulled():
    assert found_ill(s3, lambda rig: line(rig, s3.BOLT_CLOSED_PIN, 1), move=True) == (["bolt", "motor"], 0)
