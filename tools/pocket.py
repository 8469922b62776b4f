"""What a phone keeps in its pocket: claims with their keys, and receipts until the cloud has said that it holds them.

A folder of small JSON files, each written whole or not at all and flushed before the call returns; mode 0600, for a
claim's file is what opens the bike. It talks to nobody: phone.py fills it, cloud_client.py empties it.
"""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol import receipt as receipts
from tools.errors import ToolError


@dataclass(frozen=True)
class Claim:
    """A right to ride (or, with a master token, to service), and the key that its token names."""

    cti: bytes
    lock_id: bytes
    token: bytes = field(repr=False)
    key: Ed25519PrivateKey = field(repr=False)
    adv_keys: tuple[bytes, ...] = field(repr=False)
    countersigners: dict[str, bytes] = field(repr=False, default_factory=dict)  # kid, hex -> public key


@dataclass(frozen=True)
class Kept:
    """One receipt. `word`: the cloud's countersigned word that it holds it, as the API gave it, or None."""

    receipt: bytes
    kept_at: float
    word: dict | None


class Mismatch(ToolError):
    """The cloud's word is about other bytes than the lock gave, or is not signed by the cloud's key."""


class Pocket:
    def __init__(self, folder: Path) -> None:
        self._claims, self._receipts, self._sealed = (
            folder / name for name in ("claims", "receipts", "sealed")
        )
        for place in (self._claims, self._receipts, self._sealed):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._signers = folder / "countersigners.json"

    # --- claims ---

    def keep_claim(self, claim: Claim) -> None:
        """In place of the same claim's earlier token, if any."""
        signers = {kid: key.hex() for kid, key in claim.countersigners.items()}
        _write(self._signers, {**self._countersigners(), **signers})
        _write(
            self._claims / f"{claim.cti.hex()}.json",
            {
                "lock_id": claim.lock_id.hex(),
                "token": claim.token.hex(),
                "key": claim.key.private_bytes_raw().hex(),
                "adv_keys": [key.hex() for key in claim.adv_keys],
                "kept_at": time.time(),
            },
        )

    def claim(self, cti: bytes) -> Claim:
        """Raises KeyError when this phone has no such claim."""
        try:
            item = json.loads((self._claims / f"{cti.hex()}.json").read_text())
        except FileNotFoundError:
            raise KeyError(cti.hex()) from None
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(item["key"]))
        adv_keys = tuple(bytes.fromhex(value) for value in item["adv_keys"])
        return Claim(cti, bytes.fromhex(item["lock_id"]), bytes.fromhex(item["token"]), key, adv_keys)

    def newest_claim(self) -> Claim:
        """Raises KeyError when there is none."""
        found = max(
            self._claims.glob("*.json"),
            key=lambda path: json.loads(path.read_text())["kept_at"],
            default=None,
        )
        if found is None:
            raise KeyError("no claim")
        return self.claim(bytes.fromhex(found.stem))

    # --- receipts ---

    def keep(self, receipt: bytes) -> None:
        """On disk when this returns. The same receipt again changes nothing."""
        path = self._path(receipt)
        if not path.exists():
            _write(path, {"receipt": receipt.hex(), "kept_at": time.time(), "word": None})

    def receipts(self) -> list[Kept]:
        """All of them, oldest first."""
        items = [json.loads(path.read_text()) for path in self._receipts.glob("*.json")]
        kept = [Kept(bytes.fromhex(item["receipt"]), item["kept_at"], item["word"]) for item in items]
        return sorted(kept, key=lambda one: one.kept_at)

    def undelivered(self) -> list[bytes]:
        return [one.receipt for one in self.receipts() if one.word is None]

    def delivered(self, receipt: bytes, word: dict) -> None:
        """Checks the cloud's word against the receipt that the lock gave, then keeps it. Raises Mismatch.

        `word`: {"digest": hex, "kid": hex, "countersignature": hex}. The keys believed are those that came with
        claims, before the ride: a cloud cannot bring in another one afterwards.
        """
        parsed, digest = receipts.parse(receipt), receipts.digest(receipt)
        if word["digest"] is None:
            raise Mismatch(f"Receipt {parsed.seq}: the cloud does not take it for that lock's.")
        if word["digest"] != digest.hex():
            raise Mismatch(f"Receipt {parsed.seq}: the cloud holds another one than the lock gave.")
        signed = receipts.countersign_input(parsed.lock_id, parsed.seq, digest)
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self._countersigners()[word["kid"]]))
            key.verify(bytes.fromhex(word["countersignature"]), signed)
        except (InvalidSignature, ValueError, KeyError) as error:
            raise Mismatch(f"Receipt {parsed.seq}: the cloud's signature does not hold.") from error
        path = self._path(receipt)
        _write(path, {**json.loads(path.read_text()), "word": word})

    def _countersigners(self) -> dict[str, str]:
        return json.loads(self._signers.read_text()) if self._signers.exists() else {}

    def _path(self, receipt: bytes) -> Path:
        return self._receipts / f"{receipts.digest(receipt)[:16].hex()}.json"

    # --- sealed batches, carried for others ---

    def keep_sealed(self, batch: bytes) -> None:
        _write(self._sealed / f"{receipts.digest(batch)[:16].hex()}.json", {"batch": batch.hex()})

    def sealed(self) -> list[bytes]:
        return [
            bytes.fromhex(json.loads(path.read_text())["batch"])
            for path in sorted(self._sealed.glob("*.json"))
        ]

    def drop_sealed(self, batch: bytes) -> None:
        (self._sealed / f"{receipts.digest(batch)[:16].hex()}.json").unlink(missing_ok=True)


def _write(path: Path, item: dict) -> None:
    aside = path.with_suffix(".new")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(item, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # else the name may be lost where the bytes are not
    finally:
        os.close(folder)
