"""Scalars of Ed25519 cut into what curve.py adds: signed digits, combs, halves (MicroPython only).

`digits` is one buffer: the 32 columns of either comb in halfwords, then rows of n signed bytes.
"""

from protocol.compat import const

L = (1 << 252) + 27742317777372353535851937790883648493
_8L = 8 * L

_COMB = const(64)
_ROWS = const(128)
_LONGEST = const(
    282
)  # bytes of the rows of A and R, or of A alone; without a comb of B, those of its rows beside

digits = bytearray(_ROWS + _LONGEST)
_state = bytearray(112)  # of Euclid's algorithm
_view = memoryview(_state)
_PARTS = _view[:36], _view[36:72], _view[72:92], _view[92:]
_8L_BYTES = _8L.to_bytes(36, "little")
_T_BYTES = bytes(20) + b"\x01" + bytes(19)


def row(place, k, n):
    """k >= 0 as n digits 0, -7, -5 .. 7, the row at that place among rows of n; of four digits one at most is not 0."""
    if _ROWS + (place + 1) * n > len(digits):
        digits.extend(bytes(2 * _LONGEST))
    _row(digits, _ROWS + place * n, k.to_bytes(36, "little"), n)


@micropython.viper
def _row(to: ptr8, at: int, k: ptr8, n: int):
    d = ptr8(int(to) + at)
    carry = 0
    i = 0
    while i < n:
        b = ptr8(int(k) + (i >> 3))
        v = ((b[0] | b[1] << 8) >> (i & 7)) + carry
        if v & 1:
            v &= 15
            carry = v >> 3
            d[i] = v - (carry << 4)
            zeros = 3
            while zeros and i + 1 < n:
                i += 1
                d[i] = 0
                zeros -= 1
        else:
            d[i] = 0
        i += 1


def comb(side, k, spacing):
    """k < L, 32 bytes, as 32 columns of eight signs, side 0 for B and 1 for A: 2 * (place in the comb) + (1 if
    negative)."""
    # k = the sum of (2 b - 1) 2^i over 256 bits b of (k + 2^256 - 1) / 2, for odd k; an even one has L added
    _signs(_state, k, _8L_BYTES)
    _comb(_state, _COMB * side, digits, spacing)


@micropython.viper
def _signs(to: ptr8, k: ptr8, l8: ptr8):
    even = (k[0] & 1) - 1  # 0 or -1
    carry = 0
    i = 0
    while i < 32:
        x = k[i] + ((l8[i] >> 3 | l8[i + 1] << 5) & 255 & even) + carry
        to[i] = x
        carry = x >> 8
        i += 1
    i = 0
    while i < 31:
        to[i] = to[i] >> 1 | to[i + 1] << 7
        i += 1
    to[31] = to[31] >> 1 | 128


@micropython.viper
def _comb(h: ptr16, v: int, c: ptr16, spacing: int):
    """Columns at byte v of c: tooth t of column i of tooth group j is bit i + spacing * (t + 8 j) of the bytes h."""
    c = ptr16(int(c) + v)
    down = spacing >> 3
    groups = int(h) + 7 * down
    n = 0
    while n < 32:
        i = n & (spacing - 1)
        h = ptr16(groups + n - i + 2 * (i >> 4))
        i &= 15
        v = 0
        t = 8
        while t:
            v = v << 1 | (h[0] >> i) & 1
            h = ptr16(int(h) - down)
            t -= 1
        if v & 128:
            c[n] = (v & 127) << 1
        else:
            c[n] = (127 - v) << 1 | 1
        n += 1


def halves(h):
    """(c0, c1): c0 = c1 * h (mod 8L), c1 odd, c0 >= 0, both of about 128 bits.

    The order of the curve is 8L. Because c1 is odd and prime to L, c1 Q = O only if Q = O, whatever part of small
    order Q has: multiplying an equation by c1 loses nothing. Modulo L, or with an even c1, it would forgive a part of
    small order. Any such pair will do; that these are short is Euclid's algorithm on (8L, h), stopped half way.
    """
    state = _state
    state[:36], state[36:72], state[72:] = _8L_BYTES, h.to_bytes(36, "little"), _T_BYTES
    number = int.from_bytes
    steps = 0
    while True:  # r0 = +-t0 h, r1 = -+t1 h (mod 8L)
        steps = _euclid(state, steps)
        r1, t1 = number(_PARTS[1], "little"), number(_PARTS[3], "little")
        if r1 < 1 << 128:
            break
        # a quotient too large for _euclid, about once in three scalars
        r0, t0 = number(_PARTS[0], "little"), number(_PARTS[2], "little")
        q = r0 // r1
        r0, r1, t0, t1 = r1, r0 - q * r1, t1, t0 + q * t1
        steps += 1
        state[:36], state[36:72] = r0.to_bytes(36, "little"), r1.to_bytes(36, "little")
        state[72:92], state[92:] = t0.to_bytes(20, "little"), t1.to_bytes(20, "little")
    if (
        not t1 & 1
    ):  # then t0 is odd: go from r0 towards the next remainder while that makes the longer one shorter
        r0, t0 = number(_PARTS[0], "little"), number(_PARTS[2], "little")
        q = max(0, (r0 - t0) // (r1 + t1))
        r1, t1 = r0 - q * r1, t0 + q * t1
        steps += 1
    return r1, -t1 if steps & 1 else t1


@micropython.viper
def _euclid(state: ptr8, steps: int) -> int:
    """Steps of Euclid's algorithm on r0 > r1 (36 bytes each) and t0, t1 (20 each) until r1 < 2^128, or until a
    quotient is large; gives the steps made so far. The 30 highest bits decide some ten, made at once (Lehmer)."""
    r0 = ptr16(state)
    n = 17
    while True:
        while r0[n] == 0:
            n -= 1
        cut = 16 * n - 30
        top = int(r0[n])
        while top:
            top >>= 1
            cut += 1
        shift = cut & 15
        p = ptr16(int(state) + ((cut >> 4) << 1))
        x = p[0] | p[1] << 16
        x = (int(uint(x) >> shift) | (p[2] << 16) << (16 - shift)) & 0x3FFFFFFF
        p = ptr16(int(p) + 36)
        y = p[0] | p[1] << 16
        y = (int(uint(y) >> shift) | (p[2] << 16) << (16 - shift)) & 0x3FFFFFFF
        least = 1
        if cut < 128:
            least = 1 << (128 - cut)
        a = 1
        b = 0
        c = 0
        d = 1
        made = 0
        while y >= least and x >> 8 <= y:
            u = a
            v = b
            t = x
            while t >= y and u + v < 16384:
                t -= y
                u += c
                v += d
            if u + v >= 16384 or t < u + v or y - t < u + v + c + d:
                break  # the bits cut off might change this quotient
            x = y
            y = t
            a = c
            b = d
            c = u
            d = v
            made += 1
        if made == 0:
            return steps
        steps += made
        # r0, r1 = a r0 - b r1, d r1 - c r0, or the negatives
        if made & 1:
            a = 0 - a
            b = 0 - b
            c = 0 - c
            d = 0 - d
        p = ptr16(state)
        x = 0
        y = 0
        i = n + 1
        while i:
            u = int(p[0])
            v = int(p[18])
            x += a * u - b * v
            y += d * v - c * u
            p[0] = x
            p[18] = y
            x >>= 16
            y >>= 16
            p = ptr16(int(p) + 2)
            i -= 1
        # t0, t1 = a t0 + b t1, c t0 + d t1
        if made & 1:
            a = 0 - a
            b = 0 - b
            c = 0 - c
            d = 0 - d
        p = ptr16(int(state) + 72)
        x = 0
        y = 0
        i = 10
        while i:
            u = int(p[0])
            v = int(p[10])
            x += a * u + b * v
            y += c * u + d * v
            p[0] = x
            p[10] = y
            x >>= 16
            y >>= 16
            p = ptr16(int(p) + 2)
            i -= 1
