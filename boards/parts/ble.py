"""The lock's BLE link: frames in and out of one GATT service, for up to four phones at once.

Written against MicroPython's documented `bluetooth` module, which is handed in, so that the same file runs
on an ESP32 and on the simulator. Knows nothing of what frames mean (firmware/session.py).

How it withstands the stack: the irq handler reads a written value at once, since the next write of any
phone replaces it; keeps frames in a ring of their link, so a flood costs only the flooding link; catches
everything, since one exception would silence the radio for good. The one that it cannot catch, no memory
or stack left to enter it, is why healthy() registers it again. A link is known by a number that is never
used twice, not by the stack's handle, which the next phone may get: an answer cannot reach a stranger, nor
a late frame join another's session.
"""

import asyncio
import struct
import time

from micropython import const

from protocol import gatt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bluetooth import BLE

_IRQ_CENTRAL_CONNECT = const(1)
_IRQ_CENTRAL_DISCONNECT = const(2)
_IRQ_GATTS_WRITE = const(3)
_IRQ_MTU_EXCHANGED = const(21)

_FLAG_WRITE_NO_RESPONSE = const(0x0004)
_FLAG_WRITE = const(0x0008)
_FLAG_NOTIFY = const(0x0010)

_SLOTS = const(4)  # links at once, the stock build's limit
_FRAMES = const(128)  # in one link's ring; a longest message at the smallest MTU is 45 frames
_BYTES = const(2048)  # in one link's ring; twice a longest token and proof
_MTU = const(247)  # asked for: one link-layer packet with data length extension
_ATT_HEADER = const(3)  # opcode and handle, Core 6.0 Vol 3 Part F §3.4.7.1
_MTU_DEFAULT = const(23)  # until the phone asks for more, Vol 3 Part G §5.2.1
_ADDRESS_NRPA = const(3)  # a fresh non-resolvable private address
_PAYLOAD = const(8)


class _Slot:
    """One link's place. Of each pair of counters the irq handler moves the first, the reader the second."""

    def __init__(self):
        self.frames: list = [None] * _FRAMES
        self.number = self.handle = -1  # number: not in use
        self.open(-1, -1)

    def open(self, number, handle):
        self.handle = handle
        self.mtu = _MTU_DEFAULT
        self.pushed = self.taken = 0  # frames
        self.bytes_in = self.bytes_out = 0
        self.new, self.lost, self.gone = True, False, False
        self.number = number  # last: from here on the reader sees it

    def push(self, frame):
        held = self.bytes_in - self.bytes_out + len(frame)
        if self.lost or self.pushed - self.taken >= _FRAMES or held > _BYTES:
            self.lost = True  # until the reader was told: no frame may seem to follow one that it does not
            return
        self.frames[self.pushed % _FRAMES] = frame
        self.bytes_in += len(frame)
        self.pushed += 1

    def take(self):
        """The oldest event of this link, (kind, data), or None."""
        gone = self.gone  # read before the ring: a frame may come in between, none after this
        if self.new:
            self.new = False
            return "connect", None
        if self.taken != self.pushed:
            index = self.taken % _FRAMES
            frame, self.frames[index] = self.frames[index], None
            self.bytes_out += len(frame)
            self.taken += 1
            return "frame", frame
        if self.lost:
            self.lost = False
            return "overrun", None
        if gone:
            self.number = -1
            return "disconnect", None
        return None


class Ble:
    """boards.contract.Link over BLE.

    `buffer`: bytes of a written value; one that fills it counts as cut. `flag`: what the irq handler sets to wake
    the reader, with set(), clear() and wait(). Where the handler interrupts, only asyncio.ThreadSafeFlag will do;
    where it runs inside the event loop (boards/sim), asyncio.Event spares the loop from polling every millisecond.
    """

    def __init__(self, bluetooth, buffer=512, flag=None):
        self._bluetooth = bluetooth
        self._buffer = buffer
        self._slots = [_Slot() for _ in range(_SLOTS)]
        self._turn = 0
        self._number = 0
        self._flag = flag or asyncio.ThreadSafeFlag()
        self._handler = self._irq  # bound once: registering it again allocates nothing
        self._payload = None
        self._interval_us = 0
        self._on = self._changed = False
        self._faults_told = 0
        self.faults = 0  # exceptions that the irq handler swallowed, ever
        self.seen_ms = time.ticks_ms()  # when the stack last called

    def start(self):
        """Switch the radio on and offer the service. Raises OSError when the stack refuses."""
        uuid = self._bluetooth.UUID
        ble: "BLE" = self._bluetooth.BLE()
        self._ble = ble
        ble.irq(self._handler)
        ble.active(True)
        self._on = True
        ble.config(mtu=_MTU, rxbuf=self._buffer)
        receive = (uuid(gatt.RX), _FLAG_WRITE | _FLAG_WRITE_NO_RESPONSE)
        transmit = (uuid(gatt.TX), _FLAG_NOTIFY)
        ((self._rx, self._tx),) = ble.gatts_register_services(((uuid(gatt.SERVICE), (receive, transmit)),))
        ble.gatts_set_buffer(self._rx, self._buffer, False)
        self._scan_response = b"\x11\x07" + bytes(uuid(gatt.SERVICE))  # the one 128-bit service

    def stop(self):
        """Switch the radio off until `start` or `advertise`; all links end."""
        if not self._on:
            return
        self.advertise_off()
        self._ble.active(False)
        self._on = False
        for slot in self._slots:
            slot.gone = True
        self._flag.set()

    # Advertising

    def advertise(self, payload, interval_ms):
        """Show these 8 bytes, under a new address if they are new, until advertise_off().

        Comes back by itself after each link; pauses while all slots are taken. Raises ValueError, OSError.
        """
        if len(payload) != _PAYLOAD:
            raise ValueError("payload is 8 bytes")
        if not self._on:
            self.start()
        if payload != self._payload:
            self.advertise_off()
            try:
                self._ble.config(addr_mode=_ADDRESS_NRPA)
            except (OSError, ValueError):
                pass  # a stack without it: the board's documentation says which address it shows
            self._payload = bytes(payload)
        self._interval_us = interval_ms * 1000
        self._resume()

    def advertise_off(self):
        self._payload = None
        if self._on:
            self._ble.gap_advertise(None)  # type: ignore[arg-type]  # the stubs forget that None stops it

    def _resume(self):
        """Advertise (again) if wanted and a slot is free; True when that is now so."""
        if self._payload is None or self.links() >= _SLOTS:
            return True
        shown = b"\x02\x01\x06" + struct.pack("<BBH", 3 + _PAYLOAD, 0xFF, gatt.COMPANY) + self._payload
        try:
            self._ble.gap_advertise(self._interval_us, shown, resp_data=self._scan_response, connectable=True)
            return True
        except OSError:
            return False  # a link that we were not told of holds the last slot; healthy() tries again

    # Events

    async def event(self):
        """The next (kind, conn, data); links take turns.

        "connect", "disconnect", "frame" (data: the bytes of one write), "overrun" (frames of this link were
        lost or cut here; data None), "fault" (conn None, data: how many exceptions).
        """
        await asyncio.sleep_ms(0)  # a phone that never stops writing must not stop all other tasks
        if self._changed:  # only now: whoever was told may no longer want to show what was shown before
            self._changed = False
            self._resume()
        while True:
            if self.faults != self._faults_told:
                count, self._faults_told = self.faults - self._faults_told, self.faults
                return "fault", None, count
            for _ in range(_SLOTS):
                slot = self._slots[self._turn]
                self._turn = (self._turn + 1) % _SLOTS
                number = slot.number
                found = slot.take() if number >= 0 else None
                if found:
                    self._changed = found[0] == "connect" or found[0] == "disconnect"
                    return found[0], number, found[1]
            await self._flag.wait()
            self._flag.clear()  # before the rings are looked at again: what comes now sets it anew

    def _irq(self, event, data):
        try:
            self.seen_ms = time.ticks_ms()
            handle = data[0]
            if event == _IRQ_CENTRAL_CONNECT:
                self._open(handle)
            else:
                slot = self._find(handle)
                if event == _IRQ_GATTS_WRITE:
                    if data[1] == self._rx:
                        frame = self._ble.gatts_read(self._rx)
                        if slot is None:
                            self._ble.gap_disconnect(handle)  # its connect was never seen: it may come again
                        elif len(frame) >= self._buffer:
                            slot.lost = True  # it fills the buffer: perhaps it was longer, and cut
                        else:
                            slot.push(frame)
                elif slot is None:
                    pass
                elif event == _IRQ_CENTRAL_DISCONNECT:
                    slot.gone = True
                elif event == _IRQ_MTU_EXCHANGED:
                    slot.mtu = data[1]
            self._flag.set()
        except BaseException:  # to raise it would remove this handler for good
            self.faults += 1
            self._doubt(event, data)
            self._flag.set()

    def _doubt(self, event, data):
        """An event of this link was not dealt with: a frame may be missing, or the link be another one by now."""
        try:
            slot = self._find(data[0])
            if slot:
                slot.lost = True
                slot.gone = event == _IRQ_CENTRAL_CONNECT or event == _IRQ_CENTRAL_DISCONNECT
        except BaseException:
            pass

    def _open(self, handle):
        stale = self._find(handle)
        if stale:
            stale.gone = True  # its end was never seen; the newcomer must not inherit its place
        for slot in self._slots:
            if slot.number < 0:
                self._number += 1
                slot.open(self._number * _SLOTS + self._slots.index(slot), handle)
                return
        self._ble.gap_disconnect(handle)  # the reader is behind: slots of ended links are not yet free

    def _find(self, handle):
        for slot in self._slots:
            if slot.handle == handle and slot.number >= 0 and not slot.gone:
                return slot
        return None

    # Links

    def links(self):
        """How many links are up."""
        return sum(slot.number >= 0 and not slot.gone for slot in self._slots)

    def alive(self, conn):
        return self._slot(conn) is not None

    def mtu(self, conn):
        """Bytes that one frame to or from this link may hold; 20 for a link that is gone."""
        slot = self._slot(conn)
        return min((slot.mtu if slot else _MTU_DEFAULT) - _ATT_HEADER, self._buffer - 1)

    def send(self, conn, frame):
        """Notify one frame. False: not sent; the link is gone or, if alive(), the stack is full for now."""
        slot = self._slot(conn)
        if slot is None:
            return False
        if len(frame) > slot.mtu - _ATT_HEADER:
            raise ValueError("frame longer than mtu()")  # the stack would cut it silently
        try:
            self._ble.gatts_notify(slot.handle, self._tx, frame)  # type: ignore  # the stubs forget the handle
            return True
        except OSError:
            return False

    def cut(self, conn):
        """End this link; its "disconnect" follows, also when the stack has forgotten the link already."""
        slot = self._slot(conn)
        if slot is None:
            return
        try:
            known = self._ble.gap_disconnect(slot.handle)
        except OSError:
            known = False
        if not known:
            slot.gone = True
            self._flag.set()

    def _slot(self, conn):
        slot = self._slots[conn % _SLOTS]
        return slot if slot.number == conn and not slot.gone else None

    def healthy(self):
        """Put right what can go wrong unnoticed: a handler that the stack dropped, advertising that stopped.
        For a watchdog, every few seconds. False when the radio is off or refuses to advertise."""
        try:
            self._ble.irq(self._handler)
            return bool(self._ble.active()) and self._resume()
        except OSError:
            return False
