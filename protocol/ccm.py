"""AES-CCM-16-64-128 (RFC 3610 with M = 8, L = 2; RFC 9053 §4.2): 16-byte key, 13-byte nonce, 8-byte tag.

The only cipher here. cryptolib has neither CCM nor CTR, so it is one CBC call for the tag and one ECB call for the
key stream; of more than 128 bytes, one each for every 128, since a lock's heap is in small pieces. A nonce must never
be used twice under one key: the callers count (oscore.py) or draw (cose.py).
"""

from protocol.compat import aes_cbc, aes_ecb, const
from protocol.mac import ct_eq

KEY = const(16)  # bytes
NONCE = const(13)
TAG = const(8)
_BLOCK = const(16)
_PIECE = const(128)  # bytes of text worked on at once, whole blocks
_TEXT_MAX = const(0xFFFF)  # what L = 2 can count
_AAD_MAX = const(0xFEFF)  # beyond, RFC 3610 §2.2 needs a longer head


class BadTag(ValueError):
    """The data, its additional data, the nonce or the key is not what was sealed."""


def seal(key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
    """The ciphertext and its tag, 8 bytes longer than plaintext. ValueError for a size that does not fit."""
    _check(key, nonce, aad, len(plaintext))
    first, ciphertext = _stream(key, nonce, plaintext, TAG)
    ciphertext[len(plaintext) :] = _xor(_tag(key, nonce, aad, plaintext), first)
    return bytes(ciphertext)


def open(key: bytes, nonce: bytes, aad: bytes, data: bytes) -> bytes:
    """The plaintext that seal was given. BadTag if anything differs; ValueError for a size that does not fit."""
    size = len(data) - TAG
    if size < 0:
        raise BadTag("shorter than a tag")
    _check(key, nonce, aad, size)
    first, plaintext = _stream(key, nonce, memoryview(data)[:size], 0)
    if not ct_eq(_xor(_tag(key, nonce, aad, plaintext), first), data[size:]):
        raise BadTag("tag")
    return bytes(plaintext)


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
    encrypt = aes_cbc(key, bytes(_BLOCK))
    blocks += plaintext[:_PIECE]
    for at in range(_PIECE, len(plaintext), _PIECE):
        encrypt(bytes(blocks))
        blocks = bytearray(plaintext[at : at + _PIECE])
    _pad(blocks)
    return encrypt(bytes(blocks))[-_BLOCK : TAG - _BLOCK]


def _pad(blocks):
    blocks += bytes(-len(blocks) % _BLOCK)


def _stream(key, nonce, data, room):
    """(start of S_0, which hides the tag; data against the key stream, with that many zeros behind): RFC 3610 §2.3."""
    encrypt, size = aes_ecb(key), len(data)
    out = bytearray(size + room)
    first, counter = None, 0
    for at in range(0, size or 1, _PIECE):
        end = min(at + _PIECE, size)
        stop = 1 + (end + _BLOCK - 1) // _BLOCK
        blocks = bytearray()
        while counter < stop:
            blocks += b"\x01"
            blocks += nonce
            blocks += counter.to_bytes(2, "big")
            counter += 1
        stream = encrypt(bytes(blocks))
        if first is None:
            first, stream = stream[:TAG], stream[_BLOCK:]
        out[at:end] = _xor(data[at:end], stream)
    return first, out


def _xor(data, stream):
    """data against as much of stream as it is long."""
    size = len(data)
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream[:size], "big")).to_bytes(size, "big")
