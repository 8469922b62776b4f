"""Published vectors and more (vectors.py), on all three interpreters; strange signatures before the cloud too.

`judge.py` judges on each. What a lock refuses, the cloud refuses: a proof or a key that only one of them took would be
a ride that nobody can explain. OpenSSL, asked alone, would take some of them.
"""

import os
import subprocess
from itertools import accumulate

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from cloud import proofs, tokens
from cloud.problem import Problem
from cloud.tables import Base, IssuedToken
from conftest import MICROPYTHON, ROOT
from hil_tests import judge
from hil_tests import vectors as made
from protocol import receipt
from tools import rv32

PART = 300_000  # bytes
COUNTS = {
    "ccm": 1010,
    "ed25519": 1024,
    "hkdf": 4,
    "hmac": 6,
}  # 10 published of ccm fit; strange ones come on top


@pytest.fixture(scope="session")
def strange():
    return made.strange()


@pytest.fixture(scope="session")
def lines():
    found = [
        *made.published_signatures(),
        *made.published_macs(),
        *made.published_seals(),
        *made.made_seals(),
    ]
    kinds = [line.split(" ")[0] for line in found]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == COUNTS
    return found + made.strange_lines()


def counted(lines):
    kinds = [line.split(" ")[0] for line in lines]
    return " ".join(f"{kind}={kinds.count(kind)}" for kind in sorted(set(kinds))) + " failed=0"


def test_strange_signatures_are_of_every_kind(strange):
    mixed = [one for one in strange if one.good]
    print(f"{len(strange)} strange signatures, {len(mixed)} of them good")
    assert len(strange) > 700 and 20 < len(mixed) < 100


def test_on_cpython(lines, tmp_path, capsys):
    file = tmp_path / "vectors.txt"
    file.write_text("\n".join(lines))
    assert judge.main(file) == 0
    assert capsys.readouterr().out.strip() == counted(lines)


def test_on_micropython(lines, tmp_path):
    file = tmp_path / "vectors.txt"
    file.write_text("\n".join(lines))
    command = [MICROPYTHON, "-X", "heapsize=384k", "hil_tests/judge.py", file]
    environment = {**os.environ, "MICROPYPATH": f".frozen:{ROOT}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == counted(lines), done.stdout + done.stderr


def test_on_32_bits(lines, rv32_image, tmp_path):
    script = ROOT / "hil_tests/judge.py"
    modules = rv32.modules_for("hil_tests/judge.py")
    while lines:  # as many at a time as its flash holds
        part = [line for line, end in zip(lines, accumulate(map(len, lines)), strict=True) if end < PART]
        lines = lines[len(part) :]
        files = {**modules, "vectors.txt": "\n".join(part).encode()}
        done = rv32.run_script(script, tmp_path, "vectors.txt", files=files, icount=False, timeout_s=300)
        assert done.output.strip() == counted(part) and done.status == 0, done.output


def test_before_the_cloud(strange):
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    for one in strange:
        with Session(engine) as session:
            session.add(issued(one))
            session.flush()
            said = receipt.Receipt(
                {**FIELDS, receipt.CTI: one.cti, receipt.REQUEST: [one.transcript, one.signature]}
            )
            assert proofs.judge(session, said) == (proofs.HOLDS if one.good else proofs.FAILS), one


def test_which_keys_the_cloud_names_in_a_token():
    for key, good in made.holder_keys():
        if good:
            assert tokens.check_holder(key) == key
        else:
            with pytest.raises(Problem):
                tokens.check_holder(key)


def test_openssl_alone_is_laxer(strange):
    def taken(one):
        try:
            Ed25519PublicKey.from_public_bytes(one.key).verify(one.signature, one.message)
        except InvalidSignature:
            return False
        return True

    laxer = [one for one in strange if taken(one) and not one.good]
    small = {encoded for encoded, _ in made.encodings_of_small_order()}
    print(f"OpenSSL takes {len(laxer)} that we refuse, of {len({one.key for one in laxer})} keys")
    assert laxer and all(one.key in small or one.signature[:32] in small for one in laxer)
    assert not [one for one in strange if one.good and not taken(one)]


FIELDS = {key: None for key in range(1, 12)} | {receipt.TYPE: receipt.REOPEN}


def issued(one):
    """The row of a token that names its key."""
    return IssuedToken(
        **{"cti": one.cti.hex(), "user_id": "u", "kid": "01", "audience": "", "holder": one.key},
        **{"token": b"", "token_hash": bytes(32), "iat": 0, "exp": 0},
    )
