"""A bleak backend on the virtual radio, so that a phone of ours is written against bleak and nothing else.

    async with Phone("127.0.0.1:4711") as phone:  # the radio's HCI port; several phones may exist
        device = await BleakScanner.find_device_by_filter(..., backend=phone.scanner)
        async with BleakClient(device, backend=phone.client) as client: ...

RadioScanner and RadioClient are the backends of the phone that RINGSLOT_HCI=host:port describes. Not a
Bluetooth stack (that is Bumble) and not the rider's app (phone.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid

from bleak.backends.characteristic import BleakGATTCharacteristic, GattCharacteristicsFlags
from bleak.backends.client import BaseBleakClient
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakDeviceNotFoundError, BleakError, BleakGATTProtocolError
from bumble.att import ATT_Error
from bumble.core import UUID, AdvertisingData, BaseBumbleError
from bumble.device import Connection, Device, Peer
from bumble.hci import Address
from bumble.transport import open_transport

_REQUEST_S = 10.0  # any one exchange with a peer or the radio
_CLOSE_S = 2.0
_MTU = 517  # what phones ask for
_MANUFACTURER = AdvertisingData.MANUFACTURER_SPECIFIC_DATA
_NAMES = (AdvertisingData.COMPLETE_LOCAL_NAME, AdvertisingData.SHORTENED_LOCAL_NAME)
_SERVICES = (
    AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
)


class Phone:
    """One central, opened on first use. `scanner` and `client` are its bleak backends."""

    def __init__(self, hci: str | None = None, address: str | None = None) -> None:
        self._hci, self._address = hci, address
        self._loop: asyncio.AbstractEventLoop | None = None
        self._start()
        self.scanner = type("RadioScanner", (_Scanner,), {"phone": self})
        self.client = type("RadioClient", (_Client,), {"phone": self})

    def _start(self) -> None:
        self._device: Device | None = None
        self._opening = asyncio.Lock()
        self._connecting = asyncio.Lock()  # a controller makes one connection at a time
        self._scanners = 0

    async def __aenter__(self) -> Phone:
        await self.device()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def device(self) -> Device:
        """The Bumble device behind this phone. Raises BleakError when no radio answers."""
        if self._loop is not asyncio.get_running_loop():  # opened by an earlier asyncio.run(), which ended
            self._start()
            self._loop = asyncio.get_running_loop()
        async with self._opening:
            if self._device is None or self._transport.source.terminated.done():
                self._device, self._scanners = await self._open(), 0  # perhaps on a new radio
            return self._device

    async def _open(self) -> Device:
        where = self._hci or os.environ.get("RINGSLOT_HCI")
        if not where:
            raise BleakError(
                "no virtual radio: set RINGSLOT_HCI=host:port, as `python -m tools.radio` prints it"
            )
        address = Address(self._address) if self._address else Address.generate_static_address()
        transport = None
        try:
            transport = await asyncio.wait_for(open_transport(f"tcp-client:{where}"), _REQUEST_S)
            device = Device.with_hci("phone", address, transport.source, transport.sink)
            await asyncio.wait_for(device.power_on(), _REQUEST_S)
        except (OSError, TimeoutError, BaseBumbleError) as error:
            if transport:
                await transport.close()
            raise BleakError(
                f"the virtual radio at {where} does not answer: {error or 'timed out'}"
            ) from error
        self._transport = transport
        return device

    async def close(self) -> None:
        """Leave the air; links drop. The phone can be used again."""
        if self._device:
            self._device = None
            await self._transport.close()
            await asyncio.sleep(0)  # let the transport close its socket before the loop may end

    async def scan(self, listen, active: bool) -> None:
        device = await self.device()
        device.on("advertisement", listen)
        self._scanners += 1
        if self._scanners == 1:
            await bounded(device.start_scanning(active=active))

    async def scan_off(self, listen) -> None:
        if device := self._device:
            device.remove_listener("advertisement", listen)
            self._scanners -= 1
            if self._scanners == 0:
                await bounded(device.stop_scanning())

    async def connect(self, address: Address | str, timeout: float) -> Connection:
        """A link to `address` (a str is a random address). Raises TimeoutError, Bumble's errors."""
        device = await self.device()
        async with asyncio.timeout(timeout):
            await self._connecting.acquire()
        attempt = asyncio.create_task(device.connect(address, timeout=timeout))
        attempt.add_done_callback(lambda _: self._connecting.release())
        try:
            return await asyncio.shield(attempt)
        except asyncio.CancelledError:
            # Bumble cannot be cancelled between command and event: the next command would get this one's answer.
            await asyncio.shield(abandon(device, attempt))
            raise


async def abandon(device: Device, attempt: asyncio.Task[Connection]) -> None:
    """Have the controller give up, or end the link that came about all the same."""
    while not attempt.done():
        with contextlib.suppress(BaseBumbleError):
            await device.cancel_connection()
        await asyncio.wait([attempt], timeout=0.02)
    if not attempt.cancelled() and attempt.exception() is None:
        with contextlib.suppress(BaseBumbleError):
            await attempt.result().disconnect()


async def bounded(work, seconds: float = _REQUEST_S):
    """What `work` gives, within `seconds`; Bumble's errors as bleak's.

    It goes on when its caller gives up, or the next request would be taken to have this one's answer.
    """
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        return await asyncio.wait_for(asyncio.shield(task), seconds)
    except ATT_Error as error:
        raise BleakGATTProtocolError(error.error_code) from error
    except TimeoutError as error:
        raise BleakError("no answer in time") from error
    except asyncio.CancelledError as error:
        if asyncio.current_task().cancelling():
            raise
        raise BleakError("Disconnected") from error  # Bumble cancels a request whose link ended
    except BaseBumbleError as error:
        raise BleakError(str(error) or type(error).__name__) from error


def _text(value: UUID) -> str:
    return str(uuid.UUID(bytes=value.to_bytes(force_128=True)[::-1]))


class _Scanner(BaseBleakScanner):
    phone: Phone

    def __init__(self, detection_callback=None, service_uuids=None, scanning_mode="active", **_) -> None:
        super().__init__(detection_callback, service_uuids)
        self._active = scanning_mode != "passive"

    async def start(self) -> None:
        self.seen_devices = {}
        await self.phone.scan(self._heard, self._active)

    async def stop(self) -> None:
        await self.phone.scan_off(self._heard)

    def _heard(self, advertisement) -> None:
        data = advertisement.data
        services = [_text(u) for kind in _SERVICES for found in data.get_all(kind) for u in found]
        if not self.is_allowed_uuid(services):
            return
        seen = AdvertisementData(
            local_name=next((name for kind in _NAMES if (name := data.get(kind))), None),
            manufacturer_data={
                c: bytes(d) for c, d in data.get_all(AdvertisingData.MANUFACTURER_SPECIFIC_DATA)
            },
            service_data={},
            service_uuids=services,
            tx_power=data.get(AdvertisingData.TX_POWER_LEVEL),
            rssi=advertisement.rssi,
            platform_data=(advertisement,),
        )
        address = str(advertisement.address).split("/")[0]
        device = self.create_or_update_device(address, address, seen.local_name, advertisement.address, seen)
        self.call_detection_callbacks(device, seen)


class _Client(BaseBleakClient):
    phone: Phone

    def __init__(self, address_or_ble_device, *, services=None, **kwargs) -> None:
        super().__init__(address_or_ble_device, **kwargs)
        self._target = getattr(address_or_ble_device, "details", None) or self.address
        self._name = getattr(address_or_ble_device, "name", None)
        self._connection: Connection | None = None
        self._listeners: dict[int, object] = {}

    @property
    def name(self) -> str:
        return self._name or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        return self._connection.att_mtu if self._connection else 23

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def connect(self, pair: bool, **_) -> None:
        if pair:
            raise NotImplementedError("locks do not pair")
        try:
            self._connection = await self.phone.connect(self._target, self._timeout)
        except (TimeoutError, BaseBumbleError) as error:
            raise BleakDeviceNotFoundError(self.address, f"{self.address} did not answer") from error
        self._connection.on("disconnection", self._ended)
        try:
            peer = Peer(self._connection)
            await bounded(peer.request_mtu(_MTU))
            await bounded(peer.discover_all())
        except BaseException:
            await self.disconnect()
            raise
        self.services = self._collect(peer)

    def _collect(self, peer: Peer) -> BleakGATTServiceCollection:
        found = BleakGATTServiceCollection()
        for service in peer.services:
            ours = BleakGATTService(service, service.handle, _text(service.uuid))
            found.add_service(ours)
            for one in service.characteristics:
                flags = [
                    f.name.replace("_", "-") for f in GattCharacteristicsFlags if f.value & one.properties
                ]
                room = lambda: self.mtu_size - 3  # noqa: E731  bleak asks each time, the MTU may still change
                characteristic = BleakGATTCharacteristic(one, one.handle, _text(one.uuid), flags, room, ours)
                found.add_characteristic(characteristic)
                for descriptor in one.descriptors:
                    found.add_descriptor(
                        BleakGATTDescriptor(
                            descriptor, descriptor.handle, _text(descriptor.type), characteristic
                        )
                    )
        return found

    def _ended(self, _) -> None:
        self._connection = None
        if self._disconnected_callback:
            self._disconnected_callback()

    async def disconnect(self) -> None:
        if connection := self._connection:
            try:
                await bounded(connection.disconnect(), _CLOSE_S)
            except BleakError:
                if self._connection:  # the radio died under us: the link is over all the same
                    self._ended(None)

    async def pair(self, *_, **__) -> None:
        raise NotImplementedError("locks do not pair")

    async def unpair(self) -> None:
        raise NotImplementedError("locks do not pair")

    def _linked(self, thing):
        if self._connection is None:
            raise BleakError("Not connected")
        return thing.obj

    async def read_gatt_char(self, characteristic, *, use_cached=False, **_) -> bytearray:
        return bytearray(await bounded(self._linked(characteristic).read_value()))

    async def read_gatt_descriptor(self, descriptor, *, use_cached=False, **_) -> bytearray:
        return bytearray(await bounded(self._linked(descriptor).read_value()))

    async def write_gatt_char(self, characteristic, data, response: bool) -> None:
        if not response and len(data) > self.mtu_size - 3:
            raise BleakError("a write without response must fit the MTU")
        await bounded(self._linked(characteristic).write_value(bytes(data), with_response=response))

    async def write_gatt_descriptor(self, descriptor, data) -> None:
        await bounded(self._linked(descriptor).write_value(bytes(data), with_response=True))

    async def start_notify(self, characteristic, callback, **_) -> None:
        def listener(value: bytes) -> None:
            callback(bytearray(value))

        self._listeners[characteristic.handle] = listener
        await bounded(self._linked(characteristic).subscribe(listener))

    async def stop_notify(self, characteristic) -> None:
        listener = self._listeners.pop(characteristic.handle, None)
        await bounded(self._linked(characteristic).unsubscribe(listener))


environment = Phone()
RadioScanner, RadioClient = environment.scanner, environment.client
