"""Offline keys, of roots and releases: a private half in a file under a passphrase, a public half beside it.

NAME.pem is PKCS #8 as the cryptography library encrypts it; NAME.pub is one line, the 32 bytes in hex. Neither needs a
cloud. A development key has no passphrase and says so in its name: whoever reads that file owns the fleet.
"""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from protocol import ed25519
from tools.errors import ToolError

SHORTEST = 12  # characters of a passphrase
DEVELOPMENT = "development-root.pem"


def new(path: Path, passphrase: str | None) -> bytes:
    """A key in `path`, and its public half beside it; None: a development key. -> public key. Raises ToolError."""
    if passphrase is not None and len(passphrase) < SHORTEST:
        raise ToolError(f"A passphrase of {SHORTEST} characters or more, please.")
    key = Ed25519PrivateKey.generate()
    how = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase.encode())
    public = key.public_key().public_bytes_raw()
    _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how), 0o600)
    _write(path.with_suffix(".pub"), public.hex().encode() + b"\n", 0o644)
    return public


def _write(path: Path, data: bytes, mode: int) -> None:
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}; no key was made.") from error


def load(path: Path, ask: Callable[[], str]) -> Ed25519PrivateKey:
    """`ask()` gives the passphrase, if the file has one. Raises ToolError."""
    data = read(path)
    try:
        key = load_pem_private_key(data, None if b"ENCRYPTED" not in data else ask().encode())
    except (ValueError, TypeError):
        raise ToolError(f"{path} does not open: another passphrase, or no key file.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ToolError(f"{path} holds a key of another kind than Ed25519.")
    return key


def read_public(path: Path) -> bytes:
    """Raises ToolError."""
    try:
        key = bytes.fromhex(read(path).decode().strip())
    except ValueError:
        key = b""
    if not ed25519.check_public_key(key):
        raise ToolError(f"{path} holds no public key: 64 hex digits, as in the .pub file beside a key.")
    return key


def read(path: Path) -> bytes:
    """Raises ToolError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}.") from error


def development(folder: Path, make: bool = False) -> Ed25519PrivateKey | None:
    """The development root of the fleet in this folder, if it has one."""
    path = folder / DEVELOPMENT
    if make and not path.exists():
        new(path, None)
    return load(path, str) if path.exists() else None
