"""The rider's phone at a lock: finds it on the air, speaks the exchange, gives back what the lock said.

    values = advertised(claim["advertising"])
    async with reach(values, radio) as link:          # `radio`: a pair of bleak backends; the real adapter without
        answer = await link.unlock(token, key)

It knows the protocol (SPEC.md sections 4, 5 and 9) and bleak. Not the cloud (cloud_client.py), nor what a phone
keeps (pocket.py): each receipt is handed to `keep` before anyone else hears of it.
"""

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.exc import BleakError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import exchange, frames, gatt, keys, status, update
from tools.errors import ToolError

SLOTS = 256  # SPEC.md section 9
FIND_S = 12.0
CONNECT_S = 4.0  # a lock that has just changed its address is not there any more: listen again, soon
_ANSWER_S = 12.0  # the lock's own deadline is 10 s
_WORK_S = 100.0  # in which a lock that takes a release says something: it reads and writes all of it
_ERASE_S = 300.0  # to write megabytes of flash
_TRIES = 3  # a first connection over the air often fails, and the lock may change its address meanwhile
_BATCHES_MAX = 500  # a lock that never says "no more" is not listened to for ever


class PhoneError(ToolError):
    """Nothing was heard from the lock; the text says what to try."""


class Radio(Protocol):
    """Where bleak finds its backends: boards of the real world have None of it."""

    scanner: type | None
    client: type | None


class Brought(Protocol):
    """A release as a phone carries it: tools/release.py's."""

    @property
    def version(self) -> int: ...

    @property
    def digest(self) -> bytes: ...

    def get(self, name: bytes, offset: int) -> bytes: ...


@dataclass(frozen=True)
class Answer:
    """RESULT. `ms`: verification, storage and motor as the lock measured them; `took_ms`: asked to answered."""

    status: int
    receipt: bytes | None
    ms: tuple[int, int, int]
    took_ms: float

    @property
    def ok(self) -> bool:
        return self.status == status.OK

    @property
    def name(self) -> str:
        return status.NAMES.get(self.status, f"status {self.status}")

    @property
    def sentence(self) -> str:
        """What the person is told."""
        return status.SENTENCES.get(
            self.status, "The lock gave a reason that this app does not know; update it."
        )


@dataclass(frozen=True)
class Greeting:
    """HELLO and CHALLENGE as sent: what a proof and a nonce-bound token refer to."""

    hello: bytes
    answer: bytes
    challenge: bytes
    clock_unknown: bool  # only a token bound to this challenge will do

    @property
    def colours(self) -> list[str]:
        """What the lock flashes meanwhile, if it is this one."""
        code = exchange.colours(exchange.transcript(self.hello, self.answer))
        return [exchange.COLOURS[number] for number in code]


def advertised(adv_keys: Iterable[bytes]) -> set[bytes]:
    """Everything that a lock may show under these advertising keys: 256 values for each."""
    return {keys.adv_payload(key, slot) for key in adv_keys for slot in range(SLOTS)}


async def find(values: set[bytes], radio: Radio | None = None, timeout_s: float = FIND_S) -> BLEDevice:
    """The device that advertises one of these values. Raises PhoneError."""
    try:
        device = await BleakScanner.find_device_by_filter(
            lambda _, seen: seen.manufacturer_data.get(gatt.COMPANY) in values,
            timeout=timeout_s,
            **_backend(radio, "scanner"),
        )
    except (BleakError, OSError) as error:
        raise PhoneError(
            f"Bluetooth does not work here: {error}. Is the adapter there and switched on?"
        ) from error
    if device is None:
        hint = "Stand next to the bike; if your ride there has ended, claim again."
        raise PhoneError(f"The lock was not heard within {timeout_s:g} s. {hint}")
    return device


@contextlib.asynccontextmanager
async def reach(
    values: set[bytes],
    radio: Radio | None = None,
    keep: Callable[[bytes], None] = lambda receipt: None,
    find_s: float = FIND_S,
) -> "AsyncIterator[Link]":
    """A link to the lock that advertises one of the values; cut at the end. Raises PhoneError."""
    for left in reversed(range(_TRIES)):
        device = await find(values, radio, find_s)
        link = Link(keep)
        client = BleakClient(device, link.ended, timeout=CONNECT_S, **_backend(radio, "client"))
        try:
            await client.connect()
            await link.begin(client)
            break
        except (BleakError, TimeoutError, OSError) as error:
            await _let_go(client)
            if not left:
                raise PhoneError(f"The lock was heard but could not be reached: {error}") from error
    try:
        yield link
    finally:
        await _let_go(client)


def _backend(radio: Radio | None, kind: str) -> dict[str, type]:
    return {"backend": getattr(radio, kind)} if radio else {}


async def _let_go(client: BleakClient) -> None:
    with contextlib.suppress(BleakError, TimeoutError, OSError):  # it may have left by itself
        await client.disconnect()


class Link:
    """One connection. Requests go one after another; receipts may come at any time."""

    def __init__(self, keep: Callable[[bytes], None]) -> None:
        self._keep = keep
        self._sender, self._receiver = frames.Sender(), frames.Receiver(opcodes=exchange.TO_PHONE)
        self._answers: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        self._receipts: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._client: BleakClient | None = None
        self._greeting: Greeting | None = None
        self.spoken = (
            b"",
            b"",
        )  # HELLO and REQUEST of the last request, as anyone near by could have heard them
        self.open = True

    async def begin(self, client: BleakClient) -> None:
        self._client = client
        await client.start_notify(gatt.TX, lambda _, data: self._heard(bytes(data)))

    def ended(self, _: BleakClient) -> None:
        """The link is no more: whoever waits is told."""
        self.open = False
        self._answers.put_nowait(None)
        self._receipts.put_nowait(None)

    # --- what a rider or technician does ---

    async def unlock(self, token: bytes, key: Ed25519PrivateKey) -> Answer:
        """OPEN by a token: a start, a hand-over, or a successor's start."""
        return await self._request(exchange.OPEN, token, subject(token), key)

    async def reopen(self, cti: bytes, key: Ed25519PrivateKey) -> Answer:
        """OPEN of the running ride: no token, so it works offline and past its window."""
        return await self._request(exchange.OPEN, None, cti, key)

    async def end(self, cti: bytes, key: Ed25519PrivateKey) -> Answer:
        """END of the parked ride."""
        return await self._request(exchange.END, None, cti, key)

    async def service(self, token: bytes, key: Ed25519PrivateKey) -> Answer:
        """SERVICE by a master token."""
        return await self._request(exchange.SERVICE, token, subject(token), key)

    async def may_update(self, token: bytes, key: Ed25519PrivateKey) -> Answer:
        """UPDATE by a master token: from here on this link may bring a release."""
        return await self._request(exchange.UPDATE, token, subject(token), key)

    async def bring(
        self, release: Brought, told: Callable[[int], None] = lambda sent: None
    ) -> tuple[int, int]:
        """(state, reason) of protocol/update.py, of LAST: what came of a release that this phone brings.

        `told(bytes sent)` after each block. Raises Refused without `may_update`, PhoneError when the link is lost:
        bring it again, and the lock goes on where it stopped.
        """
        await self._send(exchange.OFFER, update.encode_offer(release.version, release.digest))
        sent = 0
        while True:
            opcode, body = await self._either(exchange.WANT, exchange.PROGRESS)
            if opcode == exchange.WANT:
                name, offset = _read(update.decode_want, body)
                data = release.get(name, offset)
                await self._send(exchange.DATA, update.encode_data(name, offset, data))
                sent += len(data)
                told(sent)
                continue
            state, reason = _read(update.decode_progress, body)
            if state in update.LAST:
                return state, reason

    async def decommission(self, token: bytes, key: Ed25519PrivateKey) -> Answer:
        """DECOMMISSION by a master token: the answer's receipt says that the lock has erased what it was."""
        return await self._request(exchange.DECOMMISSION, token, subject(token), key, _ERASE_S)

    async def collect(self) -> list[bytes]:
        """Sealed batches of receipts that the cloud lacks; this phone can carry them but not read them."""
        batches: list[bytes] = []
        while len(batches) < _BATCHES_MAX:
            await self._send(exchange.COLLECT, exchange.encode_collect())
            batch = _read(exchange.decode_single, await self._answer(exchange.SEALED))
            if not batch:
                break
            batches.append(batch)
        return batches

    async def next_receipt(self, timeout_s: float) -> bytes:
        """The next receipt that the lock sends by itself: CLOSE or END. Raises PhoneError."""
        try:
            receipt = await asyncio.wait_for(self._receipts.get(), timeout_s)
        except TimeoutError:
            raise PhoneError(f"No receipt came within {timeout_s:g} s.") from None
        if receipt is None:
            raise PhoneError("The link ended before the receipt came; it will come by another way.")
        return receipt

    async def greet(self, patient: bool = False) -> Greeting:
        """A fresh challenge for the next request. `patient`: a nonce-bound token must be fetched first."""
        hello = exchange.encode_hello(os.urandom(8), int(patient))
        await self._send(exchange.HELLO, hello)
        body = await self._answer(exchange.CHALLENGE)
        challenge, flags, _ = _read(exchange.decode_challenge, body)
        self._greeting = Greeting(hello, body, challenge, bool(flags & exchange.FLAG_CLOCK_UNKNOWN))
        return self._greeting

    # --- frames ---

    async def replay(self, hello: bytes, request: bytes) -> Answer:
        """Another session's HELLO and REQUEST, as an eavesdropper would send them again."""
        await self._send(exchange.HELLO, hello)
        await self._answer(exchange.CHALLENGE)
        return await self.say(exchange.REQUEST, request)

    async def say(self, opcode: int, body: bytes) -> Answer:
        """Any message, well-formed or not, and the RESULT that it gets."""
        started = time.perf_counter()
        await self._send(opcode, body)
        return self._result(await self._answer(exchange.RESULT), started)

    async def _request(
        self,
        command: int,
        token: bytes | None,
        subject: bytes,
        key: Ed25519PrivateKey,
        patience_s: float = _ANSWER_S,
    ) -> Answer:
        started = time.perf_counter()
        greeting = self._greeting or await self.greet()
        self._greeting = None  # a challenge works once
        transcript = exchange.transcript(greeting.hello, greeting.answer)
        proof = key.sign(exchange.proof_input(subject, transcript, command))
        proof = exchange.hinted(proof, key.public_key().public_bytes_raw())
        self.spoken = greeting.hello, exchange.encode_request(command, token, proof)
        await self._send(exchange.REQUEST, self.spoken[1])
        return self._result(await self._answer(exchange.RESULT, patience_s), started)

    def _result(self, body: bytes, started: float) -> Answer:
        code, receipt, ms = _read(exchange.decode_result, body)
        if receipt is not None:
            self._keep(receipt)
        return Answer(code, receipt, tuple(ms), (time.perf_counter() - started) * 1000)

    async def _send(self, opcode: int, body: bytes) -> None:
        assert self._client is not None
        rx = self._client.services.get_characteristic(gatt.RX)
        if rx is None:
            raise PhoneError("This device is no lock of ours: its service is missing.")
        try:
            for frame in self._sender.frames(opcode, body, rx.max_write_without_response_size):
                await self._client.write_gatt_char(rx, frame, response=True)
        except (BleakError, TimeoutError, OSError) as error:
            if self._answers.empty():  # else it cut the link with a word of why
                raise PhoneError(f"The link to the lock was lost: {error}") from error

    async def _answer(self, opcode: int, patience_s: float = _ANSWER_S) -> bytes:
        """The body of the next answer. A RESULT where something else was due becomes Refused."""
        return (await self._either(opcode, patience_s=patience_s))[1]

    async def _either(self, *opcodes: int, patience_s: float = _ANSWER_S) -> tuple[int, bytes]:
        """(opcode, body) of the next answer, which is one of these."""
        wait_s = patience_s if exchange.PROGRESS not in opcodes else _WORK_S
        try:
            answer = await asyncio.wait_for(self._answers.get(), wait_s)
        except TimeoutError:
            raise PhoneError("The lock does not answer. Step closer and try again.") from None
        if answer is None:
            self._answers.put_nowait(None)  # for whoever asks next
            raise PhoneError("The lock ended the link without an answer. Try again.")
        if answer[0] == exchange.RESULT and exchange.RESULT not in opcodes:
            raise Refused(self._result(answer[1], time.perf_counter()))
        if answer[0] not in opcodes:
            raise PhoneError("The lock answered something else than it was asked.")
        return answer

    def _heard(self, frame: bytes) -> None:
        try:
            message = self._receiver.feed(frame)
            if message is None:
                return
            if message[0] != exchange.RECEIPT:
                self._answers.put_nowait(message)
                return
            receipt = exchange.decode_single(message[1])
        except ValueError:  # FrameError, ExchangeError: what follows on this link means nothing
            self._answers.put_nowait(None)
            return
        self._keep(receipt)
        self._receipts.put_nowait(receipt)


class Refused(PhoneError):
    """The lock answered a greeting with a refusal; `answer` says which."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.sentence)
        self.answer = answer


def subject(token: bytes) -> bytes:
    """What a proof with a token is about."""
    return hashlib.sha256(token).digest()


def _read(decode: Callable, body: bytes):
    try:
        return decode(body)
    except (exchange.ExchangeError, update.UpdateError):
        raise PhoneError(
            "The lock said something that this app does not understand; update the app."
        ) from None
