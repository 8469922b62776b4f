"""Telemetry that waits for the cloud: the newest records in memory, what stays longer in a ring of files.

What a power cut may take: the records of the last two minutes, 32 at most; what was flushed survives. (Receipts are
not telemetry: none is ever lost, see receipts.py.) While the uplink works, records go from memory to the cloud and the
flash is left alone; without it one append in two minutes or 32 records wears it. A record's number is never given
twice, though most are never written: numbers are reserved in flash ahead of use, and a boot begins behind them.

    outbox/next        the number below which all may have been given, in decimal
    outbox/0000a3c0    records 0xa3c0, 0xa3c1 … of 24 bytes each: kind, five values, check
"""

import hashlib
import os
import struct

from firmware.store import Store
from protocol import telemetry
from protocol.compat import const

_FOLDER = "outbox"
_NEXT = "outbox/next"
_SLOT = const(24)  # bytes
_SEGMENT = const(128)  # records in one file: 3 KiB, one block of flash
_SEGMENTS = const(32)  # files: 4,096 records, five hours of a fix every 5 s
_FRESH = const(32)  # records in memory
_FRESH_MS = const(120000)
_AHEAD = const(256)  # numbers reserved at a time
_NUMBERS = const(1 << 32)
_FAR = const(1 << 28)
_NOTES = const(32)  # in a row: whoever provokes more of them neither fills the ring nor wears the flash
_NOTE_MS = const(30000)  # after which there may be one more
_TELL_MS = const(60000)  # between two notes of what was lost

_ENOSPC = const(28)

_LAYOUT = {telemetry.FIX: ">BIiiI4x", telemetry.STATUS: ">BIIIII", telemetry.NOTE: ">BIII8x"}
_BODY = const(21)  # bytes of each, before the check


class Outbox:
    """Raises nothing when storage fails: then the newest records stay in memory, older ones are lost and counted."""

    def __init__(self, board, clock):
        self._uptime_ms = board.clock.uptime_ms
        self._now = clock.now
        self._store = Store(board.storage.root)
        self._root = board.storage.root + "/"
        self._fresh = []  # slots, not yet in flash; the last has the number self._next - 1
        self._fresh_at = 0  # uptime of the oldest
        self._from = 0  # all below is acknowledged or lost
        self._segments = []  # [number of the first record, records], oldest first
        self._lost = 0  # records, not yet told
        self._told_at = -_TELL_MS
        self._notes, self._noted_at = _NOTES, self._uptime_ms()
        self._load()
        stored = _end(self._segments[-1]) if self._segments else 0
        self._next = self._reserved = max(stored, self._given(board))

    # What the lock says ------------------------------------------------------------------------------------

    def put(self, record):
        """Takes (0, time, lat, lon, accuracy), (1, time, state, mV, error, uptime) or (2, time, note, value). A status
        that knows how warm it is has °C + telemetry.WARM above the 8 bits of its state; `peek` gives °C at the end.

        False if it could not: storage fails, and a number might be given twice."""
        if self._next >= self._reserved and not self._reserve():
            self._lost += 1
            return False
        if not self._fresh:
            self._fresh_at = self._uptime_ms()
        self._fresh.append(_packed(self._next, record))
        self._next += 1
        self.tend()
        return True

    def note(self, code, value=0):
        """Puts a note, dated now. More than a few are only counted, until time has passed."""
        due = (self._uptime_ms() - self._noted_at) // _NOTE_MS
        self._noted_at += due * _NOTE_MS
        self._notes = min(_NOTES, self._notes + due)
        if self._notes == 0:
            self._lost += 1
            return
        self._notes -= 1
        self._put_note(code, value)

    def tend(self):
        """Flushes what is due, tells what was lost. To be called now and then, also when nothing is put."""
        now = self._uptime_ms()
        if self._lost and now - self._told_at >= _TELL_MS:
            lost, self._lost, self._told_at = self._lost, 0, now
            if not self._put_note(telemetry.NOTE_LOST, lost):
                self._lost += lost
        if len(self._fresh) >= _FRESH or (self._fresh and now - self._fresh_at >= _FRESH_MS):
            self.flush()

    def flush(self):
        """Writes what is in memory; for who is about to reset. False if storage refused."""
        while self._fresh:
            try:
                self._append()
            except OSError as error:
                if error.errno == _ENOSPC and self._segments:
                    self._drop_oldest()
                    continue
                self._fresh_at = self._uptime_ms()
                more = max(0, len(self._fresh) - 2 * _FRESH)
                self._lost += more
                del self._fresh[:more]
                return False
        return True

    # What the uplink does ----------------------------------------------------------------------------------

    def waiting(self):
        """How many records wait."""
        stored = sum([max(0, _end(segment) - max(segment[0], self._from)) for segment in self._segments])
        return stored + len(self._fresh)

    def peek(self, limit):
        """(number of the first, records): the oldest that wait, at most `limit`, numbered without a gap."""
        first = at = self._from
        records = []
        for start, count in self._segments + [[self._next - len(self._fresh), len(self._fresh)]]:
            if at < start:
                if records:
                    break  # the numbers in between were reserved before a boot, or are lost
                first = at = start
            while at < start + count and len(records) < limit:
                for record in self._read(start, at, min(limit - len(records), start + count - at)):
                    if record is not None:
                        records.append(record)
                        at += 1
                    elif records:
                        return first, records
                    else:
                        first = at = self._from = at + 1
                        self._lost += 1
        return first, records

    def drop_to(self, number):
        """The cloud has all below that number."""
        self._from = max(self._from, min(number, self._next))
        while self._segments and _end(self._segments[0]) <= self._from:
            self._drop_oldest()
        kept = self._next - self._from
        if kept < len(self._fresh):
            del self._fresh[: len(self._fresh) - kept]

    # Flash -------------------------------------------------------------------------------------------------

    def _load(self):
        """Takes up what the last boot left."""
        try:
            self._store.make(_FOLDER)
            for name in self._store.names(_FOLDER):
                if name != "next":
                    count = os.stat(self._root + _FOLDER + "/" + name)[6] // _SLOT
                    self._segments.append([int(name, 16), count])
        except (OSError, ValueError):
            pass  # what cannot be read is lost; it is not worth the lock

    def _given(self, board):
        """The number below which all may have been given."""
        try:
            return int(self._store.read(_NEXT) or b"0")  # none before the first boot
        except (OSError, ValueError):  # damaged: begin where no number ever was
            return _FAR + int.from_bytes(board.random(3), "big") * 16

    def _reserve(self):
        reserved = self._next + _AHEAD
        if reserved > _NUMBERS:
            return False
        try:
            self._store.write(_NEXT, str(reserved).encode())
        except OSError:
            return False
        self._reserved = reserved
        return True

    def _append(self):
        """Moves one file's worth from memory to flash. Raises OSError; nothing has moved then."""
        start = self._next - len(self._fresh)
        segment = self._segments[-1] if self._segments else None
        if segment is None or _end(segment) != start or segment[1] >= _SEGMENT:
            while len(self._segments) >= _SEGMENTS:
                self._drop_oldest()
            segment = [start, 0]
        slots = self._fresh[: _SEGMENT - segment[1]]
        mode = "r+b" if segment[1] else "wb"
        with open(self._root + _name(segment[0]), mode) as file:  # on flash once it is closed
            file.seek(segment[1] * _SLOT)  # over what a failed write may have left
            file.write(b"".join(slots))
        if segment[1] == 0:
            self._segments.append(segment)
        segment[1] += len(slots)
        del self._fresh[: len(slots)]

    def _read(self, start, at, count):
        """`count` records of the segment that begins at `start`, from number `at`; None for each that is damaged."""
        if start == self._next - len(self._fresh):
            slots = self._fresh[at - start : at - start + count]
        else:
            try:
                with open(self._root + _name(start), "rb") as file:
                    file.seek((at - start) * _SLOT)
                    slots = [file.read(_SLOT) for _ in range(count)]
            except OSError:
                slots = [b""] * count
        return [_unpacked(at + i, slots[i]) for i in range(count)]

    def _drop_oldest(self):
        segment = self._segments.pop(0)
        self._lost += max(0, _end(segment) - max(segment[0], self._from))
        self._from = max(self._from, _end(segment))
        try:
            self._store.remove(_name(segment[0]))
        except OSError:
            pass  # the next boot finds it, and the cloud stores a record once

    def _put_note(self, code, value):
        return self.put((telemetry.NOTE, self._now() or 0, code, value & 0xFFFFFFFF))


def _name(number):
    return "%s/%08x" % (_FOLDER, number)


def _end(segment):
    return segment[0] + segment[1]


def _check(number, body):
    """littlefs guards its own structure, not what files hold; and the number keeps a record in its place."""
    return hashlib.sha256(number.to_bytes(4, "big") + body).digest()[: _SLOT - _BODY]


def _packed(number, record):
    body = struct.pack(_LAYOUT[record[0]], *record)
    return body + _check(number, body)


def _unpacked(number, slot):
    body = slot[:_BODY]
    if len(slot) != _SLOT or slot[_BODY:] != _check(number, body) or body[0] not in _LAYOUT:
        return None
    record = struct.unpack(_LAYOUT[body[0]], body)
    if body[0] == telemetry.STATUS and record[2] > 255:
        return record[:2] + (record[2] & 255,) + record[3:] + ((record[2] >> 8) - telemetry.WARM,)
    return record
