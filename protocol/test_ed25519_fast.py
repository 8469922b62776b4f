"""The verdict of every path, held against ed25519_plain.py: which of them run depends on the interpreter."""

from protocol import compat, ed25519, ed25519_plain
from protocol.compat import sha512
from protocol.test_ed25519 import EXAMPLES, TORSION, Affine, L, P, challenge, encode, flipped, number, row
from tools.comb import multiple


def x_of(encoded):
    """Its x as a hint: 32 bytes; zeros when there is no such point."""
    q = ed25519_plain._point(encoded)
    return number(q[0]) if q else bytes(32)


def verdict(key, message, signature):
    """That of all paths alike, with hints and without."""
    expected = ed25519_plain.verify(key, message, signature)
    a_x, r_x = x_of(key), x_of(signature[:32])
    for hints in ((None, None), (a_x, None), (None, r_x), (a_x, r_x)):
        assert ed25519.verify(key, message, signature, *hints) is expected, hints
    return expected


def scalar(seed):
    """A scalar that looks random."""
    return int.from_bytes(sha512(b"%d" % seed), "little") % L


def signed(a, key, r, point_r, message):
    h = challenge(encode(point_r), key, message)
    return encode(point_r) + number((r + h * a) % L)


def test_signatures_of_many_keys():
    for seed in range(6):
        a, r = scalar(seed), scalar(-seed - 1)
        key = encode(multiple(a))
        signature = signed(a, key, r, multiple(r), b"message")
        assert verdict(key, b"message", signature) is True
        assert verdict(key, b"massage", signature) is False


def test_parts_of_small_order_are_neither_lost_nor_forgiven():
    a, r = scalar(100), scalar(101)
    a_plain, r_plain = multiple(a), multiple(r)
    accepted = set()
    for i in range(8):
        key = encode(Affine.add(a_plain, TORSION[i]))
        for j in range(8):
            point_r = Affine.add(r_plain, TORSION[j])
            signature = signed(a, key, r, point_r, b"mixed")
            holds = (j + challenge(signature[:32], key, b"mixed") * i) % 8 == 0
            assert verdict(key, b"mixed", signature) is holds, (i, j)
            if holds:
                accepted.add((i > 0, j > 0))
    assert {(False, False), (True, True)} <= accepted


def test_hints_that_are_not_exactly_x_are_refused():
    key, message, signature = row(EXAMPLES[2])
    a_x, r_x = x_of(key), x_of(signature[:32])
    assert ed25519.verify(key, message, signature, a_x, r_x) is True
    bad = [flipped(a_x, bit) for bit in range(0, 256, 17)] + [flipped(r_x, bit) for bit in range(0, 256, 17)]
    bad += [
        r_x,
        number(P - int.from_bytes(a_x, "little")),
        bytes(32),
        bytes([255]) * 32,
        b"",
        a_x[:31],
        a_x + b"\0",
        0,
        "x",
    ]
    for hint in bad:
        assert ed25519.verify(key, message, signature, hint, r_x) is False, hint
        assert ed25519.verify(key, message, signature, hint) is False, hint
    bad += [a_x, number(P - int.from_bytes(r_x, "little"))]
    for hint in bad:
        if hint is not r_x:
            assert ed25519.verify(key, message, signature, a_x, hint) is False, hint
            assert ed25519.verify(key, message, signature, None, hint) is False, hint
    for plus_p in (a_x, r_x):  # the same x, not reduced
        more = int.from_bytes(plus_p, "little") + P
        assert more >> 256 or ed25519.verify(key, message, signature, number(more), r_x) is False


def test_a_hint_makes_no_strange_point_good():
    message, s = b"m", number(5)
    key, _, signature = row(EXAMPLES[1])
    strange = (
        [encode(t) for t in TORSION] + [number(P + k) for k in range(19)] + [number(1 | 1 << 255), number(2)]
    )
    for encoded in strange:
        for hint in (
            None,
            bytes(32),
            number(1),
            number(int.from_bytes(encoded, "little") % P),
            x_of(encoded),
        ):
            assert ed25519.verify(encoded, message, signature, hint, None) is False
            assert ed25519.verify(key, message, encoded + s, None, hint) is False


def test_a_hint_of_the_wrong_sign_is_refused_even_where_the_equation_would_hold():
    """Signed as if R, or A, were its own negative: only the sign bit in the encoding says that it is not."""
    a, r = scalar(200), scalar(201)
    point_a, point_r = multiple(a), multiple(r)
    minus_a, minus_r = (P - point_a[0], point_a[1]), (P - point_r[0], point_r[1])
    key, other = encode(point_a), encode(minus_a)
    lying_r = encode(minus_r) + number((r + challenge(encode(minus_r), key, b"m") * a) % L)
    assert ed25519.verify(key, b"m", lying_r, None, number(point_r[0])) is False
    assert ed25519.verify(key, b"m", lying_r, x_of(key), number(point_r[0])) is False
    lying_a = encode(point_r) + number((r + challenge(encode(point_r), other, b"m") * a) % L)
    assert ed25519.verify(other, b"m", lying_a, number(point_a[0]), None) is False


def test_a_hint_off_the_curve_is_no_point():
    if not compat.VIPER:
        return
    from protocol import curve

    key = row(EXAMPLES[1])[0]
    x = int.from_bytes(x_of(key), "little")
    assert curve.point(key, number(x)) is True
    for other in (x + 2, x ^ 256, (x + 2**200) % P, x & 1 or 2):
        assert curve.point(key, number(other)) is False, other


def test_the_halves_of_a_scalar():
    if not compat.VIPER:
        return
    from protocol import scalars

    longest = 0
    edge = [
        0,
        1,
        2,
        3,
        8,
        L - 1,
        L - 2,
        L // 2,
        L // 3,
        (1 << 128) - 1,
        1 << 128,
        (1 << 128) + 1,
        1 << 251,
        1 << 252,
    ]
    for h in edge + [scalar(seed) for seed in range(100)]:
        c0, c1 = scalars.halves(h)
        assert (c0 - c1 * h) % (8 * L) == 0 and c1 & 1 and c0 >= 0, h
        if h not in edge:
            longest = max(longest, c0, abs(c1))
    assert longest >> 134 == 0, longest


def test_a_scalar_without_short_halves_gets_the_same_verdict():
    if not compat.VIPER:
        return
    from protocol import ed25519_fast

    short = ed25519_fast.scalars.halves
    ed25519_fast.scalars.halves = lambda h: (h, 1)  # as long as they come
    try:
        test_parts_of_small_order_are_neither_lost_nor_forgiven()
        for texts in EXAMPLES[:3]:
            key, message, signature = row(texts)
            assert verdict(key, message, signature) is True
            assert verdict(key, message, flipped(signature, 300)) is False
    finally:
        ed25519_fast.scalars.halves = short
