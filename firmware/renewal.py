"""When there is something to do about releases, and the memory for it: all else about them is loaded here, and dropped.

What stays in the heap is this file alone.
"""

import gc
import sys

from protocol import ed25519, status
from protocol.compat import const

_LOOK_MS = const(250)
_SHORT_MS = const(900_000)  # after there was no memory for it
_WATCHDOG = const(3)  # the last of the boot causes that are none of sleep's, boards/contract.py
_AGAIN_MS = const(86_400_000)  # before a release that was refused is looked at once more
_OWN = (  # what nobody else uses, the one that imports before the imported
    "firmware.download",
    "firmware.blocks",
    "firmware.courier",
    "firmware.updater",
    "firmware.slots",
    "firmware.update",
    "protocol.manifest",
    "protocol.update",
)


class Renewal:
    """`lock`: firmware.lock.Lock. `busy`: an update is being worked on."""

    def __init__(self, lock):
        self._lock = lock
        # A boot out of deep sleep tells nothing new, unless a trial runs or was left.
        try:
            told = b" " not in (lock.store.read("slot") or b"")
        except OSError:
            told = True
        self._booted = told and lock.board.boot_cause > _WATCHDOG
        self.busy = False
        self._refused = None  # the digest of an offer, not to be taken up again soon
        self._not_before = 0
        self._short = False  # of memory, once

    async def run(self, beat):
        clock = self._lock.board.clock
        while True:
            beat()
            link = self._caller() if self._booted else None  # a boot is looked at first
            if link or self._due():
                await self._attend(link, beat)
            await clock.sleep_ms(_LOOK_MS)

    def _caller(self):
        """A link on which a release is offered."""
        for link in self._lock.session.links.values():
            if link.offer is not None:
                return link
        return None

    def _due(self):
        """Whether a boot was not looked at, or the cloud offers one, and it is time."""
        offer = self._lock.uplink.offer if self._booted else None
        if self._booted and not offer:
            return False
        other = offer and self._refused is not None and offer[1] != self._refused
        return other or self._lock.board.clock.uptime_ms() >= self._not_before

    async def _attend(self, link, beat):
        booted, self._booted = self._booted, True
        lean = booted or self._short
        self.busy = True
        refused, wait_ms = None, _SHORT_MS
        try:
            if lean:
                ed25519.forget_combs()  # room for the code of an update: meanwhile the lock verifies slower
            gc.collect()
            from firmware import updater

            refused, wait_ms = await updater.attend(self._lock, link, booted, beat)
        except MemoryError:
            self._booted, self._short = booted, True  # what a boot owes is tried again
            if not lean:
                wait_ms = 0
            if link:
                self._lock.session.refuse(link, status.BUSY)
        finally:
            self.busy = False
            updater = None  # noqa: F841
            if link:
                link.offer = None
            forget(_OWN)
            if lean:
                self._lock.load_combs()
        if not link:
            self._refused = refused
            self._not_before = self._lock.board.clock.uptime_ms() + (_AGAIN_MS if refused else wait_ms)


def forget(names):
    """Drops these modules from memory; who still holds one keeps it."""
    for name in names:
        module = sys.modules.pop(name, None)
        package, _, own = name.rpartition(".")
        if module is not None and hasattr(sys.modules[package], own):
            delattr(sys.modules[package], own)
    module = None
    gc.collect()
