"""The log on flash: chain, segments, delivery, and a power cut in every write of every kind."""

import os

from boards.sim.power import Halt
from boards.sim.virtual import VirtualBoard
from firmware.receipts import Corrupt, Receipts
from firmware.store import Store
from protocol import receipt

KEY = bytes(range(32))
LOCK = b"lock-one"
SMALL = 400  # bytes in a segment: about two records


def _fields(number):
    fields = {
        receipt.TYPE: receipt.CLOSE,
        receipt.TIME: 1_800_000_000 + number,
        receipt.ERROR: 2,
        receipt.FIX: None,
    }
    fields.update({receipt.BITS: 2, receipt.BATTERY: 4000, receipt.UPTIME: number, receipt.BOOT: b"boot"})
    fields.update({receipt.CTI: b"cti-%04d" % number, receipt.DETAIL: [0, 0]})
    return fields


def _log(board, segment=SMALL):
    log = Receipts(Store(board.storage.root), KEY, LOCK, segment)
    log.load()
    return log


def _filled(board, count, segment=SMALL):
    log = _log(board, segment)
    raws = [log.append(_fields(number), [number, b"private"]) for number in range(1, count + 1)]
    return log, raws


def _corrupt(board):
    try:
        _log(board)
    except Corrupt:
        return True
    return False


def _names(board):
    return sorted(os.listdir(board.storage.root + "/r"))


def _path(board, index):
    return board.storage.root + "/r/" + _names(board)[index]


def _rewrite(path, change):
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(change(data))


def test_a_chain_without_gaps_that_survives_a_boot():
    board = VirtualBoard()
    log, raws = _filled(board, 7)
    assert len(_names(board)) > 2
    prev = receipt.GENESIS
    for number, raw in enumerate(raws, 1):
        parsed = receipt.open(KEY, raw)
        assert (parsed.seq, parsed.prev, parsed.cti) == (number, prev, b"cti-%04d" % number)
        prev = receipt.digest(raw)[:16]
    board = board.reboot()
    again = Receipts(Store(board.storage.root), KEY, LOCK, SMALL)
    privates = []
    again.load(privates.append)
    assert privates == [[number, b"private"] for number in range(1, 8)]
    assert again.last_seq == 7 and again.private == [7, b"private"]
    assert again.unacked(99) == raws and again.unacked(2) == raws[:2]
    raw = again.append(_fields(8), None)
    assert receipt.open(KEY, raw).prev == receipt.digest(raws[-1])[:16] and receipt.open(KEY, raw).seq == 8
    board.close()


def test_listeners_are_told_after_the_flush():
    board = VirtualBoard()
    log = _log(board)
    told = []
    log.listeners.append(
        lambda raw, parsed: told.append((raw, parsed.seq, parsed.type, len(_log(board).unacked(9))))
    )
    raw = log.append(_fields(1), None)
    assert told == [(raw, 1, receipt.CLOSE, 1)]
    board.close()


def test_delivery_in_order_from_any_seq():
    board = VirtualBoard()
    log, raws = _filled(board, 7)
    for seq in range(9):
        for n in range(9):
            assert log.after(seq, n) == list(enumerate(raws, 1))[seq : seq + n], (seq, n)
    assert [log.get(seq) for seq in range(1, 8)] == raws
    assert log.get(8) is None and log.get(0) is None
    board.close()


def test_what_was_delivered_and_is_not_needed_goes_but_the_last_record_never():
    board = VirtualBoard()
    log, raws = _filled(board, 7)
    dropped = []
    log.before_drop = lambda: dropped.append(len(_names(board)))
    before = _names(board)
    log.acked(1)
    assert log.unacked(9) == raws[1:] and _names(board) == before and not dropped
    log.keep = 2
    log.acked(7)
    assert log.unacked(9) == [] and log.get(2) == raws[1] and _names(board) == before
    log.keep = None
    log.acked(3)  # an older word takes nothing back
    assert log.acked_seq == 7 and len(_names(board)) == 1 and dropped[0] == len(before)
    assert log.get(7) == raws[6] and log.get(1) is None
    board = board.reboot()
    again = _log(board)
    assert again.last_seq == 7 and again.private == [7, b"private"]
    assert receipt.open(KEY, again.append(_fields(8), None)).prev == receipt.digest(raws[-1])[:16]
    board.close()


def test_a_cloud_that_claims_more_than_there_is_gets_the_rest_all_the_same():
    board = VirtualBoard()
    log, _ = _filled(board, 3)
    log.acked(1000)
    raw = log.append(_fields(4), None)
    assert log.acked_seq == 3 and log.unacked(9) == [raw]
    board.close()


def test_a_tail_that_is_not_whole_is_cut_off_at_every_length():
    board = VirtualBoard()
    log, raws = _filled(board, 2, 4096)
    path = _path(board, 0)
    with open(path, "rb") as file:
        whole = file.read()
    first = len(whole) // 2
    for length in range(first + 1, len(whole)):
        _rewrite(path, lambda data: whole[:length])  # noqa: B023
        again = _log(board)
        assert again.last_seq == 1 and again.unacked(9) == raws[:1], length
        with open(path, "rb") as file:
            assert file.read() == whole[:first]
    board.close()


def test_a_last_record_that_is_whole_but_wrong_is_cut_off_and_its_seq_used_again():
    board = VirtualBoard()
    log, raws = _filled(board, 2, 4096)
    _rewrite(_path(board, 0), lambda data: data[: len(data) // 2 + 50] + b"?" + data[len(data) // 2 + 51 :])
    again = _log(board)
    assert again.unacked(9) == raws[:1]
    assert receipt.open(KEY, again.append(_fields(9), None)).seq == 2
    board.close()


def test_damage_anywhere_else_is_corrupt():
    board = VirtualBoard()
    log, raws = _filled(board, 3, 4096)
    path = _path(board, 0)
    with open(path, "rb") as file:
        whole = file.read()
    size = len(whole) // 3
    for at in list(range(8)) + list(range(8, 2 * size, 7)):
        _rewrite(path, lambda data: whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])  # noqa: B023
        assert _corrupt(board), at
        with open(path, "rb") as file:
            assert len(file.read()) == len(whole)  # nothing was thrown away
    _rewrite(path, lambda data: whole[:size] + whole[2 * size :])
    assert _corrupt(board)
    _rewrite(path, lambda data: whole[:size] * 2 + whole[2 * size :])
    assert _corrupt(board)
    board.close()


def test_a_missing_or_foreign_segment_is_corrupt():
    for spoil in ("missing", "foreign", "empty", "renamed"):
        board = VirtualBoard()
        _filled(board, 7)
        if spoil == "missing":
            os.remove(_path(board, 1))
        elif spoil == "foreign":
            with open(board.storage.root + "/r/hello", "wb") as file:
                file.write(b"x")
        elif spoil == "empty":
            _rewrite(_path(board, 0), lambda data: b"")
        else:
            os.rename(_path(board, 0), board.storage.root + "/r/00000000")
        assert _corrupt(board), spoil
        board.close()


def test_a_first_receipt_that_follows_something_is_corrupt():
    board = VirtualBoard()
    log = _log(board)
    log._prev = b"not the genesis!"
    log.append(_fields(1), None)
    assert _corrupt(board)
    board.close()


def test_another_locks_log_is_corrupt():
    board = VirtualBoard()
    _filled(board, 3)
    log = Receipts(Store(board.storage.root), KEY, b"lock-two", SMALL)
    try:
        log.load()
        raise AssertionError("taken for ours")
    except Corrupt:
        pass
    board.close()


def test_a_cut_in_every_write_loses_nothing_that_was_told():
    """Appends over segment borders, with deliveries between; then the same again after the boot."""
    cuts = 0
    for tear in VirtualBoard().power.tears:
        n = 0
        while True:
            n += 1
            board = VirtualBoard()
            log, raws = _filled(board, 3)
            told, acked = list(raws), 0
            board.power.cut_at(n, tear)
            done = False
            try:
                for number in range(4, 8):
                    told.append(log.append(_fields(number), [number, b"private"]))
                    acked = number - 2
                    log.acked(acked)
                done = True
            except (Halt, OSError):
                cuts += 1
            board = board.reboot()
            log = _log(board)
            assert log.last_seq in (len(told), len(told) + 1), (tear, n)
            assert not done or log.last_seq == len(told)
            assert log.private == [log.last_seq, b"private"]
            here = [raw for _, raw in log.after(acked, 99)]
            assert here[: len(told) - acked] == told[acked:], (tear, n)  # from `acked` on nothing is missing
            raw = log.append(_fields(9), None)
            parsed = receipt.open(KEY, raw)
            assert parsed.seq == log.last_seq and (
                len(here) == 0 or parsed.prev == receipt.digest(here[-1])[:16]
            )
            board.close()
            if done:
                break
    assert cuts > 10, cuts


def test_out_of_memory_around_an_append_never_makes_two_of_one_seq():
    for written in (False, True):
        for count in range(3):  # into a new segment, and to the end of one
            board = VirtualBoard()
            log, raws = _filled(board, count)
            append = log._store.append

            def broken(name, data):
                if written:  # noqa: B023
                    append(name, data)  # noqa: B023
                raise MemoryError

            log._store.append = broken
            try:
                log.append(_fields(8), None)
                raise AssertionError("not raised")
            except MemoryError:
                pass
            log._store.append = append
            try:
                raws.append(log.append(_fields(9), None))
                assert not written
            except OSError:
                assert written
            again = _log(board)
            assert again.last_seq == count + 1 and again.unacked(9)[: len(raws)] == raws
            board.close()


def test_a_flash_that_fails_is_said_and_nobody_is_told_of_the_receipt():
    board = VirtualBoard()
    log, raws = _filled(board, 3)
    told = []
    log.listeners.append(lambda raw, parsed: told.append(raw))
    board.power.fail_at(1)
    try:
        log.append(_fields(4), None)
        raise AssertionError("not said")
    except OSError:
        pass
    assert told == [] and log.last_seq == 3
    board.close()
