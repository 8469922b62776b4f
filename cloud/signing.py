"""How a webhook proves that it is ours: the Standard Webhooks scheme, HMAC-SHA256 over id, time and body. Pure.

Any library for it on the receiver's side checks ours; while a secret is being changed, both sign.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
LENGTH = 32  # bytes of a secret; the scheme wants 24 to 64


def spelled(secret: bytes) -> str:
    """A secret as it is shown, once."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(secrets: Sequence[bytes], message_id: str, at: int, body: bytes) -> dict[str, str]:
    signed = f"{message_id}.{at}.".encode() + body
    marks = [base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{mark}" for mark in marks),
    }
