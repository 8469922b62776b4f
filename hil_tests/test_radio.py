"""The virtual radio itself: who joins, who vanishes, its fault commands and its end. The link is test_link.py's."""

import asyncio
import subprocess
import sys
import time

import pytest
from bleak import BleakClient
from bleak.exc import BleakError

from hil_tests.conftest import ROOT
from hil_tests.echo import ECHO, SOON, Echo, echo, find, run
from tools.bleak_radio import Phone, abandon


def test_phones_that_come_at_the_same_moment_all_get_a_link(radio, start_lock):
    start_lock("rush", ECHO)

    async def visit(phone: Phone, device) -> None:
        async with Echo(phone, device) as link:
            assert await link.ask(phone.name) == phone.name

    async def test():
        phones = [Phone(radio.hci) for _ in range(4)]
        for number, phone in enumerate(phones):
            phone.name = b"phone %d" % number
        device, _ = await find(phones[0])
        await asyncio.gather(*(visit(phone, device) for phone in phones))
        for phone in phones:
            await phone.close()

    run(test)


def test_round_trips_are_counted_from_the_connection_on(radio, start_lock):
    start_lock("counted", ECHO)

    async def test():
        async with Phone(radio.hci) as phone:
            assert radio.tell("trips counted") == "0"
            for _ in range(2):  # each link anew
                async with await echo(phone) as link:
                    connected = int(radio.tell("trips counted"))
                    for number in range(1, 4):  # written with an answer; the echo that follows is no trip
                        await link.ask(b"x")
                        assert int(radio.tell("trips counted")) == connected + number
            assert "no lock 'nobody'" in radio.tell("trips nobody")

    run(test)


def test_a_killed_lock_is_missed_and_comes_back(radio, start_lock):
    lock = start_lock("killed", ECHO)

    async def test():
        async with Phone(radio.hci) as phone:
            async with await echo(phone) as link:
                lock.kill()
                began = time.monotonic()
                await asyncio.wait_for(link.gone.wait(), SOON)
                assert time.monotonic() - began < 1
                assert not link.client.is_connected
            assert "killed" not in radio.tell("list").split()
            assert await find(phone, timeout=0.5) is None
            start_lock("killed", ECHO)
            async with await echo(phone) as link:
                assert await link.ask(b"risen") == b"risen"

    run(test)


def test_a_phone_that_vanishes_is_missed_too(radio, start_lock):
    lock = start_lock("lonely", ECHO)

    async def test():
        async with Phone(radio.hci) as stays:
            leaves = Phone(radio.hci)
            await (await echo(leaves)).__aenter__()
            await leaves.close()
            lock.wait_for("^disconnect", SOON)
            async with await echo(stays) as link:
                assert await link.ask(b"!links") == b"1"

    run(test)


def test_faults_of_the_radio(radio, start_lock):
    start_lock("faulty", ECHO)

    async def test():
        async with Phone(radio.hci) as phone:
            async with await echo(phone) as link:
                assert radio.tell("loss faulty") == "ok"
                await asyncio.wait_for(link.gone.wait(), SOON)
            async with await echo(phone) as link:  # a loss is over at once
                assert radio.tell("cut faulty") == "ok"
                await asyncio.wait_for(link.gone.wait(), SOON)
            assert await find(phone, timeout=0.5) is None  # silence lasts
            assert "faulty" in radio.tell("list").split()
            assert radio.tell("mend faulty") == "ok"
            async with await echo(phone) as link:
                assert await link.ask(b"ahoy") == b"ahoy"

    run(test)
    assert radio.tell("cut nobody").startswith("error: no lock 'nobody' is on the air; there are: ")
    assert radio.tell("explode").startswith("error: ")
    assert radio.tell("cut").startswith("error: ")


def test_a_connection_attempt_ends_and_leaves_the_phone_usable(radio, start_lock):
    start_lock("elsewhere", ECHO)

    async def test():
        async with Phone(radio.hci) as phone:
            nobody = BleakClient("C1:22:33:44:55:66", timeout=0.3, backend=phone.client)
            with pytest.raises(BleakError, match="did not answer"):
                await nobody.connect()
            with pytest.raises(TimeoutError):  # the caller gives up first
                await asyncio.wait_for(BleakClient("C1:22:33:44:55:66", backend=phone.client).connect(), 0.3)
            async with await echo(phone) as link:
                assert await link.ask(b"hello") == b"hello"

    run(test)


def test_a_phone_that_changes_its_mind_leaves_no_link_behind(radio, start_lock):
    """Cancelled at every moment of connecting, among them the one when the link is there and nobody has it yet."""
    start_lock("fickle", ECHO)

    async def test():
        async with Phone(radio.hci) as phone, Phone(radio.hci) as other, await echo(other) as witness:
            device, _ = await find(phone)
            for wait in range(60):
                attempt = asyncio.create_task(phone.connect(device.details, SOON))
                await asyncio.sleep(wait / 1000)
                attempt.cancel()
                done = (await asyncio.gather(attempt, return_exceptions=True))[0]
                if not isinstance(done, BaseException):
                    await done.disconnect()
            own = await phone.device()
            attempt = asyncio.create_task(own.connect(device.details))
            await attempt
            await abandon(own, attempt)
            await asyncio.sleep(0.1)
            assert await witness.ask(b"!links") == b"1"
            async with await echo(phone) as link:
                assert await link.ask(b"at last") == b"at last"

    run(test)


def test_a_phone_whose_radio_is_reset_has_no_links(radio, start_lock):
    start_lock("reset", ECHO)

    async def test():
        async with Phone(radio.hci) as phone, Phone(radio.hci) as other:
            async with await echo(other) as witness:
                await (await echo(phone)).__aenter__()
                assert await witness.ask(b"!links") == b"2"
                await (await phone.device()).host.reset()
                await asyncio.sleep(0.1)
                assert await witness.ask(b"!links") == b"1"

    run(test)


def test_garbage_on_the_radios_ports_disturbs_nobody(radio, start_lock):
    start_lock("steady", ECHO)

    async def spoil(address: str, data: bytes) -> None:
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()

    async def test():
        async with Phone(radio.hci) as phone, await echo(phone) as link:
            for address in (radio.locks, radio.hci, radio.control):
                for data in (b"\xff" * 70_000, b"\0" * 300, b"\1\3\x0c\0" * 9, b"GET / HTTP/1.1\r\n\r\n"):
                    await spoil(address, data)
            assert await link.ask(b"undisturbed") == b"undisturbed"

    run(test)


def test_no_radio_is_said_plainly():
    async def test():
        with pytest.raises(BleakError, match="the virtual radio at 127.0.0.1:1 does not answer"):
            await Phone("127.0.0.1:1").device()
        with pytest.raises(BleakError, match="RINGSLOT_HCI"):
            await Phone().device()

    run(test)


@pytest.mark.parametrize("end", ["stdin", "SIGTERM"])
def test_the_radio_ends_with_the_program_that_started_it(end):
    command = [sys.executable, "-m", "tools.radio"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline().startswith(b'{"locks": ')
        process.stdin.close() if end == "stdin" else process.terminate()
        assert process.wait(SOON) == 0
    finally:
        process.kill()
        process.wait()
