"""The keyset: which public keys a lock believes, in which role, and from when to when (SPEC.md section 2)."""

from protocol import cbor, keys
from protocol.compat import const
from protocol.shape import is_bytes, is_list, is_uint

_LIMIT = const(1024)


class KeysetError(ValueError):
    """The keyset is malformed."""


class Keyset:
    """`version`: uint; `keys`: kid -> (public key, nbf, exp)."""

    __slots__ = ("version", "keys")

    def __init__(self, version, entries):
        self.version = version
        self.keys = entries

    def find(self, kid, role):
        """(public key, nbf, exp) of a kid in that role, or None."""
        return self.keys.get(kid) if kid[0] == role else None


def encode(version, entries):
    """`entries`: iterable of (kid, public key, nbf, exp)."""
    return cbor.encode({1: version, 2: [list(entry) for entry in entries]})


def _entry(item):
    if not (
        is_list(item, 4)
        and is_bytes(item[0], 4)
        and is_bytes(item[1], 32)
        and is_uint(item[2])
        and is_uint(item[3])
    ):
        raise KeysetError("entry")
    if keys.kid(item[0][0], item[1]) != item[0]:
        raise KeysetError("kid does not name its key")
    return item[0], (item[1], item[2], item[3])


def parse(data):
    """Raises KeysetError."""
    try:
        item = cbor.decode(data, _LIMIT)
    except cbor.CborError:
        raise KeysetError("not strict CBOR") from None
    if (
        type(item) is not dict
        or sorted(item) != [1, 2]
        or not is_uint(item[1])
        or not is_list(item[2])
        or not item[2]
    ):
        raise KeysetError("shape")
    entries = dict([_entry(entry) for entry in item[2]])
    if len(entries) != len(item[2]):
        raise KeysetError("a kid twice")
    return Keyset(item[1], entries)
