"""SHA-512 (FIPS 180-4) in viper, for MicroPython, whose hashlib has none.

Made by tools/gen_sha512.py, which explains it: do not edit. CPython uses hashlib. Imports nothing, because compat.py,
which chooses between the two, imports this. One buffer, made once: no two digests at the same time.
"""

# FIPS 180-4 §4.2.3: the first 64 bits of the fractions of the cube roots of 80 primes; little-endian, last first
_K = bytes.fromhex(
    "1758474a8c19446cecfad63aab6fcb5f2a7e65fc9c297f59b6423ecbbed4c54c4c0d109cc4671d43bcbec9150abe9e3c"
    "9324c7407babca32847d0423f577db281b471c13350b711bae0df9be04983f11a698c8a2c57d630aba6f1772aa67f006"
    "78d16eee7f4f7df51eebe0cdd67ddaea07c2c021c7b886d19c6126eace3e27ca2b5372e3f27871c61579c6b2f7a3f9be"
    "e9bd82deeb6c50a4281e6323faffbe90ec39641a0802c78c72abf0a11478c884602f17436f63a578fcb2ef5dee828f74"
    "a3b8b2d6f36f2e6873e363774fca9c5bcb8a41e34aaad84e635ac9c5b30c1c39a8489be1b5bcb03499eb8edf4c774827"
    "53ab4151086c371ec8d0d2b816c1a419b8d1bb3270a06a102a20715785350ef410a96555240699d61852efd619e892d1"
    "30be5406a3516cc79197f8d0708b4bc2013042bc4b661aa86403f14ca1e8bfa23b358214852c7292e6aeed472ec9c281"
    "a8b2773cbb0a6a76de63af8b54730a65dfb3959d130d3853ed2ac45afc6d2c4d26c9265c38211b2efc2fd246850ab727"
    "706e0e0a672929146f8203e05163ca0625a70a934791a7d5c28fa83df30be0c6e40eefbec77f59bf3f21fb98c82703b0"
    "1032b42d6dc631a8abdf66ee52513e98b5531183da88f976d4fb41bddca9b05c83e4a66eaa84744a75022b596f2ce92d"
    "659cac77cca10c24b5d58c8bc69dc10fe3254f388647beefd24af19ec1699be4942669cf74f19bc13512c725a706dc9b"
    "b196163bfeb1de806f897bf2745dbe72e2b4ffd5c37d0c558cb2e44ebe853124be6f7045015b8312420203a398aa07d8"
    "18816ddad55e1cab9b4f19afa4823f9219d005b6f111f15938b548f35bc25639bcdb8981a5dbb5e92f3b4deccffbc0b5"
    "cd65ef239144377122ae28d7982f8a42"
)
# §5.3.5: the same of the square roots of the first 8
_H = bytes.fromhex(
    "08c9bcf367e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5d182e6ad7f520e511f6c3e2b8c68059b"
    "6bbd41fbabd9831f79217e1319cde05b"
)
_buffer = bytearray(2184)
_buffer[1352:1992] = _K
del _K


def sha512(*parts: bytes) -> bytes:
    """The 64-byte digest of the parts joined."""
    _buffer[1992:2056] = _H
    length = 0
    for part in parts:
        length = _feed(_buffer, length, part, len(part))
    digest = bytearray(64)
    _finish(_buffer, length, digest)
    return bytes(digest)


@micropython.viper
def _feed(buffer: ptr8, length: int, part: ptr8, n: int) -> int:
    """n more bytes after length; gives the new length."""
    block = ptr8(int(buffer) + 2056)
    at = length & 127
    length += n
    i = 0
    while n:
        if at == 0 and n >= 128:
            _compress(buffer, 0, part)
            part = ptr8(int(part) + 128)
            n -= 128
        else:
            block[at] = part[0]
            part = ptr8(int(part) + 1)
            at += 1
            n -= 1
            if at == 128:
                _compress(buffer, 0, block)
                at = 0
    return length


@micropython.viper
def _finish(buffer: ptr8, length: int, digest: ptr8):
    """§5.1.2: a bit 1, zeros, the length in bits."""
    block = ptr8(int(buffer) + 2056)
    at = length & 127
    block[at] = 128
    at += 1
    if at > 112:
        while at < 128:
            block[at] = 0
            at += 1
        _compress(buffer, 0, block)
        at = 0
    while at < 124:
        block[at] = 0
        at += 1
    block[124] = length >> 21
    block[125] = length >> 13
    block[126] = length >> 5
    block[127] = length << 3
    _compress(buffer, 0, block)
    h = ptr8(int(buffer) + 1992)
    at = 0
    while at < 64:
        digest[at] = h[(at | 7) - (at & 7)]
        at += 1


@micropython.viper
def _compress(v: ptr32, x: int, block: ptr8):
    """One block into the state, §6.4.2."""
    c = 0
    start = int(v)
    v = ptr32(start + 640)
    i = 0
    while i < 128:
        v[176] = block[4] << 24 | block[5] << 16 | block[6] << 8 | block[7]
        v[177] = block[0] << 24 | block[1] << 16 | block[2] << 8 | block[3]
        block = ptr8(int(block) + 8)
        v = ptr32(int(v) - 8)
        i += 8
    i = 64
    while i:
        x = v[208]
        v[176] = v[190] + x
        c = int(uint(v[176]) < uint(x))
        x = v[176]
        v[176] = int((uint(v[206]) >> 1) ^ (v[207] << 31) ^ (uint(v[206]) >> 8) ^ (v[207] << 24) ^ (uint(v[206]) >> 7) ^ (v[207] << 25)) + x
        c += int(uint(v[176]) < uint(x))
        x = v[176]
        v[176] = int((uint(v[180]) >> 19) ^ (v[181] << 13) ^ (uint(v[181]) >> 29) ^ (v[180] << 3) ^ (uint(v[180]) >> 6) ^ (v[181] << 26)) + x
        c += int(uint(v[176]) < uint(x))
        x = v[176]
        x = int((uint(v[207]) >> 1) ^ (v[206] << 31) ^ (uint(v[207]) >> 8) ^ (v[206] << 24) ^ (uint(v[207]) >> 7)) + v[191] + v[209] + c
        v[177] = int((uint(v[181]) >> 19) ^ (v[180] << 13) ^ (uint(v[180]) >> 29) ^ (v[181] << 3) ^ (uint(v[181]) >> 6)) + x
        v = ptr32(int(v) - 8)
        i -= 1
    w = ptr32(start + 1992)
    v = ptr32(start + 640)
    v[0] = w[0]
    v[1] = w[1]
    v[2] = w[2]
    v[3] = w[3]
    v[4] = w[4]
    v[5] = w[5]
    v[6] = w[6]
    v[7] = w[7]
    v[8] = w[8]
    v[9] = w[9]
    v[10] = w[10]
    v[11] = w[11]
    v[12] = w[12]
    v[13] = w[13]
    v[14] = w[14]
    v[15] = w[15]
    i = 80
    while i:
        x = v[14]
        v[-2] = v[336] + x
        c = int(uint(v[-2]) < uint(x))
        x = v[-2]
        v[-2] = v[176] + x
        c += int(uint(v[-2]) < uint(x))
        x = v[-2]
        v[-2] = (((v[10] ^ v[12]) & v[8]) ^ v[12]) + x
        c += int(uint(v[-2]) < uint(x))
        x = v[-2]
        v[-2] = int((uint(v[8]) >> 14) ^ (v[9] << 18) ^ (uint(v[8]) >> 18) ^ (v[9] << 14) ^ (uint(v[9]) >> 9) ^ (v[8] << 23)) + x
        c += int(uint(v[-2]) < uint(x))
        x = v[-2]
        t = v[337] + v[177] + v[15] + c + (((v[11] ^ v[13]) & v[9]) ^ v[13])
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
        i -= 1
    x = v[0]
    w[0] = w[0] + x
    w[1] = w[1] + v[1] + int(uint(w[0]) < uint(x))
    x = v[2]
    w[2] = w[2] + x
    w[3] = w[3] + v[3] + int(uint(w[2]) < uint(x))
    x = v[4]
    w[4] = w[4] + x
    w[5] = w[5] + v[5] + int(uint(w[4]) < uint(x))
    x = v[6]
    w[6] = w[6] + x
    w[7] = w[7] + v[7] + int(uint(w[6]) < uint(x))
    x = v[8]
    w[8] = w[8] + x
    w[9] = w[9] + v[9] + int(uint(w[8]) < uint(x))
    x = v[10]
    w[10] = w[10] + x
    w[11] = w[11] + v[11] + int(uint(w[10]) < uint(x))
    x = v[12]
    w[12] = w[12] + x
    w[13] = w[13] + v[13] + int(uint(w[12]) < uint(x))
    x = v[14]
    w[14] = w[14] + x
    w[15] = w[15] + v[15] + int(uint(w[14]) < uint(x))
