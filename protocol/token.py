"""The token: a CWT (RFC 8392) in COSE_Sign1 that names who may open which lock, and when (SPEC.md section 3).

Parses and mints; judges nothing (firmware/accept.py does) and knows no clock.
"""

import hashlib

from protocol import cbor, cose, ed25519, keys
from protocol.compat import const
from protocol.shape import is_bytes, is_list, is_uint, is_uints

LIMIT = const(384)  # bytes
_HINT = const(39)  # bytes that the hint adds
AUDIENCE_MAX = const(8)  # locks in one token

SCOPE_RIDE = const(1)
SCOPE_SERVICE = const(2)  # a master token's: these bits
SCOPE_UPDATE = const(4)
SCOPE_DECOMMISSION = const(8)
_SCOPES = (SCOPE_RIDE,) + tuple(range(2, 16, 2))

ROLE_OF_SCOPE = {scope: keys.RIDE if scope == SCOPE_RIDE else keys.MASTER for scope in _SCOPES}

MODE_SINGLE = const(0)
MODE_PERIOD = const(1)  # bit 0
SUCCESSOR = const(2)  # bit 1

_AUD = const(3)  # claim keys: RFC 8392 §3.1, RFC 8747 §3.1, RFC 9200 §5.8, RFC 9711 §4.1, one private
_EXP = const(4)
_NBF = const(5)
_IAT = const(6)
_CTI = const(7)
_CNF = const(8)
_SCOPE = const(9)
_NONCE = const(10)
_TERMS = const(-65537)

_REQUIRED = (_AUD, _EXP, _NBF, _IAT, _CTI, _CNF, _SCOPE, _TERMS)


class Malformed(ValueError):
    """Not a token."""


class Claims:
    """What a token says. `aud`: tuple of (lock id, epoch), or a group id; `holder`: public key; times: Unix s."""

    __slots__ = (
        "aud",
        "exp",
        "nbf",
        "iat",
        "cti",
        "holder",
        "scope",
        "floor",
        "hold",
        "longest",
        "mode",
        "nonce",
    )

    def __init__(self, aud, exp, nbf, iat, cti, holder, scope, floor, hold, longest, mode, nonce=None):
        self.aud = aud
        self.exp = exp
        self.nbf = nbf
        self.iat = iat
        self.cti = cti
        self.holder = holder
        self.scope = scope
        self.floor = floor
        self.hold = hold
        self.longest = longest
        self.mode = mode
        self.nonce = nonce

    @property
    def single(self):
        return not self.mode & MODE_PERIOD

    @property
    def successor(self):
        return bool(self.mode & SUCCESSOR)

    def epoch_for(self, lock_id):
        """The epoch that this token gives the lock; None when the lock is not in its audience."""
        if type(self.aud) is tuple:
            for named, epoch in self.aud:
                if named == lock_id:
                    return epoch
        return None


class Token:
    """A parsed token whose signature has not been checked. `hash`: SHA-256 of the token as sent."""

    __slots__ = ("kid", "claims", "hash", "hint", "_signed", "_signature")

    def __init__(self, kid, claims, digest, signed, signature, hint=None):
        self.kid = kid
        self.claims = claims
        self.hash = digest
        self.hint = hint
        self._signed = signed
        self._signature = signature

    def verify(self, public_key):
        return ed25519.verify(public_key, self._signed, self._signature, None, self.hint)


def _payload(claims):
    aud = claims.aud
    if type(aud) is tuple:
        aud = [part for pair in aud for part in pair]
    item = {
        _AUD: aud,
        _EXP: claims.exp,
        _NBF: claims.nbf,
        _IAT: claims.iat,
        _CTI: claims.cti,
        _CNF: {1: {1: 1, -1: 6, -2: claims.holder}},  # COSE_Key: kty OKP, crv Ed25519, x (RFC 9053 §7.2)
        _SCOPE: bytes([claims.scope]),
        _TERMS: [claims.floor, claims.hold, claims.longest, claims.mode],
    }
    if claims.nonce is not None:
        item[_NONCE] = claims.nonce
    return cbor.encode(item)


def mint(sign, kid, claims, hinted=False):
    """The token's bytes; `sign(message) -> 64 bytes` holds the issuer's key. `hinted`: with the x of R, if that fits.

    Raises Malformed rather than mint what no lock takes.
    """
    payload = _payload(claims)
    data = cose.sign1(sign, kid, payload)
    parse(data)
    if hinted and len(data) + _HINT <= LIMIT:
        data = cose.sign1(lambda message: data[-64:], kid, payload, hint=_x_of_r)
        parse(data)
    return data


def _x_of_r(signature):
    return ed25519.x_of(signature[:32])


def _audience(item):
    if is_bytes(item, 4):
        return item
    if not is_list(item) or not 2 <= len(item) <= 2 * AUDIENCE_MAX or len(item) % 2:
        raise Malformed("aud")
    pairs = tuple([(item[i], item[i + 1]) for i in range(0, len(item), 2)])
    last = b""
    for lock_id, epoch in pairs:
        if not is_bytes(lock_id, 8) or not is_uint(epoch) or lock_id <= last:
            raise Malformed("aud")
        last = lock_id
    return pairs


def _holder(item):
    key = item.get(1) if type(item) is dict and len(item) == 1 else None
    if (
        type(key) is not dict
        or len(key) != 3
        or key.get(1) != 1
        or key.get(-1) != 6
        or not is_bytes(key.get(-2), 32)
    ):
        raise Malformed("cnf")
    return key[-2]


def _claims(item):
    if type(item) is not dict or len(item) != len(_REQUIRED) + (_NONCE in item):
        raise Malformed("claims")
    for name in _REQUIRED:
        if name not in item:
            raise Malformed("claims")
    aud = _audience(item[_AUD])
    nonce = item.get(_NONCE)
    terms = item[_TERMS]
    scope = item[_SCOPE]
    if not is_uint(item[_EXP]) or not is_uint(item[_NBF]) or not is_uint(item[_IAT]):
        raise Malformed("time")
    if item[_EXP] < item[_NBF] or item[_EXP] < item[_IAT]:
        raise Malformed("window")
    if not is_bytes(item[_CTI], 8) or not is_bytes(scope, 1) or scope[0] not in _SCOPES:
        raise Malformed("cti or scope")
    if not is_uints(terms, 4) or terms[3] > 3:
        raise Malformed("terms")
    if terms[0] and (type(aud) is not tuple or len(aud) != 1):
        raise Malformed("floor for several locks")
    if scope[0] != SCOPE_RIDE and terms != [0, 0, 0, 0]:
        raise Malformed("a master token has no terms")
    if nonce is not None and not is_bytes(nonce, 16):
        raise Malformed("nonce")
    if type(aud) is bytes and (nonce is None or scope[0] == SCOPE_RIDE):
        raise Malformed("a group is for nonce-bound masters")
    times = item[_EXP], item[_NBF], item[_IAT]
    floor, hold, longest, mode = terms
    return Claims(aud, *times, item[_CTI], _holder(item[_CNF]), scope[0], floor, hold, longest, mode, nonce)


def parse(data):
    """A Token from its bytes, nothing verified yet. Raises Malformed."""
    try:
        outer = cose.parse_sign1(data, LIMIT)
        claims = _claims(cbor.decode(outer.payload, LIMIT))
    except (cose.CoseError, cbor.CborError):
        raise Malformed("not a token") from None
    if len(outer.kid) != 4:
        raise Malformed("kid")
    return Token(
        outer.kid, claims, hashlib.sha256(data).digest(), outer.to_be_signed, outer.signature, outer.hint
    )
