"""`ringslot release`: the same bytes everywhere, two signatures from two machines, one sentence for each refusal."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from protocol import keys, keyset, manifest
from tools import cli, release

ROOT = Path(__file__).parent.parent
BOARD = "esp32c6_lock"
WORDS = ("release", BOARD, "--version", "7", "--expires", "2030-01-01")
T0 = 1_767_225_600


def public(key):
    return key.public_key().public_bytes_raw()


@pytest.fixture(scope="module")
def signers(tmp_path_factory):
    """Two key files, and a keyset file that holds both."""
    folder = tmp_path_factory.mktemp("keys")
    made = []
    for name in ("a", "b", "stranger"):
        key = Ed25519PrivateKey.generate()
        (folder / f"{name}.pem").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        made.append(key)
    held = [(keys.kid(keys.RELEASE, public(key)), public(key), T0, T0 + 10**9) for key in made[:2]]
    (folder / "keyset").write_bytes(keyset.encode(1, held))
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / "r7"
    assert ringslot(*WORDS, "--out", folder).exit_code == 0
    return folder


@pytest.fixture
def unsigned(built, tmp_path):
    return Path(shutil.copytree(built, tmp_path / "r7"))


@pytest.fixture
def signed(unsigned, signers):
    for name in ("a", "b"):
        assert ringslot("release", "sign", unsigned, "--key", signers / f"{name}.pem").exit_code == 0
    return unsigned


def ringslot(*words, stdin=None):
    return CliRunner().invoke(cli.main, [str(word) for word in words], input=stdin, catch_exceptions=False)


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_the_same_source_gives_the_same_bytes_whatever_the_folder_clock_language_and_umask(built, tmp_path):
    found = []
    for name, environ, umask in (
        ("one", {"TZ": "UTC", "LANG": "C", "SOURCE_DATE_EPOCH": "0", "PYTHONHASHSEED": "1"}, 0o022),
        ("another folder", {"TZ": "Asia/Kathmandu", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "77"}, 0o077),
    ):
        checkout = tmp_path / name / "deep" / "ringslot"
        for folder in ("protocol", "firmware", "boards", "tools"):
            shutil.copytree(ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__"))
        for path in checkout.rglob("*.py"):
            os.utime(path, (1, 1) if name == "one" else (2_000_000_000, 2_000_000_000))
        out = tmp_path / name / "out"
        subprocess.run(
            [sys.executable, "-m", "tools.cli", *WORDS, "--out", out],
            cwd=checkout,
            env={**os.environ, **environ},
            umask=umask,
            check=True,
            capture_output=True,
            timeout=300,
        )
        found.append(content(out))
    assert found[0] == found[1] == content(built)
    assert not any(str(tmp_path).encode() in data or b"/ringslot" in data for data in found[0].values())


def test_a_release_holds_what_a_lock_needs_and_nothing_else(built):
    files = release.read(built).files
    assert {f"boards/{BOARD}/main.mpy", "firmware/lock.mpy", "firmware/updater.mpy"} <= set(files)
    assert not [path for path in files if "test_" in path or "/sim/" in path or "manifest.py" in path]
    assert not [
        path for path in files if path.startswith("boards/") and path.split("/")[1] not in (BOARD, "parts")
    ]
    assert all(manifest.good_path(path) for path in files)
    assert len((built / "list").read_bytes()) + manifest.HEAD_MAX <= manifest.LIMIT


def test_two_signers_on_two_machines(unsigned, signers):
    said = ringslot("release", "verify", unsigned, "--keyset", signers / "keyset")
    assert said.exit_code == 1 and "Two release keys" in said.output
    first = ringslot("release", "sign", unsigned, "--key", signers / "a.pem", "--rebuild")
    assert first.exit_code == 0 and "Locks ask for two" in first.output
    assert ringslot("release", "verify", unsigned, "--keyset", signers / "keyset").exit_code == 1
    second = ringslot("release", "sign", unsigned, "--key", signers / "b.pem")
    assert second.exit_code == 0 and "Locks ask for two" not in second.output
    said = ringslot("release", "verify", unsigned, "--keyset", signers / "keyset")
    assert said.exit_code == 0 and said.output == "The release is taken.\n"
    before = (unsigned / "manifest").read_bytes()
    ringslot("release", "sign", unsigned, "--key", signers / "a.pem")
    assert (unsigned / "manifest").read_bytes() == before  # Ed25519 signs the same twice


def test_both_keys_at_once_give_the_same_manifest(signed, signers, tmp_path):
    out = tmp_path / "at once"
    done = ringslot(*WORDS, "--keys", signers / "a.pem", signers / "b.pem", "--out", out)
    assert done.exit_code == 0 and content(out) == content(signed)


def test_a_key_under_a_passphrase(unsigned, tmp_path):
    how = BestAvailableEncryption(b"correct horse")
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
    (tmp_path / "k.pem").write_bytes(key)
    words = "release", "sign", unsigned, "--key", tmp_path / "k.pem", "--passphrase-stdin"
    refused = ringslot(*words, stdin="wrong\n")
    assert refused.exit_code == 1 and "does not open" in refused.output
    assert ringslot(*words, stdin="correct horse\n").exit_code == 0


def test_what_this_checkout_does_not_give_is_not_signed_with_rebuild(built, signers, tmp_path):
    changed = release.read(built)
    files = {**changed.files, "firmware/lock.mpy": b"evil"}
    entries = [(path, len(data), hashlib.sha256(data).digest()) for path, data in files.items()]
    listed = manifest.encode_list(entries)
    payload = manifest.encode_payload(7, 1, BOARD, 2_000_000_000, listed)
    release.write(tmp_path / "evil", release.Release(payload, listed, files))
    said = ringslot("release", "sign", tmp_path / "evil", "--key", signers / "a.pem", "--rebuild")
    assert said.exit_code == 1 and "firmware/lock.mpy" in said.output
    assert not (tmp_path / "evil" / "manifest").exists()


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda folder: (folder / "list").unlink(), "no whole release"),
        (lambda folder: (folder / "payload").write_bytes(b"\xff"), "damaged"),
        (lambda folder: (folder / "list").write_bytes(b"\x00"), "damaged"),
        (lambda folder: (folder / "manifest").write_bytes(b"\xd8\x62"), "damaged"),
        (lambda folder: (folder / "files/firmware/lock.mpy").write_bytes(b""), "is not the file"),
        (lambda folder: (folder / "files/firmware/lock.mpy").unlink(), "No such file"),
    ],
)
def test_a_damaged_release_is_one_sentence(signed, signers, spoil, words):
    spoil(signed)
    for command in (
        ("sign", signed, "--key", signers / "a.pem"),
        ("verify", signed, "--keyset", signers / "keyset"),
    ):
        said = ringslot("release", *command)
        assert said.exit_code == 1 and words in said.output and said.output.count("\n") == 1, said.output


def another(built, folder, version, counter, expires, *key_files):
    """The same files as another release; building each anew would say nothing about verdicts, and takes its time."""
    files = release.read(built)
    payload = manifest.encode_payload(version, counter, BOARD, expires, files.listed)
    pair = [load_pem_private_key(path.read_bytes(), None) for path in key_files]
    release.write(folder, release.sign(release.Release(payload, files.listed, files.files), *pair))
    return folder


def test_verify_says_what_a_lock_would(built, signed, signers, tmp_path):
    def ask(*more):
        said = ringslot("release", "verify", signed, "--keyset", signers / "keyset", *more)
        return said.exit_code, said.output

    assert ask()[0] == 0
    assert "another kind of board" in ask("--board", "esp32s3_lock")[1]
    assert "runs this release already" in ask("--running", signed)[1]
    a, b, stranger = (signers / f"{name}.pem" for name in ("a", "b", "stranger"))
    newer = another(built, tmp_path / "r8", 8, 2, T0 + 10**8, a, b)
    assert "newer release already" in ask("--running", newer)[1]
    old = another(built, tmp_path / "old", 7, 1, T0 - 1, a, b)
    said = ringslot("release", "verify", old, "--keyset", signers / "keyset")
    assert said.exit_code == 1 and "expired" in said.output
    strange = another(built, tmp_path / "strange", 7, 1, T0 + 10**8, a, stranger)
    said = ringslot("release", "verify", strange, "--keyset", signers / "keyset")
    assert said.exit_code == 1 and "Two release keys" in said.output


def test_wrong_arguments_are_one_sentence(signed, signers, tmp_path):
    for words in (
        (*WORDS, "--out", signed),
        ("release", "sign", signed, "--key", signers / "keyset"),
        ("release", "verify", signed, "--keyset", signers / "a.pem"),
    ):
        said = ringslot(*words)
        assert said.exit_code == 1 and said.output.startswith("Error: ") and "Traceback" not in said.output
    assert ringslot("release", "no_such_board", "--version", "1").exit_code == 2
    assert ringslot(*WORDS[:5], "soon", "--out", tmp_path / "x").exit_code == 2
