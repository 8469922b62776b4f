"""Known datagrams (RFC 7252 appendix A, RFC 8613 appendix C), then every way to break the form of §3."""

from protocol import coap

unhex = bytes.fromhex

# datagram, type, code, message id, token, options, payload
GOOD = (
    (
        "40017d34bb74656d7065726174757265",
        coap.CON,
        coap.GET,
        0x7D34,
        "",
        [(11, b"temperature")],
        b"",
    ),  # fig. 16
    ("60457d34ff32322e332043", coap.ACK, coap.CONTENT, 0x7D34, "", [], b"22.3 C"),
    (
        "41017d3520bb74656d7065726174757265",
        coap.CON,
        coap.GET,
        0x7D35,
        "20",
        [(11, b"temperature")],
        b"",
    ),  # fig. 17
    ("61457d3520ff32322e332043", coap.ACK, coap.CONTENT, 0x7D35, "20", [], b"22.3 C"),
    ("60007d38", coap.ACK, coap.EMPTY, 0x7D38, "", [], b""),
    ("70007d38", coap.RST, coap.EMPTY, 0x7D38, "", [], b""),
    ("40007d38", coap.CON, coap.EMPTY, 0x7D38, "", [], b""),  # a ping
    ("5102000107ff00", coap.NON, coap.POST, 1, "07", [], b"\x00"),
    ("480200010102030405060708", coap.CON, coap.POST, 1, "0102030405060708", [], b""),
    ("40020000", coap.CON, coap.POST, 0, "", [], b""),
    ("4002ffff", coap.CON, coap.POST, 0xFFFF, "", [], b""),
    (
        "44015d1f00003974396c6f63616c686f737483747631",
        coap.CON,
        coap.GET,
        0x5D1F,
        "00003974",
        [(3, b"localhost"), (11, b"tv1")],
        b"",
    ),
    ("40010001b16151620163", coap.CON, coap.GET, 1, "", [(11, b"a"), (16, b"b"), (16, b"c")], b""),
    ("4001000181610000", coap.CON, coap.GET, 1, "", [(8, b"a"), (8, b""), (8, b"")], b""),
    ("40010001d000", coap.CON, coap.GET, 1, "", [(13, b"")], b""),
    ("40010001d0ff", coap.CON, coap.GET, 1, "", [(268, b"")], b""),
    ("40010001e00000", coap.CON, coap.GET, 1, "", [(269, b"")], b""),
    ("40010001e0fef2", coap.CON, coap.GET, 1, "", [(65535, b"")], b""),
    ("400100010d00" + 13 * "61", coap.CON, coap.GET, 1, "", [(0, 13 * b"a")], b""),
    ("400100010dff" + 268 * "61", coap.CON, coap.GET, 1, "", [(0, 268 * b"a")], b""),
    ("400100010e0000" + 269 * "61", coap.CON, coap.GET, 1, "", [(0, 269 * b"a")], b""),
)

# malformed whatever the type, under message id 0x1234; bad_datagrams makes them
BAD = (
    # token length, code, rest
    (9, 0x01, 9 * "00"),  # reserved token lengths
    (10, 0x01, 10 * "00"),
    (11, 0x01, 11 * "00"),
    (12, 0x01, 12 * "00"),
    (13, 0x01, 13 * "00"),
    (14, 0x01, 14 * "00"),
    (15, 0x01, 15 * "00"),
    (15, 0x01, ""),
    (1, 0x01, ""),  # token cut short
    (8, 0x01, 7 * "00"),
    (0, 0x01, "ff"),  # marker, no payload
    (0, 0x01, "b161ff"),
    (0, 0x01, "b1"),  # option cut short
    (0, 0x01, "b26f"),
    (0, 0x01, "d0"),
    (0, 0x01, "e0"),
    (0, 0x01, "e000"),
    (0, 0x01, "0d"),
    (0, 0x01, "0d00" + 12 * "61"),
    (0, 0x01, "0e"),
    (0, 0x01, "0e00"),
    (0, 0x01, "0e0000" + 268 * "61"),
    (0, 0x01, "0effff61"),
    (0, 0x01, "dd"),
    (0, 0x01, "dd00"),
    (0, 0x01, "ee0000"),
    (0, 0x01, "f0"),  # reserved delta
    (0, 0x01, "f161"),
    (0, 0x01, "fe0000"),
    (0, 0x01, "0f"),  # reserved length
    (0, 0x01, "bf" + 15 * "61"),
    (0, 0x01, "b161f0"),
    (0, 0x01, "f0000000"),  # not even if three more bytes are there for a 15
    (0, 0x01, "0f000000" + 269 * "61"),
    (0, 0x01, "e0fef3"),  # option number 65536
    (0, 0x01, "e0fef210"),
    (0, 0x01, "e0ffffe0ffff"),
    (0, 0x01, 33 * "00"),  # too many options
    (0, 0x45, 500 * "00"),
    (0, 0x00, "00"),  # an empty message with more
    (0, 0x00, "ff61"),
    (1, 0x00, "61"),
    (4, 0x00, ""),
    (0, 0x20, ""),  # reserved classes 1, 6 and 7; class 3 is unassigned
    (0, 0x3F, "ff61"),
    (0, 0x61, ""),
    (0, 0xC0, ""),
    (0, 0xE1, ""),
    (0, 0xFF, ""),
)


def error_of(datagram):
    try:
        coap.decode(datagram)
    except coap.CoapError as error:
        return error
    return None


def bad_datagrams(type):
    for token_length, code, rest in BAD:
        yield bytes((0x40 | type << 4 | token_length, code, 0x12, 0x34)) + unhex(rest)


def test_known_datagrams():
    for text, type, code, mid, token, options, payload in GOOD:
        datagram = unhex(text)
        message = coap.decode(datagram)
        got = (message.type, message.code, message.mid, message.token, message.options, message.payload)
        assert got == (type, code, mid, unhex(token), options, payload), text
        assert coap.encode(*got) == datagram, text
        assert coap.decode(memoryview(datagram)).options == options
        assert coap.reaction(datagram) is None, text


def test_options_may_come_in_any_order_and_equals_keep_theirs():
    path = [(coap.URI_PATH, b"%d" % n) for n in range(20)]
    got = coap.decode(coap.encode(coap.CON, coap.POST, 1, b"t", [(60, b"z")] + path + [(3, b"h")], b"p"))
    assert got.options == [(3, b"h")] + path + [(60, b"z")]
    assert (
        got.option(coap.URI_PATH) == b"0" and got.option(coap.SIZE1) == b"z" and got.option(coap.ECHO) is None
    )


def test_malformed_con_is_reset():
    for datagram in bad_datagrams(coap.CON):
        error = error_of(datagram)
        assert isinstance(error, coap.FormatError), datagram
        assert (error.type, error.mid) == (coap.CON, 0x1234), datagram
        assert coap.reaction(datagram) == b"\x70\x00\x12\x34", datagram


def test_malformed_others_are_dropped_in_silence():
    for type in (coap.NON, coap.ACK, coap.RST):
        for datagram in bad_datagrams(type):
            error = error_of(datagram)
            assert isinstance(error, coap.FormatError) and error.type == type and error.mid == 0x1234, (
                datagram
            )
            assert coap.reaction(datagram) == b"", datagram


def test_what_a_type_may_not_carry():
    """RFC 7252 §4.3 table 1."""
    for text in ("50001234", "60011234", "6002123400", "70011234", "70451234"):
        assert isinstance(error_of(unhex(text)), coap.FormatError), text
        assert coap.reaction(unhex(text)) == b""


def test_other_versions_and_half_headers_get_nothing():
    for version in (0x00, 0x80, 0xC0):
        for first in range(64):
            datagram = bytes((version | first, 1, 0, 1))
            assert isinstance(error_of(datagram), coap.Ignore)
            assert coap.reaction(datagram) == b""
    for n in range(4):
        error = error_of(b"\x40\x01\x00"[:n])
        assert isinstance(error, coap.FormatError) and error.mid is None and error.type is None
        assert coap.reaction(b"\x40\x01\x00"[:n]) == b""


def test_bounds():
    datagram = coap.encode(coap.CON, coap.POST, 1, b"", [(11, b"r")] * 32, bytes(1280 - 4 - 65))
    assert len(datagram) == 1280 and len(coap.decode(datagram).options) == 32
    assert isinstance(error_of(datagram + b"\x00"), coap.FormatError)
    assert coap.reaction(datagram + b"\x00") == coap.reset(1)


def refused(*args):
    try:
        coap.encode(*args)
    except ValueError:
        return True
    return False


def test_encode_refuses_what_decode_would():
    assert refused(coap.CON, coap.EMPTY, 1, b"t")
    assert refused(coap.CON, coap.EMPTY, 1, b"", [(11, b"")])
    assert refused(coap.CON, coap.EMPTY, 1, b"", [], b"p")
    assert refused(coap.NON, coap.EMPTY, 1)
    assert refused(coap.RST, coap.GET, 1)
    assert refused(coap.ACK, coap.GET, 1)
    assert refused(4, coap.GET, 1)
    assert refused(coap.CON, 0xE0, 1)
    assert refused(coap.CON, coap.GET, 0x10000)
    assert refused(coap.CON, coap.GET, -1)
    assert refused(coap.CON, coap.GET, 1, bytes(9))
    assert refused(coap.CON, coap.GET, 1, b"", [(0x10000, b"")])
    assert refused(coap.CON, coap.GET, 1, b"", [(11, b"")] * 33)
    assert refused(coap.CON, coap.GET, 1, b"", [], bytes(1276))


def test_codes():
    for text, codes in (
        ("0.", (coap.EMPTY, coap.GET, coap.POST, coap.PUT, coap.DELETE, coap.FETCH)),
        ("2.", (None, coap.CREATED, coap.DELETED, coap.VALID, coap.CHANGED, coap.CONTENT)),
        ("4.", (coap.BAD_REQUEST, coap.UNAUTHORIZED, coap.BAD_OPTION, coap.FORBIDDEN, coap.NOT_FOUND)),
        ("5.", (coap.INTERNAL_ERROR, None, None, coap.UNAVAILABLE)),
    ):
        for detail, code in enumerate(codes):
            assert code is None or coap.dotted(code) == text + "%02d" % detail
    rest = (coap.CONTINUE, coap.METHOD_NOT_ALLOWED, coap.INCOMPLETE, coap.TOO_LARGE, coap.UNSUPPORTED_FORMAT)
    assert [coap.dotted(code) for code in rest] == ["2.31", "4.05", "4.08", "4.13", "4.15"]
    assert coap.dotted(coap.TOO_MANY_REQUESTS) == "4.29"


def test_options_alone():
    options = [(coap.CONTENT_FORMAT, b"\x3c"), (coap.ECHO, b"e")]
    assert coap.decode_options(coap.encode_options(options, b"p")) == (options, b"p")
    assert coap.decode_options(b"\x44" + coap.encode_options(options), 1) == (options, b"")
    try:
        coap.encode_options([(coap.ECHO, bytes(269 + 0x10000))])
    except ValueError:
        return
    raise AssertionError


def test_small_things():
    assert [coap.uint(n) for n in (0, 1, 255, 256, 65536)] == [
        b"",
        b"\x01",
        b"\xff",
        b"\x01\x00",
        b"\x01\x00\x00",
    ]
    assert coap.acknowledge(0x1234) == b"\x60\x00\x12\x34"
    assert (
        coap.kind(coap.POST) == "request"
        and coap.kind(coap.CHANGED) == "response"
        and coap.kind(0x3F) is None
    )


try:
    import aiocoap
    from hypothesis import given
    from hypothesis import strategies as st
except ImportError:  # MicroPython
    pass
else:

    def test_numbers_are_the_registered_ones():
        theirs = aiocoap.numbers.OptionNumber
        names = [name for name in dir(coap) if name in theirs.__members__]
        assert len(names) > 18
        for name in names:
            assert getattr(coap, name) == theirs[name], name

    @given(st.binary(max_size=80))
    def test_any_bytes_are_refused_or_round_trip(data):
        try:
            message = coap.decode(data)
        except coap.CoapError:
            return
        again = coap.encode(
            message.type, message.code, message.mid, message.token, message.options, message.payload
        )
        assert again == data  # every option head has one form: the longer ones start where the shorter end

    @given(
        st.sampled_from((coap.CON, coap.NON)),
        st.sampled_from((coap.GET, coap.POST, coap.CHANGED, coap.BAD_REQUEST)),
        st.integers(0, 0xFFFF),
        st.binary(max_size=8),
        st.lists(st.tuples(st.integers(2048, 65000), st.binary(max_size=300)), max_size=4),
        st.binary(max_size=40),
    )
    def test_aiocoap_reads_the_same(type, code, mid, token, options, payload):
        if sum(len(value) for _, value in options) > 1100:
            return
        theirs = aiocoap.Message.decode(coap.encode(type, code, mid, token, options, payload))
        assert (int(theirs.mtype), int(theirs.code), theirs.mid, theirs.token) == (type, code, mid, token)
        assert theirs.payload == payload
        read = [(int(o.number), o.encode()) for o in theirs.opt.option_list()]
        assert read == sorted(options, key=lambda option: option[0])
