"""Takes the keysets that the cloud offers: fetched, checked, put on flash, and only then believed (SPEC.md section 2).

Imported when there is one, and dropped again. A cut at any moment leaves the old keyset or the new one, whole, and with
each a root set that it verifies by: a root set that a keyset brought goes into its file before the next keyset does.
"""

import hashlib
from binascii import hexlify

from firmware import blocks, combs
from protocol import coap, ed25519, roots
from protocol.compat import const

_COMB_MAX = const(30_784)  # bytes of a comb's file at the closer spacing
_COMING = "coming"  # the part of a comb that is there
_STEPS = const(8)  # keysets in one go: each that brought other roots must be taken in its turn
_BUSY_MS = const(50)


async def renew(lock, channel, version, beat):
    """Brings the lock to that version, and the combs that go with it. True when nothing is left to do, or nothing more
    can be done; False: try again later. Raises channel.Away, OSError."""
    before = lock.config.keyset
    try:
        for _ in range(_STEPS):
            if lock.config.keyset.version >= version:
                break
            query = b"v=%d" % lock.config.keyset.version
            raw = await _whole(channel, [(coap.URI_PATH, b"k"), (coap.URI_QUERY, query)], roots.LIMIT, beat)
            while lock.ledger.busy:  # what judged a token by one keyset shall not end under another
                beat()
                await lock.board.clock.sleep_ms(_BUSY_MS)
            lock.adopt(install(lock.store, raw))
        if lock.config.keyset is not before:
            return False  # the combs are long: first the cloud hears of it
        await _combs(lock, channel, beat)
    except blocks.Again:
        return False
    except (blocks.Refused, roots.KeysetError):
        return True  # the old one holds until the cloud offers another; it knows which one that is
    return lock.config.keyset.version >= version


def install(store, raw):
    """The Keyset, now on flash in place of the one before. Raises KeysetError, and nothing has changed; OSError."""
    current, first = store.read("keyset"), roots.parse(store.read("roots"))
    trusted = roots.in_force(first, roots.take_apart(current)[0])
    found = roots.verify(raw, trusted, ed25519.verify)
    if not roots.is_next(raw, current):
        raise roots.KeysetError("this one is installed")
    if not combs.issuers(found):
        raise roots.KeysetError("no ride issuer")
    if trusted != first:
        store.write("roots", roots.encode(*trusted))
    store.write("keyset", raw)
    for name in store.names(""):
        if (
            name.startswith("comb-")
            and name != "comb-base"
            and name not in [_file(kid) for kid in found.keys]
        ):
            store.remove(name)
    return found


async def _whole(channel, options, limit, beat):
    body, parts = blocks.Body(channel, options, limit), []
    while not body.done:
        parts.append(await body.block(beat))
    return b"".join(parts)


async def _combs(lock, channel, beat):
    """Fetches the combs that the keyset names and that are not there: straight to flash, for they are long."""
    keyset, store = lock.config.keyset, lock.store
    for kid in sorted(keyset.combs):
        name = _file(kid)
        if store.size(name):
            continue
        options = [(coap.URI_PATH, b"c"), (coap.URI_PATH, hexlify(kid))]
        body, digest = blocks.Body(channel, options, _COMB_MAX), hashlib.sha256()
        store.remove(_COMING)  # of a cut
        try:
            while not body.done:
                part = await body.block(beat)
                digest.update(part)
                store.append(_COMING, part)
            if digest.digest() == keyset.combs[kid]:
                store.rename(_COMING, name)
                lock.load_combs()
        except blocks.Refused:
            pass  # verified slowly then, and the others are not held up
        store.remove(_COMING)


def _file(kid):
    return "comb-" + hexlify(kid).decode()
