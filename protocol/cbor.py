"""Deterministic CBOR (RFC 8949 §4.2.1) and nothing else: one value has one encoding, and one encoding is accepted.

Carries int (-2^64 to 2^64-1), bytes, str, list, dict, bool, None and `Tag`. Not floats, not undefined, no other
simple values, nothing of indefinite length: what these bytes carry are integers, keys and names.

`decode` refuses whatever `encode` would not have written, and bounds its work first: the size, then the depth,
then each declared length against the bytes that are left, before it allocates anything.
A map may not mix text and byte-string keys: MicroPython prints a warning each time it compares the two.
"""

from protocol.compat import const

DEPTH = const(6)  # arrays, maps and tags inside one another
LIMIT = const(512)  # bytes, unless the caller says otherwise

# major types, RFC 8949 §3.1
_UNSIGNED = const(0)
_NEGATIVE = const(1)
_BYTES = const(2)
_TEXT = const(3)
_ARRAY = const(4)
_MAP = const(5)
_TAG = const(6)
_SIMPLE = const(7)

_SIMPLES = {0xF4: False, 0xF5: True, 0xF6: None}  # the only three of major type 7, whole bytes
_SHORTEST = (
    24,
    1 << 8,
    1 << 16,
    1 << 32,
)  # the least argument that 1, 2, 4, 8 further bytes may carry, §4.2.1
_LARGEST = (0xFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)  # and the greatest that they can


class CborError(ValueError):
    """Not in the one form that is accepted, or not a value that has one."""


class Tag:
    """A tagged value, RFC 8949 §3.4."""

    __slots__ = ("number", "value")

    def __init__(self, number: int, value):
        self.number = number
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Tag) and self.number == other.number and self.value == other.value

    def __repr__(self):
        return "Tag(%r, %r)" % (self.number, self.value)


# ---- encode


def encode(obj) -> bytes:
    """The one encoding of obj. Raises CborError for what has none (floats, other types, too deep, out of range)."""
    out = bytearray()
    _put(out, obj, 0)
    return bytes(out)


def _put(out, obj, depth):
    if obj is None or obj is True or obj is False:
        out.append(0xF6 if obj is None else 0xF5 if obj else 0xF4)
    elif isinstance(obj, int):
        if obj < 0:
            _put_head(out, _NEGATIVE, -1 - obj)
        else:
            _put_head(out, _UNSIGNED, obj)
    elif isinstance(obj, (bytes, bytearray, memoryview)):
        _put_head(out, _BYTES, len(obj))
        out.extend(obj)
    elif isinstance(obj, str):
        raw = _utf8(obj)
        _put_head(out, _TEXT, len(raw))
        out.extend(raw)
    elif depth == DEPTH:
        raise CborError("too deep, or no type of ours")
    elif isinstance(obj, (list, tuple)):
        _put_head(out, _ARRAY, len(obj))
        for item in obj:
            _put(out, item, depth + 1)
    elif isinstance(obj, dict):
        _put_map(out, obj, depth + 1)
    elif isinstance(obj, Tag):
        if not isinstance(obj.number, int) or obj.number < 0:
            raise CborError("no tag number")
        _put_head(out, _TAG, obj.number)
        _put(out, obj.value, depth + 1)
    else:
        raise CborError("no type of ours")


def _put_map(out, obj, depth):
    _put_head(out, _MAP, len(obj))
    pairs = []
    for key, value in obj.items():
        head = bytearray()
        _put(head, key, depth)
        pairs.append((bytes(head), value))
    pairs.sort(key=lambda pair: pair[0])
    last = _UNSIGNED
    for encoded, value in pairs:
        last = _key_after(last, encoded[0] >> 5)
        out.extend(encoded)
        _put(out, value, depth)


def _put_head(out, major, argument):
    if argument < 24:
        out.append(major << 5 | argument)
        return
    if argument < 256:  # most lengths: no need for an object of its own
        out.append(major << 5 | 24)
        out.append(argument)
        return
    for power in range(1, 4):
        if argument <= _LARGEST[power]:
            out.append(major << 5 | 24 + power)
            out.extend(argument.to_bytes(1 << power, "big"))
            return
    raise CborError("integer beyond 64 bits")


# ---- decode


def decode(data: bytes, limit: int = LIMIT):
    """The value of data (bytes or memoryview), which must be one whole item of at most limit bytes.

    Raises CborError for everything else, and no other exception.
    """
    if not isinstance(data, (bytes, memoryview)):
        raise CborError("neither bytes nor memoryview")
    if len(data) > limit:
        raise CborError("longer than its limit")
    obj, end = decode_first(data)
    if end != len(data):
        raise CborError("leftovers")
    return obj


def decode_first(data: bytes):
    """(value, its length) of the first item of a CBOR sequence (RFC 8742); whoever hands data in has bounded it.

    Raises CborError as `decode` does, also when the item goes on beyond data.
    """
    reader = _Reader(data if isinstance(data, bytes) else bytes(data))
    return reader.item(0), reader.at


class _Reader:
    """Goes through `data`, standing at `at`: what it allocates are values, and nothing to find them by."""

    __slots__ = ("data", "at")

    def __init__(self, data):
        self.data = data
        self.at = 0

    def item(self, depth):
        """The value of the item that begins here, inside `depth` others."""
        data = self.data
        if self.at >= len(data):
            raise CborError("cut short")
        first = data[self.at]
        self.at += 1
        major = first >> 5
        if major == _SIMPLE:
            if first not in _SIMPLES:
                raise CborError("float, undefined or another simple value")
            return _SIMPLES[first]
        argument = first & 31
        if argument > 23:
            argument = self._argument(argument - 24)
        if major == _UNSIGNED:
            return argument
        if major == _NEGATIVE:
            return -1 - argument
        if major == _BYTES or major == _TEXT:
            start = self.at
            self.at += argument
            if self.at > len(data):
                raise CborError("cut short")
            raw = data[start : self.at]
            return raw if major == _BYTES else _text(raw)
        if depth == DEPTH:
            raise CborError("too deep")
        if major == _TAG:
            return Tag(argument, self.item(depth + 1))
        if argument > (len(data) - self.at) >> (major == _MAP):  # an item is at least one byte, a pair two
            raise CborError("cut short")
        if major == _MAP:
            return self._map(argument, depth + 1)
        items = []
        for _ in range(argument):
            items.append(self.item(depth + 1))
        return items

    def _argument(self, power):
        """The unsigned integer of 2^power bytes that begins here."""
        if power > 3:
            raise CborError("indefinite or reserved length")
        start = self.at
        self.at += 1 << power
        if self.at > len(self.data):
            raise CborError("cut short")
        argument = 0
        for i in range(start, self.at):
            argument = argument << 8 | self.data[i]
        if argument < _SHORTEST[power]:
            raise CborError("not in its shortest form")
        return argument

    def _map(self, count, depth):
        obj = {}
        data, before = self.data, None
        last = _UNSIGNED  # major type of the key before
        for _ in range(count):
            start = self.at
            if start < len(data):
                last = _key_after(last, data[start] >> 5)
            key = self.item(depth)
            if before is not None and not _ascending(data, before, start, self.at):
                raise CborError("map keys unsorted or twice")
            before = start
            obj[key] = self.item(depth)
        return obj


def _ascending(data, first, second, end):
    """Whether the item at `first` sorts before the one from `second` to `end`, bytewise: RFC 8949 §4.2.1. No item
    begins with another, so two that do not differ by then are one and the same."""
    while second < end:
        if data[first] != data[second]:
            return data[first] < data[second]
        first += 1
        second += 1
    return False


# ---- what both directions check


def _key_after(last, major):
    """The major type of a key, allowed after one of type `last`. Sorted keys bring byte strings before text."""
    if major > _TEXT:
        raise CborError("map keys are int, str or bytes")
    if major == _TEXT and last == _BYTES:
        raise CborError("text and byte-string keys in one map")
    return major


def _text(raw):
    try:
        text = str(raw, "utf-8")
    except UnicodeError:
        raise CborError("not UTF-8")
    _utf8(text, len(raw))
    return text


def _utf8(text, size=None):
    """The UTF-8 of text, RFC 3629 §3; size is how many bytes it came in, if it came in bytes.

    CPython has checked all this; MicroPython lets surrogates, values past 0x10FFFF and overlong forms through.
    """
    raw = text.encode() if size is None else b""
    if len(text) == (len(raw) if size is None else size):
        return raw  # ASCII
    shortest = 0
    for char in text:
        code = ord(char)
        if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
            raise CborError("not UTF-8")
        shortest += 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
    if size is not None and size != shortest:
        raise CborError("not UTF-8")
    return text.encode()
