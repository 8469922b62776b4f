"""COSE (RFC 9052) in four forms, each with one algorithm, always tagged, and no header beyond its own:

| form          | tag | protected header  | unprotected header  | algorithm (RFC 9053)                        |
|---------------|-----|-------------------|---------------------|---------------------------------------------|
| COSE_Sign1    | 18  | {1: -8, 4: kid}   | {} or {-65537: x}   | EdDSA with Ed25519, 64-byte signature       |
| COSE_Sign     | 98  | {}, as h''         | {}                  | the same by each signer, under its kid      |
| COSE_Mac0     | 17  | {1: 5}            | {}                  | HMAC 256/256, 32-byte tag                   |
| COSE_Encrypt0 | 16  | {1: 10}           | {5: nonce}          | AES-CCM-16-64-128, 13-byte nonce            |

x is a hint, 32 bytes: the x of the signature's R, which saves who verifies a square root (ed25519.py). It is not
signed; one that is not exactly right makes the signature bad.

Who reads knows from the place which form and which key to expect; nothing in the bytes chooses an algorithm.
Signing is handed in as a function and verifying is the caller's (ed25519.py), because only the caller knows
which key a kid names and which role it has.
"""

from protocol import cbor, ccm
from protocol.compat import const
from protocol.mac import ct_eq, hmac_sha256

_SIGN1 = const(18)  # tags, RFC 9052 §2
_MAC0 = const(17)
_ENCRYPT0 = const(16)
_SIGN = const(98)

_ALG = const(1)  # header labels, RFC 9052 §3.1
_KID = const(4)
_IV = const(5)
_HINT = const(-65537)  # private use

_EDDSA = const(-8)  # algorithms, RFC 9053 §2.2, §3.1, §4.2
_SIGNATURE = const(64)  # bytes
_MAC_TAG = const(32)
_MAC0_PROTECTED = cbor.encode({_ALG: 5})
_ENCRYPT0_PROTECTED = cbor.encode({_ALG: 10})

KID_MAX = const(32)  # bytes


class CoseError(ValueError):  # ├─ Malformed  └─ Forged
    """Not a message of ours."""


class Malformed(CoseError):
    """Not one of the four forms above."""


class Forged(CoseError):
    """The form is right, the tag is not: another key, other bytes, or other external data."""


class Sign1:
    """A COSE_Sign1 taken apart and not yet verified."""

    __slots__ = ("kid", "payload", "signature", "to_be_signed", "hint")

    def __init__(self, kid: bytes, payload: bytes, signature: bytes, to_be_signed: bytes, hint=None):
        self.kid = kid
        self.payload = payload
        self.signature = signature
        self.to_be_signed = to_be_signed
        self.hint = hint


# ---- the bytes that are signed, maced, authenticated


def sig_structure(protected: bytes, payload: bytes, external_aad: bytes = b"") -> bytes:
    """RFC 9052 §4.4."""
    return cbor.encode(["Signature1", protected, external_aad, payload])


def signer_structure(protected: bytes, payload: bytes, external_aad: bytes = b"") -> bytes:
    """RFC 9052 §4.4, of one signer of a COSE_Sign whose body's protected header is empty."""
    return cbor.encode(["Signature", b"", protected, external_aad, payload])


def mac_structure(protected: bytes, payload: bytes, external_aad: bytes = b"") -> bytes:
    """RFC 9052 §6.3."""
    return cbor.encode(["MAC0", protected, external_aad, payload])


def enc_structure(protected: bytes, external_aad: bytes = b"") -> bytes:
    """RFC 9052 §5.3."""
    return cbor.encode(["Encrypt0", protected, external_aad])


# ---- COSE_Sign1, RFC 9052 §4.2


def sign1(sign, kid: bytes, payload: bytes, external_aad: bytes = b"", hint=None) -> bytes:
    """Signed with sign(bytes) -> 64 bytes, by the key that kid names. hint(signature) gives the x of its R."""
    if not 0 < len(kid) <= KID_MAX:
        raise ValueError("kid is 1 to 32 bytes")
    protected = cbor.encode({_ALG: _EDDSA, _KID: kid})
    signature = sign(sig_structure(protected, payload, external_aad))
    if len(signature) != _SIGNATURE:
        raise ValueError("an Ed25519 signature is 64 bytes")
    header = {_HINT: hint(signature)} if hint else {}
    return cbor.encode(cbor.Tag(_SIGN1, [protected, header, payload, signature]))


def parse_sign1(data: bytes, limit: int, external_aad: bytes = b"") -> Sign1:
    """Taken apart, the signature NOT verified. Malformed if longer than limit or not the form above."""
    protected, unprotected, payload, signature = _proven(data, limit, _SIGN1, _SIGNATURE)
    hint = unprotected.get(_HINT)
    if len(unprotected) > 1 or (unprotected and (not isinstance(hint, bytes) or len(hint) != 32)):
        raise Malformed("unprotected header")
    kid = _kid(protected, limit)
    return Sign1(kid, payload, signature, sig_structure(protected, payload, external_aad), hint)


# ---- COSE_Sign, RFC 9052 §4.1


def sign(payload: bytes, signers, external_aad: bytes = b"") -> bytes:
    """Signed by several: `signers` gives (kid, sign(bytes) -> 64 bytes), no kid twice; their order is no matter."""
    signatures: list = []
    for kid, by in sorted(signers, key=lambda signer: signer[0]):
        if not 0 < len(kid) <= KID_MAX:
            raise ValueError("kid is 1 to 32 bytes")
        protected = cbor.encode({_ALG: _EDDSA, _KID: kid})
        if signatures and signatures[-1][0] == protected:
            raise ValueError("a kid twice")
        signature = by(signer_structure(protected, payload, external_aad))
        if len(signature) != _SIGNATURE:
            raise ValueError("an Ed25519 signature is 64 bytes")
        signatures.append([protected, {}, signature])
    if not signatures:
        raise ValueError("nobody signs")
    return cbor.encode(cbor.Tag(_SIGN, [b"", {}, payload, signatures]))


def parse_sign(data: bytes, limit: int, external_aad: bytes = b"") -> tuple:
    """(payload, [(kid, to be signed, signature)] sorted by kid, none twice), NO signature verified, at least one there.
    Malformed if longer than limit or not the form above."""
    protected, unprotected, payload, entries = _parts(data, limit, _SIGN, 4)
    # RFC 9052 §3: an empty protected map is a string of no bytes
    if not isinstance(protected, bytes) or protected or unprotected != {}:
        raise Malformed("headers")
    if not isinstance(payload, bytes) or not isinstance(entries, list) or not entries:
        raise Malformed("payload or signatures")
    signatures: list = []
    for entry in entries:
        if (
            not isinstance(entry, list)
            or len(entry) != 3
            or not isinstance(entry[0], bytes)
            or entry[1] != {}
        ):
            raise Malformed("signature's headers")
        if not isinstance(entry[2], bytes) or len(entry[2]) != _SIGNATURE:
            raise Malformed("signature")
        kid = _kid(entry[0], limit)
        if signatures and kid <= signatures[-1][0]:
            raise Malformed("signatures unsorted or twice")
        signatures.append((kid, signer_structure(entry[0], payload, external_aad), entry[2]))
    return payload, signatures


# ---- COSE_Mac0, RFC 9052 §6.2


def mac0(key: bytes, payload: bytes, external_aad: bytes = b"") -> bytes:
    """Authenticated with a 32-byte key."""
    tag = hmac_sha256(key, mac_structure(_MAC0_PROTECTED, payload, external_aad))
    return cbor.encode(cbor.Tag(_MAC0, [_MAC0_PROTECTED, {}, payload, tag]))


def parse_mac0(data: bytes, limit: int, external_aad: bytes = b"") -> tuple:
    """(payload, tag, to be maced), the tag NOT verified. Malformed if longer than limit or not the form above."""
    protected, unprotected, payload, tag = _proven(data, limit, _MAC0, _MAC_TAG)
    if unprotected:
        raise Malformed("unprotected header")
    if protected != _MAC0_PROTECTED:
        raise Malformed("protected header")
    return payload, tag, mac_structure(protected, payload, external_aad)


def open_mac0(key: bytes, data: bytes, limit: int, external_aad: bytes = b"") -> bytes:
    """The payload, if its tag is key's. Malformed or Forged."""
    payload, tag, to_be_maced = parse_mac0(data, limit, external_aad)
    if not ct_eq(hmac_sha256(key, to_be_maced), tag):
        raise Forged("tag")
    return payload


# ---- COSE_Encrypt0, RFC 9052 §5.2


def encrypt0(key: bytes, nonce: bytes, plaintext: bytes, external_aad: bytes = b"") -> bytes:
    """Sealed with a 16-byte key; the 13-byte nonce must never have been used with it before."""
    sealed = ccm.seal(key, nonce, enc_structure(_ENCRYPT0_PROTECTED, external_aad), plaintext)
    return cbor.encode(cbor.Tag(_ENCRYPT0, [_ENCRYPT0_PROTECTED, {_IV: nonce}, sealed]))


def open_encrypt0(key: bytes, data: bytes, limit: int, external_aad: bytes = b"") -> bytes:
    """The plaintext, if it was sealed with key. Malformed or Forged."""
    protected, unprotected, sealed = _parts(data, limit, _ENCRYPT0, 3)
    if protected != _ENCRYPT0_PROTECTED or not isinstance(unprotected, dict) or len(unprotected) != 1:
        raise Malformed("headers")
    nonce = unprotected.get(_IV)
    if not isinstance(nonce, bytes) or len(nonce) != ccm.NONCE:
        raise Malformed("nonce")
    if not isinstance(sealed, bytes) or len(sealed) < ccm.TAG:
        raise Malformed("ciphertext")
    try:
        return ccm.open(key, nonce, enc_structure(protected, external_aad), sealed)
    except ccm.BadTag:
        raise Forged("tag")


# ---- what the forms share


def _decode(data, limit):
    try:
        return cbor.decode(data, limit)
    except cbor.CborError as error:
        raise Malformed(str(error))


def _kid(protected, limit):
    """The kid of a protected header {1: -8, 4: kid}."""
    header = _decode(protected, limit)
    if not isinstance(header, dict) or len(header) != 2 or header.get(_ALG) != _EDDSA:
        raise Malformed("protected header")
    kid = header.get(_KID)
    if not isinstance(kid, bytes) or not 0 < len(kid) <= KID_MAX:
        raise Malformed("kid")
    return kid


def _parts(data, limit, tag, count):
    """The members of the tagged array."""
    message = _decode(data, limit)
    if not isinstance(message, cbor.Tag) or message.number != tag:
        raise Malformed("tag")
    if not isinstance(message.value, list) or len(message.value) != count:
        raise Malformed("array")
    return message.value


def _proven(data, limit, tag, proof_size):
    """(protected, unprotected, payload, signature or tag) of a Sign1 or Mac0; unprotected is a dict."""
    protected, header, payload, proof = _parts(data, limit, tag, 4)
    if not isinstance(header, dict):
        raise Malformed("unprotected header")
    if not isinstance(protected, bytes) or not isinstance(payload, bytes):
        raise Malformed("protected header or payload")
    if not isinstance(proof, bytes) or len(proof) != proof_size:
        raise Malformed("signature or tag")
    return protected, header, payload, proof
