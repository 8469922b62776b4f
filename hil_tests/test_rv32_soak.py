"""Rides and telemetry for a long time in one process: the heap is as free at the end as it was, and in one piece."""

import os
import re
import subprocess

import pytest

from protocol import keys
from tools import bench_lock, comb, processes, rv32
from tools.simlock import MICROPYTHON

SCRIPT = "hil_tests/soak.py"
TIMEOUT_S = 3_600
FLAT = 0.01  # of the free heap
WHOLE = 0.75  # of the largest free piece at the start

HEAP = "192k"  # on 32 bits; 384k on 64
WORKING_SET = 64 * 1024  # bytes on 32 bits, combs included, and twice that on 64

FULL = pytest.param({"unlocks": 10_000, "records": 1_000_000}, marks=pytest.mark.long, id="full")


def combs():
    """{path: bytes} of what makes the soaking lock quick."""
    made = {"soak/comb-base": comb.base()}
    for role, name in ((keys.RIDE, "ride"), (keys.MASTER, "master")):
        issuer = bench_lock.private(name).public_key().public_bytes_raw()
        made[f"soak/comb-{keys.kid(role, issuer).hex()}"] = comb.make(issuer)
    return made


def held(output, unlocks):
    """The heap's account at each point: [(free bytes, largest free piece in blocks, working set in bytes), ...]."""
    assert f"done {unlocks} " in output and "MemoryError" not in output, output[-2000:]
    found = re.findall(r"^at \d+ free (\d+), working set (\d+)$.*?max free sz: (\d+)", output, re.M | re.S)
    accounts = [(int(free), int(piece), int(working)) for free, working, piece in found]
    assert len(accounts) >= 10
    print("(free, largest piece, working set)", *accounts)
    return accounts


def is_flat(accounts, working_set):
    (free, piece, _), *later = accounts
    for after_free, after_piece, working in later:
        assert after_free >= free * (1 - FLAT), accounts
        assert after_piece >= piece * WHOLE, accounts
        assert working <= working_set, accounts


@pytest.mark.parametrize("counts", [pytest.param({"unlocks": 10, "records": 4_000}, id="short"), FULL])
def test_on_32_bits(rv32_image, tmp_path, counts):
    start = (
        tmp_path / "start.py"
    )  # the rest is frozen: who rides and who counts has no place in the lock's heap
    start.write_text("from hil_tests.soak import main\nmain({unlocks}, {records})\n".format(**counts))
    done = rv32.run_script(
        start,
        tmp_path,
        files={**rv32.modules_for(SCRIPT), **combs()},
        heap=rv32.size(HEAP),
        icount=False,
        timeout_s=TIMEOUT_S,
    )
    is_flat(held(done.output, counts["unlocks"]), WORKING_SET)


@pytest.mark.parametrize("counts", [pytest.param({"unlocks": 40, "records": 10_000}, id="short"), FULL])
def test_on_64_bits(tmp_path, counts):
    (tmp_path / "soak").mkdir()
    for name, data in combs().items():
        (tmp_path / name).write_bytes(data)
    command = [MICROPYTHON, "-X", "heapsize=384k", str(rv32.ROOT / SCRIPT), *map(str, counts.values())]
    environ = {**os.environ, "MICROPYPATH": f".frozen:{rv32.ROOT}"}
    with open(tmp_path / "log", "w+") as log:
        process = processes.start(command, cwd=tmp_path, env=environ, stdout=log, stderr=subprocess.STDOUT)
        try:
            process.wait(TIMEOUT_S)
        finally:
            process.kill()
        log.seek(0)
        is_flat(held(log.read(), counts["unlocks"]), 2 * WORKING_SET)
