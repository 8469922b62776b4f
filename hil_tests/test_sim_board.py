"""The simulator board: its world, its receiver and the board in memory on both interpreters; then the real thing.

The real thing is MicroPython running boards/sim/main.py with a firmware without logic (standin_lock.py).
"""

import ast
import importlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from boards.sim.flash_image import ImageError, make_image, read_image
from hil_tests.conftest import MICROPYTHON, ROOT
from tools.processes import free_port

STANDIN = "hil_tests/standin_lock.py"
DUAL = ["boards/sim/test_world.py", "boards/sim/test_gnss.py", "boards/sim/test_virtual.py"]
HEAP = "384k"


# What runs on both interpreters


def names_in(path: str) -> list[str]:
    nodes = ast.walk(ast.parse((ROOT / path).read_text()))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [function.name for function in functions if function.name.startswith("test_")]


@pytest.mark.parametrize(("path", "name"), [(path, name) for path in DUAL for name in names_in(path)])
def test_on_cpython(path, name):
    getattr(importlib.import_module(path[: -len(".py")].replace("/", ".")), name)()


@pytest.mark.parametrize("path", DUAL)
def test_on_micropython(path):
    command = [MICROPYTHON, "-X", f"heapsize={HEAP}", "tools/run_mpy_tests.py", path]
    environ = {**os.environ, "MICROPYPATH": ".frozen:."}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
    assert set(re.findall(r"^PASS (\w+)$", done.stdout, re.MULTILINE)) == set(names_in(path)), done.stdout
    assert done.returncode == 0


# A lock's process and the hand beside it


class Hand:
    def __init__(self, port: int) -> None:
        self._wire = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._lines = self._wire.makefile("rwb")

    def line(self, data: bytes) -> dict:
        self._lines.write(data + b"\n")
        self._lines.flush()
        return json.loads(self._lines.readline())

    def ask(self, action: str, **arguments) -> dict:
        return self.line(json.dumps({"do": action, **arguments}).encode())

    def do(self, action: str, **arguments) -> dict:
        answer = self.ask(action, **arguments)
        assert answer["ok"], answer
        return answer

    def state(self) -> dict:
        return self.do("state")

    def until(self, within_s: float = 3, **expected) -> dict:
        end = time.monotonic() + within_s
        while True:
            state = self.state()
            if all(state[name] == value for name, value in expected.items()):
                return state
            assert time.monotonic() < end, f"{expected} not seen in {state}"
            time.sleep(0.02)


class Lock:
    def __init__(self, child, folder: Path) -> None:
        self.child, self._folder = child, folder
        self.hand = Hand(json.loads(child.wait_for(r"^\{.*\}$", 10).group())["hand"])

    def pull(self) -> str:
        """Lets the firmware pull once; what it saw then."""
        (self._folder / "pull").touch()
        return self.child.wait_for(r"^pulled (\w+)", 5).group(1)

    def ended(self, within_s: float = 5) -> int:
        return self.child.process.wait(within_s)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "flash.img"
    make_image(path, {"hello": b"world"})
    return path


@pytest.fixture
def start(radio, children, image, tmp_path):
    """start("what it does"): a lock's process, up."""
    folder = tmp_path / "world"
    folder.mkdir()
    settings = {
        "MICROPYPATH": ".frozen:.",
        "RINGSLOT_SIM_FLASH": str(image),
        "RINGSLOT_SIM_DIR": str(folder),
        "RINGSLOT_RADIO": radio.locks,
        "RINGSLOT_BLE_NAME": f"sim-{tmp_path.name}",
    }

    def start(what: str = "idle", **environ: str) -> Lock:
        command = [MICROPYTHON, "-X", f"heapsize={HEAP}", STANDIN]
        environ = {**settings, "RINGSLOT_STANDIN": what, **environ}
        return Lock(children.start("lock", command, cwd=ROOT, environ=environ), folder)

    return start


# The hand


def test_the_motor_opens_and_a_hand_closes(start):
    lock = start()
    before = lock.hand.until(bolt=0, bolt_closed=True, bolt_open=False, shackle_closed=True, actuations=0)
    assert before["state"] == "standing in"
    assert lock.pull() == "True"
    after = lock.hand.until(bolt=100, bolt_open=True, shackle_closed=False, actuations=1, openings=1)
    assert after["millivolts"] < before["millivolts"] and after["pulls_moving"] == 0
    assert after["boot_cause"] == 1 and after["heap_free"] > 100_000 and after["led"] == "off"
    lock.hand.do("push", ms=5)
    time.sleep(0.1)
    lock.hand.until(bolt_open=True, shackle_closed=False)
    lock.hand.do("close")
    lock.hand.until(bolt_closed=True, shackle_closed=True)


def test_a_jam_keeps_the_bolt_between(start):
    lock = start()
    lock.hand.do("jam", on=True)
    assert lock.pull() == "False"
    time.sleep(0.2)
    lock.hand.until(bolt=50, bolt_open=False, bolt_closed=False, shackle_closed=True)
    lock.hand.do("jam", on=False)
    lock.hand.until(bolt_closed=True)
    lock.hand.do("fault", bolt="both")
    lock.hand.until(bolt_closed=True, bolt_open=True)


def test_the_bike_moves_and_stands_and_the_battery_is_what_is_said(start):
    hand = start().hand
    hand.do("move")
    assert hand.state()["moving"]
    hand.do("still")
    assert hand.state()["moving"]
    hand.until(moving=False)
    hand.do("battery", mv=3_210)
    assert hand.state()["millivolts"] in (3_209, 3_210)
    assert hand.state()["uplink"] is True
    hand.do("uplink", on=False)
    assert hand.state()["uplink"] is False


def test_a_ride_in_time_lapse_ends_where_the_track_does(start, tmp_path):
    hand = start().hand
    hand.do("ride", points=[[0, 520_000_000, 51_000_000], [60_000, 520_010_000, 51_020_000]], speed=100)
    state = hand.state()
    assert state["riding"] and state["moving"]
    end = hand.until(riding=False)
    assert end["position"] == [520_010_000, 51_020_000]
    long = tmp_path / "long track"
    long.write_text("".join(f"{t * 1_000} {520_000_000 + t} 51000000\n" for t in range(20_000)))
    hand.do("ride", file=str(long), speed=20_000)
    assert hand.until(riding=False)["position"] == [520_019_999, 51_000_000]


@pytest.mark.parametrize(
    "line",
    [
        b"close",
        b"[]",
        b"{}",
        b'{"do": "open"}',
        b'{"do": "battery"}',
        b'{"do": "battery", "mv": "full"}',
        b'{"do": "jam", "on": true, "percent": 101}',
        b'{"do": "fault", "bolt": "sometimes"}',
        b'{"do": "reboot"}',
        b'{"do": "ride", "points": []}',
        b'{"do": "ride", "points": [[0, 1]]}',
        b'{"do": "ride", "points": [[1, 1, 1], [0, 2, 2]]}',
        b'{"do": "ride", "points": [[0, 1, 1], [1, 2, 2]], "speed": 0}',
        b'{"do": "ride", "file": "/nowhere/at/all"}',
        b'{"do": "state", "filler": "' + b"x" * 10_000 + b'"}',
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(start, line):
    hand = start().hand
    answer = hand.line(line)
    assert not answer["ok"] and len(answer["error"]) > 5
    state = hand.state()
    assert not state["riding"] and state["actuations"] == 0 and state["bolt"] == 0


def test_a_track_file_that_is_none_is_named_with_its_line(start, tmp_path):
    track = tmp_path / "track"
    track.write_text("0 1 1\n1000 2\n")
    assert "track, line 2" in start().hand.ask("ride", file=str(track))["error"]


# Ends and boots


@pytest.mark.parametrize(("how", "status", "cause", "rtc"), [("warm", 3, 2, "10000"), ("cold", 4, 1, "None")])
def test_a_reboot_keeps_the_world_and_a_cold_one_loses_the_clock(start, how, status, cause, rtc):
    lock = start("clock")
    lock.child.wait_for("^rtc None 1", 5)
    assert lock.pull() == "True"
    lock.hand.do("reboot", how=how)
    assert lock.ended() == status
    lock = start("clock")
    lock.child.wait_for(f"^rtc {rtc}\\d* {cause}", 5)
    lock.hand.until(bolt_open=True, shackle_closed=False, actuations=1, boot_cause=cause)


def test_firmware_can_reset_its_board_and_a_hand_can_quit(start):
    assert start("reset").ended() == 3
    assert start().hand.state()["boot_cause"] == 2
    lock = start()
    lock.hand.do("quit")
    assert lock.ended() == 0


def test_a_lock_that_is_killed_finds_its_bolt_as_it_left_it(start):
    lock = start()
    assert lock.pull() == "True"
    lock.hand.do("close")
    lock.hand.until(bolt_closed=True)
    lock.child.kill()
    lock = start()
    assert lock.hand.state()["boot_cause"] == 3
    lock.hand.until(bolt_closed=True, shackle_closed=True, actuations=1, openings=1)
    (lock._folder / "pull").touch()
    lock.hand.until(actuations=2)  # the motor turns
    lock.child.kill()
    lock = start()
    assert lock.hand.state()["actuations"] == 2
    time.sleep(0.1)
    state = lock.hand.state()
    assert state["bolt"] in (0, 100) and state["shackle_closed"] == (state["bolt"] == 0)


def test_a_bike_rides_on_while_its_lock_restarts(start):
    lock = start()
    lock.hand.do("ride", points=[[0, 0, 0], [2_000, 2_000, 0], [600_000, 2_000, 9_000_000]])
    lock.child.kill()
    time.sleep(2)
    lock = start()
    state = lock.hand.state()
    assert state["riding"] and state["position"][0] == 2_000 and state["position"][1] > 0
    lock.hand.do("still")
    lock.child.kill()
    assert not start().hand.state()["riding"]


def test_a_lock_that_hangs_is_ended_by_its_watchdog(start):
    lock = start("hang")
    began = time.monotonic()
    assert lock.ended(20) == -signal.SIGALRM
    assert time.monotonic() - began > 8
    assert start().hand.state()["boot_cause"] == 3


def timer_of(lock: Lock) -> bool:
    name = f"watchdog_timer.py {lock.child.process.pid} "
    return subprocess.run(["pgrep", "-f", name], stdout=subprocess.DEVNULL).returncode == 0


def test_a_fed_watchdog_bites_nobody_and_leaves_with_its_lock(start):
    lock = start()
    time.sleep(11)
    assert lock.child.running and timer_of(lock)
    os.kill(lock.child.process.pid, signal.SIGKILL)  # not its group
    lock.ended()
    end = time.monotonic() + 5
    while timer_of(lock):
        assert time.monotonic() < end, "the timer outlived its lock"
        time.sleep(0.05)


# The flash


def test_an_image_holds_what_was_put_into_it(tmp_path):
    files = {"identity": os.urandom(60), "empty": b"", "a/b/c": os.urandom(20_000), "a/d": b"x"}
    path = tmp_path / "flash.img"
    make_image(path, {"old": b"gone"})
    make_image(path, files)
    assert read_image(path) == files
    assert path.stat().st_mode & 0o077 == 0  # it holds a key


def test_what_is_no_image_is_refused(tmp_path):
    path = tmp_path / "notes"
    path.write_text("not a flash, but long enough to be looked at")
    with pytest.raises(ImageError, match="is not the image of a flash"):
        read_image(path)


@pytest.mark.parametrize("seed", range(6))
def test_a_kill_between_any_two_writes_leaves_all_that_was_flushed(start, image, seed):
    lock = start("write")
    lock.child.wait_for("^flushed 5$", 5)
    time.sleep(random.Random(seed).uniform(0, 0.4))
    lock.child.kill()
    told = [int(number) for number in re.findall(r"^flushed (\d+)$", lock.child.printed(), re.MULTILINE)]
    files = read_image(image)
    lines = files["log"].split(b"\n")
    assert lines[-1] == b"" and [int(line) for line in lines[:-1]] == list(range(1, len(lines)))
    assert len(lines) - 1 in (told[-1], told[-1] + 1)
    state = files.get("state", b"")
    assert state == state[:8] * 100 and int(state[:8] or 0) >= told[-1] // 10 * 10 - 10
    assert files["hello"] == b"world"


# The uplink and the receiver


def test_datagrams_reach_their_peer_unless_the_network_is_away(start):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(3)
        lock = start("echo", RINGSLOT_PEER=str(peer.getsockname()[1]))
        for _ in range(2):
            data, address = peer.recvfrom(100)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(b"forged", address)
            peer.sendto(b"re:" + data, address)
        lock.child.wait_for("^heard b're:1'$", 5)
        lock.hand.do("uplink", on=False)
        lock.child.wait_for("^error 101$", 5)
        lock.hand.do("uplink", on=True)
        count = lock.child.printed().count("heard b're:")
        peer.settimeout(0.1)
        end = time.monotonic() + 5
        while lock.child.printed().count("heard b're:") == count:
            assert time.monotonic() < end
            try:
                data, address = peer.recvfrom(100)
            except TimeoutError:
                continue
            peer.sendto(b"re:" + data, address)
        assert "forged" not in lock.child.printed()


def test_a_peer_that_is_down_is_an_error_or_silence_and_never_a_crash(start):
    lock = start("echo", RINGSLOT_PEER=str(free_port(socket.SOCK_DGRAM)))
    lock.child.wait_for(r"^(error 111|heard None)$(?s:.*)^(error 111|heard None)$", 5)
    assert lock.child.running


def checksum_holds(line: str) -> bool:
    found = re.fullmatch(r"\$([^$*]*)\*([0-9A-F]{2})\r", line)
    check = 0
    for byte in found.group(1).encode() if found else b"":
        check ^= byte
    return bool(found) and check == int(found.group(2), 16)


def test_the_receiver_reports_the_bike_once_a_second_in_nmea(start):
    lock = start("listen")
    lock.hand.do("ride", points=[[0, 520_907_000, 51_214_000], [600_000, 520_967_000, 51_214_000]], speed=10)
    fix = r"GNGGA,\d+\.00,[\d.]+,N,[\d.]+,E,1(?s:.*)"
    lock.child.wait_for(fix + fix + "^line", 15)
    lines = re.findall(r"^line (b'.*')$", lock.child.printed(), re.MULTILINE)
    said = [ast.literal_eval(line).decode() for line in lines]
    assert all(checksum_holds(line) for line in said)
    assert said[0].startswith("$GNRMC,,V,")
    fixes = [line.split(",") for line in said if line.startswith("$GNGGA") and line.split(",")[6] == "1"]
    north = [float(fields[2][2:]) for fields in fixes]
    assert int(fixes[1][1][:6]) - int(fixes[0][1][:6]) in (
        1,
        41,
    )  # the next second, perhaps of the next minute
    metres = (north[1] - north[0]) * 1_852
    assert 8 < metres < 14  # 1.1 m/s, ten times as fast, give or take the receiver's error


# Settings


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("RINGSLOT_SIM_FLASH", "", "RINGSLOT_SIM_FLASH is not set: the path of"),
        ("RINGSLOT_SIM_DIR", "", "RINGSLOT_SIM_DIR is not set: a folder"),
        ("RINGSLOT_RADIO", "", "RINGSLOT_RADIO is not set: host:port"),
        ("RINGSLOT_BLE_NAME", "", "RINGSLOT_BLE_NAME is not set"),
        ("RINGSLOT_SIM_FLASH", "/nowhere", "RINGSLOT_SIM_FLASH=/nowhere cannot be used"),
        ("RINGSLOT_SIM_DIR", "/nowhere", "RINGSLOT_SIM_DIR=/nowhere cannot be used"),
        ("RINGSLOT_RADIO", "127.0.0.1:1", "RINGSLOT_RADIO=127.0.0.1:1 cannot be used"),
        ("RINGSLOT_RADIO", "radio", "RINGSLOT_RADIO=radio cannot be used"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(image, tmp_path, radio, name, value, says):
    settings = {
        "RINGSLOT_SIM_FLASH": str(image),
        "RINGSLOT_SIM_DIR": str(tmp_path),
        "RINGSLOT_RADIO": radio.locks,
        "RINGSLOT_BLE_NAME": "settings",
        "MICROPYPATH": ".frozen:.",
    }
    done = subprocess.run(
        [MICROPYTHON, "-X", f"heapsize={HEAP}", STANDIN],
        cwd=ROOT,
        env={**os.environ, **settings, name: value},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 2 and says in done.stderr and len(done.stderr.splitlines()) == 1
