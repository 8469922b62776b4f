"""Ed25519 verification on Python's own integers: the rules of ed25519.py line by line, for CPython and for tests.

Slow on a microcontroller, where ed25519_fast.py gives the same verdicts.
"""

from protocol.compat import sha512

_P = (1 << 255) - 19
_L = (1 << 252) + 27742317777372353535851937790883648493
_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555  # -121665/121666
_2D = 2 * _D % _P
_ROOT = 19681161376707505956807079304988542015446066515923890162744021073123829784752  # of -1
_BX = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BY = 46316835694926478169428394003475163141307993866256225615783033603165251855960

# Points are extended coordinates (X, Y, Z, T), x = X/Z, y = Y/Z, T = X*Y/Z. What is added from a table is kept
# "ready": (Y - X, Y + X, 2Z, 2dT), RFC 8032 §5.1.4's formulas with their constants multiplied in.

_WINDOW_A = 5  # bits; A's table, 8 points, is made anew each time
_WINDOW_B = 6  # bits; B's table, 16 points, once
_base = None


def verify(public_key, message, signature, a_x=None, r_x=None, comb_b=None, comb_a=None):
    """As ed25519.verify, of sizes that are right. It has no use for combs."""
    s = int.from_bytes(signature[32:], "little")
    if s >= _L:
        return False
    a, r = point(public_key, a_x), point(signature[:32], r_x)
    if a is None or r is None:
        return False
    h = int.from_bytes(sha512(signature[:32], public_key, message), "little") % _L
    return _encoding(_s_base_minus_h_a(s, h, a)) == signature[:32]


def point(encoded, hint=None):
    """The point of 32 bytes, RFC 8032 §5.1.3; None if it is not canonical, not on the curve, of small order, or if
    its x is not that of the hint."""
    q = _point(encoded)
    if q is None or _small_order(q) or (hint is not None and q[0] != int.from_bytes(hint, "little")):
        return None
    return q


def _point(encoded):
    """The point of 32 bytes, RFC 8032 §5.1.3, or None if it is not canonical or not on the curve."""
    y = int.from_bytes(encoded, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    if y >= _P:
        return None
    u = (y * y - 1) % _P
    v = (_D * y * y + 1) % _P
    v3 = v * v * v % _P
    x = u * v3 * pow(u * v3 * v3 * v % _P, (_P - 5) >> 3, _P) % _P
    vxx = v * x * x % _P
    if vxx != u:
        if vxx != _P - u:
            return None
        x = x * _ROOT % _P
    if x == 0 and sign:
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _encoding(q):
    """The 32 bytes of a point, RFC 8032 §5.1.2."""
    inverse = pow(q[2], _P - 2, _P)
    x = q[0] * inverse % _P
    y = q[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _small_order(q):
    """Whether 8q is neutral. x = 0 says so: the only other point there has order 2, and 8q cannot."""
    return _double(_double(_double(q)))[0] == 0


def _s_base_minus_h_a(s, h, a):
    """s*B - h*A, both scalars along one chain of doublings (Straus), in signed windows."""
    global _base
    if _base is None:
        _base = _odd_multiples((_BX, _BY, 1, _BX * _BY % _P), _WINDOW_B)
    of_a = _odd_multiples((_P - a[0], a[1], 1, _P - a[3]), _WINDOW_A)
    s_digits = _digits(s, _WINDOW_B)
    h_digits = _digits(h, _WINDOW_A)
    q = (0, 1, 1, 0)
    for i in range(max(len(s_digits), len(h_digits)) - 1, -1, -1):
        q = _double(q)
        if i < len(s_digits) and s_digits[i]:
            q = _add(q, _base, s_digits[i])
        if i < len(h_digits) and h_digits[i]:
            q = _add(q, of_a, h_digits[i])
    return q


def _digits(k, window):
    """k in signed binary, lowest first: each digit 0 or odd, below 2^(window-1) either way (wNAF)."""
    digits = []
    modulus = 1 << window
    while k:
        digit = 0
        if k & 1:
            digit = k & modulus - 1
            if digit >= modulus >> 1:
                digit -= modulus
            k -= digit
        digits.append(digit)
        k >>= 1
    return digits


def _odd_multiples(q, window):
    """[q, 3q, 5q, ...] ready to be added, as many as digits of that window need."""
    twice = [_ready(_double(q))]
    points = [q]
    while len(points) < 1 << window - 2:
        points.append(_add(points[-1], twice, 1))
    return [_ready(point) for point in points]


def _ready(q):
    x, y, z, t = q
    return (y - x) % _P, (y + x) % _P, 2 * z % _P, _2D * t % _P


def _add(q, table, digit):
    """q + digit * (the point that table was made of); digit is odd and may be negative."""
    x, y, z, t = q
    if digit > 0:
        minus, plus, z2, t2d = table[digit >> 1]
    else:  # -(x, y) is (-x, y): the sums change places and T its sign
        plus, minus, z2, t2d = table[-digit >> 1]
        t2d = -t2d
    a = (y - x) * minus % _P
    b = (y + x) * plus % _P
    c = t * t2d % _P
    d = z * z2 % _P
    e = b - a
    f = d - c
    g = d + c
    h = b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(q):
    x, y, z, _ = q
    a = x * x % _P
    b = y * y % _P
    h = a + b
    e = h - (x + y) * (x + y)
    g = a - b
    f = 2 * z * z + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P
