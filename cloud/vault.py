"""A backup as a file: encrypted and authenticated by age (pyrage), for a passphrase or for a public key. Streams.

    "ringslot-backup 1\\n"  then  "passphrase <base64: a key pair's secret half, sealed by age for the passphrase>\\n"
                           or    "recipient\\n"
    then everything, sealed by age for that key pair: chunks of 64 KiB, each authenticated, the last one known as such

A cut file, a flipped bit and a wrong passphrase are each one sentence, and nothing that came out before counts.
"""

import base64
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyrage
from pyrage import passphrase as by_passphrase
from pyrage import x25519

MAGIC = b"ringslot-backup 1\n"
HEAD = 4096  # bytes of a line at most
PASSPHRASE = 12  # characters at least


class VaultError(Exception):
    """Why it does not open, in one sentence."""


def recipient(text: str) -> x25519.Recipient:
    """Of a public key as `age-keygen` prints it. Raises VaultError."""
    try:
        return x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError:
        raise VaultError("This is no public key of age; it looks like age1….") from None


def identity(text: str) -> x25519.Identity:
    """Of the file that `age-keygen` wrote. Raises VaultError."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    try:
        return x25519.Identity.from_str(lines[0].strip())
    except (IndexError, pyrage.IdentityError):
        raise VaultError("This file holds no secret key of age; it looks like AGE-SECRET-KEY-1….") from None


@contextmanager
def sealing(out: BinaryIO, to: x25519.Recipient | str) -> Iterator[BinaryIO]:
    """A file to write into; `to`: a public key, or a passphrase. What it holds is whole once this ends."""
    head = b"recipient\n"
    if isinstance(to, str):
        if len(to) < PASSPHRASE:
            raise VaultError(f"A passphrase has {PASSPHRASE} characters or more.")
        pair = x25519.Identity.generate()
        sealed = by_passphrase.encrypt(str(pair).encode(), to)
        head, to = b"passphrase " + base64.b64encode(sealed) + b"\n", pair.to_public()
    out.write(MAGIC + head)
    keys = [to]
    with _pumped(lambda source: pyrage.encrypt_io(source, out, keys), writing=True) as pipe:
        yield pipe


@contextmanager
def opening(source: BinaryIO, by: x25519.Identity | str) -> Iterator[BinaryIO]:
    """A file to read from. Raises VaultError: at its beginning, or at its end."""
    if source.readline(HEAD) != MAGIC:
        raise VaultError("This is no backup of Ringslot.")
    kind, _, sealed = source.readline(HEAD).rstrip(b"\n").partition(b" ")
    if kind not in (b"passphrase", b"recipient"):
        raise VaultError("The beginning of this backup is damaged.")
    if isinstance(by, str) != (kind == b"passphrase"):
        needs = "a passphrase" if kind == b"passphrase" else "the secret key of its recipient (--identity)"
        raise VaultError(f"This backup opens with {needs}.")
    if isinstance(by, str):
        try:
            by = x25519.Identity.from_str(by_passphrase.decrypt(base64.b64decode(sealed), by).decode())
        except (pyrage.DecryptError, pyrage.IdentityError, ValueError):
            raise VaultError("The passphrase is wrong, or the file's beginning is damaged.") from None
    keys = [by]
    try:
        with _pumped(lambda out: pyrage.decrypt_io(source, out, keys), writing=False) as pipe:
            yield pipe
    except pyrage.DecryptError:
        raise VaultError("This backup is for another key, or its beginning is damaged.") from None
    except _PumpError:
        raise VaultError("This backup is cut or damaged; nothing of it was taken.") from None


class _PumpError(Exception):
    """age gave up in the middle."""


@contextmanager
def _pumped(work, writing: bool) -> Iterator[BinaryIO]:  # type: ignore[no-untyped-def]
    """age in a thread of its own, with a pipe between it and us. Raises what it raised."""
    read_end, write_end = os.pipe()
    mine, its = (write_end, read_end) if writing else (read_end, write_end)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(its, "rb" if writing else "wb") as end:
                work(end)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ours: BaseException | None = None
    try:
        with os.fdopen(mine, "wb" if writing else "rb") as pipe:
            yield pipe
            if not writing and pipe.read(1):
                raise VaultError("This backup goes on after its end.")
    except BaseException as error:  # often only the echo of what went wrong in there
        ours = error
    thread.join()
    if failed and "Broken pipe" not in str(failed[0]):  # that is the echo of our own going away
        if writing or isinstance(failed[0], pyrage.DecryptError):
            raise failed[0]
        raise _PumpError from failed[0]
    if ours is not None:
        raise ours
