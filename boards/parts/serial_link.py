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


def uncobs(data):
    """What was encoded; ValueError when nothing gives these bytes."""
    out = bytearray()
    at = 0
    while at < len(data):
        size = data[at]
        if not size or at + size > len(data):
            raise ValueError("COBS")
        out += data[at + 1 : at + size]
        at += size
        if size < 255 and at < len(data):
            out.append(0)
    return bytes(out)


def packet(kind, slot, payload=b""):
    body = bytes([kind, slot]) + payload
    return cobs(body + crc32(body).to_bytes(4, "big")) + b"\0"


def unpacked(data):
    """(kind, slot, payload) of what lay between two zeros; ValueError when it is damaged."""
    body = uncobs(data)
    if len(body) < 6 or crc32(body[:-4]) != int.from_bytes(body[-4:], "big") or body[1] >= _SLOTS:
        raise ValueError("damaged")
    return body[0], body[1], body[2:-4]


class _Phone:
    def __init__(self, number, mtu):
        self.number = number
        self.mtu = mtu
        self.up = True
        self.events = [("connect", number, None)]
        self.lost = False


class SerialLink:
    """`uart`: read(n), which gives what is there and never waits, and write(data), as machine.UART has them."""

    def __init__(self, uart, other=None):
        self._uart = uart
        self._other = other
        self._buffer = bytearray()
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
        while True:
            data = self._uart.read(256)
            if not data:
                return
            self._buffer += data
            end = self._buffer.find(b"\0")
            while end >= 0:
                taken, self._buffer = bytes(self._buffer[:end]), self._buffer[end + 1 :]
                if taken:
                    self._take(taken)
                end = self._buffer.find(b"\0")
            if len(self._buffer) > _PACKET:
                self._buffer = bytearray()
                self._overrun()

    def _take(self, data):
        try:
            kind, slot, payload = unpacked(data)
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
