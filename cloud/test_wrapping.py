import pytest

from cloud.tables import IssuerKey, Lock
from cloud.testsite import b64
from cloud.wrapping import Wrapping, WrongSecret

KEY = bytes(range(32))


def test_what_was_wrapped_unwraps_by_its_secret_purpose_and_owner_only():
    box = Wrapping(b"s" * 32)
    blob = box.wrap("lock key", "a", KEY)
    assert box.unwrap("lock key", "a", blob) == KEY and blob != box.wrap("lock key", "a", KEY)
    for other, purpose, owner in (
        (Wrapping(b"t" * 32), "lock key", "a"),
        (box, "issuer key", "a"),
        (box, "lock key", "b"),
    ):
        with pytest.raises(WrongSecret, match="RINGSLOT_SECRET"):
            other.unwrap(purpose, owner, blob)


def test_any_flipped_bit_and_any_cut_is_refused():
    box = Wrapping(b"s" * 32)
    blob = box.wrap("lock key", "a", KEY)
    for bit in range(8 * len(blob)):
        flipped = bytearray(blob)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WrongSecret):
            box.unwrap("lock key", "a", bytes(flipped))
    for length in range(len(blob)):
        with pytest.raises(WrongSecret):
            box.unwrap("lock key", "a", blob[:length])


def test_the_database_holds_no_key_in_clear(site):
    admin = site.person("admin")
    admin.post("/locks", lock_id="00" * 8, k_lock=b64(KEY), kind="pooled")
    with site.cloud.db.reading() as session:
        assert KEY not in session.get(Lock, "00" * 8).wrapped_key
        for key in session.query(IssuerKey):
            seed = site.cloud.box.unwrap("issuer key", key.kid, key.wrapped_private)
            assert len(seed) == 32 and seed not in key.wrapped_private
