"""The generator against a published value, and the board's source against chips that fail."""

import hashlib

from boards.parts.drbg import Drbg, Random
from boards.sim.power import Power
from boards.sim.virtual import Storage


def test_it_gives_the_nonces_of_rfc_6979():
    # RFC 6979 §3.2 is HMAC_DRBG seeded with key and hash; §A.2.5, P-256 with SHA-256, messages "sample" and "test"
    key = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    for message, nonce in (
        (b"sample", 0xA6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60),
        (b"test", 0xD16B6AE827F17175E040871A1C7EC3500192C4C92677336EC2537ACAEE0008E0),
    ):
        digest = int.from_bytes(hashlib.sha256(message).digest(), "big") % order
        drbg = Drbg(key.to_bytes(32, "big") + digest.to_bytes(32, "big"))
        assert int.from_bytes(drbg.generate(32), "big") == nonce


def test_draws_differ_by_seed_by_turn_and_by_what_is_mixed_in():
    first, again, other = Drbg(b"one"), Drbg(b"one"), Drbg(b"two")
    drawn = [first.generate(32), first.generate(32), other.generate(32), first.generate(32, b"more")]
    assert len(set(drawn)) == 4 and again.generate(32) == drawn[0]
    assert [len(first.generate(n)) for n in (1, 31, 33, 100)] == [1, 31, 33, 100]
    assert (
        Drbg(b"one").generate(70)[:32] == drawn[0] and Drbg(b"one").generate(70)[32:64] != drawn[1]
    )  # §9.3.1, 8
    assert "one" not in repr(first)


class _Chip:
    """A generator without its radio: after each boot the same numbers again."""

    def __init__(self):
        self.turn = 0

    def __call__(self, n):
        self.turn += 1
        return (hashlib.sha256(b"%d" % self.turn).digest() * 2)[:n]


def test_no_boot_repeats_another_even_on_a_chip_that_does():
    storage = Storage(Power())
    with open(storage.root + "/seed", "wb") as file:
        file.write(b"drawn by the host that provisioned")
    seen = set()
    for _ in range(20):
        random = Random(_Chip(), storage.root, b"number")
        seen.add(random(16))
        seen.add(random(16))
        with open(storage.root + "/seed", "rb") as file:
            seen.add(file.read())
    assert len(seen) == 60
    storage.close()


def test_two_locks_with_the_same_chip_differ():
    first, second = Storage(Power()), Storage(Power())
    assert Random(_Chip(), first.root, b"one")(16) != Random(_Chip(), second.root, b"two")(16)
    first.close()
    second.close()


def test_a_generator_that_stands_still_is_refused():
    storage = Storage(Power())
    try:
        Random(bytes, storage.root, b"number")
        raise AssertionError("taken for random")
    except OSError:
        pass
    storage.close()


def test_flash_that_fails_leaves_what_the_chip_gives():
    storage = Storage(Power())
    storage._power.fail_at(1) if hasattr(storage, "_power") else storage.power.fail_at(1)
    random = Random(_Chip(), storage.root, b"number")
    assert random(16) != random(16)
    storage.close()
