"""Passkeys: WebAuthn credentials (W3C WebAuthn Level 3) by py_webauthn, with the challenges and keys kept here.

A passkey is two factors in one: having the device, and being recognised by it. So user verification is required, and a
sign-in by passkey needs no password.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import webauthn
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from webauthn.helpers import options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from cloud.body import b64
from cloud.problem import Problem
from cloud.tables import User
from cloud.tables_people import Ceremony, Passkey

CHALLENGE_S = 300
MOST = 20  # passkeys of one person
NAME = "Ringslot"


def host(url: str) -> str:
    """The relying party's id (WebAuthn §4): the name in people's address bar. An IP address is none for a browser."""
    return urlsplit(url).hostname or ""


def register_options(session: Session, url: str, user: User, now: int) -> dict[str, Any]:
    """For navigator.credentials.create(). Raises Problem passkey_limit."""
    known = of_user(session, user.user_id)
    if len(known) >= MOST:
        raise Problem("passkey_limit", most=MOST)
    options = webauthn.generate_registration_options(
        rp_id=host(url),
        rp_name=NAME,
        user_id=user.user_id.encode(),
        user_name=user.email or user.login,
        challenge=_challenge(session, "register", user.user_id, now),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=row.credential_id) for row in known],
    )
    return options_to_json_dict(options)


def register(
    session: Session, url: str, user: User, name: str, client_data: bytes, attestation: bytes, now: int
) -> Passkey:
    """Raises Problem passkey_refused."""
    challenge = _answered(session, "register", client_data, user.user_id, now)
    try:
        found = webauthn.verify_registration_response(
            credential=_credential(b"-", clientDataJSON=client_data, attestationObject=attestation),
            expected_challenge=challenge,
            expected_rp_id=host(url),
            expected_origin=url,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise Problem("passkey_refused") from error
    if session.get(Passkey, found.credential_id) is not None:
        raise Problem("passkey_refused")
    row = Passkey(
        credential_id=found.credential_id,
        passkey_id=secrets.token_urlsafe(16),
        user_id=user.user_id,
        public_key=found.credential_public_key,
        sign_count=found.sign_count,
        name=name,
        created_at=now,
        used_on=now - now % 86400,
    )
    session.add(row)
    return row


def assert_options(session: Session, url: str, now: int, user_id: str | None = None) -> dict[str, Any]:
    """For navigator.credentials.get(). `user_id`: who shall prove to be there; None: whoever wants to sign in."""
    known = of_user(session, user_id) if user_id else ()
    options = webauthn.generate_authentication_options(
        rp_id=host(url),
        challenge=_challenge(session, "assert", user_id, now),
        allow_credentials=[PublicKeyCredentialDescriptor(id=row.credential_id) for row in known],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def check(
    session: Session,
    url: str,
    answer: Mapping[str, bytes],
    now: int,
    user_id: str | None = None,
) -> str:
    """-> whose passkey signed our challenge. `answer`: credential_id, client_data, authenticator_data and signature of
    the browser; `user_id`: it must be theirs.
    Raises Problem passkey_refused; also where the counter says that a copy of the key exists (WebAuthn §6.1.1)."""
    challenge = _answered(session, "assert", answer["client_data"], user_id, now)
    row = session.get(Passkey, answer["credential_id"], with_for_update=True)
    if row is None or (user_id is not None and row.user_id != user_id):
        raise Problem("passkey_refused")
    try:
        found = webauthn.verify_authentication_response(
            credential=_credential(
                answer["credential_id"],
                clientDataJSON=answer["client_data"],
                authenticatorData=answer["authenticator_data"],
                signature=answer["signature"],
            ),
            expected_challenge=challenge,
            expected_rp_id=host(url),
            expected_origin=url,
            credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        raise Problem("passkey_refused") from error
    row.sign_count, row.used_on = found.new_sign_count, now - now % 86400
    return row.user_id


def of_user(session: Session, user_id: str) -> Sequence[Passkey]:
    mine = select(Passkey).where(Passkey.user_id == user_id)
    return session.scalars(mine.order_by(Passkey.created_at, Passkey.passkey_id)).all()


def rename(session: Session, user_id: str, passkey_id: str, name: str) -> None:
    """Raises Problem not_found."""
    mine = update(Passkey).where(Passkey.user_id == user_id, Passkey.passkey_id == passkey_id)
    if session.scalars(mine.values(name=name).returning(Passkey.passkey_id)).one_or_none() is None:
        raise Problem("not_found")


def drop(session: Session, user_id: str, passkey_id: str) -> None:
    """Raises Problem not_found."""
    mine = delete(Passkey).where(Passkey.user_id == user_id, Passkey.passkey_id == passkey_id)
    if session.scalars(mine.returning(Passkey.passkey_id)).one_or_none() is None:
        raise Problem("not_found")


def _challenge(session: Session, kind: str, user_id: str | None, now: int) -> bytes:
    made = secrets.token_bytes(32)
    session.execute(delete(Ceremony).where(Ceremony.expires_at <= now))
    session.add(
        Ceremony(
            challenge_hash=hashlib.sha256(made).digest(),
            kind=kind,
            user_id=user_id,
            expires_at=now + CHALLENGE_S,
        )
    )
    return made


def _answered(session: Session, kind: str, client_data: bytes, user_id: str | None, now: int) -> bytes:
    """The challenge of ours that this answers; spent, if the transaction holds. Raises Problem passkey_refused."""
    try:
        said = json.loads(client_data)["challenge"]
        challenge = webauthn.base64url_to_bytes(said)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Problem("passkey_refused") from None
    mine = (
        Ceremony.challenge_hash == hashlib.sha256(challenge).digest(),
        Ceremony.kind == kind,
        Ceremony.user_id.is_not_distinct_from(user_id),
        Ceremony.expires_at > now,
    )
    if session.scalars(delete(Ceremony).where(*mine).returning(Ceremony.kind)).one_or_none() is None:
        raise Problem("passkey_refused")
    return challenge


def _credential(credential_id: bytes, **response: bytes) -> dict[str, Any]:
    """As PublicKeyCredential.toJSON() writes it (WebAuthn §5.1.8)."""
    name = b64(credential_id)
    said = {field: b64(value) for field, value in response.items()}
    return {"id": name, "rawId": name, "type": "public-key", "response": said, "clientExtensionResults": {}}
