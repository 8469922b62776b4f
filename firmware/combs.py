"""The combs on flash (protocol/comb.py), by which the lock verifies faster. None of them changes a verdict.

comb-base is of the curve's base point, comb-KID (in hex) of that key. Resident are the base's and the newest ride
issuer's, 15 or 30 KiB each; what another key signed is verified the general way.
"""

from binascii import hexlify

from protocol import comb, ed25519, keys


def load(store, keyset):
    """Puts them to use. False when one is missing or damaged: then the lock verifies slower, and says so."""
    ed25519.forget_combs()
    issuers = [kid for kid in keyset.keys if kid[0] == keys.RIDE]
    kid = max(issuers, key=lambda kid: keyset.keys[kid][1])
    found = [_read(store, "comb-base", ed25519.BASE)]
    found.append(_read(store, "comb-" + hexlify(kid).decode(), keyset.keys[kid][0]))
    for one in found:
        if one:
            ed25519.use(one)
    return None not in found


def _read(store, name, key):
    """The comb of a key, None unless the file holds just that."""
    try:
        data = bytearray(
            store.size(name)
        )  # in one piece: `read` would let it grow, and leave holes in the heap
        store.read_into(name, data)
        found = comb.parse(data)
    except (OSError, comb.CombError):
        return None
    return found if found.key == key else None
