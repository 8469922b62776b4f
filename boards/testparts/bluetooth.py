"""MicroPython's `bluetooth` module as a GATT server, with phones that a test drives. In one process, without a radio.

For a whole board on both interpreters; what NimBLE does to careless firmware is in boards/sim/bluetooth.py.
"""

_CONNECT, _DISCONNECT, _WRITE, _MTU = 1, 2, 3, 21
_LINKS = 4
_radio = None


class UUID:
    def __init__(self, value):
        self._raw = bytes(
            reversed(bytes([int(value.replace("-", "")[i : i + 2], 16) for i in range(0, 32, 2)]))
        )

    def __iter__(self):
        return iter(self._raw)

    def __len__(self):
        return len(self._raw)


class Radio:
    """What is on the air: `shown` (advertisement, scan response) or None; phones connect, write and hear.

    `broken`: the radio does not start.
    """

    def __init__(self, chip):
        self.chip = chip
        self.broken = False
        self.reset()

    def reset(self):
        """As after a boot."""
        self.on = False
        self.shown = None
        self.handler = None
        self.values, self.room = {}, {}
        self.links = {}  # handle -> frames notified
        self._handle = 0

    def _tell(self, event, data):
        if self.handler and not self.chip.halted:
            try:
                self.handler(event, data)
            except Exception:
                self.handler = None  # for good, as MicroPython does

    def connect(self, mtu=247):
        """The handle, or None when nobody advertises or four are up."""
        if self.shown is None or len(self.links) >= _LINKS:
            return None
        self.shown = None
        handle, self._handle = self._handle, self._handle + 1
        self.links[handle] = []
        self._tell(_CONNECT, (handle, 0, b"\1\2\3\4\5\6"))
        self._tell(_MTU, (handle, mtu))
        return handle

    def write(self, handle, data):
        if handle not in self.links or self.chip.halted:
            return False
        self.values[self.rx] = bytes(data)[: self.room[self.rx]]
        self._tell(_WRITE, (handle, self.rx))
        return True

    def heard(self, handle):
        frames = self.links.get(handle, [])
        if handle in self.links:
            self.links[handle] = []
        return frames

    def leave(self, handle):
        if handle in self.links:
            del self.links[handle]
            self._tell(_DISCONNECT, (handle, 0, b"\1\2\3\4\5\6"))


def use(radio):
    global _radio
    _radio = radio


class BLE:
    def active(self, on=None):
        if on is not None:
            if _radio.broken:
                raise OSError(19)
            _radio.on = _radio.chip.bluetooth = bool(on)
            if not on:
                _radio.shown = None
                _radio.links = {}
        return _radio.on

    def config(self, **settings):
        for name in settings:
            if name not in ("mtu", "rxbuf", "gap_name", "addr_mode", "bond"):
                raise ValueError("unknown config param")

    def irq(self, handler):
        _radio.handler = handler

    def gatts_register_services(self, services):
        if not _radio.on:
            raise OSError(19)
        _radio.rx, _radio.tx = 9, 11
        _radio.values, _radio.room = {9: b"", 11: b""}, {9: 20, 11: 20}
        return ((_radio.rx, _radio.tx),)

    def gatts_set_buffer(self, handle, size, append=False):
        _radio.room[handle] = size

    def gatts_read(self, handle):
        return bytes(_radio.values[handle])

    def gatts_notify(self, conn, handle, data=None):
        if conn not in _radio.links:
            raise OSError(128)
        _radio.links[conn].append(bytes(data))

    def gap_advertise(self, interval_us, adv_data=None, *, resp_data=None, connectable=True):
        if not _radio.on:
            raise OSError(19)
        _radio.shown = None if interval_us is None else (bytes(adv_data or b""), bytes(resp_data or b""))

    def gap_disconnect(self, conn):
        known = conn in _radio.links
        _radio.leave(conn)
        return known
