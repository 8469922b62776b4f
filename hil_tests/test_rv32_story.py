"""From a bare board to a lock on the street, and on to the next version: told by the `ringslot` command alone.

The board is the 32-bit one in QEMU, at the end of its cable, in one heap from first to last. The only hand that is not
a command's pulls the plug.
"""

import pytest

from hil_tests.workbench import Workbench
from tools import rv32
from tools.rv32_cable import Cabled

BOARD = "qemu_rv32"
HEAP = rv32.size("224k")  # as an update takes in test_rv32_update.py

# What the next version changes, in modules of several blocks each
BETTER = {
    "firmware/power.py": ("_SHAKEN_MS = const(15_000)", "_SHAKEN_MS = const(16_000)"),
    "firmware/gps.py": ("_READS = const(8)", "_READS = const(9)"),
    "firmware/session.py": ("_GRACE_MS = const(200)", "_GRACE_MS = const(250)"),
}
# And one that finds itself ill, soon
ILL = {"firmware/update.py": ("return v.bolt and v.radio", "return False and v.radio")}
SOON = ("TRIAL_S = const(900)", "TRIAL_S = const(25)")


@pytest.fixture
def board(rv32_image, tmp_path):
    with Cabled(tmp_path, HEAP) as board:
        yield board


def test_the_story(board, tmp_path, children):
    bench = Workbench(tmp_path)
    bench.cloud(children)
    bench.types("user add chief --role admin --password-stdin --data fleet")
    bench.types("user add mechanic --password-stdin --data fleet")
    bench.types("keys release new release-a.pem release-b.pem --passphrase-stdin")
    bench.types("keys release add release-a.pub release-b.pub --data fleet")

    # A bare board becomes a lock
    resets = board.resets
    flashed = bench.types(f"flash {board.port} --board {BOARD} --json").json()[board.port]
    assert flashed["ok"] and flashed["copied"] > 40
    assert {"storage", "bolt", "signatures", "gnss"} <= {check["name"] for check in flashed["checks"]}
    board.wait_reset(resets)
    made = bench.types(
        f"provision {board.port} BIKE-7 --board {BOARD} --uplink 192.0.2.1:5683 --url https://fleet.example"
        " --data fleet --out bike-7 --json"
    ).json()
    lock = made["lock_id"]
    assert sorted(path.name for path in (tmp_path / "bike-7").iterdir()) == [
        *("card.pdf", "card.svg", "label.pdf", "label.svg")
    ]
    board.wait_reset(resets + 1)

    # A rider opens it
    phone = f"phone --cable {board.port}"
    bench.types(f"{phone} sign-up rider --password-stdin")
    bench.types(f"{phone} claim BIKE-7")
    assert "The bolt is open" in bench.types(f"{phone} unlock")
    seen = bench.types(f"hand {board.port} state").json()
    assert seen["bolt_open"] and seen["actuations"] == 1
    bench.types(f"hand {board.port} close")
    assert "The ride has ended" in bench.types(f"{phone} end")

    # The next version is made, and signed by two
    better = bench.checkout("better", BETTER)
    release_it(bench, better, 2, "r2")
    technician = f"phone --cable {board.port} --pocket toolbox"
    bench.types(f"{technician} sign-in mechanic --password-stdin")

    # The power goes while it is brought; the lock is the lock it was, and the same command goes on
    listed = (tmp_path / "r2" / "manifest").stat().st_size  # comes first
    said = bench.cut_in(f"{technician} update {lock} r2", board, after=listed + 2_000)
    assert said.status == 1 and ("Try again" in said or "was lost" in said), said
    files = board.memory.files()
    assert files["lock/slot"] == b"a" and "lock/b/incoming" in files and "lock/b/manifest" not in files
    board.start()
    assert "keeps it" in bench.types(f"{technician} update {lock} r2 --wait")

    # A version that fails its own self-test is left, and the technician hears it
    ill = bench.checkout("ill", {**BETTER, **ILL})
    path = ill / "firmware" / "update.py"
    assert path.read_text().count(SOON[0]) == 1
    path.write_text(path.read_text().replace(*SOON))
    release_it(bench, ill, 3, "r3")
    bench.is_refused(f"{technician} update {lock} r3 --wait", "tried this release and came back from it")
    assert "keeps it" in bench.types(f"{technician} update {lock} r2")

    # And it is a lock as before
    bench.types(f"{phone} deliver")
    bench.types(f"{phone} claim BIKE-7")
    bench.types(f"{phone} unlock")
    board.cut()
    files = board.memory.files()
    assert files["lock/slot"] == b"b" and files["lock/a/failed"] == b"x"


def release_it(bench, checkout, version, folder, board=BOARD):
    bench.types(
        f"release build {board} --version {version} --expires 2027-06-01 --out {folder}", checkout=checkout
    )
    for name in ("a", "b"):
        bench.types(
            f"release sign {folder} --key release-{name}.pem --passphrase-stdin --rebuild", checkout=checkout
        )
