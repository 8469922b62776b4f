from boards.sim.power import Halt
from boards.sim.virtual import VirtualBoard
from firmware.floors import Floors
from firmware.rides import Unreadable
from firmware.store import Store
from protocol import cbor
from protocol.keyset import Keyset

A, B, M = b"\x01aaa", b"\x01bbb", b"\x02mmm"
NOW = 1_800_000_000


def _keyset(*kids):
    return Keyset(1, {kid: (bytes(32), 0, 2**32 - 1) for kid in kids})


def _floors(board, *kids):
    floors = Floors(Store(board.storage.root), _keyset(*(kids or (A, B, M))))
    floors.load()
    return floors


def test_floors_rise_and_never_fall():
    board = VirtualBoard()
    floors = _floors(board)
    assert (floors.ride(), floors.master(), floors.time()) == (0, 0, 0)
    floors.raise_to(A, 7, NOW)
    floors.raise_to(B, 5, NOW - 10)
    floors.raise_to(A, 6, NOW - 20)
    assert (floors.ride(), floors.time()) == (7, NOW)
    floors.uplink(9, 3)
    floors.uplink(8, 2)
    assert (floors.ride(), floors.master()) == (9, 3)
    board.close()


def test_masters_touch_no_floor_of_rides_but_raise_the_time():
    board = VirtualBoard()
    floors = _floors(board)
    floors.raise_to(M, 99, NOW)
    assert (floors.ride(), floors.master(), floors.time()) == (0, 0, NOW)
    board.close()


def test_floors_survive_a_boot():
    board = VirtualBoard()
    floors = _floors(board)
    floors.raise_to(A, 2**32, 2**32 - 1)  # one past the highest epoch
    floors.uplink(4, 3)
    again = _floors(board)
    assert (again.ride(), again.master(), again.time(), again.time_fell()) == (2**32, 3, 2**32 - 1, False)
    board.close()


def test_a_key_that_leaves_takes_what_it_poisoned():
    board = VirtualBoard()
    floors = _floors(board)
    floors.raise_to(A, 1000, NOW + 10**6)
    floors.raise_to(B, 7, NOW)
    floors.uplink(6, 0)
    again = _floors(board, B, M)
    assert (again.ride(), again.time(), again.time_fell()) == (7, NOW, True)
    assert not _floors(board, A, B).time_fell()
    board.close()


def test_an_unknown_key_raises_nothing():
    board = VirtualBoard()
    floors = _floors(board, A)
    floors.raise_to(B, 5, NOW)
    assert (floors.ride(), floors.time(), floors.time_fell()) == (0, 0, True)
    board.close()


def test_flash_is_written_only_when_something_grew():
    board = VirtualBoard()
    floors = _floors(board)
    floors.raise_to(A, 7, NOW)
    floors.uplink(0, 0)
    before = board.power.writes
    floors.save()
    floors.raise_to(A, 7, NOW)
    floors.raise_to(A, 3, NOW - 1)
    floors.uplink(0, 0)
    floors.save()
    assert board.power.writes == before
    board.close()


def test_a_cut_leaves_the_old_floors_or_the_new():
    for tear in VirtualBoard().power.tears:
        n, done = 0, False
        while not done:
            n += 1
            board = VirtualBoard()
            floors = _floors(board)
            floors.uplink(5, 1)
            board.power.cut_at(n, tear)
            try:
                floors.raise_to(A, 9, NOW)
                floors.save()
                done = True
            except (Halt, OSError):
                assert board.power.halted
            board = board.reboot()
            again = _floors(board)
            found = again.ride(), again.master(), again.time()
            assert found == (9, 1, NOW) or not done and found == (5, 1, 0)
            board.close()
        assert n > 1


def test_a_file_that_is_not_ours_is_said():
    board = VirtualBoard()
    good = [1, 2, [[A, 1, 1]], 1]
    for bad in (
        b"",
        b"\x00",
        [1, 2],
        [1, 2, 3, 1],
        [1, -1, [], 1],
        [1, 2, [[A, 1]], 1],
        [1, 2, [], -1],
        [1, 2, []],
        [1, 2, [[A, 2**32 + 1, 1]], 1],
    ):
        Store(board.storage.root).write("floors", bad if isinstance(bad, bytes) else cbor.encode(bad))
        floors = Floors(Store(board.storage.root), _keyset(A))
        try:
            floors.load()
            raise AssertionError(bad)
        except Unreadable:
            pass
        before = Store(board.storage.root).read("floors")
        floors.uplink(1, 1)
        assert Store(board.storage.root).read("floors") == before  # the next boot must see it too
    Store(board.storage.root).write("floors", cbor.encode(good))
    assert _floors(board).ride() == 1
    board.close()
