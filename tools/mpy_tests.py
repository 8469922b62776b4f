"""What run_mpy_tests.py runs and prints, seen from CPython: the tests of a file, and what became of them."""

import ast
import re
from pathlib import Path

RUNNER = "tools/run_mpy_tests.py"

_REPORT = re.compile(r"^(PASS|FAIL) (test_\w+)$")
_HEAP_LINE = re.compile(r"# heap: (\d+[km])$")


def tests_of(path: Path) -> list[str]:
    """The tests that both interpreters run: what stands inside `try: import ... else:` is CPython's alone."""
    body = ast.parse(path.read_text()).body
    return [node.name for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def heap_of(path: Path, usual: str) -> str:
    """What a first line `# heap: 1m` asks for, else the usual."""
    asked = _HEAP_LINE.match(path.read_text().split("\n", 1)[0])
    return asked[1] if asked else usual


def reports(output: str) -> tuple[dict[str, tuple[str, str]], str]:
    """({test: (verdict, what was printed in it)}, what was printed after the last one)."""
    found, lines = {}, []
    for line in output.splitlines():
        if report := _REPORT.match(line):
            found[report[2]] = report[1], "\n".join(lines)
            lines = []
        else:
            lines.append(line)
    return found, "\n".join(lines)


def complaint(verdict: str, printed: str) -> bool:
    """Whether a test has failed. So has one that warns: on a lock each such line costs milliseconds of UART."""
    return verdict != "PASS" or "Warning: " in printed
