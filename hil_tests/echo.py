"""A phone that talks to echo_lock.py, for the tests of the link and of the radio."""

import asyncio

from bleak import BleakClient, BleakScanner

from protocol import gatt
from tools.bleak_radio import Phone

ECHO = "hil_tests/echo_lock.py"
SOON = 5.0  # seconds; nothing here takes as long


def run(test, timeout: float = 40) -> None:
    asyncio.run(asyncio.wait_for(test(), timeout))


async def find(phone: Phone, payload: bytes = b"ringslot", timeout: float = SOON):
    """(device, advertisement) of the lock that shows `payload`; None when it is not heard in time."""
    try:
        async with asyncio.timeout(timeout), BleakScanner(backend=phone.scanner) as scanner:
            async for device, seen in scanner.advertisement_data():
                if seen.manufacturer_data.get(gatt.COMPANY) == payload and seen.service_uuids:
                    return device, seen
    except TimeoutError:
        return None


class Echo:
    """A connected phone that sends and collects."""

    def __init__(self, phone: Phone, device) -> None:
        self.gone = asyncio.Event()
        self.client = BleakClient(device, lambda _: self.gone.set(), timeout=SOON, backend=phone.client)
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def __aenter__(self) -> "Echo":
        await self.client.connect()
        await self.client.start_notify(gatt.TX, lambda _, data: self.heard.put_nowait(bytes(data)))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.disconnect()

    async def write(self, data: bytes, response: bool = True) -> None:
        await self.client.write_gatt_char(gatt.RX, data, response=response)

    async def hear(self) -> bytes:
        return await asyncio.wait_for(self.heard.get(), SOON)

    async def ask(self, data: bytes, response: bool = True) -> bytes:
        """Write and hear as many bytes as were written, or one notification for an order."""
        await self.write(data, response)
        answer = await self.hear()
        while len(answer) < len(data) and not data.startswith(b"!"):
            answer += await self.hear()
        return answer

    async def quiet(self, seconds: float = 0.3) -> bool:
        await asyncio.sleep(seconds)
        return self.heard.empty()


async def echo(phone: Phone, payload: bytes = b"ringslot") -> Echo:
    found = await find(phone, payload)
    assert found, f"nobody shows {payload!r}"
    return Echo(phone, found[0])
