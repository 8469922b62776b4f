"""Small releases, signed, and the two slots of a lock that runs one: for tests on both interpreters.

old, new = release(1), release(2, changed=("firmware/lock.mpy",))
install(root, old)             slot a holds it, and /slot says so
holds(root, "a", old)          whether that slot holds all of it and nothing else that could be imported
"""

import hashlib
import os

from boards.sim.signer import QuickKey
from boards.sim.virtual import START
from protocol import keys, manifest

BOARD = "sim"
EXPIRES = START // 1000 + 20 * 86_400
SIGNERS = [QuickKey(hashlib.sha256(b"release %d" % number).digest()) for number in (1, 2)]
_SIZES = (  # a file of no bytes, of one block, of a block and more, of several flushes
    ("boards/sim/main.mpy", 300),
    ("firmware/__init__.py", 0),
    ("firmware/lock.mpy", 1100),
    ("firmware/unlock.mpy", 512),
    ("protocol/cbor.mpy", 40),
    ("protocol/cose.mpy", 40),
)


def kids(signers=SIGNERS):
    return [(keys.kid(keys.RELEASE, one.public), one.sign) for one in signers]


class Release:
    """`version`; `files`: path -> bytes; `manifest`; `digest`: of the manifest."""

    def __init__(self, version, files, counter=1, board=BOARD, expires=EXPIRES, signers=SIGNERS):
        self.version, self.files = version, files
        listed = manifest.encode_list(
            [(path, len(data), hashlib.sha256(data).digest()) for path, data in files.items()]
        )
        payload = manifest.encode_payload(version, counter, board, expires, listed)
        self.manifest = manifest.encode_head(payload, kids(signers)) + listed
        self.digest = hashlib.sha256(self.manifest).digest()

    def get(self, name, offset, size=512):
        """What a source gives; None for what is not of this release."""
        if name == b"":
            return self.manifest[offset : offset + size]
        for data in self.files.values():
            if hashlib.sha256(data).digest()[: len(name)] == name:
                return data[offset : offset + size]
        return None


def content(path, version, size):
    """Bytes that are this file's in this version alone."""
    data = b""
    while len(data) < size:
        data += hashlib.sha256(b"%s %d %d" % (path.encode(), version, len(data))).digest()
    return data[:size]


def release(version, changed=None, sizes=_SIZES, **head):
    """Files as of version 1, but the `changed` ones (all, unless named) as of this version."""
    files = {}
    for path, size in sizes:
        files[path] = content(path, version if changed is None or path in changed else 1, size)
    return Release(version, files, **head)


def write(path, data):
    parts = path.split("/")
    for count in range(2, len(parts)):
        try:
            os.mkdir("/".join(parts[:count]))
        except OSError:
            pass  # it is there
    with open(path, "wb") as file:
        file.write(data)


def install(root, what, slot="a"):
    for path, data in what.files.items():
        write("%s/%s/%s" % (root, slot, path), data)
    write("%s/%s/manifest" % (root, slot), what.manifest)
    write(root + "/slot", slot.encode())


def modules(root, slot):
    """path -> bytes of what could be imported from a slot."""
    found, folders = {}, [""]
    while folders:
        folder = folders.pop()
        for name in os.listdir("%s/%s/%s" % (root, slot, folder)):
            path = folder + name
            if os.stat("%s/%s/%s" % (root, slot, path))[0] & 0x4000:
                folders.append(path + "/")
            elif folder:
                with open("%s/%s/%s" % (root, slot, path), "rb") as file:
                    found[path] = file.read()
    return found


def holds(root, slot, what):
    try:
        with open("%s/%s/manifest" % (root, slot), "rb") as file:
            return file.read() == what.manifest and modules(root, slot) == what.files
    except OSError:
        return False
