"""Writes protocol/sha512.py: SHA-512 (FIPS 180-4) for MicroPython's viper. `python -m tools.gen_sha512`.

A 64-bit word is two of 32 bits, the lower first; a rotation takes its bits from both. The carry of an addition is
whether the sum is less than what was added: the same code where viper's ints have 32 and 64 bits, because only words
that went through memory are compared.

The pointer v goes down by one word of 64 bits each round, so that the round's new a lies before the old one and no
variable is moved: a..h are always v[0] .. v[15], W[t] at a fixed distance above.
"""

from math import isqrt
from pathlib import Path

TARGET = Path(__file__).parent.parent / "protocol" / "sha512.py"

# 32-bit words from the start of the buffer
V = 160  # a in round 0; 80 rounds go down from here, and the variables end below V + 16
W = V + 174  # W[0]; W[t] lies 2 t lower, all of them above the variables
H = W + 2  # the state
BLOCK = H + 16  # a part of a block
WORDS = BLOCK + 32

HEAD = '''"""SHA-512 (FIPS 180-4) in viper, for MicroPython, whose hashlib has none.

Made by tools/gen_sha512.py, which explains it: do not edit. CPython uses hashlib. Imports nothing, because compat.py,
which chooses between the two, imports this. One buffer, made once: no two digests at the same time.
"""

# FIPS 180-4 §4.2.3: the first 64 bits of the fractions of the cube roots of 80 primes; little-endian
_K = (
{k})
# §5.3.5: the same of the square roots of the first 8
_H = (
{h})
_buffer = bytearray({size})


@micropython.viper
def _strays(data: ptr8) -> int:
    return int(data) & 3


if _strays(_K):  # frozen code need not be aligned
    _K = bytearray(_K)


def sha512(*parts: bytes) -> bytes:
    """The 64-byte digest of the parts joined."""
    _buffer[{h_at}:{h_end}] = _H
    length = 0
    for part in parts:
        length = _feed(_buffer, length, part, len(part))
    digest = bytes(64)  # which nobody else has yet: viper may fill it
    _finish(_buffer, length, digest)
    return digest


@micropython.viper
def _feed(buffer: ptr8, length: int, part: ptr8, n: int) -> int:
    """n more bytes after length; gives the new length."""
    block = ptr8(int(buffer) + {block_at})
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
    block = ptr8(int(buffer) + {block_at})
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
    h = ptr8(int(buffer) + {h_at})
    at = 0
    while at < 64:
        digest[at] = h[(at | 7) - (at & 7)]
        at += 1


@micropython.viper
def _compress(v: ptr32, x: int, block: ptr8, k: ptr32):
    """One block into the state, §6.4.2."""
'''


def root(n, k):
    """The whole part of the k-th root, k 2 or 3."""
    if k == 2:
        return isqrt(n)
    x = 1 << -(-n.bit_length() // 3)
    while (y := (2 * x + n // (x * x)) // 3) < x:
        x = y
    return x


def fractions(count, k):
    primes = [n for n in range(2, 500) if all(n % d for d in range(2, n))][:count]
    return [root(prime << 64 * k, k) & (1 << 64) - 1 for prime in primes]


def words(numbers):
    """Lines of a literal, each word little-endian."""
    data = b"".join(n.to_bytes(8, "little") for n in numbers)
    lines = ["".join(f"\\x{byte:02x}" for byte in data[i : i + 24]) for i in range(0, len(data), 24)]
    return "".join(f'    b"{line}"\n' for line in lines)


def turned(at, by, half):
    """Half 0 (lower) or 1 of the word at v[at] rotated right."""
    here, there = (at + half, at + 1 - half) if by < 32 else (at + 1 - half, at + half)
    return f"(uint(v[{here}]) >> {by % 32}) ^ (v[{there}] << {32 - by % 32})"


def mixed(at, turns, half, shift=None):
    """A sigma function: rotations, and for the message schedule one shift, xored."""
    terms = [turned(at, by, half) for by in turns]
    if shift:
        terms.append(turned(at, shift, 0) if half == 0 else f"(uint(v[{at + 1}]) >> {shift})")
    return f"int({' ^ '.join(terms)})"


def generate():
    """The text of protocol/sha512.py."""
    lines = []

    def to(depth, *texts):
        lines.extend("    " * depth + text for text in texts)

    def add_low(at, term, first=False):
        """v[at] = term + x, its carry into c."""
        to(
            2,
            f"v[{at}] = {term} + x",
            f"c {'=' if first else '+='} int(uint(v[{at}]) < uint(x))",
            f"x = v[{at}]",
        )

    w = W - V
    to(1, "c = 0", "start = int(v)", f"v = ptr32(start + {4 * V})", "i = 0")
    to(1, "while i < 128:")
    to(2, f"v[{w}] = block[4] << 24 | block[5] << 16 | block[6] << 8 | block[7]")
    to(2, f"v[{w + 1}] = block[0] << 24 | block[1] << 16 | block[2] << 8 | block[3]")
    to(2, "block = ptr8(int(block) + 8)", "v = ptr32(int(v) - 8)", "i += 8")
    to(1, "i = 64", "while i:")
    to(2, f"x = v[{w + 32}]")  # W[t - 16] + W[t - 7] + sigma0(W[t - 15]) + sigma1(W[t - 2])
    add_low(w, f"v[{w + 14}]", first=True)
    add_low(w, mixed(w + 30, (1, 8), 0, 7))
    add_low(w, mixed(w + 4, (19, 61), 0, 6))
    to(2, f"x = {mixed(w + 30, (1, 8), 1, 7)} + v[{w + 15}] + v[{w + 33}] + c")
    to(2, f"v[{w + 1}] = {mixed(w + 4, (19, 61), 1, 6)} + x")
    to(2, "v = ptr32(int(v) - 8)", "i -= 1")
    to(1, f"w = ptr32(start + {4 * H})", f"v = ptr32(start + {4 * V})")
    to(1, "i = 0", "while i < 16:")
    to(2, "v[i] = w[i]", "i += 1")
    to(1, "i = 80", "while i:")
    to(2, "x = v[14]")  # T1 = h + K + W + Ch(e, f, g) + Sigma1(e), at the place of the new a
    add_low(-2, "k[0]", first=True)
    add_low(-2, f"v[{w}]")
    add_low(-2, "(((v[10] ^ v[12]) & v[8]) ^ v[12])")
    add_low(-2, mixed(8, (14, 18, 41), 0))
    to(2, f"t = k[1] + v[{w + 1}] + v[15] + c + (((v[11] ^ v[13]) & v[9]) ^ v[13])")
    to(2, f"t = {mixed(8, (14, 18, 41), 1)} + t")
    to(2, "v[6] = v[6] + x", "c = int(uint(v[6]) < uint(x))", "v[7] = v[7] + t + c")  # e = d + T1
    add_low(-2, "(((v[0] | v[2]) & v[4]) | (v[0] & v[2]))", first=True)  # a = T1 + Maj(a, b, c) + Sigma0(a)
    add_low(-2, mixed(0, (28, 34, 39), 0))
    to(2, "x = (((v[1] | v[3]) & v[5]) | (v[1] & v[3])) + t + c", f"v[-1] = {mixed(0, (28, 34, 39), 1)} + x")
    to(2, "v = ptr32(int(v) - 8)", "k = ptr32(int(k) + 8)", "i -= 1")
    to(1, "i = 8", "while i:")
    to(2, "x = v[0]", "w[0] = w[0] + x", "w[1] = w[1] + v[1] + int(uint(w[0]) < uint(x))")
    to(2, "v = ptr32(int(v) + 8)", "w = ptr32(int(w) + 8)", "i -= 1")
    head = HEAD
    for name, value in {
        "k": words(fractions(80, 3)),
        "h": words(fractions(8, 2)),
        "size": 4 * WORDS,
        "h_at": 4 * H,
        "h_end": 4 * H + 64,
        "block_at": 4 * BLOCK,
    }.items():
        head = head.replace("{" + name + "}", str(value))
    return head + "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(generate())
