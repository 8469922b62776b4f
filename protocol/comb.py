"""A comb: multiples of one public key that are made beforehand (tools/comb.py), so that the lock verifies what it
signed in half the time. Pure; knows no flash.

    key, 32 bytes | 128 or 256 entries of 96 bytes | SHA-256 of all before

An entry is ((y - x) / 2, (y + x) / 2, d x y) of an affine point, each below p, 32 bytes, little-endian.
With spacing w, 32 or 16, and group j from 0 to 32/w - 1, entry 128 j + v is the multiple by the sum over eight teeth t
of +-2^(w (8 j + t)): minus where bit t of v is 0, and plus for tooth 7.

The key has order L: whoever made this checked it, because the lock no longer does. The hash tells a damaged file, not a
forged one; who can write the lock's flash can write its keyset too.
"""

import hashlib

from protocol.compat import const

_KEY = const(32)  # bytes
_ENTRY = const(96)
_GROUP = const(12288)  # 128 entries
_HASH = const(32)
_PIECE = const(256)  # of a file that is checked
_EIO = const(5)


class CombError(ValueError):
    """Not a comb, or a damaged one."""


class Comb:
    """`key`: 32 bytes; `spacing`: 32 or 16; `table`: its entries, at an address that four divides; `source`: None.

    Or one that stays in its file: `source` is a function that opens it, and `table` holds the entries last `read`.
    """

    __slots__ = ("key", "spacing", "table", "source")

    def __init__(self, key, spacing, table, source=None):
        self.key = key
        self.spacing = spacing
        self.table = table
        self.source = source

    def read(self, file, place, at):
        """Entry `place` of the file, opened by `source`, to byte `at` of the table. OSError."""
        file.seek(_KEY + _ENTRY * place)
        if file.readinto(memoryview(self.table)[at : at + _ENTRY]) != _ENTRY:
            raise OSError(_EIO)


def encode(key: bytes, table: bytes) -> bytearray:
    data = bytearray(_KEY + len(table) + _HASH)
    view = memoryview(data)
    view[:_KEY], view[_KEY:-_HASH] = key, table
    view[-_HASH:] = hashlib.sha256(view[:-_HASH]).digest()
    return data


def _spacing(size):
    """Of a comb whose file has that many bytes. CombError."""
    size -= _KEY + _HASH
    if size != _GROUP and size != 2 * _GROUP:
        raise CombError("size")
    return 32 * _GROUP // size


def parse(data: bytearray) -> Comb:
    """The comb in a file's bytes, which it keeps without a copy. CombError."""
    spacing = _spacing(len(data))
    view = memoryview(data)
    if hashlib.sha256(view[:-_HASH]).digest() != bytes(view[-_HASH:]):
        raise CombError("hash")
    return Comb(bytes(view[:_KEY]), spacing, view[_KEY:-_HASH])


def leave(size: int, source) -> Comb:
    """The comb in a file of `size` bytes, which stay there and are read in pieces. `source()` opens it. CombError,
    OSError."""
    spacing = _spacing(size)
    piece = memoryview(bytearray(_PIECE))
    digest = hashlib.sha256()
    with source() as file:
        key = file.read(_KEY)
        digest.update(key)
        left = size - _KEY - _HASH
        while left:
            n = file.readinto(piece[: min(left, _PIECE)])
            if not n:
                raise CombError("size")
            digest.update(piece[:n])
            left -= n
        if file.read(_HASH) != digest.digest():
            raise CombError("hash")
    return Comb(key, spacing, bytearray(32 // spacing * _ENTRY), source)
