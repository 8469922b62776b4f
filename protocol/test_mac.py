"""RFC 4231 (HMAC-SHA-256), RFC 5869 appendix A (HKDF)."""

from protocol.mac import ct_eq, hkdf, hmac_sha256

unhex = bytes.fromhex

# RFC 4231 §4.2-4.8: key, data, MAC (test case 5 is the truncated one)
HMAC = (
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (bytes(range(1, 26)), b"\xcd" * 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (b"\x0c" * 20, b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
    # not of the RFC: a key of just a block, and of one byte more, as hashlib's hmac has it
    (bytes(range(64)), b"data.", "36333e80b7eac2d837e84482ae3b008185924d5f8e08a25a735f5c34c6fbac41"),
    (bytes(range(65)), b"data.", "19e130cb59d038b0f4de9c1a9cf64243e374bb387f40775bd55bef037a6cb7ed"),
)

# RFC 5869 appendix A.1-A.3: salt, input key, info, output
HKDF = (
    (
        bytes(range(13)),
        b"\x0b" * 22,
        bytes(range(0xF0, 0xFA)),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x60, 0xB0)),
        bytes(range(0x50)),
        bytes(range(0xB0, 0x100)),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        b"",
        b"\x0b" * 22,
        b"",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
)


def test_hmac():
    for key, data, mac in HMAC:
        assert hmac_sha256(key, data)[: len(mac) // 2] == unhex(mac)
        assert hmac_sha256(key, data[:5], b"", memoryview(data)[5:]) == hmac_sha256(key, data)


def test_hkdf():
    for salt, ikm, info, out in HKDF:
        want = unhex(out)
        assert hkdf(salt, ikm, info, len(want)) == want
        for n in (1, 16, 32, 33):
            assert hkdf(salt, ikm, info, n) == want[:n]


def test_hkdf_at_its_ends():
    assert len(hkdf(b"", b"k", b"", 8160)) == 8160
    for length in (-1, 0, 8161):
        try:
            hkdf(b"", b"k", b"", length)
        except ValueError:
            continue
        raise AssertionError(length)


def test_ct_eq():
    value = bytes(range(32))
    assert ct_eq(value, bytes(range(32)))
    assert ct_eq(b"", b"")
    assert ct_eq(bytearray(value), memoryview(value))
    assert not ct_eq(value, value[:-1])
    assert not ct_eq(b"", value)
    for i in range(256):
        other = bytearray(value)
        other[i // 8] ^= 1 << i % 8
        assert not ct_eq(value, other)
