"""Every single bit of a token and of a proof turned over: refused, for the same reason on all three interpreters."""

import os
import subprocess
import sys

import pytest

from boards.sim.bench import key, kid_of
from conftest import MICROPYTHON, ROOT
from tools import comb, rv32

SCRIPT = "hil_tests/flips.py"
BITS = {"token": 1472, "token with hint": 1784, "proof": 512, "proof with hints": 1024}
FORM = {"token": 420, "token with hint": 476}  # what no token can look like; the rest is up to the signature
SOME = 29  # on 32 bits in `make test`: one bit in so many


@pytest.fixture(scope="session")
def combs():
    return {
        "combs/comb-base": bytes(comb.base()),
        f"combs/comb-{kid_of('ride').hex()}": bytes(comb.make(key("ride").public)),
    }


@pytest.fixture(scope="session")
def run_here(combs, tmp_path_factory):
    """run_here(command, every): what the script prints there."""
    folder = tmp_path_factory.mktemp("flips")
    (folder / "combs").mkdir()
    for name, data in combs.items():
        (folder / name).write_bytes(data)

    def run(command, every=1):
        environ = {**os.environ, "MICROPYPATH": f".frozen:{ROOT}", "PYTHONPATH": str(ROOT)}
        words = [*command, ROOT / SCRIPT, str(every)]
        done = subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def every_bit(run_here):
    return run_here([sys.executable])


def test_every_bit_is_refused_by_form_or_signature(every_bit):
    for name, bits in BITS.items():
        said = every_bit.split(f"{name}, {bits} of {bits} bits:\n")[1].split("bits:")[0]
        by_form = f"form: MALFORMED, {FORM[name]}\n" if name in FORM else ""
        assert by_form in said and ("form:" in said) == (name in FORM), said


def test_the_same_on_micropython(every_bit, run_here):
    # a lock fits 384k; its virtual flash, with the combs once more, lies in the same heap
    assert run_here([MICROPYTHON, "-X", "heapsize=1m"]) == every_bit


@pytest.mark.parametrize("every", [SOME, pytest.param(1, marks=pytest.mark.long)])
def test_the_same_on_32_bits(every_bit, run_here, combs, rv32_image, tmp_path, every):
    files = {**rv32.modules_for(SCRIPT), **combs}
    script, heap = ROOT / SCRIPT, rv32.size("512k")
    done = rv32.run_script(script, tmp_path, str(every), files=files, heap=heap, icount=False, timeout_s=1800)
    assert done.status == 0 and done.output == (
        every_bit if every == 1 else run_here([sys.executable], every)
    ), done.output
