"""The lock's BLE link end to end: boards/parts/ble.py on MicroPython, over the virtual radio, to bleak on CPython.

Names in brackets are rows of the project's list of attacks: A23 the MTU's games, A24 writes that the stack cuts,
A26 a phone that writes into another's exchange, A27 floods, A28 exceptions in the handler.
"""

import asyncio
import statistics
import time

import pytest
from bleak.exc import BleakError
from bumble.core import UUID
from bumble.device import Peer

from hil_tests.echo import ECHO, SOON, Echo, echo, find, run
from protocol import gatt
from tools.bleak_radio import Phone

FLAGS = ("ThreadSafeFlag", "Event")  # what wakes the reader on an ESP32, and what boards/sim may use


def test_a_scan_shows_the_payload_the_service_and_nothing_stable(radio, start_lock):
    start_lock("scan", ECHO)

    async def test():
        async with Phone(radio.hci) as phone:
            device, seen = await find(phone)
            assert seen.manufacturer_data == {gatt.COMPANY: b"ringslot"}
            assert seen.service_uuids == [gatt.SERVICE]
            assert seen.local_name is None
            assert int(device.address[:2], 16) >> 6 == 0  # a non-resolvable private address
            raw = seen.platform_data[0].data.ad_structures
            assert [kind for kind, _ in raw] == [0x01, 0xFF, 0x07]

            async with await echo(phone) as link:
                assert await link.ask(b"!turn") == b"turned"
            other, _ = await find(phone, b"turn two")
            assert other.address != device.address

    run(test)


@pytest.mark.parametrize("flag", FLAGS)
def test_every_length_comes_back_whole_and_once(radio, start_lock, flag):
    start_lock("lengths", ECHO, RINGSLOT_FLAG=flag)

    async def test():
        async with Phone(radio.hci) as phone, await echo(phone) as link:
            assert link.client.mtu_size == 247
            for length in range(1, 245):
                data = bytes((length + i) & 0x7F | 0x80 for i in range(length))
                assert await link.ask(data, response=bool(length & 1)) == data
            for length in range(245, 512, 7):  # written long: prepared and executed
                data = bytes((length + i) & 0x7F | 0x80 for i in range(length))
                assert await link.ask(data) == data
            for length in range(1, 501, 13):  # in fragments, none waiting for the one before
                data = bytes((length * 3 + i) & 0x7F | 0x80 for i in range(length))
                for start in range(0, length, 20):
                    await link.write(data[start : start + 20], response=False)
                answer = b""
                while len(answer) < length:
                    answer += await link.hear()
                assert answer == data
            assert await link.quiet()

    run(test)


@pytest.mark.parametrize("mtu", [23, 24, 185, 247, 517])
def test_each_mtu_gives_the_same_result(radio, start_lock, mtu):
    """[A23], with Bumble's own client, since bleak always asks for the largest."""
    start_lock(f"mtu{mtu}", ECHO)

    async def test():
        async with Phone(radio.hci) as phone:
            device, _ = await find(phone)
            link = await phone.connect(device.details, SOON)
            peer = Peer(link)
            if mtu > 23:
                await peer.request_mtu(mtu)
            await peer.discover_all()
            (receive,) = peer.get_characteristics_by_uuid(UUID(gatt.RX))
            (transmit,) = peer.get_characteristics_by_uuid(UUID(gatt.TX))
            heard = asyncio.Queue()
            await transmit.subscribe(heard.put_nowait)
            await receive.write_value(b"!mtu", with_response=True)
            assert int(await asyncio.wait_for(heard.get(), SOON)) == min(mtu, 247) - 3
            data, answer = bytes(range(128, 228)), b""
            for start in range(0, 100, 20):
                await receive.write_value(data[start : start + 20])
            while len(answer) < 100:
                answer += await asyncio.wait_for(heard.get(), SOON)
            assert answer == data
            await link.disconnect()

    run(test)


def test_two_phones_and_two_locks_do_not_mix(radio, start_lock):
    """[A26]: both phones write to one lock at full speed; each gets its own frames, in order."""
    start_lock("one", ECHO, RINGSLOT_ECHO="lock one")
    start_lock("two", ECHO, RINGSLOT_ECHO="lock two")

    async def talk(link: Echo, mark: bytes) -> None:
        for number in range(150):
            data = b"%s %d" % (mark, number)
            assert await link.ask(data, response=number % 2 == 0) == data

    async def test():
        async with Phone(radio.hci) as anna, Phone(radio.hci) as bert:
            async with await echo(anna, b"lock one") as a, await echo(bert, b"lock one") as b:
                async with await echo(anna, b"lock two") as c:
                    await asyncio.gather(talk(a, b"anna"), talk(b, b"bert"), talk(c, b"anna at two"))
                    assert await a.ask(b"!links") == b"2"
                    assert await c.ask(b"!links") == b"1"
                    assert await a.ask(b"!conn") != await b.ask(b"!conn")

    run(test)


def test_four_links_and_room_again_when_one_leaves(radio, start_lock):
    start_lock("four", ECHO)

    async def test():
        phones = [Phone(radio.hci) for _ in range(5)]
        links = [await (await echo(phone)).__aenter__() for phone in phones[:4]]
        assert await links[0].ask(b"!links") == b"4"
        assert await find(phones[4], timeout=0.7) is None
        await links[2].client.disconnect()
        assert await find(phones[4], timeout=1)
        async with await echo(phones[4]) as fifth:
            assert await fifth.ask(b"me too") == b"me too"
            assert await links[3].ask(b"still here") == b"still here"
        for phone in phones:
            await phone.close()

    run(test)


def test_a_link_number_is_never_used_twice(radio, start_lock):
    """The stack gives the next phone the same handle; an answer for the first must not reach it."""
    lock = start_lock("numbers", ECHO)

    async def test():
        async with Phone(radio.hci) as phone:
            seen = []
            for _ in range(5):
                async with await echo(phone) as link:
                    seen.append(await link.ask(b"!conn"))
            assert len(set(seen)) == 5
        lock.wait_for(f"^after {int(seen[-1])} False False", SOON)

    run(test)


def test_a_write_that_the_stack_cuts_is_reported_not_delivered(radio, start_lock):
    """[A24]: the phone is told that each of these writes succeeded."""
    start_lock("cuts", ECHO, RINGSLOT_BUFFER="64")

    async def test():
        async with Phone(radio.hci) as phone, await echo(phone) as link:
            for length in range(1, 129):
                answer = await link.ask(b"\x99" * length) if length < 64 else await link.ask(b"!" * length)
                assert answer == (b"\x99" * length if length < 64 else b"OVERRUN"), length
            assert await link.ask(b"honest") == b"honest"
            assert await link.quiet()

    run(test)


def test_the_largest_value_counts_as_cut(radio, start_lock):
    start_lock("largest", ECHO)

    async def test():
        async with Phone(radio.hci) as phone, await echo(phone) as link:
            assert await link.ask(b"!" * 512) == b"OVERRUN"
            with pytest.raises(BleakError):
                await link.write(b"!" * 513)
            with pytest.raises(BleakError):  # must fit one packet
                await link.write(b"!" * 245, response=False)
            assert await link.ask(b"honest") == b"honest"

    run(test)


@pytest.mark.parametrize("kind", [b"", b" memory", b" exit"])
def test_an_exception_in_the_handler_does_not_silence_it(radio, start_lock, kind):
    """[A28]"""
    lock = start_lock("raise", ECHO)

    async def test():
        async with Phone(radio.hci) as phone, await echo(phone) as link:
            for number in range(3):
                assert await link.ask(b"before") == b"before"
                await link.write(b"?raise" + kind)
                assert await link.hear() == b"OVERRUN"  # a frame is missing, and the session is told
                assert await link.ask(b"after %d" % number) == b"after %d" % number
        assert "fault None 1" in lock.printed()
        assert "Unhandled exception" not in lock.printed()

    run(test)


def test_the_handler_holds_when_nothing_can_be_allocated(radio, start_lock):
    """[A28]"""
    start_lock("starve", ECHO)

    async def test():
        async with Phone(radio.hci) as phone, await echo(phone) as link:
            assert await link.ask(b"!starve") == b"held"
            assert await link.hear() == b"OVERRUN"  # it could not read the value
            assert await link.ask(b"fed again") == b"fed again"

    run(test)


def test_the_watchdog_brings_back_a_lost_handler(radio, start_lock):
    """[A28]: what the stack does when it cannot even enter the handler. Also a phone that it then missed is served."""
    start_lock("deaf", ECHO, RINGSLOT_WATCHDOG="2")

    async def test():
        async with Phone(radio.hci) as phone, Phone(radio.hci) as second:
            async with await echo(phone) as link:
                await link.write(b"!deaf")
                assert await link.hear() == b"deaf"
                async with await echo(second) as missed:  # comes while nobody listens
                    await link.write(b"nobody hears")
                    assert await link.quiet(2.5)
                    assert await link.ask(b"hear me") == b"hear me"
                    await missed.write(b"and me", response=False)  # the lock knows no such link, and ends it
                    await asyncio.wait_for(missed.gone.wait(), SOON)
                async with await echo(second) as again:
                    assert await again.ask(b"and me") == b"and me"

    run(test)


def test_a_newcomer_does_not_inherit_the_place_of_a_link_whose_end_was_missed(radio, start_lock):
    """[A28]: the stack gives it the same handle."""
    lock = start_lock("heir", ECHO, RINGSLOT_WATCHDOG="2")

    async def test():
        async with Phone(radio.hci) as first, Phone(radio.hci) as second:
            async with await echo(first) as link:
                old = await link.ask(b"!conn")
                assert await link.ask(b"!deaf") == b"deaf"
            await asyncio.sleep(2.3)
            async with await echo(second) as heir:
                assert await heir.ask(b"!conn") != old
                assert await heir.ask(b"!links") == b"1"
        lock.wait_for(f"^disconnect {old.decode()} ", SOON)

    run(test)


def test_a_flood_costs_only_the_link_that_floods(radio, start_lock):
    """[A27]: the reader sleeps while one phone writes 400 frames; another phone's frame is not displaced."""
    start_lock("flood", ECHO)

    async def test():
        async with Phone(radio.hci) as rude, Phone(radio.hci) as kind:
            async with await echo(rude) as flood, await echo(kind) as honest:
                await honest.write(b"!stall")
                for number in range(400):
                    await flood.write(b"%0200d" % number, response=False)
                assert await honest.ask(b"in between") == b"in between"
                heard = []
                while not heard or heard[-1] != b"OVERRUN":
                    heard.append(await flood.hear())
                # What was kept is the beginning, without a gap, and then the loss is told.
                assert [int(frame) for frame in heard[:-1]] == list(range(len(heard) - 1))
                assert 8 <= len(heard) <= 12  # 2,048 bytes are 10 such frames
                await flood.quiet(1.0)
                while not flood.heard.empty():
                    flood.heard.get_nowait()
                assert await flood.ask(b"sorry") == b"sorry"

    run(test)


def test_no_frame_seems_to_follow_one_that_was_lost(radio, start_lock):
    """[A27]: the reader is slow, so room comes and goes while the flood lasts. What is lost is lost at one point."""
    start_lock("slow", ECHO)

    async def test():
        async with Phone(radio.hci) as phone, await echo(phone) as link:
            assert await link.ask(b"!slow") == b"slow"
            for number in range(200):
                await link.write(b"%0200d" % number, response=False)
                await asyncio.sleep(0.002)
            heard = []
            while not await link.quiet(0.3):
                while not link.heard.empty():
                    heard.append(link.heard.get_nowait())
            assert heard.count(b"OVERRUN") >= 2
            expected = 0
            for frame in heard:
                number = None if frame == b"OVERRUN" else int(frame)
                assert number is None or expected is None or number == expected
                expected = None if number is None else number + 1

    run(test)


def test_a_lock_that_is_busy_does_not_hoard_a_flood(radio, start_lock):
    """[A27]: the radio keeps 64 writes for one link, and another link's among them."""
    start_lock("busy", ECHO)

    async def test():
        async with Phone(radio.hci) as rude, Phone(radio.hci) as kind:
            async with await echo(rude) as flood, await echo(kind) as honest:
                await honest.write(b"!block", response=False)
                await asyncio.sleep(0.1)
                for number in range(400):
                    await flood.write(b"%010d" % number, response=False)
                await honest.write(b"in between")
                assert await honest.hear() == b"done"
                assert await honest.hear() == b"in between"
                await flood.quiet()
                heard = [int(flood.heard.get_nowait()) for _ in range(flood.heard.qsize())]
                assert heard == list(range(64))

    run(test)


def test_a_lock_may_end_a_link(radio, start_lock):
    lock = start_lock("cutter", ECHO)

    async def test():
        async with Phone(radio.hci) as phone, await echo(phone) as link:
            await link.write(b"!cut")
            await asyncio.wait_for(link.gone.wait(), SOON)
            with pytest.raises(BleakError):
                await link.write(b"too late")
            async with await echo(phone) as again:
                assert await again.ask(b"back") == b"back"
        lock.wait_for(r"^after \d+ False False", SOON)

    run(test)


@pytest.mark.parametrize("flag", FLAGS)
def test_round_trip_is_measured(radio, start_lock, record_property, capsys, flag):
    """Write to notification, as the phone sees it; the figure is printed, not judged."""
    start_lock("measured", ECHO, RINGSLOT_FLAG=flag)

    async def test():
        async with Phone(radio.hci) as phone, await echo(phone) as link:
            taken = []
            for number in range(300):
                began = time.perf_counter()
                assert await link.ask(b"%0100d" % number, response=False) == b"%0100d" % number
                taken.append((time.perf_counter() - began) * 1000)
            taken.sort()
            p50, p99 = statistics.median(taken), taken[-3]
            record_property("round_trip_ms", p50)
            with capsys.disabled():
                print(f"\n  write to notification, {flag}: p50 {p50:.2f} ms, p99 {p99:.2f} ms")

    run(test)
