"""Scalars of Ed25519 cut into what curve.py adds: signed digits, combs, halves (MicroPython only).

`digits` is one buffer: four rows of 260 signed bytes, then the 32 columns of either comb in halfwords.
"""

from protocol.compat import const

L = (1 << 252) + 27742317777372353535851937790883648493
_8L = 8 * L

_ROW = const(260)
_COMBS = const(1040)
_COMB = const(64)

digits = bytearray(1168)
_pair = bytearray(72)  # two numbers of 36 bytes, lowest first
_matrix = bytearray(8)


def row(place, k, n):
    """k >= 0 as n digits 0, -7, -5 .. 7 at that place of `digits`; of four in a row one at most is not 0."""
    _row(digits, _ROW * place, k.to_bytes(36, "little"), n)


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
    """k < L as 32 columns of eight signs, side 0 for B and 1 for A: 2 * (place in the comb) + (1 if negative)."""
    # k = the sum of (2 b - 1) 2^i over 256 bits b of (k + 2^256 - 1) / 2, for odd k
    k += (1 << 256) - 1 if k & 1 else (1 << 256) - 1 + L
    _comb(digits, _COMBS + _COMB * side, (k >> 1).to_bytes(32, "little"), spacing)


@micropython.viper
def _comb(to: ptr8, at: int, k: ptr16, spacing: int):
    """Tooth t of column i of tooth group j is bit i + spacing * (t + 8 j)."""
    c = ptr16(int(to) + at)
    step = spacing >> 4
    n = 0
    while n < 32:
        i = n & (spacing - 1)
        h = ptr16(int(k) + n - i + 2 * (i >> 4))
        v = 0
        t = 0
        while t < 8:
            v |= ((h[0] >> (i & 15)) & 1) << t
            h = ptr16(int(h) + 2 * step)
            t += 1
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
    r0, r1, t0, t1 = _8L, h, 0, 1
    while r1 >> 128:
        _pair[:36] = r0.to_bytes(36, "little")
        _pair[36:] = r1.to_bytes(36, "little")
        if _steps(_pair, _matrix):
            m = _matrix
            a, b = m[0] | m[1] << 8, m[2] | m[3] << 8
            c, d = m[4] | m[5] << 8, m[6] | m[7] << 8
            # rows of alternating sign; which of them is negative shows in the result
            r0, r1, t0, t1 = a * r0 - b * r1, d * r1 - c * r0, a * t0 - b * t1, d * t1 - c * t0
            if r0 < 0:
                r0, t0 = -r0, -t0
            if r1 < 0:
                r1, t1 = -r1, -t1
        else:
            q = r0 // r1
            r0, r1, t0, t1 = r1, r0 - q * r1, t1, t0 - q * t1
    if (
        not t1 & 1
    ):  # then t0 is odd: go from r0 towards the next remainder while that makes the longer one shorter
        q = (r0 - abs(t0)) // (r1 + abs(t1))
        if q > 0:
            r0, t0 = r0 - q * r1, t0 - q * t1
        return r0, t0
    return r1, t1


@micropython.viper
def _steps(pair: ptr8, matrix: ptr16) -> int:
    """As many steps of Euclid's algorithm on r0 > r1 > 2^128 as their 30 highest bits decide (Lehmer), none of which
    goes below 2^128; gives how many. The matrix (a, b, c, d), signs left out: r0 = a r0 - b r1, r1 = d r1 - c r0."""
    n = 35
    while pair[n] == 0:
        n -= 1
    top = int(pair[n])
    cut = 8 * n - 30
    while top:
        top >>= 1
        cut += 1
    shift = cut & 7
    p = ptr8(int(pair) + (cut >> 3))
    x = p[0] | p[1] << 8 | p[2] << 16 | p[3] << 24
    x = (int(uint(x) >> shift) | (p[4] << 24) << (8 - shift)) & 0x3FFFFFFF
    p = ptr8(int(p) + 36)
    y = p[0] | p[1] << 8 | p[2] << 16 | p[3] << 24
    y = (int(uint(y) >> shift) | (p[4] << 24) << (8 - shift)) & 0x3FFFFFFF
    least = 1
    if cut < 128:
        if cut < 98:
            return 0
        least = 1 << (128 - cut)
    a = 1
    b = 0
    c = 0
    d = 1
    steps = 0
    while y >= least and x >> 8 <= y:  # a larger quotient takes a division
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
        steps += 1
    matrix[0] = a
    matrix[1] = b
    matrix[2] = c
    matrix[3] = d
    return steps
