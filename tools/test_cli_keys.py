"""`ringslot keys` as one types it: offline keys, drafts and signatures, and what is said when something is wrong."""

import hashlib
import json
import stat

import pytest

from protocol import cose, ed25519, keyset, roots
from tools import keysets, rootkeys
from tools.errors import ToolError
from tools.test_cli import ringslot  # noqa: F401  a fixture

SECRET = "a passphrase of the tests"


@pytest.fixture
def three(ringslot):  # noqa: F811
    """root-a, root-b and root-c, and their root set in the file `roots`."""
    made = ringslot("keys root new root-a.pem root-b.pem root-c.pem --passphrase-stdin", f"{SECRET}\n" * 3)
    assert made.exit_code == 0, made.output
    assert ringslot("keys root set root-a.pub root-b.pub root-c.pub --out roots").exit_code == 0
    return ringslot


def sign(run, path, key, secret=SECRET):
    return run(f"keys keyset sign {path} --key {key} --yes --passphrase-stdin", f"{secret}\n")


def test_an_offline_key_is_its_owners_alone_and_opens_by_its_passphrase(three, tmp_path):
    path = tmp_path / "root-a.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and b"ENCRYPTED PRIVATE KEY" in path.read_bytes()
    key = rootkeys.load(path, lambda: SECRET)
    assert key.public_key().public_bytes_raw() == rootkeys.read_public(tmp_path / "root-a.pub")
    for wrong in ("another passphrase", ""):
        with pytest.raises(ToolError, match="does not open"):
            rootkeys.load(path, lambda wrong=wrong: wrong)
    assert "File exists" in three("keys root new root-a.pem --passphrase-stdin", f"{SECRET}\n").output
    assert "12 characters" in three("keys root new root-d.pem --passphrase-stdin", "short\n").output
    assert not (tmp_path / "root-d.pem").exists()


def test_a_root_set_is_made_of_public_halves(three, tmp_path):
    threshold, members = roots.parse((tmp_path / "roots").read_bytes())
    assert threshold == 2 and len(members) == 3
    assert "Two of three" in three("keys root set root-a.pub root-b.pub --out other").output
    for line, said in (
        ("root-a.pub root-a.pub", "twice"),
        ("root-a.pem", "no public key"),
        ("absent.pub", "No such file"),
        ("root-a.pub --threshold 2", "threshold"),
    ):
        result = three(f"keys root set {line} --out other")
        assert result.exit_code == 1 and said in result.output


def test_a_fleet_may_begin_with_real_roots(three):
    assert three("keys make --data fleet").exit_code == 0
    assert three("keys keyset make --data fleet --out first").exit_code == 0
    refused = three("keys keyset import first --data fleet --roots roots")
    assert refused.exit_code == 1 and "No lock would take this keyset" in refused.output
    assert sign(three, "first", "root-a.pem").exit_code == 0
    assert "not enough yet" in three("keys keyset show first --roots roots").output
    assert "fewer than 2" in three("keys keyset import first --data fleet --roots roots").output
    assert sign(three, "first", "root-c.pem").exit_code == 0
    assert "that is enough" in three("keys keyset show first --roots roots").output
    assert "needs the root set" in three("keys keyset import first --data fleet").output
    assert three("keys keyset import first --data fleet --roots roots").exit_code == 0
    added = json.loads(three("lock add BIKE-7 --data fleet --out bike-7 --json").output)
    assert added["development_root"] is False  # and none was made
    rotated = three("keys rotate --role ride --data fleet")
    assert "Now the keyset" in rotated.output
    assert "not signed yet" in three("keys list --data fleet").output


def test_a_signature_is_added_to_those_that_are_there(three, tmp_path):
    three("keys make --data fleet")
    three("keys keyset make --data fleet --out first")
    for name in ("c", "a", "c"):
        assert sign(three, "first", f"root-{name}.pem").exit_code == 0
    _, _, signatures = roots.take_apart((tmp_path / "first").read_bytes())
    assert len(signatures) == 2
    before = (tmp_path / "first").read_bytes()
    assert "does not open" in sign(three, "first", "root-b.pem", "not this one").output
    assert "does not open" in sign(three, "first", "root-b.pub").output
    assert three("keys keyset sign first --key root-b.pem", "n\n").exit_code == 1  # read, and not signed
    assert (tmp_path / "first").read_bytes() == before
    assert "This is no keyset" in sign(three, "roots", "root-b.pem").output


def test_a_comb_that_is_not_its_keys_is_not_signed(three, tmp_path):
    three("keys make --data fleet")
    three("keys keyset make --data fleet --out first")
    honest = keyset.parse((tmp_path / "first").read_bytes())
    kid = sorted(honest.combs)[0]
    combs = {**honest.combs, kid: hashlib.sha256(b"a thief's").digest()}
    entries = [(kid, *honest.keys[kid]) for kid in sorted(honest.keys)]
    (tmp_path / "first").write_bytes(keyset.encode(honest.version, entries, None, combs))
    refused = sign(three, "first", "root-a.pem")
    assert refused.exit_code == 1 and "Do not sign" in refused.output


def test_what_changes_is_said_in_words(three, tmp_path):
    three("lock add BIKE-7 --data fleet --out bike-7")
    three("keys release new release-a.pem --passphrase-stdin", f"{SECRET}\n")
    three("keys release add release-a.pub --data fleet")
    shown = three("keys keyset make --data fleet --out next --roots roots").output
    assert "becomes" in shown and "NEW ROOTS: 2 of 3 sign from now on" in shown
    leaked = next(
        key["kid"]
        for key in json.loads(three("keys list --data fleet --json").output)["keys"]
        if (key["role"], key["state"]) == ("ride", "current")
    )
    before = tmp_path / "before"
    before.write_bytes((tmp_path / "bike-7" / "keyset").read_bytes())
    said = three(f"keys revoke {leaked} --data fleet").output
    assert "development root signed keyset" in said and "signs instead" in said
    three("keys keyset make --data fleet --out next")
    lines = three("keys keyset show next --before before").output.splitlines()
    assert any(line.startswith("LEAVES") and leaked in line for line in lines)
    assert sum(line.startswith("comes") for line in lines) == 2  # another next one, and the release key


def test_a_development_root_signs_only_while_it_is_in_force(three, tmp_path):
    three("lock add BIKE-7 --data fleet --out bike-7")
    three("keys keyset make --data fleet --out next --roots roots")
    for key in ("fleet/development-root.pem", "root-a.pem", "root-b.pem"):
        assert sign(three, "next", key).exit_code == 0
    assert three("keys keyset import next --data fleet").exit_code == 0
    assert "Now the keyset" in three("keys rotate --role ride --data fleet").output
    three("keys keyset make --data fleet --out after")
    sign(three, "after", "fleet/development-root.pem")
    assert "no root" in three("keys keyset import after --data fleet").output


def test_a_lock_of_before_gets_a_signed_keyset(three, tmp_path):
    three("lock add BIKE-7 --data fleet --out bike-7")
    folder = tmp_path / "bike-7"
    payload = roots.take_apart((folder / "keyset").read_bytes())[1]
    (folder / "keyset").write_bytes(payload)
    (folder / "roots").unlink()
    identity = (folder / "identity").read_bytes()
    result = three("sim bike-7")
    assert result.exit_code == 1 and "ringslot lock renew" in result.output
    assert three("lock renew bike-7 --data fleet").exit_code == 0
    given = roots.parse((folder / "roots").read_bytes())
    roots.verify((folder / "keyset").read_bytes(), given, ed25519.verify)
    assert (folder / "identity").read_bytes() == identity


def test_a_bench_lock_trusts_a_root_that_is_thrown_away():
    payload = keyset.encode(1, [(b"\x01" + hashlib.sha256(bytes(32)).digest()[:3], bytes(32), 0, 9)])
    trusted, signed = keysets.under_one_root(payload)
    assert roots.verify(signed, roots.parse(trusted), ed25519.verify).version == 1
    assert cose.parse_sign(signed, roots.LIMIT)[0] == payload
