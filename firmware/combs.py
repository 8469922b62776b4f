"""The combs on flash (protocol/comb.py), by which the lock verifies faster. None of them changes a verdict.

comb-base is of the curve's base point, comb-KID (in hex) of that key. The base's and the newest ride issuer's are held
in memory, 12 or 24 KiB each; those of other ride issuers and of master issuers stay in their files, and a verification
reads of them what it needs.
"""

import gc
from binascii import hexlify

from protocol import comb, ed25519, keys


def issuers(keyset):
    """kids of its ride issuers."""
    return [kid for kid in keyset.keys if kid[0] == keys.RIDE]


def load(store, keyset):
    """Puts them to use. False when one is missing or damaged: what that key signed is verified slower, and the lock
    says so."""
    ed25519.forget_combs()
    gc.collect()  # those of before leave holes just as long
    newest = max(issuers(keyset), key=lambda kid: keyset.keys[kid][1])
    whole = _use(_hold, store, "comb-base", ed25519.BASE)
    for kid in keyset.keys:
        if kid[0] not in (keys.RIDE, keys.MASTER):
            continue
        how = _hold if kid == newest else _leave
        whole = _use(how, store, "comb-" + hexlify(kid).decode(), keyset.keys[kid][0]) and whole
    return whole


def _use(how, store, name, key):
    """Whether the file holds just the comb of this key; then it is used."""
    try:
        found = how(store, name)
    except (OSError, MemoryError, comb.CombError):
        return False
    if found.key != key:
        return False
    ed25519.use(found)
    return True


def _hold(store, name):
    data = bytearray(store.size(name))  # in one piece: `read` would let it grow, and leave holes in the heap
    store.read_into(name, data)
    return comb.parse(data)


def _leave(store, name):
    return comb.leave(store.size(name), lambda: store.open(name))
