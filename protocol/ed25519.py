"""Ed25519 verification (RFC 8032), strict, with one verdict for every input on every interpreter.

`verify` is True only if all of these hold:

| #  | of                | rule                                                                                      |
|----|-------------------|-------------------------------------------------------------------------------------------|
| 1  | sizes             | key 32 bytes, signature 64 bytes (R, s), message any bytes; another type is a False       |
| 2  | s                 | s < L, little-endian: no second signature s + L                                           |
| 3  | A (the key)       | canonical: y < p, and no sign bit on x = 0                                                |
| 4  | A                 | on the curve, and not of small order: 8A is not the neutral element                       |
| 5  | R                 | the same as 3 and 4                                                                       |
| 6  | the equation      | s*B = R + h*A exactly, no cofactor; h = SHA-512(R, A, message) mod L                      |

A and R may have a part of small order beside their large one; 6 then decides, without multiplying it away. That
is where libraries differ (some take small-order keys, some multiply by 8), so our own code runs everywhere: on
MicroPython ed25519_fast.py, elsewhere ed25519_plain.py, which is also what tests hold the other against.
Nothing here is secret: the time taken tells what everyone may know.

Whoever sends a signature may send the x of A and of R along, which saves the lock two square roots. A wrong x is a
False, a right one changes no verdict. A key that is known beforehand may have a comb (comb.py): see `use`.
"""

from protocol import compat

if compat.VIPER:
    from protocol import curve
    from protocol.ed25519_fast import verify as _verify
else:
    from protocol import ed25519_plain
    from protocol.ed25519_plain import verify as _verify

KEY = 32  # bytes; x hints too
SIGNATURE = 64
BASE = (
    b"\x58" + bytes([0x66]) * 31
)  # B, RFC 8032 §5.1: the "key" of the comb that every other one needs beside it

_combs: dict = {}


def use(comb) -> None:
    """Verifies by this comb.Comb from now on whatever its key signed. With that of BASE, any key is faster."""
    _combs[comb.key] = comb
    if compat.VIPER and comb.key == BASE:
        curve.forget_base()  # 1.3 KB for as long as there is no comb of B


def forget_combs() -> None:
    _combs.clear()


def verify(public_key: bytes, message: bytes, signature: bytes, a_x=None, r_x=None) -> bool:
    """Whether signature (64 bytes) over message is by the owner of public_key (32 bytes). Raises nothing.

    a_x, r_x: the x of A and of R, 32 bytes little-endian, or None.
    """
    for given in (public_key, message, signature):
        if not isinstance(given, (bytes, bytearray, memoryview)):
            return False
    for hint in (a_x, r_x):
        if hint is not None and (not isinstance(hint, (bytes, bytearray, memoryview)) or len(hint) != KEY):
            return False
    if len(public_key) != KEY or len(signature) != SIGNATURE:
        return False
    public_key, signature = bytes(public_key), bytes(signature)
    return _verify(public_key, message, signature, a_x, r_x, _combs.get(BASE), _combs.get(public_key))


def x_of(encoded: bytes):
    """The x of a good point of 32 bytes, R or A: the hint that goes with it. None when verify would refuse it."""
    if compat.VIPER:
        return curve.x_of(encoded)
    q = ed25519_plain.point(encoded)
    return None if q is None else q[0].to_bytes(KEY, "little")


def check_public_key(key: bytes) -> bool:
    """Whether a key may be named in a token: rules 1, 3 and 4. A small-order key would "sign" any message."""
    if not isinstance(key, (bytes, bytearray, memoryview)) or len(key) != KEY:
        return False
    key = bytes(key)
    if compat.VIPER:
        return curve.point(key, None)
    return ed25519_plain.point(key) is not None
