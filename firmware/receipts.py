"""The receipt log: hash-chained, append-only, in segments under `r/`; flushed, then told (SPEC.md section 8).

A record is its length, that length's complement, one CBOR item [receipt, private], and a check of that item, since
littlefs guards its own structure and not what files hold. The private part is the caller's (rides.py), never leaves
the lock, and is committed with the receipt. A segment is named by its first seq.

What a power cut can leave is a record at the very end that is not whole: it is cut off, since nobody was told of
it. Anything else that does not read back is Corrupt, and the lock is not to be trusted with rides.
"""

import hashlib
import struct

from firmware.rides import Unreadable
from protocol import cbor, receipt
from protocol.compat import const
from protocol.shape import is_bytes, is_list

_FOLDER = "r"
_SEGMENT = const(4096)  # bytes, after which the next one begins
_HEADER = const(4)
_CHECK = const(8)
_RECORD = const(1024)  # bytes at most
_MASK = const(0xFFFF)
_EIO = const(5)


class Corrupt(Unreadable):
    """The log does not read back as written."""


class Receipts:
    """Of one lock. `load` it first; one that could not be loaded has nothing to deliver, and takes nothing.

    `last_seq`: 0 before the first; `private` of the last record, or None; `acked_seq`: up to where the cloud has all;
    `listeners`: called with (receipt bytes, parsed receipt) after each append, must not raise;
    `before_drop`: called before segments are deleted; `keep`: a seq that is still needed, or None.
    """

    def __init__(self, store, key, lock_id, segment=_SEGMENT):
        self._store = store
        self._key = key
        self._lock_id = lock_id
        self._limit = segment
        self._segments = []  # first seq of each, ascending
        self._size = 0  # bytes in the last one
        self._prev = receipt.GENESIS
        self._unsure = False  # an append failed, perhaps with its record on flash
        self.last_seq = 0
        self.private = None
        self.acked_seq = 0
        self.listeners = []
        self.before_drop = None
        self.keep = None

    # ---- reading back

    def load(self, seen=lambda private: None):
        """Reads the whole log; `seen(private)` of each record, oldest first. Raises Corrupt, OSError."""
        try:
            self._load(seen)
        except (Unreadable, OSError):
            self._segments = []
            raise

    def _load(self, seen):
        self._store.make(_FOLDER)
        names = self._store.names(_FOLDER)
        for name in names:
            first = _seq_of(name)
            if self._segments and first != self.last_seq + 1:
                raise Corrupt("segment missing")
            self._segments.append(first)
            if not self._load_segment(_name(first), first, name == names[-1], seen):
                self._segments.pop()
        self.acked_seq = (
            self._segments[0] - 1 if self._segments else 0
        )  # older ones were deleted as delivered

    def _load_segment(self, name, first, last, seen):
        """False for one that holds nothing, which is removed."""
        data = self._store.read(name)
        at = 0
        seq = first
        while at < len(data):
            try:
                end = _end(data, at)
                raw, private = _pair(data, at, end)
                parsed = receipt.open(self._key, raw)
            except (Corrupt, receipt.ReceiptError):
                if not last or not _is_tail(data, at):
                    raise Corrupt("record")
                if at:
                    self._store.write(name, data[:at])
                break
            if parsed.lock_id != self._lock_id or parsed.seq != seq:
                raise Corrupt("lock or seq")
            if parsed.prev != self._prev and (self.last_seq or seq == 1):
                raise Corrupt("chain")
            seen(private)
            self._prev, self.last_seq, self.private = receipt.digest(raw)[:16], seq, private
            seq += 1
            at = end
        self._size = at
        if at:
            return True
        if not last:
            raise Corrupt("empty segment")
        self._store.remove(name)
        return False

    # ---- writing

    def append(self, fields, private):
        """The new receipt's bytes, once flash holds them. `fields`: keys 4 to 15 of SPEC.md; private: any item.

        Raises OSError; then nobody knows what flash holds: only a boot finds out.
        """
        seq = self.last_seq + 1
        fields[receipt.LOCK] = self._lock_id
        fields[receipt.SEQ] = seq
        fields[receipt.PREV] = self._prev
        raw = receipt.encode(self._key, fields)
        item = cbor.encode([raw, private])
        record = struct.pack(">HH", len(item), len(item) ^ _MASK) + item + _check(item)
        parsed = receipt.Receipt(fields)
        if len(item) > _RECORD:
            raise ValueError("record too long")
        prev = receipt.digest(raw)[:16]
        fresh = not self._segments or self._size + len(record) > self._limit
        before = 0 if fresh else self._size
        name = _name(seq if fresh else self._segments[-1])
        if self._unsure and self._store.size(name) != before:
            raise OSError(_EIO)
        if fresh:
            self._segments.append(seq)
        self._unsure = True
        try:
            self._store.append(name, record)  # from here to the end nothing else may fail
        except Exception:
            if fresh:
                self._segments.pop()
            raise
        self._unsure = False
        self._size = before + len(record)
        self._prev, self.last_seq, self.private = prev, seq, private
        for listener in self.listeners:
            listener(raw, parsed)
        return raw

    # ---- delivery

    def after(self, seq, n):
        """Up to n (seq, receipt bytes) that follow seq, oldest first."""
        found = []
        for i, first in enumerate(self._segments):
            following = self._segments[i + 1] if i + 1 < len(self._segments) else self.last_seq + 1
            if following <= seq + 1 or len(found) == n:
                continue
            with self._store.open(_name(first)) as file:
                for number in range(first, following):
                    data = _next(file)  # not the whole segment: the heap may have no such piece
                    if number > seq and len(found) < n:
                        found.append((number, _pair(data, 0, len(data))[0]))
        return found

    def get(self, seq):
        """The receipt's bytes, or None when it is no longer here."""
        found = self.after(seq - 1, 1)
        return found[0][1] if found and found[0][0] == seq else None

    def unacked(self, n):
        """Up to n receipts that the cloud has not acknowledged, oldest first."""
        return [raw for _, raw in self.after(self.acked_seq, n)]

    def acked(self, seq):
        """The cloud has all up to seq. Segments that nobody needs any more go; the last record never does."""
        self.acked_seq = max(self.acked_seq, min(seq, self.last_seq))
        needed = self.acked_seq + 1 if self.keep is None else min(self.acked_seq + 1, self.keep)
        while len(self._segments) > 1 and self._segments[1] <= needed:
            if self.before_drop:
                self.before_drop()
            self._store.remove(_name(self._segments[0]))
            del self._segments[0]


def _name(first):
    return "%s/%08x" % (_FOLDER, first)


def _seq_of(name):
    try:
        seq = int(name, 16)
    except ValueError:
        seq = 0
    if seq < 1 or _name(seq) != _FOLDER + "/" + name:
        raise Corrupt("a stranger's file")
    return seq


def _end(data, at):
    """Where the record that begins at `at` ends. Raises Corrupt when it does not end within data."""
    if len(data) - at < _HEADER:
        raise Corrupt("header")
    length, complement = struct.unpack(">HH", data[at : at + _HEADER])
    end = at + _HEADER + length + _CHECK
    if length != complement ^ _MASK or not 0 < length <= _RECORD or end > len(data):
        raise Corrupt("length")
    return end


def _next(file):
    """The next record of a segment. Raises Corrupt."""
    head = file.read(_HEADER)
    length = struct.unpack(">HH", head)[0] if len(head) == _HEADER else 0
    data = head + file.read(min(length, _RECORD) + _CHECK)
    _end(data, 0)
    return data


def _is_tail(data, at):
    """Whether nothing can follow the record at `at`, so that it may be one that a cut left unfinished."""
    try:
        return _end(data, at) == len(data)
    except Corrupt:
        pass
    if len(data) - at < _HEADER:
        return True
    length, complement = struct.unpack(">HH", data[at : at + _HEADER])
    return length == complement ^ _MASK and 0 < length <= _RECORD


def _check(item):
    return hashlib.sha256(item).digest()[:_CHECK]


def _pair(data, at, end):
    """(receipt, private) of the record that lies there."""
    item = data[at + _HEADER : end - _CHECK]
    if _check(item) != data[end - _CHECK : end]:
        raise Corrupt("check")
    try:
        pair = cbor.decode(item, _RECORD)
    except cbor.CborError:
        raise Corrupt("item")
    if not is_list(pair, 2) or not is_bytes(pair[0]):
        raise Corrupt("record")
    return pair
