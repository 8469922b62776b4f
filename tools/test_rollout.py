"""`ringslot release upload` and `ringslot rollout`, as one types them."""

import hashlib
import json
import time

import pytest

from protocol import manifest
from tools import release, rootkeys
from tools.test_cli import ringslot  # noqa: F401

FILES = {"firmware/lock.mpy": b"lock" * 300, "protocol/cbor.mpy": b"cbor"}
DAY = 86_400


def build(folder, version, *signers):
    entries = [(path, len(data), hashlib.sha256(data).digest()) for path, data in FILES.items()]
    listed = manifest.encode_list(entries)
    payload = manifest.encode_payload(version, 1, "sim", int(time.time()) + DAY, listed)
    made = release.Release(payload, listed, FILES)
    pens = [rootkeys.load(path, lambda: "release words") for path in signers]
    release.write(folder, release.sign(made, *pens) if pens else made)


@pytest.fixture
def fleet(ringslot, tmp_path):  # noqa: F811
    """ringslot(line) on a fleet with release keys in its keyset, and one lock of board `sim`."""
    words = "release words\n" * 4
    assert ringslot("keys release new a.pem b.pem --passphrase-stdin", words).exit_code == 0
    assert ringslot("lock add BIKE-7 --data fleet --out bike-7").exit_code == 0
    assert ringslot("keys release add a.pub b.pub --data fleet").exit_code == 0
    for line in ("lock board BIKE-7 sim", "lock add BIKE-8 --board sim --out bike-8"):
        assert ringslot(f"{line} --data fleet").exit_code == 0
    build(tmp_path / "r7", 7, tmp_path / "a.pem", tmp_path / "b.pem")
    return lambda line, **more: ringslot(f"{line} --data fleet", **more)


def shown(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.output)["rollouts"][0]


def test_from_a_folder_to_all_locks_of_a_board(fleet):
    assert "No rollout yet" in fleet("rollout show").output
    assert json.loads(fleet("release upload r7 --json").output)["version"] == 7
    item = shown(fleet("rollout start sim 7 --percent 0 --json"))
    assert (item["state"], item["percent"], item["progress"]["board"], item["progress"]["in"]) == (
        "running",
        0,
        2,
        0,
    )
    name = item["rollout_id"]
    assert shown(fleet(f"rollout percent {name} 100 --json"))["progress"]["in"] == 2
    assert shown(fleet(f"rollout halt {name} --json"))["halt"]["by"] == "person"
    text = fleet(f"rollout show {name}").output
    assert f"{name}  release 7 for sim, 100 %, halted" in text and "halted by a person" in text
    assert "      2  in\n" in text and "silent" in text
    assert shown(fleet(f"rollout resume {name} --json"))["state"] == "running"
    assert shown(fleet(f"rollout done {name} --json"))["state"] == "done"


@pytest.mark.parametrize(
    "line, said",
    [
        ("rollout start sim 8 --percent 5", "upload it first"),
        ("rollout show 00000000", "nothing here"),
        ("rollout halt 00000000", "nothing here"),
        ("lock board BIKE-9 sim", "nothing here"),
        ("release upload bike-7", "no whole release"),
        ("release upload bare", "signed by nobody"),
        ("release upload alone", "two release keys"),
    ],
)
def test_what_does_not_go_is_one_sentence(fleet, tmp_path, line, said):
    build(tmp_path / "bare", 8)
    build(tmp_path / "alone", 8, tmp_path / "a.pem")
    result = fleet(line)
    assert result.exit_code == 1 and said in result.output and "Traceback" not in result.output


def test_a_second_rollout_and_a_smaller_percentage_are_refused(fleet):
    fleet("release upload r7")
    name = shown(fleet("rollout start sim 7 --percent 50 --json"))["rollout_id"]
    for line, said in (("start sim 7 --percent 5", "Another rollout"), (f"percent {name} 49", "only grows")):
        result = fleet(f"rollout {line}")
        assert result.exit_code == 1 and said in result.output
    assert fleet(f"rollout percent {name} 101").exit_code == 2
