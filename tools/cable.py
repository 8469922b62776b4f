"""A phone at a lock by a cable in place of the air: boards/parts/serial_link.py, the host's end.

For locks whose link is a serial line: the 32-bit board, and benches. `reach(port, keep)` gives the link that
phone.reach gives. A `Client` is one phone's connection, as much of a bleak client as phone.py uses; its `Line` is a
Cable, or a machine in this very process (rv32_lock.py).
"""

import asyncio
import contextlib
import json
import queue
import threading
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, Protocol

import serial

from boards.parts import serial_link as wire
from tools import phone
from tools.errors import ToolError

MTU = 244  # bytes of a frame: ATT_MTU 247
_SLOTS = 4
_LOOK_S = 0.1
_FREE_S = 0.3  # in which a lock has freed the slot of whoever left without a word
_TRIES = 5
_HAND_S = 20.0


class Line(Protocol):
    clients: "dict[int, Client]"

    def send(self, kind: int, slot: int, payload: bytes) -> None: ...


class Client:
    """One phone's connection in that slot."""

    def __init__(self, lock: Line, slot: int = 0, mtu: int = MTU) -> None:
        self.lock, self.slot, self.mtu = lock, slot, mtu
        self.up = False
        self._listener: Callable[[Any, bytes], None] | None = None
        self._ended: Callable[[Any], None] = lambda client: None
        room = SimpleNamespace(max_write_without_response_size=mtu)
        self.services = SimpleNamespace(get_characteristic=lambda uuid: room)

    async def connect(self, keep: Callable[[bytes], None] = lambda receipt: None) -> phone.Link:
        """A link as tools/phone.py gives it."""
        self._loop = asyncio.get_running_loop()
        link = phone.Link(keep)
        self._ended = link.ended
        self.lock.clients[self.slot] = self
        self.up = True
        self.lock.send(wire.CONNECT, self.slot, self.mtu.to_bytes(2, "big"))
        await link.begin(self)  # type: ignore[arg-type]
        return link

    async def start_notify(self, characteristic: str, listener: Callable[[Any, bytes], None]) -> None:
        self._listener = listener

    async def write_gatt_char(self, characteristic: Any, data: bytes, response: bool) -> None:
        if not self.up:
            raise OSError("Not connected")
        self.lock.send(wire.FRAME, self.slot, bytes(data))

    async def disconnect(self) -> None:
        if self.up:
            self.lock.send(wire.DISCONNECT, self.slot, b"")
            self.gone()
            await asyncio.sleep(0.1)  # it frees the slot

    # From the line's thread

    def heard(self, frame: bytes) -> None:
        if self._listener and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._listener, None, frame)

    def gone(self) -> None:
        if self.up:
            self.up = False
            self.lock.clients.pop(self.slot, None)
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._ended, self)


def deliver(clients: dict[int, Client], kind: int, slot: int, payload: bytes) -> None:
    """A packet from the lock to whom it is for."""
    if slot in clients:
        if kind == wire.FRAME:
            clients[slot].heard(payload)
        elif kind == wire.DISCONNECT:
            clients[slot].gone()


class Cable:
    """A serial port with a lock at its other end. Raises PhoneError when the port cannot be had."""

    def __init__(self, port: str) -> None:
        self.port = port
        self.clients: dict[int, Client] = {}
        self.replies: queue.Queue[bytes] = queue.Queue()
        try:
            self._serial = serial.Serial(port, 115_200, timeout=_LOOK_S, exclusive=True)
        except (OSError, serial.SerialException) as error:
            raise phone.PhoneError(
                f"{port} is busy or not there: close other programs that use it, look at the cable."
            ) from error
        self._over = False
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._ear.start()

    def __enter__(self) -> "Cable":
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._ear.join()
        self._serial.close()

    def send(self, kind: int, slot: int, payload: bytes) -> None:
        """Raises OSError: the cable is out."""
        self._serial.write(wire.packet(kind, slot, payload))

    def clear(self) -> None:
        """Ends half a packet of whoever used the cable before, and their connections."""
        self._serial.write(b"\0")
        for slot in range(_SLOTS):
            self.send(wire.DISCONNECT, slot, b"")

    def _listen(self) -> None:
        buffer = b""
        try:
            while not self._over:
                *packets, buffer = (
                    buffer + self._serial.read(max(1, min(4096, self._serial.in_waiting)))
                ).split(b"\0")
                for packet in packets:
                    with contextlib.suppress(ValueError):  # what a board prints is no packet
                        self._take(*wire.unpacked(packet))
        except (OSError, TypeError, serial.SerialException):
            pass  # the cable is out
        for client in list(self.clients.values()):
            client.gone()

    def _take(self, kind: int, slot: int, payload: bytes) -> None:
        if kind == wire.OTHER:
            self.replies.put(payload)
        else:
            deliver(self.clients, kind, slot, payload)


@contextlib.asynccontextmanager
async def reach(port: str, keep: Callable[[bytes], None]) -> AsyncIterator[phone.Link]:
    """A link to the lock at that port; cut at the end. Raises PhoneError."""
    with Cable(port) as cable:
        try:
            cable.clear()
            for left in reversed(range(_TRIES)):
                await asyncio.sleep(_FREE_S)
                client = Client(cable)
                link = await client.connect(keep)
                await asyncio.sleep(_FREE_S)
                if client.up:
                    break
                if not left:
                    raise phone.PhoneError(f"The lock at {port} takes nobody; press its RESET.")
        except OSError as error:  # SerialException is one
            raise phone.PhoneError(f"The connection to {port} broke: plug it in again.") from error
        try:
            yield link
        finally:
            with contextlib.suppress(OSError):
                await client.disconnect()


def hand(port: str, request: dict[str, Any]) -> dict[str, Any]:
    """One thing that a person beside a simulated bike does, at the end of that cable (boards/sim/hand.py).
    Raises ToolError."""
    with Cable(port) as cable:
        try:
            cable.clear()
            cable.send(wire.OTHER, 0, json.dumps(request).encode())
            answer: dict[str, Any] = json.loads(cable.replies.get(timeout=_HAND_S))
            return answer
        except (OSError, ValueError, queue.Empty) as error:
            raise ToolError(f"No simulated bike answers at {port}.") from error
