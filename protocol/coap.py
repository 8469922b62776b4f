"""CoAP messages (RFC 7252 §3): bytes to `Message` and back. No sending, no timers, no meaning of options.

The decoder is strict where libraries are not, so `reaction` can stand in front of one: what it lets through has
the form of §3. Bounds: a datagram of at most 1,280 bytes, with at most 32 options.
"""

from protocol.compat import const

DATAGRAM_MAX = const(1280)  # bytes, what IPv6 carries everywhere: §4.6
OPTIONS_MAX = const(32)
TOKEN_MAX = const(8)

CON = const(0)  # types, §3
NON = const(1)
ACK = const(2)
RST = const(3)

# option numbers: RFC 7252 §5.10, 7641 §2, 7959 §2.1, 8613 §2, 9175 §2
IF_MATCH = const(1)
URI_HOST = const(3)
ETAG = const(4)
IF_NONE_MATCH = const(5)
OBSERVE = const(6)
URI_PORT = const(7)
LOCATION_PATH = const(8)
OSCORE = const(9)
URI_PATH = const(11)
CONTENT_FORMAT = const(12)
MAX_AGE = const(14)
URI_QUERY = const(15)
ACCEPT = const(17)
LOCATION_QUERY = const(20)
BLOCK2 = const(23)
BLOCK1 = const(27)
SIZE2 = const(28)
PROXY_URI = const(35)
PROXY_SCHEME = const(39)
SIZE1 = const(60)
ECHO = const(252)
REQUEST_TAG = const(292)

# codes, class << 5 | detail: RFC 7252 §12.1, 7959 §2.9, 8132 §2; FETCH is what OSCORE wraps an observation in
EMPTY = const(0x00)
GET = const(0x01)
POST = const(0x02)
PUT = const(0x03)
DELETE = const(0x04)
FETCH = const(0x05)
CREATED = const(0x41)  # 2.01
DELETED = const(0x42)
VALID = const(0x43)
CHANGED = const(0x44)  # 2.04
CONTENT = const(0x45)
CONTINUE = const(0x5F)  # 2.31
BAD_REQUEST = const(0x80)  # 4.00
UNAUTHORIZED = const(0x81)
BAD_OPTION = const(0x82)
FORBIDDEN = const(0x83)
NOT_FOUND = const(0x84)
METHOD_NOT_ALLOWED = const(0x85)
INCOMPLETE = const(0x88)  # 4.08
TOO_LARGE = const(0x8D)  # 4.13
UNSUPPORTED_FORMAT = const(0x8F)
TOO_MANY_REQUESTS = const(0x9D)  # 4.29
INTERNAL_ERROR = const(0xA0)  # 5.00
UNAVAILABLE = const(0xA3)  # 5.03

_REQUEST = "request"
_RESPONSE = "response"
_EMPTY = "empty"
# §4.3 table 1: what each type may carry. (An empty CON is the ping, which a Reset answers.)
_CARRIES = {
    CON: (_REQUEST, _RESPONSE, _EMPTY),
    NON: (_REQUEST, _RESPONSE),
    ACK: (_RESPONSE, _EMPTY),
    RST: (_EMPTY,),
}


class CoapError(ValueError):  # ├─ FormatError  └─ Ignore
    """Not a message to act on."""


class FormatError(CoapError):
    """Not of RFC 7252's form, or beyond our bounds. `type` and `mid` are None if not even they could be read."""

    def __init__(self, reason: str, type=None, mid=None):
        super().__init__(reason)
        self.type = type
        self.mid = mid


class Ignore(CoapError):
    """Another version of CoAP, which gets no answer at all: §3."""


class Message:
    """One CoAP message. options: [(number, value bytes), ...] in rising order of number."""

    __slots__ = ("type", "code", "mid", "token", "options", "payload")

    def __init__(self, type: int, code: int, mid: int, token: bytes = b"", options=(), payload: bytes = b""):
        self.type = type
        self.code = code
        self.mid = mid
        self.token = token
        self.options = options
        self.payload = payload

    def option(self, number: int):
        """The value of the first option of that number, or None."""
        for found, value in self.options:
            if found == number:
                return value
        return None


def dotted(code: int) -> str:
    """69 -> '2.05'."""
    return "%d.%02d" % (code >> 5, code & 31)


def kind(code: int):
    """'empty', 'request', 'response', or None for the reserved rest: §12.1."""
    if code == EMPTY:
        return _EMPTY
    return (_REQUEST, None, _RESPONSE, None, _RESPONSE, _RESPONSE, None, None)[code >> 5]


# ---- encode


def encode(type: int, code: int, mid: int, token: bytes = b"", options=(), payload: bytes = b"") -> bytes:
    """The datagram. options in any order; those of one number keep theirs. ValueError if decode would refuse it."""
    if kind(code) not in _CARRIES.get(type, ()) or not 0 <= mid <= 0xFFFF or len(token) > TOKEN_MAX:
        raise ValueError("type, code, message id or token")
    if code == EMPTY and (token or options or payload):
        raise ValueError("an empty message is four bytes")  # §4.1
    out = bytearray((0x40 | type << 4 | len(token), code, mid >> 8, mid & 0xFF))
    out.extend(token)
    out.extend(encode_options(options, payload))
    if len(out) > DATAGRAM_MAX:
        raise ValueError("longer than a datagram")
    return bytes(out)


def encode_options(options, payload: bytes = b"") -> bytes:
    """Options, then the payload behind its marker if there is one: §3.1."""
    if len(options) > OPTIONS_MAX:
        raise ValueError("too many options")
    out = bytearray()
    before = 0
    # by number, then by place: MicroPython's sort does not keep the order of equals
    for number, place in sorted([(option[0], place) for place, option in enumerate(options)]):
        value = options[place][1]
        if not 0 <= number <= 0xFFFF:
            raise ValueError("option number")
        delta, delta_more = _nibble(number - before)
        length, length_more = _nibble(len(value))
        out.append(delta << 4 | length)
        out.extend(delta_more)
        out.extend(length_more)
        out.extend(value)
        before = number
    if payload:
        out.append(0xFF)
        out.extend(payload)
    return bytes(out)


def _nibble(n):
    """(four bits, further bytes) of an option's delta or length."""
    if n < 13:
        return n, b""
    if n < 269:
        return 13, bytes((n - 13,))
    if n < 269 + 0x10000:
        return 14, (n - 269).to_bytes(2, "big")
    raise ValueError("option too long")


def uint(n: int) -> bytes:
    """An option value of the uint format: no leading zeros, 0 is empty. §3.2."""
    size = 0
    while n >> 8 * size:
        size += 1
    return n.to_bytes(size, "big")


# ---- decode


def decode(datagram: bytes) -> Message:
    """The message. FormatError or Ignore for everything else."""
    if len(datagram) and datagram[0] >> 6 != 1:
        raise Ignore("version")
    if len(datagram) < 4:
        raise FormatError("no header")
    datagram = bytes(datagram)
    type = datagram[0] >> 4 & 3
    code = datagram[1]
    mid = datagram[2] << 8 | datagram[3]
    start = 4 + (datagram[0] & 15)
    try:
        if len(datagram) > DATAGRAM_MAX:
            raise FormatError("longer than a datagram")
        if start > 4 + TOKEN_MAX or start > len(datagram):
            raise FormatError("token length")  # 9-15 are reserved: §3
        if kind(code) not in _CARRIES[type]:
            raise FormatError("code")  # §4.2, §4.3: rejected as if malformed
        if code == EMPTY and len(datagram) != 4:
            raise FormatError("an empty message is four bytes")  # §4.1
        options, payload = decode_options(datagram, start)
    except FormatError as error:
        error.type = type
        error.mid = mid
        raise
    return Message(type, code, mid, datagram[4:start], options, payload)


def decode_options(data: bytes, start: int = 0):
    """([(number, value), ...], payload) of what follows a header and token, or an OSCORE plaintext's code.

    FormatError if it breaks off, uses a reserved 15, or has a payload marker and no payload: §3, §3.1.
    """
    options: list = []
    number = 0
    while start < len(data):
        first = data[start]
        start += 1
        if first == 0xFF:
            if start == len(data):
                raise FormatError("payload marker without payload")
            return options, data[start:]
        if len(options) == OPTIONS_MAX:
            raise FormatError("too many options")
        delta, start = _extended(first >> 4, data, start)
        length, start = _extended(first & 15, data, start)
        number += delta
        if number > 0xFFFF:
            raise FormatError("option number")
        if length > len(data) - start:
            raise FormatError("option cut short")
        options.append((number, data[start : start + length]))
        start += length
    return options, b""


def _extended(nibble, data, start):
    """(delta or length, position after its further bytes)."""
    if nibble == 15:
        raise FormatError("reserved option head")
    if nibble < 13:
        return nibble, start
    end = start + nibble - 12
    if end > len(data):
        raise FormatError("option cut short")
    more = int.from_bytes(data[start:end], "big")
    return more + (13 if nibble == 13 else 269), end


# ---- what a receiver owes


def reset(mid: int) -> bytes:
    """The Reset that rejects the message with that id: §4.2."""
    return encode(RST, EMPTY, mid)


def acknowledge(mid: int) -> bytes:
    """The empty acknowledgement of the CON with that id: §4.2."""
    return encode(ACK, EMPTY, mid)


def reaction(datagram: bytes):
    """What a filter in front of a CoAP stack does with a datagram.

    | gives      | meaning                | when                                                                  |
    |------------|------------------------|-----------------------------------------------------------------------|
    | None       | hand it on             | it has RFC 7252's form                                                |
    | some bytes | send them, drop it     | a malformed CON, which a Reset rejects: §4.2                          |
    | b""        | drop it                | a malformed NON, ACK or RST, half a header, another version: §3, §4.2 |

    Nobody can be made to answer for the last row.
    """
    try:
        decode(datagram)
    except FormatError as error:
        return reset(error.mid) if error.type == CON else b""
    except Ignore:
        return b""
    return None
