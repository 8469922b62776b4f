"""A double of BlueZ: `org.bluez` on a bus of its own, with a Bumble central on the virtual radio behind it.

    with BlueZ(children, radio.hci) as bluez:          # children: tools.processes.Processes
        start_chromium(env={"DBUS_SYSTEM_BUS_ADDRESS": bluez.bus})

Chromium, bleak or bluetoothctl work with it as with bluetoothd; no package but dbus-daemon is needed, and the machine's
own bus and Bluetooth are not touched. What goes wrong in the street goes wrong here on demand:

    bluez.power(False)                    somebody switches Bluetooth off; links end
    bluez.plug(False)                     there is no adapter at all
    bluez.at("write", 2, do)              calls do() just before the second write from now goes out
    bluez.refuse(3)                       the next three connections fail

Steps that `at` knows, in the order of a visit: "connect", "resolve" (connected, and the services not known yet),
"subscribe", "write", "notification" (which is then lost). `do` runs in a thread: radio.tell("loss BIKE-1"), say.

As bluetoothd does, it keeps a device and its services for a while after the link has ended, here until a new search
begins; one that was merely heard, for half a minute. To take services away sooner is to lose answers that Chromium
still waits for, and then it asks nothing any more.
"""

import asyncio
import contextlib
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bleak.exc import BleakError
from bumble.core import AdvertisingData, BaseBumbleError
from bumble.device import Advertisement
from dbus_fast import BusType, Variant
from dbus_fast.aio import MessageBus

from hil_tests import bluez_gatt
from hil_tests.bluez_objects import ADAPTER, Adapter, Agents, Device, failed, table_of, text_of
from tools.bleak_radio import Phone, bounded
from tools.processes import Processes

STEPS = ("connect", "resolve", "subscribe", "write", "notification")
_CONNECT_S = 5.0  # for one attempt: a page that gives up after 12 s does so during its third
_START_S = 15.0
_MANUFACTURER = AdvertisingData.MANUFACTURER_SPECIFIC_DATA
_SERVICES = (
    AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
)
_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_destination="*"/> <allow receive_sender="*"/>
    <allow send_type="signal"/> <allow receive_type="signal"/>
  </policy>
</busconfig>
"""


class Central:
    """The adapter and what it hears, inside one event loop."""

    def __init__(self, hci: str) -> None:
        self.phone = Phone(hci)
        self.thorough = False
        self.devices: dict[str, Device] = {}
        self.steps: Counter[str] = Counter()  # how often each has been taken
        self.refusals = 0  # connections still to be refused
        self._strikes: dict[tuple[str, int], Callable[[], object]] = {}
        self._searches = 0
        self._tasks: set[asyncio.Task] = set()

    async def open(self, bus: str) -> None:
        radio = await self.phone.device()
        radio.on("advertisement", self._heard)
        self.bus = await MessageBus(bus_address=bus, bus_type=BusType.SYSTEM).connect()
        Agents(self, "/org/bluez").show()
        self.adapter = Adapter(self, str(radio.random_address).split("/")[0])
        self.adapter.show()
        await self.bus.request_name("org.bluez")

    async def close(self) -> None:
        self.bus.disconnect()
        for device in self.devices.values():
            await self.end(device)
        await self.phone.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    # --- what happens on the way

    def strike(self, step: str, number: int, do: Callable[[], object]) -> None:
        self._strikes[step, self.steps[step] + number] = do

    async def calm(self) -> None:
        self._strikes.clear()
        self.refusals = 0
        self.thorough = False

    def strikes(self, step: str) -> bool:
        """One more of this step; whether something goes wrong at it, which is then under way."""
        return self._strike(step) is not None

    async def step(self, step: str) -> None:
        """The same; returns when what goes wrong has done so."""
        if struck := self._strike(step):
            await struck

    def _strike(self, step: str) -> asyncio.Task | None:
        self.steps[step] += 1
        do = self._strikes.pop((step, self.steps[step]), None)
        return self._later(asyncio.to_thread(do)) if do else None

    def _later(self, work) -> asyncio.Task:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- the adapter

    async def power(self, on: bool) -> None:
        if not on:
            for device in list(self.devices.values()):
                await self.end(device)
            await self._search(False)
            self._searches = 0
        self.adapter.put(Powered=on)

    async def plug(self, there: bool) -> None:
        await self.power(there)
        (self.adapter.show if there else self.adapter.hide)()

    async def discover(self, change: int) -> None:
        """One search more (1) or less (-1). Two programs may search at once; the first one begins anew."""
        if not self.adapter.values["Powered"]:
            raise failed("Resource Not Ready", "NotReady")
        before, self._searches = self._searches, max(0, self._searches + change)
        if before == 0 and self._searches:
            now = asyncio.get_running_loop().time()
            for device in [one for one in self.devices.values() if one.stale(now)]:
                self.forget(device)
        await self._search(bool(self._searches))

    async def _search(self, on: bool) -> None:
        radio = await self.phone.device()
        if on != radio.is_scanning:
            await bounded(radio.start_scanning(active=True) if on else radio.stop_scanning())
        if on != self.adapter.values["Discovering"]:
            self.adapter.put(Discovering=on)

    def _heard(self, said: Advertisement) -> None:
        path = f"{ADAPTER}/dev_" + str(said.address).split("/")[0].replace(":", "_")
        known = self.devices.get(path)
        services = {text_of(one) for kind in _SERVICES for found in said.data.get_all(kind) for one in found}
        if known:
            services |= set(known.values["UUIDs"])
        news = {"RSSI": said.rssi, "UUIDs": sorted(services)}
        data = {company: Variant("ay", bytes(rest)) for company, rest in said.data.get_all(_MANUFACTURER)}
        if data or not known:
            news["ManufacturerData"] = data
        if known:
            known.put(**news)
        elif self._searches:
            known = self.devices[path] = Device(self, path, said.address, **news)
            known.show()
        if known:
            known.heard_at = asyncio.get_running_loop().time()

    def forget(self, device: Device) -> None:
        if self.devices.pop(device.path, None):
            self._clear(device)
            device.hide()

    def _clear(self, device: Device) -> None:
        for one in reversed(device.table):
            one.hide()
        device.table = []

    # --- links

    async def connect(self, device: Device) -> None:
        if device.link:
            return
        if not self.adapter.values["Powered"]:
            raise failed("Resource Not Ready", "NotReady")
        await self.step("connect")
        if self.refusals:
            self.refusals -= 1
            raise failed("le-connection-abort-by-local")
        if device.attempt:
            raise failed("Operation already in progress", "InProgress")
        device.attempt = asyncio.create_task(self.phone.connect(device.address, _CONNECT_S))
        try:
            link = await device.attempt
        except (asyncio.CancelledError, BaseBumbleError, BleakError, TimeoutError) as error:
            raise failed("le-connection-abort-by-local") from error
        finally:
            device.attempt = None
        device.link = link
        link.on("disconnection", lambda _: self._gone(device))
        device.put(Connected=True)
        self._later(self._resolve(device))

    async def _resolve(self, device: Device) -> None:
        """Gets to know the services; who connected is told when that is so."""
        await self.step("resolve")
        if not (link := device.link):
            return
        look = bluez_gatt.thorough(link) if self.thorough else bluez_gatt.frugal(link, device.advertised())
        try:
            services = await bounded(look)
        except BleakError:
            await self.end(device)  # or the link is gone already
            return
        self._clear(device)  # of an earlier link
        device.table = table_of(self, device, services, link.att_mtu)
        for one in device.table:
            one.show()
        device.put(ServicesResolved=True)

    def _gone(self, device: Device) -> None:
        device.link, device.spent = None, True
        device.put(Connected=False, ServicesResolved=False)

    async def end(self, device: Device) -> None:
        """Its link, or what was to become one: bluetoothd calls off an attempt too."""
        if device.attempt:
            device.attempt.cancel()
        if link := device.link:
            with contextlib.suppress(BleakError):  # the lock was faster
                await bounded(link.disconnect())


class BlueZ:
    """The double with its bus, for as long as the `with` lasts; its event loop has a thread of its own."""

    def __init__(self, children: Processes, hci: str) -> None:
        self._children = children
        self._central = Central(hci)
        self._folder = Path(tempfile.mkdtemp(prefix="bus-"))  # short: a socket's path may have 107 bytes
        self.bus = f"unix:path={self._folder}/socket"

    def __enter__(self) -> "BlueZ":
        config = self._folder / "bus.conf"
        config.write_text(_BUS.format(path=self._folder / "socket"))
        command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--print-address"]
        self._daemon = self._children.start("dbus", command, ready="^unix:")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bluez", daemon=True)
        self._thread.start()
        self._call(self._central.open(self.bus))
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._central.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_S)
        self._daemon.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_S)

    def power(self, on: bool) -> None:
        self._call(self._central.power(on))

    def plug(self, there: bool) -> None:
        self._call(self._central.plug(there))

    def thorough(self, on: bool) -> None:
        """Whether it asks, at a connection, for everything that the lock has, as bluetoothd does, rather than for the
        services that the lock advertises."""
        self._central.thorough = on

    def refuse(self, connections: int) -> None:
        self._central.refusals = connections

    def at(self, step: str, number: int, do: Callable[[], object]) -> None:
        assert step in STEPS
        self._central.strike(step, number, do)

    def calm(self) -> None:
        """Nothing that was ordered happens any more."""
        self._call(self._central.calm())

    def taken(self, step: str) -> int:
        """How often a step has been taken so far."""
        return self._central.steps[step]

    def links(self) -> int:
        """How many are up."""
        return sum(device.link is not None for device in self._central.devices.values())
