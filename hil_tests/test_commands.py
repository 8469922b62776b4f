"""What the cloud asks of a lock and what it hears from it, over real processes: settings that stay, how warm it is."""

import asyncio

from hil_tests.people import Person, bolt, close, until
from protocol import receipt


def test_a_setting_reaches_the_lock_and_outlives_its_boot(fleet, lock, admin, tmp_path):
    """Seen by what it does: without a hold a ride ends as the ring is shut."""
    path = f"/api/v1/locks/{lock.lock_id.hex()}/commands"

    def change(seconds):
        return admin.post(path, {"kind": "config", "settings": {"hold_max_s": seconds}})["command_id"]

    async def did(command_id):
        def look():
            rows = admin.get(path)["commands"]
            return next((row for row in rows if row["command_id"] == command_id and row["done_at"]), None)

        row = await until(look, "the lock's word that it is done")
        assert row["sent_at"] and not row["refused"] and row["settings"].keys() == {"hold_max_s"}

    async def ride(person):
        """The receipts that the lock sends by itself once the ring is shut, while the link lasts."""
        claim = await person.claim(lock.code)
        async with person.at(claim) as link:
            assert (await person.unlock(link, claim)).answer.ok
            shut = [await close(lock, link)]
            if shut[0].type == receipt.CLOSE:
                shut.append(receipt.parse(await link.next_receipt(5)))
        await person.deliver()  # so that the bicycle is free, whenever the lock itself tells the cloud
        return [one.type for one in shut]

    async def story():
        await did(change(0))
        async with Person(fleet, tmp_path) as person:
            assert await ride(person) == [receipt.CLOSE, receipt.END]
            lock.sim.hand("reboot", how="warm")
            await asyncio.to_thread(lock.sim.child.process.wait, 10)
            await asyncio.to_thread(lock.sim.start)
            assert await ride(person) == [receipt.CLOSE, receipt.END]
        await did(change(3_600))

    asyncio.run(story())


def test_how_warm_the_lock_is_comes_with_its_battery(lock, admin):
    path = f"/api/v1/locks/{lock.lock_id.hex()}/series"

    async def told():
        points = await until(lambda: admin.get(path)["temperature"], "a temperature")
        assert abs(points[-1]["high_c"] - bolt(lock)["temperature"]) <= 6, points

    asyncio.run(told())
