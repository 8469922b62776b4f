"""The whole story on metal: flash, provision, unlock by this machine's Bluetooth, a fix, an update, the way back, power
that goes. `pytest hil_tests/test_metal_story.py --board metal --port /dev/ttyACM0 --wired-as esp32s3_lock --image FILE
--move`; first read METAL.md.

By the `ringslot` command, as in test_rv32_story.py, which runs it in QEMU; here the phone is on the air, and hands are
asked for. Without a board each of these is reported as not run. None has ever been: what is tested here of itself is
that every line is a command.
"""

import shlex
from pathlib import Path

import pytest

from hil_tests.test_rv32_story import BETTER, ILL, SOON, release_it
from hil_tests.workbench import Workbench
from protocol import receipt
from tools import cli
from tools.pocket import Pocket
from tools.processes import Processes

LINES = {
    "chief": "user add chief --role admin --password-stdin --data fleet",
    "mechanic": "user add mechanic --password-stdin --data fleet",
    "new keys": "keys release new release-a.pem release-b.pem --passphrase-stdin",
    "add keys": "keys release add release-a.pub release-b.pub --data fleet",
    "flash": "flash {port} --board {board} --json",
    "flash a bare chip": "flash {port} --board {board} --image {image} --even-a-lock --json",
    "provision": "provision {port} BIKE-7 --board {board} --uplink 192.0.2.1:5683 --url https://fleet.example"
    " --set sleep=0 --data fleet --out bike-7 --json",  # awake, and on the air for whoever calls
    "sign up": "phone sign-up rider --password-stdin",
    "sign in": "phone --pocket toolbox sign-in mechanic --password-stdin",
    "claim": "phone claim BIKE-7",
    "unlock": "phone unlock",
    "reopen": "phone reopen",
    "end": "phone end",
    "deliver": "phone deliver",
    "update": "phone --pocket toolbox update {lock} {release}",
    "update and stay": "phone --pocket toolbox update {lock} {release} --wait",
}
BEST = {path: (old, new.replace("16_000", "17_000")) for path, (old, new) in BETTER.items()}


class Story(Workbench):
    """A workbench whose board is on a port: `says(name, ...)` types the line of that name."""

    def __init__(self, folder, metal, image):
        super().__init__(folder)
        self.names = {"port": metal.port, "board": metal.board, "image": image}

    def line(self, name, **more):
        return LINES[name].format(**self.names, **more)

    def says(self, name, **more):
        return self.types(self.line(name, **more))

    def opens(self):
        self.says("claim")
        assert "The bolt is open" in self.says("unlock")

    def ends(self, ask):
        ask("Push the ring shut.")
        assert "The ride has ended" in self.says("end")
        self.says("deliver")


@pytest.fixture(scope="module")
def story(metal, request, tmp_path_factory):
    """The cloud, its people and release keys; nothing has touched the board yet."""
    image = request.config.getoption("--image")
    made = Story(tmp_path_factory.mktemp("story"), metal, image and Path(image).resolve())
    with Processes(made.folder / "logs") as children:
        made.cloud(children)
        for name in ("chief", "mechanic", "new keys", "add keys", "sign up", "sign in"):
            made.says(name)
        yield made


@pytest.fixture(scope="module")
def flashed(story):
    name = "flash a bare chip" if story.names["image"] else "flash"
    return story.says(name).json()[story.names["port"]]


@pytest.fixture(scope="module")
def lock(story, flashed):
    assert flashed["ok"]
    made = story.says("provision").json()
    story.names["lock"] = made["lock_id"]
    return made


@pytest.fixture(scope="module")
def updated(story, lock):
    """The lock runs release 2, and keeps it."""
    release_it(story, story.checkout("better", BETTER), 2, "r2", story.names["board"])
    return story.says("update and stay", release="r2")


def test_flash(story, flashed):
    assert flashed["ok"] and (flashed["copied"] > 40 or not story.names["image"])
    assert {"storage", "bolt", "signatures", "gnss"} <= {check["name"] for check in flashed["checks"]}


def test_provision(story, lock):
    assert len(bytes.fromhex(lock["lock_id"])) == 8 and lock["settings"]["sleep"] == 0
    assert not (story.folder / "bike-7" / "files").exists()  # its key is on the board and in the cloud alone


def test_unlock_by_this_machines_bluetooth_and_a_hand_closes(story, lock, moving, ask):
    ask("Put the lock within a few metres of this machine's Bluetooth adapter.")
    story.opens()
    story.ends(ask)


def test_gnss(story, lock, moving, ask):
    story.opens()
    ask("Carry it under the open sky, wait there for five minutes, and come back.")
    story.ends(ask)
    told = [receipt.parse(kept.receipt) for kept in Pocket(story.folder / "pocket").receipts()]
    end = max((one for one in told if one.type == receipt.END), key=lambda one: one.seq)
    assert end.fix is not None and end.fix[2] < 900, end.fix  # [lat, lon, age in s, accuracy in dm]


def test_update(updated):
    assert "keeps it" in updated


def test_rollback(story, updated):
    ill = story.checkout("ill", {**BETTER, **ILL})
    path = ill / "firmware" / "update.py"
    path.write_text(path.read_text().replace(*SOON))
    release_it(story, ill, 3, "r3", story.names["board"])
    line = story.line("update and stay", release="r3")
    story.is_refused(line, "tried this release and came back from it")
    assert "keeps it" in story.says("update", release="r2")


def test_power_cycle_in_an_update(story, updated, ask):
    """Whichever moment the hand finds: the lock runs the old release or the new, and the same command goes on."""
    release_it(story, story.checkout("best", BEST), 4, "r4", story.names["board"])

    class Plug:
        cut = staticmethod(lambda: ask("Pull the lock's plug now; put it back after three seconds."))

    ask("Have the lock's plug in your hand: it is pulled in the middle of the next step.")
    story.cut_in(story.line("update", release="r4"), Plug, after=4_000)
    assert "keeps it" in story.says("update and stay", release="r4")


def test_power_cycle_in_a_ride(story, lock, moving, ask):
    story.opens()
    ask("Pull the lock's plug; put it back after three seconds. Push the ring shut.")
    assert "The bolt is open" in story.says("reopen")
    story.ends(ask)


# ---- of itself


def is_a_command(line):
    """Takes the line apart as the command would, and does nothing. Raises click.UsageError."""
    command, words, context = cli.main, shlex.split(line), None
    while True:
        context = command.make_context(command.name, words, parent=context)
        if not hasattr(command, "resolve_command"):
            return
        _, command, words = command.resolve_command(context, [*context._protected_args, *context.args])


@pytest.mark.parametrize("name", LINES)
def test_every_line_is_a_command(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r2").mkdir()
    for file in ("image.bin", "release-a.pub", "release-b.pub"):
        (tmp_path / file).touch()
    names = {"port": "/dev/ttyACM0", "board": "esp32s3_lock", "image": "image.bin", "lock": 16 * "a"}
    is_a_command(LINES[name].format(**names, release="r2"))
