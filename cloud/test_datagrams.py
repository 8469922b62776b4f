"""What no lock sends: malformed datagrams, requests without a seal that holds, floods, played-back recordings."""

import os
import time

import pytest

from cloud.testlock import NOW, Gateway, Pen, Uplink, Wire, make_cloud
from protocol import coap, telemetry
from protocol import oscore as wire_oscore

T = NOW - 100_000
FIXES = [(0, T + 5 * n, 520907028 + 900 * n, 51214737 - 1100 * n, 47) for n in range(20)]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = make_cloud(tmp_path_factory.mktemp("cloud"), now=lambda: int(time.time()))
    yield cloud
    cloud.db.close()


@pytest.fixture(scope="module")
def gateway(cloud):
    gateway = Gateway(cloud).start()
    yield gateway
    gateway.stop()


@pytest.fixture
def wire(gateway):
    wire = Wire(gateway.port)
    yield wire
    wire.close()


@pytest.fixture
def pen(cloud):
    return Pen().register(cloud)


@pytest.fixture
def uplink(pen, wire):
    return Uplink(pen, wire)


def batch(first: int = 1) -> bytes:
    return telemetry.encode_batch(first, FIXES)


def con(
    code: int = coap.POST, options=(), payload: bytes = b"", mid: int = 0x1234, token: bytes = b""
) -> bytes:
    return coap.encode(coap.CON, code, mid, token, options, payload)


RST = b"\x70\x00\x12\x34"
HEAD = b"\x02\x12\x34"  # POST, message id
MALFORMED = {  # datagram -> what RFC 7252 asks for: a Reset to a CON, silence to all else
    **{
        bytes([0x40 | length]) + HEAD + bytes(length): RST for length in range(9, 16)
    },  # reserved token lengths
    **{bytes([0x50 | length]) + HEAD + bytes(length): None for length in range(9, 16)},
    **{bytes([0x40 | length]) + HEAD + bytes(length - 1): RST for length in range(1, 9)},  # token cut short
    b"": None,
    b"\x40": None,
    b"\x40\x02\x12": None,
    **{bytes([version << 6]) + HEAD: None for version in (0, 2, 3)},
    b"\x40" + HEAD + b"\xff": RST,  # marker without payload
    b"\x50" + HEAD + b"\xff": None,
    b"\x60" + HEAD: None,  # a request in an ACK
    b"\x70" + HEAD: None,
    b"\x40\x00\x12\x34": RST,  # the ping
    b"\x41\x00\x12\x34\x01": RST,  # an empty message that is not
    b"\x40\x00\x12\x34\xff\x00": RST,
    b"\x50\x00\x12\x34": None,
    **{
        b"\x40" + bytes([code]) + b"\x12\x34": RST for code in (0x20, 0x3F, 0xC0, 0xE1, 0xFF)
    },  # reserved classes
    **{
        b"\x40" + HEAD + bytes([head]): RST for head in (0xF0, 0x0F, 0xFE, 0x1F, 0xF1)
    },  # reserved option heads
    b"\x40" + HEAD + b"\xd0": RST,  # extended delta cut short
    b"\x40" + HEAD + b"\xe0\x01": RST,
    b"\x40" + HEAD + b"\x0d": RST,  # extended length cut short
    b"\x40" + HEAD + b"\x0e\x01": RST,
    b"\x40" + HEAD + b"\x95abc": RST,  # a value cut short
    b"\x40" + HEAD + b"\x9e\xff\xff" + bytes(9): RST,  # 65,804 bytes announced
    b"\x40" + HEAD + b"\xe0\xff\xff\xe0\xff\xff": RST,  # option number beyond 65,535
    b"\x40" + HEAD + b"\x10" * 500: RST,  # 500 options
    b"\x40" + HEAD + b"\xb1a" + b"\x01a" * 199: RST,  # 200 Uri-Path segments
    b"\x40" + HEAD + b"\xff" + bytes(1400): RST,  # longer than a datagram
    b"\x40" + HEAD + b"\xff" + bytes(40_000): RST,
    b"\x60\x44\x99\x99": None,  # an answer to nothing
    b"\x70\x00\x99\x99": None,
    b"\x50\x45\x99\x99": None,
    b"\x40\x45\x12\x34": RST,  # a confirmable answer to nothing
}


def test_there_are_enough_malformed_datagrams():
    assert len(MALFORMED) >= 58


@pytest.mark.parametrize("datagram", MALFORMED, ids=lambda d: (d[:6].hex() or "empty") + f"-{len(d)}")
def test_malformed_datagrams_get_what_rfc_7252_asks_for(wire, datagram):
    expected = MALFORMED[datagram]
    if expected is not None:
        assert wire.ask(datagram) == expected
    else:
        wire.socket.send(datagram)
        assert (
            wire.ask(b"\x40\x00\x77\x77") == b"\x70\x00\x77\x77"
        )  # a ping overtakes nothing: there was no answer


OSCORE_OPTION = wire_oscore.make_option(b"\0", b"none", bytes(8))
REFUSED = {
    "plain POST": (con(), coap.UNAUTHORIZED),
    "plain GET of the directory": (con(coap.GET, [(11, b".well-known"), (11, b"core")]), coap.UNAUTHORIZED),
    "plain POST to a path of ours": (con(options=[(11, b"t")], payload=batch()), coap.UNAUTHORIZED),
    "unknown kid": (con(options=[(9, OSCORE_OPTION)], payload=bytes(20)), coap.UNAUTHORIZED),
    "unknown bare kid": (
        con(options=[(9, wire_oscore.make_option(b"\0", b"none", None))], payload=bytes(20)),
        coap.UNAUTHORIZED,
    ),
    "OSCORE without payload": (con(options=[(9, OSCORE_OPTION)]), coap.UNAUTHORIZED),
    "seven bytes of payload": (con(options=[(9, OSCORE_OPTION)], payload=bytes(7)), coap.UNAUTHORIZED),
    "kid of 200 bytes": (
        con(options=[(9, wire_oscore.make_option(b"\0", bytes(200), None))], payload=bytes(20)),
        coap.UNAUTHORIZED,
    ),
    "OSCORE in a GET": (con(coap.GET, [(9, OSCORE_OPTION)], bytes(20)), coap.METHOD_NOT_ALLOWED),
    "OSCORE twice": (con(options=[(9, OSCORE_OPTION)] * 2, payload=bytes(20)), coap.BAD_OPTION),
    "reserved bits": (con(options=[(9, b"\x89\x00none")], payload=bytes(20)), coap.BAD_OPTION),
    "group bit": (con(options=[(9, b"\x29\x00none")], payload=bytes(20)), coap.BAD_OPTION),
    "six bytes of number": (
        con(options=[(9, b"\x0e" + bytes(6) + b"none")], payload=bytes(20)),
        coap.BAD_OPTION,
    ),
    "no number": (con(options=[(9, b"\x08none")], payload=bytes(20)), coap.BAD_OPTION),
    "kid context cut short": (con(options=[(9, b"\x19\x00\x09abc")], payload=bytes(20)), coap.BAD_OPTION),
    "Uri-Path that is no UTF-8": (
        con(options=[(9, OSCORE_OPTION), (11, b"\xff\xfe")], payload=bytes(20)),
        None,
    ),
    "Observe": (con(options=[(6, b""), (9, OSCORE_OPTION)], payload=bytes(20)), coap.UNAUTHORIZED),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_a_locks_is_refused_in_the_clear(wire, name):
    datagram, code = REFUSED[name]
    answer = wire.ask(datagram)
    message = coap.decode(answer)
    assert (message.type, message.mid, message.payload) == (coap.ACK, 0x1234, b"")
    assert message.code == code or (code is None and message.code >= coap.BAD_REQUEST)
    assert message.option(coap.OSCORE) is None
    assert len(answer) <= len(datagram) + 2  # nobody's amplifier


def test_unknown_and_wrong_look_the_same(pen, uplink):
    uplink.post(b"t", batch())
    wrong = bytearray(uplink.seal(b"t", batch())[0])
    wrong[-1] ^= 1
    unknown = con(options=[(9, wire_oscore.make_option(b"\0", b"none", None))], payload=bytes(30))
    answers = [uplink.ask(bytes(wrong)), uplink.ask(unknown)]
    kinds = [(m.type, m.code, m.options, m.payload) for m in map(coap.decode, answers)]
    assert kinds[0] == kinds[1]
    assert uplink.post(b"t", batch(90))[0] == coap.CHANGED


def rss(process) -> int:
    """Bytes of memory that a process holds."""
    with open(f"/proc/{process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def forged(mid: int, kid: bytes) -> bytes:
    return con(options=[(9, wire_oscore.make_option(b"\0", kid, os.urandom(8)))], payload=bytes(20), mid=mid)


def test_a_flood_costs_no_memory_and_the_honest_are_served(cloud, gateway, pen, wire):
    uplink = Uplink(pen, wire)
    uplink.post(b"t", batch())
    recorded, _ = uplink.seal(b"t", batch(300))
    uplink.ask(recorded)
    old_boot = Uplink(pen, wire).seal(b"t", batch())[0]
    flood, before = Wire(gateway.port), rss(gateway.process)
    for n in range(4000):
        mid = n.to_bytes(2, "big")
        kinds = (
            con(mid=n),
            forged(n, os.urandom(4)),
            forged(n, pen.lock_id[:4]),
            recorded[:2] + mid + recorded[4:],
            old_boot[:2] + mid + old_boot[4:],
            b"\x4f" + os.urandom(20),
        )
        flood.socket.send(kinds[n % len(kinds)])
        if n % 500 == 499:
            assert uplink.post(b"t", batch(1000 + n))[0] == coap.CHANGED
    flood.close()
    assert rss(gateway.process) - before < 4 << 20


def test_hostile_datagrams_leave_no_line_in_the_log(cloud):
    gateway = Gateway(cloud).start()
    wire = Wire(gateway.port)
    for datagram in [*MALFORMED, *(datagram for datagram, _ in REFUSED.values())]:
        wire.socket.send(datagram)
    assert wire.ask(b"\x40\x00\x77\x77") is not None
    status, log = gateway.stop()
    wire.close()
    assert (status, log) == (0, "")
