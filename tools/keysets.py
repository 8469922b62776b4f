"""Keysets from the cloud's proposal to what locks install: drafted, shown in words, signed by one root after the other.

A draft is the keyset's bytes; each signature makes a COSE_Sign of it or adds to one. Who signs works the combs out anew
from the public keys: a wrong one would let others in, and only its hash is signed.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from cloud import context, issuers, keyring, rotation
from cloud.tables import SignedKeyset
from protocol import cose, ed25519, keys, keyset, roots
from tools import comb, rootkeys
from tools.errors import ToolError

_ROLES = {keys.ROOT: "root", **issuers.ROLE_NAMES}


def draft(session: Session, now: int, new_roots: tuple[int, list[bytes]] | None = None) -> bytes:
    """The next keyset, not signed. Raises ToolError."""
    proposal = keyring.propose(session, now)
    named = {kid: hashlib.sha256(comb.make(key)).digest() for kid, key in proposal.issuers.items()}
    data: bytes = keyset.encode(proposal.version, proposal.entries, new_roots, named)
    try:
        keyset.parse(data)
    except keyset.KeysetError as error:
        raise ToolError(
            f"This keyset would not do ({error}); remove keys that have ended, or roots."
        ) from None
    return data


def opened(data: bytes) -> tuple[keyset.Keyset, bytes, list[tuple[bytes, bytes, bytes]]]:
    """(Keyset, its bytes, signatures) of a draft or of what is signed already. Raises ToolError."""
    try:
        return roots.take_apart(data)
    except keyset.KeysetError:
        pass
    try:
        return keyset.parse(data), data, []
    except keyset.KeysetError as error:
        raise ToolError(f"This is no keyset: {error}.") from None


def sign(data: bytes, key: Ed25519PrivateKey) -> bytes:
    """The same with one signature more. Raises ToolError."""
    found, payload, signatures = opened(data)
    check_combs(found)
    mine = roots.kid(key.public_key().public_bytes_raw())
    signers = [(kid, lambda _, made=made: made) for kid, _, made in signatures if kid != mine]
    signed: bytes = cose.sign(payload, [*signers, (mine, key.sign)])
    if len(signed) > roots.LIMIT:
        raise ToolError(f"With this signature the keyset has more than {roots.LIMIT} bytes; fewer may sign.")
    return signed


def under_one_root(payload: bytes) -> tuple[bytes, bytes]:
    """(the file `roots`, the keyset signed) for a lock on a bench: by a root that is then thrown away."""
    key = Ed25519PrivateKey.generate()
    return roots.encode(*_only(key)), sign(payload, key)


def check_combs(found: keyset.Keyset) -> None:
    """Raises ToolError when a comb is not its key's."""
    for kid, digest in found.combs.items():
        if hashlib.sha256(comb.make(found.keys[kid][0])).digest() != digest:
            raise ToolError(f"Do not sign: the comb of {kid.hex()} is not made of that key.")


def files_of(found: keyset.Keyset) -> dict[str, bytes]:
    """The combs that a keyset names, kid -> file."""
    return {kid.hex(): bytes(comb.make(found.keys[kid][0])) for kid in found.combs}


# ---- in words


def words(found: keyset.Keyset, before: keyset.Keyset | None = None) -> list[str]:
    """What it says; what changes, where the one before is known."""
    if before is None:
        return [
            f"version {found.version}",
            *(_key(kid, found) for kid in sorted(found.keys)),
            *_root_words(found),
        ]
    lines = [f"version {before.version} becomes {found.version}"]
    for kid in sorted({*found.keys, *before.keys}):
        if kid not in before.keys:
            lines.append("comes    " + _key(kid, found))
        elif kid not in found.keys:
            lines.append("LEAVES   " + _key(kid, before))
        elif found.keys[kid] != before.keys[kid]:
            lines.append("changes  " + _key(kid, found))
        else:
            lines.append("stays    " + _key(kid, found))
    return lines + _root_words(found)


def _key(kid: bytes, found: keyset.Keyset) -> str:
    _, nbf, exp = found.keys[kid]
    fast = "" if kid in found.combs or kid[0] == keys.RELEASE else ", verified slowly"
    return f"{kid.hex()}  {_ROLES.get(kid[0], 'unknown role'):<8} {day(nbf)} to {day(exp)}{fast}"


def _root_words(found: keyset.Keyset) -> list[str]:
    if found.roots is None:
        return []
    threshold, members = found.roots
    return [
        f"NEW ROOTS: {threshold} of {len(members)} sign from now on",
        *(f"  {key.hex()}" for key in members),
    ]


def day(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d")


def standing(data: bytes, trusted: tuple[int, list[bytes]]) -> str:
    """Who signed, and whether that is enough, in one sentence."""
    found, _, signatures = opened(data)
    names = ", ".join(kid.hex() for kid, _, _ in signatures) or "nobody"
    try:
        roots.verify(data, trusted, ed25519.verify)
    except keyset.KeysetError as error:
        return f"Signed by {names}: not enough yet ({error})."
    return f"Signed by {names}: that is enough; `ringslot keys keyset import` is next."


# ---- into the cloud, and the development root


def folder_of(cloud: context.Cloud) -> Path | None:
    """Where a fleet on SQLite keeps its development root; None for a database elsewhere."""
    url = make_url(cloud.settings.database_url)
    return Path(url.database).parent if url.get_backend_name() == "sqlite" and url.database else None


def development_root(cloud: context.Cloud, session: Session, first: bool) -> Ed25519PrivateKey | None:
    """The development root that signs for this fleet, if one does. `first`: make one where nothing is signed yet."""
    folder, row = folder_of(cloud), keyring.newest(session)
    key = rootkeys.development(folder, make=first and row is None) if folder else None
    if key is None or row is None:
        return key
    return key if roots.parse(row.roots) == _only(key) else None


def _only(key: Ed25519PrivateKey) -> tuple[int, list[bytes]]:
    return 1, [key.public_key().public_bytes_raw()]


def settle(cloud: context.Cloud, session: Session, first: bool = False) -> keyset.Keyset | None:
    """Where a development root signs for the fleet: sign and take what the issuers' state asks for. None otherwise."""
    key = development_root(cloud, session, first)
    if key is None or not keyring.is_due(session, cloud.now()):
        return None
    found, _, _ = opened(data := draft(session, cloud.now()))
    return keyring.take(session, sign(data, key), cloud.now(), _only(key), files_of(found))


def ready(cloud: context.Cloud, session: Session) -> SignedKeyset:
    """What a new lock gets; on a fresh fleet on SQLite made on the spot, under a development root. Raises ToolError."""
    issuers.make_missing(session, cloud.box, cloud.now())
    settle(cloud, session, first=True)
    row = keyring.newest(session)
    if row is None:
        raise ToolError(
            "There is no signed keyset yet, and no lock works without. Make roots (ringslot keys root new), then:\n"
            "  ringslot keys keyset make, sign and import; tools/ROTATION.md goes through it."
        )
    return row


def tend(cloud: context.Cloud) -> list[str]:
    """A fleet under a development root rotates by itself, as nobody has another machine to sign on.
    -> kids that sign now"""
    with cloud.db.writing() as session:
        row = keyring.newest(session)
        if row is None or development_root(cloud, session, False) is None:
            return []
        fresh = rotation.tend(session, cloud.box, cloud.now())
        settle(cloud, session)
    return fresh
