"""RFC 8949 appendices A and F, the strict profile, and agreement with itself and with cbor2."""

from protocol.cbor import CborError, Tag, decode, encode

# RFC 8949 appendix A: what this profile carries of it
GOOD = (
    ("00", 0),
    ("17", 23),
    ("1818", 24),
    ("1864", 100),
    ("1903e8", 1000),
    ("1a000f4240", 1000000),
    ("1b000000e8d4a51000", 1000000000000),
    ("1bffffffffffffffff", 18446744073709551615),
    ("3bffffffffffffffff", -18446744073709551616),
    ("20", -1),
    ("29", -10),
    ("3863", -100),
    ("3903e7", -1000),
    ("f4", False),
    ("f5", True),
    ("f6", None),
    ("c000", Tag(0, 0)),
    ("c11a514b67b0", Tag(1, 1363896240)),
    ("d74401020304", Tag(23, b"\x01\x02\x03\x04")),
    ("d818456449455446", Tag(24, b"dIETF")),
    ("40", b""),
    ("4401020304", b"\x01\x02\x03\x04"),
    ("60", ""),
    ("6161", "a"),
    ("6449455446", "IETF"),
    ("62225c", '"\\'),
    ("62c3bc", "\u00fc"),
    ("63e6b0b4", "\u6c34"),
    ("64f0908591", "\U00010151"),
    ("80", []),
    ("83010203", [1, 2, 3]),
    ("8301820203820405", [1, [2, 3], [4, 5]]),
    ("a0", {}),
    ("a201020304", {1: 2, 3: 4}),
    ("a26161016162820203", {"a": 1, "b": [2, 3]}),
    ("826161a161626163", ["a", {"b": "c"}]),
    ("98190102030405060708090a0b0c0d0e0f101112131415161718181819", list(range(1, 26))),
    # not of the appendix: each width of head at its edge, and each kind of key in its order
    ("18ff", 255),
    ("190100", 256),
    ("19ffff", 65535),
    ("1a00010000", 65536),
    ("1affffffff", 4294967295),
    ("1b0000000100000000", 4294967296),
    ("37", -24),
    ("3818", -25),
    ("a5000118180220032100616105", {0: 1, 24: 2, -1: 3, -2: 0, "a": 5}),
    ("a30a00200040f6", {10: 0, -1: 0, b"": None}),
    ("a2617a00626161f5", {"aa": True, "z": 0}),  # the shorter text first: its head is smaller
    ("818181818180", [[[[[[]]]]]]),
    ("d83dd28443a10126a0f640", Tag(61, Tag(18, [b"\xa1\x01\x26", {}, None, b""]))),
)

# RFC 8949 appendix F: not well-formed
NOT_WELL_FORMED = """
18 19 1a 1b 1901 1a0102 1b01020304050607 38 58 78 98 9a01ff00 b8 d8 f8 f900 fa0000 fb000000
41 61 5affffffff00 5bffffffffffffffff010203 7affffffff00 7b7fffffffffffffff010203
81 818181818181818181 8200 a1 a20102 a100 a2000000 c0
5f4100 7f6100 9f 9f0102 bf bf01020102 819f 9f8000 9f9f9f9f9fffffffff 9f819f819f9fffffff
1c 1d 1e 3c 3d 3e 5c 5d 5e 7c 7d 7e 9c 9d 9e bc bd be dc dd de fc fd fe
f800 f801 f818 f81f
5f00ff 5f21ff 5f6100ff 5f80ff 5fa0ff 5fc000ff 5fe0ff 7f4100ff 5f5f4100ffff 7f7f6100ffff
ff 81ff 8200ff a1ff a1ff00 a100ff a20000ff 9f81ff 9f829f819f9fffffffff bf00ff bf000000ff
1f 3f df
"""

# well-formed, and not the one form
NOT_DETERMINISTIC = """
1800 1817 190000 1900ff 1a00000000 1a0000ffff 1b0000000000000000 1b00000000ffffffff
3800 3817 3900ff 3a0000ffff 3b00000000ffffffff
5800 580161 5900014a 7800 780161 790001 61 7a0000000161 9800 980100 990000 b800 b9000100 b8010000 d80101 d9001201
5f4161ff 7f6161ff 9f01ff 9fff bf0102ff bfff
f7 f0 e0 f820 f8ff f90000 f93c00 f97e00 fa47c35000 fa7f800000 fb3ff199999999999a fb7ff8000000000000
a201000100 a20000180000 a26161006161f5 a2020001 a202000100 a2200000f6 a26161000a00 a2626161006162f5 a24161004000
a1f500 a1f400 a1f600 a18000 a1a000 a1c00000 a1f97e0000
a24161006161f5 a34000606100616100
0000 f600 4000 8000 a000 c0f600
1cffffffffffffffffffffffffffffffff 1dffffffffffffffffffffffffffffffff 3effffffffffffffffffffffffffffffff
5c00000000000000000000000000000000 9fffffffffffffffffffffffffffffffff a20143616263
61ff 6180 62c328 62c080 62c1bf 63e08080 63eda080 63edbfbf 64f0808080 64f4908080 64f8888080 65f888808080
8181818181818180 a100a100a100a100a100a100a100f6 c0c0c0c0c0c0c000 81a100c081a100c080 d8c6
"""


def refuses(data, limit=512):
    try:
        decode(data, limit)
    except CborError:
        return True
    return False


def cannot_encode(obj):
    try:
        encode(obj)
    except CborError:
        return True
    return False


def test_one_value_one_encoding():
    for text, obj in GOOD:
        data = bytes.fromhex(text)
        assert encode(obj) == data, text
        got = decode(data)
        assert got == obj and type(got) is type(obj), text
        assert decode(memoryview(data)) == obj, text


def test_every_good_one_cut_short_or_with_leftovers():
    for text, _ in GOOD:
        data = bytes.fromhex(text)
        for n in range(len(data)):
            assert refuses(data[:n]), (text, n)
        assert refuses(data + b"\x00"), text


def test_not_well_formed():
    for text in NOT_WELL_FORMED.split():
        assert refuses(bytes.fromhex(text)), text


def test_not_the_one_form():
    for text in NOT_DETERMINISTIC.split():
        assert refuses(bytes.fromhex(text)), text


def test_what_has_no_encoding():
    deep = [[[[[[[]]]]]]]
    assert encode(deep[0]) == b"\x81\x81\x81\x81\x81\x80"
    maps, tags = {}, 0
    for _ in range(6):
        maps, tags = {0: maps}, Tag(0, tags)
    assert cannot_encode(maps) and cannot_encode(Tag(0, tags))
    assert encode(maps[0]) == b"\xa1\x00" * 5 + b"\xa0" and encode(tags) == bytes.fromhex("c0c0c0c0c0c000")
    loop = []
    loop.append(loop)
    mixed = {b"a": 0, "b": 0}
    for obj in (
        1.0,
        1 << 64,
        -(1 << 64) - 1,
        object(),
        {1.5: 0},
        {None: 0},
        {True: 0},
        {(): 0},
        mixed,
        deep,
        loop,
    ):
        assert cannot_encode(obj)
    for obj in (Tag(-1, 0), Tag(1 << 64, 0), Tag("18", 0), Tag(18, 1.0), {1: 1.0}, [1.0], set()):
        assert cannot_encode(obj)


def test_tags_compare_by_number_and_value():
    assert Tag(1, [2]) == Tag(1, [2])
    assert Tag(1, [2]) != Tag(1, [3]) and Tag(1, [2]) != Tag(2, [2]) and Tag(1, [2]) != [2]


def test_maps_are_sorted_whatever_order_they_were_filled_in():
    keys = [0, 23, 24, 300, -1, -300, "", "z", "aa", "\u00fc"]
    pairs = [encode(key) + b"\xf6" for key in keys]
    want = b"\xaa" + b"".join(pairs)
    assert encode({key: None for key in keys}) == want
    assert encode({key: None for key in reversed(keys)}) == want
    assert encode(decode(want)) == want
    assert encode({b"b": 0, b"aa": 0, b"": 0, b"a": 0}) == bytes.fromhex("a4400041610041620042616100")
    for i in range(len(pairs) - 1):
        swapped = pairs[:i] + [pairs[i + 1], pairs[i]] + pairs[i + 2 :]
        assert refuses(b"\xaa" + b"".join(swapped))
        assert refuses(b"\xab" + b"".join(pairs[:i] + [pairs[i]] + pairs[i:]))


def test_the_limit_is_on_bytes():
    assert decode(b"\x59\x01\xfd" + bytes(509)) == bytes(509)
    assert refuses(b"\x59\x01\xfe" + bytes(510))
    try:
        decode(b"\x59\x01\xfe" + bytes(510))
    except CborError:
        pass
    else:
        raise AssertionError("the limit is 512 unless told otherwise")
    assert decode(b"\x59\x01\xfe" + bytes(510), 1024) == bytes(510)
    assert decode(b"\x00", 1) == 0
    assert refuses(b"\x18\x18", 1)
    assert refuses(b"")


def test_only_bytes_and_memoryview():
    for data in ("00", bytearray(b"\x00"), [0], None, 0):
        assert refuses(data)


def test_depth_six_and_not_seven():
    for opening in (b"\x81", b"\xa1\x00", b"\xc1"):
        assert decode(opening * 6 + b"\xf6") is not None
        for depth in (7, 8, 100, 5000):
            assert refuses(opening * depth + b"\xf6", 16384), depth
            assert refuses(opening * depth, 16384), depth


def test_declared_lengths_allocate_nothing():
    for major in (0x40, 0x60, 0x80, 0xA0):
        for length in (2, 24, 255, 256, 65536, 1 << 31, 1 << 32, 1 << 63, (1 << 64) - 1):
            head = bytearray(encode(length))
            head[0] |= major
            assert refuses(bytes(head))
            assert refuses(bytes(head) + b"\x00")


def test_text_is_utf8_and_nothing_else():
    # one byte, then two, then the edges of three and four: the same verdict on both interpreters
    for first in range(256):
        assert refuses(bytes([0x61, first])) == (first >= 0x80)
        for second in (0x00, 0x7F, 0x80, 0xBF, 0xC0):
            good = second < 0x80 if first < 0x80 else 0xC2 <= first < 0xE0 and 0x80 <= second < 0xC0
            assert refuses(bytes([0x62, first, second])) != good, (first, second)
    for text in ("e0a080", "ed9fbf", "ee8080", "efbfbf", "f0908080", "f48fbfbf"):
        raw = bytes.fromhex(text)
        assert encode(decode(bytes([0x60 | len(raw)]) + raw))[1:] == raw
    for text in ("e09fbf", "eda080", "f08fbfbf", "f4908080", "e0a0", "f09080", "80", "fe", "ff"):
        raw = bytes.fromhex(text)
        assert refuses(bytes([0x60 | len(raw)]) + raw), text


def test_whatever_is_accepted_is_what_would_be_written():
    """Mutations of good items, the same on both interpreters: the accept set is exactly what encode writes."""
    state = 1
    accepted = 0
    for _ in range(6):
        for text, _ in GOOD:
            data = bytearray(bytes.fromhex(text))
            state = (
                state * 1103515245 + 12345 & 0x7FFFFFFF
            )  # a small generator: `random` differs between the two
            data[(state >> 8) % len(data)] ^= 1 << (state >> 20) % 8
            data = bytes(data)
            try:
                obj = decode(data)
            except CborError:
                continue
            accepted += 1
            assert encode(obj) == data
    assert accepted == 171


try:
    import cbor2
    from hypothesis import given
    from hypothesis import strategies as st
except ImportError:  # MicroPython
    pass
else:
    scalars = st.one_of(
        st.integers(-(1 << 64), (1 << 64) - 1),
        st.binary(max_size=40),
        st.text(max_size=20),
        st.booleans(),
        st.none(),
    )
    keys = st.one_of(st.integers(-(1 << 64), (1 << 64) - 1), st.text(max_size=6))
    values = st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=20,
    )

    @given(values)
    def test_cbor2_writes_and_reads_the_same(obj):
        try:
            data = encode(obj)
        except CborError:  # deeper than ours
            return
        assert cbor2.loads(data) == obj
        assert decode(data, 1 << 20) == obj

    @given(st.binary(max_size=64))
    def test_any_bytes_are_refused_or_round_trip(data):
        try:
            obj = decode(data)
        except CborError:
            return
        assert encode(obj) == data
