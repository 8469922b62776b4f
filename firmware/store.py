"""Files on flash that are whole after any power cut: small ones replaced in one step, appends flushed one by one, and
slots rewritten in place.

Knows names and bytes, not what they mean. Every function raises OSError when the flash fails; who calls decides
what the lock is then good for.
"""

import os

from protocol.compat import const

_ENOENT = const(2)
_EIO = const(5)
_NEW = ".new"  # a replacement on its way; after a cut it means nothing


class ConfigError(Exception):
    """A file that a lock is provisioned with is missing or wrong (config.py). The text names the file and the thing,
    and never shows a value."""


class Store:
    """Files under `root`, a folder that exists. Names may hold one folder, made when first written to."""

    def __init__(self, root):
        self.root = root

    def read(self, name):
        """The bytes of a file; None when there is none."""
        try:
            with open(self.path(name), "rb") as file:
                return file.read()
        except OSError as error:
            if error.errno == _ENOENT:
                return None
            raise

    def open(self, name):
        """A file to read pieces of, which whoever asks closes. OSError also when there is none."""
        return open(self.path(name), "rb")

    def read_into(self, name, buffer):
        """Fills a buffer as long as the file. OSError also when there is none."""
        with open(self.path(name), "rb") as file:
            file.readinto(buffer)

    def size(self, name):
        """Bytes in a file; 0 when there is none."""
        try:
            return os.stat(self.path(name))[6]
        except OSError as error:
            if error.errno == _ENOENT:
                return 0
            raise

    def write(self, name, data):
        """The file holds data, or on an error what it held before."""
        path = self.path(name)
        self._put(path + _NEW, "wb", data)
        os.rename(path + _NEW, path)  # never remove first: a cut between the two would leave neither

    def rename(self, name, to):
        """The file has the other name, in place of any that had it."""
        os.rename(self.path(name), self.path(to))

    def append(self, name, data):
        """Adds data to the end of a file, made if need be. A cut leaves all, none or a part at the tail."""
        self._put(self.path(name), "ab", data)

    def slot(self, name, size):
        """A Slot of that many bytes, zeros if there was none."""
        if not self.size(name):
            self.write(name, bytes(size))
        return Slot(self.path(name))

    def remove(self, name):
        """Removes a file, if it is there."""
        try:
            os.remove(self.path(name))
        except OSError as error:
            if error.errno != _ENOENT:
                raise

    def names(self, folder):
        """The files in a folder, sorted; none when there is no such folder."""
        try:
            names = os.listdir(self.path(folder))
        except OSError as error:
            if error.errno == _ENOENT:
                return []
            raise
        return sorted([name for name in names if not name.endswith(_NEW)])

    def make(self, folder):
        """A folder, unless it is there."""
        try:
            os.stat(self.path(folder))
        except OSError as error:
            if error.errno != _ENOENT:
                raise
            os.mkdir(self.path(folder))

    def path(self, name):
        """Where a file lies, for who opens it."""
        return self.root + "/" + name

    def _put(self, path, mode, data):
        with open(path, mode) as file:
            if file.write(data) != len(data):
                raise OSError(_EIO)
            file.flush()


class Slot:
    """A file whose length stays, rewritten in place. From its first write on it is held open, so that the next ones
    find, make and allocate nothing."""

    def __init__(self, path):
        self._path = path
        self._file = None

    def read(self):
        with open(self._path, "rb") as file:
            return file.read()

    def write(self, data):
        """The slot holds data, or on an error what it held before: littlefs commits at the flush, in one step."""
        file, self._file = self._file or open(self._path, "r+b"), None
        file.seek(0)
        if file.write(data) != len(data):
            raise OSError(_EIO)
        file.flush()
        self._file = file  # but not one that failed: littlefs lets its next flush pass, and writes nothing
