import asyncio

from boards.sim.virtual import VirtualBoard
from firmware.clock import UNKNOWN, Clock
from firmware.rides import Unreadable
from firmware.store import Store

NOW = 1_800_000_000
DAY = 86_400


class _Floors:
    def __init__(self, time, time_fell):
        self.at, self.fell = time, time_fell

    def time(self):
        return self.at

    def time_fell(self):
        return self.fell


def _clock(board, floor=0, fell=False, floors=None):
    clock = Clock(board.clock, Store(board.storage.root), floors or _Floors(floor, fell))
    clock.load()
    return clock


def _pass(board, seconds):
    asyncio.run(board.timeline.sleep_ms(seconds * 1000))


def test_without_power_there_is_no_time():
    board = VirtualBoard()
    clock = _clock(board, floor=NOW)
    assert (clock.now(), clock.error(), clock.known(), clock.awake) == (None, UNKNOWN, False, 0)
    board.close()


def test_time_goes_on_and_its_error_grows_by_50_ppm():
    board = VirtualBoard()
    clock = _clock(board)
    assert clock.set(NOW, 3)
    assert (clock.now(), clock.error(), clock.known()) == (NOW, 3, True)
    _pass(board, 100_000)
    assert (clock.now(), clock.error()) == (NOW + 100_000, 8)
    _pass(board, 60 * DAY)
    assert 260 < clock.error() <= 300 and clock.known()
    _pass(board, 10 * DAY)
    assert clock.error() > 300 and not clock.known() and clock.now() == NOW + 100_000 + 70 * DAY
    board.close()


def test_the_board_keeps_time_through_a_warm_boot_with_6_percent_of_the_gap():
    board = VirtualBoard()
    assert _clock(board).set(NOW, 3)
    _pass(board, 1000)
    board = board.reboot(warm=True)
    clock = _clock(board)
    assert (clock.now(), clock.error(), clock.awake) == (NOW + 1000, 3 + 60 + 1, NOW)
    _pass(board, 6000)
    board = board.reboot(warm=True)
    assert not _clock(board).known()
    board.close()


def test_a_stamp_shortens_the_gap():
    board = VirtualBoard()
    clock = _clock(board)
    clock.set(NOW, 3)
    _pass(board, 6000)
    clock.stamp()
    _pass(board, 100)
    board = board.reboot(warm=True)
    clock = _clock(board)
    assert (clock.now(), clock.error(), clock.awake) == (NOW + 6100, 4 + 6 + 1, NOW + 6000)
    board.close()


def test_a_cold_boot_loses_the_time_but_not_when_it_was_awake():
    board = VirtualBoard()
    _clock(board).set(NOW, 3)
    board = board.reboot(warm=False)
    clock = _clock(board)
    assert (clock.now(), clock.known(), clock.awake) == (None, False, NOW)
    board.close()


def test_a_board_clock_that_went_back_is_not_believed():
    board = VirtualBoard()
    _clock(board).set(NOW, 3)
    board.clock.set_rtc(NOW - 1)
    board = board.reboot(warm=True)
    assert _clock(board).now() is None
    board.close()


def test_what_a_poisoned_floor_pushed_ahead_is_dropped_with_it():
    board = VirtualBoard()
    _clock(board).set(NOW + 10**7, 3)
    board = board.reboot(warm=True)
    assert _clock(board, fell=True).now() is None
    assert _clock(board).now() is None  # nor after the boot that no longer hears of it
    board.close()


def test_never_below_the_time_floor():
    board = VirtualBoard()
    floors = _Floors(0, False)
    clock = _clock(board, floors=floors)
    assert clock.set(NOW, 3)
    floors.at = NOW + 50
    assert clock.now() == NOW + 50
    assert not clock.set(NOW + 49, 0) and clock.set(NOW + 50, 1)
    _pass(board, 10)
    assert clock.now() == NOW + 60
    board.close()


def test_a_worse_source_that_agrees_changes_nothing_and_one_that_disagrees_is_the_newer_word():
    board = VirtualBoard()
    clock = _clock(board)
    clock.set(NOW, 3)
    assert not clock.set(NOW + 20, 60) and clock.now() == NOW and clock.error() == 3
    assert clock.set(NOW + 2, 1) and clock.now() == NOW + 2
    assert clock.set(NOW + 500, 60) and clock.now() == NOW + 500 and clock.error() == 60
    assert not clock.set(2**32, 0)
    board.close()


def test_a_stamp_that_is_not_ours_is_said():
    board = VirtualBoard()
    for bad in (b"", b"\x82\x01", b"\x83\x01\x01\x01", b"\x82\x01\x20"):
        Store(board.storage.root).write("awake", bad)
        try:
            _clock(board)
            raise AssertionError(bad)
        except Unreadable:
            pass
    board.close()


def test_setting_the_time_again_and_again_does_not_wear_the_flash():
    board = VirtualBoard()
    clock = _clock(board)
    clock.set(NOW, 3)
    before = board.power.writes
    for i in range(100):
        clock.set(NOW + i, 2)
    assert board.power.writes == before
    board.close()
