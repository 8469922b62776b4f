"""Every test of protocol/ and firmware/ a third time, on 32 bits: small ints of 31, viper ints of 32, a 15 KiB stack.

One machine a file, started when its first test is due. Its heap is large: what memory a lock takes, other tests say.
"""

import functools

import pytest

from tools import mpy_tests, rv32

HEAP = "512k"
TIMEOUT_S = 600  # for one file
SLOW = {  # half a minute or more each: run by `make test-long`
    "firmware/test_courier.py",
    "firmware/test_decommission.py",
    "firmware/test_faults.py",
    "firmware/test_keyring.py",
    "firmware/test_keyring_combs.py",
    "firmware/test_lock.py",
    "firmware/test_power.py",
    "firmware/test_power_rides.py",
    "firmware/test_rest.py",
    "firmware/test_rest_rides.py",
    "firmware/test_slots_cuts.py",
    "firmware/test_unlock.py",
    "firmware/test_update.py",
    "firmware/test_updater.py",
    "firmware/test_uplink.py",
    "protocol/test_comb.py",
    "protocol/test_ed25519_fast.py",
}
FILES = sorted(path for folder in rv32.LOCK for path in (rv32.ROOT / folder).glob("test_*.py"))


def cases():
    for path in FILES:
        name = path.relative_to(rv32.ROOT).as_posix()
        marks = [pytest.mark.long] if name in SLOW else []
        for test in mpy_tests.tests_of(path):
            yield pytest.param(name, test, id=f"{name}-{test}", marks=marks)


@pytest.fixture(scope="module")
def report(rv32_image, tmp_path_factory):
    """report(path) -> ({test: (verdict, printed)}, what was printed after the last)."""

    @functools.cache
    def run(path):
        files = {**rv32.modules_for(path), "protocol/SPEC.md": (rv32.ROOT / "protocol/SPEC.md").read_bytes()}
        done = rv32.run_script(
            rv32.ROOT / mpy_tests.RUNNER,
            tmp_path_factory.mktemp("rv32"),
            path,
            files=files,
            heap=rv32.size(mpy_tests.heap_of(rv32.ROOT / path, HEAP)),
            icount=False,
            timeout_s=TIMEOUT_S,
        )
        late = f"\nstopped after {TIMEOUT_S} s" if done.status == 124 else ""
        return mpy_tests.reports(done.output + late)

    return run


@pytest.mark.parametrize("path, test", list(cases()))
def test_on_32_bits(report, path, test):
    reports, rest = report(path)
    verdict, printed = reports.get(test, ("no report", rest))
    if mpy_tests.complaint(verdict, printed):
        pytest.fail(f"{verdict} on RV32\n{printed}", pytrace=False)
