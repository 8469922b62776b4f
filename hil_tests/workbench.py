"""A bench on which locks are made: the `ringslot` command as people type it, a cloud of its own, other checkouts.

Everything is a process: the command in .venv/bin, and what it starts. What it says is what a test reads.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from tools.processes import Child, Processes, free_port

ROOT = Path(__file__).parent.parent
RINGSLOT = Path(sys.prefix) / "bin" / "ringslot"
PASSWORD = "a password of the tests"
_PATIENCE_S = 600  # for one command on a machine that does other things too
SOURCES = ("protocol", "firmware", "boards", "tools", "cloud")


class Said(str):
    """What a command printed, both streams. `status`: its exit status."""

    status: int

    def json(self):
        return json.loads(self[self.index("{") :])


class Workbench:
    """`folder` is where commands are typed; the fleet's data lies in fleet/ there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        self.environ = {
            "PATH": f"{RINGSLOT.parent}:/usr/bin:/bin",
            "RINGSLOT_SECRET": secrets.token_urlsafe(32),
            "RINGSLOT_CLOUD": self.url,
            "RINGSLOT_POCKET": "pocket",
            "RINGSLOT_STAFF_SECOND_FACTOR": "off",  # nobody holds a second phone here
        }

    def start(self, line: str, checkout: Path = ROOT, **more: str) -> subprocess.Popen:
        """A command under way."""
        return subprocess.Popen(
            [RINGSLOT, *line.split()],
            cwd=self.folder,
            env={**self.environ, "PYTHONPATH": str(checkout), **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
            start_new_session=True,  # no terminal: passwords come from standard input
        )

    def tries(self, line: str, answers: str = f"{PASSWORD}\n" * 6, **more) -> Said:
        """What came of a command, whichever way it went. A traceback is never right."""
        command = self.start(line, **more)
        try:
            printed, _ = command.communicate(answers, timeout=_PATIENCE_S)
        finally:
            command.kill()
        said = Said(printed)
        said.status = command.returncode
        assert "Traceback" not in said, f"ringslot {line}\n{said}"
        return said

    def types(self, line: str, **more) -> Said:
        """A command that must go well."""
        said = self.tries(line, **more)
        assert said.status == 0, f"ringslot {line}\n{said}"
        return said

    def is_refused(self, line: str, sentence: str, **more) -> Said:
        """A command that must end with exit status 1 and this sentence, a regular expression."""
        said = self.tries(line, **more)
        assert said.status == 1 and re.search(sentence, said), f"ringslot {line}\n{said.status}: {said}"
        return said

    def cloud(self, children: Processes) -> Child:
        """`ringslot up`, ready."""
        command = [RINGSLOT, "up", "--data", "fleet", "--web", self.url.removeprefix("http://")]
        return children.start(
            "up",
            [*command, "--coap", f"127.0.0.1:{free_port()}"],
            cwd=self.folder,
            environ={**self.environ, "PYTHONPATH": str(ROOT)},
            ready="Ctrl-C ends it",
            timeout_s=120,
        )

    def cut_in(self, line: str, board, after: int, **more) -> Said:
        """A command in the middle of which the board loses its power: once so many bytes were sent."""
        command = self.start(line, **more)
        heard = ""
        while not any(int(sent) >= after for sent in re.findall(r"(\d+) bytes", heard)):
            more_of_it = os.read(command.stdout.fileno(), 4096).decode()
            assert more_of_it, heard
            heard += more_of_it
        board.cut()
        rest, _ = command.communicate(timeout=_PATIENCE_S)
        said = Said(heard + rest)
        said.status = command.returncode
        return said

    def checkout(self, name: str, changes: dict[str, tuple[str, str]]) -> Path:
        """This checkout with something different about it: path -> (what is there, what is there then)."""
        made = self.folder / name
        for part in SOURCES:
            shutil.copytree(
                ROOT / part,
                made / part,
                ignore=shutil.ignore_patterns("__pycache__", "test_*", "node_modules"),
            )
        (made / "build").symlink_to(ROOT / "build")
        for path, (old, new) in changes.items():
            text = (made / path).read_text()
            assert text.count(old) == 1, f"{path} has not exactly one {old!r}"
            (made / path).write_text(text.replace(old, new))
        return made
