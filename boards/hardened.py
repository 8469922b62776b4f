"""The start of a hardened image: frozen into it, in place of MicroPython's `_boot.py`, of `boot.py` and of `main.py`.

    start(mount, root, board, "boards.<board>.main", reset)         does not return

Only the image and one slot can be imported from, and that slot only while it is what two release keys signed:

| what                                   | when               | why                                             |
|----------------------------------------|--------------------|-------------------------------------------------|
| both signatures of the manifest's head | at its first start | slow; a release outlives the keys of its day    |
| a mark beside it, keyed by K_lock      | at each start      | a copied or edited manifest has none            |
| SHA-256 of every file in the list      | at each start      | flash ages, and files can be exchanged          |
| no other module lies in the slot       | at each start      | it could stand in front of a frozen one         |

A slot that is not that is not entered: the application in the image runs, which no update can take away. Nothing is
formatted, whatever ails the storage: the lock says that it is out of order until someone looks at it. Against someone
who rewrites the flash with K_lock and the keyset in it, only the chip's flash encryption helps.
"""

import gc
import hashlib
import os
import sys

from boards import launcher

_FOLDER = 0x4000
_BLOCK = 512
_MARK = "/verified"


def start(mount, root, board, module, reset):
    """`mount()`: the file system, OSError when it cannot be. `module`: has run(hardened) and quarantine(). Whatever
    ends them ends in `reset()`."""
    try:
        sys.path[:] = [".frozen"]
        try:
            mount()
        except Exception:
            __import__(module, None, None, ("quarantine",)).quarantine()
        else:
            slot = choose(root, board)
            if slot:
                sys.path.insert(0, root + "/" + slot)
            _forget()
            __import__(module, None, None, ("run",)).run(True)
    except BaseException as error:
        print("ended by", type(error).__name__)  # its text may hold what it choked on
    finally:
        reset()


def choose(root, board):
    """The slot to run, None for the application in the image, which every slot that is not well gives way to."""

    def whole(text):
        run = (text or "").split(" ")[0]
        return [run] if run in launcher.SLOTS and is_verified(root, run, board) else []

    slot = launcher.settle(root, whole)
    return slot if is_verified(root, slot, board) else None


def is_verified(root, slot, board):
    """Whether that slot holds a release for this board, all of it and nothing else that could be imported."""
    from protocol import manifest  # in the image: the slot's own are not loaded yet

    folder = root + "/" + slot
    try:
        with open(folder + "/manifest", "rb") as file:
            head = manifest.parse_head(file.read(manifest.HEAD_MAX))
            if head.board != board:
                return False
            file.seek(head.length)
            count = manifest.check_list(file.read, head.size, head.digest)
            file.seek(head.length)
            for path, _, digest in manifest.entries(file.read, head.size):
                if _sha256(folder + "/" + path) != digest:
                    return False
        if _modules(folder) != count:
            return False
        mark = _mark(root, head.payload)
        if _read(folder + _MARK) == mark:
            return True
        from protocol import ed25519, roots

        first, verify = roots.parse(_read(root + "/roots")), ed25519.verify
        if not manifest.trusted(head, roots.verify(_read(root + "/keyset"), first, verify, True), verify):
            return False
    except (OSError, ValueError):  # ValueError: of what is no manifest, keyset or identity
        return False
    _keep(folder + _MARK, mark)
    return True


def _mark(root, payload):
    """What only a start of this lock could have written about that payload of a manifest's head."""
    from protocol import cbor, keys, mac

    k_lock = cbor.decode(_read(root + "/identity"))[2]
    return mac.hmac_sha256(keys.derive(k_lock, b"slot", 32), payload)


def _keep(path, data):
    try:
        with open(path, "wb") as file:
            file.write(data)
    except OSError:
        pass  # the next start verifies again


def _read(path):
    """b"" when there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _sha256(path):
    seen, block = hashlib.sha256(), bytearray(_BLOCK)
    view = memoryview(block)
    with open(path, "rb") as file:
        while True:
            n = file.readinto(block)
            if not n:
                return seen.digest()
            seen.update(view[:n])


def _modules(folder):
    """How many files under it MicroPython would import."""
    count = 0
    for name in os.listdir(folder):
        path = folder + "/" + name
        if os.stat(path)[0] & _FOLDER:
            count += _modules(path)
        elif name.endswith(".py") or name.endswith(".mpy"):
            count += 1
    return count


def _forget():
    """What was loaded from the image to look at the slot, so that the slot's own are loaded now."""
    for name in list(sys.modules):
        if name.split(".")[0] in ("protocol", "firmware"):
            del sys.modules[name]
    gc.collect()
