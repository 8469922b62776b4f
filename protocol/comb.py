"""A comb: multiples of one public key that are made beforehand (tools/comb.py), so that the lock verifies what it
signed in half the time. Pure; knows no flash.

    key, 32 bytes | 128 or 256 entries of 120 bytes | SHA-256 of all before

An entry is (y - x, y + x, 2dxy) of an affine point, 20 limbs of 13 bits each, lowest first, in 16 bits, little-endian.
With spacing w, 32 or 16, and group j from 0 to 32/w - 1, entry 128 j + v is the multiple by the sum over eight teeth t
of +-2^(w (8 j + t)): minus where bit t of v is 0, and plus for tooth 7.

The key has order L: whoever made this checked it, because the lock no longer does. The hash tells a damaged file, not a
forged one; who can write the lock's flash can write its keyset too.
"""

import hashlib

from protocol.compat import const

_KEY = const(32)  # bytes
_GROUP = const(15360)  # 128 entries
_HASH = const(32)


class CombError(ValueError):
    """Not a comb, or a damaged one."""


class Comb:
    """`key`: 32 bytes; `spacing`: 32 or 16; `table`: its entries, bytes."""

    __slots__ = ("key", "spacing", "table")

    def __init__(self, key, spacing, table):
        self.key = key
        self.spacing = spacing
        self.table = table


def encode(key: bytes, table: bytes) -> bytearray:
    data = bytearray(_KEY + len(table) + _HASH)
    view = memoryview(data)
    view[:_KEY], view[_KEY:-_HASH] = key, table
    view[-_HASH:] = hashlib.sha256(view[:-_HASH]).digest()
    return data


def parse(data: bytes) -> Comb:
    """The comb in a file's bytes, which it keeps without a copy. CombError."""
    size = len(data) - _KEY - _HASH
    if size != _GROUP and size != 2 * _GROUP:
        raise CombError("size")
    view = memoryview(data)
    if hashlib.sha256(view[:-_HASH]).digest() != bytes(view[-_HASH:]):
        raise CombError("hash")
    return Comb(bytes(view[:_KEY]), 32 * _GROUP // size, view[_KEY:-_HASH])
