"""Root keys, and which keysets they make true: enough of them sign, and no version comes back (SPEC.md section 2).

A signed keyset is a COSE_Sign of the keyset by root keys. One that brings a new root set needs the old set's threshold
and the new one's. Pure; a lock imports it when it boots and when a keyset arrives, and drops it again.
"""

from protocol import cbor, cose, keys, keyset
from protocol.compat import const
from protocol.keyset import KeysetError

LIMIT = const(1536)  # bytes of a signed keyset
_FILE = const(512)  # bytes of a root set


def encode(threshold, public_keys):
    """The file `roots`: a root set, whose keys may come in any order. Raises KeysetError."""
    found = keyset.root_set(threshold, sorted(public_keys))
    return cbor.encode({1: found[0], 2: found[1]})


def parse(data):
    """(threshold, [root key]) of that file. Raises KeysetError."""
    try:
        item = cbor.decode(data, _FILE)
    except cbor.CborError:
        raise KeysetError("roots: not strict CBOR") from None
    if type(item) is not dict or sorted(item) != [1, 2]:
        raise KeysetError("roots: shape")
    return keyset.root_set(item[1], item[2])


def kid(public_key):
    return keys.kid(keys.ROOT, public_key)


def take_apart(raw):
    """(Keyset, its bytes, [(kid, to be signed, signature)]): NO signature verified. Raises KeysetError."""
    try:
        payload, signatures = cose.parse_sign(raw, LIMIT)
    except cose.CoseError as error:
        raise KeysetError("not a signed keyset: %s" % error) from None
    return keyset.parse(payload), payload, signatures


def verify(raw, roots, holds, installed=False):
    """The Keyset, if enough of `roots` (threshold, keys) signed it, and of the new root set that it may bring.

    `holds(key, message, signature)`: ed25519.verify. Each signature must hold and be of one of these roots, so that no
    bit of the whole may change; but one that is `installed` may also bear those of a root set that has left since.
    Raises KeysetError.
    """
    found, _, signatures = take_apart(raw)
    sets = [roots] if found.roots in (None, roots) else [roots, found.roots]
    known = {}
    for _, members in sets:
        for key in members:
            known[kid(key)] = key
    signed = []
    for name, message, signature in signatures:
        if name in known:
            if not holds(known[name], message, signature):
                raise KeysetError("a signature does not hold")
            signed.append(known[name])
        elif not installed:
            raise KeysetError("signed by a key that is no root")
    for threshold, members in sets:
        if len([key for key in members if key in signed]) < threshold:
            raise KeysetError("signed by fewer than %d of the %d roots" % (threshold, len(members)))
    return found


def is_next(raw, current):
    """True when the signed keyset `raw` is to replace `current`, False when it says the same again. Raises KeysetError
    for an older one, and for another one under the same version."""
    new, payload, _ = take_apart(raw)
    old, before, _ = take_apart(current)
    if new.version > old.version:
        return True
    if new.version < old.version:
        raise KeysetError("version %d is older than %d" % (new.version, old.version))
    if payload != before:
        raise KeysetError("another keyset under the same version %d" % new.version)
    return False


def in_force(roots, found):
    """The root set that the next keyset is signed by: the newest that a Keyset brought, else the first."""
    return found.roots or roots
