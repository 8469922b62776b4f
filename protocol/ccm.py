"""AES-CCM-16-64-128 (RFC 3610 with M = 8, L = 2; RFC 9053 §4.2): 16-byte key, 13-byte nonce, 8-byte tag.

The only cipher here. cryptolib has neither CCM nor CTR, so it is one CBC call for the tag and one ECB call for the
key stream. A nonce must never be used twice under one key: the callers count (oscore.py) or draw (cose.py).
"""

from protocol.compat import aes_cbc_encrypt, aes_ecb, const
from protocol.mac import ct_eq

KEY = const(16)  # bytes
NONCE = const(13)
TAG = const(8)
_BLOCK = const(16)
_TEXT_MAX = const(0xFFFF)  # what L = 2 can count
_AAD_MAX = const(0xFEFF)  # beyond, RFC 3610 §2.2 needs a longer head


class BadTag(ValueError):
    """The data, its additional data, the nonce or the key is not what was sealed."""


def seal(key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
    """The ciphertext and its tag, 8 bytes longer than plaintext. ValueError for a size that does not fit."""
    _check(key, nonce, aad, len(plaintext))
    stream = _stream(key, nonce, len(plaintext))
    tag = _xor(_tag(key, nonce, aad, plaintext), stream[:TAG])
    return _xor(plaintext, stream[_BLOCK:]) + tag


def open(key: bytes, nonce: bytes, aad: bytes, data: bytes) -> bytes:
    """The plaintext that seal was given. BadTag if anything differs; ValueError for a size that does not fit."""
    size = len(data) - TAG
    if size < 0:
        raise BadTag("shorter than a tag")
    _check(key, nonce, aad, size)
    stream = _stream(key, nonce, size)
    plaintext = _xor(data[:size], stream[_BLOCK:])
    if not ct_eq(_xor(_tag(key, nonce, aad, plaintext), stream[:TAG]), data[size:]):
        raise BadTag("tag")
    return plaintext


def _check(key, nonce, aad, size):
    if len(key) != KEY or len(nonce) != NONCE or len(aad) > _AAD_MAX or size > _TEXT_MAX:
        raise ValueError("AES-CCM-16-64-128: size of key, nonce, additional data or text")


def _tag(key, nonce, aad, plaintext):
    """The CBC-MAC, RFC 3610 §2.2, before its encryption."""
    flags = (0x40 if aad else 0) | (TAG - 2) // 2 << 3 | 1
    blocks = bytearray([flags])
    blocks += nonce
    blocks += len(plaintext).to_bytes(2, "big")
    if aad:
        blocks += len(aad).to_bytes(2, "big")
        blocks += aad
        _pad(blocks)
    blocks += plaintext
    _pad(blocks)
    return aes_cbc_encrypt(key, bytes(_BLOCK), bytes(blocks))[-_BLOCK : TAG - _BLOCK]


def _pad(blocks):
    blocks += bytes(-len(blocks) % _BLOCK)


def _stream(key, nonce, size):
    """S_0, which hides the tag, then the key stream for size bytes: RFC 3610 §2.3."""
    blocks = bytearray()
    for counter in range(1 + (size + _BLOCK - 1) // _BLOCK):
        blocks += b"\x01"
        blocks += nonce
        blocks += counter.to_bytes(2, "big")
    return aes_ecb(key)(bytes(blocks))


def _xor(data, stream):
    """data against as much of stream as it is long."""
    size = len(data)
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream[:size], "big")).to_bytes(size, "big")
