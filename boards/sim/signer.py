"""Ed25519 signing (RFC 8032 §5.1) in plain Python, for the simulator's issuers and riders on both interpreters.

Not for secrets that matter: its time depends on the key, and two signatures give a QuickKey away. No lock holds or
uses this; locks only verify.
"""

from protocol.compat import sha512

_P = (1 << 255) - 19
_L = (1 << 252) + 27742317777372353535851937790883648493
_2D = 2 * 37095705934669439343138083508754565189542113879843219016388785533085940283555
_BX = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BY = 46316835694926478169428394003475163141307993866256225615783033603165251855960


def _add(p, q):
    """RFC 8032 §5.1.4, extended coordinates."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % _P
    b = (p[1] + p[0]) * (q[1] + q[0]) % _P
    c = p[3] * q[3] * _2D % _P
    d = 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times_base(scalar):
    """The 32 bytes of scalar * B."""
    base = _BX, _BY, 1, _BX * _BY % _P
    q = 0, 1, 1, 0
    for i in range(254, -1, -1):
        q = _add(q, q)
        if scalar >> i & 1:
            q = _add(q, base)
    inverse = pow(q[2], _P - 2, _P)
    return (q[1] * inverse % _P | (q[0] * inverse % _P & 1) << 255).to_bytes(32, "little")


class Key:
    """From a 32-byte seed. `public`: 32 bytes."""

    def __init__(self, seed):
        digest = sha512(seed)
        clamped = bytearray(digest[:32])
        clamped[0] &= 248
        clamped[31] = clamped[31] & 127 | 64
        self._scalar = int.from_bytes(clamped, "little")
        self._prefix = digest[32:]
        self.public = _times_base(self._scalar)

    def __repr__(self):
        return "Key(...)"

    def sign(self, message):
        """The 64-byte signature."""
        nonce, r = self._drawn(message)
        h = int.from_bytes(sha512(r, self.public, message), "little") % _L
        return r + ((nonce + h * self._scalar) % _L).to_bytes(32, "little")

    def _drawn(self, message):
        """(nonce, its R) for a message."""
        nonce = int.from_bytes(sha512(self._prefix, message), "little") % _L
        return nonce, _times_base(nonce)


class QuickKey(Key):
    """One nonce for all it ever signs, so that a signature costs a hash. Who verifies sees no difference."""

    def __init__(self, seed):
        super().__init__(seed)
        self._one = super()._drawn(b"")

    def _drawn(self, message):
        return self._one
