"""What a lock is given beside its identity: a seed of its own, and a network that it will understand."""

import pytest

from boards.parts import networks
from protocol import cbor
from tools import provision
from tools.errors import ToolError


def test_a_bearer_is_checked_before_a_lock_gets_it(tmp_path):
    path = tmp_path / "bearer.json"
    path.write_bytes(b'{"wifi": {"ssid": "depot", "key": "a long secret"}}')
    assert networks.parse(provision.bearer(path)) == ("wifi", ["depot", "a long secret"])
    for wrong in (b"", b"[]", b'{"wifi": {"ssid": "depot"}}', b'{"modem": {"apn": "a b"}}'):
        path.write_bytes(wrong)
        with pytest.raises(ToolError, match="bearer.json"):
            provision.bearer(path)
    with pytest.raises(ToolError, match="cannot be used"):
        provision.bearer(tmp_path / "nowhere.json")


def test_what_may_be_there_is_read_and_what_is_not_is_not_missed(tmp_path, monkeypatch):
    monkeypatch.setattr(provision, "_combs", lambda keyset: {})
    seeds = set()
    for name in ("one", "two"):
        folder = tmp_path / name
        provision.write(folder, provision.draw(), b"roots", b"keyset", {"kind": "pooled"})
        assert (folder / "seed").stat().st_mode & 0o077 == 0
        found = provision.read(folder)
        seeds.add(found["seed"])
        assert set(found) == {*provision.FILES, "seed"} and found["seed"] not in cbor.encode(
            found["identity"]
        )
    assert len(seeds) == 2 and all(len(seed) == provision.SEED for seed in seeds)
    (folder / "bearer.json").write_bytes(b"{}")
    assert provision.read(folder)["bearer.json"] == b"{}"
    (folder / "seed").unlink()
    assert "seed" not in provision.read(folder)  # a folder of before
