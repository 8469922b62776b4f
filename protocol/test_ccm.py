"""RFC 8392's and RFC 8613's AES-CCM examples are in test_cose.py and test_oscore.py. Here: each edge of the form.

The rows were made with `cryptography`; under CPython they are checked against it again.
"""

from protocol import ccm

# key, nonce, additional data, plaintext, sealed: text and data of 0, 1 and about one, two and more blocks
ROWS = (
    (
        "c67d91dc330c7ceaa09747eb315f9642",
        "c3bccafc0762fcaf9e4a66aa51",
        "",
        "",
        "216844f8c3f42285",
    ),
    (
        "2b1cfa7d54d7c66f5a2d426b876390d8",
        "52c7128fad4dc49a5fc17d033b",
        "12f8b5a58a",
        "",
        "5ac03ee7133a9338",
    ),
    (
        "bc625e186d05cadc7d9855f6222235e7",
        "28341f60cb9ef04878ff6bff04",
        "",
        "90",
        "2d3de518c9c066491b",
    ),
    (
        "658c1d3e6d4355c236f656c76b18c783",
        "80147315173641ca5f9f7b5235",
        "acdd5767ffd547e5b5461526fc9b8e1d",
        "9bc146e3d0bbd5cd751a3dd1db5b0c",
        "8a2a3b416e6f345b95fbc3ac23bfc52ba3c3114b925b70",
    ),
    (
        "b80d320dd10a8df61263a8ea626d7755",
        "ebc20f881eb5e75227b97f829d",
        "8d47d54758ae00fe9798fb1c2e91",
        "db35ffe9f70fd855e6a062e64d795dae",
        "c12f9911f71f0357648fca675c0b7fbc2e70724470a25d66",
    ),
    (
        "6183e296b9a8ab49af92e6e4a62b8b24",
        "e904033a2920e3e62817d1a42f",
        "f8b9cd8d46226443007c8d67258f5b",
        "049f9c5e601ddd269ce6c1787fbe818452",
        "0d5535b199d334372d09db466abae5155f4c0fea1941876ddd",
    ),
    (
        "5e7abf71c81483db32747c8067d45163",
        "c34ee43348db4a65f084f77607",
        "c6",
        "24a853fe67b5959f6cd019caef9f47ff8a76ccd85a30b871c751e5f384cf8d",
        "bb1410a8cb9e89168cd17d3d5bd3767be750f9526c6e225ce1b082e9b71e35e71db557838804ce",
    ),
    (
        "0a610902ce6f873327f4bf19e29fd549",
        "84c4b96b7a1540b17d6d39c8b2",
        "",
        "90c603a2241beaeb744bc27f751de52cf7b02fe4252fe9d1ab604ef6038d92a9",
        "20084f9cf459f1e777485928ab92c3036e83b89889f3258e06b4a4790298062ea0e30c33d3b8a6ff",
    ),
    (
        "c633721e44d0c8dcff15dc8ef202f0e5",
        "c55f9d7f3c70963cbad1230a8b",
        "911638f2a9f68d9cd22dcef16be22e53004ca521ce2294b468e1e635d355c344911638",
        "4f669e755e3d46bc81639b7f7a3e32270893df0fbf92a42374fca51221389e6f4f669e755e3d46bc81639b7f7a3e32270893df0fbf92a42374fca512",
        "1757bff40cb739703c430e78cfd53a6cd28888be50345b019eb4d94a639ff7f75f27ccf0b4d34c93de147c4cf2121ccfa8323e3af9bcb81e83201643404471bde40bda8b",
    ),
    (
        "f03dc9c5a66cd5e5f697e1d4228606e7",
        "59a01eccb5d68108d53db8a62a",
        "0d52d867b7001b25e41e0ba12bb79f9d4b89d57513eeb2bc730393987c61",
        "c5b8b7a91720035c83929bcc0354376a905f43e7c95406a6d9b136736073efeac5b8b7a91720035c83929bcc0354376a905f43e7c95406a6d9b136736073efea",
        "29e6edde95948aa9f1509307be33633d8b5d0d23d3f27cda2704a93d6de194201c748bcdc3697a421a4467459d0df88ba45be8922b84c135b00e350092391765d04ed4e0fd6439a1",
    ),
    (
        "475a19e62f40f134c1de8c1d896f7afb",
        "616562a8adc66f28514ae784c6",
        "5ffc3792590532248daeadd573",
        "f69d07f0e931fe7d8b7d66bfcbc2c1e6c497b390cc490464a1a379422177c043f69d07f0e931fe7d8b7d66bfcbc2c1e6c497b390cc490464a1a379422177c043f69d07f0e931fe7d8b7d66bfcbc2c1e6c497b390cc490464a1a379422177c043f69d07f0",
        "b5bc5a3c4cc7ab14a51c6b820580a7a7af365ada923f11b034d005927fd7c0cbba68cc9b43d3d253609115d2e02685a4d66c15fad60e9e69b75e6bcf6fb9782f8003acb7b14be2d3f8e60dae2ae73e1d631dc83fa4b1f1589a159db4e3eb2148411c862063a90143e4c473a2",
    ),
)


def row(texts):
    return [bytes.fromhex(text) for text in texts]


def refused(key, nonce, aad, data, error=ccm.BadTag):
    try:
        ccm.open(key, nonce, aad, data)
    except error:
        return True
    return False


def test_seal_and_open():
    for texts in ROWS:
        key, nonce, aad, plaintext, sealed = row(texts)
        assert ccm.seal(key, nonce, aad, plaintext) == sealed
        assert ccm.open(key, nonce, aad, sealed) == plaintext
        assert ccm.open(key, nonce, memoryview(aad), memoryview(sealed)) == plaintext


def test_every_bit_counts():
    key, nonce, aad, _, sealed = row(ROWS[5])
    given = [key, nonce, aad, sealed]
    for which in range(4):
        for bit in range(8 * len(given[which])):
            changed = bytearray(given[which])
            changed[bit // 8] ^= 1 << bit % 8
            assert refused(*given[:which], bytes(changed), *given[which + 1 :]), (which, bit)


def test_cut_short_and_longer():
    for texts in ROWS:
        key, nonce, aad, _, sealed = row(texts)
        for n in range(len(sealed)):
            assert refused(key, nonce, aad, sealed[:n])
        assert refused(key, nonce, aad, sealed + b"\x00")
        assert refused(key, nonce, aad + b"\x00", sealed)


def test_sizes_that_do_not_fit():
    key, nonce = bytes(16), bytes(13)
    good = ccm.seal(key, nonce, b"", b"")
    assert len(good) == 8
    for bad in (
        (bytes(15), nonce, b""),
        (bytes(32), nonce, b""),
        (key, bytes(12), b""),
        (key, bytes(14), b""),
    ):
        assert refused(*bad, good, ValueError)
    for aad, plaintext in ((bytes(0xFF00), b""), (b"", bytes(0x10000))):
        try:
            ccm.seal(key, nonce, aad, plaintext)
        except ValueError:
            continue
        raise AssertionError


try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM
    from hypothesis import given
    from hypothesis import strategies as st
except ImportError:  # MicroPython
    pass
else:

    def test_rows_against_cryptography():
        for texts in ROWS:
            key, nonce, aad, plaintext, sealed = row(texts)
            assert AESCCM(key, tag_length=8).decrypt(nonce, sealed, aad) == plaintext

    @given(
        st.binary(min_size=16, max_size=16),
        st.binary(min_size=13, max_size=13),
        st.binary(max_size=100),
        st.binary(max_size=600),
    )
    def test_same_as_cryptography(key, nonce, aad, plaintext):
        assert ccm.seal(key, nonce, aad, plaintext) == AESCCM(key, tag_length=8).encrypt(
            nonce, plaintext, aad
        )

    @given(st.binary(max_size=40))
    def test_any_bytes_get_the_same_verdict(data):
        key, nonce = bytes(16), bytes(13)
        try:
            want = AESCCM(key, tag_length=8).decrypt(nonce, data, b"")
        except (InvalidTag, ValueError):
            assert refused(key, nonce, b"", data)
        else:
            assert ccm.open(key, nonce, b"", data) == want

    def test_the_longest_text_and_additional_data():
        key, nonce, aad, plaintext = bytes(16), bytes(13), bytes(0xFEFF), bytes(0xFFFF)
        sealed = ccm.seal(key, nonce, aad, plaintext)
        assert sealed == AESCCM(key, tag_length=8).encrypt(nonce, plaintext, aad)
        assert ccm.open(key, nonce, aad, sealed) == plaintext
