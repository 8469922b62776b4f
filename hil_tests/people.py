"""A rider beside a lock, for tests: what the demo tells as a story, without the story."""

import asyncio
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

from protocol import receipt, status
from tools.bleak_radio import Phone
from tools.cloud_client import CloudClient
from tools.fleet import Fleet, Member
from tools.phone import Answer, Link, PhoneError
from tools.pocket import Claim, Pocket
from tools.rider import Opened, Rider

SOON_S = 30


class Person(Rider):
    """A rider with a phone of their own on the fleet's radio; `async with` leaves the air at the end."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        super().__init__(CloudClient(fleet.cloud.url), Pocket(folder), Phone(fleet.radio.hci))

    async def __aenter__(self) -> "Person":
        await self.sign_up("rider-" + secrets.token_hex(4), secrets.token_urlsafe(12))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.radio.close()

    async def unlock(self, link: Link, claim: Claim) -> Opened:
        return await self.open(link, claim, time.perf_counter())

    async def again(self, link: Link, claim: Claim) -> Answer:
        """OPEN when it is not known whether the last one came through: as the running ride, else by the token."""
        answer = await link.reopen(claim.cti, claim.key)
        return (await self.open(link, claim, 0)).answer if answer.status == status.NO_RIDE else answer


class Colleague:
    """A technician with a link to the lock, on a thread of their own."""

    def __init__(self, fleet, lock, technician, folder):
        self._work = lambda: asyncio.run(self._beside(fleet, lock, technician, folder))
        self._here, self._go, self._turning = Event(), Event(), Event()
        self._lock = lock

    def __enter__(self):
        self._thread = ThreadPoolExecutor(1)
        self._done = self._thread.submit(self._work)
        assert self._here.wait(20)
        return self

    def __exit__(self, *_):
        self._go.set()
        self._done.result(30)

    @contextmanager
    def opening(self):
        """While it does."""
        before = bolt(self._lock)["actuations"]
        self._go.set()
        end = time.monotonic() + 10
        while bolt(self._lock)["actuations"] == before:
            assert time.monotonic() < end
        yield
        self._done.result(30)

    async def _beside(self, fleet, lock, technician, folder):
        async with Person(fleet, folder) as person:
            person.cloud.token = technician.token
            master = await person.master(lock.lock_id)
            async with person.at(master) as link:
                await link.greet()
                self._here.set()
                await asyncio.to_thread(self._go.wait, 60)
                await link.service(master.token, master.key)


async def until(look: Callable[[], Any], what: str, seconds: float = SOON_S) -> Any:
    """What `look` gives once it gives something; it may block."""
    end = time.monotonic() + seconds
    while not (found := await asyncio.to_thread(look)):
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        await asyncio.sleep(0.1)
    return found


async def persist(work: Callable[[], Any], seconds: float = SOON_S) -> Any:
    """`work`, again while the lock is not to be reached: it may just be starting."""
    end = time.monotonic() + seconds
    while True:
        try:
            return await work()
        except PhoneError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.2)


async def close(member: Member, link: Link) -> receipt.Receipt:
    """A hand pushes the ring shut; -> what the lock tells this phone of it."""
    await asyncio.to_thread(member.sim.hand, "close")
    return receipt.parse(await link.next_receipt(10))


def bolt(member: Member) -> dict[str, Any]:
    return member.sim.state()


def moves(member: Member) -> tuple[int, int]:
    """How often the motor was started, and the ring flew open."""
    state = member.sim.state()
    return state["actuations"], state["openings"]
