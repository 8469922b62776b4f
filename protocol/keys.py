"""Names of keys, and the keys that one lock's K_lock gives (SPEC.md sections 2 and 9)."""

import hashlib

from protocol.compat import const
from protocol.mac import hkdf, hmac_sha256

ROOT = const(0)  # role byte of a kid: signs keysets, offline
RIDE = const(1)  # issuer of claims' tokens
MASTER = const(2)  # issuer of technicians' tokens
RELEASE = const(3)  # signs updates, offline
COUNTERSIGN = const(5)  # the cloud's word that it holds a receipt

OSCORE_SERVER_ID = b"\x00"


def kid(role, public_key):
    """The 4-byte name of a public key: role, then the start of its SHA-256."""
    return bytes([role]) + hashlib.sha256(public_key).digest()[:3]


def derive(k_lock, label, length):
    """HKDF (RFC 5869) from K_lock. `label`: bytes; the prefix keeps other uses of K_lock apart from ours."""
    return hkdf(b"", k_lock, b"ringslot 1 " + label, length)


def oscore_secret(k_lock):
    return derive(k_lock, b"oscore", 16)


def receipt_key(k_lock):
    return derive(k_lock, b"receipt", 32)


def status_key(k_lock):
    return derive(k_lock, b"status", 16)


def batch_key(k_lock):
    return derive(k_lock, b"batch", 16)


def oscore_id(lock_id):
    """The lock's OSCORE Sender ID: at most 7 bytes go with AES-CCM-16-64-128 (RFC 8613 §3.3), 4 do."""
    return lock_id[:4]


def adv_index(ride_floor, riding):
    return 2 * ride_floor + (0 if riding else 1)


def adv_key(k_lock, index):
    return derive(k_lock, b"adv" + index.to_bytes(4, "big"), 16)


def adv_payload(key, slot):
    """The 8 bytes that the lock advertises in one slot (0-255)."""
    return hmac_sha256(key, bytes([slot]))[:8]


def adv_indexes(seen_floor, epoch, single):
    """Indexes whose keys a claim of this epoch needs: what the lock may show before and during its rides."""
    indexes = []
    for floor in range(seen_floor, epoch + 1):
        indexes += [2 * floor, 2 * floor + 1]
    if single:
        indexes.append(2 * epoch + 2)
    return indexes
