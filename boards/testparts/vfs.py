"""MicroPython's `vfs` module, as far as a start uses it: docs/library/vfs.rst. The files themselves are the rig's."""

_broken = False
_mounted = []


def use(broken):
    """`broken`: whether littlefs finds nothing that it knows, as on a flash that is ill."""
    global _broken
    _broken = broken
    _mounted.clear()


class VfsLfs2:
    def __init__(self, device, **options):
        if _broken:
            raise OSError(19)
        self.device = device


def mount(files, point, **options):
    _mounted.append((files.device.label, point))
