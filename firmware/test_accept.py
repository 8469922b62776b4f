"""SPEC.md section 6 row by row, every order of two rows, and every command x scope x state."""

from firmware import accept
from protocol import exchange, keyset, status, token

LOCK, OTHER = b"lock-one", b"lock-two"
GROUP = b"grp1"
NONCE = bytes(range(16))
RIDE_KID, MASTER_KID, SIGN_KID = b"\x01abc", b"\x02abc", b"\x05abc"
NOW = 1_800_000_000
RIDING, DONE, NEW = b"cti-ride", b"cti-done", b"cti-new-"


class _Ride:
    def __init__(self, cti, epoch):
        self.cti, self.epoch, self.holder = cti, epoch, b"holder of the ride"


def _view(**changes):
    """A lock at rest, clock known, that takes a fresh claim."""
    v = accept.View()
    v.lock_id, v.group, v.pooled = LOCK, GROUP, False
    entry = (b"public key", NOW - 1000, NOW + 1000)
    v.keyset = keyset.Keyset(1, {RIDE_KID: entry, MASTER_KID: entry, SIGN_KID: entry})
    v.state, v.ride, v.last, v.busy = status.STATE_LOCKED, None, None, False
    v.challenge = NONCE
    v.now, v.error, v.known = NOW, 5, True
    v.time_floor, v.ride_floor, v.master_floor = NOW - 500, 10, 3
    v.bolt_open, v.bolt_closed, v.still, v.linked = False, True, False, False
    v.millivolts, v.start_reserve, v.reopen_reserve = 4000, 3500, 3300
    for name, value in changes.items():
        setattr(v, name, value)
    return v


def _riding(**changes):
    """The same with a ride under way."""
    view = _view(ride=_Ride(RIDING, 20), state=status.STATE_OPEN, bolt_open=True, bolt_closed=False)
    for name, value in changes.items():
        setattr(view, name, value)
    return view


def _parked(**changes):
    return _view(ride=_Ride(RIDING, 20), state=status.STATE_PARKED, **changes)


def _request(command, good=True, bare=False, kid=None, **claims):
    """OPEN or SERVICE with a token that would pass on _view(), changed as asked; `bare`: without a token."""
    if bare:
        return accept.Request(command, None, lambda key: good)
    master = command == exchange.SERVICE
    base = {
        "aud": ((LOCK, 12),),
        "exp": NOW + 300,
        "nbf": NOW - 60,
        "iat": NOW - 60,
        "cti": NEW,
        "holder": bytes(32),
        "scope": token.SCOPE_SERVICE if master else token.SCOPE_RIDE,
        "floor": 0,
        "hold": 0,
        "longest": 0,
        "mode": token.MODE_SINGLE,
    }
    base.update(claims)
    kid = kid or (MASTER_KID if master else RIDE_KID)
    parsed = token.Token(kid, token.Claims(**base), b"", b"", b"")
    return accept.Request(command, parsed, lambda key: good and key == b"public key")


def _open(**claims):
    return _request(exchange.OPEN, **claims)


def _service(**claims):
    return _request(exchange.SERVICE, **claims)


def _reopen(good=True):
    return _request(exchange.OPEN, good, bare=True)


def _end(good=True):
    return _request(exchange.END, good, bare=True)


def _says(view, request, number, verdict):
    found = accept.judge(view, request)
    assert found == (number, verdict), found


def test_row_0_without_a_token():
    _says(_parked(), _reopen(), 0, accept.REOPEN)
    _says(_parked(), _end(), 0, accept.END)
    _says(_parked(), _reopen(good=False), 0, status.FORGED)
    _says(_parked(), _end(good=False), 0, status.FORGED)
    _says(_view(), _reopen(), 0, status.NO_RIDE)
    _says(_view(), _end(), 0, status.NO_RIDE)
    _says(_riding(), _end(), 0, status.NOT_CLOSED)
    _says(_riding(), _end(good=False), 0, status.FORGED)
    for command, bare in ((exchange.END, False), (exchange.SERVICE, True), (0, True), (4, True)):
        _says(_parked(challenge=None), _request(command, bare=bare), 0, status.MALFORMED)
    _says(_riding(), _reopen(), 0, accept.ALREADY)
    _says(_riding(millivolts=0), _reopen(), 0, accept.ALREADY)  # what moves nothing needs no reserve
    _says(_parked(millivolts=3299), _reopen(), 0, status.LOW_BATTERY)
    _says(_parked(millivolts=3300), _reopen(), 0, accept.REOPEN)
    _says(_parked(millivolts=0), _end(), 0, accept.END)
    _says(_parked(known=False), _reopen(), 0, accept.REOPEN)  # offline, past exp, without a clock


def test_a_proof_is_judged_by_the_stored_key_of_the_ride():
    asked = []
    request = accept.Request(exchange.OPEN, None, lambda key: asked.append(key) or True)
    _says(_parked(), request, 0, accept.REOPEN)
    assert asked == [b"holder of the ride"]


def test_the_parked_ride_reopens_under_a_technicians_visit_and_out_of_a_jam():
    for state in (status.STATE_SERVICE, status.STATE_JAMMED):
        _says(_view(ride=_Ride(RIDING, 20), state=state), _reopen(), 0, accept.REOPEN)
    view = _view(ride=_Ride(RIDING, 20), state=status.STATE_SERVICE, bolt_open=True, bolt_closed=False)
    _says(view, _end(), 0, status.NOT_CLOSED)
    between = _view(ride=_Ride(RIDING, 20), state=status.STATE_JAMMED, bolt_closed=False)
    _says(between, _end(), 0, status.NOT_CLOSED)


def test_without_a_live_challenge_nothing_is_looked_at():
    for request in (_open(), _service(), _reopen(), _end()):
        _says(_riding(challenge=None), request, 0, status.NO_CHALLENGE)


def test_row_1_busy():
    for request in (_open(), _service(), _reopen(), _end()):
        _says(_parked(busy=True), request, 1, status.BUSY)


def test_row_2_audience():
    _says(_view(), _open(aud=((OTHER, 12),)), 2, status.WRONG_LOCK)
    _says(_view(), _service(aud=((OTHER, 12),)), 2, status.WRONG_LOCK)
    _says(_view(), _open(aud=((LOCK, 12), (OTHER, 0))), 14, accept.START)
    _says(_view(), _service(aud=GROUP, nonce=NONCE), 14, accept.SERVICE)
    _says(_view(), _service(aud=b"grp2", nonce=NONCE), 2, status.WRONG_LOCK)
    _says(_view(group=None), _service(aud=GROUP, nonce=NONCE), 2, status.WRONG_LOCK)
    _says(_view(), _open(aud=GROUP, nonce=NONCE), 2, status.WRONG_LOCK)  # a group is for masters alone


def test_row_2_issuer():
    for kid in (b"\x01xyz", MASTER_KID, SIGN_KID):
        _says(_view(), _open(kid=kid), 2, status.KEY)
    for kid in (b"\x02xyz", RIDE_KID, SIGN_KID):
        _says(_view(), _service(kid=kid), 2, status.KEY)
    _says(_view(), _open(iat=NOW - 1001), 2, status.KEY)
    _says(_view(), _open(iat=NOW + 1001), 2, status.KEY)
    _says(_view(), _open(iat=NOW - 1000), 14, accept.START)
    _says(_view(), _open(iat=NOW + 1000), 14, accept.START)


def test_row_2_scope():
    _says(_view(), _open(scope=token.SCOPE_SERVICE), 2, status.SCOPE)
    _says(_view(), _service(scope=token.SCOPE_RIDE), 2, status.SCOPE)


def test_row_3_unknown_clock():
    for view in (_view(known=False), _view(known=False, now=None)):
        _says(view, _open(), 3, status.NEED_NONCE)
        _says(view, _service(), 3, status.NEED_NONCE)
        _says(view, _open(nonce=NONCE), 14, accept.START)


def test_row_4_window_to_the_second():
    _says(_view(), _open(nbf=NOW + 5), 14, accept.START)
    _says(_view(), _open(nbf=NOW + 6), 4, status.EXPIRED)
    _says(_view(), _open(exp=NOW - 5), 14, accept.START)
    _says(_view(), _open(exp=NOW - 6), 4, status.EXPIRED)
    _says(_view(time_floor=NOW + 300), _open(), 14, accept.START)
    _says(_view(time_floor=NOW + 301), _open(), 4, status.EXPIRED)
    _says(_view(), _service(exp=NOW - 6), 4, status.EXPIRED)


def test_row_4_nonce():
    _says(_view(), _open(nonce=bytes(16)), 4, status.EXPIRED)
    # bound to this challenge: neither window nor time floor count
    _says(_view(time_floor=NOW + 9999), _open(nonce=NONCE, exp=NOW - 900, nbf=NOW - 900), 14, accept.START)


def test_row_5_forged():
    _says(_view(), _open(good=False), 5, status.FORGED)
    _says(_view(), _service(good=False), 5, status.FORGED)


def test_row_6_the_rides_own_claim():
    for view in (_riding(), _parked(), _riding(still=True)):
        for epoch in (0, 12, 19, 20):
            _says(view, _open(cti=RIDING, aud=((LOCK, epoch),)), 6, status.OLD)
        for mode in range(4):
            _says(view, _open(cti=RIDING, aud=((LOCK, 21),), mode=mode), 6, accept.SUCCESSOR)
    # compared with the ride's epoch, never with the floor
    _says(_riding(ride_floor=99), _open(cti=RIDING, aud=((LOCK, 21),), mode=2), 6, accept.SUCCESSOR)


def test_row_7_floors():
    _says(_view(), _open(aud=((LOCK, 9),)), 7, status.OLD)
    _says(_view(), _open(aud=((LOCK, 10),)), 14, accept.START)
    _says(_view(), _service(aud=((LOCK, 2),)), 7, status.OLD)
    _says(_view(), _service(aud=((LOCK, 3),)), 14, accept.SERVICE)
    _says(_view(master_floor=99), _open(), 14, accept.START)
    _says(_view(ride_floor=99), _service(), 14, accept.SERVICE)
    _says(_view(master_floor=99), _service(aud=GROUP, nonce=NONCE), 14, accept.SERVICE)


def test_row_9_a_successor_never_starts():
    for mode in (2, 3):
        _says(_view(), _open(mode=mode), 9, status.NO_RIDE)
        _says(_riding(still=True), _open(mode=mode), 9, status.NO_RIDE)


def test_row_10_single_rides():
    _says(_view(last=DONE), _open(cti=DONE), 10, status.ENDED)
    _says(_view(last=DONE), _open(cti=DONE, mode=token.MODE_PERIOD), 14, accept.START)
    _says(_view(pooled=True), _open(), 10, status.MODE)
    _says(_view(pooled=True), _open(mode=token.MODE_PERIOD), 14, accept.START)


def test_row_11_in_use_and_orphan():
    _says(_riding(), _open(), 11, status.IN_USE)
    _says(_parked(still=True), _open(), 11, status.IN_USE)
    _says(_riding(still=True), _open(), 14, accept.HAND_OVER)
    _says(_riding(still=True, linked=True), _open(), 11, status.IN_USE)
    beside = {"bolt_open": True, "bolt_closed": False, "still": True}
    view = _view(ride=_Ride(RIDING, 20), state=status.STATE_SERVICE, **beside)
    _says(view, _open(), 11, status.IN_USE)  # opened by service: the ride is parked, no orphan
    unsure = _riding(still=True)
    unsure.bolt_open = False
    _says(unsure, _open(), 11, status.IN_USE)
    _says(_riding(still=True), _service(), 11, status.IN_USE)
    _says(_parked(), _service(), 14, accept.SERVICE)


def test_row_12_left_open_by_service():
    for state in (status.STATE_SERVICE, status.STATE_LOCKED, status.STATE_JAMMED):
        view = _view(state=state, bolt_open=True, bolt_closed=False)
        _says(view, _open(), 12, status.SERVICE)
        view.still = True
        _says(view, _open(), 14, accept.HAND_OVER)
    between = _view(state=status.STATE_SERVICE, bolt_closed=False)
    _says(between, _open(), 12, status.SERVICE)
    between.still = True
    _says(between, _open(), 14, accept.START)


def test_row_13_reserves():
    _says(_view(millivolts=3499), _open(), 13, status.LOW_BATTERY)
    _says(_view(millivolts=3500), _open(), 14, accept.START)
    _says(_riding(still=True, millivolts=3499), _open(), 13, status.LOW_BATTERY)
    _says(_view(millivolts=3300), _service(), 14, accept.SERVICE)  # or nobody could change the battery
    _says(_view(millivolts=3299), _service(), 13, status.LOW_BATTERY)


def test_quarantine_refuses_everything():
    for request in (_open(), _service(), _reopen(), _end(), _request(9, bare=True)):
        _says(_riding(state=status.STATE_QUARANTINE), request, 0, status.QUARANTINE)


# What alone makes a row apply to a request that would otherwise pass, as changes of the view and of the claims.
_OPEN_REASONS = (
    (0, status.QUARANTINE, {"state": status.STATE_QUARANTINE}, {}),
    (0, status.NO_CHALLENGE, {"challenge": None}, {}),
    (1, status.BUSY, {"busy": True}, {}),
    (2, status.WRONG_LOCK, {"lock_id": OTHER}, {}),
    (2, status.KEY, {}, {"kid": MASTER_KID}),
    (2, status.SCOPE, {}, {"scope": token.SCOPE_SERVICE}),
    (3, status.NEED_NONCE, {"known": False}, {}),
    (4, status.EXPIRED, {"time_floor": NOW + 301}, {}),
    (5, status.FORGED, {}, {"good": False}),
    (6, status.OLD, {"ride": _Ride(NEW, 12)}, {}),
    (6, accept.SUCCESSOR, {"ride": _Ride(NEW, 11)}, {}),
    (7, status.OLD, {"ride_floor": 13}, {}),
    (9, status.NO_RIDE, {}, {"mode": 2}),
    (10, status.ENDED, {"last": NEW}, {}),
    (10, status.MODE, {"pooled": True}, {}),
    (11, status.IN_USE, {"ride": _Ride(RIDING, 1)}, {}),
    (12, status.SERVICE, {"bolt_open": True}, {}),
    (13, status.LOW_BATTERY, {"millivolts": 3499}, {}),
)
_SERVICE_REASONS = (
    (0, status.QUARANTINE, {"state": status.STATE_QUARANTINE}, {}),
    (0, status.NO_CHALLENGE, {"challenge": None}, {}),
    (1, status.BUSY, {"busy": True}, {}),
    (2, status.WRONG_LOCK, {"lock_id": OTHER}, {}),
    (2, status.KEY, {}, {"kid": RIDE_KID}),
    (2, status.SCOPE, {}, {"scope": token.SCOPE_RIDE}),
    (3, status.NEED_NONCE, {"known": False}, {}),
    (4, status.EXPIRED, {"time_floor": NOW + 301}, {}),
    (5, status.FORGED, {}, {"good": False}),
    (7, status.OLD, {"master_floor": 13}, {}),
    (11, status.IN_USE, {"state": status.STATE_OPEN}, {}),
    (13, status.LOW_BATTERY, {"millivolts": 3299}, {}),
)
_PROOF_REASONS = (
    (0, status.QUARANTINE, {"state": status.STATE_QUARANTINE}, {}),
    (0, status.NO_CHALLENGE, {"challenge": None}, {}),
    (1, status.BUSY, {"busy": True}, {}),
    (0, status.NO_RIDE, {"ride": None}, {}),
    (0, status.FORGED, {}, {"good": False}),
    (0, accept.ALREADY, {"state": status.STATE_OPEN}, {}),
    (0, status.LOW_BATTERY, {"millivolts": 3299}, {}),
)


def _collide(first, second):
    for i in (2, 3):
        for name in first[i]:
            if name in second[i] and first[i][name] != second[i][name]:
                return True
    return False


def _check_orders(reasons, view, make, passes):
    _says(view(), make(), *passes)
    for i, first in enumerate(reasons):
        _says(view(**first[2]), make(**first[3]), first[0], first[1])
        for second in reasons[i + 1 :]:
            if not _collide(first, second):
                changes, claims = dict(second[2]), dict(second[3])
                changes.update(first[2])
                claims.update(first[3])
                _says(view(**changes), make(**claims), first[0], first[1])


def test_of_two_reasons_the_earlier_row_decides():
    def parked(**changes):
        merged = {"ride": _Ride(RIDING, 20), "state": status.STATE_PARKED}
        merged.update(changes)
        return _view(**merged)

    _check_orders(_OPEN_REASONS, _view, _open, (14, accept.START))
    _check_orders(_SERVICE_REASONS, _view, _service, (14, accept.SERVICE))
    _check_orders(_PROOF_REASONS, parked, _reopen, (0, accept.REOPEN))


def test_cheap_rows_come_before_any_signature():
    def never(key):
        raise AssertionError("a signature was checked")

    for number, verdict, changes, claims in _OPEN_REASONS:
        if number < accept.VERIFIED:
            request = _open(**claims)
            request.verify = never
            _says(_view(**changes), request, number, verdict)
    for request in (_open(), _service(), _reopen(), _end()):
        checked = []
        request.verify = lambda key: checked.append(key) or True  # noqa: B023
        accept.judge(_parked(), request)
        assert len(checked) == 1


def test_every_command_scope_role_and_state_against_the_allow_list():
    """A14: what is allowed is listed here; all else must be refused."""
    locked, opening, opened, parked, jammed, service, quarantine = range(7)
    allowed = {
        # (command, with token, scope, role byte): {state: verdict}; scope and role None without a token
        (exchange.OPEN, False, None, None): {
            opened: accept.ALREADY,
            parked: accept.REOPEN,
            jammed: accept.REOPEN,
            service: accept.REOPEN,
        },
        (exchange.END, False, None, None): {parked: accept.END},
        (exchange.OPEN, True, 1, 1): {locked: accept.START, jammed: accept.START},
        (exchange.SERVICE, True, 2, 2): {
            locked: accept.SERVICE,
            parked: accept.SERVICE,
            jammed: accept.SERVICE,
            service: accept.SERVICE,
        },
    }
    kids = {1: RIDE_KID, 2: MASTER_KID, 5: SIGN_KID}
    tried = passed = 0
    for state in range(7):
        for riding in (False, True):
            if state in (opened, parked) and not riding or state == locked and riding:
                continue  # no such state
            view = _view(state=state, ride=_Ride(RIDING, 20) if riding else None, busy=state == opening)
            view.bolt_open = state in (opened, service)
            view.bolt_closed = state in (locked, parked)
            for command in range(6):
                for scope, role in [(None, None)] + [(s, r) for s in (1, 2, 3) for r in kids]:
                    if scope is None:
                        request = _request(command, bare=True)
                    else:
                        request = _request(command, scope=scope, kid=kids[role])
                    if scope == 3:  # both bits: no parser lets it in, but the rule must hold without that
                        scope = role if role in (1, 2) else None
                    rule = allowed.get((command, request.token is not None, scope, role), {})
                    expected = rule.get(state)
                    if command == exchange.OPEN and scope == 1 and riding:
                        expected = None
                    if scope is None and not riding:
                        expected = None
                    verdict = accept.judge(view, request)[1]
                    assert (verdict if verdict >= accept.ACTION else None) == expected, (
                        state,
                        riding,
                        command,
                        scope,
                    )
                    tried += 1
                    passed += expected is not None
    assert tried == 11 * 6 * 10 and passed == 21, (tried, passed)
