"""Batches: what goes in comes out, small; what is not a batch is refused."""

from protocol import cbor, telemetry

T0 = 1_800_000_000
RIDE = [
    (telemetry.FIX, T0 + 5 * i, 521_000_000 + 310 * i, 43_000_000 - 420 * i, 25 + i % 3) for i in range(20)
]
MIXED = (
    [(telemetry.STATUS, T0, 2, 3900, 3, 120)]
    + RIDE[:3]
    + [(telemetry.NOTE, T0 + 9, telemetry.NOTE_REFUSED, 6)]
    + RIDE[3:5]
)


def refused(data, decode=telemetry.decode_batch):
    try:
        decode(data)
    except telemetry.TelemetryError:
        return True
    return False


def test_records_survive_the_wire():
    for records in (RIDE, MIXED, RIDE[:1], MIXED[:1]):
        assert telemetry.decode_batch(telemetry.encode_batch(77, records)) == (77, records)


def test_a_status_may_say_how_warm_it_is():
    for degrees in (telemetry.COLDEST, -1, 0, 21, telemetry.HOTTEST):
        records = [MIXED[0] + (degrees,), MIXED[0]]
        assert telemetry.decode_batch(telemetry.encode_batch(7, records)) == (7, records)
    for odd in (telemetry.COLDEST - 1, telemetry.HOTTEST + 1, True, None, b"", 1 << 40):
        assert refused(cbor.encode([7, list(MIXED[0]) + [odd]])), odd
    assert refused(cbor.encode([7, list(MIXED[0]) + [21, 21]]))
    assert refused(cbor.encode([7, [1, T0, -1, 3900, 3, 120, 21]]))


def test_a_fix_that_runs_back_in_time_begins_a_run_of_its_own():
    records = [RIDE[3], RIDE[1], RIDE[2]]
    data = telemetry.encode_batch(0, records)
    assert telemetry.decode_batch(data) == (0, records)
    assert len(cbor.decode(data, 1024)) == 3


def test_twenty_fixes_take_under_ten_bytes_each():
    assert len(telemetry.encode_batch(100_000, RIDE)) < 200


def test_every_truncation_and_lengthening_is_refused():
    data = telemetry.encode_batch(5, MIXED)
    for end in range(len(data)):
        assert refused(data[:end])
    assert refused(data + b"\x00")


def test_what_is_no_batch_is_refused():
    for item in (
        [],
        [1],
        [-1, [2, 1, 1, 1]],
        [1, []],
        [1, [3, 1, 1, 1]],
        [1, [2, 1, 1]],
        [1, [2, 1, 1, True]],
        [1, [2, 1, 1, 1 << 32]],
        [1, [0, T0, 0, 0]],
        [1, [0, T0, 900_000_001, 0, 1]],
        [1, [0, T0, 0, 1_800_000_001, 1]],
        [1, [0, T0, 0, 0, 1, -1, 0, 0, 1]],
        [1, [0, T0, 0, 0, 1, 1, 900_000_001, 0, 1]],
        [1, [0, T0, 0, 0, -1]],
        [1, ["0", T0, 0, 0, 1]],
        {1: 2},
    ):
        assert refused(cbor.encode(item)), item
    assert refused(cbor.encode([1] + [[2, 1, 1, 1]] * 300))  # too long


def test_answers():
    answer = {1: T0, 2: 7, 4: [[9, 1, [3]]], 5: 12, 7: [3, bytes(32)]}
    assert telemetry.decode_answer(telemetry.encode_answer(answer)) == answer
    assert telemetry.decode_answer(b"") == {}
    for item in (
        {9: 1},
        {1: -1},
        {1: 1 << 32},
        {7: 3},
        {7: [3]},
        {7: [-3, bytes(32)]},
        {7: [3, bytes(31)]},
        {4: [[1, 1]]},
        {4: [[1, 1, ["x"]]]},
        {4: [[1, 1, []]] * 9},
        [1],
        7,
    ):
        assert refused(cbor.encode(item), telemetry.decode_answer), item


def test_receipt_lists():
    assert telemetry.decode_receipts(telemetry.encode_receipts([b"a", b"b"])) == [b"a", b"b"]
    for item in ([], [b"a"] * 5, ["a"], {1: b"a"}):
        assert refused(cbor.encode(item), telemetry.decode_receipts)
