# heap: 1m
"""The outbox: every number once, what was flushed stays, and the ring is bounded, whatever fails."""

import asyncio
import os

from boards.sim.power import Halt
from boards.sim.virtual import VirtualBoard
from firmware import outbox as outbox_module
from firmware.outbox import Outbox
from protocol import telemetry

T0 = 1789382712
AHEAD = 256  # numbers reserved at a time


class Clock:
    def now(self):
        return T0


def fix(number):
    return (telemetry.FIX, T0 + number, 520907028 + number, -51214737 - number, 47)


def opened(board):
    return Outbox(board, Clock())


def drained(outbox, limit=20):
    """Everything that waits, as [(number, record)], acknowledged as it goes."""
    found = []
    while True:
        first, records = outbox.peek(limit)
        if not records:
            return found
        assert len(records) <= limit
        found += [(first + place, record) for place, record in enumerate(records)]
        outbox.drop_to(first + len(records))


def files(board):
    return sorted([name for name in os.listdir(board.storage.root + "/outbox") if len(name) == 8])


def wait(board, ms):
    asyncio.run(board.timeline.sleep_ms(ms))


def test_what_goes_in_comes_out_in_order():
    board = VirtualBoard()
    outbox = opened(board)
    records = [
        fix(0),
        (telemetry.STATUS, T0, 2, 3900, 0xFFFFFFFF, 120),
        (telemetry.NOTE, T0, telemetry.NOTE_BOOT, 1),
        (telemetry.FIX, 0xFFFFFFFF, -900000000, 1800000000, 0xFFFFFFFF),
    ]
    for record in records:
        assert outbox.put(record)
    assert outbox.peek(2) == (0, records[:2])
    assert outbox.peek(2) == (0, records[:2])  # nothing is gone before it is acknowledged
    outbox.flush()
    assert outbox.peek(10) == (0, records)
    outbox.drop_to(3)
    assert outbox.peek(10) == (3, records[3:])
    outbox.drop_to(1)  # a late answer takes nothing back
    assert outbox.peek(10) == (3, records[3:])
    outbox.drop_to(1000)  # nor does a wrong one reach what does not exist yet
    assert outbox.peek(10)[1] == []
    outbox.put(fix(4))
    assert outbox.peek(10) == (4, [fix(4)])
    board.close()


def test_a_status_keeps_its_temperature_in_flash_and_one_without_stays_without():
    board = VirtualBoard()
    outbox = opened(board)
    plain = (telemetry.STATUS, 1_800_000_000, 6, 3900, 0xFFFFFFFF, 120)
    records = [plain, plain + (-100,), plain + (0,), plain + (200,), plain + (-1,)]
    assert outbox.put(plain)
    for record in records[1:]:
        assert outbox.put(plain[:2] + (plain[2] + (record[6] + telemetry.WARM << 8),) + plain[3:])
    assert outbox.peek(9)[1] == records
    outbox.flush()
    board = board.reboot()
    assert [record for _, record in drained(opened(board))] == records
    board.close()


def test_a_working_uplink_leaves_the_flash_alone():
    board = VirtualBoard()
    outbox = opened(board)
    outbox.put(fix(0))
    writes = board.power.writes
    for number in range(1, 200):
        outbox.put(fix(number))
        if number % 20 == 0:
            wait(board, 60_000)
            drained(outbox)
    assert board.power.writes == writes
    assert files(board) == []
    board.close()


def test_a_power_cut_takes_32_records_or_two_minutes_at_most():
    board = VirtualBoard()
    outbox = opened(board)
    for number in range(100):
        outbox.put(fix(number))
    board = board.reboot(warm=False)
    kept = drained(opened(board))
    assert kept == [(number, fix(number)) for number in range(len(kept))] and len(kept) >= 100 - 32
    outbox = opened(board)
    outbox.put(fix(0))
    wait(board, 120_000)
    outbox.tend()
    board = board.reboot(warm=False)
    assert [record for _, record in drained(opened(board))] == [fix(0)]
    board.close()


def test_after_a_flush_nothing_is_lost():
    board = VirtualBoard()
    outbox = opened(board)
    outbox.note(telemetry.NOTE_BOOT, 3)
    assert outbox.flush()
    board = board.reboot()
    assert drained(opened(board)) == [(0, (telemetry.NOTE, T0, telemetry.NOTE_BOOT, 3))]
    board.close()


def test_numbers_never_repeat_though_all_was_sent_and_deleted():
    board = VirtualBoard()
    given = set()
    for boot in range(6):
        outbox = opened(board)
        for number in range(0, 40 * boot):
            outbox.put(fix(number))
            if number % 30 == 29:
                numbers = [number for number, _ in drained(outbox)]
                assert not given & set(numbers)
                given.update(numbers)
        board = board.reboot(warm=False)
    assert len(given) == sum([40 * boot // 30 * 30 for boot in range(6)])
    board.close()


def test_a_batch_never_spans_a_gap_in_the_numbers():
    board = VirtualBoard()
    for _ in range(3):
        outbox = opened(board)
        for number in range(5):
            outbox.put(fix(number))
        outbox.flush()
        board = board.reboot()
    outbox = opened(board)
    seen = []
    while True:
        first, records = outbox.peek(20)
        if not records:
            break
        assert len(records) == 5
        seen.append(first)
        outbox.drop_to(first + len(records))
    assert seen == [0, AHEAD, 2 * AHEAD] and files(board) == []
    board.close()


def test_what_was_acknowledged_in_part_is_sent_again_after_a_boot_under_the_same_numbers():
    board = VirtualBoard()
    outbox = opened(board)
    for number in range(32):
        outbox.put(fix(number))
    outbox.drop_to(10)
    board = board.reboot()
    assert drained(opened(board)) == [(number, fix(number)) for number in range(32)]
    board.close()


def test_the_ring_is_bounded_and_tells_what_it_lost():
    board = VirtualBoard()
    outbox = opened(board)
    for number in range(4600):
        outbox.put(fix(number))
    assert len(files(board)) <= 32
    wait(board, 60_000)
    outbox.tend()
    kept, lost, after = 0, 0, -1
    first, records = outbox.peek(64)
    while records:
        for record in records:
            if record[0] == telemetry.FIX:
                assert record[1] - T0 > after
                kept, after = kept + 1, record[1] - T0
            else:
                assert record[2] == telemetry.NOTE_LOST
                lost += record[3]
        outbox.drop_to(first + len(records))
        first, records = outbox.peek(64)
    assert kept >= 31 * 128 and after == 4599
    assert kept + lost == 4600
    board.close()


def test_a_flood_of_notes_is_counted_and_not_kept():
    board = VirtualBoard()
    outbox = opened(board)
    for _ in range(500):
        outbox.note(telemetry.NOTE_REFUSED, 7)
    assert len(drained(outbox)) <= 33
    wait(board, 61_000)
    outbox.note(telemetry.NOTE_REFUSED, 6)
    found = [record[2:] for _, record in drained(outbox)]
    assert (telemetry.NOTE_REFUSED, 6) in found
    assert [value for code, value in found if code == telemetry.NOTE_LOST] == [468]
    board.close()


def test_damage_costs_the_records_it_touches():
    board = VirtualBoard()
    outbox = opened(board)
    for number in range(32):
        outbox.put(fix(number))
    (name,) = files(board)
    path = board.storage.root + "/outbox/" + name
    with open(path, "rb") as file:
        data = bytearray(file.read())
    for number in (0, 1, 7, 31):
        data[number * 24 + 9] ^= 4
    data[20 * 24 : 21 * 24] = data[21 * 24 : 22 * 24]  # a whole record, in another's place
    with open(path, "wb") as file:
        file.write(data[:-1])
    outbox = opened(board.reboot())
    assert drained(outbox) == [(n, fix(n)) for n in range(31) if n not in (0, 1, 7, 20)]
    board.close()


def test_a_file_that_cannot_be_read_does_not_hold_up_the_rest():
    board = VirtualBoard()
    outbox = opened(board)
    for number in range(160):
        outbox.put(fix(number))
    os.remove(board.storage.root + "/outbox/" + files(board)[0])
    assert drained(outbox) == [(n, fix(n)) for n in range(128, 160)]
    board.close()


def test_failed_storage_keeps_the_newest_in_memory_and_never_raises():
    board = VirtualBoard()
    outbox = opened(board)
    outbox.put(fix(0))
    board.power.fail_at(1)
    for number in range(1, 250):
        outbox.put(fix(number))
    assert not outbox.flush()
    found = drained(outbox)
    fixes = [record for _, record in found if record[0] == telemetry.FIX]
    assert fixes[-1] == fix(249) and 32 <= len(fixes) and len(found) <= 65
    for number in range(
        20
    ):  # and when the reserved numbers are used up, nothing goes out under a doubtful one
        outbox.put(fix(number))
    assert len(drained(outbox)) == AHEAD - 1 - found[-1][0]
    board.close()


def test_a_full_flash_costs_the_oldest_file():
    board = VirtualBoard()
    outbox = opened(board)
    for number in range(300):
        outbox.put(fix(number))
    outbox.flush()
    refused = []

    def full(path, mode="r"):
        if "b" in mode and mode != "rb" and len(files(board)) > 2:
            refused.append(path)
            raise OSError(28, "no space left")
        return open(path, mode)

    outbox_module.open = full
    try:
        for number in range(300, 332):
            outbox.put(fix(number))
        assert len(refused) == 1 and outbox.flush()
    finally:
        del outbox_module.open
    outbox.tend()
    found = drained(outbox)
    assert [record for _, record in found if record[0] == telemetry.FIX] == [fix(n) for n in range(128, 332)]
    assert [record[3] for _, record in found if record[0] == telemetry.NOTE] == [128]
    board.close()


def test_numbers_that_cannot_be_read_are_not_given_again():
    board = VirtualBoard()
    outbox = opened(board)
    outbox.put(fix(0))
    path = board.storage.root + "/outbox/next"
    with open(path, "w") as file:
        file.write("2.5")
    outbox = opened(board)
    assert outbox.put(fix(1))
    first, records = outbox.peek(9)
    assert first >= 1 << 28 and records == [fix(1)]
    os.remove(path)
    os.mkdir(path)  # and when none can be reserved, none is given
    outbox = opened(board)
    assert not outbox.put(fix(1)) and outbox.peek(9)[1] == []
    outbox.note(telemetry.NOTE_BOOT, 1)
    outbox.tend()
    board.close()


def load(board, sent, flushed):
    """60 records with flushes and acknowledgements. `sent`: what the cloud has, `flushed`: what must survive."""
    outbox = opened(board)
    for _ in range(60):
        record = fix(len(sent) + len(flushed) * 1000)
        outbox.put(record)
        first, records = outbox.peek(1000)
        if len(records) % 16 == 15 and outbox.flush():
            flushed.clear()
            flushed.update({first + place: record for place, record in enumerate(records)})
        if len(records) == 40:
            for place, record in enumerate(records[:20]):
                assert sent.get(first + place, record) == record, "a number was given twice"
                sent[first + place] = record
            outbox.drop_to(first + 20)


def test_the_power_cut_in_every_write():
    """No number is given twice, nothing flushed is lost, nothing torn is taken for a record."""
    tears = VirtualBoard().power.tears
    for tear in tears:
        cut, survived = 0, False
        while not survived:
            cut += 1
            board = VirtualBoard()
            board.power.cut_at(cut, tear)
            sent, flushed = {}, {}
            try:
                load(board, sent, flushed)
                survived = True  # so few writes has this load
            except Halt:
                pass
            board = board.reboot(warm=False)
            found = dict(drained(opened(board), 1000))
            for number, record in flushed.items():
                assert sent.get(number) == record or found.get(number) == record, (tear, cut, number)
            for number, record in found.items():
                assert sent.get(number, record) == record, (tear, cut, number)
            sent.update(found)
            load(board, sent, {})  # and the next boot's numbers are new
            board.close()
        assert cut > 5
