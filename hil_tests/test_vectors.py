"""Published vectors of Ed25519, HMAC, HKDF and AES-CCM, and more made here, on all three interpreters alike.

The published ones are those of the package cryptography-vectors that fit what we use: HMAC and HKDF with SHA-256,
AES-CCM with a key of 16, a nonce of 13 and a tag of 8 bytes.
"""

import hashlib
import os
import re
import subprocess
from itertools import accumulate
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from conftest import MICROPYTHON, ROOT
from hil_tests import judge
from protocol import ed25519_plain
from protocol.test_ed25519 import TORSION, Affine, L, P, encode, number
from tools import rv32
from tools.comb import x_of

PUBLISHED = Path(cryptography_vectors.__file__).parent
PART = 300_000  # bytes
FEW = 128  # of 1,024 signatures, on the 32-bit machine; all in `make test-long`


def hexes(kind, *fields):
    return " ".join([kind, *(field.hex() or "-" for field in fields)])


def judged(key, message, signature):
    """A signature's line with the verdict of ed25519_plain and x hints, which are zeros where there is no point."""
    good = ed25519_plain.verify(key, message, signature)
    hints = [x_of(encoded) or bytes(32) for encoded in (key, signature[:32])]
    return hexes("ed25519", key, message, signature, *hints, bytes([good]))


def published_signatures():
    for line in (PUBLISHED / "asymmetric/Ed25519/sign.input").read_text().split():
        _, key, message, signed = (bytes.fromhex(field) for field in line.split(":")[:4])
        row = judged(key, message, signed[:64])
        assert row.endswith(" 01")
        yield row


def scalar(*seed):
    return int.from_bytes(hashlib.sha512(repr(seed).encode()).digest(), "little") % L


def strange_signatures():
    """Of honest scalars, with points whose order is small or mixed, encodings that are not canonical, and s + L."""
    for n in range(40):
        a, r, message = scalar("a", n), scalar("r", n), b"%d" % n
        key = encode(Affine.add(Affine.times(a, Affine.BASE), TORSION[n % 8]))
        for t in {0, n // 8, 7 - n % 8, 4}:
            point_r = encode(Affine.add(Affine.times(r, Affine.BASE), TORSION[t]))
            h = int.from_bytes(hashlib.sha512(point_r + key + message).digest(), "little") % L
            s = (r + h * a) % L
            yield judged(key, message, point_r + number(s))
            yield judged(key, message, point_r + number(s + L))
    odd = (
        [encode(t) for t in TORSION]
        + [number(P + k) for k in range(19)]
        + [number(P + k | 1 << 255) for k in range(19)]
    )
    odd += [number(y | 1 << 255) for y in (0, 1, P - 1)]
    good_key, good_r = encode(Affine.times(5, Affine.BASE)), encode(Affine.times(7, Affine.BASE))
    for encoded in odd:
        for s in (0, 1, 7, L - 1):
            yield judged(encoded, b"odd", good_r + number(s))
            yield judged(good_key, b"odd", encoded + number(s))
            yield judged(encoded, b"odd", encoded + number(s))


def sections(path, *names):
    """The values of these names, each time the last of them has appeared."""
    found = {}
    for name, value in re.findall(r"(?m)^\[?(\w+) *= *([\w-]*)", (PUBLISHED / path).read_text()):
        found[name] = value
        if name == names[-1]:
            yield [found.get(name, "") for name in names]


def published_macs():
    for key, message, tag in sections("HMAC/rfc-4231-sha256.txt", "Key", "Msg", "MD"):
        yield hexes("hmac", *map(bytes.fromhex, (key, message, tag)))
    for path in ("KDF/rfc-5869-HKDF-SHA256.txt", "KDF/hkdf-generated.txt"):
        for hash_name, salt, ikm, info, okm in sections(path, "Hash", "salt", "IKM", "info", "OKM"):
            if hash_name in ("SHA-256", "") and len(okm) <= 2 * 1024:
                yield hexes("hkdf", *map(bytes.fromhex, (salt, ikm, info, okm)))


def published_seals():
    """Of all files for 128-bit keys, those with a nonce of 13 and a tag of 8 bytes."""
    for path in sorted((PUBLISHED / "ciphers/AES/CCM").glob("V*128.rsp")):
        inside = path.relative_to(PUBLISHED)
        names = "Plen", "Key", "Nonce", "Adata", "Payload", "CT"
        for plen, key, nonce, aad, payload, sealed in sections(inside, *names):
            key, nonce, aad, payload, sealed = map(bytes.fromhex, (key, nonce, aad, payload, sealed))
            if len(nonce) == 13 and len(sealed) - int(plen) == 8 and int(plen) == len(payload):
                yield hexes("ccm", key, nonce, aad, payload, sealed)


def made_seals(count=1000):
    for n in range(count):
        noise = hashlib.shake_256(b"%d" % n).digest(700)
        key, nonce, aad, text = (
            noise[:16],
            noise[16:29],
            noise[29 : 29 + n % 61],
            noise[100 : 100 + n * 7 % 301],
        )
        yield hexes("ccm", key, nonce, aad, text, AESCCM(key, tag_length=8).encrypt(nonce, text, aad))


@pytest.fixture(scope="session")
def vectors():
    signatures = list(published_signatures())
    strange = list(dict.fromkeys(strange_signatures()))
    others = [*published_macs(), *published_seals(), *made_seals()]
    kinds = [line.split(" ")[0] for line in others]
    assert len(signatures) == 1024 and {"hmac", "hkdf", "ccm"} <= set(kinds)
    assert 1000 + 10 <= kinds.count("ccm") and kinds.count("hmac") >= 6 and kinds.count("hkdf") >= 3
    accepted = sum(line.endswith(" 01") for line in strange)
    assert len(strange) > 500 and 20 < accepted < 100, accepted
    return signatures, strange + others


def counted(lines):
    kinds = [line.split(" ")[0] for line in lines]
    return " ".join(f"{kind}={kinds.count(kind)}" for kind in sorted(set(kinds))) + " failed=0"


def test_on_cpython(vectors, tmp_path, capsys):
    lines = vectors[0] + vectors[1]
    file = tmp_path / "vectors.txt"
    file.write_text("\n".join(lines))
    assert judge.main(file) == 0
    assert capsys.readouterr().out.strip() == counted(lines)


def test_on_micropython(vectors, tmp_path):
    lines = vectors[0] + vectors[1]
    file = tmp_path / "vectors.txt"
    file.write_text("\n".join(lines))
    command = [MICROPYTHON, "-X", "heapsize=384k", "hil_tests/judge.py", file]
    environment = {**os.environ, "MICROPYPATH": f".frozen:{ROOT}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == counted(lines), done.stdout + done.stderr


@pytest.mark.parametrize("every", [1024 // FEW, pytest.param(1, marks=pytest.mark.long)])
def test_on_32_bits(vectors, rv32_image, tmp_path, every):
    lines = vectors[0][::every] + vectors[1]
    script = ROOT / "hil_tests/judge.py"
    modules = rv32.modules(("protocol",))
    while lines:  # as many at a time as its flash holds
        part = [line for line, end in zip(lines, accumulate(map(len, lines)), strict=True) if end < PART]
        lines = lines[len(part) :]
        files = {**modules, "vectors.txt": "\n".join(part).encode()}
        done = rv32.run_script(script, tmp_path, "vectors.txt", files=files, icount=False, timeout_s=300)
        assert done.output.strip() == counted(part) and done.status == 0, done.output
