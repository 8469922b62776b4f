"""RFC 8392 appendix A as far as our algorithms reach, then our own four forms, whole and spoiled.

The RFC's messages carry a kid in the unprotected header and a truncated or ECDSA proof, so parse_* must refuse
them; their bytes are checked through the structures, which every COSE message shares.
"""

from protocol import cbor, ccm, cose
from protocol.mac import hmac_sha256

unhex = bytes.fromhex

# ---- RFC 8392 appendix A

CLAIMS = unhex(  # A.1
    "a70175636f61703a2f2f61732e6578616d706c652e636f6d02656572696b77037818636f61703a2f2f6c69676874"
    "2e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610d9f007420b71"
)
AES_KEY = unhex("231f4c4d4d3051fdc2ec0a3851d5b383")  # A.2.1
HMAC_KEY = unhex("403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388")  # A.2.2
ECDSA_X = unhex("143329cce7868e416927599cf65a34f3ce2ffda55a7eca69ed8919a394d42f0f")  # A.2.3
ECDSA_Y = unhex("60f7f1a780d8a783bfb7a2dd6b2796e8128dbbcef9d3d168db9529971a36e7b9")
SIGNED = unhex(  # A.3
    "d28443a10126a104524173796d6d657472696345434453413235365850a70175636f61703a2f2f61732e6578616d"
    "706c652e636f6d02656572696b77037818636f61703a2f2f6c696768742e6578616d706c652e636f6d041a5612ae"
    "b0051a5610d9f0061a5610d9f007420b7158405427c1ff28d23fbad1f29c4c7c6a555e601d6fa29f9179bc3d7438"
    "bacaca5acd08c8d4d4f96131680c429a01f85951ecee743a52b9b63632c57209120e1c9e30"
)
MACED = unhex(  # A.4
    "d83dd18443a10104a1044c53796d6d65747269633235365850a70175636f61703a2f2f61732e6578616d706c652e"
    "636f6d02656572696b77037818636f61703a2f2f6c696768742e6578616d706c652e636f6d041a5612aeb0051a56"
    "10d9f0061a5610d9f007420b7148093101ef6d789200"
)
ENCRYPTED = unhex(  # A.5
    "d08343a1010aa2044c53796d6d6574726963313238054d99a0d7846e762c49ffe8a63e0b5858b918a11fd81e438b"
    "7f973d9e2e119bcb22424ba0f38a80f27562f400ee1d0d6c0fdb559c02421fd384fc2ebe22d7071378b0ea7428ff"
    "f157444d45f7e6afcda1aae5f6495830c58627087fc5b4974f319a8707a635dd643b"
)
NESTED = unhex(  # A.6
    "d08343a1010aa2044c53796d6d6574726963313238054d4a0694c0e69ee6b5956655c7b258b7f6b0914f993de822"
    "cc47e5e57a188d7960b528a747446fe12f0e7de05650dec74724366763f167a29c002dfd15b34d8993391cf49bc9"
    "1127f545dba8703d66f5b7f1ae91237503d371e6333df9708d78c4fb8a8386c8ff09dc49af768b23179deab78d96"
    "490a66d5724fb33900c60799d9872fac6da3bdb89043d67c2a05414ce331b5b8f1ed8ff7138f45905db2c4d5bc80"
    "45ab372bff142631610a7e0f677b7e9b0bc73adefdcee16d9d5d284c616abeab5d8c291ce0"
)
FLOAT = unhex("d18443a10104a1044c53796d6d65747269633235364ba106fb41d584367c20000048b8816f34c0542892")  # A.7


def decrypt(message):
    protected, unprotected, sealed = message.value
    assert message.number == 16 and cbor.decode(protected) == {1: 10} and unprotected[4] == b"Symmetric128"
    return ccm.open(AES_KEY, unprotected[5], cose.enc_structure(protected), sealed)


def mac_holds(message):
    protected, unprotected, payload, tag = message.value
    assert message.number == 17 and cbor.decode(protected) == {1: 4} and unprotected == {4: b"Symmetric256"}
    return hmac_sha256(HMAC_KEY, cose.mac_structure(protected, payload))[:8] == tag  # HMAC 256/64


def test_rfc8392_a1_claims():
    claims = cbor.decode(CLAIMS)
    assert claims == {
        1: "coap://as.example.com",
        2: "erikw",
        3: "coap://light.example.com",
        4: 1444064944,
        5: 1443944944,
        6: 1443944944,
        7: b"\x0b\x71",
    }
    assert cbor.encode(claims) == CLAIMS


def test_rfc8392_a3_signed():
    message = cbor.decode(SIGNED)
    protected, unprotected, payload, signature = message.value
    assert message.number == 18 and cbor.decode(protected) == {1: -7} and len(signature) == 64
    assert unprotected == {4: b"AsymmetricECDSA256"} and payload == CLAIMS
    # what ES256 signs; test_rfc8392_a3_signature verifies the signature over these very bytes
    assert (
        cose.sig_structure(protected, payload) == b"\x84\x6aSignature1\x43\xa1\x01\x26\x40\x58\x50" + CLAIMS
    )
    assert cbor.encode(message) == SIGNED


def test_rfc8392_a4_maced():
    message = cbor.decode(MACED)
    assert message.number == 61  # the CWT tag
    assert message.value.value[2] == CLAIMS and mac_holds(message.value)
    assert cbor.encode(message) == MACED


def test_rfc8392_a5_encrypted():
    message = cbor.decode(ENCRYPTED)
    assert decrypt(message) == CLAIMS
    assert cbor.encode(message) == ENCRYPTED


def test_rfc8392_a6_nested():
    assert decrypt(cbor.decode(NESTED)) == SIGNED


def test_rfc8392_a7_float_is_authentic_and_still_refused():
    message = cbor.decode(FLOAT)
    assert mac_holds(message)
    assert error_of(cbor.decode, message.value[2]) is cbor.CborError


def test_rfc8392_messages_are_not_of_our_forms():
    assert error_of(cose.parse_sign1, SIGNED, 512) is cose.Malformed
    assert error_of(cose.open_mac0, HMAC_KEY, MACED, 512) is cose.Malformed
    assert error_of(cose.open_mac0, HMAC_KEY, MACED[2:], 512) is cose.Malformed
    assert error_of(cose.open_encrypt0, AES_KEY, ENCRYPTED, 512) is cose.Malformed


# ---- our forms

KEY = bytes(range(32))
NONCE = bytes(range(13))
KID = b"ride-1"
SIGNATURE = bytes(range(64))
EDDSA = b"\xa2\x01\x27\x04\x46ride-1"  # {1: -8, 4: 'ride-1'}


def error_of(function, *args):
    try:
        function(*args)
    except ValueError as error:
        return type(error)
    return None


def wrap(number, *members):
    return cbor.encode(cbor.Tag(number, list(members)))


def test_sign1_bytes():
    signed = []

    def sign(data):
        signed.append(data)
        return SIGNATURE

    data = cose.sign1(sign, KID, b"payload", b"external")
    assert signed == [b"\x84\x6aSignature1\x4b" + EDDSA + b"\x48external\x47payload"]
    assert data == b"\xd2\x84\x4b" + EDDSA + b"\xa0\x47payload\x58\x40" + SIGNATURE
    parsed = cose.parse_sign1(data, len(data), b"external")
    assert (parsed.kid, parsed.payload, parsed.signature) == (KID, b"payload", SIGNATURE)
    assert parsed.to_be_signed == signed[0]
    assert cose.parse_sign1(data, 512).to_be_signed != signed[0]  # other external data


def test_sign1_refuses_to_write_what_it_would_not_read():
    assert error_of(cose.sign1, lambda data: SIGNATURE[1:], KID, b"") is ValueError
    assert error_of(cose.sign1, lambda data: SIGNATURE, b"", b"") is ValueError
    assert error_of(cose.sign1, lambda data: SIGNATURE, bytes(33), b"") is ValueError


def test_sign1_kid_of_1_to_32_bytes():
    for kid in (b"k", bytes(32)):
        assert cose.parse_sign1(cose.sign1(lambda data: SIGNATURE, kid, b""), 512).kid == kid


def test_sign1_one_form_only():
    good = wrap(18, EDDSA, {}, b"p", SIGNATURE)
    assert cose.parse_sign1(good, 512).kid == KID
    long = len(good) - 1
    bad = (
        good[1:],  # untagged
        b"\xd8\x3d" + good,  # the CWT tag too
        good + b"\x00",
        good[:-1],
        wrap(17, EDDSA, {}, b"p", SIGNATURE),
        wrap(98, EDDSA, {}, b"p", SIGNATURE),
        wrap(18, EDDSA, {}, b"p"),
        wrap(18, EDDSA, {}, b"p", SIGNATURE, b""),
        cbor.encode(cbor.Tag(18, {})),
        wrap(18, EDDSA, {4: KID}, b"p", SIGNATURE),
        wrap(18, EDDSA, {-65537: bytes(31)}, b"p", SIGNATURE),
        wrap(18, EDDSA, {-65537: bytes(33)}, b"p", SIGNATURE),
        wrap(18, EDDSA, {-65537: "x" * 32}, b"p", SIGNATURE),
        wrap(18, EDDSA, {-65537: None}, b"p", SIGNATURE),
        wrap(18, EDDSA, {-65538: bytes(32)}, b"p", SIGNATURE),
        wrap(18, EDDSA, {4: KID, -65537: bytes(32)}, b"p", SIGNATURE),
        wrap(18, EDDSA, [], b"p", SIGNATURE),
        wrap(18, EDDSA, b"", b"p", SIGNATURE),
        wrap(18, EDDSA, {}, None, SIGNATURE),  # detached
        wrap(18, EDDSA, {}, "p", SIGNATURE),
        wrap(18, EDDSA, {}, b"p", SIGNATURE[1:]),
        wrap(18, EDDSA, {}, b"p", SIGNATURE + b"\x00"),
        wrap(18, EDDSA, {}, b"p", None),
        wrap(18, {1: -8, 4: KID}, {}, b"p", SIGNATURE),  # a map, not its bytes
        wrap(18, b"", {}, b"p", SIGNATURE),
        wrap(18, EDDSA + b"\x00", {}, b"p", SIGNATURE),
        wrap(18, b"\xa2\x04\x46ride-1\x01\x27", {}, b"p", SIGNATURE),  # unsorted
        wrap(18, cbor.encode({1: -8}), {}, b"p", SIGNATURE),
        wrap(18, cbor.encode({4: KID}), {}, b"p", SIGNATURE),
        wrap(18, cbor.encode({1: -7, 4: KID}), {}, b"p", SIGNATURE),
        wrap(18, cbor.encode({1: "EdDSA", 4: KID}), {}, b"p", SIGNATURE),
        wrap(18, cbor.encode({1: -8, 4: "ride-1"}), {}, b"p", SIGNATURE),
        wrap(18, cbor.encode({1: -8, 4: b""}), {}, b"p", SIGNATURE),
        wrap(18, cbor.encode({1: -8, 4: bytes(33)}), {}, b"p", SIGNATURE),
        wrap(18, cbor.encode({1: -8, 3: 0, 4: KID}), {}, b"p", SIGNATURE),
        wrap(18, cbor.encode({1: -8, 2: [4], 4: KID}), {}, b"p", SIGNATURE),  # crit
        wrap(18, cbor.encode([1, -8]), {}, b"p", SIGNATURE),
        "d2",
        b"",
    )
    for i, data in enumerate(bad):
        assert error_of(cose.parse_sign1, data, 512) is cose.Malformed, i
    assert error_of(cose.parse_sign1, good, long) is cose.Malformed


def test_sign1_may_hint_at_x():
    data = cose.sign1(lambda data: SIGNATURE, KID, b"p", hint=lambda signature: signature[:32])
    assert data == wrap(18, EDDSA, {-65537: SIGNATURE[:32]}, b"p", SIGNATURE)
    hinted, plain = cose.parse_sign1(data, 512), cose.parse_sign1(wrap(18, EDDSA, {}, b"p", SIGNATURE), 512)
    assert hinted.hint == SIGNATURE[:32] and plain.hint is None
    assert hinted.to_be_signed == plain.to_be_signed  # it is not signed


def test_sign_bytes():
    signed = []

    def by(data):
        signed.append(data)
        return SIGNATURE

    other = b"\xa2\x01\x27\x04\x46ride-2"
    data = cose.sign(b"payload", [(b"ride-2", by), (KID, by)], b"external")
    assert signed == [  # RFC 9052 §4.4: body's protected header, then the signer's
        b"\x85\x69Signature\x40\x4b" + header + b"\x48external\x47payload" for header in (EDDSA, other)
    ]
    entries = [b"\x83\x4b" + header + b"\xa0\x58\x40" + SIGNATURE for header in (EDDSA, other)]
    assert data == b"\xd8\x62\x84\x40\xa0\x47payload\x82" + b"".join(entries)
    payload, found = cose.parse_sign(data, len(data), b"external")
    assert payload == b"payload"
    assert found == [(KID, signed[0], SIGNATURE), (b"ride-2", signed[1], SIGNATURE)]
    assert cose.parse_sign(data, 512)[1][0][1] != signed[0]  # other external data


def test_a_sign1_is_never_a_sign():
    one, several = cose.sig_structure(EDDSA, b"p"), cose.signer_structure(EDDSA, b"p")
    assert (
        one != several
        and error_of(cose.parse_sign, wrap(18, EDDSA, {}, b"p", SIGNATURE), 512) is cose.Malformed
    )


def test_sign_refuses_to_write_what_it_would_not_read():
    def by(data):
        return SIGNATURE

    assert error_of(cose.sign, b"", []) is ValueError
    assert error_of(cose.sign, b"", [(b"", by)]) is ValueError
    assert error_of(cose.sign, b"", [(bytes(33), by)]) is ValueError
    assert error_of(cose.sign, b"", [(KID, by), (KID, by)]) is ValueError
    assert error_of(cose.sign, b"", [(KID, lambda data: SIGNATURE[1:])]) is ValueError


def test_sign_one_form_only():
    one = [EDDSA, {}, SIGNATURE]
    two = [b"\xa2\x01\x27\x04\x46ride-2", {}, SIGNATURE]
    good = wrap(98, b"", {}, b"p", [one, two])
    assert [kid for kid, _, _ in cose.parse_sign(good, 512)[1]] == [KID, b"ride-2"]
    bad = (
        good[2:],  # untagged
        good + b"\x00",
        good[:-1],
        wrap(18, b"", {}, b"p", [one, two]),
        wrap(98, b"", {}, b"p"),
        wrap(98, b"", {}, b"p", [one], b""),
        wrap(98, b"\xa0", {}, b"p", [one]),
        wrap(98, EDDSA, {}, b"p", [one]),
        wrap(98, {}, {}, b"p", [one]),
        wrap(98, b"", {4: KID}, b"p", [one]),
        wrap(98, b"", b"", b"p", [one]),
        wrap(98, b"", {}, None, [one]),  # detached
        wrap(98, b"", {}, "p", [one]),
        wrap(98, b"", {}, b"p", []),
        wrap(98, b"", {}, b"p", SIGNATURE),
        wrap(98, b"", {}, b"p", {}),
        wrap(98, b"", {}, b"p", [two, one]),
        wrap(98, b"", {}, b"p", [one, one]),
        wrap(98, b"", {}, b"p", [one, [EDDSA, {}, bytes(64)]]),  # one key, two signatures
        wrap(98, b"", {}, b"p", [[EDDSA, {}]]),
        wrap(98, b"", {}, b"p", [[EDDSA, {}, SIGNATURE, b""]]),
        wrap(98, b"", {}, b"p", [b"x"]),
        wrap(98, b"", {}, b"p", [[EDDSA, {-65537: bytes(32)}, SIGNATURE]]),
        wrap(98, b"", {}, b"p", [[EDDSA, b"", SIGNATURE]]),
        wrap(98, b"", {}, b"p", [[EDDSA, {}, SIGNATURE[1:]]]),
        wrap(98, b"", {}, b"p", [[EDDSA, {}, "x" * 64]]),
        wrap(98, b"", {}, b"p", [[{1: -8, 4: KID}, {}, SIGNATURE]]),
        wrap(98, b"", {}, b"p", [[b"", {}, SIGNATURE]]),
        wrap(98, b"", {}, b"p", [[cbor.encode({1: -7, 4: KID}), {}, SIGNATURE]]),
        wrap(98, b"", {}, b"p", [[cbor.encode({1: -8, 4: b""}), {}, SIGNATURE]]),
        wrap(98, b"", {}, b"p", [[cbor.encode({1: -8, 2: [4], 4: KID}), {}, SIGNATURE]]),
        b"",
    )
    for i, data in enumerate(bad):
        assert error_of(cose.parse_sign, data, 512) is cose.Malformed, i
    assert error_of(cose.parse_sign, good, len(good) - 1) is cose.Malformed


def test_mac0_opens_what_it_made():
    data = cose.mac0(KEY, b"payload", b"external")
    structure = b"\x84\x64MAC0\x43\xa1\x01\x05\x48external\x47payload"
    tag = hmac_sha256(KEY, structure)
    assert data == b"\xd1\x84\x43\xa1\x01\x05\xa0\x47payload\x58\x20" + tag
    assert cose.open_mac0(KEY, data, len(data), b"external") == b"payload"
    assert cose.parse_mac0(data, 512, b"external") == (b"payload", tag, structure)
    assert error_of(cose.open_mac0, KEY, data, len(data) - 1, b"external") is cose.Malformed
    assert error_of(cose.open_mac0, KEY, data, 512) is cose.Forged
    assert error_of(cose.open_mac0, bytes(32), data, 512, b"external") is cose.Forged


def test_mac0_every_bit():
    data = cose.mac0(KEY, b"payload")
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        assert error_of(cose.open_mac0, KEY, bytes(changed), 512) in (cose.Forged, cose.Malformed), bit


def test_mac0_one_form_only():
    tag = bytes(32)
    for i, data in enumerate(
        (
            wrap(18, b"\xa1\x01\x05", {}, b"p", tag),
            wrap(17, b"\xa1\x01\x04", {}, b"p", tag),
            wrap(17, b"\xa1\x01\x06", {}, b"p", tag),
            wrap(17, b"\xa2\x01\x05\x04\x41k", {}, b"p", tag),
            wrap(17, b"\xa1\x01\x05", {4: b"k"}, b"p", tag),
            wrap(17, b"\xa1\x01\x05", {}, b"p", tag[:8]),
            wrap(17, b"\xa1\x01\x05", {}, b"p", tag[:31]),
            wrap(17, b"\xa1\x01\x05", {}, b"p", b""),
            wrap(17, b"\xa1\x01\x05", {}, None, tag),
            wrap(17, {1: 5}, {}, b"p", tag),
            wrap(17, b"\xa1\x01\x05", {}, b"p", tag, []),
        )
    ):
        assert error_of(cose.parse_mac0, data, 512) is cose.Malformed, i


def test_encrypt0_opens_what_it_made():
    key = KEY[:16]
    data = cose.encrypt0(key, NONCE, b"plaintext", b"external")
    structure = b"\x83\x68Encrypt0\x43\xa1\x01\x0a\x48external"
    assert cose.enc_structure(b"\xa1\x01\x0a", b"external") == structure
    assert data == b"\xd0\x83\x43\xa1\x01\x0a\xa1\x05\x4d" + NONCE + b"\x51" + ccm.seal(
        key, NONCE, structure, b"plaintext"
    )
    assert cose.open_encrypt0(key, data, len(data), b"external") == b"plaintext"
    assert error_of(cose.open_encrypt0, key, data, len(data) - 1, b"external") is cose.Malformed
    assert error_of(cose.open_encrypt0, key, data, 512) is cose.Forged
    assert error_of(cose.open_encrypt0, KEY[16:], data, 512, b"external") is cose.Forged
    assert cose.open_encrypt0(key, cose.encrypt0(key, NONCE, b""), 512) == b""


def test_encrypt0_every_bit():
    key = KEY[:16]
    data = cose.encrypt0(key, NONCE, b"plaintext")
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        assert error_of(cose.open_encrypt0, key, bytes(changed), 512) in (cose.Forged, cose.Malformed), bit


def test_encrypt0_one_form_only():
    head, sealed = b"\xa1\x01\x0a", bytes(20)
    for i, data in enumerate(
        (
            wrap(17, head, {5: NONCE}, sealed),
            wrap(16, b"\xa1\x01\x01", {5: NONCE}, sealed),
            wrap(16, b"\xa1\x01\x0b", {5: NONCE}, sealed),
            wrap(16, b"\xa2\x01\x0a\x05\x4d" + NONCE, {}, sealed),
            wrap(16, head, {}, sealed),
            wrap(16, head, {6: NONCE}, sealed),
            wrap(16, head, {4: b"k", 5: NONCE}, sealed),
            wrap(16, head, {5: NONCE[1:]}, sealed),
            wrap(16, head, {5: NONCE + b"\x00"}, sealed),
            wrap(16, head, {5: None}, sealed),
            wrap(16, head, [], sealed),
            wrap(16, head, {5: NONCE}, sealed[:7]),
            wrap(16, head, {5: NONCE}, None),
            wrap(16, head, {5: NONCE}, sealed, []),
        )
    ):
        assert error_of(cose.open_encrypt0, KEY[:16], data, 512) is cose.Malformed, i


try:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
except ImportError:  # MicroPython
    pass
else:

    def test_rfc8392_a3_signature():
        protected, _, payload, signature = cbor.decode(SIGNED).value
        x, y, r, s = (int.from_bytes(b, "big") for b in (ECDSA_X, ECDSA_Y, signature[:32], signature[32:]))
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        structure = cose.sig_structure(protected, payload)
        key.verify(encode_dss_signature(r, s), structure, ec.ECDSA(hashes.SHA256()))
