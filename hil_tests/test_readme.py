"""The README's section for the person who flashes locks, line by line as it stands there.

What stands in for what nobody has here: the 32-bit board in QEMU for an ESP32 with MicroPython on it, a program that
speaks its loader for a bare chip, free ports for the usual ones.
"""

import re
import shlex
import subprocess
import sys

import pytest

from hil_tests.rom_chip import Wire
from hil_tests.test_flash import image
from hil_tests.test_rv32_flash import CABLE_HEAP
from hil_tests.test_rv32_provision import PAPERS
from hil_tests.workbench import PASSWORD, ROOT
from tools.processes import Processes, free_port
from tools.rv32_cable import Cabled

HEADING = "If you flash locks"
CHIP = ("/dev/ttyACM0", "esp32s3_lock")


def lines():
    """The commands of the section, each on one line, without what is said behind them."""
    section = (ROOT / "README.md").read_text().split(f"\n## {HEADING}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"(?:^    .*\n)+", section, flags=re.MULTILINE)
    found = "".join(blocks).replace("\\\n", " ").splitlines()
    return [
        shlex.join(shlex.split(line, comments=True)) if "export" not in line else line.strip()
        for line in found
    ]


class Reader:
    """Types them in an empty folder with the .venv of a checkout."""

    def __init__(self, folder):
        self.folder = folder
        (folder / ".venv").symlink_to(sys.prefix)
        self.environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}

    def exports(self, line):
        name = re.match(r"export (\w+)=", line)[1]
        line = line.replace("python3", shlex.quote(sys.executable))
        said = subprocess.run(["bash", "-c", f'{line}\nprintf %s "${name}"'], capture_output=True, text=True)
        assert said.stdout and not said.stderr, said
        self.environ[name] = said.stdout

    def types(self, line, *more):
        words = [*shlex.split(line), *more]
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self.environ,
            input=f"{PASSWORD}\n" * 4,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
            start_new_session=True,  # no terminal: passwords come from standard input
        )


def of(found, *words):
    """The one line with these words, which is then done."""
    (line,) = [line for line in found if all(word in line for word in words)]
    found.remove(line)
    return line


@pytest.fixture
def reader(tmp_path):
    (tmp_path / "desk").mkdir()
    return Reader(tmp_path / "desk")


def test_the_section_that_flashes_locks(rv32_image, reader, tmp_path):
    left = lines()
    desk = tmp_path / "desk"

    def well(line, *more):
        said = reader.types(line, *more)
        assert said.returncode == 0, f"{line}\n{said.stdout}"
        return said.stdout

    with Processes(tmp_path / "logs") as children, Cabled(tmp_path, CABLE_HEAP) as board:
        reader.exports(of(left, "export RINGSLOT_SECRET"))

        def leaves_running(line, ready, *more):
            words = [*shlex.split(line), *more]
            return children.start(
                words[1], words, cwd=desk, environ=reader.environ, ready=ready, timeout_s=180
            )

        web, coap = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        leaves_running(of(left, "ringslot up"), "Ctrl-C ends it", "--web", web, "--coap", coap)
        assert "may sign in as admin" in well(of(left, "user add chief"))
        assert "otpauth" in well(of(left, "user second-factor chief"))

        (desk / "ESP32_GENERIC_S3.bin").write_bytes(image())
        with Wire("esp32s3") as chip:  # what boots on it is nothing
            said = reader.types(of(left, "flash", "--image").replace(CHIP[0], chip.port))
            assert said.returncode == 1 and "No MicroPython answers" in said.stdout, said.stdout
            assert bytes(chip.flash[: len(image())]) == image() and chip.erased == 1

        def here(line):
            assert all(word in line for word in CHIP), line
            return line.replace(CHIP[0], board.port).replace(CHIP[1], "qemu_rv32")

        assert "every one compared" in well(here(of(left, "flash")))
        board.wait_reset(0)
        said = well(here(of(left, "provision")))
        assert "is lock" in said and "Print bike-7/label.pdf" in said
        assert sorted(path.name for path in (desk / "bike-7").iterdir()) == PAPERS
        board.wait_reset(1)
        assert "bolt_open" in well(f".venv/bin/ringslot hand {board.port} state")  # it runs

        assert "is registered for BIKE-8" in well(of(left, "lock add"))
        leaves_running(of(left, "ringslot sim"), "Ctrl-C ends it")
    assert not left, left
