"""The receiver's line: sentences that hold, a cold start, and lines that are broken on purpose."""

from boards.sim.gnss import COLD_MS, HOT_MS, Receiver, coordinate, sentence
from boards.sim.world import World

T = 1_760_000_000_500  # 2025-10-09, half a second past 08:53:20


def receiver(**settings):
    world = World(T, position=(520_907_000, -51_214_000))
    return world, Receiver(world, **settings)


def seconds(world, line, count):
    """What is said in each of the next seconds."""
    said = []
    for _ in range(count):
        line.advance(world.now + 1_000)
        said.append(line.read(4_096))
    return said


def whole(data):
    """The sentences in it whose checksum holds, as fields."""
    found = []
    for line in data.split(b"\r\n"):
        if line.startswith(b"$") and line[-3:-2] == b"*" and sentence(line[1:-3].decode()) == line + b"\r\n":
            found.append(line[1:-3].decode().split(","))
    return found


def test_a_sentence_has_the_checksum_of_the_standard():
    assert sentence("GPGLL,5300.97914,N,00259.98174,E,125926,A").endswith(b"E,125926,A*28\r\n")


def test_coordinates_are_degrees_and_minutes():
    assert coordinate(520_907_000, 2) == "5205.44200"
    assert coordinate(-1_224_031_622, 3) == "12224.18973"
    assert coordinate(0, 3) == "00000.00000"
    assert coordinate(519_999_999, 2) == "5159.99999"


def test_a_cold_receiver_learns_the_time_and_then_the_place():
    world, line = receiver()
    line.power(True)
    said = [whole(data)[0] for data in seconds(world, line, 8)]
    assert said[0][:3] == ["GNRMC", "", "V"]
    known = [fields for fields in said if fields[1]]
    assert known[0][1] == "085323.00" and known[0][2] == "V" and known[0][9] == "091025"
    fixed = [fields for fields in said if fields[2] == "A"]
    assert len(fixed) == 8 - COLD_MS // 1_000
    assert fixed[0][3:7] == ["5205.44200", "N", "00507.28400", "W"]


def test_a_receiver_that_had_a_fix_is_quicker_the_next_time():
    world, line = receiver()
    line.power(True)
    seconds(world, line, 20)
    line.power(False)
    assert seconds(world, line, 5) == [b""] * 5
    line.power(True)
    said = [whole(data)[0] for data in seconds(world, line, 3)]
    assert HOT_MS < COLD_MS and [fields[2] for fields in said] == ["V", "A", "A"]


def test_power_takes_what_was_waiting_along():
    world, line = receiver()
    line.power(True)
    line.advance(world.now + 3_000)
    line.power(False)
    assert line.read(100) == b"" and not world.gnss_on


def test_bytes_that_nobody_reads_are_lost():
    world, line = receiver()
    line.power(True)
    line.advance(world.now + 600_000)
    assert 900 < len(line.read(100_000)) <= 1_024


def test_reading_in_pieces_gives_the_same_bytes():
    (world, line), (other, whole_line) = receiver(), receiver()
    pieces = b""
    for half in (line, whole_line):
        half.power(True)
    for _ in range(40):
        whole_line.advance(other.now + 1_000)
        line.advance(world.now + 1_000)
        expected, got = whole_line.read(4_096), b""
        while len(got) < len(expected):
            piece = line.read(7)
            assert 0 < len(piece) <= 7
            got += piece
        assert got == expected and line.read(7) == b""
        pieces += got
    assert len(pieces) > 4_000


def test_now_and_then_a_line_is_broken_and_most_are_not():
    world, line = receiver()
    line.power(True)
    said = seconds(world, line, 160)
    kept = [b"".join([sentence(",".join(fields)) for fields in whole(data)]) for data in said]
    broken = [data for data, good in zip(said, kept) if data != good]
    assert len(broken) == 10
    assert len(set([len(whole(data)) for data in broken])) > 1  # broken in more than one way


def test_it_says_where_the_bike_is_and_how_fast():
    world, line = receiver()
    line.power(True)
    seconds(world, line, 10)
    world.ride([(0, 520_907_000, 0), (20_000, 520_908_800, 0)])  # 20 m in 20 s, to the north
    fields = whole(seconds(world, line, 5)[-1])[0]
    assert fields[3] == coordinate(520_907_000 + 1_800 * 4_500 // 20_000, 2)
    assert abs(float(fields[7]) - 1.95) < 0.02  # knots in 1.002 m/s


def test_jitter_stays_within_its_bound():
    world, line = receiver(jitter_e7=40)
    line.power(True)
    said = [whole(data) for data in seconds(world, line, 100)]
    places = [fields[0][3] for fields in said if fields and fields[0][0] == "GNRMC" and fields[0][2] == "A"]
    assert len(set(places)) > 10
    assert coordinate(520_907_000 - 40, 2) <= min(places) and max(places) <= coordinate(520_907_000 + 40, 2)
