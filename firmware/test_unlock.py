# heap: 1m
"""Rides from the first HELLO to the last receipt, on a virtual board, with real tokens and proofs."""

import hashlib

from boards.sim import shown
from boards.sim.bench import K_LOCK, LOCK, NOW, Answer, Bench, Phone, key, kid_of
from boards.sim.power import Halt
from firmware.lock import Lock
from protocol import exchange, keys, receipt, status, token

RIDER, OTHER, THIRD, TECH = key("rider"), key("other"), key("third"), key("technician")
PERIOD = token.MODE_PERIOD
_KEY = keys.receipt_key(K_LOCK)


def _visit(bench, ask, *args):
    """One request by a phone that comes for it and leaves."""
    phone = bench.phone()
    answer = ask(phone, *args)
    phone.leave()
    return answer


def _open(bench, raw, holder):
    return _visit(bench, Phone.open, raw, holder)


def _service(bench, raw, holder):
    return _visit(bench, Phone.service, raw, holder)


def _reopen(bench, cti, holder):
    return _visit(bench, Phone.reopen, cti, holder)


def _end(bench, cti, holder):
    return _visit(bench, Phone.end, cti, holder)


def _says(answer, code):
    assert answer.status == code, status.NAMES[answer.status]
    return receipt.open(_KEY, answer.receipt) if answer.receipt else None


def _state(bench, state):
    assert bench.lock.state == state, shown.of(bench.lock)


def _log(bench):
    return [receipt.open(_KEY, raw) for _, raw in bench.lock.receipts.after(0, 999)]


def _types(bench):
    return [parsed.type for parsed in _log(bench)]


def _closed(bench):
    bench.world.close()
    bench.wait(1)


def _riding(bench, mode=token.MODE_SINGLE, epoch=1, **claims):
    """A ride under way; (its phone, its cti)."""
    cti = bench.random(8)
    phone = bench.phone()
    _says(phone.open(bench.token(RIDER, epoch, cti, mode=mode, **claims), RIDER), status.OK)
    return phone, cti


def _parked(bench, **claims):
    phone, cti = _riding(bench, **claims)
    _closed(bench)
    return phone, cti


# ---- a ride


def test_a_start_moves_the_bolt_once_and_says_all_about_it():
    bench = Bench(Lock)
    raw = bench.token(RIDER, 7)
    phone = bench.phone()
    answer = phone.open(raw, RIDER)
    opened = _says(answer, status.OK)
    assert bench.world.bolt_open() and bench.world.actuations == 1
    claims = token.parse(raw).claims
    assert (opened.type, opened.seq, opened.prev) == (receipt.OPEN, 1, bytes(16))
    assert (opened.lock_id, opened.cti, opened.issue) == (LOCK, claims.cti, [kid_of("ride"), 7])
    assert NOW <= opened.at <= NOW + 5 and opened.error < 10 and opened.fix is None
    assert opened.bits == receipt.BOLT_OPEN and opened.battery > 4000 and opened.detail is None
    transcript, proof = opened.request
    covered = exchange.proof_input(hashlib.sha256(raw).digest(), transcript, exchange.OPEN)
    assert transcript == exchange.transcript(phone.hello_body, phone.challenge_body)
    assert RIDER.public == claims.holder and len(proof) == 64 and covered
    assert 300 < answer.ms[2] < 600
    _state(bench, status.STATE_OPEN)
    bench.close()


def test_close_park_reopen_end():
    bench = Bench(Lock)
    phone, cti = _riding(bench)
    bench.wait(5)
    _closed(bench)
    _state(bench, status.STATE_PARKED)
    phone.listen()
    closed = receipt.open(_KEY, phone.receipts.pop())
    assert (closed.type, closed.cti, closed.bits & receipt.BOLT_OPEN) == (receipt.CLOSE, cti, 0)
    assert closed.detail[1] == receipt.CLOSE_SEEN and abs(closed.detail[0] - NOW) <= 2
    reopened = _says(phone.reopen(cti, RIDER), status.OK)
    assert (reopened.type, reopened.issue) == (receipt.REOPEN, None) and bench.world.actuations == 2
    _state(bench, status.STATE_OPEN)
    _says(phone.end(cti, RIDER), status.NOT_CLOSED)
    _closed(bench)
    second = _log(bench)[-1]
    bench.wait(30)
    ended = _says(phone.end(cti, RIDER), status.OK)
    assert ended.detail == [second.seq, second.at, receipt.END_RIDER] and ended.request
    _state(bench, status.STATE_LOCKED)
    assert _types(bench) == [receipt.OPEN, receipt.CLOSE, receipt.REOPEN, receipt.CLOSE, receipt.END]
    _says(phone.reopen(cti, RIDER), status.NO_RIDE)
    assert bench.world.actuations == 2
    bench.close()


def test_a_close_is_dated_at_the_sensors_moment():
    bench = Bench(Lock)
    _riding(bench)
    bench.wait(100)
    at = bench.now
    _closed(bench)
    assert _log(bench)[-1].at in (at, at + 1)
    bench.close()


def test_reopening_an_open_ride_moves_nothing_and_gives_its_latest_receipt():
    bench = Bench(Lock)
    phone, cti = _riding(bench)
    opened = _says(phone.reopen(cti, RIDER), status.OK)
    assert (opened.type, opened.seq) == (receipt.OPEN, 1) and bench.world.actuations == 1
    assert _types(bench) == [receipt.OPEN]
    bench.close()


def test_hold_is_over_by_uptime_and_the_end_names_the_last_close():
    bench = Bench(Lock, hold_max_s=600)
    phone, cti = _parked(bench)  # asks for 900 s
    closed = _log(bench)[-1]
    bench.wait_long(598)
    _state(bench, status.STATE_PARKED)
    bench.wait_long(2)
    _state(bench, status.STATE_LOCKED)
    ended = _log(bench)[-1]
    assert (ended.type, ended.detail) == (receipt.END, [closed.seq, closed.at, receipt.END_HOLD])
    assert ended.request is None
    bench.close()


def test_no_hold_ends_with_the_close():
    bench = Bench(Lock)
    phone, cti = _parked(bench, hold=0)
    assert _types(bench) == [receipt.OPEN, receipt.CLOSE, receipt.END]
    phone.listen()
    assert [receipt.parse(raw).type for raw in phone.receipts] == [receipt.CLOSE, receipt.END]
    bench.close()


def test_hold_begins_with_each_close():
    bench = Bench(Lock)
    bench.wait_long(600)
    phone, cti = _riding(bench)
    bench.wait_long(600)
    for _ in range(2):
        _closed(bench)
        bench.wait_long(890)
        _state(bench, status.STATE_PARKED)
        _says(_reopen(bench, cti, RIDER), status.OK)
    bench.close()


def test_hold_that_is_over_while_the_bolt_moves_ends_nothing():
    bench = Bench(Lock)
    phone, cti = _parked(bench)
    bench.wait_long(898)
    bench.wait(0.8)
    phone = bench.phone()
    phone.hello()
    body = phone.request(exchange.OPEN, None, cti, RIDER)
    for part in phone._sender.frames(exchange.REQUEST, body, 244):
        action = bench.lock.session.take("frame", phone.conn, part)
    sleep_ms = bench.board.clock.sleep_ms

    async def ticking(ms):
        await sleep_ms(ms)
        bench.lock.tick()

    bench.board.clock.sleep_ms = ticking
    bench.run(action)
    _says(_result(phone), status.OK)
    _state(bench, status.STATE_OPEN)
    assert _types(bench) == [receipt.OPEN, receipt.CLOSE, receipt.REOPEN]
    bench.close()


def test_a_close_counts_though_nobody_looked_before_the_next_request():
    bench = Bench(Lock)
    phone, cti = _riding(bench)
    bench.world.close()
    bench.run(bench.board.timeline.sleep_ms(500))  # no tick
    reopened = _says(phone.reopen(cti, RIDER), status.OK)
    assert reopened.type == receipt.REOPEN and _types(bench)[1] == receipt.CLOSE
    bench.close()


def test_a_receipt_says_where_the_bike_was_and_a_fault_there_costs_the_position_only():
    bench = Bench(Lock)
    bench.lock.ledger._last_fix = lambda: [520_000_000, 51_000_000, 7, 35]
    phone, cti = _riding(bench)
    bench.lock.ledger._last_fix = lambda: 1 // 0
    _closed(bench)
    opened, closed = _log(bench)
    assert opened.fix == [520_000_000, 51_000_000, 7, 35] and closed.fix is None
    bench.close()


def test_the_log_keeps_what_the_running_ride_needs():
    bench = Bench(Lock)
    phone, cti = _riding(bench)
    assert bench.lock.receipts.keep == 1
    _closed(bench)
    assert bench.lock.receipts.keep == 2
    bench.reboot()
    assert bench.lock.receipts.keep == 2
    _says(_end(bench, cti, RIDER), status.OK)
    assert bench.lock.receipts.keep is None
    bench.close()


def test_a_single_ride_starts_once_and_a_period_again_and_again():
    bench = Bench(Lock)
    raw = bench.token(RIDER, 3, hold=0)
    _says(_open(bench, raw, RIDER), status.OK)
    _closed(bench)
    _says(_open(bench, raw, RIDER), status.OLD)
    raw = bench.token(RIDER, 4, hold=0, mode=PERIOD)
    for _ in range(2):
        _says(_open(bench, raw, RIDER), status.OK)
        _closed(bench)
    assert bench.lock.floors.ride() == 4
    bench.close()


# ---- refusals


def test_what_is_refused_moves_nothing_and_leaves_no_receipt():
    bench = Bench(Lock)
    far = bench.now + 10_000
    cases = (
        (bench.token(RIDER, lock=b"lock-two"), status.WRONG_LOCK),
        (bench.token(RIDER, issuer="stranger"), status.KEY),
        (bench.token(RIDER, issuer="master"), status.KEY),
        (bench.token(RIDER, nbf=far, exp=far + 9, iat=bench.now), status.EXPIRED),
        (bench.token(RIDER, exp=bench.now - 9, nbf=bench.now - 60), status.EXPIRED),
        (bench.token(RIDER, nonce=bytes(16)), status.EXPIRED),
        (bench.token(RIDER, mode=token.SUCCESSOR), status.NO_RIDE),
        (bench.token(OTHER), status.FORGED),  # shown with a proof by the rider's key
    )
    for raw, code in cases:
        assert _says(_open(bench, raw, RIDER), code) is None
    assert bench.world.actuations == 0 and bench.lock.receipts.last_seq == 0
    first, records = bench.lock.outbox.peek(50)
    noted = [record[3] for record in records if record[0] == 2 and record[2] == 1]
    assert noted == [code for _, code in cases]
    _says(_open(bench, bench.token(RIDER), RIDER), status.OK)
    bench.close()


def test_a_token_that_its_issuer_did_not_sign():
    bench = Bench(Lock)
    kid = kid_of("ride")
    claims = token.parse(bench.token(RIDER)).claims
    raw = token.mint(key("forger").sign, kid, claims)
    _says(_open(bench, raw, RIDER), status.FORGED)
    assert bench.lock.floors.time() == 0 and bench.world.actuations == 0
    bench.close()


def test_a_stranger_cannot_reopen_or_end():
    bench = Bench(Lock)
    phone, cti = _parked(bench)
    _says(_reopen(bench, cti, OTHER), status.FORGED)
    _says(_end(bench, cti, OTHER), status.FORGED)
    _says(_reopen(bench, bytes(8), RIDER), status.FORGED)  # proves another subject
    _state(bench, status.STATE_PARKED)
    bench.close()


def test_low_battery():
    bench = Bench(Lock)
    bench.world.set_battery(3400)
    _says(_open(bench, bench.token(RIDER, 1), RIDER), status.LOW_BATTERY)
    bench.world.set_battery(4000)
    phone, cti = _parked(bench, epoch=2)
    bench.world.set_battery(3400)
    _says(phone.reopen(cti, RIDER), status.OK)
    _closed(bench)
    bench.world.set_battery(3200)
    _says(phone.reopen(cti, RIDER), status.LOW_BATTERY)
    _says(phone.end(cti, RIDER), status.OK)
    bench.close()


# ---- floors and time


def test_first_contact_by_a_newer_claim_kills_the_older_whatever_the_verdict():
    bench = Bench(Lock)
    first, second = bench.token(RIDER, 5, mode=PERIOD), bench.token(OTHER, 6)
    bench.world.set_battery(3400)
    _says(_open(bench, second, OTHER), status.LOW_BATTERY)
    bench.world.set_battery(4000)
    _says(_open(bench, first, RIDER), status.OLD)
    bench.reboot(warm=True)
    _says(_open(bench, first, RIDER), status.OLD)
    _says(_open(bench, second, OTHER), status.OK)
    bench.close()


def test_a_floor_never_ends_a_running_ride():
    bench = Bench(Lock)
    phone, cti = _parked(bench)
    bench.lock.floors.uplink(1000, 0)
    _says(phone.reopen(cti, RIDER), status.OK)
    _closed(bench)
    bench.reboot(warm=True)
    _says(_reopen(bench, cti, RIDER), status.OK)
    _says(_open(bench, bench.token(OTHER, 999), OTHER), status.OLD)
    bench.close()


def test_a_pooled_lock_raises_its_floor_only_when_told():
    bench = Bench(Lock, kind="pooled")
    _says(_open(bench, bench.token(RIDER, 9), RIDER), status.MODE)
    _says(_open(bench, bench.token(RIDER, 9, mode=PERIOD, hold=0), RIDER), status.OK)
    _closed(bench)
    _says(_open(bench, bench.token(OTHER, 5, mode=PERIOD, hold=0), OTHER), status.OK)
    _closed(bench)
    assert bench.lock.floors.ride() == 0
    _says(_open(bench, bench.token(RIDER, 9, mode=PERIOD, hold=0, floor=6), RIDER), status.OK)
    _closed(bench)
    _says(_open(bench, bench.token(OTHER, 5, mode=PERIOD), OTHER), status.OLD)
    bench.close()


def test_an_unknown_clock_asks_for_a_nonce_and_learns_the_time_from_it():
    bench = Bench(Lock, clock=False)
    phone = bench.phone()
    raw = bench.token(RIDER, 1, exp=bench.now + 9999)
    _says(phone.open(raw, RIDER), status.NEED_NONCE)
    challenge = phone.hello(patience=1)
    assert exchange.decode_challenge(phone.challenge_body)[1] & exchange.FLAG_CLOCK_UNKNOWN
    bound = bench.token(RIDER, 1, nonce=challenge, iat=bench.now)
    answer = phone.ask(phone.request(exchange.OPEN, bound, hashlib.sha256(bound).digest(), RIDER))
    opened = _says(answer, status.OK)
    assert abs(opened.at - bench.now) <= 2 and opened.error <= 62 and bench.lock.clock.known()
    _says(_open(bench, bound, RIDER), status.EXPIRED)  # another challenge
    bench.close()


def test_the_time_floor_outlives_the_clock():
    bench = Bench(Lock)
    old = bench.token(RIDER, 1, exp=bench.now + 10)
    bench.wait_long(200)
    _says(_open(bench, bench.token(OTHER, 2, hold=0), OTHER), status.OK)
    _closed(bench)
    bench.reboot(warm=False)
    assert not bench.lock.clock.set(NOW, 0)  # the past is refused
    assert bench.lock.clock.set(bench.lock.floors.time(), 0)
    _says(_open(bench, old, RIDER), status.EXPIRED)
    bench.close()


def test_a_dropped_key_takes_floor_and_time_with_it():
    bench = Bench(Lock, issuers=("leaked", "master"))
    late = bench.now + 20 * 86_400
    forged = bench.token(OTHER, 4_000_000, issuer="leaked", iat=late, exp=late + 9, hold=0)
    _says(_open(bench, forged, OTHER), status.OK)
    _closed(bench)
    bench.provision("exclusive", ("ride", "master"), {})
    bench.reboot(warm=True)
    assert (bench.lock.floors.ride(), bench.lock.floors.time(), bench.lock.clock.now()) == (0, 0, None)
    phone = bench.phone()
    raw = bench.token(RIDER, 2, nonce=phone.hello())
    answer = phone.ask(phone.request(exchange.OPEN, raw, hashlib.sha256(raw).digest(), RIDER))
    _says(answer, status.OK)
    bench.close()


def test_a_refusal_that_cannot_be_kept_is_quarantine():
    bench = Bench(Lock)
    bench.world.set_battery(3400)
    bench.board.power.fail_at(1)
    _says(_open(bench, bench.token(RIDER, 5), RIDER), status.QUARANTINE)
    _state(bench, status.STATE_QUARANTINE)
    bench.close()


def test_floors_outlive_the_receipts_that_raised_them():
    bench = Bench(Lock)
    phone, cti = _parked(bench, epoch=8)
    for _ in range(8):
        _says(phone.reopen(cti, RIDER), status.OK)
        _closed(bench)
    bench.lock.receipts.acked(bench.lock.receipts.last_seq)
    assert bench.lock.receipts.get(1) is None
    floor, time = bench.lock.floors.ride(), bench.lock.floors.time()
    bench.reboot()
    assert (floor, time) == (9, bench.lock.floors.time()) and bench.lock.floors.ride() == 9
    bench.close()


def test_an_ended_claim_is_remembered_through_service_and_boots():
    bench = Bench(Lock)
    cti = bench.random(8)
    _says(_open(bench, bench.token(RIDER, 5, cti, hold=0), RIDER), status.OK)
    again = bench.token(OTHER, 6, cti, hold=0)  # the claim's token once more, for another phone
    _says(_open(bench, again, OTHER), status.OK)
    _closed(bench)
    _says(_service(bench, bench.token(TECH, 1, issuer="master"), TECH), status.OK)
    _closed(bench)
    bench.reboot()
    _says(_open(bench, again, OTHER), status.ENDED)
    bench.close()


def test_the_highest_epoch_leaves_a_lock_that_still_answers():
    bench = Bench(Lock)
    _says(_open(bench, bench.token(RIDER, 2**32 - 1, hold=0), RIDER), status.OK)
    _closed(bench)
    bench.wait(2)
    _says(_open(bench, bench.token(OTHER, 2**32 - 1), OTHER), status.OLD)
    phone = bench.phone()
    phone.hello()
    _, fields = exchange.open_status(keys.status_key(K_LOCK), phone.hello_body, phone.challenge_body)
    assert fields[2] == 2**32 - 1
    bench.reboot()
    _says(_open(bench, bench.token(OTHER, 2**32 - 1), OTHER), status.OLD)
    _says(_service(bench, bench.token(TECH, 1, issuer="master"), TECH), status.OK)
    bench.close()


# ---- hand-over and successor


def test_an_orphan_is_handed_over_with_both_rides_linked():
    bench = Bench(Lock, still_s=60)
    phone, cti = _riding(bench)
    phone.leave()
    bench.wait_long(59)
    _says(_open(bench, bench.token(OTHER, 2), OTHER), status.IN_USE)
    bench.world.move()
    bench.wait(1)
    bench.world.still()
    bench.wait(1.2)
    stopped = bench.now
    bench.wait_long(58)
    new = bench.random(8)
    _says(_open(bench, bench.token(OTHER, 3, new), OTHER), status.IN_USE)
    bench.wait_long(3)
    handed = _says(_open(bench, bench.token(OTHER, 3, new), OTHER), status.OK)
    assert (handed.type, handed.cti, handed.issue[1]) == (receipt.HAND_OVER, new, 3)
    assert handed.detail[0] == cti and abs(handed.detail[1] - stopped) <= 1 and handed.detail[2] == 1
    assert bench.world.actuations == 1
    _says(_reopen(bench, cti, RIDER), status.FORGED)
    again = _says(_reopen(bench, new, OTHER), status.OK)
    assert again.seq == handed.seq
    _says(_open(bench, bench.token(THIRD, 4), THIRD), status.IN_USE)  # stillness begins anew
    bench.close()


def test_no_hand_over_while_the_riders_phone_is_there():
    bench = Bench(Lock, still_s=60)
    phone, cti = _riding(bench)
    bench.wait_long(100)
    _says(_open(bench, bench.token(OTHER, 2), OTHER), status.IN_USE)
    bench.wait_long(30)  # silent for 120 s: the link is over
    assert not phone.up
    _says(_open(bench, bench.token(OTHER, 2), OTHER), status.OK)
    bench.close()


def test_a_bike_that_moves_off_during_a_hand_over_stays_with_its_rider():
    bench = Bench(Lock, still_s=60)
    phone, cti = _riding(bench)
    phone.leave()
    bench.wait_long(61)
    raw = bench.token(OTHER, 2)
    new = bench.phone()
    new.hello()
    body = new.request(exchange.OPEN, raw, hashlib.sha256(raw).digest(), OTHER)
    session, action = bench.lock.session, None
    for part in new._sender.frames(exchange.REQUEST, body, 244):
        action = session.take("frame", new.conn, part)
    bench.world.move()
    bench.run(action)
    answer = _result(new)
    aborted = _says(answer, status.IN_USE)
    assert (aborted.type, aborted.detail) == (receipt.ABORT, [receipt.ABORT_MOVED])
    assert bench.lock.ledger.ride.cti == cti and bench.lock.floors.ride() == 2
    bench.close()


def test_a_hand_over_that_a_power_cut_drops_still_counts_as_contact():
    bench = Bench(Lock, still_s=60)
    phone, cti = _riding(bench)
    phone.leave()
    bench.wait_long(61)

    def cut(fields, private):
        bench.board.power.halt("power")

    bench.lock.receipts.append = cut
    try:
        _open(bench, bench.token(OTHER, 7), OTHER)
        raise AssertionError("the power held")
    except Halt:
        pass
    for _ in range(2):
        bench.reboot()
        assert bench.lock.ledger.ride.cti == cti and bench.lock.floors.ride() == 7
    assert _types(bench) == [receipt.OPEN]
    bench.close()


def _result(phone):
    phone.listen()
    return Answer(phone.heard.pop()[1])


def test_a_successor_takes_the_ride_over_and_the_old_key_is_dead():
    bench = Bench(Lock)
    phone, cti = _parked(bench, epoch=5)
    raw = bench.token(OTHER, 6, cti, mode=token.SUCCESSOR)
    reopened = _says(_open(bench, raw, OTHER), status.OK)
    assert reopened.type == receipt.REOPEN
    succeeded = _log(bench)[-2]
    assert (succeeded.type, succeeded.cti, succeeded.issue[1]) == (receipt.SUCCESSOR, cti, 6)
    _closed(bench)
    _says(phone.reopen(cti, RIDER), status.FORGED)
    _says(_open(bench, raw, OTHER), status.OLD)
    bench.reboot(warm=False)
    _says(_reopen(bench, cti, RIDER), status.FORGED)
    _says(_reopen(bench, cti, OTHER), status.OK)
    bench.close()


def test_a_successor_of_an_open_ride_moves_nothing():
    bench = Bench(Lock)
    phone, cti = _riding(bench, epoch=5)
    succeeded = _says(_open(bench, bench.token(OTHER, 6, cti, mode=2), OTHER), status.OK)
    assert succeeded.type == receipt.SUCCESSOR and bench.world.actuations == 1
    bench.close()


def test_a_successor_with_a_battery_too_low_is_the_holder_all_the_same():
    bench = Bench(Lock)
    phone, cti = _parked(bench, epoch=5)
    bench.world.set_battery(3000)
    succeeded = _says(_open(bench, bench.token(OTHER, 6, cti, mode=2), OTHER), status.LOW_BATTERY)
    assert succeeded.type == receipt.SUCCESSOR
    bench.world.set_battery(4000)
    _says(_reopen(bench, cti, OTHER), status.OK)
    bench.close()


def test_after_a_successor_the_old_phones_link_is_nobodys():
    bench = Bench(Lock, still_s=60)
    phone, cti = _riding(bench, epoch=5)
    new = bench.phone()
    _says(new.open(bench.token(OTHER, 6, cti, mode=2), OTHER), status.OK)
    new.leave()
    bench.wait_long(61)
    assert phone.up
    _says(_open(bench, bench.token(THIRD, 7), THIRD), status.OK)
    bench.close()


# ---- technicians


def test_a_technician_opens_without_a_claim_and_leaves_receipts():
    bench = Bench(Lock)
    raw = bench.token(TECH, 1, issuer="master")
    opened = _says(_service(bench, raw, TECH), status.OK)
    assert (opened.type, opened.cti) == (receipt.SERVICE_OPEN, token.parse(raw).claims.cti)
    _state(bench, status.STATE_SERVICE)
    _says(_open(bench, bench.token(RIDER, 1), RIDER), status.SERVICE)
    _says(_service(bench, raw, TECH), status.OK)
    assert bench.world.actuations == 1
    _closed(bench)
    _state(bench, status.STATE_LOCKED)
    assert _types(bench) == [receipt.SERVICE_OPEN, receipt.SERVICE_OPEN, receipt.SERVICE_CLOSE]
    assert bench.lock.floors.ride() == 1  # by the rider's contact alone
    bench.close()


def test_a_technicians_visit_leaves_the_parked_ride_as_it_was():
    bench = Bench(Lock)
    phone, cti = _parked(bench)
    raw = bench.token(TECH, 1, issuer="master")
    _says(_service(bench, raw, TECH), status.OK)
    bench.wait(10)
    _says(phone.end(cti, RIDER), status.NOT_CLOSED)
    _closed(bench)
    _state(bench, status.STATE_PARKED)
    ended = _says(phone.end(cti, RIDER), status.OK)
    assert ended.detail[0] == 2  # its own CLOSE, not the technician's
    bench.close()


def test_the_holder_rides_on_from_a_technicians_open_bolt():
    bench = Bench(Lock)
    phone, cti = _parked(bench)
    _says(_service(bench, bench.token(TECH, 1, issuer="master"), TECH), status.OK)
    moved = bench.world.actuations
    reopened = _says(phone.reopen(cti, RIDER), status.OK)
    assert reopened.type == receipt.REOPEN and bench.world.actuations == moved
    _state(bench, status.STATE_OPEN)
    bench.close()


def test_hold_goes_on_under_a_technicians_visit():
    bench = Bench(Lock)
    _parked(bench)
    _says(_service(bench, bench.token(TECH, 1, issuer="master"), TECH), status.OK)
    bench.wait_long(901)
    _state(bench, status.STATE_SERVICE)
    assert bench.lock.ledger.ride is None and _types(bench)[-1] == receipt.END
    bench.close()


def test_a_bike_left_open_by_service_is_free_once_it_stood():
    bench = Bench(Lock, still_s=60)
    _says(_service(bench, bench.token(TECH, 1, issuer="master"), TECH), status.OK)
    raw = bench.token(RIDER, 1)
    bench.wait_long(50)
    _says(_open(bench, raw, RIDER), status.SERVICE)
    bench.wait_long(11)
    opened = _says(_open(bench, raw, RIDER), status.OK)
    assert opened.type == receipt.OPEN and bench.world.actuations == 1
    bench.close()


def test_no_technician_opens_under_a_rider():
    bench = Bench(Lock)
    _riding(bench)
    _says(_service(bench, bench.token(TECH, 1, issuer="master"), TECH), status.IN_USE)
    bench.close()


def test_a_group_token_works_for_its_challenge_only():
    bench = Bench(Lock)
    phone = bench.phone()
    raw = bench.token(TECH, issuer="master", aud=b"grp1", nonce=phone.hello())
    body = phone.request(exchange.SERVICE, raw, hashlib.sha256(raw).digest(), TECH)
    opened = _says(phone.ask(body), status.OK)
    assert opened.issue == [kid_of("master"), 0]
    _says(_service(bench, raw, TECH), status.EXPIRED)
    bench.close()


# ---- what the bolt may do


def test_a_jam_is_a_state_and_the_next_try_may_free_it():
    bench = Bench(Lock)
    bench.world.jam(50)
    raw = bench.token(RIDER, 1)
    aborted = _says(_open(bench, raw, RIDER), status.JAMMED)
    assert (aborted.type, aborted.detail) == (receipt.ABORT, [receipt.ABORT_JAMMED])
    _state(bench, status.STATE_JAMMED)
    assert bench.lock.ledger.ride is None and bench.lock.floors.ride() == 1
    bench.world.jam(None)
    _says(_open(bench, raw, RIDER), status.OK)
    bench.close()


def test_a_bolt_that_does_not_move_leaves_an_abort():
    bench = Bench(Lock)
    bench.world.jam(0)
    aborted = _says(_open(bench, bench.token(RIDER, 1), RIDER), status.JAMMED)
    assert aborted.detail == [receipt.ABORT_NOT_OPEN]
    _state(bench, status.STATE_LOCKED)
    bench.close()


def test_a_jam_at_reopening_keeps_the_ride():
    bench = Bench(Lock)
    phone, cti = _parked(bench)
    bench.world.jam(50)
    _says(phone.reopen(cti, RIDER), status.JAMMED)
    _state(bench, status.STATE_JAMMED)
    _says(phone.end(cti, RIDER), status.NOT_CLOSED)
    bench.world.jam(None)
    _closed(bench)
    _state(bench, status.STATE_PARKED)
    _says(phone.reopen(cti, RIDER), status.OK)
    bench.close()


def test_broken_sensors_never_make_a_ride():
    for fault in ("both", "neither"):
        bench = Bench(Lock)
        bench.world.bolt_fault = fault
        _says(_open(bench, bench.token(RIDER, 1), RIDER), status.JAMMED)
        assert bench.lock.ledger.ride is None
        bench.close()


def test_movement_of_a_locked_bike_is_noted_once():
    bench = Bench(Lock)
    bench.lock.outbox.peek(1)
    bench.world.move()
    bench.wait(60)
    first, records = bench.lock.outbox.peek(50)
    assert [record[2] for record in records if record[0] == 2].count(6) == 1
    bench.close()


# ---- boots


def test_a_ride_goes_on_after_any_boot():
    for warm in (True, False):
        bench = Bench(Lock)
        phone, cti = _riding(bench)
        bench.reboot(warm)
        _state(bench, status.STATE_OPEN)
        _closed(bench)
        _state(bench, status.STATE_PARKED)
        bench.reboot(warm)
        _says(_reopen(bench, cti, RIDER), status.OK)
        _closed(bench)
        bench.wait_long(800)
        bench.reboot(warm)
        bench.wait_long(800)  # hold begins anew at a boot
        _state(bench, status.STATE_PARKED)
        _says(_end(bench, cti, RIDER), status.OK)
        bench.close()


def test_a_close_while_the_lock_was_off_is_found_and_dated_by_when_it_was_awake():
    for warm in (True, False):
        bench = Bench(Lock)
        _riding(bench)
        bench.wait_long(130)
        awake = bench.now
        bench.board.power.off()
        bench.world.close()
        bench.run(bench.board.timeline.sleep_ms(4_000_000))
        bench.reboot(warm)
        closed = _log(bench)[-1]
        assert closed.type == receipt.CLOSE and closed.detail[1] == receipt.CLOSE_AT_BOOT
        assert awake - 62 <= closed.detail[0] <= awake
        assert closed.at == (bench.now if warm else receipt.UNKNOWN)
        _state(bench, status.STATE_PARKED)
        bench.close()


def test_a_service_close_while_the_lock_was_off():
    bench = Bench(Lock)
    _says(_service(bench, bench.token(TECH, 1, issuer="master"), TECH), status.OK)
    bench.board.power.off()
    bench.world.close()
    bench.run(bench.board.timeline.sleep_ms(1000))
    bench.reboot()
    _state(bench, status.STATE_LOCKED)
    assert _types(bench)[-1] == receipt.SERVICE_CLOSE
    bench.close()


# ---- our own failures


def test_failing_storage_before_the_motor_means_that_nothing_moves():
    bench = Bench(Lock)
    phone = bench.phone()
    raw = bench.token(RIDER, 1)
    bench.board.power.fail_at(1)
    _says(phone.open(raw, RIDER), status.QUARANTINE)
    assert bench.world.actuations == 0
    _state(bench, status.STATE_QUARANTINE)
    bench.wait(1)
    assert bench.world.led == "fault"
    other = bench.phone()
    other.send(exchange.HELLO, exchange.encode_hello(bytes(8)))
    opcode, body = other.next()
    assert (opcode, exchange.decode_result(body)[0]) == (exchange.RESULT, status.QUARANTINE)
    bench.wait(1)
    assert not other.up
    bench.reboot()
    _says(_open(bench, raw, RIDER), status.OK)
    bench.close()


def test_failing_storage_after_the_motor_is_told_at_the_next_boot():
    bench = Bench(Lock)
    raw = bench.token(RIDER, 1)
    append = bench.lock.receipts.append

    def failing(fields, private):
        raise OSError(5)

    bench.lock.receipts.append = failing
    _says(_open(bench, raw, RIDER), status.QUARANTINE)
    assert bench.world.bolt_open() and append
    bench.reboot()
    _state(bench, status.STATE_OPEN)
    opened = _log(bench)[-1]
    assert (opened.type, opened.cti) == (receipt.OPEN, token.parse(raw).claims.cti)
    assert bench.lock.floors.ride() == 2
    bench.close()


def test_an_error_of_ours_while_the_bolt_moves_leaves_what_the_bolt_says():
    for moved in (True, False):
        bench = Bench(Lock)
        actuator = bench.lock.unlock._actuator
        plain = actuator.open

        async def broken():
            if moved:  # noqa: B023
                await plain()  # noqa: B023
            raise MemoryError

        actuator.open = broken
        phone = bench.phone()
        assert phone.open(bench.token(RIDER, 1), RIDER) is None
        assert not phone.up and bench.lock.session.errors == 1
        _state(bench, status.STATE_OPEN if moved else status.STATE_LOCKED)
        assert _types(bench) == [receipt.OPEN if moved else receipt.ABORT]
        assert not bench.lock.ledger.busy
        bench.close()


def test_a_damaged_file_means_quarantine_and_is_left_for_who_repairs():
    for name in ("floors", "i/intent", "i/evidence", "awake", "r/00000001"):
        bench = Bench(Lock)
        _parked(bench)
        bench.lock.floors.uplink(1, 1)
        data = b"\x00" * 700
        bench.put(name, data)
        bench.reboot()
        _state(bench, status.STATE_QUARANTINE)
        bench.wait(2)
        with open(bench.board.storage.root + "/" + name, "rb") as file:
            assert file.read() == data, name
        bench.close()
