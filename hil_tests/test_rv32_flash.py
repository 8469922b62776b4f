"""A bare 32-bit board becomes a lock by the `ringslot` command over its pty, and a rider opens it."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from hil_tests.test_rv32_lock import HEAP, Street
from tools import application, cli, provision, rv32
from tools.device import Device
from tools.errors import ToolError
from tools.rv32_lock import Client, Rv32Lock


@pytest.fixture
def bare(rv32_image, tmp_path):
    """A board that nobody has touched: its flash is empty. (memory, who will ride it)"""
    street = Street(tmp_path)
    street.lock.memory.path.unlink()
    return rv32.Memory(street.lock.memory.path), street


def cable(memory):
    return rv32.Machine(memory, heap=rv32.size("512k"), icount=False, serial="pty")


def ringslot(*words):
    done = CliRunner().invoke(cli.main, [*words, "--json"], catch_exceptions=False)
    return done.exit_code, json.loads(done.stdout) if done.stdout.startswith("{") else done.output


def test_copied_tested_provisioned_and_opened(bare, tmp_path):
    memory, street = bare
    with cable(memory) as machine:
        port = machine.pty()
        status, said = ringslot("flash", port, "--board", "qemu_rv32")
        assert status == 0 and said[port]["ok"] and said[port]["copied"] > 40, said
        assert {"storage", "bolt", "signatures", "gnss"} <= {check["name"] for check in said[port]["checks"]}
        machine.process.wait(20)  # that was its reset
    with cable(
        memory
    ) as machine:  # no lock yet: it stays at the prompt, and the second copy has nothing to do
        port = machine.pty()
        status, said = ringslot("flash", port, "--board", "qemu_rv32", "--lock", str(tmp_path / "files"))
        assert status == 0 and said[port]["copied"] == len(provision.read(tmp_path / "files")), said
        machine.process.wait(20)
    street.lock = Rv32Lock(tmp_path, None, HEAP)
    street.lock.start()

    async def ride():
        link = await Client(street.lock).connect(street.keep)
        assert (await street.start_ride(link, b"flashed!")).name == "OK"
        assert street.lock.hand("state")["bolt_open"]

    asyncio.run(ride())
    street.lock.cut()


def test_a_cable_that_is_pulled_leaves_what_is_there(bare):
    memory, _ = bare
    files = application.installed("qemu_rv32")
    with cable(memory) as machine:
        port = machine.pty()
        with pytest.raises(ToolError, match="run the same command; what is there already is kept"):
            with Device(port) as device:
                device.put(files, lambda share: machine.cut() if share > 0.4 else None)
    with cable(memory) as machine:
        with Device(machine.pty()) as device:
            there = device.hashes()
            kept = sum(there.get(path) is not None for path in files)
            assert 0.2 * len(files) < kept < 0.8 * len(files)
            assert device.put(files) == len(files) - kept
            device.check(files)


def test_another_lock_is_not_made_this_one_and_a_full_board_says_so(bare, tmp_path):
    memory, _ = bare
    with cable(memory) as machine:
        port = machine.pty()
        with Device(port) as device:
            device.put({"lock/identity": b"somebody else"})
        status, said = ringslot("flash", port, "--board", "qemu_rv32", "--lock", str(tmp_path / "files"))
        assert status == 1 and "is a lock already" in said[port]["error"]
        with Device(port) as device:
            assert list(device.hashes()) == ["lock/identity"]
            device.run("f = open('filler', 'wb')\nfor _ in range(960): f.write(bytes(1000))\nf.close()")
        status, said = ringslot("flash", port, "--board", "qemu_rv32")
        assert status == 1 and "is full" in said[port]["error"]


def test_a_board_with_a_broken_part_says_which(bare):
    """Its ring hangs half way: both switches of the bolt say no."""
    memory, _ = bare
    with cable(memory) as machine:
        port = machine.pty()
        with Device(port) as device:
            device.put(application.installed("qemu_rv32"))
            device.run(
                "import asyncio, sys\nsys.path.insert(0, '/lock/a')\nfrom boards.qemu_rv32 import main\n"
                "board = main.make()\nboard.lasting.world.jam(40)\nboard.motor.pull()\n"
                "async def turn():\n await asyncio.sleep_ms(900)\n"
                "asyncio.run(turn())\nboard.motor.stop()\nboard.lasting.save()"
            )
        status, said = ringslot("flash", port, "--board", "qemu_rv32")
        assert status == 1 and "failed its self-test. Bolt: neither switch is closed" in said[port]["error"]


@pytest.mark.parametrize("port", ["/dev/nowhere"])
def test_no_board_is_said_so(port):
    with pytest.raises(ToolError, match="busy or not there"):
        Device(port, wait_s=0.5)


def test_a_board_becomes_a_lock_of_the_fleet(bare, tmp_path, monkeypatch):
    memory, _ = bare
    monkeypatch.setenv("RINGSLOT_SECRET", "a secret for this test and nothing else")
    data, paper = tmp_path / "fleet", tmp_path / "bike-7"
    words = ["--uplink", "192.0.2.1:5683", "--url", "https://fleet.example/", "--data", str(data)]

    def provision_it(port, folder=paper, code="BIKE-7"):
        return ringslot("provision", port, code, "--board", "qemu_rv32", *words, "--out", str(folder))

    with cable(memory) as machine:
        port = machine.pty()
        status, said = provision_it(port)
        assert status == 1 and "does not hold Ringslot yet" in said
        with Device(port) as device:
            device.put({"lock/identity": b"somebody else"})
        status, said = provision_it(port)
        assert status == 1 and "is a lock already" in said
        with Device(port) as device:
            device.remove(["lock/identity"])
        assert not list(paper.iterdir())  # and the cloud knows of no lock: the code is free
        assert ringslot("flash", port, "--board", "qemu_rv32")[0] == 0
        machine.process.wait(20)
    with cable(memory) as machine:
        port = machine.pty()
        status, said = provision_it(port)
        assert status == 0, said
        machine.process.wait(20)
    assert sorted(path.name for path in paper.iterdir()) == ["card.pdf", "card.svg", "label.pdf", "label.svg"]
    assert all(path.stat().st_mode & 0o77 == 0 for path in paper.iterdir())
    lock = Rv32Lock(tmp_path, None, HEAP)
    lock.start()
    assert lock.hand("state")["state"] == "locked"
    lock.cut()
