"""Awake, dozing or asleep: measures what power.py decides upon, and does what it says. Loaded only where it is set.

A sleep is a boot: what must outlast it is in flash, but for 13 bytes that the board keeps. Times here are uptime in ms.
"""

import struct

from firmware import power
from protocol import status
from protocol.compat import const

_NAP_MS = const(1_000)
_HEARD_MS = const(1_000)  # after an answer: whoever it concerns takes it up by then
_LONG_MS = const(1 << 29)
_KEPT = ">IIiB"  # when it fell asleep, last contact (Unix s, 0 unknown), credit in ms, contacts in a row that failed
_KEPT_SIZE = const(13)


class Rest:
    """`lock`: firmware.lock.Lock, its parts made; `stillness`: as of the lock."""

    def __init__(self, lock, board, stillness):
        self._lock, self._board, self._stillness = lock, board, stillness
        self._uptime_ms = board.clock.uptime_ms
        self._settings = lock.config.settings
        self._slept, self._contact, self._credit, self._fails = self._recall()
        self._mode = power.AWAKE
        self._stranger_at = None  # from when on somebody who has proved nothing keeps it awake
        self._until = 0
        self._call_at = self._ago = None
        lock.uplink.thrifty = True
        lock.gps.duty = self._gnss
        lock.receipts.listeners.append(self._served)
        self._begun = False
        self._silence_ms = lock.session.silence_ms

    @property
    def _full(self):
        return self._settings.awake_s * 1000

    @property
    def dozes(self):
        return self._mode == power.DOZE

    @property
    def heard_at(self):
        """When the cloud took a batch last, before the sleep; long ago if it was called in vain ever since power came
        back; None when nobody knows."""
        if self._ago is not None:
            return -self._ago * 1000
        return -_LONG_MS if self._fails else None

    def _recall(self):
        kept, settings = self._board.kept, self._settings
        if len(kept) != _KEPT_SIZE:  # none, or damaged
            return 0, 0, power.credit(settings, 0, 1 << 30, 0), 0
        slept, contact, credit, fails = struct.unpack(_KEPT, kept)
        return slept, contact, power.credit(settings, credit, 0, 0), fails

    def _begin(self):
        """With the first look, when the lock knows the time: what the sleep was."""
        self._begun = True
        now = self._lock.clock.now()
        if now and self._slept:
            passed = max(0, min(now - self._slept, 86_400)) * 1000
            self._credit = power.credit(self._settings, self._credit, passed, 0)
        if now and self._contact:
            self._ago = max(0, now - self._contact)
            if self._seconds(0) > power.SOON_S or self._fails:
                self._lock.uplink.contact_at = self._uptime_ms() - self._ago * 1000
        if self._fails and self._board.boot_cause != power.TIMER:
            self._call_at = -power.CALL_MS  # the network was away: it may be tried, but nobody waits for it
        self._touched(self._board.boot_cause)

    def _seconds(self, fails):
        """To the next contact."""
        millivolts, clock = self._board.battery.millivolts(), self._lock.clock
        ago = power.contact_s(self._settings, millivolts) if self._ago is None else self._ago
        return power.sleep_s(self._settings, millivolts, ago, clock.error(), clock.drift_ppm, fails)

    # ---- who is there

    def _touched(self, cause):
        now = self._uptime_ms()
        if cause in (power.BUTTON, power.SHAKE) and self._stranger_at is None:
            self._stranger_at = 0 if self._mode == power.AWAKE else now
        self._until = max(self._until, now + power.window(self._settings, cause, self._credit))

    def _served(self, raw=None, parsed=None):
        """Only somebody with a right to it makes the lock write a receipt."""
        self._stranger_at = None
        self._until = self._uptime_ms() + self._full

    def _left(self, now):
        return self._credit - (0 if self._stranger_at is None else now - self._stranger_at)

    # ---- what follows

    def look(self):
        """To be called with every tick. The advertising interval in ms, 0 for none."""
        if not self._begun:
            self._begin()
        lock, now = self._lock, self._uptime_ms()
        links = lock.session.links
        for link in links.values():
            if link.accepted:
                self._stranger_at = None
                self._until = max(self._until, link.heard + self._full)
        lock.session.silence_ms = (
            self._silence_ms if lock.renewal.busy else self._full
        )  # a phone that has no more to say
        lock.uplink.every_s = power.contact_s(self._settings, self._board.battery.millivolts())
        busy = lock.ledger.busy or lock.gps.on or lock.renewal.busy or self._calls(now)
        riding = lock.ledger.ride is not None
        self._mode, interval = power.decide(
            self._settings, lock.state, riding, self._until - now, len(links), busy, self._left(now)
        )
        return interval

    def _calls(self, now):
        """Whether it is worth being awake for the cloud: for a while, if it does not answer."""
        uplink = self._lock.uplink
        if not uplink.busy():
            self._call_at = None
            return uplink.heard_at is not None and now - uplink.heard_at < _HEARD_MS
        if self._call_at is None:
            self._call_at = now
        return now - self._call_at < power.CALL_MS

    def _gnss(self, on, for_ms, fixed):
        return power.gnss(self._settings, self._board.battery.millivolts(), on, for_ms, fixed)

    async def pause(self):
        """To be called after every tick. Gives way for a second where the lock dozes; where it sleeps, for good."""
        if self._mode == power.AWAKE:
            return
        wakes = [name for name in power.wake_on(self._credit) if name in self._board.wakes]
        if self._mode == power.SLEEP:
            self._sleep(tuple(wakes))
            return
        if "shake" in wakes and self._lock.state == status.STATE_OPEN and not self._stillness.still():
            wakes.remove("shake")  # who rides, shakes
        self._charge()
        woke = await self._board.doze(_NAP_MS, tuple(wakes))
        if woke:
            self._touched(power.BUTTON if woke == "button" else power.SHAKE)

    def _charge(self):
        """To strangers, the time that they had the lock awake; to them, what time has earned."""
        now = self._uptime_ms()
        spent = 0 if self._stranger_at is None else now - self._stranger_at
        self._credit = power.credit(self._settings, self._credit, 0, spent)
        self._stranger_at = None

    def _sleep(self, wakes):
        lock, now = self._lock, self._lock.clock.now() or 0
        self._charge()
        at = lock.uplink.contact_at
        self._ago = None if at is None else (self._uptime_ms() - at) // 1000
        told = at is not None and lock.receipts.acked_seq == lock.receipts.last_seq
        told = told and self._ago < lock.uplink.every_s
        self._fails = 0 if told else min(self._fails + 1, 255)
        seconds = self._seconds(self._fails)
        if "shake" not in wakes:
            seconds = min(seconds, power.PARDON_S)
        try:
            lock.clock.stamp()
        except OSError:
            lock.ledger.fail()
            return
        lock.outbox.flush()
        contact = 0 if at is None else max(0, now - self._ago)
        self._board.sleep(seconds * 1000, wakes, struct.pack(_KEPT, now, contact, self._credit, self._fails))
