# heap: 1m
"""What bad input gets: a status, one note, its own link cut; and the next honest rider is served."""

import hashlib

from boards.sim.bench import K_LOCK, LOCK, Answer, Bench, key
from firmware.lock import Lock
from protocol import cbor, exchange, frames, keys, receipt, status, token

RIDER, OTHER, TECH = key("rider"), key("other"), key("tech")


def _honest_rider_is_served(bench, epoch=1):
    phone = bench.phone()
    answer = phone.open(bench.token(RIDER, epoch), RIDER)
    assert answer.status == status.OK, status.NAMES[answer.status]
    assert bench.world.bolt_open()


def _notes(bench):
    """Status codes of the refusals that were noted."""
    _, records = bench.lock.outbox.peek(99)
    return [record[3] for record in records if record[0] == 2 and record[2] == 1]


def _refused(phone, code):
    """The one message that came is a RESULT with that code."""
    opcode, body = phone.next()
    assert opcode == exchange.RESULT, opcode
    found = exchange.decode_result(body)
    assert found[0] == code, status.NAMES[found[0]]
    assert found[1] is None
    assert phone.next() == (None, None)


def _shut(bench, *phones):
    bench.world.close()
    bench.wait(1)
    for phone in phones:
        phone.listen()


def _cut(bench, phone):
    """The link ends, though not before its RESULT could get through."""
    assert phone.up
    bench.wait(0.3)
    return not phone.up and phone.conn not in bench.lock.session.links


def test_the_challenge_is_sealed_for_the_cloud_alone():
    bench = Bench(Lock)
    phone = bench.phone()
    challenge = phone.hello()
    key_of_lock = keys.status_key(K_LOCK)
    found, fields = exchange.open_status(key_of_lock, phone.hello_body, phone.challenge_body)
    assert found == challenge and len(challenge) == 16
    assert fields[:4] == [LOCK, 0, 0, status.STATE_LOCKED] and fields[7] == 1
    assert abs(fields[4] - bench.now) <= 1 and fields[6] > 4000
    assert LOCK not in phone.challenge_body
    bench.close()


def test_every_hello_gets_another_challenge_and_replaces_the_one_before():
    bench = Bench(Lock)
    phone = bench.phone()
    first = phone.hello()
    body = phone.request(exchange.OPEN, bench.token(RIDER), bytes(32), RIDER)
    assert phone.hello() != first
    answer = phone.ask(body)
    assert answer.status == status.FORGED
    bench.close()


def test_a_replayed_session_is_forged_and_nothing_moves():
    bench = Bench(Lock)
    raw = bench.token(RIDER, 1, mode=token.MODE_PERIOD, hold=0)
    phone = bench.phone()
    phone.hello()
    body = phone.request(exchange.OPEN, raw, hashlib.sha256(raw).digest(), RIDER)
    assert phone.ask(body).status == status.OK
    assert phone.ask(body).status == status.NO_CHALLENGE  # on its own link: the challenge is burnt
    bench.world.close()
    bench.wait(1)
    moved = bench.world.actuations
    for boot in (None, True, False):
        if boot is not None:
            bench.reboot(boot)
            bench.lock.clock.set(bench.now, 1)
        other = bench.phone()
        other.send(exchange.HELLO, phone.hello_body)  # the very same HELLO
        other.next()
        assert other.ask(body).status == status.FORGED
        other.leave()
    assert bench.world.actuations == moved
    bench.close()


def test_a_proof_for_another_link_lock_command_or_token_is_forged():
    bench = Bench(Lock)
    raw, second = bench.token(RIDER), bench.token(RIDER)
    digest = hashlib.sha256(raw).digest()
    one, two = bench.phone(), bench.phone()
    one.hello()
    two.hello()
    assert two.ask(one.request(exchange.OPEN, raw, digest, RIDER)).status == status.FORGED
    cases = (
        lambda phone: (exchange.SERVICE, digest, RIDER),
        lambda phone: (exchange.OPEN, hashlib.sha256(second).digest(), RIDER),
        lambda phone: (exchange.OPEN, bytes(8), RIDER),
        lambda phone: (exchange.OPEN, digest, OTHER),
    )
    for case in cases:
        phone = bench.phone()
        phone.hello()
        command, subject, holder = case(phone)
        transcript = exchange.transcript(phone.hello_body, phone.challenge_body)
        proof = holder.sign(exchange.proof_input(subject, transcript, command))
        assert phone.ask(exchange.encode_request(exchange.OPEN, raw, proof)).status == status.FORGED
        assert _cut(bench, phone)
    assert bench.world.actuations == 0
    _honest_rider_is_served(bench)
    bench.close()


def test_a_proof_may_bring_hints_that_are_exactly_right():
    bench = Bench(Lock)
    raw = bench.token(RIDER)

    def ask(change):
        phone = bench.phone()
        phone.hello()
        transcript = exchange.transcript(phone.hello_body, phone.challenge_body)
        proof = RIDER.sign(exchange.proof_input(hashlib.sha256(raw).digest(), transcript, exchange.OPEN))
        hinted = change(exchange.hinted(proof, RIDER.public))
        answer = phone.ask(exchange.encode_request(exchange.OPEN, raw, hinted))
        assert answer.status == status.OK or _cut(bench, phone)
        return answer

    for place in (64, 95, 96, 127):  # the first and last byte of either
        changed = ask(lambda proof, at=place: proof[:at] + bytes([proof[at] ^ 8]) + proof[at + 1 :])
        assert changed.status == status.FORGED, place
    assert ask(lambda proof: proof[:64] + proof[96:] + proof[64:96]).status == status.FORGED
    assert ask(lambda proof: proof[:96]).status == status.MALFORMED
    assert bench.world.actuations == 0
    assert ask(lambda proof: proof).status == status.OK and bench.world.actuations == 1
    bench.close()


def test_a_weak_holder_key_is_no_bearer_token():
    bench = Bench(Lock)
    identity = bytes([1]) + bytes(31)

    class Weak:
        public = identity

    raw = bench.token(Weak)
    phone = bench.phone()
    phone.hello()
    answer = phone.ask(exchange.encode_request(exchange.OPEN, raw, identity + bytes(32)))
    assert answer.status == status.FORGED and bench.world.actuations == 0
    bench.close()


def test_every_flipped_bit_of_a_request_is_refused():
    bench = Bench(Lock)
    raw = bench.token(RIDER)
    phone = bench.phone()
    phone.hello()
    body = phone.request(exchange.OPEN, raw, hashlib.sha256(raw).digest(), RIDER)
    phone.leave()
    for i in range(0, len(body), 5):
        phone = bench.phone()
        phone.hello()
        good = phone.request(exchange.OPEN, raw, hashlib.sha256(raw).digest(), RIDER)
        assert len(good) == len(body)
        answer = phone.ask(good[:i] + bytes([good[i] ^ 1 << i % 8]) + good[i + 1 :])
        assert answer.status != status.OK, i
        phone.leave()
    assert bench.world.actuations == 0
    _honest_rider_is_served(bench)
    bench.close()


def test_requests_without_a_live_challenge():
    bench = Bench(Lock)
    raw = bench.token(RIDER)
    phone = bench.phone()
    phone.hello_body = phone.challenge_body = b""
    assert phone.ask(phone.request(exchange.OPEN, raw, bytes(32), RIDER)).status == status.NO_CHALLENGE
    assert _cut(bench, phone)
    # a challenge lives 10 s, also on a link that stays
    phone = bench.phone()
    assert phone.open(raw, RIDER).status == status.OK
    phone.hello()
    bench.wait(10)
    cti = bench.lock.ledger.ride.cti
    assert phone.ask(phone.request(exchange.OPEN, None, cti, RIDER)).status == status.NO_CHALLENGE
    bench.close()


def test_commands_that_are_none():
    bench = Bench(Lock)
    raw = bench.token(RIDER)
    for command, shown in (
        (0, None),
        (4, None),
        (2**32 - 1, raw),
        (exchange.END, raw),
        (exchange.SERVICE, None),
    ):
        phone = bench.phone()
        phone.hello()
        answer = phone.ask(phone.request(command, shown, hashlib.sha256(shown or b"").digest(), RIDER))
        assert answer.status == status.MALFORMED
        assert _cut(bench, phone)
    _honest_rider_is_served(bench)
    bench.close()


def test_garbage_in_frames():
    bench = Bench(Lock)
    garbage = (
        b"",
        b"\x80",
        b"\x00\x00",
        b"\x81\x01\x00\x01\x80",  # begins at 1
        b"\x80\x04\x00\x01\x80",  # RESULT is not for the lock
        b"\x80\x00\x00\x01\x80",
        b"\x80\x01\x00\x00",
        b"\x80\x01\x04\x01\x00",  # 1,025 bytes
        b"\x80\x01\x00\x01\x80\x80",  # longer than announced
        b"\xff" * 200,
    )
    for frame in garbage:
        phone = bench.phone()
        phone.frame(frame)
        _refused(phone, status.MALFORMED)
        phone.frame(
            b"\x80\x01\x00\x0c" + exchange.encode_hello(bytes(8))
        )  # too late: nothing is heard any more
        assert phone.next() == (None, None)
        assert _cut(bench, phone)
    assert _notes(bench) == [status.MALFORMED] * len(garbage)
    _honest_rider_is_served(bench)
    bench.close()


def test_garbage_in_messages():
    bench = Bench(Lock)
    hello = exchange.encode_hello(bytes(8))
    bodies = [
        (opcode, body)
        for opcode in (exchange.HELLO, exchange.REQUEST, exchange.COLLECT)
        for body in (b"\xff", b"\x80\x80", b"\xa0", b"\x9f\xff")
    ]
    bodies += [(exchange.HELLO, hello[:-1]), (exchange.HELLO, hello + b"\x00"), (exchange.REQUEST, hello)]
    bodies += [
        (exchange.HELLO, cbor.encode([1, bytes(7), 0])),
        (exchange.HELLO, cbor.encode([1, bytes(8), 2])),
    ]
    bodies += [(exchange.REQUEST, cbor.encode([1, [], b"no token", bytes(64)]))]
    bodies += [(exchange.REQUEST, cbor.encode([1, [1], None, bytes(64)]))]
    bodies += [(exchange.REQUEST, cbor.encode([1, [], None, bytes(63)]))]
    for opcode, body in bodies:
        phone = bench.phone()
        if opcode != exchange.HELLO:
            phone.hello()
        phone.send(opcode, body)
        _refused(phone, status.MALFORMED)
        assert _cut(bench, phone)
    assert bench.lock.session.errors == 0
    _honest_rider_is_served(bench)
    bench.close()


def test_another_version():
    bench = Bench(Lock)
    for version in (0, 2, 23, 2**32 - 1):
        phone = bench.phone()
        phone.send(exchange.HELLO, cbor.encode([version, bytes(8), 0]))
        _refused(phone, status.VERSION)
        phone.send(exchange.HELLO, exchange.encode_hello(bytes(8)))
        assert phone.next() == (None, None)
        assert _cut(bench, phone)
    bench.close()


def test_before_hello_nothing_answers():
    bench = Bench(Lock)
    phone = bench.phone()
    phone.send(exchange.COLLECT, exchange.encode_collect())
    _refused(phone, status.MALFORMED)
    bench.close()


def test_lost_frames_are_never_read_over():
    bench = Bench(Lock)
    phone = bench.phone()
    phone._event("overrun", None)
    _refused(phone, status.MALFORMED)
    assert _cut(bench, phone)
    bench.close()


def test_every_mtu_gives_the_same_ride():
    for mtu in (23, 24, 185, 247, 517):
        bench = Bench(Lock)
        phone = bench.phone(mtu)
        raw = bench.token(RIDER)
        answer = phone.open(raw, RIDER)
        assert answer.status == status.OK
        assert receipt.open(keys.receipt_key(K_LOCK), answer.receipt).cti == token.parse(raw).claims.cti
        bench.close()


def test_who_proves_nothing_is_cut_after_10_s_or_30():
    bench = Bench(Lock)
    silent, patient, never = bench.phone(), bench.phone(), bench.phone()
    patient.hello(patience=1)
    bench.wait(9)
    never.hello()  # a HELLO is no proof
    assert silent.up and never.up
    bench.wait(1.1)
    assert not silent.up and not never.up and patient.up
    bench.wait(19)
    assert patient.up
    bench.wait(1)
    assert not patient.up
    bench.close()


def test_a_message_must_come_within_10_s():
    bench = Bench(Lock)
    phone = bench.phone()
    assert phone.open(bench.token(RIDER), RIDER).status == status.OK  # this link may stay
    first = phone._sender.frames(exchange.HELLO, exchange.encode_hello(bytes(8)), 8)[0]
    phone.frame(first)
    bench.wait(9.9)
    assert phone.up
    bench.wait(0.2)
    assert not phone.up
    bench.close()


def test_a_byte_now_and_then_does_not_hold_a_link():
    bench = Bench(Lock)
    phone = bench.phone()
    body = exchange.encode_hello(bytes(8), 1)
    phone.frame(bytes([0x80, exchange.HELLO, 0, len(body)]))
    for i in range(len(body)):
        phone.frame(bytes([i + 1, body[i]]))
        bench.wait(2)
    assert not phone.up
    bench.close()


def test_an_accepted_link_stays_until_120_s_of_silence():
    bench = Bench(Lock)
    phone = bench.phone()
    phone.open(bench.token(RIDER), RIDER)
    bench.wait_long(110)
    phone.hello()
    bench.wait_long(119)
    assert phone.up
    bench.wait_long(2)
    assert not phone.up
    bench.close()


def test_a_fifth_phone_evicts_the_oldest_that_proved_nothing():
    bench = Bench(Lock)
    session = bench.lock.session

    def connect(conn):
        bench.run(session.handle("connect", conn, None))

    rider = bench.phone()
    rider.open(bench.token(RIDER), RIDER)
    for conn in (101, 102, 103):
        connect(conn)
        bench.wait(0.1)
    connect(104)
    assert sorted(session.links) == [rider.conn, 102, 103, 104]
    connect(105)
    assert sorted(session.links) == [rider.conn, 103, 104, 105]
    for link in session.links.values():
        link.accepted = True
    connect(106)
    assert 106 not in session.links and len(session.links) == 4
    bench.close()


def test_only_one_moves_the_bolt_at_a_time():
    bench = Bench(Lock)
    session, actions, phones = bench.lock.session, [], [bench.phone() for _ in range(3)]
    raw = bench.token(RIDER, mode=token.MODE_PERIOD)
    for phone in phones:
        phone.hello()
        body = phone.request(exchange.OPEN, raw, hashlib.sha256(raw).digest(), RIDER)
        for part in phone._sender.frames(exchange.REQUEST, body, 244):
            actions.append(session.take("frame", phone.conn, part))
    assert [action is not None for action in actions] == [False, True, False, False, False, False][
        : len(actions)
    ]
    for phone in phones[1:]:
        _refused(phone, status.BUSY)
    bench.run([action for action in actions if action][0])
    phones[0].listen()
    assert Answer(phones[0].heard[0][1]).status == status.OK and bench.world.actuations == 1
    bench.wait(1)
    assert [phone.up for phone in phones] == [True] * 3
    bench.close()


def test_the_phone_may_leave_while_the_bolt_moves():
    bench = Bench(Lock)
    raw = bench.token(RIDER)
    phone = bench.phone()
    phone.hello()
    body = phone.request(exchange.OPEN, raw, hashlib.sha256(raw).digest(), RIDER)
    for part in phone._sender.frames(exchange.REQUEST, body, 244):
        action = bench.lock.session.take("frame", phone.conn, part)
    phone.leave()
    bench.run(action)
    assert bench.lock.state == status.STATE_OPEN and bench.lock.session.errors == 0
    _reopened = bench.phone().reopen(token.parse(raw).claims.cti, RIDER)
    assert _reopened.status == status.OK and _reopened.receipt
    bench.close()


def test_close_and_end_are_pushed_to_the_rides_phone_alone():
    bench = Bench(Lock)
    rider, stranger = bench.phone(), bench.phone()
    raw = bench.token(RIDER)
    rider.open(raw, RIDER)
    stranger.hello()
    _shut(bench, rider, stranger)
    assert [receipt.parse(data).type for data in rider.receipts] == [receipt.CLOSE]
    assert stranger.receipts == [] and stranger.heard == []
    answer = rider.end(token.parse(raw).claims.cti, RIDER)
    assert receipt.parse(answer.receipt).type == receipt.END
    rider.listen()
    assert len(rider.receipts) == 1  # the END came as its answer, not twice
    bench.close()


def test_a_service_close_is_pushed_once_to_whoever_opened_for_it():
    bench = Bench(Lock)
    rider, tech, stranger = bench.phone(), bench.phone(), bench.phone()
    raw = bench.token(RIDER)
    rider.open(raw, RIDER)
    _shut(bench, rider)
    rider.receipts.clear()
    stranger.hello()
    master = bench.token(TECH, 1, issuer="master")
    assert tech.service(master, TECH).status == status.OK
    _shut(bench, rider, tech, stranger)
    assert [receipt.parse(data).type for data in tech.receipts] == [receipt.SERVICE_CLOSE]
    assert rider.receipts == [] and stranger.receipts == [] and stranger.heard == []
    assert stranger.service(master, TECH).status == status.OK
    _shut(bench, rider, tech, stranger)
    assert len(tech.receipts) == 1  # what another opened since is not its concern
    assert rider.receipts == [] and len(stranger.receipts) == 1
    bench.close()


def test_any_phone_collects_what_the_cloud_lacks_and_can_read_none_of_it():
    bench = Bench(Lock)
    for epoch in range(1, 5):
        rider = bench.phone()
        rider.open(bench.token(RIDER, epoch, hold=0), RIDER)
        rider.leave()
        bench.world.close()
        bench.wait(1)
    bench.lock.receipts.acked(2)
    expected = [raw for _, raw in bench.lock.receipts.after(2, 99)]
    assert len(expected) == 10
    mule = bench.phone()
    mule.hello()
    collected, batches = [], 0
    while True:
        batch = mule.collect()
        if not batch:
            break
        collected += batch
        batches += 1
    assert collected == expected and batches == 2
    assert mule.collect() == []
    bench.close()


def test_a_radio_fault_is_noted_and_costs_nobody_a_link():
    bench = Bench(Lock)
    phone = bench.phone()
    bench.run(bench.lock.session.handle("fault", None, 3))
    _, records = bench.lock.outbox.peek(99)
    assert [record[2:] for record in records if record[2] == 4] == [(4, 3)]
    assert phone.open(bench.token(RIDER), RIDER).status == status.OK
    bench.close()


def test_an_exception_of_ours_costs_one_link():
    bench = Bench(Lock)
    good, bad = bench.phone(), bench.phone()
    good.hello()
    plain = bench.lock.session._clock.known
    for error in (MemoryError, ValueError, RuntimeError, OSError):

        def broken():
            raise error  # noqa: B023

        bench.lock.session._clock.known = broken
        bad.send(exchange.HELLO, exchange.encode_hello(bytes(8)))
        bench.lock.session._clock.known = plain
        assert not bad.up and good.up
        bad = bench.phone()
    assert bench.lock.session.errors == 4
    raw = bench.token(RIDER)
    answer = good.ask(good.request(exchange.OPEN, raw, hashlib.sha256(raw).digest(), RIDER))
    assert answer.status == status.OK
    bench.close()


def test_a_phone_that_takes_nothing_does_not_fill_the_memory():
    bench = Bench(Lock)
    phone = bench.phone(23)
    bench.board.link.stuffed = True
    for _ in range(40):
        if phone.up:
            phone.send(exchange.HELLO, exchange.encode_hello(bytes(8)))
    assert not phone.up
    bench.board.link.stuffed = False
    _honest_rider_is_served(bench)
    bench.close()


def test_frames_wait_for_room_in_the_radio():
    bench = Bench(Lock)
    phone = bench.phone()
    bench.board.link.stuffed = True
    phone.send(exchange.HELLO, exchange.encode_hello(bytes(8)))
    assert phone.next() == (None, None)
    bench.board.link.stuffed = False
    bench.wait(0.1)
    assert phone.next()[0] == exchange.CHALLENGE
    bench.close()


def test_a_thousand_bad_links_and_the_next_rider_is_served():
    bench = Bench(Lock)
    seed = b"seed"
    for _ in range(1000):
        phone = bench.phone()
        seed = hashlib.sha256(seed).digest()
        phone.frame(seed[: 1 + seed[0] % 32])
        phone.leave()
        bench.board.link._phones.clear()
    assert bench.world.actuations == 0 and bench.lock.session.links == {} and bench.lock.session.errors == 0
    assert 20 < len(_notes(bench)) < 40  # told, without filling the outbox
    _honest_rider_is_served(bench)
    bench.close()


def test_an_opcode_and_a_frame_limit_are_the_protocols():
    assert frames.BODY_MAX == 1024 and exchange.TO_LOCK == (1, 3, 6, 8, 10)
