"""What judge.py judges: published vectors of Ed25519, HMAC, HKDF and AES-CCM, and more made here.

The published ones are those of the package cryptography-vectors that fit what we use: Ed25519, HMAC and HKDF with
SHA-256, AES-CCM with a key of 16, a nonce of 13 and a tag of 8 bytes. What is expected of signatures with strange
points follows from how they were made: no verifier of ours is asked.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cryptography_vectors
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from protocol import exchange
from protocol.test_ed25519 import SIGN, TORSION, Affine, L, P, challenge, encode, number
from tools.comb import multiple, x_of

PUBLISHED = Path(cryptography_vectors.__file__).parent


def hexes(kind: str, *fields: bytes) -> str:
    return " ".join([kind, *(field.hex() or "-" for field in fields)])


# ---- Ed25519


class Signed(NamedTuple):
    """A proof of OPEN by `key` for the ride `cti`, of which `good` says whether it holds."""

    key: bytes
    cti: bytes
    transcript: bytes
    signature: bytes
    good: bool

    @property
    def message(self) -> bytes:
        return exchange.proof_input(self.cti, self.transcript, exchange.OPEN)


def judged(key: bytes, message: bytes, signature: bytes, good: bool) -> str:
    """A signature's line with its x hints, which are zeros where there is no point."""
    hints = [x_of(encoded) or bytes(32) for encoded in (key, signature[:32])]
    return hexes("ed25519", key, message, signature, *hints, bytes([good]))


def published_signatures() -> Iterator[str]:
    for line in (PUBLISHED / "asymmetric/Ed25519/sign.input").read_text().split():
        _, key, message, signed = (bytes.fromhex(field) for field in line.split(":")[:4])
        yield judged(key, message, signed[:64], True)


def scalar(*seed: object) -> int:
    return int.from_bytes(hashlib.sha512(repr(seed).encode()).digest(), "little") % L


def draft(n: int) -> Signed:
    noise = hashlib.sha512(b"%d" % n).digest()
    return Signed(b"", noise[:8], noise[32:], b"", False)


def with_torsion(n: int, in_a: int, in_r: int) -> tuple[Signed, int]:
    """By an honest scalar, with points of small order added to A and to R; and its h.

    s B = R + h A is then left with in_r + h in_a = 0 modulo 8, in multiples of the point of order 8.
    """
    a, r = scalar("a", n), scalar("r", n)
    key = encode(Affine.add(multiple(a), TORSION[in_a]))
    point_r = encode(Affine.add(multiple(r), TORSION[in_r]))
    made = draft(n)
    h = challenge(point_r, key, made.message)
    good = (in_r + h * in_a) % 8 == 0
    return made._replace(key=key, signature=point_r + number((r + h * a) % L), good=good), h


def mixed() -> Iterator[Signed]:
    """Points whose order is neither L nor small: each pair of parts, and as many again for which the equation holds."""
    n = 0
    for in_a in range(8):
        for in_r in range(8):
            n += 1
            made = with_torsion(n, in_a, in_r)[0]
            yield made
            while not made.good and in_a:
                n += 1
                made = with_torsion(n, in_a, in_r)[0]
                if in_r % (in_a & -in_a):
                    break  # no h ever does
            if made.good:
                yield made


def encodings_of_small_order() -> list[tuple[bytes, int]]:
    """(encoding, which multiple of the point of order 8), canonical or not."""
    found = [(encode(point), n) for n, point in enumerate(TORSION)]
    for n, (x, y) in enumerate(TORSION):
        found += [
            (number(y + P | sign), n)
            for sign in (0, SIGN)
            if y + P < SIGN and (not x or (x & 1) == bool(sign))
        ]
        found += [(number(y | SIGN), n)] if not x else []  # "minus 0"
    return list(dict.fromkeys(found))


def small() -> Iterator[Signed]:
    """A or R or both of small order, in every encoding, and the equation holds: only the points are wrong."""
    for encoded, n in encodings_of_small_order():
        place = 1_000
        while True:  # until h is such that it holds
            place += 1
            a, r = scalar("a", place), scalar("r", place)
            made, honest = draft(place), encode(multiple(r))
            h = challenge(honest, encoded, made.message)
            if h * n % 8 == 0:
                yield made._replace(key=encoded, signature=honest + number(r))
                break
        while True:
            place += 1
            made = draft(place)
            h = challenge(encoded, encoded, made.message)
            if (n + h * n) % 8 == 0:
                yield made._replace(key=encoded, signature=encoded + number(0))
                break
        if n == 0:
            key = encode(multiple(a))
            h = challenge(encoded, key, made.message)
            yield made._replace(key=key, signature=encoded + number(h * a % L))


def strange() -> list[Signed]:
    found = [*mixed(), *small()]
    for made in list(found):
        s = int.from_bytes(made.signature[32:], "little")
        found.append(made._replace(signature=made.signature[:32] + number(s + L), good=False))
    odd = [encoded for encoded, _ in encodings_of_small_order()]
    odd += [number(P + k | sign) for k in range(19) for sign in (0, SIGN)]
    good_key, good_r = encode(multiple(5)), encode(multiple(7))
    for place, encoded in enumerate(odd):
        for s in (0, 1, 7, L - 1):
            for key, r in ((encoded, good_r), (good_key, encoded), (encoded, encoded)):
                found.append(draft(place)._replace(key=key, signature=r + number(s)))
    return list(dict.fromkeys(found))


def holder_keys() -> list[tuple[bytes, bool]]:
    """(32 bytes, whether a token may name them)."""
    bad = {encoded for encoded, _ in encodings_of_small_order()}
    bad |= {number(P + k | sign) for k in range(19) for sign in (0, SIGN)} | {number(2), number(2**256 - 1)}
    good = {encode(Affine.add(multiple(scalar("key", n)), TORSION[n])) for n in range(8)}
    return [(key, False) for key in sorted(bad)] + [(key, True) for key in sorted(good)]


def strange_lines() -> list[str]:
    lines = [judged(made.key, made.message, made.signature, made.good) for made in strange()]
    return lines + [hexes("key", key, bytes([good])) for key, good in holder_keys()]


# ---- HMAC, HKDF, AES-CCM


def sections(path: str | Path, *names: str) -> Iterator[list[str]]:
    """The values of these names, each time the last of them has appeared."""
    found: dict[str, str] = {}
    for name, value in re.findall(r"(?m)^\[?(\w+) *= *([\w-]*)", (PUBLISHED / path).read_text()):
        found[name] = value
        if name == names[-1]:
            yield [found.get(name, "") for name in names]


def published_macs() -> Iterator[str]:
    for key, message, tag in sections("HMAC/rfc-4231-sha256.txt", "Key", "Msg", "MD"):
        yield hexes("hmac", *map(bytes.fromhex, (key, message, tag)))
    for path in ("KDF/rfc-5869-HKDF-SHA256.txt", "KDF/hkdf-generated.txt"):
        for hash_name, *values in sections(path, "Hash", "salt", "IKM", "info", "OKM"):
            assert hash_name == "SHA-256"
            yield hexes("hkdf", *map(bytes.fromhex, values))


def published_seals() -> Iterator[str]:
    """Of all files for 128-bit keys, those with a nonce of 13 and a tag of 8 bytes. (DVPT128 has tags of 4 and 16.)"""
    for path in sorted((PUBLISHED / "ciphers/AES/CCM").glob("V*128.rsp")):
        inside = path.relative_to(PUBLISHED)
        names = "Plen", "Key", "Nonce", "Adata", "Payload", "CT"
        for plen, key, nonce, aad, payload, sealed in sections(inside, *names):
            key, nonce, aad, payload, sealed = map(bytes.fromhex, (key, nonce, aad, payload, sealed))
            if len(nonce) == 13 and len(sealed) - int(plen) == 8 and int(plen) == len(payload):
                yield hexes("ccm", key, nonce, aad, payload, sealed)


def made_seals(count: int = 1000) -> Iterator[str]:
    for n in range(count):
        noise = hashlib.shake_256(b"%d" % n).digest(700)
        key, nonce, aad, text = (
            noise[:16],
            noise[16:29],
            noise[29 : 29 + n % 61],
            noise[100 : 100 + n * 7 % 301],
        )
        yield hexes("ccm", key, nonce, aad, text, AESCCM(key, tag_length=8).encrypt(nonce, text, aad))
