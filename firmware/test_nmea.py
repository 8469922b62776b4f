"""NMEA: what a receiver sends becomes exact integers; anything else becomes nothing, and never an exception."""

from firmware.nmea import Fix, Parser

RMC = b"GNRMC,104512.00,A,5205.44217,N,00507.28842,E,8.214,,140926,,,A,V"
GGA = b"GNGGA,104512.00,5205.44217,N,00507.28842,E,1,11,0.94,4.6,M,46.1,M,,"
FIX = Fix(1789382712, 520907028, 51214737, 47, 46, 42, True)
NEXT_RMC = b"GNRMC,104513.00,A,5205.44301,N,00507.28907,E,8.301,,140926,,,A,V"
NEXT_GGA = b"GNGGA,104513.00,5205.44301,N,00507.28907,E,1,11,0.94,4.6,M,46.1,M,,"


def line(body):
    total = 0
    for byte in body:
        total ^= byte
    return b"$" + body + b"*%02X\r\n" % total


def epoch(*bodies):
    return b"".join([line(body) for body in bodies])


def fixes(data, piece=None):
    parser = Parser()
    found = []
    for i in range(0, len(data), piece or len(data)):
        found += parser.feed(data[i : i + (piece or len(data))])
    return found


def swapped(body, index, value):
    fields = body.split(b",")
    fields[index] = value
    return b",".join(fields)


def test_one_second_gives_one_fix_in_either_order_with_others_between():
    others = line(b"GNGSA,A,3,01,11,31,,,,,,,,,,1.56,0.91,1.27") + line(b"GPGSV,1,1,01,32,76,331,31")
    assert fixes(epoch(RMC, GGA)) == [FIX]
    assert fixes(epoch(GGA, RMC)) == [FIX]
    assert fixes(others + line(RMC) + others + line(GGA) + others) == [FIX]


def test_any_talker():
    for talker in (b"GP", b"GL", b"GA", b"BD", b"QZ"):
        assert fixes(epoch(talker + RMC[2:], b"GN" + GGA[2:])) == [FIX]


def test_every_split_of_the_stream_gives_the_same():
    data = epoch(RMC, GGA, NEXT_RMC, NEXT_GGA)
    whole = fixes(data)
    assert len(whole) == 2 and whole[1].time == FIX.time + 1
    for piece in range(1, 100):
        assert fixes(data, piece) == whole


def test_angles_are_exact_to_the_last_digit():
    for lat, ns, lon, ew, e7 in (
        (b"4807.0380", b"N", b"01131.0000", b"E", (481173000, 115166667)),
        (b"0000.0000", b"S", b"00000.0000", b"W", (0, 0)),
        (b"9000.0000", b"S", b"18000.0000", b"W", (-900000000, -1800000000)),
        (b"3723.2475", b"N", b"12202.5161803", b"W", (373874583, -1220419363)),
        (b"0000.00001", b"S", b"00000.00001", b"W", (-2, -2)),
        (b"8959.9999999", b"N", b"17959.9999999", b"E", (900000000, 1800000000)),
    ):
        gga = GGA
        for index, value in ((2, lat), (3, ns), (4, lon), (5, ew)):
            gga = swapped(gga, index, value)
        (fix,) = fixes(epoch(RMC, gga))
        assert (fix.lat, fix.lon) == e7, (lat, lon, fix)


def test_dates_are_unix_seconds():
    for date, time, unix in (
        (b"010100", b"000000", 946684800),
        (b"290200", b"235959.99", 951868799),
        (b"010300", b"000000.00", 951868800),
        (b"190138", b"031407.00", 2147483647),
        (b"190138", b"031408.00", 2147483648),
        (b"311299", b"235960.00", 4102444800),
    ):
        rmc, gga = swapped(swapped(RMC, 9, date), 1, time), swapped(GGA, 1, time)
        (fix,) = fixes(epoch(rmc, gga))
        assert fix.time == unix, (date, time, fix.time)


def test_accuracy_is_hdop_times_the_range_error_of_the_quality():
    for quality, hdop, accuracy in (
        (b"1", b"1.00", 50),
        (b"2", b"1.5", 30),
        (b"4", b"0.64", 1),
        (b"1", b"99.99", 5000),
    ):
        (fix,) = fixes(epoch(RMC, swapped(swapped(GGA, 6, quality), 8, hdop)))
        assert fix.valid and fix.accuracy == accuracy


def test_altitude_may_be_below_the_sea_or_missing():
    for altitude, dm in ((b"-12.34", -123), (b"1147.2", 11472), (b"", None)):
        (fix,) = fixes(epoch(RMC, swapped(GGA, 9, altitude)))
        assert fix.altitude == dm


def test_what_the_receiver_does_not_stand_by_is_told_as_such():
    for quality in (b"0", b"6", b"7", b"8", b"9", b""):
        (fix,) = fixes(epoch(RMC, swapped(GGA, 6, quality)))
        assert not fix.valid
    (fix,) = fixes(epoch(b"GNRMC,104512.00,V,,,,,,,140926,,,N,V", b"GNGGA,104512.00,,,,,0,00,99.99,,,,,,"))
    assert not fix.valid and fix.time == FIX.time


def test_a_receiver_without_the_time_gives_nothing():
    assert fixes(epoch(b"GNRMC,,V,,,,,,,,,,N,V", b"GNGGA,,,,,,0,00,99.99,,,,,,")) == []


def test_halves_of_two_seconds_are_not_joined():
    assert fixes(epoch(RMC, NEXT_GGA)) == []
    assert fixes(epoch(GGA, NEXT_RMC)) == []
    assert len(fixes(epoch(RMC, NEXT_GGA, NEXT_RMC))) == 1


WRONG = (
    (
        RMC,
        1,
        (
            b"24" + b"0000.00",
            b"106000.00",
            b"104561",
            b"10451",
            b"1045120",
            b"10451a.00",
            b"104512.x",
            b"-04512",
        ),
    ),
    (RMC, 9, (b"320926", b"000926", b"141326", b"140026", b"290226", b"1409", b"14092026", b"14a926", b"")),
    (RMC, 7, (b"-1", b"1e3", b"8.2.1", b"0x10", b" 8", b"9" * 13)),
    (
        GGA,
        2,
        (
            b"520.44217",
            b"05205.44217",
            b"5205",
            b"5260.00000",
            b"9000.00001",
            b"5205.4421700000",
            b"52a5.4",
            b"",
        ),
    ),
    (GGA, 3, (b"", b"E", b"n", b"NN")),
    (GGA, 4, (b"0507.28842", b"18000.0001", b"00560.00000", b"-0507.28842", b"00507.2884 ", b"")),
    (GGA, 5, (b"", b"N", b"e")),
    (GGA, 8, (b"", b"-1", b"x", b"1,0")),
    (GGA, 9, (b"--1", b"1.x", b"nan")),
)


def test_every_wrong_field_gives_nothing():
    for body, index, values in WRONG:
        other = GGA if body is RMC else RMC
        for value in values:
            assert fixes(epoch(other, swapped(body, index, value))) == [], (body[2:5], index, value)


def test_no_checksum_wrong_checksum_too_few_and_too_many_fields_give_nothing():
    good = line(GGA)
    for bad in (
        good[:-5] + b"\r\n",  # none
        good[:-4] + b"00\r\n",
        good[:-4] + b"0x\r\n",
        good[:-4] + b" F\r\n",
        good[:-3] + b"\r\n",
        good[:-2] + b"0\r\n",
        line(GGA + b","),
        line(GGA[:-1]),
        line(GGA + b"0" * 120),
        b"$" + GGA,
        b"GGA,*\r\n",
        b"$GNGGA,\r\n",
        b"$*00\r\n",
        b"$\r\n",
        line(b"PGRMC," + RMC[6:]),  # proprietary, whatever it looks like
    ):
        assert fixes(line(RMC) + bad) == [], bad
    assert fixes(line(RMC) + good.replace(b"*", b"*").lower()) == []


def test_junk_binary_and_half_sentences_cost_at_most_two_sentences():
    ubx = b"\xb5\x62\x01\x07\x5c\x00" + bytes(range(92)) + b"\x24\x0a\x24"  # with `$` and line feed inside
    for junk in (
        ubx,
        ubx * 5,
        line(RMC)[:40],
        line(RMC)[40:],
        line(GGA)[:-2],
        b"$" * 300,
        b"\n" * 300,
        b"\x00\xff" * 4000,
        b"$GNGGA," + b"1" * 5000,
        b"$GNGGA," + b"," * 5000 + b"\r\n",
    ):
        for piece in (1, 64, None):
            found = fixes(epoch(RMC, GGA) + junk + epoch(NEXT_RMC, NEXT_GGA), piece)
            assert [fix.time for fix in found] == [FIX.time, FIX.time + 1], junk[:20]


def test_what_is_kept_is_bounded():
    parser = Parser()
    for _ in range(200):
        parser.feed(b"$GNGGA,111111111111111")
        assert len(parser._tail) <= 120
        parser.feed(b"1" * 50)
        assert len(parser._tail) <= 120


def test_every_flipped_bit_gives_nothing_false():
    data = epoch(RMC, GGA)
    for position in range(len(data)):
        for bit in range(8):
            flipped = data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]
            for fix in fixes(
                flipped
            ):  # a talker's letter or the case of a checksum's digit may change unseen
                assert fix == FIX


def test_mutations_never_raise_and_the_next_second_is_read():
    data = epoch(RMC, GGA)
    state = 1
    for _ in range(1500):
        mutant = bytearray(data)
        for _ in range(3):
            state = state * 1103515245 + 12345 & 0x7FFFFFFF
            position = (state >> 8) % len(mutant)
            if state >> 29:
                mutant[position] = state & 255
            else:
                mutant = mutant[:position] + mutant[position + (state & 15) :]
        found = fixes(bytes(mutant) + epoch(NEXT_RMC, NEXT_GGA))
        assert found and found[-1].time == FIX.time + 1


def test_sentences_are_counted():
    parser = Parser()
    parser.feed(epoch(RMC, GGA) + line(GGA)[:-4] + b"00\r\n" + line(b"GNVTG,,T,,M,0.025,N,0.045,K,A"))
    assert (parser.good, parser.bad) == (2, 1)
