"""The gateway as it runs: a process, a socket, locks that are honest and datagrams that are not."""

import asyncio
import os
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import aiocoap
import pytest
from aiocoap import oscore as aiocoap_oscore
from sqlalchemy import select

from cloud import commands, endpoint, locks, oscore, peers
from cloud.context import Cloud
from cloud.gateway import Gateway as InProcess
from cloud.tables import Fix, Note, Receipt, Ride, StatusSample
from cloud.testlock import NOW, RIDER, Gateway, Pen, Uplink, Wire, make_cloud
from protocol import coap, keys, receipt, telemetry
from protocol import oscore as wire_oscore

T = NOW - 100_000
FIXES = [(0, T + 5 * n, 520907028 + 900 * n, 51214737 - 1100 * n, 47) for n in range(20)]
NEW_S = 0.5  # after which a lock that was registered is known, see peers.REFRESH_S
STATUS = (1, T + 100, 2, 3870, 3, 900)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = make_cloud(tmp_path_factory.mktemp("cloud"), now=lambda: int(time.time()))
    yield cloud
    cloud.db.close()


@pytest.fixture(scope="module")
def gateway(cloud):
    gateway = Gateway(cloud).start()
    yield gateway
    if gateway.process.poll() is None:
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


def stored(cloud: Cloud, table: type, pen: Pen) -> list:
    with cloud.db.reading() as session:
        return list(session.scalars(select(table).where(table.lock_id == pen.hex)).all())


def batch(first: int = 1, records=FIXES) -> bytes:
    return telemetry.encode_batch(first, records)


# ---- what a lock says


def test_a_batch_is_stored_and_answered_with_time_and_floors(cloud, pen, uplink):
    note = (2, T + 101, telemetry.NOTE_BOOT, 1)
    code, body = uplink.post(b"t", batch(7, [*FIXES, STATUS, note]))
    assert code == coap.CHANGED
    answer = telemetry.decode_answer(body)
    assert abs(answer[telemetry.TIME] - time.time()) < 5
    assert answer[telemetry.RIDE_FLOOR] == 1 and answer[telemetry.MASTER_FLOOR] == 0
    fixes = stored(cloud, Fix, pen)
    assert [(f.seq, f.at, f.lat, f.lon, f.accuracy) for f in fixes] == [
        (7 + n, *fix[1:]) for n, fix in enumerate(FIXES)
    ]
    (sample,), (told,) = stored(cloud, StatusSample, pen), stored(cloud, Note, pen)
    assert (sample.seq, sample.state, sample.battery_mv) == (27, 2, 3870)
    assert (told.seq, told.note, told.value) == (28, telemetry.NOTE_BOOT, 1)
    with cloud.db.reading() as session:
        lock = locks.get(session, pen.hex)
    assert (lock.state, lock.battery_mv, lock.clock_error_s) == (2, 3870, 3)
    assert abs(lock.last_seen_at - time.time()) < 5


def test_a_batch_repeated_is_stored_once_and_old_news_is_no_news(cloud, pen, uplink):
    uplink.post(b"t", batch(1, [*FIXES, STATUS]))
    uplink.post(b"t", batch(40, [(1, T + 900, 0, 3600, 5, 1700)]))
    assert uplink.post(b"t", batch(1, [*FIXES, STATUS]))[0] == coap.CHANGED
    assert len(stored(cloud, Fix, pen)) == 20 and len(stored(cloud, StatusSample, pen)) == 2
    with cloud.db.reading() as session:
        assert locks.get(session, pen.hex).battery_mv == 3600


def test_receipts_are_acknowledged_up_to_the_first_gap_and_make_a_ride(cloud, pen, uplink):
    cti = b"cti-gate"
    bodies = [pen.open(cti, T), pen.close(cti, T + 200), pen.end(cti, T + 900)]
    code, body = uplink.post(b"r", telemetry.encode_receipts([bodies[0], bodies[2]]))
    assert (code, telemetry.decode_answer(body)[telemetry.RECEIPTS_UP_TO]) == (coap.CHANGED, 1)
    code, body = uplink.post(b"r", telemetry.encode_receipts(bodies))
    assert telemetry.decode_answer(body)[telemetry.RECEIPTS_UP_TO] == 3
    uplink.post(b"t", batch(1))  # fixes from T on: they belong to the ride
    (ride,) = stored(cloud, Ride, pen)
    assert (ride.state, ride.opened_at, ride.billed_until, ride.fixes) == ("ended", T, T + 200, 20)
    assert ride.distance_m == 238  # 19 steps of 10.0 m north and 7.5 m west
    assert [(r.via, r.copies) for r in stored(cloud, Receipt, pen)] == [
        ("uplink", 2),
        ("uplink", 1),
        ("uplink", 2),
    ]


def test_a_command_travels_in_the_answer_until_the_lock_says_it_is_done(cloud, pen, uplink):
    with cloud.db.writing() as session:
        command_id = commands.ask(session, pen.hex, "find", RIDER, NOW)
    for _ in range(2):
        answer = telemetry.decode_answer(uplink.post(b"t", batch(1, [STATUS]))[1])
        assert answer[telemetry.COMMANDS] == [[command_id, 1, []]]
    done = (2, T + 200, telemetry.NOTE_COMMAND_DONE, command_id)
    assert telemetry.COMMANDS not in telemetry.decode_answer(uplink.post(b"t", batch(2, [done]))[1])


@pytest.mark.parametrize(
    "path, payload, more, code",
    [
        (b"x", b"", {}, coap.NOT_FOUND),
        (b"", b"", {}, coap.NOT_FOUND),
        (b"t", b"", {"code": coap.GET}, coap.METHOD_NOT_ALLOWED),
        (b"t", b"", {}, coap.BAD_REQUEST),
        (b"t", b"\x82\x01\xff", {}, coap.BAD_REQUEST),
        (
            b"t",
            telemetry.encode_batch(2**32 - 3, FIXES),
            {},
            coap.BAD_REQUEST,
        ),  # numbers that no lock reaches
        (b"t", bytes(1100), {}, coap.TOO_LARGE),
        (b"r", b"\x80", {}, coap.BAD_REQUEST),
        (b"r", telemetry.encode_receipts([b"x"] * 5), {}, coap.BAD_REQUEST),
    ],
)
def test_what_is_no_request_of_ours_is_told_so_inside_oscore(pen, uplink, path, payload, more, code):
    uplink.post(b"t", batch())
    uplink.bare = 0
    assert uplink.post(path, payload, **more)[0] == code
    assert uplink.bare == 0


def test_critical_options_that_we_do_not_know_are_refused(pen, uplink):
    uplink.post(b"t", batch())
    for number, expected in (
        (coap.IF_MATCH, coap.BAD_OPTION),
        (coap.BLOCK1, coap.BAD_OPTION),
        (258, coap.CHANGED),
    ):
        datagram, request = uplink.seal(b"t", batch(), options=[(number, b"\x06")])
        assert uplink.open(uplink.ask(datagram), request)[0] == expected


def test_a_receipt_that_does_not_verify_holds_back_only_itself(cloud, pen, uplink):
    good = pen.open(b"cti-good", T)
    code, body = uplink.post(b"r", telemetry.encode_receipts([good[:-1] + bytes([good[-1] ^ 1]), good]))
    assert (code, telemetry.decode_answer(body)[telemetry.RECEIPTS_UP_TO]) == (coap.CHANGED, 1)


# ---- the way there


def test_a_boot_costs_one_echo_and_then_one_datagram_each_way(pen, uplink):
    time.sleep(NEW_S)
    uplink.post(b"t", batch())
    assert len(uplink.sent) == 2
    named = [wire_oscore.parse_option(coap.decode(d).option(coap.OSCORE))[2] is not None for d in uplink.sent]
    assert named == [True, False]
    uplink.post(b"t", batch(100))
    assert len(uplink.sent) == 3 and uplink.bare == 0


def test_after_a_restart_the_lock_names_its_context_and_goes_on(cloud, gateway, pen, uplink):
    uplink.post(b"t", batch())
    status, log = gateway.stop()
    assert status == 0, log
    gateway.start()
    uplink.bare = 0
    assert uplink.post(b"t", batch(50))[0] == coap.CHANGED
    assert uplink.bare == 1  # 4.01 to the bare kid; then named, Echo, and stored
    assert len(stored(cloud, Fix, pen)) == 40


def test_the_same_con_again_gets_the_same_answer_and_is_stored_once(cloud, pen, uplink):
    cti = b"cti-twin"
    uplink.post(b"t", batch())
    datagram, request = uplink.seal(b"r", telemetry.encode_receipts([pen.open(cti, T)]))
    first, again = uplink.ask(datagram), uplink.ask(datagram)
    assert first == again
    assert uplink.open(first, request)[0] == coap.CHANGED
    assert [r.copies for r in stored(cloud, Receipt, pen)] == [1]


def test_a_repetition_that_comes_too_late_is_a_replay(cloud, pen, monkeypatch):
    monkeypatch.setattr(endpoint.Tuning, "EXCHANGE_LIFETIME", 0.2)

    async def talk() -> tuple[int, int]:
        gateway = InProcess(cloud)
        wire = Wire(await gateway.start("127.0.0.1", 0))
        uplink = Uplink(pen, wire)
        await asyncio.to_thread(uplink.post, b"t", batch())
        datagram, request = uplink.seal(b"t", batch(70))
        first = uplink.open(await asyncio.to_thread(uplink.ask, datagram), request)[0]
        await asyncio.sleep(0.5)
        late = coap.decode(await asyncio.to_thread(uplink.ask, datagram)).code
        await gateway.stop()
        wire.close()
        return first, late

    assert asyncio.run(talk()) == (coap.CHANGED, coap.UNAUTHORIZED)


def test_the_same_request_under_another_message_id_is_a_replay(cloud, pen, uplink):
    uplink.post(b"t", batch())
    datagram, _ = uplink.seal(b"t", batch(60))
    uplink.ask(datagram)
    other = datagram[:2] + bytes([datagram[2] ^ 0x55]) + datagram[3:]
    assert coap.decode(uplink.ask(other)).code == coap.UNAUTHORIZED


def test_a_recorded_old_boot_is_answered_but_never_stored_and_no_number_comes_twice(
    cloud, gateway, pen, wire
):
    old = Uplink(pen, wire)
    for n in range(6):
        old.post(b"t", batch(1000 + 20 * n))
    Uplink(pen, wire).post(b"t", batch(2000))  # the next boot
    count, numbers, thief = len(stored(cloud, Fix, pen)), [], Wire(gateway.port)
    for _ in range(2):
        for datagram in old.sent:
            answer = coap.decode(thief.ask(datagram))
            option = answer.option(coap.OSCORE)
            assert (answer.code, option is None) in ((coap.UNAUTHORIZED, True), (coap.CHANGED, False))
            if option is not None:
                piv = wire_oscore.parse_option(option)[0]
                assert piv is not None  # a number of the server's own, never the request's nonce again
                numbers.append(piv)
        gateway.stop()
        gateway.start()
    thief.close()
    assert len(numbers) >= 2 and len(set(numbers)) == len(numbers)
    assert len(stored(cloud, Fix, pen)) == count


def test_two_locks_do_not_hear_each_other(cloud, gateway, wire):
    one, two = Pen().register(cloud), Pen().register(cloud)
    Uplink(one, wire).post(b"t", batch())
    impostor = Uplink(two, wire)
    impostor.secret = keys.oscore_secret(one.k_lock)
    impostor.context = wire_oscore.Context(impostor.secret, b"", two.lock_id[:4], b"\0", os.urandom(8))
    assert impostor.post(b"t", batch())[0] == coap.UNAUTHORIZED
    assert stored(cloud, Fix, two) == []


def test_aiocoap_as_the_client(cloud, gateway, pen):
    """Somebody else's OSCORE and message layer: aiocoap's own, as a client."""

    class Client(aiocoap_oscore.CanProtect, aiocoap_oscore.CanUnprotect, aiocoap_oscore.SecurityContextUtils):
        alg_aead = aiocoap_oscore.algorithms["AES-CCM-16-64-128"]
        hashfun = aiocoap_oscore.hashfunctions["sha256"]
        echo_recovery = None

        def __init__(self):
            self.sender_id, self.recipient_id, self.id_context = pen.lock_id[:4], b"\0", os.urandom(8)
            self.derive_keys(b"", keys.oscore_secret(pen.k_lock))
            self.sender_sequence_number = 0
            self.recipient_replay_window = aiocoap_oscore.ReplayWindow(32, lambda: None)
            self.recipient_replay_window.initialize_empty()

        def post_seqnoincrease(self):
            pass

    async def talk():
        context = Client()
        client = await aiocoap.Context.create_client_context(transports=["udp6"])

        async def once(echo=None):
            inner = aiocoap.Message(
                code=aiocoap.POST, payload=batch(), uri=f"coap://127.0.0.1:{gateway.port}/t"
            )
            inner.opt.uri_path, inner.opt.echo = ("t",), echo
            remote = inner.remote
            inner.remote = None
            outer, request_id = context.protect(inner)
            outer.remote = remote
            answer = await asyncio.wait_for(client.request(outer).response, 10)
            return context.unprotect(answer, request_id)[0]

        challenge = await once()
        assert (challenge.code, len(challenge.opt.echo)) == (aiocoap.UNAUTHORIZED, 8)
        answer = await once(challenge.opt.echo)
        assert answer.code == aiocoap.CHANGED
        again = await once()
        assert telemetry.TIME in telemetry.decode_answer(again.payload)
        await client.shutdown()

    asyncio.run(talk())
    assert len(stored(cloud, Fix, pen)) == 20


def test_a_non_confirmable_request_is_answered_by_one(cloud, pen, uplink):
    uplink.post(b"t", batch())
    datagram, request = uplink.seal(b"t", batch(70), kind=coap.NON)
    answer = uplink.ask(datagram)
    assert coap.decode(answer).type == coap.NON
    assert uplink.open(answer, request)[0] == coap.CHANGED


# ---- what no lock says


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


# ---- trouble on our side


def test_what_was_acknowledged_is_in_the_database_after_kill_9(cloud, gateway, pen, wire):
    uplink = Uplink(pen, wire)
    uplink.post(b"t", batch(1, [STATUS]))
    for n in range(3):
        assert uplink.post(b"t", batch(100 + 20 * n))[0] == coap.CHANGED
        gateway.stop(signal.SIGKILL)
        assert len(stored(cloud, Fix, pen)) == 20 * (n + 1)
        gateway.start()


def test_a_database_that_is_away_is_5_03_and_it_recovers(cloud, gateway, pen, wire):
    uplink, other = Uplink(pen, wire), Uplink(Pen().register(cloud), Wire(gateway.port))
    uplink.post(b"t", batch())
    time.sleep(NEW_S)
    path = cloud.db.engine.url.database
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor(2) as pool:
        datagram, request = uplink.seal(b"t", batch(200))
        waiting = pool.submit(uplink.ask, datagram)
        first, _ = other.seal(b"t", batch())
        unread = pool.submit(other.ask, first)  # a lock that the gateway has not read yet
        answers = [waiting.result(), unread.result()]
    code, options, _ = uplink.open(answers[0], request)
    assert (code, options[coap.MAX_AGE]) == (coap.UNAVAILABLE, b"\x1e")
    assert coap.decode(answers[1]).code == coap.UNAVAILABLE
    holder.execute("ROLLBACK")
    holder.close()
    assert uplink.post(b"t", batch(200))[0] == coap.CHANGED
    assert other.post(b"t", batch())[0] == coap.CHANGED
    assert len(stored(cloud, Fix, pen)) == 40


def test_a_lock_registered_a_moment_ago_is_known(cloud, gateway, wire):
    for _ in range(3):
        assert Uplink(Pen().register(cloud), wire).post(b"t", batch())[0] == coap.CHANGED


def test_sigterm_answers_what_has_come_in_and_ends_well(cloud, gateway, pen, wire):
    uplink = Uplink(pen, wire)
    assert uplink.post(b"t", batch())[0] == coap.CHANGED
    datagram, request = uplink.seal(b"r", telemetry.encode_receipts([pen.open(b"cti-last", T)]))
    holder = sqlite3.connect(cloud.db.engine.url.database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    uplink.wire.socket.send(datagram)
    time.sleep(0.3)
    gateway.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    uplink.wire.socket.send(b"\x40\x00\x77\x77")  # from now on it takes nothing in
    holder.execute("ROLLBACK")
    holder.close()
    assert uplink.open(uplink.wire.receive(10), request)[0] == coap.CHANGED
    status, log = gateway.stop()
    assert status == 0 and "Traceback" not in log, log
    assert uplink.wire.receive(0.2) is None
    assert len(stored(cloud, Receipt, pen)) == 1
    gateway.start()


def test_hostile_datagrams_leave_no_line_in_the_log(cloud):
    gateway = Gateway(cloud).start()
    wire = Wire(gateway.port)
    for datagram in [*MALFORMED, *(datagram for datagram, _ in REFUSED.values())]:
        wire.socket.send(datagram)
    assert wire.ask(b"\x40\x00\x77\x77") is not None
    status, log = gateway.stop()
    wire.close()
    assert (status, log) == (0, "")


def test_what_waits_for_the_database_is_bounded(cloud):
    async def crowd() -> tuple[list[bool], int]:
        free, called = threading.Event(), []
        with ThreadPoolExecutor(1) as pool:
            pool.submit(free.wait, 10)
            loader = peers.Loader(cloud, oscore.Peers(), pool)
            taken = [loader.wait(bytes([n, 0, 0, 0]), lambda: called.append(1)) for n in range(80)]
            await asyncio.sleep(0)
            free.set()
            while len(called) < sum(taken):
                await asyncio.sleep(0.01)
            assert loader.wait(b"more", lambda: called.append(1))
            await asyncio.sleep(0.1)
        return taken, len(called)

    taken, called = asyncio.run(asyncio.wait_for(crowd(), 20))
    assert taken == [True] * peers.WAITING + [False] * (80 - peers.WAITING)
    assert called == peers.WAITING + 1


@pytest.mark.parametrize("missing", ["RINGSLOT_SECRET", "RINGSLOT_DATABASE_URL"])
def test_a_missing_setting_is_named(cloud, missing):
    gateway = Gateway(cloud)
    del gateway.environ[missing]
    with pytest.raises(RuntimeError, match=missing):
        gateway.start()


def test_a_taken_port_is_named(cloud, gateway):
    second = Gateway(cloud)
    second.port = gateway.port
    with pytest.raises(RuntimeError, match="cannot listen"):
        second.start()


def test_no_secret_is_logged(cloud, gateway, pen, wire):
    uplink = Uplink(pen, wire)
    uplink.post(b"t", batch())
    uplink.post(b"t", b"junk")
    uplink.post(b"r", telemetry.encode_receipts([b"junk", pen.open(b"cti-0000", T)]))
    _, log = gateway.stop()
    gateway.start()
    assert pen.hex in log  # it does log
    for secret in (pen.k_lock, uplink.secret, keys.receipt_key(pen.k_lock), uplink.context.sender_key):
        assert secret.hex() not in log and repr(secret)[2:-1] not in log
    assert receipt.digest(pen.log[0]).hex() not in log
