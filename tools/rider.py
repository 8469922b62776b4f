"""A person with a phone: what the app does, between the cloud, the pocket and the lock.

Blocking calls to the cloud run in threads, so that the radio goes on. Also the technician's app, which differs in
where its token comes from. Decides nothing: the lock does.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import receipt
from tools import cable, phone
from tools.cloud_client import CloudClient, CloudError, b64, part, unb64
from tools.pocket import Claim, Pocket

_BATCH = 20  # receipts in one delivery


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the tap to the answer; `link` is what the lock did not measure: finding, connecting, frames."""

    total: float
    link: float
    crypto: float
    storage: float
    motor: float


@dataclass(frozen=True)
class Opened:
    """What came of a tap: the lock's answer, and how long it took."""

    answer: phone.Answer
    latency: Latency


class Rider:
    """`radio`: this machine's Bluetooth unless given; `port`: of a serial cable to the lock in place of any."""

    def __init__(
        self, cloud: CloudClient, pocket: Pocket, radio: phone.Radio | None = None, port: str | None = None
    ) -> None:
        self.cloud, self.pocket, self.radio, self.port = cloud, pocket, radio, port

    # --- with the cloud ---

    async def sign_up(self, login: str, password: str) -> None:
        """A new account, signed in. Raises CloudError."""
        await self._post("/api/v1/users", {"login": login, "password": password})
        await self.sign_in(login, password)

    async def sign_in(self, login: str, password: str, code: str | None = None) -> None:
        """`code`: of the authenticator app, or a recovery code. Raises CloudError; its code is second_factor where one
        is needed."""
        body = {"login": login, "password": password, "device": "ringslot phone", "code": code}
        answer = await self._post("/api/v1/sessions", body)
        self.cloud.token = answer["token"]

    async def claim(self, code: str, **terms: object) -> Claim:
        """Claim the bike with this code; the key is drawn here and never leaves. `terms`: mode, exp, hold."""
        key = Ed25519PrivateKey.generate()
        body = {"code": code, "holder_key": b64(key.public_key().public_bytes_raw()), **terms}
        return self._kept(await self._post("/api/v1/claims", body), key)

    async def cancel(self, claim: Claim) -> None:
        await asyncio.to_thread(self.cloud.delete, f"/api/v1/claims/{part(claim.cti.hex())}")

    async def bind(self, claim: Claim, greeting: phone.Greeting) -> Claim:
        """The claim's token, bound to this challenge: for a lock that has lost its clock. Needs to be online."""
        path = f"/api/v1/claims/{part(claim.cti.hex())}/token"
        return self._kept(await self._post(path, _bound(greeting)), claim.key)

    async def master(self, lock_id: bytes, *rights: str, greeting: phone.Greeting | None = None) -> Claim:
        """A technician's token for one lock: to open it, or with these rights of the API. Bound to that challenge, if
        one is given: for a lock that has lost its clock."""
        key = Ed25519PrivateKey.generate()
        body: dict = {"locks": [lock_id.hex()], "holder_key": b64(key.public_key().public_bytes_raw())}
        if rights:
            body["rights"] = list(rights)
        if greeting:
            body |= _bound(greeting)
        answer = await self._post("/api/v1/master-tokens", body)
        return self._kept({**answer, **answer["locks"][0]}, key)

    def _kept(self, answer: dict, key: Ed25519PrivateKey) -> Claim:
        claim = Claim(
            bytes.fromhex(answer["cti"]),
            bytes.fromhex(answer["lock_id"]),
            unb64(answer["token"]),
            key,
            tuple(bytes.fromhex(entry["key"]) for entry in answer["advertising"]),
            {signer["kid"]: unb64(signer["key"]) for signer in answer["countersigners"]},
        )
        self.pocket.keep_claim(claim)
        return claim

    async def _post(self, path: str, body: dict) -> dict:
        return await asyncio.to_thread(self.cloud.post, path, body)

    async def deliver(self) -> list[dict]:
        """Bring the receipts that the cloud has not answered for. -> its answers. Raises Mismatch, CloudError."""
        done: list[dict] = []
        waiting = self.pocket.undelivered()
        for start in range(0, len(waiting), _BATCH):
            some = waiting[start : start + _BATCH]
            answer = await self._post("/api/v1/receipts", {"receipts": [b64(one) for one in some]})
            for one, word in zip(some, answer["receipts"], strict=True):
                self.pocket.delivered(one, word)
                done.append(word)
        return done

    async def bring(self) -> int:
        """Bring the sealed batches of others. -> how many; one that the cloud cannot place is dropped too."""
        batches = self.pocket.sealed()
        for batch in batches:
            try:
                await self._post("/api/v1/sealed", {"batch": b64(batch)})
            except CloudError as error:
                if error.code != "unknown_batch":
                    raise
            self.pocket.drop_sealed(batch)
        return len(batches)

    def told(self) -> list[receipt.Receipt]:
        """The receipts that locks gave this phone, oldest first."""
        return [receipt.parse(kept.receipt) for kept in self.pocket.receipts()]

    # --- at the lock ---

    @contextlib.asynccontextmanager
    async def at(self, claim: Claim, find_s: float = phone.FIND_S) -> AsyncIterator[phone.Link]:
        """A link to the claim's lock."""
        if self.port:
            way = cable.reach(self.port, self.pocket.keep)
        else:
            way = phone.reach(phone.advertised(claim.adv_keys), self.radio, self.pocket.keep, find_s)
        async with way as link:
            yield link

    @contextlib.asynccontextmanager
    async def with_right(self, lock_id: bytes, *rights: str) -> AsyncIterator[tuple[phone.Link, Claim]]:
        """A link to that lock, and a master token for it with these rights; a bound one when it has lost its clock."""
        claim = await self.master(lock_id, *rights)
        async with self.at(claim) as link:
            greeting = await link.greet()
            if greeting.clock_unknown:
                greeting = await link.greet(patient=True)
                claim = await self.master(lock_id, *rights, greeting=greeting)
            yield link, claim

    async def open(
        self,
        link: phone.Link,
        claim: Claim,
        tapped: float,
        look: Callable[[list[str]], None] = lambda colours: None,
        patient: bool = False,
    ) -> Opened:
        """OPEN by the claim's token; fetches a bound one when the lock has lost its clock. `tapped`: perf_counter().
        `look`: is told what the lock flashes now, and raises where that is another. `patient`: it asks a person."""
        greeting = await link.greet(patient)
        if greeting.clock_unknown:
            greeting = await link.greet(patient=True)
            claim = await self.bind(claim, greeting)
        await asyncio.to_thread(look, greeting.colours)
        return opened(await link.unlock(claim.token, claim.key), tapped)

    async def carry(self, link: phone.Link) -> int:
        """Take sealed receipts along for the cloud. -> how many batches."""
        batches = await link.collect()
        for batch in batches:
            self.pocket.keep_sealed(batch)
        return len(batches)


def opened(answer: phone.Answer, tapped: float) -> Opened:
    total = (time.perf_counter() - tapped) * 1000
    crypto, storage, motor = answer.ms
    return Opened(answer, Latency(total, max(0.0, total - crypto - storage - motor), crypto, storage, motor))


def _bound(greeting: phone.Greeting) -> dict[str, str]:
    """What the cloud needs to bind a token to that challenge."""
    return {"hello": b64(greeting.hello), "challenge": b64(greeting.answer)}
