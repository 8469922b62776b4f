"""boards/sim/bluetooth.py keeps MicroPython's promises and its traps: firmware that survives here has met them."""

import asyncio
import re

import pytest
from bleak.exc import BleakError, BleakGATTProtocolError

from hil_tests.echo import SOON, Echo, echo, find, run
from protocol import gatt
from tools.bleak_radio import Phone

BARE = "hil_tests/bare_lock.py"
BATTERY = "00002a19-0000-1000-8000-00805f9b34fb"
NAME = b"barelock"


async def order(lock, link: Echo, words: bytes) -> str:
    """What the lock printed in answer to an order."""
    await link.write(words)
    return lock.wait_for(rf"^order {re.escape(repr(words))} (.*)$", SOON).group(1)


def test_nothing_works_before_active(start_lock):
    assert "inactive OSError 19 OSError 19" in start_lock("idle", BARE).printed()


def test_an_exception_in_the_handler_removes_it_for_good(radio, start_lock):
    lock = start_lock("careless", BARE)

    async def test():
        async with Phone(radio.hci) as phone, await echo(phone, NAME) as link:
            assert await link.ask(b"alive") == b"alive"
            await link.write(b"fail")  # the phone is told that all is well
            for _ in range(3):
                await link.write(b"anyone")
            assert await link.quiet()

    run(test)
    printed = lock.printed()
    assert "Unhandled exception in IRQ callback handler" in printed
    assert "ValueError: careless" in printed
    assert printed.count("event 3") == 2


def test_a_write_is_cut_at_the_buffer_and_succeeds(radio, start_lock):
    lock = start_lock("short", BARE)

    async def test():
        async with Phone(radio.hci) as phone, await echo(phone, NAME) as link:
            assert link.client.mtu_size == 185
            await link.write(b"x" * 30)
            assert await link.hear() == b"x" * 20
            await order(lock, link, b"room")
            await link.write(b"y" * 100)
            assert await link.hear() == b"y" * 64
            await order(lock, link, b"append")
            assert await link.ask(b"one") == b"one"  # reading empties it

    run(test)


def test_a_value_belongs_to_no_link(radio, start_lock):
    """A handler that reads later than it is called gets what another phone wrote since."""
    lock = start_lock("shared", BARE)

    async def test():
        async with Phone(radio.hci) as anna, Phone(radio.hci) as bert:
            async with await echo(anna, NAME) as a:
                await order(lock, a, b"advertise")
                async with await echo(bert, NAME) as b:
                    assert await a.ask(b"anna's") == b"anna's"
                    assert await b.ask(b"bert's") == b"bert's"
                    # One buffer behind the addresses, too: the first phone's now reads as the second's.
                    assert await order(lock, b, b"kept") == "True"

    run(test)


def test_advertising_ends_with_a_connection(radio, start_lock):
    lock = start_lock("once", BARE)

    async def test():
        async with Phone(radio.hci) as phone, Phone(radio.hci) as other:
            async with await echo(phone, NAME) as link:
                assert await find(other, NAME, 0.5) is None
                assert await order(lock, link, b"advertise") == "None"
                assert await find(other, NAME)
                await order(lock, link, b"long")
            async with await echo(phone, NAME):
                pass
            assert await find(other, NAME, 0.5) is None  # nor does it come back when the link ends

    run(test)


def test_errors_have_the_numbers_of_the_esp32(radio, start_lock):
    lock = start_lock("errors", BARE)

    async def test():
        async with Phone(radio.hci) as phone, await echo(phone, NAME) as link:
            assert await order(lock, link, b"dead") == "OSError 128"
            assert await order(lock, link, b"cut dead") == "False"
            assert await order(lock, link, b"no handle") == "OSError 22"
            assert await order(lock, link, b"long") == "OSError 22"
            await link.write(b"off", response=False)
            lock.wait_for(r"^order b'off' \(False, 'OSError 19'\)", SOON)
            await asyncio.wait_for(link.gone.wait(), SOON)

    run(test)


def test_four_links_leave_no_room_to_advertise(radio, start_lock):
    lock = start_lock("full", BARE)

    async def test():
        phones = [Phone(radio.hci) for _ in range(4)]
        links = []
        for phone in phones:
            links.append(await (await echo(phone, NAME)).__aenter__())
            answer = await order(lock, links[-1], b"advertise")
            await links[-1].write(b"forget")  # else wait_for() finds this answer again
        assert answer == "None"
        lock.wait_for("^order b'advertise' OSError 12", SOON)
        for phone in phones:
            await phone.close()

    run(test)


def test_reading_and_indicating(radio, start_lock):
    lock = start_lock("reads", BARE)

    async def test():
        async with Phone(radio.hci) as phone, await echo(phone, NAME) as link:
            client = link.client
            assert await client.read_gatt_char(BATTERY) == b"a value of more than twenty bytes"
            (descriptor,) = [
                d for d in client.services.get_characteristic(BATTERY).descriptors if "2901" in d.uuid[:8]
            ]
            assert await client.read_gatt_descriptor(descriptor.handle) == b"charge"
            heard = asyncio.Queue()
            await client.start_notify(BATTERY, lambda _, data: heard.put_nowait(bytes(data)))
            await order(lock, link, b"indicate")
            assert await asyncio.wait_for(heard.get(), SOON) == b"for sure"
            lock.wait_for("^event 20 ", SOON)
            for refused in (client.read_gatt_char(gatt.TX), client.read_gatt_char(gatt.RX)):
                with pytest.raises(BleakGATTProtocolError):
                    await refused
            with pytest.raises(BleakError):
                await client.write_gatt_char(gatt.TX, b"not yours", response=True)
            assert await link.ask(b"well") == b"well"

    run(test)
