"""Role keys: who signs tokens and receipts for the cloud. Private halves are wrapped, and unwrapped only to sign.

How a key goes from next to current, retiring and removed, and why, is rotation.py's.
"""

from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from cloud.problem import Problem
from cloud.tables import IssuerKey
from cloud.wrapping import Wrapping
from protocol import keys

PURPOSE = "issuer key"
ROLES = {"ride": keys.RIDE, "master": keys.MASTER, "countersign": keys.COUNTERSIGN}
ROLE_NAMES = {role: name for name, role in ROLES.items()} | {keys.RELEASE: "release"}
ROTATED = (keys.RIDE, keys.MASTER)  # the phone checks countersignatures, the lock does not
IN_KEYSET = (*ROTATED, keys.RELEASE)
TERM_S = 30 * 86400  # as current
OVERLAP_S = 7 * 86400  # to get the next keyset signed and carried to the locks; also the longest claim
LASTING_S = 2 * 365 * 86400  # of what locks do not check

# Asked at every claim, so built once. Of keys made in one second all processes choose the same.
_NEWEST = (
    select(IssuerKey)
    .where(IssuerKey.role == bindparam("role"), IssuerKey.state == "current")
    .where(IssuerKey.nbf <= bindparam("now"), IssuerKey.exp >= bindparam("now"))
    .order_by(IssuerKey.nbf.desc(), IssuerKey.kid)
    .limit(1)
)


def make(session: Session, box: Wrapping, role: int, now: int, state: str = "current") -> str:
    """-> kid"""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    kid = keys.kid(role, public).hex()
    seed = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    _add(session, role, public, box.wrap(PURPOSE, kid, seed), now, state)
    return kid


def add_release(session: Session, public: bytes, now: int) -> str:
    """The public half of a release key, for the next keyset. -> kid"""
    kid = keys.kid(keys.RELEASE, public).hex()
    key = session.get(IssuerKey, kid)
    if key is None:
        _add(session, keys.RELEASE, public, b"", now, "current")
    elif key.state == "removed":
        raise Problem("key_removed")
    return kid


def _add(session: Session, role: int, public: bytes, wrapped: bytes, now: int, state: str) -> None:
    kid, exp = keys.kid(role, public).hex(), now + lasts(role)
    nbf = now - (state == "next")  # locks hold the newest ride issuer's comb at hand: the current one's
    key = IssuerKey(kid=kid, role=role, public=public, wrapped_private=wrapped, nbf=nbf, exp=exp, state=state)
    session.add(key)
    session.flush()


def lasts(role: int) -> int:
    return TERM_S + OVERLAP_S if role in ROTATED else LASTING_S


def make_missing(session: Session, box: Wrapping, now: int) -> list[str]:
    """A current key for each role that has none, and the next one for those that rotate. -> the new kids"""
    made = [make(session, box, role, now) for role in ROLES.values() if _current(session, role, now) is None]
    return made + [
        make(session, box, role, now, "next") for role in ROTATED if following(session, role) is None
    ]


def current(session: Session, role: int, now: int) -> IssuerKey:
    """The key that signs for a role. Raises Problem no_issuer_key."""
    key = _current(session, role, now)
    if key is None:
        raise Problem("no_issuer_key", role=ROLE_NAMES[role])
    return key


def usable(session: Session, kid: str, now: int) -> IssuerKey | None:
    """This key, if a token signed with it now would be believed: its iat must lie in the key's validity (SPEC 2)."""
    key = session.get(IssuerKey, kid)
    return key if key and key.state != "removed" and key.nbf <= now <= key.exp else None


def _current(session: Session, role: int, now: int) -> IssuerKey | None:
    return session.scalars(_NEWEST, {"role": role, "now": now}).one_or_none()


def ends(session: Session, role: int, now: int) -> int:
    """When the current key of a role ends, Unix seconds; `now` when there is none."""
    key = _current(session, role, now)
    return key.exp if key else now


def following(session: Session, role: int) -> IssuerKey | None:
    """The key that locks believe already, and that signs after the current one."""
    rows = select(IssuerKey).where(IssuerKey.role == role, IssuerKey.state == "next")
    return session.scalars(rows.order_by(IssuerKey.nbf, IssuerKey.kid).limit(1)).one_or_none()


def public_keys(session: Session, *roles: int) -> Sequence[IssuerKey]:
    """Keys not removed, oldest first; countersignatures outlive their key's use, so expired ones are here too."""
    rows = select(IssuerKey).where(IssuerKey.role.in_(roles), IssuerKey.state != "removed")
    return session.scalars(rows.order_by(IssuerKey.nbf, IssuerKey.kid)).all()


def signer(box: Wrapping, key: IssuerKey) -> Callable[[bytes], bytes]:
    """sign(message) -> 64 bytes, with the private half unwrapped inside. Raises WrongSecret."""
    return Ed25519PrivateKey.from_private_bytes(box.unwrap(PURPOSE, key.kid, key.wrapped_private)).sign
