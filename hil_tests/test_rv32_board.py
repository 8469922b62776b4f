"""The 32-bit board as a board: exact counts, a flash that outlives the machine, and mpremote as on any other."""

import functools
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import rv32

MPREMOTE = Path(sys.prefix) / "bin" / "mpremote"

COUNTING = """
import rv32, time
from protocol import mac
def work(): return mac.hmac_sha256(b"key", b"message")
start = time.ticks_us()
print([rv32.count(work) for _ in range(3)], rv32.count(lambda: None) < 100)
print(time.ticks_diff(time.ticks_us(), start) > 0, 1 << 30, (1 << 31) - 1 + 1)
"""

BESIDE = """
import beside, gc

def taken(function):
    gc.collect()
    before = gc.mem_alloc()
    made = function()
    gc.collect()
    return gc.mem_alloc() - before, made

def bicycle():
    return [bytearray(5_000)], {}

size, (wheels, kept) = taken(lambda: beside.make(bicycle))
print("made beside", size < 100, beside.used() > 5_000)
wheels.append(bytearray(4_000))
wheels.extend([bytes([n]) * 40 for n in range(100)])
kept["bell"] = bytearray(b"in the heap, and held from beside it")
garbage = [bytes(1_000) for _ in range(100)]
garbage = None
gc.collect()
print("still there", len(wheels[0]), [len(set(one)) for one in wheels[2:]] == [1] * 100, bytes(kept["bell"]))
print("freed", taken(wheels.clear)[0] < -8_000)

def fail():
    beside.make(list)
    1 / 0

try:
    beside.make(fail)
except ZeroDivisionError:
    size, piece = taken(lambda: bytearray(3_000))
    print("after a failure in the heap again", size >= 3_000)
try:
    beside.make(lambda: bytearray(2 << 20))
except MemoryError:
    print("no room")
def write():
    open("closed", "w").write("by the collector")

beside.make(write)
gc.collect()
print(open("closed").read())
"""

OWNER = """
import sys, time
from pathlib import Path
from tools import rv32
memory = rv32.Memory(Path(sys.argv[1]))
memory.put_files({"main.py": b"print('up')\\nwhile True: pass"})
machine = rv32.Machine(memory, icount=False)
assert b"up" in machine.process.stdout.readline()
print(machine.process.pid, flush=True)
time.sleep(60)
"""


def run(tmp_path, source, **options):
    script = tmp_path / "script.py"
    script.write_text(source)
    return rv32.run_script(script, tmp_path, **options)


def test_counts_repeat_to_the_last_instruction(rv32_image, tmp_path):
    first, second = (run(tmp_path, COUNTING) for _ in range(2))
    assert first.status == 0 and first.output == second.output
    assert first.output.splitlines()[1] == "True 1073741824 2147483648"


def test_what_is_made_beside_the_heap_lives_and_takes_none_of_it(rv32_image, tmp_path):
    said = run(tmp_path, BESIDE, files={}).output.splitlines()
    assert said == [
        "made beside True True",
        "still there 5000 True b'in the heap, and held from beside it'",
        "freed True",
        "after a failure in the heap again True",
        "no room",
        "by the collector",
    ]


@pytest.mark.parametrize(
    "source, status, said",
    [
        ("print('fine')", 0, "fine"),
        ("import sys; sys.exit(7)", 7, ""),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("def f(): f()\nf()", 1, "maximum recursion depth exceeded"),
        ("b = [bytes(1000) for _ in range(300)]", 1, "MemoryError"),
        ("while True: pass", 124, ""),
    ],
)
def test_how_a_script_ends(rv32_image, tmp_path, source, status, said):
    done = run(tmp_path, source, timeout_s=3 if status == 124 else 60, files={})
    assert done.status == status and said in done.output


def test_its_flash_outlives_it(rv32_image, tmp_path):
    memory = rv32.Memory(tmp_path / "memory")
    once = b"import rv32\nopen('kept', 'w').write('before')\nprint('written')\nimport time\nwhile True: time.sleep(1)\n"
    memory.put_files({"main.py": once})
    with rv32.Machine(memory, icount=False) as machine:
        assert b"written" in machine.process.stdout.readline()
        machine.cut()
    assert b"before" in memory.flash()
    with rv32.Machine(memory, icount=False, serial="pty") as machine:
        assert mpremote(machine.pty(), "fs", "cat", "kept") == "before"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel signals orphans on Linux only")
def test_it_ends_with_whoever_started_it(rv32_image, tmp_path):
    command = [sys.executable, "-c", OWNER, tmp_path / "memory"]
    with subprocess.Popen(command, cwd=rv32.ROOT, stdout=subprocess.PIPE, text=True) as owner:
        pid = int(owner.stdout.readline())
        os.kill(pid, 0)  # it runs
        owner.kill()
    for _ in range(200):
        if not running(pid):
            return
        time.sleep(0.02)
    pytest.fail(f"QEMU {pid} outlived its owner")


def running(pid):
    """Not: still in the table of processes, where nobody may ever ask what became of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def mpremote(pty, *words):
    """What it prints."""
    done = subprocess.run([MPREMOTE, "connect", pty, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_mpremote_talks_to_it_as_to_any_board(rv32_image, tmp_path):
    (tmp_path / "near.txt").write_text("from here\n")
    (tmp_path / "mounted.py").write_text("print(open('/remote/near.txt').read())\n")
    memory = rv32.Memory(tmp_path / "memory")
    memory.put_files(rv32.modules_for("protocol/cbor.py"))
    with rv32.Machine(memory, icount=False, serial="pty") as machine:
        say = functools.partial(mpremote, machine.pty())
        assert "(1, 25, 0" in say("exec", "import sys; print(sys.implementation)")
        assert "b'\\x82\\x01\\x02'" in say("exec", "from protocol import cbor; print(cbor.encode([1, 2]))")
        say("fs", "cp", str(tmp_path / "near.txt"), ":far.txt")
        assert "far.txt" in say("fs", "ls") and say("fs", "cat", "far.txt") == "from here\n"
        assert "from here" in say("mount", str(tmp_path), "run", str(tmp_path / "mounted.py"))
        say("exec", "--no-follow", "import time\nwhile True: time.sleep(1)")
        assert "interrupted" in say("exec", "print('interrupted')")
