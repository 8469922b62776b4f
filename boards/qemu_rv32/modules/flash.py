"""The flash of this board: memory that the host keeps in a file, so it outlives the machine. Blocks of 4 KiB."""

import uctypes
from micropython import const

_AT = const(0x84000000)
_SIZE = const(4096)


class Flash:
    def __init__(self, blocks=256):
        self._blocks = blocks
        self._cells = memoryview(uctypes.bytearray_at(_AT, blocks * _SIZE))

    def readblocks(self, block, buffer, offset=0):
        start = block * _SIZE + offset
        buffer[:] = self._cells[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        start = block * _SIZE + offset
        self._cells[start : start + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        if operation == 4:
            return self._blocks
        if operation == 5:
            return _SIZE
        if (
            operation == 6
        ):  # erasing costs nothing here, as littlefs never reads what it has not written since
            return 0
