# heap: 2m
"""The combs that come with a keyset: long, fetched to flash, and kept only if they are what the roots signed."""

import hashlib

from boards.sim.bench import key, kid_of, signed
from firmware.test_keyring import Street, payload
from protocol import comb, ed25519, status


def comb_of(name):
    """A file of a comb's form; nobody verifies by it here."""

    return bytes(comb.encode(key(name).public, bytes(12288)))


def test_the_comb_that_the_keyset_names_comes_after_it_and_the_old_one_goes():
    street = Street()
    store, body = street.lock.store, comb_of("ride-b")
    old, new = ["comb-" + "%02x%02x%02x%02x" % tuple(kid_of(name)) for name in ("ride", "ride-b")]
    store.write(old, comb_of("ride"))
    path = b"c/" + new[5:].encode()
    named = {kid_of("ride-b"): hashlib.sha256(body).digest()}
    street.peer.resources[path] = body
    street.offer(signed(payload(2, ("ride-b", "ride-c", "master"), combs=named)))
    street.go(60)
    assert street.lock.config.keyset.version == 2
    assert store.names("") and store.size(old) == 0 and store.read(new) == body
    assert street.lock.config.slow  # without the base point's comb it still is
    assert [number for asked, number, _ in street.peer.asked if asked == path] == list(range(25))
    ed25519.forget_combs()
    street.close()


def test_a_comb_that_is_not_the_one_that_was_signed_is_not_kept():
    for make in (lambda: comb_of("ride-c"), lambda: b"short", lambda: bytes(31_000), lambda: None):
        street = Street()
        wrong = make()
        name = "comb-" + "%02x%02x%02x%02x" % tuple(kid_of("ride-b"))
        street.peer.resources[b"c/" + name[5:].encode()] = wrong
        named = {kid_of("ride-b"): hashlib.sha256(comb_of("ride-b")).digest()}
        street.offer(signed(payload(2, ("ride-b", "master"), combs=named)))
        street.go(60)
        assert street.lock.config.keyset.version == 2 and street.lock.config.slow
        assert not [left for left in street.lock.store.names("") if left.startswith(("comb-", "coming"))]
        assert street.lock.store.size(name) == 0
        rider = key("rider")
        answer = street.bench.phone().open(street.bench.token(rider, 1, issuer="ride-b"), rider)
        assert answer.status == status.OK
        street.close()
