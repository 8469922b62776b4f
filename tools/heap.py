"""Where a lock's memory is on 32 bits: `python -m tools.rv32 heap`. What is counted: see rv32_heap.py."""

import ast
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from tools import link_reach, rv32

SCRIPT = "tools/rv32_heap.py"
_BLOCK = 16  # bytes, MicroPython's smallest piece


class Heap(NamedTuple):
    """Bytes of the heap; `modules`: {path: (heap, .mpy)} in the order of import."""

    modules: dict[str, tuple[int, int]]
    combs: int
    objects: int  # made at boot: the lock's, and the board's with the simulated world
    world: int  # what is in RAM of the frozen modules
    free: int  # of the heap that was asked for, at the first advertisement
    largest: int  # piece of it
    names: int  # in MicroPython's store of names

    @property
    def code(self) -> int:
        return sum(heap for heap, _ in self.modules.values())

    def part(self, starts: str | tuple[str, ...]) -> int:
        """Of the modules whose paths start so."""
        return sum(heap for path, (heap, _) in self.modules.items() if path.startswith(starts))


def measure(provisioned: dict[str, bytes], heap: int = 1 << 20) -> Heap:
    """Of a lock with these files. Raises rv32.MachineError when it does not boot."""
    files = rv32.modules_for(SCRIPT, "firmware/lock.py")
    order = _order(rv32.linked_of(rv32.sources_for(SCRIPT), [SCRIPT]))
    names = [path.removesuffix(".py").replace("/", ".") for path in order]
    files |= {f"lock/{name}": data for name, data in provisioned.items()}
    with tempfile.TemporaryDirectory() as folder:
        done = rv32.run_script(rv32.ROOT / SCRIPT, Path(folder), *names, files=files, heap=heap)
    found: dict[str, int] = {}
    for name, number in re.findall(r"^([\w.]+) (-?\d+)$", done.output, re.M):
        found[name] = found.get(name, 0) + int(number)
    piece = re.search(r"max free sz: (\d+)", done.output)
    stored = re.search(r"n_qstr=(\d+)", done.output)
    if done.status or not piece or not stored:
        raise rv32.MachineError(f"the lock did not boot on RV32:\n{done.output}")
    modules = {
        path: (found[name], len(files[path.removesuffix(".py") + ".mpy"]))
        for path, name in zip(order, names, strict=True)
    }
    rest = found["combs"], found["objects"], found["world"], found["free"]
    return Heap(modules, *rest, int(piece[1]) * _BLOCK, int(stored[1]))


def _order(linked: dict[str, str]) -> list[str]:
    """Each module after what it imports at its top level, so that each is counted for itself."""
    order: list[str] = []
    linked = dict(sorted(linked.items(), key=lambda one: one[0] != "protocol/ed25519.py"))  # as main.py does
    seen: set[str] = set()

    def visit(path: str) -> None:
        if path in seen or path not in linked:
            return
        seen.add(path)
        for origins in link_reach.aliases(ast.Module(_top_level(linked[path]), [])).values():
            for module, name in origins:
                visit(link_reach.path_of(f"{module}.{name}"))
                visit(link_reach.path_of(module))
        order.append(path)

    for path in linked:
        visit(path)
    return order


def _top_level(text: str) -> list[ast.stmt]:
    return [one for one in ast.parse(text).body if isinstance(one, (ast.Import, ast.ImportFrom))]


def table(found: Heap, heap: int) -> list[str]:
    lines = [f"{'':31}{'heap':>9}{'.mpy':>9}"]
    lines += [f"{path:31}{taken:>9,}{size:>9,}" for path, (taken, size) in found.modules.items()]
    sums = [
        ("code", found.code),
        ("combs", found.combs),
        ("frozen modules' part in RAM", found.world),
        ("objects after boot", found.objects),
        (f"free of {heap:,}", found.free),
        ("largest free piece", found.largest),
    ]
    lines += [f"{what:31}{size:>9,}" for what, size in sums]
    return [*lines, f"{'names stored':31}{found.names:>9,}"]
