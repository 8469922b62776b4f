"""Ed25519 verification on curve.py, for MicroPython: the verdicts of ed25519_plain.py in a hundredth of the time.

| the key's comb and B's are | then                                                                                  |
|----------------------------|---------------------------------------------------------------------------------------|
| there                      | s B - h A = R along 32 or 16 columns                                                  |
| not there                  | with short c0 = c1 h: c1 s B - c0 A - c1 R = O along 129 columns (scalars.halves);    |
|                            | s B - h A = R along 255 for the rare h that has no short pair (Straus)                |
"""

from protocol import curve, scalars
from protocol.compat import const, sha512

_SHORT = const(140)  # bits of a half
_HALF = const(128)


def verify(public_key, message, signature, a_x, r_x, comb_b, comb_a):
    """As ed25519.verify, of sizes that are right. `comb_b`, `comb_a`: comb.Comb of B and of the key, or None."""
    r = signature[:32]
    s_bytes = signature[32:]
    s = int.from_bytes(s_bytes, "little")
    if s >= scalars.L:
        return False
    if comb_b is None:
        curve.make_base()
    fixed = comb_a is not None and comb_b is not None
    # a comb is made of a key that was found good; a hint is checked all the same
    if (not fixed or a_x is not None) and not curve.point(public_key, a_x):
        return False
    if not fixed:
        curve.go(curve.MAKE_A)
    if not curve.point(r, r_x):
        return False
    h = int.from_bytes(sha512(r, public_key, message), "little") % scalars.L
    if fixed:
        try:
            return _fixed(s_bytes, h, comb_b, comb_a)
        except OSError:  # of a comb that lies in a file: this key is verified as any other
            return verify(public_key, message, signature, a_x, r_x, comb_b, None)
    # of c1 s B - c0 A - c1 R = O, with the sign that makes c1 positive
    c0, c1 = scalars.halves(h)
    minus_a, minus_r = 1, 1
    if c1 < 0:
        c1, minus_a = -c1, 0
    longer = max(c0, c1)  # to compare leaves no garbage, to shift does
    if longer >= 1 << _SHORT:
        return _long(s, h, comb_b)
    curve.go(curve.MAKE_R)
    n = _SHORT + 1 if longer >= 1 << _HALF else _HALF + 1
    scalars.row(0, c0, n)
    scalars.row(1, c1, n)
    rows = (curve.ROW_A, minus_a), (curve.ROW_R, minus_r)
    return _with_base(c1 * s % scalars.L, n, rows, comb_b, curve.IS_NEUTRAL)


def _fixed(s, h, comb_b, comb_a):
    scalars.comb(0, s, comb_b.spacing)
    scalars.comb(1, h.to_bytes(32, "little"), comb_a.spacing)
    n = max(comb_b.spacing, comb_a.spacing)
    if comb_a.source is None:
        return curve.total(n, (), comb_b, comb_a, curve.IS_R, None)
    file = comb_a.source()
    try:
        return curve.total(n, (), comb_b, comb_a, curve.IS_R, file)
    finally:
        file.close()


def _long(s, h, comb_b):
    scalars.row(0, h, 255)
    return _with_base(s, 255, ((curve.ROW_A, 1),), comb_b, curve.IS_R)


def _with_base(k, n, rows, comb_b, check):
    """Whether k B and the rows, whose digits are there, come to what `check` says."""
    if comb_b is not None:
        scalars.comb(0, k.to_bytes(32, "little"), comb_b.spacing)
    else:
        place = len(rows)
        scalars.row(place, k & (1 << _HALF) - 1, n)
        scalars.row(place + 1, k >> _HALF, n)
        rows += (curve.ROW_B, 0), (curve.ROW_B128, 0)
    return curve.total(n, rows, comb_b, None, check, None)
