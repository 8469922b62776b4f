"""The second factor: an authenticator app (TOTP, RFC 6238) and recovery codes. Passkeys are in passkeys.py.

Whoever has a second factor needs it: a password alone signs nobody in any more who has one, nor adds another. A code is
good once, and so is each recovery code; those are made with the first factor.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

import pyotp
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from cloud import limits
from cloud.problem import Problem
from cloud.tables import User, WebSession
from cloud.tables_people import Passkey, RecoveryCode, Totp
from cloud.wrapping import Wrapping

STEP_S = 30  # RFC 6238 §4.1
DRIFT = 1  # steps that a phone's clock may be off, either way (§5.2)
SECRET_BYTES = 20  # RFC 4226 §4, R6
CODES = 10
_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # nothing that looks like something else
ISSUER = "Ringslot"


@dataclass(frozen=True)
class Factors:
    """What a person has."""

    totp: bool
    passkeys: int
    codes: int  # recovery codes left

    @property
    def any(self) -> bool:
        return self.totp or self.passkeys > 0

    @property
    def methods(self) -> list[str]:
        """By which one may go on after the password, or in its place."""
        said = {"totp": self.totp, "passkey": self.passkeys > 0, "recovery": self.any and self.codes > 0}
        return [method for method, there in said.items() if there]


def of_user(session: Session, user_id: str) -> Factors:
    totp = session.scalar(
        select(func.count()).select_from(Totp).where(Totp.user_id == user_id, Totp.confirmed_at.is_not(None))
    )
    keys = session.scalar(select(func.count()).select_from(Passkey).where(Passkey.user_id == user_id))
    codes = session.scalar(
        select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id)
    )
    return Factors(bool(totp), keys or 0, codes or 0)


def may_add(session: Session, here: WebSession) -> None:
    """A session that was begun by password alone adds only the first factor. Raises Problem second_factor_needed."""
    if not here.second and of_user(session, here.user_id).any:
        raise Problem("second_factor_needed")


# ---- the authenticator app


def begin_totp(session: Session, box: Wrapping, user: User) -> tuple[str, str]:
    """(secret in base32, otpauth URI): to show once. Counts after `confirm_totp`. Raises Problem factor_exists."""
    secret = secrets.token_bytes(SECRET_BYTES)
    row = session.get(Totp, user.user_id)
    if row is not None and row.confirmed_at is not None:
        raise Problem("factor_exists")
    wrapped = box.wrap("totp", user.user_id, secret)
    if row is None:
        session.add(Totp(user_id=user.user_id, wrapped=wrapped, confirmed_at=None, last_step=0))
    else:
        row.wrapped = wrapped
    text = _base32(secret)
    return text, pyotp.TOTP(text).provisioning_uri(name=user.email or user.login, issuer_name=ISSUER)


def confirm_totp(session: Session, box: Wrapping, user_id: str, code: str, now: int) -> list[str]:
    """From here on it counts. -> recovery codes, if it is the first factor. Raises Problem wrong_code."""
    first = not of_user(session, user_id).any
    row = session.get(Totp, user_id)
    if row is None or row.confirmed_at is not None or not _take_totp(session, box, user_id, code, now, False):
        raise Problem("wrong_code")
    session.execute(update(Totp).where(Totp.user_id == user_id).values(confirmed_at=now))
    return new_codes(session, user_id) if first else []


def drop_totp(session: Session, user_id: str) -> None:
    """Raises Problem not_found."""
    gone = delete(Totp).where(Totp.user_id == user_id).returning(Totp.user_id)
    if session.scalars(gone).one_or_none() is None:
        raise Problem("not_found")


def _take_totp(
    session: Session, box: Wrapping, user_id: str, code: str, now: int, confirmed: bool = True
) -> bool:
    """Whether it is a code of now that was not used yet; it is used then."""
    row = session.get(Totp, user_id, populate_existing=True)
    if row is None or (row.confirmed_at is None) == confirmed:
        return False
    totp = pyotp.TOTP(_base32(box.unwrap("totp", user_id, row.wrapped)))
    today = now // STEP_S
    found = 0
    for step in range(today - DRIFT, today + DRIFT + 1):  # all of them, whichever it is
        if hmac.compare_digest(totp.at(step * STEP_S), code):
            found = step
    mine = update(Totp).where(Totp.user_id == user_id, Totp.last_step < found)  # of two at once, one is first
    return session.scalars(mine.values(last_step=found).returning(Totp.user_id)).one_or_none() is not None


# ---- recovery codes


def new_codes(session: Session, user_id: str) -> list[str]:
    """To show once; those of before are void."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(16)) for _ in range(CODES)]
    session.add_all(RecoveryCode(code_hash=_hash(user_id, code), user_id=user_id) for code in codes)
    return ["-".join(code[i : i + 4] for i in range(0, 16, 4)) for code in codes]


def _take_recovery(session: Session, user_id: str, code: str) -> bool:
    plain = code.replace("-", "").upper()
    mine = delete(RecoveryCode).where(RecoveryCode.code_hash == _hash(user_id, plain))
    return session.scalars(mine.returning(RecoveryCode.user_id)).one_or_none() is not None


def take(session: Session, box: Wrapping, user_id: str, code: str, now: int) -> bool:
    """Whether this is a good second factor: a code of the app or a recovery code. It is spent then."""
    if len(code) == 6 and code.isdigit() and code.isascii():
        return _take_totp(session, box, user_id, code, now)
    return _take_recovery(session, user_id, code)


def forget(session: Session, user_id: str) -> None:
    """All of them: of somebody who leaves, or who lost everything and was recognised."""
    for table in (Totp, RecoveryCode, Passkey):
        session.execute(delete(table).where(table.user_id == user_id))


def settle(session: Session, user_id: str) -> None:
    """After one was removed: recovery codes are worth nothing without a factor to stand in for."""
    if not of_user(session, user_id).any:
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))


def count_try(session: Session, user_id: str, now: int) -> None:
    """Before a code is looked at. Raises Problem too_many."""
    limits.take(session, "code", user_id, now)


def _hash(user_id: str, code: str) -> bytes:
    return hashlib.sha256(
        f"{user_id}\0{code}".encode(errors="replace")
    ).digest()  # 78 random bits: nothing to slow down


def _base32(secret: bytes) -> str:
    return base64.b32encode(secret).decode()
