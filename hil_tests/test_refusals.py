"""Bad input at a real lock, over the air: refused with a status, nothing moves, and the next honest rider is served."""

import asyncio
import os

import pytest

from hil_tests.people import Person, bolt, moves, until
from protocol import cbor, exchange, frames, gatt, status
from tools import phone

SOON = 5


async def answers(link: phone.Link) -> int | None:
    """The status of the next RESULT; None when the link ends without one."""
    while True:
        heard = await asyncio.wait_for(link._answers.get(), SOON)
        if heard is None:
            return None
        if heard[0] == exchange.RESULT:
            return exchange.decode_result(heard[1])[0]


async def raw(link: phone.Link, *written: bytes) -> None:
    """Frames as they stand; the lock may cut the link under us."""
    for frame in written:
        try:
            await link._client.write_gatt_char(gatt.RX, frame, response=True)
        except Exception:  # noqa: BLE001  that is what a cut looks like from here
            return


def first(opcode: int, length: int, body: bytes, counter: int = 0) -> bytes:
    return bytes([0x80 | counter, opcode]) + length.to_bytes(2, "big") + body


HELLO = exchange.encode_hello(bytes(8))
REQUEST = exchange.encode_request(exchange.OPEN, None, bytes(64))

GARBAGE = {
    "empty frame": [b""],
    "random bytes": [os.urandom(200)],
    "unknown opcode": [first(9, 3, b"abc")],
    "a message of the lock's": [first(exchange.RESULT, 3, b"abc")],
    "announces too much": [first(exchange.HELLO, 1025, b"x" * 100)],
    "longer than announced": [first(exchange.HELLO, 3, HELLO)],
    "continues nothing": [bytes([0]) + HELLO],
    "out of order": [first(exchange.HELLO, len(HELLO), HELLO[:4]), bytes([2]) + HELLO[4:]],
    "a message inside a message": [
        first(exchange.HELLO, len(HELLO), HELLO[:4]),
        first(exchange.HELLO, 3, b"abc", 1),
    ],
    "not CBOR": [first(exchange.HELLO, 4, b"\xff\xff\xff\xff")],
    "CBOR of another shape": [first(exchange.HELLO, 1, b"\x80")],
    "CBOR that is not deterministic": [
        first(exchange.HELLO, len(HELLO) + 1, HELLO[:1] + b"\x18\x01" + HELLO[2:])
    ],
    "a request before any greeting": [first(exchange.REQUEST, len(REQUEST), REQUEST)],
    "a version of tomorrow": [first(exchange.HELLO, len(HELLO), cbor.encode([2, bytes(8), 0]))],
}


async def beside(person: Person, claim, what):
    async with person.at(claim) as link:
        return await what(link)


def test_whatever_a_phone_sends_nothing_moves_and_the_next_rider_is_served(fleet, lock, tmp_path):
    async def attack():
        async with Person(fleet, tmp_path) as person:
            claim = await person.claim(lock.code)
            before = moves(lock)
            for name, written in GARBAGE.items():
                async with person.at(claim) as link:
                    await raw(link, *written)
                    code = await answers(link)
                    wanted = (
                        (status.VERSION,) if "version" in name else (status.MALFORMED, status.NO_CHALLENGE)
                    )
                    assert code in wanted, f"{name}: {status.NAMES.get(code, code)}"
                    await until(lambda link=link: not link.open, f"{name}: the link to be cut", SOON)
                assert moves(lock) == before, name
            async with person.at(claim) as link:
                assert (await person.unlock(link, claim)).answer.ok
            assert bolt(lock)["bolt_open"]

    asyncio.run(attack())


@pytest.mark.parametrize("part", ["token", "proof"])
def test_any_altered_byte_of_a_request_is_refused(fleet, lock, tmp_path, part):
    """A few places of each; every single bit is tried in firmware/'s own tests, where that takes no radio."""

    async def attack():
        async with Person(fleet, tmp_path) as person:
            claim = await person.claim(lock.code)
            before = moves(lock)
            length = len(claim.token) if part == "token" else 64
            for place in range(1, length, length // 6):
                async with person.at(claim) as link:
                    greeting = await link.greet()
                    covered = exchange.proof_input(
                        phone.subject(claim.token),
                        exchange.transcript(greeting.hello, greeting.answer),
                        exchange.OPEN,
                    )
                    spoken = {"token": bytearray(claim.token), "proof": bytearray(claim.key.sign(covered))}
                    spoken[part][place] ^= 1
                    body = exchange.encode_request(
                        exchange.OPEN, bytes(spoken["token"]), bytes(spoken["proof"])
                    )
                    answer = await link.say(exchange.REQUEST, body)
                    assert not answer.ok and moves(lock) == before, place
            async with person.at(claim) as link:
                assert (await person.unlock(link, claim)).answer.ok

    asyncio.run(attack())


def test_four_silent_phones_do_not_keep_a_rider_out(fleet, lock, tmp_path):
    async def crowd():
        people = [Person(fleet, tmp_path / str(number)) for number in range(5)]
        try:
            await people[0].__aenter__()
            claim = await people[0].claim(lock.code)
            values = phone.advertised(claim.adv_keys)
            idle = []
            for person in people[1:]:
                context = phone.reach(values, person.radio)
                await context.__aenter__()
                idle.append(context)
            async with people[0].at(claim) as link:
                assert (await people[0].unlock(link, claim)).answer.ok
            assert bolt(lock)["bolt_open"]
            for context in idle:
                await context.__aexit__(None, None, None)
        finally:
            for person in people:
                await person.radio.close()

    asyncio.run(crowd())


def test_a_message_that_never_ends_is_dropped_with_its_link(fleet, lock, tmp_path):
    async def crawl():
        async with Person(fleet, tmp_path) as person:
            claim = await person.claim(lock.code)
            async with person.at(claim) as link:
                await raw(link, first(exchange.HELLO, 500, b"x"))
                for counter in range(1, 40):
                    if not link.open:
                        break
                    await asyncio.sleep(0.5)
                    await raw(link, bytes([counter]) + b"x")
                assert not link.open and counter * 0.5 < 15
            async with person.at(claim) as link:
                assert (await person.unlock(link, claim)).answer.ok

    asyncio.run(crawl())


def test_frames_of_the_smallest_mtu_serve_too(fleet, lock, tmp_path):
    """What a phone may choose: 20 bytes a frame."""

    async def ride():
        async with Person(fleet, tmp_path) as person:
            claim = await person.claim(lock.code)
            async with person.at(claim) as link:
                sender = frames.Sender()
                hello = exchange.encode_hello(os.urandom(8))
                await raw(link, *sender.frames(exchange.HELLO, hello, 20))
                challenge = await link._answer(exchange.CHALLENGE)
                covered = exchange.proof_input(
                    phone.subject(claim.token), exchange.transcript(hello, challenge), exchange.OPEN
                )
                body = exchange.encode_request(exchange.OPEN, claim.token, claim.key.sign(covered))
                await raw(link, *sender.frames(exchange.REQUEST, body, 20))
                assert await answers(link) == status.OK and bolt(lock)["bolt_open"]

    asyncio.run(ride())
