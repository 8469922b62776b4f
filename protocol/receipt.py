"""Receipts: what the bolt did, in COSE_Mac0, chained by hash (SPEC.md section 8).

Encodes, parses, verifies; stores nothing.
"""

import hashlib

from protocol import cbor, cose
from protocol.compat import const
from protocol.shape import is_bytes, is_int32, is_list, is_uint

LIMIT = const(512)  # bytes

OPEN = const(1)
CLOSE = const(2)
REOPEN = const(3)
END = const(4)
HAND_OVER = const(5)
ABORT = const(6)
SERVICE_OPEN = const(7)
SERVICE_CLOSE = const(8)
SUCCESSOR = const(9)
DECOMMISSION = const(10)
UPDATE = const(11)
NAMES = {
    OPEN: "OPEN",
    CLOSE: "CLOSE",
    REOPEN: "REOPEN",
    END: "END",
    HAND_OVER: "HAND_OVER",
    ABORT: "ABORT",
    SERVICE_OPEN: "SERVICE_OPEN",
    SERVICE_CLOSE: "SERVICE_CLOSE",
    SUCCESSOR: "SUCCESSOR",
    DECOMMISSION: "DECOMMISSION",
    UPDATE: "UPDATE",
}

LOCK, SEQ, PREV, TYPE, TIME, ERROR, FIX, BITS, BATTERY, UPTIME, BOOT, CTI, REQUEST, ISSUE, DETAIL = range(
    1, 16
)

BOLT_OPEN = const(1)  # BITS
SHACKLE_CLOSED = const(2)
UNKNOWN = const(0xFFFFFFFF)  # ERROR when the time is not known

CLOSE_SEEN, CLOSE_AT_BOOT = range(2)
END_RIDER, END_HOLD = range(1, 3)
ABORT_NOT_OPEN, ABORT_JAMMED, ABORT_MOVED, ABORT_POWER = range(1, 5)

GENESIS = bytes(16)  # PREV of the first receipt
_COUNTERSIGN = "ringslot countersign"

# type -> (keys it carries beside 1-11, keys it may carry): CTI 12, REQUEST 13, ISSUE 14, DETAIL 15
_CARRIES = {
    OPEN: ((CTI, REQUEST, ISSUE), ()),
    CLOSE: ((CTI, DETAIL), ()),
    REOPEN: ((CTI, REQUEST), ()),
    END: ((CTI, DETAIL), (REQUEST,)),
    HAND_OVER: ((CTI, REQUEST, ISSUE, DETAIL), ()),
    ABORT: ((CTI, DETAIL), ()),
    SERVICE_OPEN: ((CTI, REQUEST, ISSUE), ()),
    SERVICE_CLOSE: ((), ()),
    SUCCESSOR: ((CTI, REQUEST, ISSUE), ()),
    DECOMMISSION: ((CTI, REQUEST, ISSUE), ()),
    UPDATE: ((CTI, REQUEST, ISSUE, DETAIL), ()),
}


class ReceiptError(ValueError):
    """Not a receipt, or not this lock's."""


class Receipt:
    """A receipt's fields. `fix`: [lat, lon, age, accuracy] or None; `request`: [transcript, proof] or None."""

    __slots__ = (
        "lock_id",
        "seq",
        "prev",
        "type",
        "at",
        "error",
        "fix",
        "bits",
        "battery",
        "uptime",
        "boot",
        "cti",
        "request",
        "issue",
        "detail",
    )

    def __init__(self, fields):
        (self.lock_id, self.seq, self.prev, self.type, self.at, self.error) = [fields[k] for k in range(1, 7)]
        (self.fix, self.bits, self.battery, self.uptime, self.boot) = [fields[k] for k in range(7, 12)]
        (self.cti, self.request, self.issue, self.detail) = [fields.get(k) for k in range(12, 16)]

    @property
    def epoch(self):
        return self.issue[1] if self.issue else None


def _fix_ok(fix):
    return fix is None or (
        is_list(fix, 4) and is_int32(fix[0]) and is_int32(fix[1]) and is_uint(fix[2]) and is_uint(fix[3])
    )


def _uints(detail, length):
    return is_list(detail, length) and all(is_uint(value) for value in detail)


_DETAIL = {
    CLOSE: lambda d: _uints(d, 2) and d[1] <= CLOSE_AT_BOOT,
    END: lambda d: _uints(d, 3) and d[2] in (END_RIDER, END_HOLD),
    HAND_OVER: lambda d: is_list(d, 3) and is_bytes(d[0], 8) and is_uint(d[1]) and is_uint(d[2]),
    ABORT: lambda d: _uints(d, 1) and ABORT_NOT_OPEN <= d[0] <= ABORT_POWER,
    UPDATE: lambda d: is_list(d, 2) and is_uint(d[0]) and is_bytes(d[1], 32),
}

_SHAPES = {
    LOCK: lambda v: is_bytes(v, 8),
    SEQ: lambda v: is_uint(v) and v > 0,
    PREV: lambda v: is_bytes(v, 16),
    TYPE: lambda v: is_uint(v) and v in _CARRIES,
    TIME: is_uint,
    ERROR: is_uint,
    FIX: _fix_ok,
    BITS: lambda v: is_uint(v, 4),
    BATTERY: is_uint,
    UPTIME: is_uint,
    BOOT: lambda v: is_bytes(v, 4),
    CTI: lambda v: is_bytes(v, 8),
    REQUEST: lambda v: is_list(v, 2) and is_bytes(v[0], 32) and is_bytes(v[1], 64),
    ISSUE: lambda v: is_list(v, 2) and is_bytes(v[0], 4) and is_uint(v[1]),
    DETAIL: is_list,
}


def _checked(fields):
    if type(fields) is not dict:
        raise ReceiptError("shape")
    for key in fields:
        if key not in _SHAPES or not _SHAPES[key](fields[key]):
            raise ReceiptError("field")
    carries, may = _CARRIES.get(fields.get(TYPE), ((), ()))
    for key in range(1, 16):
        if (key <= BOOT or key in carries) != (key in fields) and key not in may:
            raise ReceiptError("field missing or too many")
    if fields[TYPE] in _DETAIL and not _DETAIL[fields[TYPE]](fields[DETAIL]):
        raise ReceiptError("detail")
    return fields


def encode(key, fields):
    """`fields`: integer key -> value as in SPEC.md. Raises ReceiptError rather than make what none takes."""
    return cose.mac0(key, cbor.encode(_checked(fields)))


def _parse(payload):
    try:
        return Receipt(_checked(cbor.decode(payload, LIMIT)))
    except cbor.CborError:
        raise ReceiptError("not strict CBOR") from None


def parse(data):
    """A Receipt whose MAC has not been checked: to find out whose key to try. Raises ReceiptError."""
    try:
        payload = cose.parse_mac0(data, LIMIT)[0]
    except cose.CoseError:
        raise ReceiptError("not a receipt") from None
    return _parse(payload)


def open(key, data):
    """A verified Receipt. Raises ReceiptError."""
    try:
        payload = cose.open_mac0(key, data, LIMIT)
    except cose.CoseError:
        raise ReceiptError("not this lock's receipt") from None
    return _parse(payload)


def digest(data):
    """SHA-256 of a receipt as stored; its first 16 bytes are the next receipt's PREV."""
    return hashlib.sha256(data).digest()


def countersign_input(lock_id, seq, receipt_digest):
    """What the cloud signs when it has stored a receipt."""
    return cbor.encode([_COUNTERSIGN, 1, lock_id, seq, receipt_digest])
