"""Links over a serial line in place of a radio: boards.contract.Link for boards without Bluetooth, and for benches.

A packet is COBS-encoded and ends with a zero byte: kind, slot (0 to 3), payload, and the CRC-32 of all before, 4 bytes
big-endian. Noise between packets is skipped. A damaged packet is dropped, and every link told that it may have lost
a frame.

| kind       | to the board                              | from the board                                      |
|------------|-------------------------------------------|-----------------------------------------------------|
| CONNECT    | a new link in that slot; payload: mtu, u16 | -                                                   |
| DISCONNECT | the phone has left                        | the link is cut                                     |
| FRAME      | one write                                 | one notification                                    |
| ADVERTISE  | -                                         | 8 bytes and the interval in ms, u16; empty: nothing |
| other      | handed to `other(payload)`, whose bytes are sent back as the same kind                          |
"""

import asyncio
from binascii import crc32

CONNECT, DISCONNECT, FRAME, ADVERTISE, OTHER = range(1, 6)
_SLOTS = 4
_PACKET = 1_100  # bytes of a packet before its zero; more is noise
_CHUNK = 64  # that are taken off the line at once
_FRAMES = 64  # that wait in one link
_POLL_MS = 2


def cobs(data):
    """Without a zero byte in it; Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999."""
    out = bytearray()
    for part in bytes(data).split(b"\0"):
        while len(part) >= 254:
            out.append(255)
            out += part[:254]
            part = part[254:]
        out.append(len(part) + 1)
        out += part
    return bytes(out)


def uncobs(buffer, size):
    """Decodes the first `size` bytes where they lie, and gives their new count; ValueError when nothing encodes to
    these."""
    at = to = 0
    while at < size:
        code = buffer[at]
        if not code or at + code > size:
            raise ValueError("COBS")
        for i in range(at + 1, at + code):
            buffer[to] = buffer[i]
            to += 1
        at += code
        if code < 255 and at < size:
            buffer[to] = 0
            to += 1
    return to


def packet(kind, slot, payload=b""):
    body = bytes([kind, slot]) + payload
    return cobs(body + crc32(body).to_bytes(4, "big")) + b"\0"


def unpacked(data):
    """(kind, slot, payload) of what lay between two zeros; ValueError when it is damaged."""
    return unpack(memoryview(bytearray(data)), len(data))


def unpack(view, size):
    """The same of the first bytes of a buffer, which are spoiled by it. What it allocates is the payload."""
    end = uncobs(view, size) - 4
    if end < 2 or crc32(view[:end]) != int.from_bytes(view[end : end + 4], "big") or view[1] >= _SLOTS:
        raise ValueError("damaged")
    return view[0], view[1], bytes(view[2:end])


class _Phone:
    def __init__(self, number, mtu):
        self.number = number
        self.mtu = mtu
        self.up = True
        self.events = [("connect", number, None)]
        self.lost = False


class SerialLink:
    """`uart`: readinto(buffer), which gives how much was there, or None, and never waits; and write(data), as
    machine.UART has them. A frame costs no more memory than from a radio."""

    def __init__(self, uart, other=None):
        self._uart = uart
        self._other = other
        self._arrived = bytearray(_CHUNK)
        self._packet = memoryview(bytearray(_PACKET))
        self._size = 0  # of what there is of a packet; more than fits is noise
        self._phones: list = [None] * _SLOTS
        self._count = 1
        self._turn = 0
        self.faults = 0

    # ---- boards.contract.Link

    def advertise(self, payload, interval_ms):
        if len(payload) != 8:
            raise ValueError("payload is 8 bytes")
        self._send(ADVERTISE, 0, payload + interval_ms.to_bytes(2, "big"))

    def advertise_off(self):
        self._send(ADVERTISE, 0)

    async def event(self):
        while True:
            self._listen()
            for _ in range(_SLOTS):
                phone = self._phones[self._turn]
                if phone and phone.events:
                    event = phone.events.pop(0)
                    if event[0] == "overrun":
                        phone.lost = False
                    elif event[0] == "disconnect":
                        self._phones[self._turn] = None
                    self._turn = (self._turn + 1) % _SLOTS
                    return event
                self._turn = (self._turn + 1) % _SLOTS
            await asyncio.sleep_ms(_POLL_MS)

    def send(self, conn, frame):
        phone = self._phone(conn)
        if phone is None:
            return False
        if len(frame) > phone.mtu:
            raise ValueError("frame longer than mtu()")
        self._send(FRAME, conn % _SLOTS, frame)
        return True

    def cut(self, conn):
        phone = self._phone(conn)
        if phone:
            self._gone(phone)
            self._send(DISCONNECT, conn % _SLOTS)

    def alive(self, conn):
        return self._phone(conn) is not None

    def mtu(self, conn):
        phone = self._phone(conn)
        return phone.mtu if phone else 20

    def links(self):
        return sum([phone is not None and phone.up for phone in self._phones])

    def healthy(self):
        return True

    # ---- the line

    def _phone(self, conn):
        phone = self._phones[conn % _SLOTS]
        return phone if phone and phone.number == conn and phone.up else None

    def _send(self, kind, slot, payload=b""):
        self._uart.write(packet(kind, slot, bytes(payload)))

    def _listen(self):
        arrived, packet = self._arrived, self._packet
        while True:
            count = self._uart.readinto(arrived)
            if not count:
                return
            for i in range(count):
                byte = arrived[i]
                if byte:
                    if self._size < _PACKET:
                        packet[self._size] = byte
                    self._size += 1
                elif self._size:
                    size, self._size = self._size, 0
                    self._take(size)

    def _take(self, size):
        try:
            if size > _PACKET:
                raise ValueError("too long")
            kind, slot, payload = unpack(self._packet, size)
        except ValueError:
            return self._overrun()
        phone = self._phones[slot]
        if kind == CONNECT and len(payload) == 2:
            if phone:
                return self._send(DISCONNECT, slot)  # its slot is not yet free
            self._phones[slot] = _Phone(self._count * _SLOTS + slot, int.from_bytes(payload, "big"))
            self._count += 1
        elif kind == DISCONNECT and phone:
            self._gone(phone)
        elif kind == FRAME and phone and phone.up:
            if len(phone.events) < _FRAMES and len(payload) <= phone.mtu:
                phone.events.append(("frame", phone.number, payload))
            else:
                self._lose(phone)
        elif kind == OTHER and self._other:
            self._send(OTHER, slot, self._other(payload))

    def _overrun(self):
        for phone in self._phones:
            if phone and phone.up:
                self._lose(phone)

    def _lose(self, phone):
        if not phone.lost:
            phone.lost = True
            phone.events.append(("overrun", phone.number, None))

    def _gone(self, phone):
        if phone.up:
            phone.up = False
            phone.events.append(("disconnect", phone.number, None))
