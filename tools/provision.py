"""What makes a board a lock: files written on the host that draws its key.

`identity` (CBOR {1: lock id, 2: K_lock, 3: group id or null}), `roots` and the signed `keyset` (SPEC.md section 2),
`settings.json`, `seed` for its random numbers; for speed `comb-base` and `comb-KID`, of the base point and of the
tokens' issuers (firmware/combs.py).
The key is drawn here and not on the lock: a chip's generator is weak until its radio runs. It knows no database.
"""

import contextlib
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from boards.parts import networks
from protocol import cbor, keys, roots
from tools import comb
from tools.errors import ToolError

LOCK_ID = 8  # bytes
K_LOCK = 32
FILES = ("identity", "roots", "keyset", "settings.json")
MAY = ("seed", "bearer.json")  # of a board of ESP32 parts: boards/parts/drbg.py, boards/parts/networks.py
SEED = 32


@dataclass(frozen=True)
class Identity:
    lock_id: bytes
    k_lock: bytes = field(repr=False)
    group_id: bytes | None = None


def draw(group_id: bytes | None = None) -> Identity:
    """A new lock's id and key."""
    return Identity(secrets.token_bytes(LOCK_ID), secrets.token_bytes(K_LOCK), group_id)


def write(folder: Path, identity: Identity, trusted: bytes, keyset: bytes, settings: dict) -> None:
    """`trusted`: the file `roots`; `keyset`: signed by them. All are readable by their owner alone: `identity` is the
    lock's secret."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = {
        "identity": cbor.encode({1: identity.lock_id, 2: identity.k_lock, 3: identity.group_id}),
        "roots": trusted,
        "keyset": keyset,
        "settings.json": json.dumps(settings, indent=2, sort_keys=True).encode(),
        "seed": secrets.token_bytes(SEED),
    }
    files |= _combs(keyset)
    for name, data in files.items():
        with open(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)


def bearer(path: Path) -> bytes:
    """A bearer.json that a lock will understand. Raises ToolError."""
    try:
        data = path.read_bytes()
        networks.parse(data)
    except (OSError, ValueError) as error:
        raise ToolError(f"{path} cannot be used: {error}.") from error
    return data


def read(folder: Path) -> dict[str, bytes]:
    """The files of a provisioned lock by name. Raises ToolError when one is missing."""
    try:
        named = [path.name for path in sorted(folder.glob("comb-*"))]
        named += [name for name in MAY if (folder / name).exists()]
        return {name: (folder / name).read_bytes() for name in (*FILES, *named)}
    except OSError as error:
        if Path(error.filename).name == "roots":
            raise ToolError(
                f"{folder} is of before keysets were signed: ringslot lock renew {folder}"
            ) from error
        raise ToolError(
            f"{folder} does not hold a lock's files ({error.strerror}: {error.filename})."
        ) from error


def is_ours(name: str) -> bool:
    """Whether a lock's folder may hold a file of that name."""
    return name in (*FILES, *MAY) or name.startswith("comb-")


def renew(folder: Path, trusted: bytes, keyset: bytes) -> None:
    """The folder of a lock that has no signed keyset yet gets one; its identity stays. Raises ToolError, OSError."""
    for path in folder.glob("comb-*"):
        path.unlink()
    for name, data in {"roots": trusted, "keyset": keyset, **_combs(keyset)}.items():
        (folder / name).unlink(missing_ok=True)
        with open(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)


def _combs(signed: bytes) -> dict[str, bytes]:
    """The combs that a lock with this keyset reads at boot, by name."""
    found = {"comb-base": bytes(comb.base())}
    keyset, _, _ = roots.take_apart(signed)
    for kid, (key, _, _) in keyset.keys.items():
        if kid[0] in (keys.RIDE, keys.MASTER):
            with contextlib.suppress(comb.BadKey):  # the lock verifies by any key, and says that it is slower
                found[f"comb-{kid.hex()}"] = bytes(comb.make(key))
    return found
