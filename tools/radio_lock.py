"""A lock's end of the virtual radio: a Bumble host and chip for each lock that is switched on.

The other half is boards/sim/bluetooth.py, on MicroPython. Values of characteristics live there; this half
relays. Wire between the two, over TCP, private to them, little-endian: each message is u16 length, body.

    call socket    it sends {u8 operation of `_CALLS`, arguments}    answer {u16 errno, result}
    event socket   we send {u8 IRQ number, u16 link, ...}            answer {u16 ATT error, value}, in order

Not the radio itself (radio.py) and not a phone (bleak_radio.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
from collections import Counter, deque

from bumble.att import ATT_Error
from bumble.core import UUID, BaseBumbleError
from bumble.device import AdvertisingType, Connection, Device
from bumble.gatt import Characteristic, CharacteristicValue, Descriptor, Service
from bumble.gatt_server import Server
from bumble.hci import HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR, Address
from bumble.host import Host
from bumble.transport.common import AsyncPipeSink

from tools.radio_chip import Air, Chip

SLOTS = 4  # links at once, as stock MicroPython on ESP32
BACKLOG = 64  # writes of one link that the lock has not yet taken; more are refused
_ADVERTISEMENT_MAX = 31  # bytes, legacy advertising PDU, Core 6.0 Vol 6 Part B §2.3.1
_ANSWER_S = 30.0  # ATT transaction time-out, Core 6.0 Vol 3 Part F §3.3.3
_CENTRAL_CONNECT, _CENTRAL_DISCONNECT, _GATTS_WRITE, _GATTS_READ_REQUEST = 1, 2, 3, 4
_GATTS_INDICATE_DONE, _MTU_EXCHANGED = 20, 21
_ENODEV, _EIO, _ENOMEM, _EINVAL, _ENOTCONN = 19, 5, 12, 22, 128  # as the ESP32's C library numbers them
_READ_FLAG, _WRITE_FLAGS = 0x02, 0x0C
_NRPA = 3


async def read_message(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack("<H", await reader.readexactly(2))
    return await reader.readexactly(length)


def message(body: bytes) -> bytes:
    return struct.pack("<H", len(body)) + body


class Lock:
    """One lock on the air, from the moment its process joined to the moment its socket closed."""

    def __init__(self, air: Air, name: str) -> None:
        self.air, self.name = air, name
        self.chip: Chip | None = None
        self.device: Device | None = None
        self.events: asyncio.StreamWriter | None = None
        self._unanswered: deque[asyncio.Future[bytes]] = deque()
        self._backlog: Counter[int] = Counter()
        self._tasks: set[asyncio.Task] = set()
        self._attributes: dict[int, Characteristic | Descriptor] = {}
        self._mtu = 256  # NimBLE's preferred MTU until the lock sets its own
        self._address = Address(_static_address(name), Address.RANDOM_DEVICE_ADDRESS)
        self._data = self._scan_response = b""

    async def call(self, request: bytes) -> bytes:
        """One operation of the `bluetooth` module; the answer begins with its errno, 0 for success."""
        try:
            operation = _CALLS[request[0]]
            if self.device is None and operation is not Lock._active:
                raise OSError(_ENODEV, "not active")
            return struct.pack("<H", 0) + (await operation(self, request[1:]) or b"")
        except OSError as error:
            return struct.pack("<H", error.errno or _EIO)
        except BaseBumbleError:
            return struct.pack("<H", _EIO)
        except (struct.error, KeyError, IndexError, ValueError):
            return struct.pack("<H", _EINVAL)

    def answered(self, answer: bytes) -> None:
        """The module has handled the oldest event."""
        if self._unanswered and not (waiting := self._unanswered.popleft()).done():
            waiting.set_result(answer)

    def vanish(self) -> None:
        """The lock lost its power: peers see their links time out."""
        if self.chip:
            self.chip.remove()
        self.chip = self.device = None
        for waiting in self._unanswered:
            waiting.cancel()
        for task in self._tasks:
            task.cancel()
        self._unanswered.clear()

    # Events, towards the lock

    def _send(self, event: int, link: int, rest: bytes = b"") -> asyncio.Future[bytes]:
        waiting = asyncio.get_running_loop().create_future()
        if self.events is None or self.events.is_closing():
            waiting.cancel()
            return waiting
        self._unanswered.append(waiting)
        self.events.write(message(struct.pack("<BH", event, link) + rest))
        return waiting

    async def _ask(self, event: int, link: int, rest: bytes) -> bytes:
        """The lock's answer to a phone's write or read. ATT_Error when it refuses, is too slow or is gone."""
        if self._backlog[link] >= BACKLOG:
            raise ATT_Error(0x11)  # insufficient resources, Core 6.0 Vol 3 Part F §3.4.1.1
        self._backlog[link] += 1
        try:
            answer = await asyncio.wait_for(self._send(event, link, rest), _ANSWER_S)
        except (TimeoutError, asyncio.CancelledError):
            raise ATT_Error(0x0E) from None  # unlikely error
        finally:
            self._backlog[link] -= 1
        (refusal,) = struct.unpack_from("<H", answer)
        if refusal:
            raise ATT_Error(refusal & 0xFF)
        return answer[2:]

    def _connected(self, link: Connection) -> None:
        peer = struct.pack("<B", not link.peer_address.is_public) + bytes(link.peer_address)[::-1]
        self._backlog[link.handle] = 0
        self._send(_CENTRAL_CONNECT, link.handle, peer)
        link.on("disconnection", lambda _: self._send(_CENTRAL_DISCONNECT, link.handle, peer))
        link.on(
            "connection_att_mtu_update",
            lambda: self._send(_MTU_EXCHANGED, link.handle, struct.pack("<H", link.att_mtu)),
        )

    # Calls, from the lock

    def _link(self, handle: int) -> Connection:
        link = self.device.connections.get(handle)
        if link is None:
            raise OSError(_ENOTCONN, "not connected")
        return link

    async def _active(self, arguments: bytes) -> None:
        if arguments[0] and self.device is None:
            self.chip = Chip(self.name, self.air)
            host = Host(self.chip, AsyncPipeSink(self.chip))
            self.device = Device(name="Ringslot", address=self._address, host=host)
            self.device.on("connection", self._connected)
            await self.device.power_on()
            self.device.gatt_server.max_mtu = self._mtu
        elif not arguments[0]:
            self.vanish()

    async def _set_mtu(self, arguments: bytes) -> None:
        (self._mtu,) = struct.unpack("<H", arguments)
        self.device.gatt_server.max_mtu = self._mtu

    async def _address_mode(self, arguments: bytes) -> bytes:
        """Mode 3 takes a fresh non-resolvable private address, Core 6.0 Vol 6 Part B §1.3.2.2. The address."""
        if arguments and arguments[0] == _NRPA:
            if self.device.is_advertising:
                raise OSError(_EIO, "not while advertising")
            raw = bytearray(os.urandom(6))
            raw[5] &= 0x3F
            self.device.random_address = Address(bytes(raw), Address.RANDOM_DEVICE_ADDRESS)
            self.chip.random_address = self.device.random_address
        return b"\x01" + bytes(self.device.random_address)[::-1]

    async def _advertise(self, arguments: bytes) -> None:
        interval_us, flags, size = struct.unpack_from("<IBB", arguments)
        data, scan_response = arguments[6 : 6 + size], arguments[6 + size :]
        if flags & 2:
            self._data = data
        if flags & 4:
            self._scan_response = scan_response
        if max(len(self._data), len(self._scan_response)) > _ADVERTISEMENT_MAX:
            raise OSError(_EINVAL, "advertisement too long")
        await self.device.stop_advertising()
        if flags & 1 and len(self.device.connections) >= SLOTS:
            raise OSError(_ENOMEM, "no free link")
        await self.device.start_advertising(
            AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE
            if flags & 1
            else AdvertisingType.UNDIRECTED_SCANNABLE,
            advertising_data=self._data,
            scan_response_data=self._scan_response,
            advertising_interval_min=max(20.0, interval_us / 1000),
            advertising_interval_max=max(20.0, interval_us / 1000),
        )

    async def _quiet(self, _: bytes) -> None:
        await self.device.stop_advertising()

    async def _disconnect(self, arguments: bytes) -> bytes:
        (handle,) = struct.unpack("<H", arguments)
        link = self.device.connections.get(handle)
        if link:
            self._later(link.disconnect(HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR))
        return struct.pack("<B", link is not None)

    async def _register(self, arguments: bytes) -> bytes:
        """Services as a flat list {u8 0 service 1 characteristic 2 descriptor, u16 flags, u8 size, UUID}."""
        server = Server(self.device)
        server.max_mtu = self._mtu
        self.device.gatt_server = server
        self.device.add_default_services(add_gatt_service=False)
        services: list[tuple[UUID, list]] = []
        while arguments:
            kind, flags, size = struct.unpack_from("<BHB", arguments)
            uuid, arguments = UUID.from_bytes(arguments[4 : 4 + size]), arguments[4 + size :]
            if kind == 0:
                services.append((uuid, []))
            elif kind == 1:
                services[-1][1].append((uuid, flags, []))
            else:
                services[-1][1][-1][2].append(self._attribute(Descriptor, uuid, flags))
        handles = []
        for uuid, plans in services:
            characteristics = [self._attribute(Characteristic, *plan) for plan in plans]
            self.device.add_service(Service(uuid, characteristics))
            for characteristic in characteristics:
                handles += [characteristic.handle, *(d.handle for d in characteristic.descriptors)]
                self._attributes.update({a.handle: a for a in (characteristic, *characteristic.descriptors)})
        return struct.pack(f"<{len(handles)}H", *handles)

    def _attribute(self, kind: type, uuid: UUID, flags: int, descriptors: list | None = None):
        """A characteristic or descriptor whose value the lock is asked for. Bumble checks no permission."""

        async def write(link: Connection, data: bytes) -> None:
            if not flags & _WRITE_FLAGS:
                raise ATT_Error(0x03)  # write not permitted
            await self._ask(_GATTS_WRITE, link.handle, struct.pack("<H", attribute.handle) + data)

        async def read(link: Connection) -> bytes:
            if not flags & _READ_FLAG:
                raise ATT_Error(0x02)  # read not permitted
            return await self._ask(_GATTS_READ_REQUEST, link.handle, struct.pack("<H", attribute.handle))

        permissions = Characteristic.READABLE | Characteristic.WRITEABLE
        value = CharacteristicValue(read=read, write=write)
        if kind is Descriptor:
            attribute = Descriptor(uuid, permissions, value)
        else:
            properties = Characteristic.Properties(flags & 0x7F)
            attribute = Characteristic(uuid, properties, permissions, value, descriptors)
        return attribute

    async def _notify(self, arguments: bytes) -> None:
        handle, attribute = struct.unpack_from("<HH", arguments)
        server = self.device.gatt_server  # NimBLE notifies whether or not the phone subscribed, hence `force`
        await server.notify_subscriber(
            self._link(handle), self._attributes[attribute], arguments[4:], force=True
        )

    async def _indicate(self, arguments: bytes) -> None:
        handle, attribute = struct.unpack_from("<HH", arguments)
        link = self._link(handle)

        async def indicate() -> None:
            server = self.device.gatt_server
            try:
                await server.indicate_subscriber(link, self._attributes[attribute], arguments[4:], force=True)
                status = 0
            except (TimeoutError, BaseBumbleError):
                status = 1
            self._send(_GATTS_INDICATE_DONE, handle, struct.pack("<HB", attribute, status))

        self._later(indicate())

    async def _update(self, arguments: bytes) -> None:
        (attribute,) = struct.unpack_from("<H", arguments)
        await self.device.notify_subscribers(self._attributes[attribute], arguments[2:])

    def _later(self, work) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # the link went first: nothing to tell


def _static_address(name: str) -> bytes:
    """A static random address (Core 6.0 Vol 6 Part B §1.3.2.1) that a name always gets again."""
    raw = bytearray(hashlib.sha256(name.encode()).digest()[:6])
    raw[5] |= 0xC0
    return bytes(raw)


_CALLS = {
    1: Lock._active,
    2: Lock._set_mtu,
    3: Lock._address_mode,
    4: Lock._advertise,
    5: Lock._quiet,
    6: Lock._disconnect,
    7: Lock._register,
    8: Lock._notify,
    9: Lock._indicate,
    10: Lock._update,
}
