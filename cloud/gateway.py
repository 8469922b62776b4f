"""The CoAP gateway: what locks send over OSCORE goes into the database, and only then is it acknowledged (SPEC 10).

`python -m cloud.gateway [--port N]`. Settings come from the environment (config.py); port 0 takes any free one. The
address is printed as one line of JSON, {"coap": port}, once it listens. SIGTERM and SIGINT end it: what came in is
answered first.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import aiocoap
import click
from aiocoap import Message, interfaces
from aiocoap.numbers.codes import Code
from aiocoap.pipe import Pipe

from cloud import blocks, clones, health, ingest, logs, metrics, oscore, peers, start, stop
from cloud.config import ConfigError, from_environment
from cloud.context import Cloud, make
from cloud.db import is_unavailable
from cloud.endpoint import Endpoint
from cloud.problem import NotOffered

log = logging.getLogger(__name__)

THREADS = 4  # of database work; SQLite takes one writer at a time anyway
IN_WORK = 256  # requests being stored; beyond that a lock is told to come back
RETRY_S = 30  # when: Max-Age of a 5.03 (RFC 7252 §5.9.3.4)
PAYLOAD_MAX = 1024  # bytes, SPEC 1
FAREWELL_S = 5  # for what is in work when we are told to stop

ROUTES: dict[tuple[str, ...], Callable[[Cloud, str, bytes, ingest.Once], bytes]] = {
    ("t",): ingest.telemetry,
    ("r",): ingest.take_receipts,
}
UNDERSTOOD = {  # critical options that a request of ours may carry: Uri-Host, Uri-Port, Uri-Path; Uri-Query, Block2
    Code.POST: (3, 7, 11),
    Code.GET: (3, 7, 11, 15, 23),
}


class Site(interfaces.Resource):
    """What aiocoap hands requests to. They have been verified in endpoint.py and carry the outcome as `fresh`."""

    def __init__(self, cloud: Cloud, pool: ThreadPoolExecutor):
        self._cloud = cloud
        self._pool = pool
        self.in_work = 0

    async def render(self, request: Message) -> Message:
        raise NotImplementedError  # aiocoap calls render_to_pipe

    async def needs_blockwise_assembly(self, request: Message) -> bool:
        return False

    async def render_to_pipe(self, pipe: Pipe) -> None:
        fresh: oscore.Fresh | None = pipe.request.fresh
        if fresh is None:  # a repetition whose answer aiocoap has forgotten by now
            raise aiocoap.error.Unauthorized
        self.in_work += 1
        began = time.perf_counter()
        try:
            answer = await self._answer(fresh)
        finally:
            self.in_work -= 1
        _note(fresh, answer, time.perf_counter() - began)
        pipe.add_response(fresh.protect(answer), is_last=True)

    async def _answer(self, fresh: oscore.Fresh) -> Message:
        request = fresh.request
        path = request.opt.uri_path
        if path not in ROUTES and not blocks.find(path):
            return Message(code=Code.NOT_FOUND)
        if request.code != (Code.POST if path in ROUTES else Code.GET):
            return Message(code=Code.METHOD_NOT_ALLOWED)
        understood = UNDERSTOOD[request.code]
        if any(o.number % 2 and o.number not in understood for o in request.opt.option_list()):
            return Message(code=Code.BAD_OPTION)  # odd numbers are critical: RFC 7252 §5.4.6
        if len(request.payload) > PAYLOAD_MAX:
            return Message(code=Code.REQUEST_ENTITY_TOO_LARGE)
        if self.in_work > IN_WORK:
            return Message(code=Code.SERVICE_UNAVAILABLE, max_age=RETRY_S)
        loop, lock_id = asyncio.get_running_loop(), fresh.peer.lock_id
        try:
            if fresh.returned:
                await loop.run_in_executor(self._pool, clones.returned, self._cloud, lock_id)
            if request.code == Code.GET:
                return await loop.run_in_executor(self._pool, blocks.get, self._cloud, lock_id, request)
            store, given, once = ROUTES[path], request.payload, partial(peers.once, fresh)
            payload = await loop.run_in_executor(self._pool, store, self._cloud, lock_id, given, once)
            return Message(code=Code.CHANGED, payload=payload)
        except NotOffered:
            return Message(code=Code.NOT_FOUND)
        except (
            oscore.Elsewhere
        ) as elsewhere:  # in the clear, as to any replay: the lock then names its context
            fresh.peer.drop(fresh.context, elsewhere.shared, loop.time())
            metrics.DATAGRAMS.labels("elsewhere").inc()
            raise aiocoap.error.Unauthorized from None
        except ingest.Malformed as error:
            log.warning("lock %s: /%s: %s", lock_id, path[0], error)
            return Message(code=Code.BAD_REQUEST)
        except Exception as error:
            if is_unavailable(error):
                log.error("database away: %s", type(error).__name__)
                return Message(code=Code.SERVICE_UNAVAILABLE, max_age=RETRY_S)
            log.exception("lock %s could not be served", lock_id)
            return Message(code=Code.INTERNAL_SERVER_ERROR)


def _note(fresh: oscore.Fresh, answer: Message, took: float) -> None:
    """The access log and the counters; of the path no more than which of ours it is."""
    path = fresh.request.opt.uri_path
    route = "/" + path[0] if path in ROUTES or blocks.find(path) else "none"
    code = f"{answer.code >> 5}.{answer.code & 31:02}"
    metrics.ANSWERS.labels(route, code).inc()
    metrics.ANSWER_SECONDS.labels(route).observe(took)
    said = {"lock": fresh.peer.lock_id, "route": route, "status": code, "ms": round(took * 1000)}
    log.info("request", extra=said)


class Gateway:
    """`await start(host, port)` -> the port; `await stop()`."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self._pool = ThreadPoolExecutor(THREADS, "database")
        self.peers = oscore.Peers()
        self._loader = peers.Loader(cloud, self.peers, self._pool)
        self._site = Site(cloud, self._pool)
        self._context: Any = None
        self._endpoint: Any = None

    async def start(self, host: str, port: int) -> int:
        loop = asyncio.get_running_loop()

        async def listen(manager: Any) -> Endpoint:
            _, self._endpoint = await loop.create_datagram_endpoint(
                lambda: Endpoint(manager, self._verify, self._loader.wait), local_addr=(host, port)
            )
            return self._endpoint

        self._context = aiocoap.Context(loop=loop, serversite=self._site)
        # aiocoap 0.4.17 (pinned) has no public way to bring one's own transport
        await self._context._append_tokenmanaged_messagemanaged_transport(listen)
        return self._endpoint.transport.get_extra_info("sockname")[1]

    def _verify(self, message: Message) -> oscore.Fresh:
        fresh = self.peers.accept(message, self._loader.exists, asyncio.get_running_loop().time())
        self._loader.top_up(fresh.peer)
        return fresh

    async def beat(self) -> None:
        """Say that it is there, until cancelled."""
        loop, name = asyncio.get_running_loop(), health.name()
        while True:
            try:
                await loop.run_in_executor(self._pool, health.beat, self._cloud, "gateway", name)
            except Exception as error:
                if not is_unavailable(error):
                    raise
            await asyncio.sleep(health.BEAT_S)

    async def stop(self) -> None:
        self._endpoint.open = False
        until = asyncio.get_running_loop().time() + FAREWELL_S
        while self._site.in_work and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.02)
        await self._context.shutdown()
        self._pool.shutdown(wait=False, cancel_futures=True)


async def run(cloud: Cloud, host: str, port: int) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    stop.when_told(lambda: loop.call_soon_threadsafe(stopped.set))
    gateway = Gateway(cloud)
    try:
        listening = await gateway.start(host, port)
    except OSError as error:
        raise ConfigError(f"RINGSLOT_COAP: cannot listen on {host}:{port} ({error.strerror}).") from None
    print(json.dumps({"coap": listening}), flush=True)
    beating = asyncio.create_task(gateway.beat())
    await stopped.wait()
    beating.cancel()
    await gateway.stop()


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=None,
    help="Instead of RINGSLOT_COAP's; 0 takes a free one.",
)
def main(port: int | None) -> None:
    """Take in what locks send."""
    logs.setup("gateway")
    settings = from_environment()
    start.require(settings)
    host, configured = settings.coap
    cloud = make(settings)
    try:
        asyncio.run(run(cloud, host, configured if port is None else port))
    finally:
        cloud.db.close()


if __name__ == "__main__":
    main()
