"""A lock of the fleet becomes a board, and then another lock on the same bicycle: by the `ringslot` command alone.

What is on its flash is read from the flash itself, byte by byte, with its power off.
"""

import pytest

from hil_tests.test_rv32_flash import BOARD
from hil_tests.test_rv32_story import HEAP
from hil_tests.workbench import Workbench
from protocol import cbor, keys
from tools import application
from tools.rv32_cable import Cabled

CODE = "BIKE-7"


@pytest.fixture
def board(rv32_image, tmp_path):
    """One that was flashed."""
    board = Cabled(tmp_path, HEAP)
    board.memory.put_files(application.installed(BOARD))
    with board:
        yield board


def provision(bench, board, folder):
    resets = board.resets
    made = bench.types(
        f"provision {board.port} {CODE} --board {BOARD} --uplink 192.0.2.1:5683 --url https://fleet.example"
        f" --data fleet --out {folder} --json"
    ).json()
    board.wait_reset(resets)
    return made["lock_id"]


def written(board):
    """(files, all of its flash) of a board that loses its power for that long."""
    board.cut()
    found = board.memory.files(), board.memory.flash()
    board.start()
    return found


def test_a_lock_becomes_a_board_and_another_lock(board, tmp_path, children):
    bench = Workbench(tmp_path)
    bench.cloud(children)
    bench.types("user add chief --role admin --password-stdin --data fleet")
    bench.types("user add mechanic --password-stdin --data fleet")
    lock = provision(bench, board, "first")
    files, flash = written(board)
    identity = cbor.decode(files["lock/identity"])
    secrets = [identity[2], keys.receipt_key(identity[2]), identity[1], files["lock/seed"]]
    assert identity[1].hex() == lock and identity[2] in flash and files["lock/seed"] in flash

    chief, mechanic = (f"phone --cable {board.port} --pocket {name}" for name in ("chief", "mechanic"))
    for phone, name in ((chief, "chief"), (mechanic, "mechanic")):
        bench.types(f"{phone} sign-in {name} --password-stdin")
    bench.is_refused(f"{mechanic} decommission {lock}", "Your role does not allow this")
    bench.is_refused(f"{chief} decommission {lock}", "Open the ring first")
    assert "lock/identity" in written(board)[0]
    bench.types(f"{mechanic} service {lock}")
    resets = board.resets
    assert "has erased what it was" in bench.types(f"{chief} decommission {lock}")
    board.wait_reset(resets + 1)  # the boot after it makes sure, and starts once more: at the prompt

    files, flash = written(board)
    kept = application.installed(BOARD)
    assert {path: data for path, data in files.items() if not path.startswith("world/")} == kept
    assert not [secret for secret in secrets if secret in flash]

    other = provision(bench, board, "second")  # the cloud has freed the bicycle, upon the lock's last receipt
    assert other != lock and bench.types(f"hand {board.port} state").json()["state"] == "locked"
