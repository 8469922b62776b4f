"""Two slots on flash, one that runs and one beside it: what an update reads and writes (SPEC.md section 12).

Knows files, not whether a release is wanted (update.py) nor where it comes from (updater.py). A power cut at any
moment leaves the running slot whole and /slot old or new; what the other slot already holds is found again. Every
function raises OSError when the flash fails. Loaded only while an update runs.
"""

import hashlib
import os

from protocol import manifest, update
from protocol.compat import const

_STARTS = "2"  # of a release on trial, before the launcher gives up
_BLOCK = const(512)  # bytes read or written at a time
_FLUSH = const(8)  # blocks between two flushes of a file that arrives: what a cut costs
_RESERVE = const(65536)  # bytes of flash that an update leaves free: receipts come first
_FOLDER = const(0x4000)

_PART = ".part"  # behind the name of a file that arrives
_ENOENT = const(2)


class NoRoom(Exception):
    """The release does not fit beside what the lock needs."""


class WrongFile(Exception):
    """What came is not what the manifest names."""


class Slots:
    """`running`, `other`: "a" or "b"; `back`: the slot that a failed trial goes back to, None when the running one is
    confirmed; `left`: the slot that was tried and left, which nobody was told yet, or None.

    `pause()`: a coroutine between two pieces of work. KeyError when this lock does not run from slots.
    """

    def __init__(self, store, pause=None):
        self._store, self._pause = store, pause
        words = (store.read("slot") or b"").decode().split(" ")
        self.running = words[0]
        self.other = {"a": "b", "b": "a"}[self.running]
        self.back = words[1] if len(words) == 3 else None
        self.left = words[1][1:] if len(words) == 2 else None
        self._offered = self.other + "/offered"

    # ---- what is there

    def head(self, slot):
        """The manifest.Head of a slot that is whole, else None."""
        return self._head(slot + "/manifest")

    def offered(self):
        """The Head of the manifest that arrived, if it has so far as that."""
        return self._head(self._offered)

    def _head(self, name):
        try:
            with open(self._store.path(name), "rb") as file:
                return manifest.parse_head(file.read(manifest.HEAD_MAX))
        except (OSError, manifest.ManifestError):
            return None

    def digest(self, name):
        """SHA-256 of a file, None when there is none. Of manifests, which are small."""
        seen = hashlib.sha256()
        try:
            with open(self._store.path(name), "rb") as file:
                data = file.read(_BLOCK)
                while data:
                    seen.update(data)
                    data = file.read(_BLOCK)
        except OSError as error:
            if error.errno != _ENOENT:
                raise
            return None
        return seen.digest()

    def ready(self, digest):
        """Whether the other slot is whole and holds the release with this manifest."""
        return self.digest(self.other + "/manifest") == digest

    def begun(self, digest):
        """Whether the other slot is being filled with it."""
        return self.digest(self.other + "/incoming") == digest

    def failures(self):
        """How often the release in the other slot was tried and left."""
        return self._store.size(self.other + "/failed")

    def is_alone(self):
        """Whether the running release, while on trial, need not hear from the cloud."""
        return self._store.read(self.running + "/alone") is not None

    # ---- a manifest that arrives

    def take_offered(self, offset, data):
        """Adds a piece of a manifest, beside what the slot holds."""
        self._store.make(self.other)
        with open(self._store.path(self._offered), "r+b" if offset else "wb") as file:
            file.seek(offset)
            file.write(data)

    def check_offered(self, digest):
        """Whether what arrived is the whole manifest with this digest, in form."""
        head = self.offered()
        if head is None or self.digest(self._offered) != digest:
            return False
        try:
            with open(self._store.path(self._offered), "rb") as file:
                file.seek(head.length)
                manifest.check_list(file.read, head.size, head.digest)
        except manifest.ManifestError:
            return False
        return self._store.size(self._offered) == head.length + head.size

    # ---- filling the other slot

    def begin(self):
        """Gives the other slot to the release that arrived. From here on it is not whole."""
        for name in (
            "manifest",
            "incoming",
            "failed",
            "alone",
        ):  # in this order: the first says that it is whole
            self._store.remove(self.other + "/" + name)
        self._rename(self._offered, self.other + "/incoming")

    async def tidy(self):
        """Removes what the release does not bring, so that it neither takes room nor the place of a module. Raises
        NoRoom when the release will not fit even so."""
        listed = {}
        for path, size, _ in self._entries(self.other + "/incoming"):
            listed[path] = size
        await self._sweep(self.other, listed)
        state = os.statvfs(self._store.root)
        block, free = state[0], state[3]
        for path, size in listed.items():
            free -= -(-size // block) - -(-self._store.size(self.other + "/" + path) // block)
        if free * block < _RESERVE:
            raise NoRoom

    async def _sweep(self, folder, listed):
        for name in os.listdir(self._store.path(folder)):
            path = folder + "/" + name
            if os.stat(self._store.path(path))[0] & _FOLDER:
                await self._sweep(path, listed)
                try:
                    os.rmdir(self._store.path(path))
                except OSError:
                    pass  # it is not empty
            elif "/" in path[2:] and path[2:].replace(_PART, "") not in listed:
                self._store.remove(path)
            await self._pause()

    async def fill(self, get):
        """Completes the other slot with what it lacks: from the running slot where that has the same, else by
        `await get(name, offset)`, up to update.BLOCK bytes from there on. Raises WrongFile, and what `get` raises;
        called again, it goes on where it stopped."""
        for path, size, digest in self._entries(self.other + "/incoming"):
            own = self.other + "/" + path
            if await self._holds(own, size, digest):
                continue
            self._make_folders(own)
            if await self._holds(self.running + "/" + path, size, digest):
                await self._copy(self.running + "/" + path, own + _PART)
            else:
                await self._fetch(own + _PART, size, digest, get)
            self._rename(own + _PART, own)

    def _rename(self, old, new):
        """Within one folder only: a cut in a rename across two lets littlefs lose sight of a third file."""
        os.rename(self._store.path(old), self._store.path(new))

    async def _holds(self, name, size, digest):
        """Whether that file is there and has this content, by reading all of it."""
        if self._store.size(name) != size:
            return False
        seen = hashlib.sha256()
        try:
            with open(self._store.path(name), "rb") as file:
                data = file.read(_BLOCK)
                while data:
                    seen.update(data)
                    data = file.read(_BLOCK)
                    await self._pause()
        except OSError:
            return False  # none there, or unreadable: written anew
        return seen.digest() == digest

    async def _copy(self, name, part):
        with open(self._store.path(name), "rb") as source, open(self._store.path(part), "wb") as file:
            data = source.read(_BLOCK)
            while data:
                file.write(data)
                data = source.read(_BLOCK)
                await self._pause()

    async def _fetch(self, part, size, digest, get):
        have = self._store.size(part)
        at = resumed = 0 if have > size else have // _BLOCK * _BLOCK
        with open(self._store.path(part), "r+b" if at else "wb") as file:
            file.seek(at)
            while at < size:
                data = await get(digest[: update.NAME], at)
                if len(data) != min(_BLOCK, size - at):
                    raise WrongFile
                file.write(data)
                at += len(data)
                if at // _BLOCK % _FLUSH == 0:
                    file.flush()
        if not await self._holds(part, size, digest):
            self._store.remove(part)
            if not resumed:
                raise WrongFile
            await self._fetch(part, size, digest, get)  # what a power cut had left was nothing to build upon

    def _make_folders(self, path):
        parts = path.split("/")[:-1]
        for count in range(1, len(parts) + 1):
            self._store.make("/".join(parts[:count]))

    async def finish(self):
        """Reads every file again, and says that the slot is whole. Raises WrongFile."""
        await self._check(self.other + "/incoming")
        self._rename(self.other + "/incoming", self.other + "/manifest")

    async def _check(self, name):
        for path, size, digest in self._entries(name):
            if not await self._holds(self.other + "/" + path, size, digest):
                raise WrongFile

    def _entries(self, name):
        with open(self._store.path(name), "rb") as file:
            head = manifest.parse_head(file.read(manifest.HEAD_MAX))
            file.seek(head.length)
            for entry in manifest.entries(file.read, head.size):
                yield entry

    # ---- from one to the other

    async def switch(self, alone):
        """The next start runs the other slot, on trial; `alone`: also without a word from the cloud. Reads all of it
        once more before. Raises WrongFile."""
        await self._check(self.other + "/manifest")
        if alone:
            self._store.write(self.other + "/alone", b"")
        else:
            self._store.remove(self.other + "/alone")
        self._store.write("slot", ("%s %s %s" % (self.other, self.running, _STARTS)).encode())

    def confirm(self):
        """The running release is the lock's from now on."""
        self._store.write("slot", self.running.encode())
        self.back = None

    def go_back(self):
        """The next start runs the slot from before."""
        self._store.write("slot", ("%s !%s" % (self.back, self.running)).encode())

    def told(self):
        """The way back is known: counts it against the release that was left."""
        self._store.append(self.left + "/failed", b"x")
        self._store.write("slot", self.running.encode())
        self.left = None
