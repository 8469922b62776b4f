"""Who may import whom: the ARROWS below, for every import in every file, nested ones too.

`if TYPE_CHECKING:` blocks are for checkers alone and do not count. A file's own folder is always allowed.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = {"protocol", "firmware", "boards", "cloud", "tools", "hil_tests"}

# What both interpreters offer and logic may use. Not `time`: a clock is handed in. Not `micropython`: compat.py.
BOTH = {
    "array",
    "asyncio",
    "binascii",
    "collections",
    "errno",
    "gc",
    "hashlib",
    "io",
    "json",
    "os",
    "struct",
    "sys",
}
BYTES_ONLY = {"struct", "hashlib", "binascii"}
INTERPRETER = {
    "gc",
    "micropython",
    "cryptolib",
    "cryptography",
    "hashlib",
    "time",
}  # what compat.py is there to hide

# folder: (folders of ours, modules of others; None is any)
ARROWS = {
    "protocol": (set(), BYTES_ONLY),
    "firmware": ({"protocol"}, BOTH),
    "boards": ({"protocol"}, None),
    "cloud": ({"protocol"}, None),
    "tools": (FOLDERS, None),
    "hil_tests": (FOLDERS, None),
}
# Tests may reach further: for libraries to compare with, and for doubles that have behaviour.
TEST_ARROWS = {
    "protocol": ({"tools"}, None),
    "firmware": ({"protocol", "boards"}, None),
    "boards": ({"protocol", "firmware", "tools"}, None),
    "cloud": ({"protocol"}, None),
}
# Single files that may do what their folder may not.
EXCEPTIONS = {
    "protocol/compat.py": (set(), INTERPRETER),
    "main.py": ({"protocol", "firmware"}, None),  # boards/*/main.py, the composition root
}


def rule(path: str):
    """(folders of ours, modules of others) that a file may import."""
    folder, name = path.split("/")[0], path.split("/")[-1]
    if path in EXCEPTIONS:
        return EXCEPTIONS[path]
    if folder == "boards" and name in EXCEPTIONS:
        return EXCEPTIONS[name]
    if name.startswith("test_") and folder in TEST_ARROWS:
        return TEST_ARROWS[folder]
    return ARROWS[folder]


def imports(source: str):
    """The first name of every module that the source imports anywhere."""

    found: set[str] = set()

    class Finder(ast.NodeVisitor):
        def visit_If(self, node):
            if ast.unparse(node.test).split(".")[-1] == "TYPE_CHECKING":
                for other in node.orelse:
                    self.visit(other)
            else:
                self.generic_visit(node)

        def visit_Import(self, node):
            found.update(alias.name.split(".")[0] for alias in node.names)

        def visit_ImportFrom(self, node):
            found.add("." if node.level else node.module.split(".")[0])  # a relative one hides the arrow

        def visit_Call(self, node):
            if ast.unparse(node.func) in ("__import__", "import_module", "importlib.import_module"):
                name = node.args[0] if node.args else None
                found.add(name.value.split(".")[0] if isinstance(name, ast.Constant) else "?")
            self.generic_visit(node)

    Finder().visit(ast.parse(source))
    return found


def against(path: str, source: str):
    """What a file imports and may not."""
    ours, others = rule(path)
    return {
        name
        for name in imports(source)
        if (
            name not in ours | {path.split("/")[0]}
            if name in FOLDERS
            else others is not None and name not in others
        )
    }


def test_every_file_keeps_to_the_arrows():
    files = [path for folder in sorted(FOLDERS) for path in (ROOT / folder).rglob("*.py")]
    broken = {}
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        wrong = against(name, path.read_text())
        if wrong:
            broken[name] = sorted(wrong)
    assert not broken
    assert len(files) > 30


def test_the_rules_can_fail():
    for path, source, wrong in (
        ("protocol/cbor.py", "import struct\nfrom protocol.compat import const", set()),
        ("protocol/cbor.py", "from firmware import unlock", {"firmware"}),
        ("protocol/cbor.py", "import typing, os.path", {"typing", "os"}),
        ("protocol/cbor.py", "import micropython", {"micropython"}),
        ("protocol/compat.py", "import micropython, cryptolib", set()),
        ("protocol/compat.py", "import machine", {"machine"}),
        ("protocol/cbor.py", "from . import mac", {"."}),
        ("protocol/test_cbor.py", "import cbor2", set()),
        ("protocol/test_cbor.py", "import cloud.app", {"cloud"}),
        (
            "firmware/rides.py",
            "import asyncio\nfrom protocol import cbor\nfrom firmware import outbox",
            set(),
        ),
        ("firmware/rides.py", "def f():\n    import machine", {"machine"}),
        ("firmware/rides.py", "class C:\n    def f(self):\n        from boards.sim import world", {"boards"}),
        (
            "firmware/rides.py",
            "try:\n    import time\nexcept ImportError:\n    import bluetooth",
            {"time", "bluetooth"},
        ),
        ("firmware/rides.py", "if TYPE_CHECKING:\n    from boards.contract import Motor", set()),
        ("firmware/rides.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import boards", {"boards"}),
        ("firmware/rides.py", "__import__('cloud.app')", {"cloud"}),
        ("firmware/rides.py", "__import__(name)", {"?"}),
        ("firmware/test_rides.py", "from boards.sim import world", set()),
        ("firmware/test_rides.py", "from cloud import app", {"cloud"}),
        ("boards/sim/world.py", "import machine\nfrom protocol import cbor", set()),
        ("boards/sim/world.py", "from firmware import supervisor", {"firmware"}),
        ("boards/sim/main.py", "from firmware import supervisor", set()),
        ("boards/sim/main.py", "from tools import cli", {"tools"}),
        ("cloud/app.py", "import flask\nfrom protocol import token", set()),
        ("cloud/app.py", "from firmware import accept", {"firmware"}),
        ("cloud/test_app.py", "from boards.sim import world", {"boards"}),
        ("tools/cli.py", "import cloud.app, firmware, boards.sim", set()),
    ):
        assert against(path, source) == wrong, (path, source)
