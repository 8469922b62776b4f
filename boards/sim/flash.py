"""littlefs on MicroPython's unix port: in RAM that can die in any write, or in a file that survives kill -9."""

import os
import struct

import vfs

from boards.sim.power import Halt

_COUNT, _SIZE, _ERASE = 4, 5, 6  # ioctl operations of vfs.AbstractBlockDev
_EIO = 5

TEARS = ("nothing", "half", "all but one", "random", "all")  # how much is there of the write that was cut

_MAGIC = b"RSFLASH1"
_PAGE = 4_096  # before the blocks in a file: a kill between two pages then never falls into a block's
_BLANK = b"\xff" * 256
_BLOCK = 512  # RAM flash: bytes in a block, unless told otherwise
_BLOCKS = 256


def _random(data, before):
    """Some bits of the new, some of the old."""
    mask = bytearray()
    while len(mask) < len(data):
        mask += os.urandom(32)
    return bytes([(new & m) | (old & ~m & 255) for new, old, m in zip(data, before, mask)])


def _torn(tear, data, before):
    """What the cells hold after a write of `data` over `before` was cut short."""
    if tear == "random":
        return _random(data, before)
    done = {"nothing": 0, "half": len(data) // 2, "all but one": len(data) - 1, "all": len(data)}[tear]
    return data[:done] + before[done:]


class _Ram:
    """One mount of a RAM flash. Once its power has gone, nothing gets through."""

    def __init__(self, cells, count, size, power):
        self._cells, self._count, self._size, self._power = cells, count, size, power

    def readblocks(self, block, buffer, offset=0):
        if self._power.halted:
            return self._dead()
        cells = self._cells[block]
        if cells is None:
            for i in range(len(buffer)):
                buffer[i] = 0xFF
        else:
            buffer[:] = memoryview(cells)[offset : offset + len(buffer)]
        return 0

    def writeblocks(self, block, buffer, offset=0):
        return self._dead() if self._power.halted else self._change(block, offset, buffer)

    def ioctl(self, operation, argument):
        if operation == _COUNT:
            return self._count
        if operation == _SIZE:
            return self._size
        if operation == _ERASE:
            return self._dead() if self._power.halted else self._change(argument, 0, b"\xff" * self._size)
        return 0

    def _dead(self):
        try:
            halt = Halt(self._power.halted)
        except MemoryError:  # a file left open is collected and closes itself, with the heap locked
            return -_EIO
        raise halt

    def _change(self, block, offset, data):
        try:
            tear = self._power.write()
        except OSError:
            return -_EIO
        cells = self._cells[block]
        if cells is None:
            cells = self._cells[block] = bytearray(b"\xff" * self._size)
        if tear is not None:
            data = _torn(tear, bytes(data), bytes(cells[offset : offset + len(data)]))
        cells[offset : offset + len(data)] = data
        if tear is not None:
            self._power.halt("power")
        return 0


class Storage:
    """littlefs in RAM, mounted at `root`; `again` mounts what it holds for the next boot. Blocks exist once used.

    `block`: bytes in one. Small ones fill soon; of 4,096, as a chip's, littlefs keeps files of up to 128 bytes inline.
    """

    _made = 0

    def __init__(self, power, root=None, before=None, block=_BLOCK):
        if root is None:
            Storage._made += 1
            root = "/flash%d" % Storage._made
        self.root = root
        power.tears = TEARS
        self._cells = before._cells if before else [None] * _BLOCKS
        self._block = before._block if before else block
        if before is None:
            vfs.VfsLfs2.mkfs(_Ram(self._cells, _BLOCKS, block, power))
        power.writes = 0
        self._power = power
        vfs.mount(_Ram(self._cells, _BLOCKS, self._block, power), root)

    def again(self, power):
        self.close()
        return Storage(power, self.root, self)

    def close(self):
        self._power.off()
        try:
            vfs.umount(self.root)
        except OSError:
            pass  # already


class FileFlash:
    """A flash in a file: each write is one write(2) in place, nothing waits in this process, so kill -9 loses none.

    The first page says how large it is. OSError when there is no such file, ValueError when it is not a flash.
    """

    def __init__(self, path):
        self._file = open(path, "r+b")
        head = self._file.read(16)
        if head[:8] != _MAGIC or len(head) != 16:
            raise ValueError(path + " is not the image of a flash")
        self._size, self._count = struct.unpack(">II", head[8:])

    @staticmethod
    def make(path, size=4_096, count=256):
        """A new one, formatted, in place of any that was there."""
        with open(path, "wb") as file:
            head = _MAGIC + struct.pack(">II", size, count)
            file.write(head + bytes(_PAGE - len(head)))
            for _ in range(count):
                file.write(b"\xff" * size)
        flash = FileFlash(path)
        vfs.VfsLfs2.mkfs(flash)
        return flash

    def readblocks(self, block, buffer, offset=0):
        self._file.seek(_PAGE + block * self._size + offset)
        return 0 if self._file.readinto(buffer) == len(buffer) else -_EIO

    def writeblocks(self, block, buffer, offset=0):
        self._file.seek(_PAGE + block * self._size + offset)
        return 0 if self._file.write(buffer) == len(buffer) else -_EIO

    def ioctl(self, operation, argument):
        if operation == _COUNT:
            return self._count
        if operation == _SIZE:
            return self._size
        if operation == _ERASE:
            return self._erase(argument)
        return 0

    def _erase(self, block):
        """In small pieces that are there already: a flash erases without its lock's heap, however full that is."""
        self._file.seek(_PAGE + block * self._size)
        for _ in range(self._size // len(_BLANK)):
            if self._file.write(_BLANK) != len(_BLANK):
                return -_EIO
        return 0
