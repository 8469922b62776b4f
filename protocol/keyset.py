"""The keyset: which public keys a lock believes, in which role, and from when to when (SPEC.md section 2).

What the roots sign. Who may sign it, and what may follow what, is roots.py's.
"""

from protocol import cbor, keys
from protocol.compat import const
from protocol.shape import is_bytes, is_list, is_uint
from protocol.trust import Keyset

_LIMIT = const(1024)  # bytes, without the signatures
ROOTS_MAX = const(8)


class KeysetError(ValueError):
    """The keyset is malformed, or not to be believed; the text says why."""


def encode(version, entries, roots=None, combs=None):
    """`entries`: iterable of (kid, public key, nbf, exp); `roots` and `combs` as in Keyset."""
    item = {1: version, 2: [list(entry) for entry in entries]}
    if roots:
        item[3] = [roots[0], list(roots[1])]
    if combs:
        item[4] = combs
    return cbor.encode(item)


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


def root_set(threshold, public_keys):
    """(threshold, [root key]), or KeysetError: 1 to 8 keys in rising order, and as many of them as must sign."""
    if not is_list(public_keys) or not 0 < len(public_keys) <= ROOTS_MAX:
        raise KeysetError("root keys")
    before = b""
    for key in public_keys:
        if not is_bytes(key, 32) or key <= before:
            raise KeysetError("root keys unsorted, twice, or not of 32 bytes")
        before = key
    if not is_uint(threshold) or not 0 < threshold <= len(public_keys):
        raise KeysetError("threshold")
    return threshold, public_keys


def parse(data):
    """Raises KeysetError."""
    try:
        item = cbor.decode(data, _LIMIT)
    except cbor.CborError:
        raise KeysetError("not strict CBOR") from None
    if (
        type(item) is not dict
        or [label for label in item if label not in (1, 2, 3, 4)]
        or not is_uint(item.get(1))
        or not is_list(item.get(2))
        or not item[2]
    ):
        raise KeysetError("shape")
    entries = dict([_entry(entry) for entry in item[2]])
    if len(entries) != len(item[2]):
        raise KeysetError("a kid twice")
    roots = None
    if 3 in item:
        if not is_list(item[3], 2):
            raise KeysetError("root set")
        roots = root_set(item[3][0], item[3][1])
    return Keyset(item[1], entries, roots, _combs(item[4], entries) if 4 in item else None)


def _combs(item, entries):
    if type(item) is not dict or not item:
        raise KeysetError("combs")
    for kid, digest in item.items():
        if not is_bytes(kid, 4) or not is_bytes(digest, 32) or kid not in entries:
            raise KeysetError("comb of no key here")
        if kid[0] not in (keys.RIDE, keys.MASTER):
            raise KeysetError("comb of a key that signs no tokens")
    return item
