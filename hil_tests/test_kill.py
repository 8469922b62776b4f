"""`kill -9` of the lock's process, and of the cloud's, at each step of a ride, and started again.

What must hold: no receipt that anyone was given is lost or contradicted, the running ride goes on for its holder, and
the cloud ends up with one whole chain.
"""

import asyncio
import contextlib

import pytest

from hil_tests.people import Person, bolt, persist, until
from protocol import keys, receipt, status
from tools import phone
from tools.cloud_client import CloudAway

# where in a ride the lock's process is killed; each name is a call of `Ride.reach` below
LOCK_STEPS = "claimed greeted requested pulling open closing closed reopening reopened ending ended".split()
CLOUD_STEPS = "claimed open closed ended delivering delivered".split()


class Ride:
    """A ride whose rider is stubborn: what did not come through is done again. `kill(step)` may strike at each step."""

    def __init__(self, person: Person, member, kill) -> None:
        self.person, self.member, self._kill = person, member, kill

    async def reach(self, step: str) -> None:
        await asyncio.to_thread(self._kill, step)

    async def run(self) -> None:
        self.claim = await self.person.claim(self.member.code)
        await self.reach("claimed")
        await persist(self.start)
        assert (await asyncio.to_thread(bolt, self.member))["bolt_open"]
        await self.park()
        await persist(lambda: self.open_again("reopening"))
        assert (await asyncio.to_thread(bolt, self.member))["bolt_open"]
        await self.reach("reopened")
        await self.park()
        await persist(self.finish)
        await self.reach("ended")

    async def start(self) -> None:
        claim = self.claim
        async with self.person.at(claim, find_s=5) as link:
            await link.greet()
            await self.reach("greeted")
            if (await link.reopen(claim.cti, claim.key)).status == status.NO_RIDE:
                await self.striking(link, "requested", "pulling", claim.token)
        await self.reach("open")

    async def open_again(self, step: str) -> None:
        async with self.person.at(self.claim, find_s=5) as link:
            await self.striking(link, step, step, None)

    async def striking(self, link: phone.Link, sent: str, pulling: str, token: bytes | None) -> None:
        """OPEN, with a strike when the request is on its way, and one while the motor turns."""
        before = (await asyncio.to_thread(bolt, self.member))["actuations"]
        asked = link.unlock(token, self.claim.key) if token else link.reopen(self.claim.cti, self.claim.key)
        answer = asyncio.ensure_future(asked)
        try:
            await self.reach(sent)
            with contextlib.suppress(AssertionError):
                await until(lambda: bolt(self.member)["actuations"] > before, "the motor", 1)
            await self.reach(pulling)
            assert (await answer).ok
        finally:
            answer.cancel()
            with contextlib.suppress(asyncio.CancelledError, phone.PhoneError):
                await answer

    async def park(self) -> None:
        """By hand: no phone is needed."""
        await asyncio.to_thread(self.member.sim.hand, "close")
        await self.reach("closing")
        await until(lambda: bolt(self.member)["bolt_closed"], "the bolt to snap in")
        await self.reach("closed")

    async def finish(self) -> None:
        async with self.person.at(self.claim, find_s=5) as link:
            answer = asyncio.ensure_future(link.end(self.claim.cti, self.claim.key))
            try:
                await self.reach("ending")
                assert (await answer).status in (
                    status.OK,
                    status.NO_RIDE,
                )  # it may have ended the first time
            finally:
                answer.cancel()
                with contextlib.suppress(asyncio.CancelledError, phone.PhoneError):
                    await answer


async def settled(admin, ride: Ride) -> list[dict]:
    """The lock's receipts in the cloud once the ride has ended there."""
    lock_id = ride.member.lock_id.hex()

    def look():
        rows = admin.get("/api/v1/rides", lock=lock_id)["rides"]
        return [row for row in rows if row["cti"] == ride.claim.cti.hex() and row["state"] == "ended"]

    rows = await until(look, "the ride in the cloud", 60)
    assert len(rows) == 1
    return admin.get(f"/api/v1/locks/{lock_id}/receipts")["receipts"]


def whole(member, person: Person, rows: list[dict]) -> None:
    """One gapless chain in the cloud, and in it, byte for byte, whatever a phone was given."""
    stored = {row["seq"]: row["digest"] for row in rows}
    assert sorted(stored) == list(range(1, len(rows) + 1))
    for kept in person.pocket.receipts():
        said = receipt.open(keys.receipt_key(member.identity.k_lock), kept.receipt)
        assert stored[said.seq] == receipt.digest(kept.receipt).hex(), f"receipt {said.seq} is another one"


class Strike:
    """Kills once, at its step, and starts again."""

    def __init__(self, step: str, kill, start) -> None:
        self.step, self._kill, self._start, self.struck = step, kill, start, False

    def __call__(self, step: str) -> None:
        if step == self.step and not self.struck:
            self.struck = True
            self._kill()
            self._start()


@pytest.mark.parametrize("step", LOCK_STEPS)
def test_a_killed_lock_goes_on_with_its_ride(fleet, lock, admin, tmp_path, step):
    async def ride():
        strike = Strike(step, lock.sim.kill, lock.sim.start)
        async with Person(fleet, tmp_path) as person:
            one = Ride(person, lock, strike)
            await one.run()
            assert strike.struck
            rows = await settled(admin, one)
            whole(lock, person, rows)
            opens = [row for row in rows if row["type"] == "OPEN"]
            assert len(opens) == 1, "one claim, one start"

    asyncio.run(ride())


@pytest.mark.parametrize("step", CLOUD_STEPS)
def test_a_killed_cloud_has_what_it_acknowledged(fleet, lock, admin, tmp_path, step):
    async def ride():
        strike = Strike(step, fleet.cloud.kill, fleet.cloud.start)
        async with Person(fleet, tmp_path) as person:
            one = Ride(person, lock, strike)
            await one.run()
            delivering = asyncio.ensure_future(person.deliver())
            await one.reach("delivering")
            with contextlib.suppress(CloudAway):
                await delivering
            held = [
                kept for kept in person.pocket.receipts() if kept.word
            ]  # the cloud's signed word that it has them
            await one.reach("delivered")
            assert strike.struck
            await person.deliver()
            rows = await settled(admin, one)
            whole(lock, person, rows)
            stored = {row["digest"] for row in rows}
            assert all(receipt.digest(kept.receipt).hex() in stored for kept in held)
            assert person.pocket.undelivered() == []

    asyncio.run(ride())


def test_a_lock_that_is_killed_again_and_again_loses_nothing(fleet, lock, admin, tmp_path):
    """Each strike falls at another step of one ride."""

    async def ride():
        strikes = [
            Strike(step, lock.sim.kill, lock.sim.start) for step in ("greeted", "open", "closed", "reopened")
        ]

        def strike_all(step):
            for strike in strikes:
                strike(step)

        async with Person(fleet, tmp_path) as person:
            one = Ride(person, lock, strike_all)
            await one.run()
            assert all(strike.struck for strike in strikes)
            whole(lock, person, await settled(admin, one))

    asyncio.run(ride())
