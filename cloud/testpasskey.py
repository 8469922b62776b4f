"""For tests: an authenticator in software, after WebAuthn Level 3: keys, a counter, a finger that may be missing."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from cloud.body import b64

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40  # §6.1, flags
ES256 = -7


@dataclass
class Authenticator:
    """`create` and `get` do what navigator.credentials would, on the page at `origin`; -> fields for our API."""

    origin: str = "http://localhost:8000"
    verifies: bool = True  # it knows its owner: a finger, a PIN
    counter: int = 0
    keys: dict[bytes, tuple[ec.EllipticCurvePrivateKey, str]] = field(
        default_factory=dict
    )  # id: (key, rp id)

    def create(self, options: dict[str, Any], **lie: Any) -> dict[str, str]:
        """`lie`: what the client data or we say instead (challenge, origin, type, rp)."""
        assert options["authenticatorSelection"]["userVerification"] == "required"
        assert {"alg": ES256, "type": "public-key"} in options["pubKeyCredParams"]
        name = options["rp"]["id"]
        private, credential_id = ec.generate_private_key(ec.SECP256R1()), os.urandom(32)
        self.keys[credential_id] = private, name
        numbers = private.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        cose = cbor2.dumps({1: 2, 3: ES256, -1: 1, -2: x, -3: y})  # RFC 9053 §7.1.1
        attested = bytes(16) + len(credential_id).to_bytes(2, "big") + credential_id + cose  # §6.5.1
        data = self._data(lie.get("rp", name), ATTESTED) + attested
        client = self._client("webauthn.create", options["challenge"], lie)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})  # §6.5.4, §8.7
        return {"client_data": b64(client), "attestation": b64(attestation)}

    def get(self, options: dict[str, Any], **lie: Any) -> dict[str, str]:
        """Signs with the key that is asked for, or with its newest for that site (a discoverable credential)."""
        assert options["userVerification"] == "required"
        asked = [entry["id"] for entry in options.get("allowCredentials") or ()]
        mine = [key for key, (_, name) in self.keys.items() if name == options["rpId"]]
        credential_id = next((key for key in reversed(mine) if not asked or b64(key) in asked), mine[-1])
        private, name = self.keys[credential_id]
        self.counter += 1
        data = self._data(lie.get("rp", name), 0)
        client = self._client("webauthn.get", options["challenge"], lie)
        signature = private.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))  # §6.3.3
        return {
            "credential_id": b64(credential_id),
            "client_data": b64(client),
            "authenticator_data": b64(data),
            "signature": b64(signature),
        }

    def _data(self, name: str, flags: int) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return (
            hashlib.sha256(name.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")
        )  # §6.1

    def _client(self, kind: str, challenge: str, lie: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}  # §5.8.1
        return json.dumps(said | {name: lie[name] for name in said if name in lie}).encode()
