"""Locks of ESP32 parts, whole: their own main.py and drivers on doubles of the chip, by radio and network to the cloud.

The phone is bleak, the radio and the cloud are those of every test here; what is double is the metal.
"""

import asyncio
import json

import pytest

from hil_tests.conftest import await_contact
from hil_tests.people import Person, bolt, close, moves, until
from hil_tests.test_ride import chain, in_the_cloud
from protocol import receipt

WIFI = {"wifi": {"ssid": "bench", "key": "of the bench"}}
MODEM = {"modem": {"apn": "internet", "user": None, "password": None}}
BOARDS = {"esp32s3_lock": MODEM, "esp32c6_lock": WIFI, "esp32_dev": WIFI}


@pytest.fixture
def add(fleet):
    """add(board): a lock of that kind, running; ended after the test."""
    made = []

    def add(board: str):
        bearer = {"bearer.json": json.dumps(BOARDS[board]).encode()}
        member = fleet.add(f"{board}-{len(fleet.members)}".replace("_", "-"), board=board, more=bearer)
        made.append(member)
        return member

    yield add
    for member in made:
        member.sim.stop()


@pytest.mark.parametrize("board", BOARDS)
def test_a_ride_from_claim_to_cloud(fleet, admin, add, board, tmp_path):
    lock = add(board)
    await_contact(admin, lock, 60)  # by its own network: Wi-Fi, or a modem that registers first

    async def ride():
        async with Person(fleet, tmp_path) as rider:
            claim = await rider.claim(lock.code)
            async with rider.at(claim) as link:
                opened = await rider.unlock(link, claim)
                assert opened.answer.ok and bolt(lock)["bolt_open"] and moves(lock) == (1, 1)
                closed = await close(lock, link)
                assert bolt(lock)["bolt_closed"] and bolt(lock)["shackle_closed"]
                assert (await link.end(claim.cti, claim.key)).ok
            types = [one.type for one in chain(lock, rider)]
            assert types == [receipt.OPEN, receipt.CLOSE, receipt.END]
            row = await in_the_cloud(admin, claim)
            assert row["closed_at"] == closed.at

    asyncio.run(ride())


def test_a_chip_that_loses_its_power_while_open_remembers_the_ride_and_not_the_time(
    fleet, admin, add, tmp_path
):
    lock = add("esp32_dev")
    await_contact(admin, lock, 60)

    async def ride():
        async with Person(fleet, tmp_path) as rider:
            claim = await rider.claim(lock.code)
            async with rider.at(claim) as link:
                assert (await rider.unlock(link, claim)).answer.ok
            lock.sim.hand("uplink", on=False)
            lock.sim.hand("reboot", how="cold")
            await asyncio.to_thread(lock.sim.child.process.wait, 10)
            await asyncio.to_thread(lock.sim.start)
            state = bolt(lock)
            assert state["state"] == "open" and state["boot_cause"] == 1 and state["clock"]["now"] is None
            lock.sim.hand("close")
            await until(lambda: bolt(lock)["state"] == "parked", "parked after the close")
            lock.sim.hand("uplink", on=True)
            await until(lambda: bolt(lock)["clock"]["now"], "the time, from the cloud", 60)
            lock.sim.hand("reboot", how="warm")
            await asyncio.to_thread(lock.sim.child.process.wait, 10)
            await asyncio.to_thread(lock.sim.start)
            state = bolt(lock)
            assert state["clock"]["now"] and state["state"] == "parked" and moves(lock) == (1, 1)
            async with rider.at(claim) as link:
                assert (await link.reopen(claim.cti, claim.key)).ok and bolt(lock)["bolt_open"]

    asyncio.run(ride())
