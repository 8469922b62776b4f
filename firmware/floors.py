"""What is too old: epoch floors and the time floor, kept per key and saved only when they grow (SPEC.md section 6).

A key that has left the keyset takes its floors with it: what a leaked key poisoned is dropped with the key. The file
says under which keyset it was saved, so that the log, which may still speak of that key, is not believed again.
The uplink's floors stand apart. Nothing here ever goes down while its key is in the keyset.
"""

from firmware.rides import Unreadable
from protocol import cbor, keys
from protocol.compat import const
from protocol.shape import is_bytes, is_list, is_uint

_FILE = "floors"
_LIMIT = const(1024)
_UINT33 = (1 << 32) + 1  # a single ride's floor goes one past its epoch


class Floors:
    """Of the keys in the keyset. Until `load` has succeeded nothing is saved over what flash holds."""

    def __init__(self, store, keyset):
        self._store = store
        self._floors = {kid: 0 for kid in keyset.keys}
        self._times = {kid: 0 for kid in keyset.keys}
        self._uplink = self._master = 0
        self._version = keyset.version
        self._settled = False  # the file was saved under this keyset
        self._gone = 0  # the highest iat under a key that has left the keyset
        self._grown = self._loaded = False

    def load(self):
        """Takes up what was saved. Raises OSError; Unreadable for a file that is not ours."""
        data = self._store.read(_FILE)
        if data is not None:
            self._take(data)
        self._loaded = True

    def _take(self, data):
        try:
            item = cbor.decode(data, _LIMIT)
        except cbor.CborError:
            raise Unreadable("floors")
        if not is_list(item, 4) or not is_list(item[2]):
            raise Unreadable("floors")
        if not is_uint(item[0]) or not is_uint(item[1]) or not is_uint(item[3]):
            raise Unreadable("floors")
        self._settled = item[3] == self._version
        self._uplink, self._master = item[0], item[1]
        for entry in item[2]:
            if not is_list(entry, 3) or not is_bytes(entry[0], 4):
                raise Unreadable("floors")
            kid, floor, iat = entry
            if not is_uint(floor, _UINT33) or not is_uint(iat):
                raise Unreadable("floors")
            if kid in self._floors:
                self._floors[kid], self._times[kid] = floor, iat
            else:
                self._gone = max(self._gone, iat)

    # ---- what holds

    def ride(self):
        """The ride floor: the highest over the ride issuers in the keyset, and the uplink's."""
        highest = self._uplink
        for kid in self._floors:
            if kid[0] == keys.RIDE:
                highest = max(highest, self._floors[kid])
        return highest

    def master(self):
        return self._master

    def time(self):
        """The highest iat that was verified under a key in the keyset; 0 before the first."""
        highest = 0
        for kid in self._times:
            highest = max(highest, self._times[kid])
        return highest

    def time_fell(self):
        """The time floor once came from a key that is gone: a clock that it pushed ahead is not to be believed."""
        return self._gone > self.time()

    # ---- what raises them; `save` before anyone is told

    def raise_to(self, kid, floor, iat):
        """floor: epoch that the lock no longer goes below under this key; iat: when a verified token was issued."""
        if kid not in self._floors:  # the log's word, from before the keyset lost this key
            if not self._settled:
                self._gone = max(self._gone, iat)
        else:
            if floor > self._floors[kid]:
                self._floors[kid], self._grown = floor, True
            if iat > self._times[kid]:
                self._times[kid], self._grown = iat, True

    def adopt(self, keyset):
        """Another keyset is in force: its keys keep their floors, those that left lose them. To be saved, once the
        clock has asked whether its time fell."""
        self._gone = max([0] + [self._times[kid] for kid in self._times if kid not in keyset.keys])
        self._floors = {kid: self._floors.get(kid, 0) for kid in keyset.keys}
        self._times = {kid: self._times.get(kid, 0) for kid in keyset.keys}
        self._version = keyset.version
        self._grown = True

    def uplink(self, ride_floor, master_floor):
        """The cloud's word, over the authenticated uplink: saved at once. Raises OSError."""
        if ride_floor > self._uplink:
            self._uplink, self._grown = ride_floor, True
        if master_floor > self._master:
            self._master, self._grown = master_floor, True
        self.save()

    def save(self):
        """To flash, if anything grew since. Raises OSError."""
        if self._grown and self._loaded:
            entries = [[kid, self._floors[kid], self._times[kid]] for kid in sorted(self._floors)]
            self._store.write(_FILE, cbor.encode([self._uplink, self._master, entries, self._version]))
            self._grown, self._settled = False, True
