"""A ride and what belongs to it, over real processes: cloud, radio, MicroPython lock, bleak phone."""

import asyncio

import pytest

from hil_tests.people import Person, bolt, close, moves, persist, until
from protocol import keys, receipt


def chain(member, person):
    """The phone's receipts, verified by the lock's key, each following the one before."""
    key = keys.receipt_key(member.identity.k_lock)
    kept = sorted((one.receipt for one in person.pocket.receipts()), key=lambda data: receipt.parse(data).seq)
    said = [receipt.open(key, data) for data in kept]
    for before, after, data in zip(said, said[1:], kept, strict=False):
        if after.seq == before.seq + 1:
            assert after.prev == receipt.digest(data)[:16]
    return said


def test_who_sees_other_colours_opens_nothing(fleet, lock, tmp_path):
    """And the lock goes dark when the phone has left."""

    class Another(Exception):
        pass

    async def visit():
        async with Person(fleet, tmp_path) as rider:
            claim = await rider.claim(lock.code)
            before, seen = moves(lock), []

            def look(colours):
                seen.append((" ".join(colours), bolt(lock)["led"]))
                raise Another

            with pytest.raises(Another):
                async with rider.at(claim) as link:
                    await rider.open(link, claim, 0, look, patient=True)
            [(said, shown)] = seen
            assert said == shown and len(said.split()) == 4
            await until(lambda: bolt(lock)["led"] == "off", "a dark light")
            assert moves(lock) == before
            await rider.cancel(claim)

    asyncio.run(visit())


async def in_the_cloud(admin, claim, state="ended"):
    def look():
        rows = admin.get("/api/v1/rides", lock=claim.lock_id.hex())["rides"]
        return next((row for row in rows if row["cti"] == claim.cti.hex() and row["state"] == state), None)

    return await until(look, f"the ride {state} in the cloud")


def by_uplink(admin, lock, count):
    rows = admin.get(f"/api/v1/locks/{lock.lock_id.hex()}/receipts")["receipts"]
    return [row["type"] for row in sorted(rows, key=lambda row: row["seq"])] if len(rows) >= count else None


def test_claim_unlock_park_reopen_close_and_receipts(fleet, lock, admin, tmp_path):
    async def ride():
        async with Person(fleet, tmp_path) as rider:
            claim = await rider.claim(lock.code)
            before = moves(lock)
            async with rider.at(claim) as link:
                opened = await rider.unlock(link, claim)
                assert (
                    opened.answer.ok
                    and bolt(lock)["bolt_open"]
                    and moves(lock) == (before[0] + 1, before[1] + 1)
                )
                assert opened.latency.motor >= 300  # a motor takes time; signatures less than a ms here
                parked = await close(lock, link)
                assert bolt(lock)["bolt_closed"] and bolt(lock)["shackle_closed"]
                assert (await link.reopen(claim.cti, claim.key)).ok and bolt(lock)["bolt_open"]
                closed = await close(lock, link)
                ended = await link.end(claim.cti, claim.key)
                assert ended.ok
            said = chain(lock, rider)
            types = [one.type for one in said]
            assert types == [receipt.OPEN, receipt.CLOSE, receipt.REOPEN, receipt.CLOSE, receipt.END]
            assert [one.seq for one in said] == [1, 2, 3, 4, 5] and said[-1].detail[:2] == [
                closed.seq,
                closed.at,
            ]
            assert parked.cti == closed.cti == claim.cti
            row = await in_the_cloud(admin, claim)  # by uplink: nothing was delivered by phone
            assert row["opened_at"] == said[0].at and row["closed_at"] == closed.at and row["receipts"] == 5
            await rider.deliver()
            assert rider.pocket.undelivered() == []

    asyncio.run(ride())


def test_the_ride_goes_on_by_another_link_and_without_any_network(fleet, lock, tmp_path):
    async def ride():
        async with Person(fleet, tmp_path) as rider:
            claim = await rider.claim(lock.code)
            lock.sim.hand("uplink", on=False)
            async with rider.at(claim) as link:
                assert (await rider.unlock(link, claim)).answer.ok
                await close(lock, link)
            async with rider.at(claim) as link:
                assert (await link.reopen(claim.cti, claim.key)).ok and bolt(lock)["bolt_open"]
            lock.sim.hand("close")  # nobody is linked: the physical close is what counts
            await until(lambda: bolt(lock)["bolt_closed"], "the bolt to snap in")
            async with rider.at(claim) as link:
                assert (await link.end(claim.cti, claim.key)).ok

    asyncio.run(ride())


def test_a_stranger_carries_sealed_receipts(fleet, lock, admin, tmp_path):
    async def ride():
        async with (
            Person(fleet, tmp_path / "rider") as rider,
            Person(fleet, tmp_path / "stranger") as stranger,
        ):
            claim = await rider.claim(lock.code)
            lock.sim.hand("uplink", on=False)
            async with rider.at(claim) as link:
                assert (await rider.unlock(link, claim)).answer.ok
                await close(lock, link)
                assert (await link.end(claim.cti, claim.key)).ok
                assert await stranger.carry(link) > 0
            assert await stranger.bring() > 0
            await in_the_cloud(admin, claim)
            assert rider.pocket.undelivered() != []  # it came by the stranger alone

    asyncio.run(ride())


def test_a_technician_opens_without_claim(fleet, lock, admin, technician, tmp_path):
    async def serve():
        async with Person(fleet, tmp_path) as person:
            person.cloud.token = technician.token
            master = await person.master(lock.lock_id)
            async with person.at(master) as link:
                assert (await link.service(master.token, master.key)).ok and bolt(lock)["bolt_open"]
                assert (await close(lock, link)).type == receipt.SERVICE_CLOSE
            assert [one.type for one in chain(lock, person)] == [receipt.SERVICE_OPEN, receipt.SERVICE_CLOSE]
            await person.deliver()
            rows = await until(lambda: by_uplink(admin, lock, 2), "both receipts in the cloud")
            assert rows == ["SERVICE_OPEN", "SERVICE_CLOSE"]

    asyncio.run(serve())


def test_a_lock_that_lost_its_clock_takes_a_nonce_bound_token(fleet, lock, tmp_path):
    async def ride():
        async with Person(fleet, tmp_path) as rider:
            claim = await rider.claim(lock.code)
            lock.sim.hand("uplink", on=False)
            lock.sim.hand("reboot", how="cold")
            await until(lambda: not lock.sim.child.running, "the power to go")
            lock.sim.start()
            async with rider.at(claim) as link:
                assert (await link.greet()).clock_unknown
                assert (await rider.unlock(link, claim)).answer.ok and bolt(lock)["bolt_open"]
            opened = chain(lock, rider)[0]
            assert (
                opened.error > 30
            )  # the token is fresh to half a minute, so the clock is no better than that

    asyncio.run(ride())


def test_a_jammed_bolt_is_said_and_can_be_tried_again(fleet, lock, tmp_path):
    async def ride():
        async with Person(fleet, tmp_path) as rider:
            claim = await rider.claim(lock.code)
            lock.sim.hand("jam", on=True)
            async with rider.at(claim) as link:
                answer = (await rider.unlock(link, claim)).answer
                assert answer.name == "JAMMED" and not bolt(lock)["bolt_open"]
                lock.sim.hand("jam", on=False)
                assert (await rider.unlock(link, claim)).answer.ok and bolt(lock)["bolt_open"]

    asyncio.run(ride())


def test_two_locks_are_told_apart_on_the_air(fleet, lock, second_lock, tmp_path):
    async def ride():
        async with Person(fleet, tmp_path) as rider:
            claim = await rider.claim(second_lock.code)
            async with rider.at(claim) as link:
                assert (await rider.unlock(link, claim)).answer.ok
            assert bolt(second_lock)["bolt_open"] and not bolt(lock)["bolt_open"]

    asyncio.run(ride())


def test_a_lock_that_is_silenced_is_found_again(fleet, lock, tmp_path):
    async def ride():
        async with Person(fleet, tmp_path) as rider:
            claim = await rider.claim(lock.code)
            async with rider.at(claim) as link:
                await link.greet()
                fleet.radio.tell(f"loss {lock.code}")
                await until(lambda: not link.open, "the link to be lost")

            async def once():
                async with rider.at(claim, find_s=3) as link:
                    return await rider.unlock(link, claim)

            assert (await persist(once)).answer.ok

    asyncio.run(ride())
