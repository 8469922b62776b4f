"""SHA-512 (FIPS 180-4) in viper, for MicroPython, whose hashlib has none.

Made by tools/gen_sha512.py, which explains it: do not edit. CPython uses hashlib. Imports nothing, because compat.py,
which chooses between the two, imports this. One buffer, made once: no two digests at the same time.
"""

# FIPS 180-4 §4.2.3: the first 64 bits of the fractions of the cube roots of 80 primes; little-endian
_K = (
    b"\x22\xae\x28\xd7\x98\x2f\x8a\x42\xcd\x65\xef\x23\x91\x44\x37\x71\x2f\x3b\x4d\xec\xcf\xfb\xc0\xb5"
    b"\xbc\xdb\x89\x81\xa5\xdb\xb5\xe9\x38\xb5\x48\xf3\x5b\xc2\x56\x39\x19\xd0\x05\xb6\xf1\x11\xf1\x59"
    b"\x9b\x4f\x19\xaf\xa4\x82\x3f\x92\x18\x81\x6d\xda\xd5\x5e\x1c\xab\x42\x02\x03\xa3\x98\xaa\x07\xd8"
    b"\xbe\x6f\x70\x45\x01\x5b\x83\x12\x8c\xb2\xe4\x4e\xbe\x85\x31\x24\xe2\xb4\xff\xd5\xc3\x7d\x0c\x55"
    b"\x6f\x89\x7b\xf2\x74\x5d\xbe\x72\xb1\x96\x16\x3b\xfe\xb1\xde\x80\x35\x12\xc7\x25\xa7\x06\xdc\x9b"
    b"\x94\x26\x69\xcf\x74\xf1\x9b\xc1\xd2\x4a\xf1\x9e\xc1\x69\x9b\xe4\xe3\x25\x4f\x38\x86\x47\xbe\xef"
    b"\xb5\xd5\x8c\x8b\xc6\x9d\xc1\x0f\x65\x9c\xac\x77\xcc\xa1\x0c\x24\x75\x02\x2b\x59\x6f\x2c\xe9\x2d"
    b"\x83\xe4\xa6\x6e\xaa\x84\x74\x4a\xd4\xfb\x41\xbd\xdc\xa9\xb0\x5c\xb5\x53\x11\x83\xda\x88\xf9\x76"
    b"\xab\xdf\x66\xee\x52\x51\x3e\x98\x10\x32\xb4\x2d\x6d\xc6\x31\xa8\x3f\x21\xfb\x98\xc8\x27\x03\xb0"
    b"\xe4\x0e\xef\xbe\xc7\x7f\x59\xbf\xc2\x8f\xa8\x3d\xf3\x0b\xe0\xc6\x25\xa7\x0a\x93\x47\x91\xa7\xd5"
    b"\x6f\x82\x03\xe0\x51\x63\xca\x06\x70\x6e\x0e\x0a\x67\x29\x29\x14\xfc\x2f\xd2\x46\x85\x0a\xb7\x27"
    b"\x26\xc9\x26\x5c\x38\x21\x1b\x2e\xed\x2a\xc4\x5a\xfc\x6d\x2c\x4d\xdf\xb3\x95\x9d\x13\x0d\x38\x53"
    b"\xde\x63\xaf\x8b\x54\x73\x0a\x65\xa8\xb2\x77\x3c\xbb\x0a\x6a\x76\xe6\xae\xed\x47\x2e\xc9\xc2\x81"
    b"\x3b\x35\x82\x14\x85\x2c\x72\x92\x64\x03\xf1\x4c\xa1\xe8\xbf\xa2\x01\x30\x42\xbc\x4b\x66\x1a\xa8"
    b"\x91\x97\xf8\xd0\x70\x8b\x4b\xc2\x30\xbe\x54\x06\xa3\x51\x6c\xc7\x18\x52\xef\xd6\x19\xe8\x92\xd1"
    b"\x10\xa9\x65\x55\x24\x06\x99\xd6\x2a\x20\x71\x57\x85\x35\x0e\xf4\xb8\xd1\xbb\x32\x70\xa0\x6a\x10"
    b"\xc8\xd0\xd2\xb8\x16\xc1\xa4\x19\x53\xab\x41\x51\x08\x6c\x37\x1e\x99\xeb\x8e\xdf\x4c\x77\x48\x27"
    b"\xa8\x48\x9b\xe1\xb5\xbc\xb0\x34\x63\x5a\xc9\xc5\xb3\x0c\x1c\x39\xcb\x8a\x41\xe3\x4a\xaa\xd8\x4e"
    b"\x73\xe3\x63\x77\x4f\xca\x9c\x5b\xa3\xb8\xb2\xd6\xf3\x6f\x2e\x68\xfc\xb2\xef\x5d\xee\x82\x8f\x74"
    b"\x60\x2f\x17\x43\x6f\x63\xa5\x78\x72\xab\xf0\xa1\x14\x78\xc8\x84\xec\x39\x64\x1a\x08\x02\xc7\x8c"
    b"\x28\x1e\x63\x23\xfa\xff\xbe\x90\xe9\xbd\x82\xde\xeb\x6c\x50\xa4\x15\x79\xc6\xb2\xf7\xa3\xf9\xbe"
    b"\x2b\x53\x72\xe3\xf2\x78\x71\xc6\x9c\x61\x26\xea\xce\x3e\x27\xca\x07\xc2\xc0\x21\xc7\xb8\x86\xd1"
    b"\x1e\xeb\xe0\xcd\xd6\x7d\xda\xea\x78\xd1\x6e\xee\x7f\x4f\x7d\xf5\xba\x6f\x17\x72\xaa\x67\xf0\x06"
    b"\xa6\x98\xc8\xa2\xc5\x7d\x63\x0a\xae\x0d\xf9\xbe\x04\x98\x3f\x11\x1b\x47\x1c\x13\x35\x0b\x71\x1b"
    b"\x84\x7d\x04\x23\xf5\x77\xdb\x28\x93\x24\xc7\x40\x7b\xab\xca\x32\xbc\xbe\xc9\x15\x0a\xbe\x9e\x3c"
    b"\x4c\x0d\x10\x9c\xc4\x67\x1d\x43\xb6\x42\x3e\xcb\xbe\xd4\xc5\x4c\x2a\x7e\x65\xfc\x9c\x29\x7f\x59"
    b"\xec\xfa\xd6\x3a\xab\x6f\xcb\x5f\x17\x58\x47\x4a\x8c\x19\x44\x6c"
)
# §5.3.5: the same of the square roots of the first 8
_H = (
    b"\x08\xc9\xbc\xf3\x67\xe6\x09\x6a\x3b\xa7\xca\x84\x85\xae\x67\xbb\x2b\xf8\x94\xfe\x72\xf3\x6e\x3c"
    b"\xf1\x36\x1d\x5f\x3a\xf5\x4f\xa5\xd1\x82\xe6\xad\x7f\x52\x0e\x51\x1f\x6c\x3e\x2b\x8c\x68\x05\x9b"
    b"\x6b\xbd\x41\xfb\xab\xd9\x83\x1f\x79\x21\x7e\x13\x19\xcd\xe0\x5b"
)
_buffer = bytearray(1536)


@micropython.viper
def _strays(data: ptr8) -> int:
    return int(data) & 3


if _strays(_K):  # frozen code need not be aligned
    _K = bytearray(_K)


def sha512(*parts: bytes) -> bytes:
    """The 64-byte digest of the parts joined."""
    _buffer[1344:1408] = _H
    length = 0
    for part in parts:
        length = _feed(_buffer, length, part, len(part))
    digest = bytes(64)  # which nobody else has yet: viper may fill it
    _finish(_buffer, length, digest)
    return digest


@micropython.viper
def _feed(buffer: ptr8, length: int, part: ptr8, n: int) -> int:
    """n more bytes after length; gives the new length."""
    block = ptr8(int(buffer) + 1408)
    at = length & 127
    length += n
    i = 0
    while n:
        if at == 0 and n >= 128:
            _compress(buffer, 0, part, _K)
            part = ptr8(int(part) + 128)
            n -= 128
        else:
            block[at] = part[0]
            part = ptr8(int(part) + 1)
            at += 1
            n -= 1
            if at == 128:
                _compress(buffer, 0, block, _K)
                at = 0
    return length


@micropython.viper
def _finish(buffer: ptr8, length: int, digest: ptr8):
    """§5.1.2: a bit 1, zeros, the length in bits."""
    block = ptr8(int(buffer) + 1408)
    at = length & 127
    block[at] = 128
    at += 1
    if at > 112:
        while at < 128:
            block[at] = 0
            at += 1
        _compress(buffer, 0, block, _K)
        at = 0
    while at < 124:
        block[at] = 0
        at += 1
    block[124] = length >> 21
    block[125] = length >> 13
    block[126] = length >> 5
    block[127] = length << 3
    _compress(buffer, 0, block, _K)
    h = ptr8(int(buffer) + 1344)
    at = 0
    while at < 64:
        digest[at] = h[(at | 7) - (at & 7)]
        at += 1


@micropython.viper
def _compress(v: ptr32, x: int, block: ptr8, k: ptr32):
    """One block into the state, §6.4.2."""
    c = 0
    start = int(v)
    v = ptr32(start + 640)
    i = 0
    while i < 128:
        v[174] = block[4] << 24 | block[5] << 16 | block[6] << 8 | block[7]
        v[175] = block[0] << 24 | block[1] << 16 | block[2] << 8 | block[3]
        block = ptr8(int(block) + 8)
        v = ptr32(int(v) - 8)
        i += 8
    i = 64
    while i:
        x = v[206]
        v[174] = v[188] + x
        c = int(uint(v[174]) < uint(x))
        x = v[174]
        v[174] = int((uint(v[204]) >> 1) ^ (v[205] << 31) ^ (uint(v[204]) >> 8) ^ (v[205] << 24) ^ (uint(v[204]) >> 7) ^ (v[205] << 25)) + x
        c += int(uint(v[174]) < uint(x))
        x = v[174]
        v[174] = int((uint(v[178]) >> 19) ^ (v[179] << 13) ^ (uint(v[179]) >> 29) ^ (v[178] << 3) ^ (uint(v[178]) >> 6) ^ (v[179] << 26)) + x
        c += int(uint(v[174]) < uint(x))
        x = v[174]
        x = int((uint(v[205]) >> 1) ^ (v[204] << 31) ^ (uint(v[205]) >> 8) ^ (v[204] << 24) ^ (uint(v[205]) >> 7)) + v[189] + v[207] + c
        v[175] = int((uint(v[179]) >> 19) ^ (v[178] << 13) ^ (uint(v[178]) >> 29) ^ (v[179] << 3) ^ (uint(v[179]) >> 6)) + x
        v = ptr32(int(v) - 8)
        i -= 1
    w = ptr32(start + 1344)
    v = ptr32(start + 640)
    i = 0
    while i < 16:
        v[i] = w[i]
        i += 1
    i = 80
    while i:
        x = v[14]
        v[-2] = k[0] + x
        c = int(uint(v[-2]) < uint(x))
        x = v[-2]
        v[-2] = v[174] + x
        c += int(uint(v[-2]) < uint(x))
        x = v[-2]
        v[-2] = (((v[10] ^ v[12]) & v[8]) ^ v[12]) + x
        c += int(uint(v[-2]) < uint(x))
        x = v[-2]
        v[-2] = int((uint(v[8]) >> 14) ^ (v[9] << 18) ^ (uint(v[8]) >> 18) ^ (v[9] << 14) ^ (uint(v[9]) >> 9) ^ (v[8] << 23)) + x
        c += int(uint(v[-2]) < uint(x))
        x = v[-2]
        t = k[1] + v[175] + v[15] + c + (((v[11] ^ v[13]) & v[9]) ^ v[13])
        t = int((uint(v[9]) >> 14) ^ (v[8] << 18) ^ (uint(v[9]) >> 18) ^ (v[8] << 14) ^ (uint(v[8]) >> 9) ^ (v[9] << 23)) + t
        v[6] = v[6] + x
        c = int(uint(v[6]) < uint(x))
        v[7] = v[7] + t + c
        v[-2] = (((v[0] | v[2]) & v[4]) | (v[0] & v[2])) + x
        c = int(uint(v[-2]) < uint(x))
        x = v[-2]
        v[-2] = int((uint(v[0]) >> 28) ^ (v[1] << 4) ^ (uint(v[1]) >> 2) ^ (v[0] << 30) ^ (uint(v[1]) >> 7) ^ (v[0] << 25)) + x
        c += int(uint(v[-2]) < uint(x))
        x = v[-2]
        x = (((v[1] | v[3]) & v[5]) | (v[1] & v[3])) + t + c
        v[-1] = int((uint(v[1]) >> 28) ^ (v[0] << 4) ^ (uint(v[0]) >> 2) ^ (v[1] << 30) ^ (uint(v[0]) >> 7) ^ (v[1] << 25)) + x
        v = ptr32(int(v) - 8)
        k = ptr32(int(k) + 8)
        i -= 1
    i = 8
    while i:
        x = v[0]
        w[0] = w[0] + x
        w[1] = w[1] + v[1] + int(uint(w[0]) < uint(x))
        v = ptr32(int(v) + 8)
        w = ptr32(int(w) + 8)
        i -= 1
