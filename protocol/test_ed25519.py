"""RFC 8032 examples, then every rule of the table in ed25519.py broken alone.

What is expected of strange points comes from `Affine`: the curve's addition law written out once more, slowly,
with nothing of ed25519.py in it.
"""

from protocol.compat import sha512
from protocol.ed25519 import check_public_key, verify

# RFC 8032 §7.1: key, message, signature (tests 1, 2, 3, 1024 and SHA(abc))
EXAMPLES = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
        "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98fa6e264bf09efe12ee50f8f54e9f77b1"
        "e355f6c50544e23fb1433ddf73be84d879de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b270b20329d"
        "658675fc6ea534e0810a4432826bf58c941efb65d57a338bbd2e26640f89ffbc1a858efcb8550ee3a5e1998bd177e93a"
        "7363c344fe6b199ee5d02e82d522c4feba15452f80288a821a579116ec6dad2b3b310da903401aa62100ab5d1a36553e"
        "06203b33890cc9b832f79ef80560ccb9a39ce767967ed628c6ad573cb116dbefefd75499da96bd68a8a97b928a8bbc10"
        "3b6621fcde2beca1231d206be6cd9ec7aff6f6c94fcd7204ed3455c68c83f4a41da4af2b74ef5c53f1d8ac70bdcb7ed1"
        "85ce81bd84359d44254d95629e9855a94a7c1958d1f8ada5d0532ed8a5aa3fb2d17ba70eb6248e594e1a2297acbbb39d"
        "502f1a8c6eb6f1ce22b3de1a1f40cc24554119a831a9aad6079cad88425de6bde1a9187ebb6092cf67bf2b13fd65f270"
        "88d78b7e883c8759d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63bcbcc2732e69485bbc9c90bfbd62481d9089b"
        "eccf80cfe2df16a2cf65bd92dd597b0707e0917af48bbb75fed413d238f5555a7a569d80c3414a8d0859dc65a46128ba"
        "b27af87a71314f318c782b23ebfe808b82b0ce26401d2e22f04d83d1255dc51addd3b75a2b1ae0784504df543af8969b"
        "e3ea7082ff7fc9888c144da2af58429ec96031dbcad3dad9af0dcbaaaf268cb8fcffead94f3c7ca495e056a9b47acdb7"
        "51fb73e666c6c655ade8297297d07ad1ba5e43f1bca32301651339e22904cc8c42f58c30c04aafdb038dda0847dd988d"
        "cda6f3bfd15c4b4c4525004aa06eeff8ca61783aacec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34df"
        "f7310fdc82aebfd904b01e1dc54b2927094b2db68d6f903b68401adebf5a7e08d78ff4ef5d63653a65040cf9bfd4aca7"
        "984a74d37145986780fc0b16ac451649de6188a7dbdf191f64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e4"
        "88acba6b965610b5480109c8b17b80e1b7b750dfc7598d5d5011fd2dcc5600a32ef5b52a1ecc820e308aa342721aac09"
        "43bf6686b64b2579376504ccc493d97e6aed3fb0f9cd71a43dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5f"
        "b93246f6b1116398a346f1a641f3b041e989f7914f90cc2c7fff357876e506b50d334ba77c225bc307ba537152f3f161"
        "0e4eafe595f6d9d90d11faa933a15ef1369546868a7f3a45a96768d40fd9d03412c091c6315cf4fde7cb68606937380d"
        "b2eaaa707b4c4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86aba41c0618983f8741c5ef68d3a101e8a3b8ca"
        "c60c905c15fc910840b94c00a0b9d0",
        "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b"
        "5e8fcd4f681e30a6ac00a9704a188a03",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
        "454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
        "3dca179c138ac17ad9bef1177331a704",
    ),
)

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SIGN = 1 << 255


class Affine:
    """Points (x, y) of -x^2 + y^2 = 1 + d x^2 y^2, RFC 8032 §5.1."""

    BASE = (
        0x216936D3CD6E53FEC0A4E231FDD6DC5C692CC7609525A7B2C9562D608F25D51A,
        0x6666666666666666666666666666666666666666666666666666666666666658,
    )
    ORDER_8 = (
        0x1FD5B9A006394A28E933993238DE4ABB5C193C7013E5E238DEA14646C545D14A,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    )
    NEUTRAL = (0, 1)

    @staticmethod
    def on_curve(q):
        x, y = q
        return (y * y - x * x - 1 - D * x * x * y * y) % P == 0

    @staticmethod
    def add(q, r):
        t = D * q[0] * r[0] * q[1] * r[1] % P
        x = (q[0] * r[1] + r[0] * q[1]) * pow(1 + t, P - 2, P) % P
        y = (q[1] * r[1] + q[0] * r[0]) * pow(1 - t + P, P - 2, P) % P
        return x, y

    @staticmethod
    def times(k, q):
        total = Affine.NEUTRAL
        while k:
            if k & 1:
                total = Affine.add(total, q)
            q = Affine.add(q, q)
            k >>= 1
        return total


def encode(q):
    return (q[1] | (q[0] & 1) << 255).to_bytes(32, "little")


def number(n):
    return n.to_bytes(32, "little")


def challenge(r, key, message):
    return int.from_bytes(sha512(r, key, message), "little") % L


def row(texts):
    return [bytes.fromhex(text) for text in texts]


def flipped(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


TORSION = [Affine.NEUTRAL]  # the eight points of small order
for _ in range(7):
    TORSION.append(Affine.add(TORSION[-1], Affine.ORDER_8))


def test_rfc8032_examples():
    for texts in EXAMPLES:
        key, message, signature = row(texts)
        assert verify(key, message, signature) is True
        assert verify(bytearray(key), memoryview(message), bytearray(signature)) is True
        assert check_public_key(key) is True
        assert verify(key, message + b"\x00", signature) is False


def test_every_bit_of_a_signature():
    key, message, signature = row(EXAMPLES[2])
    for bit in range(512):
        assert verify(key, message, flipped(signature, bit)) is False, bit


def test_bits_of_key_and_message():
    key, message, signature = row(EXAMPLES[2])
    for bit in range(0, 256, 5):
        assert verify(flipped(key, bit), message, signature) is False, bit
    for bit in range(16):
        assert verify(key, flipped(message, bit), signature) is False, bit


def test_wrong_sizes_and_types_are_false():
    key, message, signature = row(EXAMPLES[1])
    for bad in (b"", key[:31], key + b"\x00", None, 0, "k" * 32, list(key), (key,)):
        assert verify(bad, message, signature) is False
        assert check_public_key(bad) is False
    for bad in (b"", signature[:63], signature + b"\x00", None, "s" * 64, list(signature)):
        assert verify(key, message, bad) is False
    for bad in (None, "r", 0x72, [0x72]):
        assert verify(key, bad, signature) is False


def test_s_plus_multiples_of_l():
    for texts in EXAMPLES[:3]:
        key, message, signature = row(texts)
        s = int.from_bytes(signature[32:], "little")
        for n in range(1, 15):
            assert verify(key, message, signature[:32] + number(s + n * L)) is False
    for s in (L, L + 1, 2**255, 2**256 - 1):
        assert verify(key, message, signature[:32] + number(s)) is False


def test_the_reference_itself():
    assert Affine.on_curve(Affine.BASE) and Affine.times(L, Affine.BASE) == Affine.NEUTRAL
    assert Affine.on_curve(Affine.ORDER_8) and TORSION[4] == (0, P - 1)
    assert Affine.add(TORSION[7], Affine.ORDER_8) == Affine.NEUTRAL and len(set(TORSION)) == 8


def test_small_order_keys_and_r():
    """s*B = R + h*A holds in every case here; with such a key it would hold for anybody."""
    r = 0x1234567890ABCDEF << 180
    plain = Affine.times(r, Affine.BASE)
    for a in TORSION:
        key = encode(a)
        assert check_public_key(key) is False
        for t in TORSION:  # no secret is in the key, so s = r "signs" when the torsion happens to cancel
            for point, s in ((Affine.add(plain, t), r), (t, 0)):
                assert verify(key, b"m", encode(point) + number(s)) is False
    secret = 0xFEDCBA0987654321 << 170
    key = encode(Affine.times(secret, Affine.BASE))
    for t in TORSION:  # R of small order under an honest key: whoever has the key can make these
        signature_r = encode(t)
        s = challenge(signature_r, key, b"m") * secret % L
        assert verify(key, b"m", signature_r + number(s)) is False


def test_mixed_order_follows_the_equation_without_cofactor():
    """A = a*B + i*T, R = r*B + j*T, s = r + h*a: s*B = R + h*A exactly when 8 divides j + h*i (T has order 8)."""
    a, r = 0x1B2C3D4E5F << 200, 0xA5A5A5A5 << 210
    a_plain, r_plain = Affine.times(a, Affine.BASE), Affine.times(r, Affine.BASE)
    accepted = 0
    for i in range(8):
        key = encode(Affine.add(a_plain, TORSION[i]))
        assert check_public_key(key) is True
        for j in range(8):
            signature_r = encode(Affine.add(r_plain, TORSION[j]))
            h = challenge(signature_r, key, b"mixed")
            signature = signature_r + number((r + h * a) % L)
            holds = (j + h * i) % 8 == 0
            assert verify(key, b"mixed", signature) is holds, (i, j)
            accepted += holds
    assert accepted == 13  # of 64; with the cofactor all would pass


def test_non_canonical_points():
    message, s = b"m", number(5)
    key, _, signature = row(EXAMPLES[1])
    for k in range(19):  # y = p + k fits in 255 bits and means k
        for sign in (0, SIGN):
            encoded = number(P + k | sign)
            assert check_public_key(encoded) is False
            assert verify(encoded, message, encode(Affine.times(5, Affine.BASE)) + s) is False
            assert verify(key, message, encoded + signature[32:]) is False
    for y in (1, P - 1):  # x is 0, and has no sign
        assert check_public_key(number(y | SIGN)) is False
    # the neutral element in another dress, as R: s = h*a satisfies the equation
    secret = 0x0F1E2D3C << 190
    key = encode(Affine.times(secret, Affine.BASE))
    for y in (1, 1 | SIGN, P + 1, P + 1 | SIGN):
        signature_r = number(y)
        h = challenge(signature_r, key, message)
        assert verify(key, message, signature_r + number(h * secret % L)) is False


def test_keys_on_and_off_the_curve():
    """Half of all y have no x: Euler's criterion says which."""
    found = 0
    for y in range(2, 150):
        square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
        exists = pow(square, (P - 1) // 2, P) == 1
        assert check_public_key(number(y)) is exists, y
        assert check_public_key(number(y | SIGN)) is exists, y
        found += exists
    assert 50 < found < 100


try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from hypothesis import given
    from hypothesis import strategies as st
except ImportError:  # MicroPython
    pass
else:

    @given(st.binary(min_size=32, max_size=32), st.binary(max_size=300), st.integers(0, 511))
    def test_what_cryptography_signs(seed, message, bit):
        secret = Ed25519PrivateKey.from_private_bytes(seed)
        key, signature = secret.public_key().public_bytes_raw(), secret.sign(message)
        assert verify(key, message, signature) is True
        assert verify(key, message, flipped(signature, bit)) is False

    def test_where_cryptography_is_laxer():
        """Why the cloud calls our verify too: OpenSSL takes a small-order key, for which anyone can sign."""
        key = encode(TORSION[0])
        signature = encode(Affine.BASE) + number(1)
        Ed25519PublicKey.from_public_bytes(key).verify(signature, b"any message")
        assert verify(key, b"any message", signature) is False
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(flipped(signature, 0), b"any message")
        except InvalidSignature:
            return
        raise AssertionError
