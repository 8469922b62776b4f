"""HMAC-SHA-256 (RFC 2104), HKDF (RFC 5869) and a comparison that does not tell where two values differ."""

import hashlib

from protocol.compat import const

_BLOCK = const(64)  # bytes, of SHA-256
_DIGEST = const(32)
_INNER = int.from_bytes(b"\x36" * 64, "big")
_OUTER = int.from_bytes(b"\x5c" * 64, "big")


def ct_eq(a: bytes, b: bytes) -> bool:
    """a == b, in a time that depends on their lengths alone."""
    if len(a) != len(b):
        return False
    difference = 0
    for x, y in zip(a, b):
        difference |= x ^ y
    return difference == 0


def hmac_sha256(key: bytes, *parts: bytes) -> bytes:
    """The 32-byte MAC of the parts joined."""
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    padded = int.from_bytes(bytes(key) + bytes(_BLOCK - len(key)), "big")
    inner = hashlib.sha256((padded ^ _INNER).to_bytes(_BLOCK, "big"))
    for part in parts:
        inner.update(part)
    outer = hashlib.sha256((padded ^ _OUTER).to_bytes(_BLOCK, "big"))
    outer.update(inner.digest())
    return outer.digest()


def hkdf(salt: bytes, ikm: bytes, info: bytes, length: int) -> bytes:
    """length bytes (1 to 8,160) drawn from ikm. ValueError beyond; an empty salt is 32 zeros, RFC 5869 §2.2."""
    if not 0 < length <= 255 * _DIGEST:
        raise ValueError("HKDF gives 1 to 8160 bytes")
    prk = hmac_sha256(salt, ikm)
    out = block = b""
    counter = 0
    while len(out) < length:
        counter += 1
        block = hmac_sha256(prk, block, info, bytes([counter]))
        out += block
    return out[:length]
