"""The lock's software as a board holds it: the modules of its main.py, linked and compiled, in a slot.

A slot is a folder with a whole release. Which one runs is for boards/launcher.py to say; a cable fills the first of a
bare board, and of a lock the one that does not run.
"""

from collections.abc import Iterable, Mapping

from tools import board_data, rv32, rv32_build

SLOT = "a"


def slot(board: str) -> dict[str, bytes]:
    """{path in the slot: bytes} of this checkout's application for that board."""
    data = board_data.read(board)
    roots = (f"boards/{board}/main.py", "boards/parts/selftest.py")
    sources = rv32.sources_for(*roots)
    linked = rv32.linked_of(sources, roots)
    frozen = board == rv32_build.BOARD.name  # its boards/ lies in the image
    files = {}
    for path, text in sources.items():
        if path not in linked and (frozen or path.startswith(rv32.LOCK)):
            continue
        files[path.removesuffix(".py") + ".mpy"] = rv32.compile_text(
            path, linked.get(path, text), data["mpy_arch"], lean=True
        )
    return files


def installed(board: str, release: Mapping[str, bytes] | None = None, into: str = SLOT) -> dict[str, bytes]:
    """{path on the board: bytes} with that release, or this checkout's application, in that slot.

    In the order in which to write them: a board starts what is new when all of it is there.
    """
    root = board_data.read(board)["root"]
    files = {f"{root}{into}/{path}": data for path, data in (release or slot(board)).items()}
    files[f"{root}slot"] = into.encode()
    files["main.py"] = launcher(board)
    return files


def launcher(board: str) -> bytes:
    """The main.py that starts a slot."""
    text = (board_data.BOARDS / "launcher.py").read_text()
    return f"{text}\n\n{board_data.read(board)['start']}\n".encode()


def strangers(there: Iterable[str], board: str, files: Mapping[str, bytes], into: str = SLOT) -> list[str]:
    """What lies in that slot and does not belong to it."""
    inside = f"{board_data.read(board)['root']}{into}/"
    return [path for path in there if path.startswith(inside) and path not in files]
