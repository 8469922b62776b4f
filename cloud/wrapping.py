"""Keys at rest: AES-256-GCM under a key derived from RINGSLOT_SECRET. A dump of the database opens nothing.

Each blob is bound to its purpose and its owner, so that one row's key pasted into another row does not unwrap.
"""

import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE = 12  # bytes, random; far fewer than 2^32 blobs are ever made (NIST SP 800-38D §8.3)


class WrongSecret(Exception):
    """The blob does not unwrap: RINGSLOT_SECRET is not the one it was wrapped with, or the row was altered."""


def derive(secret: bytes, label: str) -> bytes:
    """32 bytes for one use of the secret."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"ringslot cloud 1 " + label.encode()).derive(
        secret
    )


def check(secret: bytes) -> bytes:
    """Tells this secret from others, and nothing about it: see start.py."""
    return derive(secret, "check")


class Wrapping:
    def __init__(self, secret: bytes, random: Callable[[int], bytes] = os.urandom):
        self._aead = AESGCM(derive(secret, "wrap"))
        self._random = random

    def wrap(self, purpose: str, owner: str, plain: bytes) -> bytes:
        nonce = self._random(NONCE)
        return nonce + self._aead.encrypt(nonce, plain, _bound(purpose, owner))

    def unwrap(self, purpose: str, owner: str, blob: bytes) -> bytes:
        """Raises WrongSecret."""
        try:
            return self._aead.decrypt(blob[:NONCE], blob[NONCE:], _bound(purpose, owner))
        except (InvalidTag, ValueError):
            raise WrongSecret(
                f"the {purpose} of {owner} does not unwrap: is RINGSLOT_SECRET the one it was made with?"
            ) from None

    def __repr__(self) -> str:
        return "Wrapping(...)"


def _bound(purpose: str, owner: str) -> bytes:
    return f"{purpose}\0{owner}".encode()
