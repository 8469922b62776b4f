"""`micropython boards/sim/image.py make|read PATH`: a flash's image from files, or its files. Used by flash_image.py.

`make` takes {"blocks": how many, "files": {"name": "base64", ...}} on standard input, `read` prints those files.
"""

import binascii
import json
import os
import sys

sys.path[0] = __file__.rpartition("boards/sim/")[0] or "."  # the checkout, not boards/sim/

import vfs  # noqa: E402

from boards.sim.flash import FileFlash  # noqa: E402

_ROOT = "/image"


def make(path):
    given = json.load(sys.stdin)
    files, flash = given["files"], FileFlash.make(path, count=given["blocks"])
    vfs.mount(vfs.VfsLfs2(flash, mtime=False), _ROOT)  # the same files make the same image
    for name in sorted(files):
        parts = name.split("/")
        for depth in range(1, len(parts)):
            try:
                os.mkdir(_ROOT + "/" + "/".join(parts[:depth]))
            except OSError:
                pass  # made for a file before
        with open(_ROOT + "/" + name, "wb") as file:
            file.write(binascii.a2b_base64(files[name]))
    vfs.umount(_ROOT)


def read(path):
    vfs.mount(FileFlash(path), _ROOT, readonly=True)
    files = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        for name, kind, *_ in os.ilistdir(_ROOT + "/" + folder):
            if kind == 0x4000:
                folders.append(folder + name + "/")
            else:
                with open(_ROOT + "/" + folder + name, "rb") as file:
                    files[folder + name] = binascii.b2a_base64(file.read()).decode().strip()
    print(json.dumps(files))


{"make": make, "read": read}[sys.argv[1]](sys.argv[2])
