"""Role keys: who signs tokens and receipts for the cloud. Private halves are wrapped, and unwrapped only to sign."""

from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from cloud.problem import Problem
from cloud.tables import Claim, IssuerKey
from cloud.wrapping import Wrapping
from protocol import keys, keyset

PURPOSE = "issuer key"
ROLES = {"ride": keys.RIDE, "master": keys.MASTER, "countersign": keys.COUNTERSIGN}
ROLE_NAMES = {role: name for name, role in ROLES.items()}
IN_KEYSET = (keys.RIDE, keys.MASTER)  # the phone checks countersignatures, the lock does not
VALID_S = 2 * 365 * 86400  # a lock gets its keyset when it is provisioned, so a key must outlast a while

# Asked at every claim, so built once. Of keys made in one second all processes choose the same.
_NEWEST = (
    select(IssuerKey)
    .where(IssuerKey.role == bindparam("role"), IssuerKey.retired_at.is_(None))
    .where(IssuerKey.nbf <= bindparam("now"), IssuerKey.exp >= bindparam("now"))
    .order_by(IssuerKey.nbf.desc(), IssuerKey.kid)
    .limit(1)
)


def make(session: Session, box: Wrapping, role: int, now: int, valid_s: int = VALID_S) -> str:
    """A new key, current from now on; the older ones stay valid. -> kid"""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    kid = keys.kid(role, public).hex()
    seed = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    wrapped = box.wrap(PURPOSE, kid, seed)
    session.add(
        IssuerKey(kid=kid, role=role, public=public, wrapped_private=wrapped, nbf=now, exp=now + valid_s)
    )
    session.flush()
    return kid


def make_missing(session: Session, box: Wrapping, now: int) -> list[str]:
    """One key for each role that has none. -> the new kids"""
    return [make(session, box, role, now) for role in ROLES.values() if _current(session, role, now) is None]


def current(session: Session, role: int, now: int) -> IssuerKey:
    """The newest valid key of a role. Raises Problem no_issuer_key."""
    key = _current(session, role, now)
    if key is None:
        raise Problem("no_issuer_key", role=ROLE_NAMES[role])
    return key


def usable(session: Session, kid: str, now: int) -> IssuerKey | None:
    """This key, if a token signed with it now would be believed: its iat must lie in the key's validity (SPEC 2)."""
    key = session.get(IssuerKey, kid)
    return key if key and key.retired_at is None and key.nbf <= now <= key.exp else None


def _current(session: Session, role: int, now: int) -> IssuerKey | None:
    return session.scalars(_NEWEST, {"role": role, "now": now}).one_or_none()


def public_keys(session: Session, *roles: int) -> Sequence[IssuerKey]:
    """Keys not retired, oldest first; countersignatures outlive their key's use, so expired ones are here too."""
    rows = select(IssuerKey).where(IssuerKey.role.in_(roles), IssuerKey.retired_at.is_(None))
    return session.scalars(rows.order_by(IssuerKey.nbf, IssuerKey.kid)).all()


def signer(box: Wrapping, key: IssuerKey) -> Callable[[bytes], bytes]:
    """sign(message) -> 64 bytes, with the private half unwrapped inside. Raises WrongSecret."""
    return Ed25519PrivateKey.from_private_bytes(box.unwrap(PURPOSE, key.kid, key.wrapped_private)).sign


def keyset_of(session: Session) -> tuple[int, bytes]:
    """(version, keyset bytes) for a lock. The version counts keys made and keys retired, so it only rises."""
    history = session.scalars(select(IssuerKey).where(IssuerKey.role.in_(IN_KEYSET))).all()
    version = len(history) + sum(key.retired_at is not None for key in history)
    entries = [
        (bytes.fromhex(key.kid), key.public, key.nbf, key.exp) for key in public_keys(session, *IN_KEYSET)
    ]
    return version, keyset.encode(version, entries)


def retire(session: Session, kid: str, now: int) -> None:
    """Out of the keyset, and its claims are over: a claim stays under one key. Raises Problem not_found."""
    key = session.get(IssuerKey, kid)
    if key is None:
        raise Problem("not_found")
    if key.retired_at is None:
        key.retired_at = now
    claims = update(Claim).where(Claim.kid == kid, Claim.status == "open")
    session.execute(claims.values(status="cancelled", open_on=None))
