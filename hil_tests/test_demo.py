"""`ringslot demo`, as one types it: its exit status, and the JSON that others rely on."""

import json
import subprocess
import sys

import pytest

from tools.simlock import ROOT

TIMEOUT_S = 180  # it takes about a minute; this machine may be busy

KEYS = {"ok", "rides", "refusals", "unlock_ms", "bytes_per_fix"}
RIDE = {"ride_id", "lock_id", "opened_at", "closed_at", "distance_m", "fixes", "receipts"}
REFUSALS = {
    "replayed_session": "FORGED",
    "expired_token": "EXPIRED",
    "other_lock": "WRONG_LOCK",
    "stolen_token": "FORGED",
    "revoked_claim": "OLD",
}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    command = [
        sys.executable,
        "-m",
        "tools",
        "demo",
        "--json",
        folder / "demo.json",
        "--svg",
        folder / "demo.svg",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<svg" in (folder / "demo.svg").read_text()
    return json.loads((folder / "demo.json").read_text())


def test_every_step_held(result):
    assert result["ok"] is True and KEYS <= set(result)
    assert [step["ok"] for step in result["steps"]] == [True] * 7


def test_rides_are_told_by_their_receipts(result):
    assert len(result["rides"]) >= 3
    for ride in result["rides"]:
        assert set(ride) == RIDE and ride["receipts"] >= 2
        assert ride["opened_at"] is not None and ride["closed_at"] >= ride["opened_at"]
    ridden = [ride for ride in result["rides"] if ride["fixes"]]
    assert ridden and max(ride["distance_m"] for ride in ridden) > 50


def test_refusals_gave_their_reason_and_moved_nothing(result):
    said = {refusal["case"]: refusal for refusal in result["refusals"]}
    assert len(said) >= 5 and not any(refusal["moved"] for refusal in said.values())
    assert {case: said[case]["reason"] for case in REFUSALS} == REFUSALS


def test_receipts_that_came_twice_are_stored_once(result):
    assert result["receipts"]["delivered_twice"] >= 3
    assert result["receipts"]["stored"] >= sum(ride["receipts"] for ride in result["rides"])


def test_the_figures_are_figures(result):
    assert 0 < result["unlock_ms"] < 10_000 and result["unlock_split_ms"]["motor"] > 0
    assert 0 < result["bytes_per_fix"] < 1_000


def test_a_demo_that_cannot_start_says_so_and_fails(tmp_path):
    command = [sys.executable, "-m", "tools", "demo", "--track", tmp_path / "absent.gpx"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 1 and "absent.gpx" in done.stderr and "Traceback" not in done.stderr
