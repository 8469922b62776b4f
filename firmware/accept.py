"""The accept rule as one ordered table (SPEC.md section 6): the first row whose condition holds decides.

Pure: judges a view of the lock and a request, and changes neither. What follows from a verdict is done by
unlock.py, which reads from the row's number how far the request got: beyond VERIFIED its signatures hold, beyond
CONTACT it counts as contact by its epoch.
"""

from protocol import keys, status, token
from protocol.compat import const
from protocol.exchange import DECOMMISSION as CMD_DECOMMISSION
from protocol.exchange import END as CMD_END
from protocol.exchange import OPEN as CMD_OPEN
from protocol.exchange import SERVICE as CMD_SERVICE
from protocol.exchange import UPDATE as CMD_UPDATE

ACTION = const(64)  # verdicts below are status codes: refusals
START = const(64)
HAND_OVER = const(65)
REOPEN = const(66)
ALREADY = const(67)  # the ride's bolt is open: nothing to move
END = const(68)
SUCCESSOR = const(69)
SERVICE = const(70)
UPDATE = const(71)  # nothing to move: this link may bring a release
DECOMMISSION = const(72)  # nothing to move: whatever makes this board a lock goes

VERIFIED = const(5)  # row numbers
CONTACT = const(8)


class View:
    """What the lock knows at the moment of a request.

    `lock_id`, `group` (or None), `pooled`, `keyset`; `state` and `ride` (.cti, .epoch) or None, `last` (cti of the
    ride that ended last, or None), `busy`; `challenge` of this link or None; `now` (Unix s, or None), `error` (s),
    `known` (the clock is good enough), `time_floor`, `ride_floor`, `master_floor`; `bolt_open`, `bolt_closed`,
    `ring_open`, `still` (for the orphan time), `linked` (the ride's phone is here); `millivolts`, `start_reserve`,
    `reopen_reserve`.
    """


class Request:
    """`command`; `token` (protocol.token.Token, or None); `verify(key)`: whether the signatures hold, where `key`
    is the issuer's for a token, the ride's holder's without."""

    __slots__ = ("command", "token", "verify")

    def __init__(self, command, token, verify):
        self.command = command
        self.token = token
        self.verify = verify


# ---- which rows look at it

_PROOF = const(1)  # no token
_RIDE = const(2)  # a ride issuer's token
_MASTER = const(4)  # a master issuer's token
_TOKEN = const(6)
_ALL = const(7)
_KINDS = {
    (CMD_OPEN, False): _PROOF,
    (CMD_END, False): _PROOF,
    (CMD_OPEN, True): _RIDE,
    (CMD_SERVICE, True): _MASTER,
    (CMD_UPDATE, True): _MASTER,
    (CMD_DECOMMISSION, True): _MASTER,
}
_ROLE = {_RIDE: keys.RIDE, _MASTER: keys.MASTER}
_SCOPE = {
    CMD_OPEN: token.SCOPE_RIDE,
    CMD_SERVICE: token.SCOPE_SERVICE,
    CMD_UPDATE: token.SCOPE_UPDATE,
    CMD_DECOMMISSION: token.SCOPE_DECOMMISSION,
}


def _kind(request):
    return _KINDS.get((request.command, request.token is not None), 0)


# ---- conditions, each of (view, request)


def _unclear(v, r):
    return not _kind(r)


def _forged_proof(v, r):
    return not r.verify(v.ride.holder)


def _left_open(v, r):
    return r.command == CMD_END and not v.bolt_closed


def _elsewhere(v, r):
    claims = r.token.claims
    grouped = type(claims.aud) is bytes and claims.aud == v.group and _kind(r) == _MASTER
    return not grouped and claims.epoch_for(v.lock_id) is None


def _issuer(v, r):
    return v.keyset.find(r.token.kid, _ROLE[_kind(r)])


def _unknown_key(v, r):
    key = _issuer(v, r)
    return key is None or not key[1] <= r.token.claims.iat <= key[2]


def _out_of_scope(v, r):
    return not r.token.claims.scope & _SCOPE[r.command]


def _timeless(v, r):
    return r.token.claims.nonce is None and not v.known


def _out_of_time(v, r):
    claims = r.token.claims
    if claims.nonce is not None:
        return claims.nonce != v.challenge
    return v.now + v.error < claims.nbf or v.now - v.error > claims.exp or claims.exp < v.time_floor


def _forged_token(v, r):
    return not r.verify(_issuer(v, r)[0])


def _of_the_ride(v, r):
    return v.ride is not None and r.token.claims.cti == v.ride.cti


def _epoch(v, r):
    return r.token.claims.epoch_for(v.lock_id)


def _old_master(v, r):
    epoch = _epoch(v, r)  # None for a group: bound to this challenge, it cannot be old
    return epoch is not None and epoch < v.master_floor


def _ended(v, r):
    return r.token.claims.single and r.token.claims.cti == v.last


def orphan(v):
    """Open, opened by the ride itself and not by service, and still for the orphan time."""
    return v.state == status.STATE_OPEN and v.bolt_open and v.still


def _in_use(v, r):
    return v.ride is not None and (v.linked or not orphan(v))


def _decommissions(r):
    return r.command == CMD_DECOMMISSION


def _left_by_service(v, r):
    return v.ride is None and (v.bolt_open or v.state == status.STATE_SERVICE) and not v.still


ROWS = (  # SPEC.md's number, kinds of request, condition, verdict
    (0, _ALL, lambda v, r: v.state == status.STATE_QUARANTINE, status.QUARANTINE),  # quarantine
    (0, _ALL, _unclear, status.MALFORMED),  # no such command
    (0, _ALL, lambda v, r: v.challenge is None, status.NO_CHALLENGE),  # no challenge
    (1, _ALL, lambda v, r: v.busy, status.BUSY),  # an action is pending
    (0, _PROOF, lambda v, r: v.ride is None, status.NO_RIDE),  # no ride
    (0, _PROOF, _forged_proof, status.FORGED),  # proof does not verify
    (0, _PROOF, _left_open, status.NOT_CLOSED),  # end with the bolt open
    (0, _PROOF, lambda v, r: r.command == CMD_END, END),  # end
    (0, _PROOF, lambda v, r: v.state == status.STATE_OPEN, ALREADY),  # open already
    (0, _PROOF, lambda v, r: v.millivolts < v.reopen_reserve, status.LOW_BATTERY),  # re-open reserve
    (0, _PROOF, lambda v, r: True, REOPEN),  # re-open
    (2, _TOKEN, _elsewhere, status.WRONG_LOCK),  # audience
    (2, _TOKEN, _unknown_key, status.KEY),  # issuer
    (2, _TOKEN, _out_of_scope, status.SCOPE),  # scope
    (3, _TOKEN, _timeless, status.NEED_NONCE),  # clock unknown
    (4, _TOKEN, _out_of_time, status.EXPIRED),  # window, or other nonce
    (5, _TOKEN, _forged_token, status.FORGED),  # token or proof does not verify
    (
        6,
        _RIDE,
        lambda v, r: _of_the_ride(v, r) and _epoch(v, r) <= v.ride.epoch,
        status.OLD,
    ),  # the ride's, not newer
    (6, _RIDE, _of_the_ride, SUCCESSOR),  # the ride's, newer
    (7, _RIDE, lambda v, r: _epoch(v, r) < v.ride_floor, status.OLD),  # below the floor
    (7, _MASTER, _old_master, status.OLD),  # below the master floor
    (9, _RIDE, lambda v, r: r.token.claims.successor, status.NO_RIDE),  # a successor starts no ride
    (10, _RIDE, _ended, status.ENDED),  # single ride that ended
    (10, _RIDE, lambda v, r: r.token.claims.single and v.pooled, status.MODE),  # single ride in a pool
    (11, _RIDE, _in_use, status.IN_USE),  # in use
    (11, _MASTER, lambda v, r: v.state == status.STATE_OPEN, status.IN_USE),  # open by a ride
    (
        11,
        _MASTER,
        lambda v, r: _decommissions(r) and v.ride is not None,
        status.IN_USE,
    ),  # a ride to end first
    (12, _RIDE, _left_by_service, status.SERVICE),  # open by service
    (
        12,
        _MASTER,
        lambda v, r: _decommissions(r) and not v.ring_open,
        status.NOT_OPEN,
    ),  # nobody has the ring open
    (13, _RIDE, lambda v, r: v.millivolts < v.start_reserve, status.LOW_BATTERY),  # start reserve
    (13, _MASTER, lambda v, r: v.millivolts < v.reopen_reserve, status.LOW_BATTERY),  # re-open reserve
    (14, _RIDE, lambda v, r: v.bolt_open, HAND_OVER),  # hand over
    (14, _RIDE, lambda v, r: True, START),  # start
    (14, _MASTER, lambda v, r: r.command == CMD_UPDATE, UPDATE),  # update
    (14, _MASTER, lambda v, r: _decommissions(r), DECOMMISSION),  # decommission
    (14, _MASTER, lambda v, r: True, SERVICE),  # service
)


def judge(view, request):
    """(SPEC.md's row number, verdict): below ACTION a status code that refuses, from there on what to do."""
    kind = _kind(request) or _ALL  # a command that is none gets no further than its own row
    for number, kinds, holds, verdict in ROWS:
        if kinds & kind and holds(view, request):
            return number, verdict
    raise RuntimeError("the table has an end")
