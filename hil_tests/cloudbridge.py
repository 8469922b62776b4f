"""The real gateway in a thread of this process, and a virtual board's datagrams carried to it over loopback.

with Bridge(cloud) as bridge:
    board.bearer.peer = bridge
    bridge.paths                what the lock asked for by GET: blocks counted by path, as OSCORE hides them from us
"""

import asyncio
import threading
from collections.abc import Callable

from cloud import blocks
from cloud.context import Cloud
from cloud.gateway import Gateway
from cloud.testlock import Wire
from protocol import coap

START_S = 10


class Bridge:
    """`before`: called with the number of each datagram before it is carried."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.before: Callable[[int], None] = lambda number: None
        self.carried = 0

    def __enter__(self) -> "Bridge":
        self._thread.start()
        self._gateway = self._run(self._made())
        self._wire = Wire(self._run(self._gateway.start("127.0.0.1", 0)))
        return self

    async def _made(self) -> Gateway:
        return Gateway(self._cloud)

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(START_S)

    def __exit__(self, *_: object) -> None:
        self._wire.close()
        self._run(self._gateway.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)
        self._loop.close()

    def __call__(self, datagram: bytes) -> list[bytes]:
        """The datagrams that answer it."""
        self.carried += 1
        self.before(self.carried)
        message = coap.decode(datagram)
        if message.type != coap.CON or coap.kind(message.code) != "request":
            self._wire.socket.send(datagram)
            return []
        answers, heard = [], self._wire.ask(datagram)
        while heard is not None:
            answers.append(heard)
            heard = self._wire.receive(5) if coap.decode(heard).code == coap.EMPTY else None
        return answers


def asked(monkeypatch) -> list[tuple[str, ...]]:
    """Paths of the blocks that locks fetch from now on."""
    paths: list[tuple[str, ...]] = []
    get = blocks.get

    def noted(cloud, lock_id, request):
        paths.append(request.opt.uri_path)
        return get(cloud, lock_id, request)

    monkeypatch.setattr(blocks, "get", noted)
    return paths
