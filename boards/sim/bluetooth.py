"""MicroPython's `bluetooth` module for the unix port: a GATT server on the virtual radio (tools/radio.py).

    RINGSLOT_RADIO=host:port    the radio's port for locks
    RINGSLOT_BLE_NAME=name      this lock's name on the radio

Reproduces, because firmware has to withstand them, what MicroPython with NimBLE does on an ESP32: an
exception that leaves the irq handler removes the handler for good; a write longer than the attribute's
buffer (20 bytes unless set) is cut and the phone is told it succeeded; one value for each characteristic,
whichever link wrote it; advertising stops with each connection; four links; the address in an event is a
view of a buffer that the next event overwrites. Pairing, scanning and the GATT client are absent: a lock
uses none of them.

Events come from an asyncio task that active(True) starts, since this port's threads have no lock around
the heap. Hence nothing is delivered before the event loop runs, nor while a task holds it. The wire is
described in tools/radio_lock.py.
"""

import asyncio
import os
import socket
import struct
import sys
from binascii import hexlify, unhexlify

FLAG_BROADCAST = 0x0001
FLAG_READ = 0x0002
FLAG_WRITE_NO_RESPONSE = 0x0004
FLAG_WRITE = 0x0008
FLAG_NOTIFY = 0x0010
FLAG_INDICATE = 0x0020
FLAG_AUTHENTICATED_SIGNED_WRITE = 0x0040
FLAG_AUX_WRITE = 0x0100
FLAG_READ_ENCRYPTED = 0x0200
FLAG_READ_AUTHENTICATED = 0x0400
FLAG_READ_AUTHORIZED = 0x0800
FLAG_WRITE_ENCRYPTED = 0x1000
FLAG_WRITE_AUTHENTICATED = 0x2000
FLAG_WRITE_AUTHORIZED = 0x4000

_IRQ_CENTRAL_CONNECT = 1
_IRQ_CENTRAL_DISCONNECT = 2
_IRQ_GATTS_WRITE = 3
_IRQ_GATTS_READ_REQUEST = 4
_IRQ_GATTS_INDICATE_DONE = 20
_IRQ_MTU_EXCHANGED = 21

_ACTIVE, _MTU, _ADDRESS, _ADVERTISE, _QUIET = 1, 2, 3, 4, 5
_DISCONNECT, _REGISTER, _NOTIFY, _INDICATE, _UPDATE = 6, 7, 8, 9, 10

_DEFAULT_BUFFER = 20  # bytes, MP_BLUETOOTH_DEFAULT_ATTR_LEN
_ENODEV = 19
_EINVAL = 22
_CALL_S = 10  # a radio that does not answer within this has died
_INBOX = 2048  # bytes of events; one has 520 at most
_NO_RESOURCES = b"\x11\0"  # ATT error, Core 6.0 Vol 3 Part F §3.4.1.1


class UUID:
    """16, 32 or 128 bits; `bytes(uuid)` is little-endian, as on the air."""

    def __init__(self, value):
        if isinstance(value, int):
            if not 0 <= value <= 0xFFFF:
                raise ValueError("invalid UUID")
            self._raw = bytes((value & 255, value >> 8))
        elif isinstance(value, str):
            self._raw = bytes(reversed(unhexlify(value.replace("-", ""))))
            if len(self._raw) != 16:
                raise ValueError("invalid UUID")
        else:
            self._raw = bytes(value)
            if len(self._raw) not in (2, 4, 16):
                raise ValueError("invalid UUID")

    def __iter__(self):
        return iter(self._raw)

    def __len__(self):
        return len(self._raw)

    def __eq__(self, other):
        return isinstance(other, UUID) and self._raw == other._raw

    def __hash__(self):
        return hash(self._raw)

    def __repr__(self):
        return "UUID(0x%s)" % hexlify(bytes(reversed(self._raw))).decode()


class _Value:
    """An attribute's value and the room it has."""

    def __init__(self):
        self.data, self.room, self.append = b"", _DEFAULT_BUFFER, False

    def written(self, data):
        self.data = ((self.data if self.append else b"") + data)[: self.room]

    def read(self):
        data = bytes(memoryview(self.data))  # a new object, as in C: with no memory left it raises
        if self.append:
            self.data = b""
        return data


class BLE:
    """The one radio of this process."""

    _only = None

    def __new__(cls):
        if BLE._only is None:
            BLE._only = object.__new__(cls)
            BLE._only._begin()
        return BLE._only

    def _begin(self):
        self._calls = self._events = self._handler = None
        self._active = False
        self._settings = {"mtu": 256, "rxbuf": 256, "gap_name": b"MPY UNIX", "addr_mode": 1, "bond": False}
        self._values = {}
        self._peer = bytearray(6)  # one for all events, as in C: who keeps it without a copy is wrong
        self._links = {}

    # The documented module

    def active(self, active=None):
        if active is not None and bool(active) != self._active:
            if active and self._calls is None:
                self._join()
            self._call(_ACTIVE, bytes((bool(active),)))
            self._active = bool(active)
            if active:
                self._values, self._links = {}, {}
                self._call(_MTU, struct.pack("<H", self._settings["mtu"]))
        return self._active

    def config(self, *names, **settings):
        if names:
            if names[0] == "mac":
                answer = self._call(_ADDRESS, b"")
                return answer[0], answer[1:]
            if names[0] not in self._settings:
                raise ValueError("unknown config param")
            return self._settings[names[0]]
        for name, value in settings.items():
            if name not in self._settings:
                raise ValueError("unknown config param")
            if name == "mtu" and self._active:
                self._call(_MTU, struct.pack("<H", value))
            elif name == "addr_mode":
                self._call(_ADDRESS, bytes((value,)))
            self._settings[name] = value

    def irq(self, handler):
        self._handler = handler

    def gap_advertise(self, interval_us, adv_data=None, *, resp_data=None, connectable=True):
        if interval_us is None:
            self._call(_QUIET, b"")
            return
        flags = bool(connectable) | (adv_data is not None) << 1 | (resp_data is not None) << 2
        shown = bytes(adv_data or b"")
        head = struct.pack("<IBB", interval_us, flags, len(shown))
        self._call(_ADVERTISE, head + shown + bytes(resp_data or b""))

    def gap_disconnect(self, conn_handle):
        return bool(self._call(_DISCONNECT, struct.pack("<H", conn_handle))[0])

    def gatts_register_services(self, services_definition):
        plan = b""
        for uuid, characteristics in services_definition:
            plan += _entry(0, 0, uuid)
            for characteristic in characteristics:
                plan += _entry(1, characteristic[1], characteristic[0])
                for descriptor in characteristic[2] if len(characteristic) > 2 else ():
                    plan += _entry(2, descriptor[1], descriptor[0])
        answer = self._call(_REGISTER, plan)
        handles = list(struct.unpack("<%dH" % (len(answer) // 2), answer))
        self._values = {handle: _Value() for handle in handles}
        result = []
        for _, characteristics in services_definition:
            count = sum(1 + (len(c[2]) if len(c) > 2 else 0) for c in characteristics)
            result.append(tuple(handles[:count]))
            handles = handles[count:]
        return tuple(result)

    def gatts_read(self, value_handle):
        return self._value(value_handle).read()

    def gatts_write(self, value_handle, data, send_update=False):
        value = self._value(value_handle)
        value.data, value.room = bytes(data), max(value.room, len(data))
        if send_update:
            self._call(_UPDATE, struct.pack("<H", value_handle) + value.data)
        return len(data)

    def gatts_notify(self, conn_handle, value_handle, data=None):
        self._tell(_NOTIFY, conn_handle, value_handle, data)

    def gatts_indicate(self, conn_handle, value_handle, data=None):
        self._tell(_INDICATE, conn_handle, value_handle, data)

    def gatts_set_buffer(self, value_handle, len, append=False):
        value = self._value(value_handle)
        value.data, value.room, value.append = b"", len, bool(append)

    # Calls

    def _value(self, handle):
        if not self._active:
            raise OSError(_ENODEV)
        if handle not in self._values:
            raise OSError(_EINVAL)
        return self._values[handle]

    def _tell(self, operation, link, handle, data):
        value = self._value(handle)
        self._call(operation, struct.pack("<HH", link, handle) + bytes(value.data if data is None else data))

    def _call(self, operation, arguments):
        if not (self._active or operation == _ACTIVE):
            raise OSError(_ENODEV)
        return self._exchange(self._calls, bytes((operation,)) + arguments)

    def _exchange(self, wire, body):
        wire.write(struct.pack("<H", len(body)) + body)
        answer = _read(wire, struct.unpack("<H", _read(wire, 2))[0])
        errno = struct.unpack("<H", answer)[0]
        if errno:
            raise OSError(errno)
        return answer[2:]

    def _join(self):
        address, name = os.getenv("RINGSLOT_RADIO"), os.getenv("RINGSLOT_BLE_NAME")
        if not address or not name:
            raise RuntimeError(
                "RINGSLOT_RADIO=host:port and RINGSLOT_BLE_NAME=name must be set; see tools/radio.py"
            )
        host, port = address.rsplit(":", 1)
        self._calls = _connect(host, int(port))
        ticket = self._exchange(self._calls, b"C" + name.encode())
        self._events = _connect(host, int(port))
        self._exchange(self._events, b"E" + ticket)
        self._events.setblocking(False)
        asyncio.get_event_loop().create_task(self._listen())

    # Events

    async def _listen(self):
        stream = asyncio.StreamReader(self._events)
        inbox = memoryview(bytearray(_INBOX))  # allocated once: a full heap costs an event, not the radio
        used = 0
        try:
            while True:
                count = await stream.readinto(inbox[used:])
                if not count:
                    raise OSError(_ENODEV)
                used += count
                start = 0
                while used - start >= 2:
                    end = start + 2 + (inbox[start] | inbox[start + 1] << 8)
                    if end > used:
                        break
                    self._answer(inbox[start + 2 : end])
                    start = end
                inbox[: used - start] = bytes(inbox[start:used])
                used -= start
        except OSError:
            self._active = False
            sys.stderr.write("the virtual radio is gone\n")

    def _answer(self, body):
        try:
            answer = self._happened(body)
        except MemoryError:
            answer = _NO_RESOURCES
        self._events.write(struct.pack("<H", len(answer)) + answer)

    def _happened(self, body):
        """Hand one event to the handler; the answer for the radio is {u16 ATT error, value}."""
        event, link = struct.unpack("<BH", body)
        rest = bytes(body[3:])
        answer = b"\0\0"
        if event == _IRQ_CENTRAL_CONNECT or event == _IRQ_CENTRAL_DISCONNECT:
            self._peer[:] = rest[1:]
            self._irq(event, (link, rest[0], memoryview(self._peer)))
        elif event == _IRQ_GATTS_WRITE:
            handle = rest[0] | rest[1] << 8
            if handle in self._values:
                self._values[handle].written(rest[2:])
                self._irq(event, (link, handle))
        elif event == _IRQ_GATTS_READ_REQUEST:
            handle = rest[0] | rest[1] << 8
            refused = self._irq(event, (link, handle)) or 0
            value = self._values.get(handle)
            answer = struct.pack("<H", refused) + (value.data if value and not refused else b"")
        elif event == _IRQ_MTU_EXCHANGED:
            self._irq(event, (link, rest[0] | rest[1] << 8))
        elif event == _IRQ_GATTS_INDICATE_DONE:
            self._irq(event, (link, rest[0] | rest[1] << 8, rest[2]))
        return answer

    def _irq(self, event, data):
        if self._handler is None:
            return None
        try:
            return self._handler(event, data)
        except BaseException as error:  # invoke_irq_handler() of MicroPython's extmod/modbluetooth.c
            sys.stderr.write("Unhandled exception in IRQ callback handler\n")
            sys.print_exception(error, sys.stderr)
            self._handler = None
            return None


def _connect(host, port):
    wire = socket.socket()
    wire.connect(socket.getaddrinfo(host, port)[0][-1])
    wire.settimeout(_CALL_S)
    wire.setsockopt(6, 1, 1)  # TCP_NODELAY: each message is waited for
    return wire


def _read(wire, size):
    data = wire.read(size)
    if data is None or len(data) != size:  # timed out, closed
        raise OSError(_ENODEV)
    return data


def _entry(kind, flags, uuid):
    raw = bytes(uuid)
    return struct.pack("<BHB", kind, flags, len(raw)) + raw
