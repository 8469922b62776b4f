"""Reads the locks that write to the gateway from the database, reserves their sequence numbers, and shares with other
gateways what has counted. Off the event loop.

Who is no lock costs a few queries a second, however many kids are tried: the kids of all locks are held in memory, and
only a kid that is among them is looked up. What waits for the database is bounded, and told 5.03 beyond that.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any

from sqlalchemy import select, update

from cloud import locks
from cloud.context import Cloud
from cloud.oscore import BLOCK, LOW, Fresh, Numbers, Peer, Peers, Shared, count
from cloud.tables import Lock
from protocol import keys

log = logging.getLogger(__name__)

REFRESH_S = 0.2  # how old the list of kids may be when a kid is not on it
SHARE = 10  # and at least this many times what it took to read, so that a flood takes a tenth of one thread
WAITING = 64  # datagrams that wait for the database at most


def kids(cloud: Cloud) -> set[bytes]:
    with cloud.db.reading() as session:
        return {bytes.fromhex(kid) for kid in session.scalars(select(Lock.kid4))}


def reserve(cloud: Cloud, kid: bytes) -> tuple[Lock, range] | None:
    """The lock with this kid, and BLOCK server sequence numbers that nobody else gets. Committed before it returns."""
    take = (
        update(Lock)
        .where(Lock.kid4 == kid.hex())
        .values(oscore_reserved=Lock.oscore_reserved + BLOCK)
        .returning(Lock)
    )
    with cloud.db.writing() as session:
        lock = session.scalars(take).one_or_none()
    return (lock, range(lock.oscore_reserved - BLOCK, lock.oscore_reserved)) if lock else None


def read(cloud: Cloud, kid: bytes) -> tuple[Peer, Shared] | None:
    found = reserve(cloud, kid)
    if not found:
        return None
    lock, numbers = found
    secret = keys.oscore_secret(locks.key(cloud.box, lock))
    return Peer(kid, lock.lock_id, secret, Numbers(kid, numbers)), shared(lock)


def look(cloud: Cloud, kid: bytes) -> Shared | None:
    """What another gateway may have written."""
    with cloud.db.reading() as session:
        lock = session.scalars(select(Lock).where(Lock.kid4 == kid.hex())).one_or_none()
    return shared(lock) if lock else None


def shared(lock: Lock) -> Shared:
    current = bytes.fromhex(lock.oscore_context) if lock.oscore_context else None
    return Shared(lock.oscore_turn, current, lock.oscore_index, lock.oscore_seen)


def once(fresh: Fresh, lock: Lock) -> None:
    """This request counts, and nowhere again. In the transaction that stores what it brought, with the lock's row
    locked. Raises oscore.Elsewhere."""
    after = count(shared(lock), fresh.context, fresh.number)
    lock.oscore_turn, lock.oscore_index, lock.oscore_seen = after.turn, after.index, after.seen
    lock.oscore_context = after.id_context.hex() if after.id_context else None
    fresh.context.counted = True


class Loader:
    """Between the event loop, which may not wait, and the database, which makes one wait."""

    def __init__(self, cloud: Cloud, peers: Peers, pool: Executor):
        self._cloud = cloud
        self._peers = peers
        self._pool = pool
        self._kids: set[bytes] = set()
        self._kids_at = float("-inf")  # when the list was read, or could not be
        self._rest = 0.0  # how long it counts as new
        self._refreshing = asyncio.Lock()
        self._waiting: dict[bytes, list[Callable[[], None]]] = {}  # kid -> what to do once it is read
        self._tasks: set[asyncio.Task] = set()

    def exists(self, kid: bytes) -> bool:
        """Whether a lock with this kid may exist; True also where the list of kids is too old to say no."""
        return kid in self._kids or self._stale()

    def _stale(self) -> bool:
        return time.monotonic() - self._kids_at > self._rest

    def wait(self, kid: bytes, then: Callable[[], None]) -> bool:
        """Read this lock, or more numbers for it, then call back. False: too much waits already."""
        if sum(map(len, self._waiting.values())) >= WAITING:
            return False
        if kid in self._waiting:
            self._waiting[kid].append(then)
        else:
            self._waiting[kid] = [then]
            self._start(self._read(kid))
        return True

    def top_up(self, peer: Peer) -> None:
        """Reserve more numbers before the last ones are spent."""
        if len(peer.numbers) < LOW and peer.kid not in self._waiting:
            self._waiting[peer.kid] = []
            self._start(self._read(peer.kid))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # asyncio itself holds tasks weakly
        task.add_done_callback(self._tasks.discard)

    async def _read(self, kid: bytes) -> None:
        try:
            if kid not in self._kids:
                await self._refresh()
            if kid in self._kids:
                await self._reserve(kid)
        except (
            Exception
        ) as error:  # the database is away, or RINGSLOT_SECRET is not the fleet's: those who wait get 5.03
            log.error("lock %s could not be read: %s", kid.hex(), type(error).__name__)
        for then in self._waiting.pop(kid):
            then()

    async def _refresh(self) -> None:
        async with self._refreshing:  # who comes while it runs shares its outcome
            if not self._stale():
                return
            began = time.monotonic()
            try:
                self._kids = await asyncio.get_running_loop().run_in_executor(self._pool, kids, self._cloud)
            finally:
                self._kids_at = time.monotonic()
                self._rest = max(REFRESH_S, SHARE * (self._kids_at - began))

    async def _reserve(self, kid: bytes) -> None:
        loop = asyncio.get_running_loop()
        peer = self._peers.get(kid)
        if not peer:
            if found := await loop.run_in_executor(self._pool, read, self._cloud, kid):
                peer, known = found
                self._peers.add(peer)
                peer.learn(known, loop.time())
        elif len(peer.numbers) >= LOW:
            if stale := await loop.run_in_executor(self._pool, look, self._cloud, kid):
                peer.learn(stale, loop.time())
        elif more := await loop.run_in_executor(self._pool, reserve, self._cloud, kid):
            peer.numbers.add(more[1])
            peer.learn(shared(more[0]), loop.time())
