"""The virtual radio, one process: `python -m tools.radio`, or `async with Radio() as radio` inside a
program.

Locks join by TCP (`radio.locks`, see radio_lock.py), phones by HCI over TCP (`radio.hci`; each connection
is a chip of its own), and a test cuts in by a control line (`radio.control`; the same names are methods
here):

    list            names of the locks on the air, one line
    cut NAME        radio silence: its links time out on both sides and nobody hears it, until `mend`
    mend NAME       the end of silence
    loss NAME       its links time out, once; the lock stays on the air
    trips NAME      how often its newest phone has had to wait for it: round trips, the connection included

When ready it prints one line of JSON, {"locks": port, "hci": port, "control": port}, all on 127.0.0.1. It
ends by SIGTERM or when its standard input closes, so it never outlives the program that holds the other
end of that pipe.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
import struct
import threading

from bumble.transport.common import StreamPacketSink, StreamPacketSource

from tools.radio_chip import Air, Chip
from tools.radio_lock import Lock, message, read_message

HOST = "127.0.0.1"  # a virtual radio has no business on a network
_JOIN_S = 10.0  # a lock has opened both of its sockets by then


class Radio:
    """Three listening sockets, once open at `locks`, `hci` and `control` ("host:port"), and who joined."""

    def __init__(self) -> None:
        self.air = Air()
        self.on_air: dict[str, Lock] = {}
        self.locks = self.hci = self.control = ""
        self._joining: dict[bytes, Lock] = {}
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task] = set()
        self._phones: set[_Phone] = set()

    async def __aenter__(self) -> Radio:
        loop = asyncio.get_running_loop()
        self._servers = [
            await asyncio.start_server(self._tracked(self._lock_joins), HOST, 0),
            await loop.create_server(lambda: _Phone(self.air, self._phones), HOST, 0),
            await asyncio.start_server(self._tracked(self._command_line), HOST, 0),
        ]
        self.locks, self.hci, self.control = (f"{HOST}:{port}" for port in self.ports().values())
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for phone in list(self._phones):
            phone.close()

    def ports(self) -> dict[str, int]:
        names = ("locks", "hci", "control")
        return {
            name: server.sockets[0].getsockname()[1]
            for name, server in zip(names, self._servers, strict=True)
        }

    # Faults

    def list(self) -> str:
        return " ".join(sorted(self.on_air))

    def cut(self, name: str) -> None:
        chip = self._chip(name)
        chip.drop_links()
        self.air.silent.add(chip)

    def mend(self, name: str) -> None:
        self.air.silent.discard(self._chip(name))

    def loss(self, name: str) -> None:
        self._chip(name).drop_links()

    def trips(self, name: str) -> str:
        return str(self._chip(name).trips)

    def _chip(self, name: str) -> Chip:
        lock = self.on_air.get(name)
        if lock is None or lock.chip is None:
            raise LookupError(f"no lock {name!r} is on the air; there are: {self.list() or 'none'}")
        return lock.chip

    async def _command_line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        commands = {name: getattr(self, name) for name in ("list", "cut", "mend", "loss", "trips")}
        while words := (await reader.readline()).decode(errors="replace").split():
            try:
                answer = commands[words[0]](*words[1:]) or "ok"
            except (KeyError, TypeError):
                answer = "error: list, cut NAME, mend NAME, loss NAME or trips NAME"
            except LookupError as error:
                answer = f"error: {error}"
            writer.write(answer.encode() + b"\n")

    # Locks

    async def _lock_joins(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """First message: "C" and the lock's name, on its call socket; or "E" and the ticket that answered it."""
        hello = await asyncio.wait_for(read_message(reader), _JOIN_S)
        if hello[:1] == b"C":
            await self._serve_calls(Lock(self.air, hello[1:].decode()), reader, writer)
        elif lock := self._joining.pop(hello[1:], None):
            lock.events = writer
            writer.write(message(struct.pack("<H", 0)))
            while True:
                lock.answered(await read_message(reader))

    async def _serve_calls(
        self, lock: Lock, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if former := self.on_air.pop(lock.name, None):
            former.vanish()  # a lock that starts again is no second lock
        self.on_air[lock.name] = lock
        ticket = secrets.token_bytes(16)
        self._joining[ticket] = lock
        writer.write(message(struct.pack("<H", 0) + ticket))
        try:
            while True:
                request = await read_message(reader)
                writer.write(message(await lock.call(request)))
        finally:
            self._joining.pop(ticket, None)
            lock.vanish()
            if lock.events:
                lock.events.close()
            if self.on_air.get(lock.name) is lock:
                del self.on_air[lock.name]

    def _tracked(self, serve):
        """`serve` as a connection handler: task remembered, socket closed, a peer's leaving no error."""

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            self._tasks.add(task)
            try:
                await serve(reader, writer)
            except (EOFError, OSError, TimeoutError, UnicodeDecodeError, asyncio.CancelledError):
                pass
            finally:
                self._tasks.discard(task)
                writer.close()

        return handler


class _Phone(StreamPacketSource):
    """HCI over one TCP connection: a chip for as long as it lasts."""

    def __init__(self, air: Air, phones: set[_Phone]) -> None:
        super().__init__()
        self._air, self._phones = air, phones

    def connection_made(self, transport) -> None:
        self._transport = transport
        self._phones.add(self)
        self._chip = Chip("phone", self._air, self, StreamPacketSink(transport))

    def connection_lost(self, _) -> None:
        self._phones.discard(self)
        self._chip.remove()

    def close(self) -> None:
        self._transport.abort()


async def main() -> None:
    logging.getLogger("bumble").setLevel(os.environ.get("RINGSLOT_RADIO_LOG", "CRITICAL"))
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, over.set)

    def wait_for_end_of_input() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(over.set)

    async with Radio() as radio:
        print(json.dumps(radio.ports()), flush=True)
        threading.Thread(target=wait_for_end_of_input, daemon=True).start()
        await over.wait()


if __name__ == "__main__":
    asyncio.run(main())
