"""The gateway as it runs: a process, a socket, locks that are honest and datagrams that are not."""

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import aiocoap
import pytest
from aiocoap import oscore as aiocoap_oscore
from sqlalchemy import select

from cloud import commands, endpoint, locks, oscore, peers, testdatabase
from cloud.context import Cloud
from cloud.gateway import Gateway as InProcess
from cloud.tables import Fix, Lock, Note, Receipt, Ride, StatusSample
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
        command_id = commands.ask(session, session.get(Lock, pen.hex), "find", RIDER, NOW)
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


def test_a_restart_costs_the_lock_nothing_and_opens_no_door_to_a_replay(cloud, gateway, pen, uplink):
    uplink.post(b"t", batch())
    status, log = gateway.stop()
    assert status == 0, log
    gateway.start()
    uplink.bare, before = 0, len(uplink.sent)
    assert uplink.post(b"t", batch(50))[0] == coap.CHANGED
    assert (uplink.bare, len(uplink.sent)) == (0, before + 1)
    assert len(stored(cloud, Fix, pen)) == 40
    gateway.stop()
    gateway.start()
    for datagram in uplink.sent[-2:]:
        assert coap.decode(uplink.ask(datagram)).code == coap.UNAUTHORIZED


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
    with testdatabase.held(cloud.db), ThreadPoolExecutor(2) as pool:
        datagram, request = uplink.seal(b"t", batch(200))
        waiting = pool.submit(uplink.ask, datagram)
        first, _ = other.seal(b"t", batch())
        unread = pool.submit(other.ask, first)  # a lock that the gateway has not read yet
        answers = [waiting.result(), unread.result()]
    code, options, _ = uplink.open(answers[0], request)
    assert (code, options[coap.MAX_AGE]) == (coap.UNAVAILABLE, b"\x1e")
    assert coap.decode(answers[1]).code == coap.UNAVAILABLE
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
    with testdatabase.held(cloud.db):
        uplink.wire.socket.send(datagram)
        time.sleep(0.3)
        gateway.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        uplink.wire.socket.send(b"\x40\x00\x77\x77")  # from now on it takes nothing in
    assert uplink.open(uplink.wire.receive(10), request)[0] == coap.CHANGED
    status, log = gateway.stop()
    assert status == 0 and "Traceback" not in log, log
    assert uplink.wire.receive(0.2) is None
    assert len(stored(cloud, Receipt, pen)) == 1
    gateway.start()


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
