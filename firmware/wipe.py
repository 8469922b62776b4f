"""Makes a lock a board again: what is left on its flash is its software, and nothing of what it knew or was.

| step       | does                                                                                                |
|------------|-----------------------------------------------------------------------------------------------------|
| mark       | from here on a boot goes on with the erasing, and does nothing else                                 |
| remove     | every file and folder but `KEEP`; the identity becomes an empty file, for the launcher to start by  |
| fill, turn | a file of zeros in all free blocks, then small files until the folders' own logs were written anew: |
|            | littlefs erases a block only when it writes there again                                             |
| last       | the identity and the mark go: the board is no lock                                                  |

Loaded once in a lock's life. OSError when the flash fails; a boot tries again.
"""

import os

from protocol.compat import const

MARK = "erasing"
KEEP = ("main.py", "boot.py", "slot", "a", "b", MARK, "identity")
_ZEROS = const(4096)
_TURNS = const(256)  # of 64 bytes and their names: more than both blocks of a folder hold
_FOLDER = const(0x4000)


def due(store):
    """Whether an erasing was begun."""
    return store.size(MARK) > 0


async def erase(board, clock):
    """All but the last step, in pieces between which others run."""
    for _ in _steps(board.storage.root):
        await clock.sleep_ms(0)


def finish(board):
    """All of it, at a boot."""
    for _ in _steps(board.storage.root):
        board.watchdog.feed()
    end(board.storage.root)


def end(root):
    """The last step: after it the board is no lock."""
    for name in ("identity", MARK):
        try:
            os.remove(root + "/" + name)
        except OSError:
            pass  # from the time before


def _steps(root):
    for name, data in ((MARK, b"1"), ("identity", b"")):
        with open(root + "/" + name, "wb") as file:
            file.write(data)
    for name in os.listdir(root or "/"):
        if name not in KEEP:
            for _ in _removed(root + "/" + name):
                yield
    size = os.statvfs(root or "/")
    for _ in _filled(root + "/zeros", size[1] * size[2] // _ZEROS):
        yield
    for n in range(_TURNS):
        path = root + "/zeros%d" % (n & 1)
        with open(path, "wb") as file:
            file.write(bytes(64))
        os.remove(path)
        yield


def _removed(path):
    if os.stat(path)[0] & _FOLDER:
        for name in os.listdir(path):
            for _ in _removed(path + "/" + name):
                yield
        os.rmdir(path)
    else:
        os.remove(path)
    yield


def _filled(path, most):
    zeros = bytes(_ZEROS)
    try:
        with open(path, "wb") as file:
            for _ in range(most):
                file.write(zeros)
                file.flush()
                yield
    except OSError:
        pass  # full, which is what was wanted
    os.remove(path)
