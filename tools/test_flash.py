"""What `ringslot flash` asks of a board before it copies anything, what it shows, and several boards side by side.

The boards themselves: hil_tests/test_flash.py, hil_tests/test_rv32_flash.py.
"""

import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from boards import launcher
from boards.testparts.rig import DOUBLES, Rig
from tools import application, board_data, cli, device, flash, rv32, rv32_build
from tools.errors import ToolError

MPY = {"xtensawin": 0x2B06, "rv32imc": 0x2F06}  # sys.implementation._mpy: version 6, sub-version 3, processor
S3 = "Generic ESP32S3 module with ESP32S3"


class Asked:
    """A board of which only what it says of itself is asked."""

    port = "/dev/ttyACM0"

    def __init__(self, *about):
        self.about = lambda: device.About(*about)


@pytest.mark.parametrize(
    "board, about",
    [
        ("esp32s3_lock", (S3, (1, 28, 0), MPY["xtensawin"])),
        (
            "esp32s3_lock",
            ("Generic ESP32S3 module with Octal-SPIRAM with ESP32S3", (1, 30, 1), MPY["xtensawin"]),
        ),
        ("esp32c6_lock", ("ESP32C6 module with ESP32C6", (1, 28, 0), MPY["rv32imc"])),
        ("esp32c6_lock", ("Somebody's board with ESP32-C6", (1, 28, 0), MPY["rv32imc"] | 0x4000)),
        ("esp32_dev", ("Generic ESP32 module with ESP32", (1, 28, 0), MPY["xtensawin"])),
        ("qemu_rv32", ("QEMU whatever", (1, 25, 0), MPY["rv32imc"])),
    ],
)
def test_the_board_that_was_named_is_taken(board, about):
    flash.refuse_unfit(Asked(*about), board_data.read(board))


@pytest.mark.parametrize(
    "board, about",
    [
        ("esp32_dev", (S3, (1, 28, 0), MPY["xtensawin"])),  # whose code looks the same
        ("esp32s3_lock", ("Generic ESP32 module with ESP32", (1, 28, 0), MPY["xtensawin"])),
        ("esp32s3_lock", ("ESP32C6 module with ESP32C6", (1, 28, 0), MPY["rv32imc"])),
        ("esp32s3_lock", (S3, (1, 22, 0), 0x2A06)),  # native code of another kind
        ("esp32s3_lock", (S3, (1, 18, 0), 0x2B05)),
        ("qemu_rv32", ("linux with x86-64", (1, 28, 0), 0x0B06)),
    ],
)
def test_another_chip_or_an_older_micropython_is_refused_before_anything_is_copied(board, about):
    with pytest.raises(ToolError) as why:
        flash.refuse_unfit(Asked(*about), board_data.read(board))
    said = str(why.value)
    assert about[0] in said and "nothing was copied" in said and "--image" in said


@pytest.mark.parametrize("board", ["esp32s3_lock", "esp32c6_lock", "esp32_dev", "qemu_rv32"])
def test_the_application_is_compiled_for_the_boards_processor(board):
    files = application.slot(board)
    found = {
        data[2] for data in files.values() if data[2] >> 2
    }  # bytes 1 and 2 as above; no processor: bytecode alone
    assert found == {MPY[board_data.read(board)["mpy_arch"]] >> 8} and len(files) > 40
    assert {data[:2] for data in files.values()} == {b"M\x06"}


def test_the_watchdog_of_a_lock_that_was_interrupted_does_not_bite_meanwhile(monkeypatch):
    rig = Rig(__import__("boards.esp32s3_lock.pins", fromlist=["*"]))
    monkeypatch.setitem(sys.modules, "machine", DOUBLES["machine"])
    board = rig.boot()
    try:
        board.watchdog.feed()
        exec(device.UNHURRIED, {})
        rig.timeline.now += 600_000
        rig.chip.tick()
        assert not rig.chip.halted
        board.watchdog.feed()
        rig.timeline.now += 90_000_000  # and it is none of those that never bite
        rig.chip.tick()
        assert rig.chip.halted
    finally:
        rig.close()


def test_several_compile_the_same_at_the_same_time(tmp_path, monkeypatch):
    """On a machine where nothing was compiled yet."""
    monkeypatch.setattr(rv32_build, "BUILD", tmp_path)
    together = threading.Barrier(4)

    def compiled(_):
        made = []
        for n in range(8):
            together.wait(60)
            made.append(rv32.compile_text(f"module{n}", f"x = {n}\n" * 50))
        return made

    with ThreadPoolExecutor(4) as pool:
        one, *others = pool.map(compiled, range(4))
    assert others == [one] * 3
    assert {path.suffix for path in (tmp_path / "mpy").iterdir()} == {".mpy"}


def ringslot(*words):
    return CliRunner().invoke(cli.main, words, catch_exceptions=False)


def test_boards_are_done_side_by_side_and_each_has_its_bar_and_its_end(monkeypatch):
    together = threading.Barrier(2)
    given = []

    def flashed(port, board, tell, image, lock, release, even_a_lock):
        given.append(release)
        together.wait(60)  # BrokenBarrierError unless both are under way
        tell("copy", 0.5)
        together.wait(60)
        tell("start", 1)
        if port == "/dev/two":
            raise ToolError("The cable is out.")
        return flash.Result(port, 7, [flash.Check("bolt", True, "ok")])

    monkeypatch.setattr(flash, "flash", flashed)
    done = ringslot("flash", "/dev/one", "/dev/two", "/dev/one", "--board", "esp32s3_lock")
    assert done.exit_code == 1
    assert "/dev/one: done, 7 files copied" in done.stdout and "/dev/two: The cable is out." in done.stdout
    bars = [line for line in done.stderr.splitlines() if "100%" in line]
    assert [line.split()[:2] for line in bars] == [["/dev/one", "start"], ["/dev/two", "start"]]
    assert given[0] is given[1] == application.slot("esp32s3_lock")  # compiled once, before the threads begin
    done = ringslot("flash", "/dev/one", "/dev/two", "--board", "esp32s3_lock", "--lock", ".")
    assert done.exit_code == 2 and "makes one board one lock" in done.stderr


class Pulled(Exception):
    """The cable is out."""


class Files:
    """A board's flash and what `flash` does with it, a step at a time; the cable is pulled after `steps` of them. Each
    file is written aside and renamed, as tools/device.py does it."""

    def __init__(self, files):
        self.files, self.steps = dict(files), 10_000

    def __call__(self, port):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def _step(self):
        if self.steps == 0:
            raise Pulled
        self.steps -= 1

    def about(self):
        return device.About(S3, (1, 28, 0), MPY["xtensawin"])

    def hashes(self):
        return {path: device.hash_of(data) for path, data in self.files.items()}

    def run(self, code):
        assert code == "print(open('/slot').read())"
        return self.files["slot"].decode()

    def put(self, files, progress=lambda share: None):
        missing = {path: data for path, data in files.items() if self.files.get(path) != data}
        for path, data in missing.items():
            self._step()
            self.files[path + ".new"] = data[:1]
            self._step()
            self.files[path + ".new"] = data
            self._step()
            self.files[path] = self.files.pop(path + ".new")
        return len(missing)

    def check(self, files):
        assert all(self.files.get(path) == data for path, data in files.items())

    def remove(self, paths):
        for path in paths:
            self._step()
            del self.files[path]

    def restart(self):
        self._step()


OLD = {"boards/esp32s3_lock/main.mpy": b"old", "firmware/lock.mpy": b"old", "firmware/gone.mpy": b"old"}
NEW = {"boards/esp32s3_lock/main.mpy": b"new", "firmware/lock.mpy": b"new", "protocol/cbor.mpy": b"new"}
LOCK = {"identity": b"of BIKE-7", "keyset": b"signed", "settings.json": b"{}"}


def lies(slot, release, *marks):
    return {f"{slot}/{path}": data for path, data in {**release, **dict.fromkeys(marks, b"mark")}.items()}


def starts(files):
    """What runs at the next boot, as the launcher has it: "prompt", or the release that it is, whole; else it fails."""
    if "main.py" not in files or "identity" not in files:
        return "prompt"
    with tempfile.TemporaryDirectory() as root:
        for path, data in files.items():
            (Path(root) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(root) / path).write_bytes(data)
        slot = launcher.settle(root)
    for name, release in (("old", OLD), ("new", NEW)):
        if all(files.get(path) == data for path, data in lies(slot, release).items()):
            return name
    raise AssertionError(f"slot {slot} holds half a release")


@pytest.mark.parametrize(
    "before",
    [
        {},
        {**LOCK, "slot": b"a", **lies("a", OLD)},
        {**LOCK, "slot": b"a", **lies("a", OLD, "manifest"), **lies("b", OLD, "manifest")},
        {**LOCK, "slot": b"b", **lies("b", OLD, "manifest"), **lies("a", {}, "incoming")},
        {**LOCK, "slot": b"a", **lies("a", OLD), **lies("b", {}, "manifest", "failed")},
        {**LOCK, "slot": b"b a 1", **lies("a", OLD, "manifest"), **lies("b", OLD, "manifest")},
        {**LOCK, "slot": b"a !b", **lies("a", OLD, "manifest", "alone"), **lies("b", {}, "failed")},
    ],
    ids=["bare", "by cable", "both whole", "from an update", "an update failed", "on trial", "come back"],
)
def test_wherever_the_cable_is_pulled_a_whole_release_boots_and_the_same_command_goes_on(monkeypatch, before):
    launch = {"main.py": application.launcher("esp32s3_lock")} if before else {}
    monkeypatch.setattr(flash, "selftest", lambda *arguments: [flash.Check("bolt", True, "ok")])
    seen = []
    for steps in range(1_000):
        board = Files({**before, **launch})
        assert starts(board.files) == ("old" if before else "prompt")
        monkeypatch.setattr(flash, "Device", board)
        board.steps = steps
        try:
            flash.flash("port", "esp32s3_lock", lambda *told: None, lock=LOCK, release=NEW)
            break
        except Pulled:
            seen.append(starts(board.files))
        board.steps = 10_000
        flash.flash("port", "esp32s3_lock", lambda *told: None, lock=LOCK, release=NEW)
        assert starts(board.files) == "new" and not [path for path in board.files if path[-4:] == ".new"], (
            steps
        )
        assert not [
            path for path in board.files if path.startswith(board.files["slot"].decode()) and "gone" in path
        ]
    assert starts(board.files) == "new" and len(seen) > 10
    assert seen == sorted(seen, key=["prompt", "old", "new"].index)  # it never goes back
