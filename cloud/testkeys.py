"""For tests: roots in a pocket, which sign whatever keyset the cloud proposes."""

import hashlib
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from cloud import keyring
from protocol import cose, keyset, roots


def root(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def root_set(names: Sequence[str], threshold: int = 2) -> tuple[int, list[bytes]]:
    return threshold, sorted(public(root(name)) for name in names)


OLD, NEW = ("a", "b", "c"), ("d", "e", "f")


def sign(
    proposal: keyring.Proposal, by: Sequence[str] = OLD[:2], version: int | None = None, **more: Any
) -> bytes:
    """`more`: roots and combs of the keyset."""
    payload = keyset.encode(version or proposal.version, proposal.entries, **more)
    return cose.sign(payload, [(roots.kid(public(root(name))), root(name).sign) for name in by])


def publish(session: Session, now: int) -> int:
    """The next keyset, signed and taken. -> its version"""
    return keyring.take(session, sign(keyring.propose(session, now)), now, root_set(OLD)).version
