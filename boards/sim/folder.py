"""A folder on CPython that behaves as littlefs does: what was flushed or closed is there whole, the rest is not.

Files that are opened for writing under the folder are held in memory and replaced whole at each flush, so that
a power cut leaves the old or the new. For that, `open` and the functions of `os` that change a folder are wrapped,
for paths in such folders only. Reading goes its usual way.
"""

import builtins
import io
import os
import shutil
import tempfile

TEARS = ("nothing", "all")
_BLOCK, _BLOCKS = 512, 256  # how large it says that it is, as flash.py's

_storages = {}  # root -> Storage that is mounted there
_CHANGES = ("rename", "replace", "remove", "unlink", "mkdir", "rmdir")
_plain = {"open": builtins.open, "statvfs": os.statvfs, **{name: getattr(os, name) for name in _CHANGES}}


def _storage_of(path):
    if isinstance(path, str | os.PathLike):
        for root, storage in _storages.items():
            if os.fspath(path).startswith(root + "/"):
                return storage
    return None


class _File(io.BytesIO):
    def __init__(self, storage, path, mode):
        self._storage, self._path, self._append = storage, path, "a" in mode
        self._dirty = "w" in mode
        super().__init__()
        if not os.path.exists(path):
            if "r" in mode:
                raise OSError(2, "No such file", path)
            storage.change(_plain["open"], path, "wb").close()
        elif "w" not in mode:
            with _plain["open"](path, "rb") as file:
                super().write(file.read())
            self.seek(0)

    def write(self, data):
        self._storage.power.check()
        self._dirty = True
        if self._append:
            self.seek(0, 2)
        return super().write(data)

    def truncate(self, size=None):
        self._dirty = True
        return super().truncate(size)

    def flush(self):
        if self._dirty and not self.closed:
            self._storage.change(self._replace)
            self._dirty = False

    def _replace(self):
        new = self._path + ".new"
        with _plain["open"](new, "wb") as file:
            file.write(self.getvalue())
        _plain["replace"](new, self._path)

    def close(self):
        if not self.closed:
            try:
                if not self._storage.power.halted:  # else collected after the cut; too late
                    self.flush()
            finally:
                super().close()


def _open(file, mode="r", *args, **kwargs):
    storage = _storage_of(file)
    if storage is None:
        return _plain["open"](file, mode, *args, **kwargs)
    storage.power.check()
    if not set(mode) & set("wa+x"):
        return _plain["open"](file, mode, *args, **kwargs)
    raw = _File(storage, os.fspath(file), mode)
    return raw if "b" in mode else io.TextIOWrapper(raw, "utf-8", newline="")


def _wrapped(name):
    def change(path, *args, **kwargs):
        storage = _storage_of(path)
        if storage is None:
            return _plain[name](path, *args, **kwargs)
        return storage.change(_plain[name], path, *args, **kwargs)

    return change


def _statvfs(path):
    storage = _storage_of(f"{path}/")
    if storage is None:
        return _plain["statvfs"](path)
    free = _BLOCKS
    for folder, _, names in os.walk(storage.root):
        free -= sum(-(-os.path.getsize(os.path.join(folder, name)) // _BLOCK) for name in names)
    return _BLOCK, _BLOCK, _BLOCKS, max(0, free), max(0, free)


class Storage:
    """`root`: a folder, made if need be; None for a temporary one, removed by `close`."""

    def __init__(self, power, root=None):
        self._temporary = root is None
        self.root = tempfile.mkdtemp(prefix="lock-") if root is None else str(root).rstrip("/")
        self.power = power
        power.tears = TEARS
        os.makedirs(self.root, exist_ok=True)
        if not _storages:
            builtins.open = _open
            os.statvfs = _statvfs
            for name in _CHANGES:
                setattr(os, name, _wrapped(name))
        _storages[self.root] = self

    def change(self, function, *args, **kwargs):
        """One write: asks `power` whether, and how far, it gets."""
        self.power.check()
        tear = self.power.write()
        if tear == "nothing":
            self.power.halt("power")
        try:
            return function(*args, **kwargs)
        finally:
            if tear is not None:  # also when there was nothing to do
                self.power.halt("power")

    def again(self, power):
        self.power.off()
        after = Storage(power, self.root)
        after._temporary = self._temporary
        return after

    def close(self):
        self.power.off()
        if _storages.get(self.root) is self:
            del _storages[self.root]
            if not _storages:
                builtins.open = _plain["open"]
                os.statvfs = _plain["statvfs"]
                for name in _CHANGES:
                    setattr(os, name, _plain[name])
            if self._temporary:
                shutil.rmtree(self.root, ignore_errors=True)
