"""Telemetry batches and the cloud's answers (SPEC.md section 10): integer deltas, about 8 bytes a fix."""

from protocol import cbor
from protocol.compat import const
from protocol.shape import is_bytes, is_int32, is_list, is_uint

LIMIT = const(1024)  # bytes

FIX = const(0)  # record kinds, first element of a record
STATUS = const(1)
NOTE = const(2)

COLDEST = const(-100)  # of a status, degrees C
HOTTEST = const(200)
WARM = const(101)  # what a lock adds to it where 0 is none: outbox.py

NOTE_REFUSED = const(1)
NOTE_FIX_DROPPED = const(2)
NOTE_BOOT = const(3)
NOTE_RADIO = const(4)
NOTE_COMMAND_DONE = const(5)
NOTE_MOVED = const(6)
NOTE_RESTARTED = const(7)
NOTE_LOST = const(8)
NOTE_UPDATE = const(9)  # state, and reason << 8: update.py
NOTE_KEYSET = const(10)  # version
NOTE_RELEASE = const(11)
NOTE_COMMAND_REFUSED = const(12)

TIME = const(1)  # keys of an answer
RIDE_FLOOR = const(2)
MASTER_FLOOR = const(3)
COMMANDS = const(4)
RECEIPTS_UP_TO = const(5)
KEYSET = const(6)
RELEASE = const(7)  # [version, SHA-256 of its manifest]

COMMAND_BLINK = const(1)
COMMAND_LOCATE = const(2)
COMMAND_CONFIG = const(3)  # arguments: settings.py


class TelemetryError(ValueError):
    """Not a batch, or not an answer."""


def encode_batch(first, records):
    """`records`: (0, time, lat, lon, accuracy), (1, time, state, mV, error, uptime[, °C]), (2, time, note, value)."""
    runs = []
    last = None
    for record in records:
        if last and record[0] == last[0] == FIX and record[1] >= last[1]:  # a run's time never goes back
            runs[-1] += [record[1] - last[1], record[2] - last[2], record[3] - last[3], record[4]]
        else:
            runs.append(list(record))
        last = record
    return cbor.encode([first] + runs)


def _fixes(run):
    if len(run) < 5 or len(run) % 4 != 1:
        raise TelemetryError("fixes")
    at, lat, lon = 0, 0, 0
    for i in range(1, len(run), 4):
        if type(run[i]) is not int or type(run[i + 1]) is not int or type(run[i + 2]) is not int:
            raise TelemetryError("fix")
        if run[i] < 0:
            raise TelemetryError("time runs back")
        at, lat, lon = at + run[i], lat + run[i + 1], lon + run[i + 2]
        if not is_uint(at) or abs(lat) > 900_000_000 or abs(lon) > 1_800_000_000 or not is_uint(run[i + 3]):
            raise TelemetryError("fix")
        yield (FIX, at, lat, lon, run[i + 3])


def _plain(run):
    if len(run) != {STATUS: 6, NOTE: 4}[run[0]] or not all(is_uint(value) for value in run):
        raise TelemetryError("record")
    yield tuple(run)


def _status(run):
    if len(run) != 7:
        return _plain(run)
    if not is_int32(run[6]) or not COLDEST <= run[6] <= HOTTEST:
        raise TelemetryError("temperature")
    return [tuple(record) + (run[6],) for record in _plain(run[:6])]


_RUNS = {FIX: _fixes, STATUS: _status, NOTE: _plain}


def decode_batch(data):
    """(first record number, records). Raises TelemetryError."""
    try:
        item = cbor.decode(data, LIMIT)
    except cbor.CborError:
        raise TelemetryError("not strict CBOR") from None
    if not is_list(item) or len(item) < 2 or not is_uint(item[0]):
        raise TelemetryError("batch")
    records = []
    for run in item[1:]:
        if not is_list(run) or not run or type(run[0]) is not int or run[0] not in _RUNS:
            raise TelemetryError("run")
        records.extend(_RUNS[run[0]](run))
    return item[0], records


def encode_receipts(receipts):
    """The payload of `/r`."""
    return cbor.encode(list(receipts))


def decode_receipts(data):
    """The receipts of `/r`. Raises TelemetryError."""
    try:
        item = cbor.decode(data, LIMIT)
    except cbor.CborError:
        raise TelemetryError("not strict CBOR") from None
    if not is_list(item) or not 1 <= len(item) <= 4 or not all(type(receipt) is bytes for receipt in item):
        raise TelemetryError("receipts")
    return item


def _command_ok(command):
    return (
        is_list(command, 3)
        and is_uint(command[0])
        and is_uint(command[1])
        and is_list(command[2])
        and all(is_int32(arg) for arg in command[2])
    )


def encode_answer(fields):
    return cbor.encode(fields)


def decode_answer(data):
    """Integer key -> value; an empty payload is an empty answer. Raises TelemetryError."""
    if not data:
        return {}
    try:
        item = cbor.decode(data, LIMIT)
    except cbor.CborError:
        raise TelemetryError("not strict CBOR") from None
    if type(item) is not dict:
        raise TelemetryError("answer")
    for key, value in item.items():
        if key == COMMANDS:
            if not is_list(value) or len(value) > 8 or not all(_command_ok(command) for command in value):
                raise TelemetryError("commands")
        elif key == RELEASE:
            if not is_list(value, 2) or not is_uint(value[0]) or not is_bytes(value[1], 32):
                raise TelemetryError("release")
        elif key not in (TIME, RIDE_FLOOR, MASTER_FLOOR, RECEIPTS_UP_TO, KEYSET) or not is_uint(value):
            raise TelemetryError("answer")
    return item
