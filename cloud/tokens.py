"""Tokens: minted by protocol.token, signed here, and every one logged. Which token to make is claims.py's to say."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloud import issuers
from cloud.problem import Problem
from cloud.tables import Claim, IssuedToken, IssuerKey, Lock
from cloud.wrapping import Wrapping
from protocol import ed25519, exchange, keys, token

BEFORE_S = 30  # nbf lies this far back: a lock's clock may be a little behind ours
MASTER_S = 8 * 3600  # longest life of a master token: one shift

_MODES = {"single": token.MODE_SINGLE, "period": token.MODE_PERIOD}


def check_holder(key: bytes) -> bytes:
    """Before a key is named in a token: on the curve, canonical, not of small order. Raises Problem bad_holder_key.

    With a key of small order one constant signature holds for every message: a proof that proves nothing.
    """
    if not ed25519.check_public_key(key):
        raise Problem("bad_holder_key")
    return key


@dataclass(frozen=True)
class Bound:
    """A challenge that a token is bound to, opened by its lock's key: the real lock is, or was, on the line."""

    lock: Lock
    nonce: bytes
    ride_floor: int
    receipt_seq: int


def bind(locks: Iterable[tuple[Lock, bytes]], hello: bytes, challenge: bytes) -> Bound:
    """Find which of these (lock, K_lock) made the challenge. Raises Problem wrong_lock.

    A pair of old messages opens too, yet gains nothing: the token is bound to a challenge that is no longer alive.
    """
    for lock, k_lock in locks:
        try:
            nonce, fields = exchange.open_status(keys.status_key(k_lock), hello, challenge)
        except exchange.ExchangeError:
            continue
        if fields[0].hex() == lock.lock_id:
            return Bound(lock, nonce, ride_floor=fields[2], receipt_seq=fields[1])
    raise Problem("wrong_lock")


def issue_ride(
    session: Session,
    box: Wrapping,
    key: IssuerKey,
    claim: Claim,
    lock: Lock,
    now: int,
    nonce: bytes | None = None,
    successor_until: int | None = None,
) -> bytes:
    """A token for a claim as its row stands. `successor_until`: the exp of a successor's token."""
    mode = _MODES[claim.mode] | (token.SUCCESSOR if successor_until else 0)
    claims = token.Claims(
        aud=((bytes.fromhex(lock.lock_id), claim.epoch),),
        exp=successor_until or claim.exp,
        nbf=now - BEFORE_S if successor_until else claim.nbf,
        iat=now,
        cti=bytes.fromhex(claim.cti),
        holder=claim.holder,
        scope=token.SCOPE_RIDE,
        floor=min(lock.wanted_floor, claim.epoch),
        hold=claim.hold,
        longest=claim.longest,
        mode=mode,
        nonce=nonce,
    )
    return _mint(session, box, key, claims, claim.user_id, claim.cti)


def issue_master(
    session: Session,
    box: Wrapping,
    user_id: str,
    audience: tuple[tuple[bytes, int], ...] | bytes,
    holder: bytes,
    now: int,
    exp: int,
    nonce: bytes | None,
    scope: int = token.SCOPE_SERVICE,
) -> tuple[bytes, bytes]:
    """(cti, token) for these locks, or any lock of a group, without a claim: what for says `scope`. Logged under the
    technician."""
    cti = secrets.token_bytes(8)
    claims = token.Claims(
        aud=audience,
        exp=exp,
        nbf=now - BEFORE_S,
        iat=now,
        cti=cti,
        holder=holder,
        scope=scope,
        floor=0,
        hold=0,
        longest=0,
        mode=token.MODE_SINGLE,
        nonce=nonce,
    )
    key = issuers.current(session, keys.MASTER, now)
    return cti, _mint(session, box, key, claims, user_id, None)


def _mint(
    session: Session, box: Wrapping, key: IssuerKey, claims: token.Claims, user_id: str, claim: str | None
) -> bytes:
    minted: bytes = token.mint(issuers.signer(box, key), bytes.fromhex(key.kid), claims, hinted=True)
    session.add(
        IssuedToken(
            cti=claims.cti.hex(),
            user_id=user_id,
            claim=claim,
            kid=key.kid,
            audience=_audience(claims.aud),
            holder=claims.holder,
            token=minted,
            token_hash=hashlib.sha256(minted).digest(),
            nonce=claims.nonce,
            iat=claims.iat,
            exp=claims.exp,
        )
    )
    return minted


def _audience(aud: tuple[tuple[bytes, int], ...] | bytes) -> str:
    if isinstance(aud, bytes):
        return "group:" + aud.hex()
    return " ".join(f"{lock_id.hex()}:{epoch}" for lock_id, epoch in aud)


def newest(session: Session, cti: str) -> bytes | None:
    """The last token of a claim that is bound to no challenge, for an app that lost the answer. It opens nothing
    without the holder's key."""
    unbound = (IssuedToken.claim == cti, IssuedToken.nonce.is_(None))
    rows = select(IssuedToken.token).where(*unbound).order_by(IssuedToken.token_id.desc())
    return session.scalars(rows.limit(1)).one_or_none()
