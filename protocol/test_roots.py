"""Signed keysets: who may sign them, what follows what, and that no bit of one may change.

Signatures here are a hash that only the name of a key can make: what Ed25519 refuses is test_ed25519.py's.
"""

import hashlib

from protocol import cbor, cose, keys, keyset, roots
from protocol.keyset import KeysetError

A, B, C, D, E, F = [hashlib.sha256(name.encode()).digest() for name in "ABCDEF"]
ISSUER = hashlib.sha256(b"issuer").digest()
RIDE = keys.kid(keys.RIDE, ISSUER)
OLD = (2, sorted([A, B, C]))
NEW = (2, sorted([D, E, F]))


def signature(key, message):
    digest = hashlib.sha256(key + message).digest()
    return digest + digest


def holds(key, message, given):
    return signature(key, message) == given


def payload(version=1, **more):
    return keyset.encode(version, [(RIDE, ISSUER, 5, 9)], **more)


def signed(signers, version=1, data=None, **more):
    by = [(roots.kid(key), lambda message, key=key: signature(key, message)) for key in signers]
    return cose.sign(data or payload(version, **more), by)


def refusal(raw, by=OLD, installed=False):
    """What is said against it; None when it is believed."""
    try:
        roots.verify(raw, by, holds, installed)
    except KeysetError as error:
        return str(error)


def test_two_of_three_roots_make_a_keyset():
    assert roots.verify(signed([A, B]), OLD, holds).keys == {RIDE: (ISSUER, 5, 9)}
    assert roots.verify(signed([A, B, C], 7), OLD, holds).version == 7


def test_e09_too_few_roots_do_not():
    assert "fewer than 2 of the 3" in refusal(signed([A]))
    assert "fewer than 1 of the 1" in refusal(signed([A, B]), (1, [C]), installed=True)
    assert "no root" in refusal(signed([A, D]))
    assert "no root" in refusal(signed([A, B, D]))


def test_a_signature_in_the_name_of_a_root_must_hold():
    raw = cose.sign(payload(), [(roots.kid(key), lambda message: signature(A, message)) for key in (A, B)])
    assert "does not hold" in refusal(raw)
    assert "does not hold" in refusal(raw, installed=True)


def test_a_role_key_is_no_root_whatever_it_signs():
    raw = cose.sign(
        payload(), [(keys.kid(keys.RELEASE, key), lambda m, key=key: signature(key, m)) for key in (A, B)]
    )
    assert "no root" in refusal(raw)


def test_e09_a_new_root_set_needs_the_old_threshold_and_its_own():
    new = dict(version=2, roots=NEW)
    found = roots.verify(signed([A, B, D, E], **new), OLD, holds)
    assert found.roots == NEW and roots.in_force(OLD, found) == NEW
    assert "fewer than 2" in refusal(signed([A, B, D], **new))
    assert "fewer than 2" in refusal(signed([A, D, E], **new))
    assert "fewer than 2" in refusal(signed([D, E, F], **new))
    assert "fewer than 2" in refusal(signed([A, B, C], **new))


def test_a_root_in_both_sets_counts_in_both():
    kept = (2, sorted([A, B, D]))
    assert refusal(signed([A, B], version=2, roots=kept)) is None


def test_an_installed_keyset_may_bear_signatures_of_roots_that_left():
    raw = signed([A, B, D, E], version=2, roots=NEW)
    assert refusal(raw, NEW, installed=True) is None
    assert "no root" in refusal(raw, NEW)
    assert "fewer" in refusal(signed([A, B, D], version=2, roots=NEW), NEW, installed=True)


def test_no_bit_of_it_may_change():
    for raw in (signed([A, B]), signed([A, B, D, E], version=2, roots=NEW, combs={RIDE: D})):
        assert refusal(raw) is None
        spoiled = bytearray(raw)
        for bit in range(8 * len(raw)):
            spoiled[bit // 8] ^= 1 << bit % 8
            assert refusal(bytes(spoiled)) is not None, bit
            spoiled[bit // 8] ^= 1 << bit % 8


def test_no_part_of_it_is_one():
    raw = signed([A, B])
    for length in range(len(raw)):
        assert refusal(raw[:length]) is not None, length
    assert refusal(raw + b"\x00") is not None
    assert refusal(payload()) is not None  # nobody signed that


def test_a_long_one_is_refused_before_it_is_read():
    entries = [
        (keys.kid(keys.RIDE, key), key, 5, 9)
        for key in [hashlib.sha256(bytes([n])).digest() for n in range(30)]
    ]
    assert refusal(signed([A, B], data=keyset.encode(1, entries))) is not None
    assert refusal(bytes(roots.LIMIT + 1)) is not None


def test_versions_only_rise():
    current = signed([A, B], 3)
    assert roots.is_next(signed([B, C], 4), current)
    assert not roots.is_next(signed([B, C], 3), current)  # the same, signed by others
    for other in (signed([A, B], 2), signed([A, B], data=keyset.encode(3, [(RIDE, ISSUER, 5, 10)]))):
        try:
            roots.is_next(other, current)
        except KeysetError:
            continue
        raise AssertionError("went back")


def test_a_root_set_is_read_as_it_is_written():
    assert roots.parse(roots.encode(2, [C, A, B])) == OLD
    one_twice = cbor.encode({1: 1, 2: [A, A]})
    unsorted = cbor.encode({1: 1, 2: [max(A, B), min(A, B)]})
    bad = [b"", b"\x00", one_twice, unsorted, cbor.encode({1: 1, 2: []}), cbor.encode({1: 1, 2: [A[:31]]})]
    bad += [cbor.encode({1: threshold, 2: OLD[1]}) for threshold in (0, 4, -1, True, None)]
    bad += [cbor.encode({1: 2}), cbor.encode({1: 2, 2: OLD[1], 3: 0}), cbor.encode([2, OLD[1]])]
    for data in bad:
        try:
            roots.parse(data)
        except KeysetError:
            continue
        raise AssertionError(data)


def test_what_a_keyset_may_hold_beside_its_keys():
    entry = [RIDE, ISSUER, 5, 9]
    master = keys.kid(keys.MASTER, ISSUER)  # not in it
    assert keyset.parse(cbor.encode({1: 1, 2: [entry], 4: {RIDE: D}})).combs == {RIDE: D}
    bad = [
        {3: [4, OLD[1]]},
        {3: OLD[1]},
        {3: None},
        {4: {}},
        {4: {RIDE: D[:31]}},
        {4: {master: D}},
        {4: None},
        {5: 0},
    ]
    for more in bad:
        item = {1: 1, 2: [entry]}
        item.update(more)
        try:
            keyset.parse(cbor.encode(item))
        except KeysetError:
            continue
        raise AssertionError(more)
