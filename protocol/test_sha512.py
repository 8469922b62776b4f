"""FIPS 180-4 examples, and every way a message can meet the 128-byte block. hashlib made what is expected."""

from protocol.compat import sha512

ABC = bytes.fromhex(
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
)
EMPTY = bytes.fromhex(
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
    "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
)
# a chain: the digest before, then bytes(range(n)), for n of 0..255
CHAIN = bytes.fromhex(
    "b42ce2cd7e2259be90397fc444ee60eb510935fdd329a63927ef0469215bef94"
    "ee53b63cbe45796607d8b16b7295c17c335ca5a6b18f25dfd8e8dfcb41b41017"
)


def test_known_digests():
    assert sha512(b"abc") == ABC
    assert sha512() == sha512(b"") == EMPTY


def test_parts_are_joined():
    assert sha512(b"a", b"", b"bc") == ABC
    assert sha512(bytearray(b"a"), memoryview(b"bc")) == ABC
    for size in (127, 128, 129, 256, 300):  # a part that begins in the middle of a block, and ends in another
        message = bytes(range(size % 256)) + bytes(size)
        for cut in (1, 64, 127, 128, 200):
            assert sha512(message[:cut], memoryview(message)[cut:]) == sha512(message)


def test_every_length_through_two_blocks():
    digest = b""
    for n in range(256):
        digest = sha512(digest, bytes(range(n)))
    assert digest == CHAIN
