"""What a phone keeps, and whose word it believes."""

import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import keys, receipt
from tools.pocket import Claim, Mismatch, Pocket

LOCK = b"lock one"
RECEIPT_KEY = b"k" * 32
SIGNER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
KID = keys.kid(keys.COUNTERSIGN, SIGNER.public_key().public_bytes_raw()).hex()


def closed(seq: int = 1, at: int = 1_800_000_000) -> bytes:
    fields = {
        receipt.LOCK: LOCK,
        receipt.SEQ: seq,
        receipt.PREV: bytes(16),
        receipt.TYPE: receipt.CLOSE,
        receipt.TIME: at,
        receipt.ERROR: 1,
        receipt.FIX: None,
        receipt.BITS: 2,
        receipt.BATTERY: 4000,
        receipt.UPTIME: 5,
        receipt.BOOT: b"boot",
        receipt.CTI: b"claim  1",
        receipt.DETAIL: [0, 0],
    }
    return receipt.encode(RECEIPT_KEY, fields)


def word(data: bytes, signer: Ed25519PrivateKey = SIGNER, seq: int = 1) -> dict:
    digest = receipt.digest(data)
    signature = signer.sign(receipt.countersign_input(LOCK, seq, digest))
    return {"digest": digest.hex(), "kid": KID, "countersignature": signature.hex()}


@pytest.fixture
def claim() -> Claim:
    signers = {KID: SIGNER.public_key().public_bytes_raw()}
    return Claim(b"claim  1", LOCK, b"token", Ed25519PrivateKey.generate(), (b"a" * 16,), signers)


@pytest.fixture
def pocket(tmp_path, claim) -> Pocket:
    made = Pocket(tmp_path)
    made.keep_claim(claim)
    return made


def test_a_claim_comes_back_whole_and_only_its_owner_may_read_it(tmp_path, pocket, claim):
    again = Pocket(tmp_path).claim(claim.cti)
    assert again.token == claim.token and again.adv_keys == claim.adv_keys and again.lock_id == claim.lock_id
    assert again.key.private_bytes_raw() == claim.key.private_bytes_raw()
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.rglob("*.json"))


def test_a_claims_text_shows_no_key(claim):
    assert claim.key.private_bytes_raw().hex() not in repr(claim) and "token'" not in repr(claim)


def test_a_claim_that_is_not_there_is_a_key_error(tmp_path):
    with pytest.raises(KeyError):
        Pocket(tmp_path).claim(b"claim  9")
    with pytest.raises(KeyError):
        Pocket(tmp_path).newest_claim()


def test_a_receipt_given_twice_is_kept_once_and_outlives_the_phone(tmp_path, pocket):
    pocket.keep(closed())
    pocket.keep(closed())
    pocket.keep(closed(2))
    assert Pocket(tmp_path).undelivered() == [closed(), closed(2)]


def test_a_delivered_receipt_is_delivered_once(pocket):
    pocket.keep(closed())
    pocket.delivered(closed(), word(closed()))
    pocket.keep(closed())
    assert pocket.undelivered() == [] and pocket.receipts()[0].word == word(closed())


def test_a_cloud_that_holds_other_bytes_is_found_out(pocket):
    pocket.keep(closed())
    with pytest.raises(Mismatch, match="another one than the lock gave"):
        pocket.delivered(closed(), word(closed(at=1_800_000_060)))
    assert pocket.undelivered() == [closed()]


@pytest.mark.parametrize(
    "wrong",
    [
        word(closed(), Ed25519PrivateKey.generate()),
        word(closed(), seq=2),
        {**word(closed()), "kid": "05000000"},
        {**word(closed()), "countersignature": ""},
    ],
    ids=["another key", "another receipt", "a key that came with no claim", "none"],
)
def test_a_word_that_is_not_signed_by_the_cloud_is_found_out(pocket, wrong):
    pocket.keep(closed())
    with pytest.raises(Mismatch, match="signature does not hold"):
        pocket.delivered(closed(), wrong)
    assert pocket.undelivered() == [closed()]


def test_sealed_batches_wait_until_they_are_dropped(tmp_path, pocket):
    pocket.keep_sealed(b"batch")
    assert Pocket(tmp_path).sealed() == [b"batch"]
    pocket.drop_sealed(b"batch")
    pocket.drop_sealed(b"batch")
    assert pocket.sealed() == []
