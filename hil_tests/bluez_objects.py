"""What bluetoothd shows on D-Bus of an adapter, of the devices around it and of their GATT tables.

As BlueZ's doc/org.bluez.*.rst describes them, as far as a browser's page can reach: no pairing, no profiles, no reading
but by ReadValue. What is done is done by the central that is handed in (bluez.py); here it gets its names on the bus.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

from bleak.exc import BleakError, BleakGATTProtocolError
from bumble.att import ErrorCode
from bumble.core import UUID
from bumble.gatt import Characteristic
from bumble.hci import Address
from dbus_fast import DBusError, Message, PropertyAccess, Variant
from dbus_fast.annotations import DBusBytes, DBusObjectPath, DBusSignature, DBusStr
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

from tools.bleak_radio import bounded

if TYPE_CHECKING:
    from bumble.device import Connection

    from hil_tests.bluez import Central

ADAPTER = "/org/bluez/hci0"
_KEPT_S = 30.0  # TemporaryTimeout of BlueZ's main.conf
_MANAGER = "org.freedesktop.DBus.ObjectManager"
Options = Annotated[dict[str, Variant], DBusSignature("a{sv}")]

# what bluetoothd calls an ATT error, src/shared/gatt-client.c and src/gatt-client.c: create_gatt_dbus_error()
_ATT_ERRORS = {
    ErrorCode.READ_NOT_PERMITTED: ("NotPermitted", "Read not permitted"),
    ErrorCode.WRITE_NOT_PERMITTED: ("NotPermitted", "Write not permitted"),
    ErrorCode.INVALID_ATTRIBUTE_LENGTH: ("InvalidValueLength", "Invalid Length"),
}


def failed(text: str, name: str = "Failed") -> DBusError:
    return DBusError("org.bluez.Error." + name, text)


def text_of(value: UUID) -> str:
    return str(uuid.UUID(bytes=value.to_bytes(force_128=True)[::-1]))


def _property(name: str, signature: str, access: PropertyAccess = PropertyAccess.READ) -> property:
    """A property that lies in `self.values[name]`."""

    def get(self):
        return self.values[name]

    def put(self, value):
        self.wanted(name, value)

    get.__name__ = put.__name__ = name
    get.__annotations__, put.__annotations__ = {"return": signature}, {"value": signature}
    made = dbus_property(access)(get)
    return made.setter(put) if access is PropertyAccess.READWRITE else made


def _settable(name: str, signature: str) -> property:
    return _property(name, signature, PropertyAccess.READWRITE)


class Shown(ServiceInterface):
    """One interface on one path, with its properties in `values`."""

    INTERFACE = ""

    def __init__(self, central: Central, path: str, **values: Any) -> None:
        super().__init__(self.INTERFACE)
        self.central, self.path, self.values = central, path, values

    def put(self, **values: Any) -> None:
        """New values; who listens on the bus is told."""
        self.values.update(values)
        self.emit_properties_changed(values)

    def wanted(self, name: str, value: Any) -> None:
        """Somebody on the bus has set a property."""
        self.put(**{name: value})

    def show(self) -> None:
        bus = self.central.bus
        bus.export(self.path, self)
        properties = ServiceInterface._get_properties(self)
        values = {one.name: Variant(one.signature, self.values[one.name]) for one in properties}
        body = [self.path, {self.name: values}]
        bus.send(Message.new_signal("/", _MANAGER, "InterfacesAdded", "oa{sa{sv}}", body))

    def hide(self) -> None:
        bus = self.central.bus
        bus.unexport(self.path, self)
        body = [self.path, [self.name]]
        bus.send(Message.new_signal("/", _MANAGER, "InterfacesRemoved", "oas", body))


class Agents(Shown):
    """Who answers questions about pairing: nobody is ever asked."""

    INTERFACE = "org.bluez.AgentManager1"

    @dbus_method()
    def RegisterAgent(self, agent: DBusObjectPath, capability: DBusStr):
        pass

    @dbus_method()
    def UnregisterAgent(self, agent: DBusObjectPath):
        pass

    @dbus_method()
    def RequestDefaultAgent(self, agent: DBusObjectPath):
        pass


class Adapter(Shown):
    INTERFACE = "org.bluez.Adapter1"
    Address = _property("Address", "s")
    AddressType = _property("AddressType", "s")
    Name = _property("Name", "s")
    Alias = _settable("Alias", "s")
    Class = _property("Class", "u")
    Powered = _settable("Powered", "b")
    Discoverable = _settable("Discoverable", "b")
    DiscoverableTimeout = _settable("DiscoverableTimeout", "u")
    Pairable = _settable("Pairable", "b")
    PairableTimeout = _settable("PairableTimeout", "u")
    Discovering = _property("Discovering", "b")
    UUIDs = _property("UUIDs", "as")
    Modalias = _property("Modalias", "s")
    Roles = _property("Roles", "as")

    def __init__(self, central: Central, address: str) -> None:
        super().__init__(
            central,
            ADAPTER,
            Address=address,
            AddressType="public",
            Name="bench",
            Alias="bench",
            Class=0,
            Powered=True,
            Discoverable=False,
            DiscoverableTimeout=0,
            Pairable=False,
            PairableTimeout=0,
            Discovering=False,
            UUIDs=[],
            Modalias="usb:v1D6Bp0246d0542",
            Roles=["central"],
        )

    def wanted(self, name: str, value: Any) -> None:
        if name == "Powered":  # only who stands beside the machine switches it (Central.power)
            raise failed("Blocked through rfkill")
        super().wanted(name, value)

    @dbus_method()
    def SetDiscoveryFilter(self, properties: Options):
        pass  # whatever is on the air is reported; a filter is there to save work

    @dbus_method()
    async def StartDiscovery(self):
        await self.central.discover(1)

    @dbus_method()
    async def StopDiscovery(self):
        await self.central.discover(-1)

    @dbus_method()
    async def RemoveDevice(self, device: DBusObjectPath):
        found = self.central.devices.get(device)
        if found is None:
            raise failed("Does Not Exist", "DoesNotExist")
        await self.central.end(found)
        self.central.forget(found)


class Device(Shown):
    INTERFACE = "org.bluez.Device1"
    Address = _property("Address", "s")
    AddressType = _property("AddressType", "s")
    Name = _property("Name", "s")
    Alias = _settable("Alias", "s")
    Paired = _property("Paired", "b")
    Bonded = _property("Bonded", "b")
    Trusted = _settable("Trusted", "b")
    Blocked = _settable("Blocked", "b")
    LegacyPairing = _property("LegacyPairing", "b")
    Connected = _property("Connected", "b")
    ServicesResolved = _property("ServicesResolved", "b")
    UUIDs = _property("UUIDs", "as")
    Adapter = _property("Adapter", "o")
    RSSI = _property("RSSI", "n")
    ManufacturerData = _property("ManufacturerData", "a{qv}")

    def __init__(self, central: Central, path: str, address: Address, **heard: Any) -> None:
        name = str(address).split("/")[0]
        super().__init__(
            central,
            path,
            Address=name,
            AddressType="public" if address.is_public else "random",
            Name=name.replace(":", "-"),  # what BlueZ calls a device that tells no name
            Alias=name.replace(":", "-"),
            Paired=False,
            Bonded=False,
            Trusted=False,
            Blocked=False,
            LegacyPairing=False,
            Connected=False,
            ServicesResolved=False,
            Adapter=ADAPTER,
            **heard,
        )
        self.address = address
        self.heard_at = 0.0  # of the event loop's clock
        self.link: Connection | None = None
        self.attempt: asyncio.Task[Connection] | None = None  # at one
        self.spent = False  # it has had a link, and is at another address now
        self.table: list[Shown] = []  # its services and what is in them, while it is connected

    def stale(self, now: float) -> bool:
        return not self.link and (self.spent or now - self.heard_at > _KEPT_S)

    def advertised(self) -> list[UUID]:
        return [UUID(text) for text in self.values["UUIDs"]]

    @dbus_method()
    async def Connect(self):
        await self.central.connect(self)

    @dbus_method()
    async def Disconnect(self):
        await self.central.end(self)


class Service(Shown):
    INTERFACE = "org.bluez.GattService1"
    UUID = _property("UUID", "s")
    Primary = _property("Primary", "b")
    Device = _property("Device", "o")
    Includes = _property("Includes", "ao")


class Descriptor(Shown):
    INTERFACE = "org.bluez.GattDescriptor1"
    UUID = _property("UUID", "s")
    Characteristic = _property("Characteristic", "o")
    Value = _property("Value", "ay")


class GattCharacteristic(Shown):
    INTERFACE = "org.bluez.GattCharacteristic1"
    UUID = _property("UUID", "s")
    Service = _property("Service", "o")
    Value = _property("Value", "ay")
    Notifying = _property("Notifying", "b")
    Flags = _property("Flags", "as")
    MTU = _property("MTU", "q")
    device: Device
    proxy: Any  # Bumble's

    async def _asked(self, ask: Callable[..., Coroutine], *arguments: Any, **more: Any) -> Any:
        """What the device answers. Raises DBusError."""
        if not self.device.link:
            raise failed("Not connected")
        try:
            return await bounded(ask(*arguments, **more))
        except BleakGATTProtocolError as error:
            name, text = _ATT_ERRORS.get(error.code, ("Failed", f"ATT error: 0x{int(error.code):02x}"))
            raise failed(text, name) from error
        except BleakError as error:
            raise failed("Not connected") from error

    @dbus_method()
    async def ReadValue(self, options: Options) -> DBusBytes:
        return bytes(await self._asked(self.proxy.read_value))

    @dbus_method()
    async def WriteValue(self, value: DBusBytes, options: Options):
        kind = options["type"].value if "type" in options else "request"
        await self.central.step("write")
        await self._asked(self.proxy.write_value, bytes(value), with_response=kind != "command")

    @dbus_method()
    async def StartNotify(self):
        if self.values["Notifying"]:
            return
        await self.central.step("subscribe")
        await self._asked(self.proxy.subscribe, self._heard)
        self.put(Notifying=True)

    @dbus_method()
    async def StopNotify(self):
        if self.values["Notifying"]:
            await self._asked(self.proxy.unsubscribe, self._heard)
            self.put(Notifying=False)

    def _heard(self, value: bytes) -> None:
        if not self.central.strikes("notification"):
            self.put(Value=bytes(value))


def table_of(central: Central, device: Device, services: list, mtu: int) -> list[Shown]:
    """The GATT table as objects, in the order in which they are shown."""
    table: list[Shown] = []
    for service in services:
        path = f"{device.path}/service{service.handle:04x}"
        table.append(
            Service(central, path, UUID=text_of(service.uuid), Primary=True, Device=device.path, Includes=[])
        )
        for one in service.characteristics:
            flags = [
                flag.name.lower().replace("_", "-")
                for flag in Characteristic.Properties
                if flag & one.properties
            ]
            shown = GattCharacteristic(
                central,
                f"{path}/char{one.handle - 1:04x}",
                UUID=text_of(one.uuid),
                Service=path,
                Value=b"",
                Notifying=False,
                Flags=flags,
                MTU=mtu,
            )
            shown.device, shown.proxy = device, one
            table.append(shown)
            table += [
                Descriptor(
                    central,
                    f"{shown.path}/desc{each.handle:04x}",
                    UUID=text_of(each.type),
                    Characteristic=shown.path,
                    Value=b"",
                )
                for each in one.descriptors
            ]
    return table
