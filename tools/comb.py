"""Makes combs (protocol/comb.py) of the keys by which a lock verifies. Runs on MicroPython too, for tests."""

from protocol import comb, ed25519, ed25519_plain

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
HALF = (P + 1) // 2
TEETH = 8


class BadKey(ValueError):
    """No comb is made of this key: it is malformed, not on the curve, or not of prime order."""


def x_of(encoded):
    """The x of a point's 32 bytes, the hint that goes with it; None when it is no point."""
    q = ed25519_plain.point(encoded)
    return None if q is None else q[0].to_bytes(32, "little")


def make(key, spacing=32):
    """The comb's file. `spacing`: 32 for 12 KiB, or 16 for 24 KiB and half of the doublings. BadKey."""
    q = ed25519_plain.point(key)
    if q is None:
        raise BadKey("This is not a public key.")
    if not _is_neutral(_times(L, q)):  # or h and h + L would be different multiples
        raise BadKey("This public key has a part of small order.")
    table = bytearray(32 // spacing * 12288)  # made first: on MicroPython the heap is soon in pieces
    at = 0
    teeth = [q]
    for _ in range(TEETH * 32 // spacing - 1):
        teeth.append(_doubled(teeth[-1], spacing))
    for first in range(0, len(teeth), TEETH):
        for x, y in _affine(_group(teeth[first : first + TEETH])):
            table[at : at + 96] = _entry(x, y)
            at += 96
    return comb.encode(key, table)


def _group(teeth):
    """All teeth but the last subtracted; each bit of v adds one of them twice."""
    total = teeth[-1]
    for tooth in teeth[:-1]:
        total = _sum(total, tooth, -1)
    points = [total]
    for tooth in teeth[:-1]:
        twice = _doubled(tooth, 1)
        points += [_sum(point, twice) for point in points]
    return points


def _entry(x, y):
    elements = (y - x) * HALF % P, (y + x) * HALF % P, D * x * y % P
    return b"".join([n.to_bytes(32, "little") for n in elements])


def _affine(points):
    """(x, y) of each, with one inversion for all."""
    products = [1]
    for point in points:
        products.append(products[-1] * point[2] % P)
    inverse = pow(products.pop(), P - 2, P)
    found = []
    for point in reversed(points):
        z = inverse * products.pop() % P
        inverse = inverse * point[2] % P
        found.append((point[0] * z % P, point[1] * z % P))
    return reversed(found)


def _sum(q, r, sign=1):
    return ed25519_plain._add(q, [ed25519_plain._ready(r)], sign)


def _doubled(q, n):
    for _ in range(n):
        q = ed25519_plain._double(q)
    return q


def _times(k, q):
    total = (0, 1, 1, 0)
    while k:
        if k & 1:
            total = _sum(total, q)
        q = _doubled(q, 1)
        k >>= 1
    return total


def multiple(k):
    """k B as (x, y)."""
    return list(_affine([_times(k, ed25519_plain.point(ed25519.BASE))]))[0]


def _is_neutral(q):
    return q[0] % P == 0 and (q[1] - q[2]) % P == 0


def base(spacing=32):
    """The comb of B, which every other one needs beside it."""
    return make(ed25519.BASE, spacing)
