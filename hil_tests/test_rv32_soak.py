"""Rides and telemetry for a long time in one process: the heap is as free at the end as it was, and in one piece."""

import os
import re
import subprocess

import pytest

from tools import rv32
from tools.simlock import MICROPYTHON

SCRIPT = "hil_tests/soak.py"
FLAT = 0.01  # of the free heap
WHOLE = 0.75  # of the largest free piece at the start

short = {"unlocks": 10, "records": 4_000}
long = {"unlocks": 300, "records": 100_000}


def held(output, unlocks):
    """The heap's account at each point: [(free bytes, largest free piece in blocks), ...]."""
    assert f"done {unlocks} " in output, output[-2000:]
    found = re.findall(r"^at \d+ free (\d+)$.*?max free sz: (\d+)", output, re.M | re.S)
    accounts = [(int(free), int(piece)) for free, piece in found]
    assert len(accounts) >= 10
    return accounts


def is_flat(accounts):
    (free, piece), *later = accounts
    for after_free, after_piece in later:
        assert after_free >= free * (1 - FLAT), accounts
        assert after_piece >= piece * WHOLE, accounts


@pytest.mark.parametrize("counts", [short, pytest.param(long, marks=pytest.mark.long)], ids=["short", "long"])
def test_on_32_bits(rv32_image, tmp_path, counts):
    words = [str(count) for count in counts.values()]
    done = rv32.run_script(
        rv32.ROOT / SCRIPT,
        tmp_path,
        *words,
        files=rv32.modules_for(SCRIPT),
        heap=rv32.size("240k"),
        icount=False,
        timeout_s=3000,
    )
    is_flat(held(done.output, counts["unlocks"]))


@pytest.mark.parametrize(
    "counts",
    [
        {"unlocks": 40, "records": 10_000},
        pytest.param({"unlocks": 10_000, "records": 1_000_000}, marks=pytest.mark.long),
    ],
    ids=["short", "long"],
)
def test_on_64_bits(tmp_path, counts):
    command = [MICROPYTHON, "-X", "heapsize=384k", rv32.ROOT / SCRIPT, *map(str, counts.values())]
    environ = {**os.environ, "MICROPYPATH": f".frozen:{rv32.ROOT}"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=3000)
    is_flat(held(done.stdout + done.stderr, counts["unlocks"]))
