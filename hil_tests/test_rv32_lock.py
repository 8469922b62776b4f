"""A whole lock on the 32-bit board, spoken to by the rider's own phone code over its serial link.

It has no network, so each ride starts by a token that is bound to the lock's challenge.
"""

import asyncio
import hashlib
import random
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from boards.parts import serial_link as wire
from protocol import exchange, keys, keyset, receipt, status, token
from tools import provision, rv32
from tools.rv32_lock import Client, Rv32Lock

HEAP = rv32.size("320k")  # code from files, both combs, and the simulated world beside them
CUTS = 12
SEED = 20


def private(name):
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(key):
    return key.public_key().public_bytes_raw()


class Street:
    """The lock, its issuer, and a rider who keeps receipts."""

    def __init__(self, folder):
        self.issuer, self.rider = private("issuer"), private("rider")
        self.kid = keys.kid(keys.RIDE, public(self.issuer))
        self.identity = provision.draw()
        now = int(time.time())
        entries = [(self.kid, public(self.issuer), now - 86_400, now + 86_400)]
        settings = {"kind": "exclusive", "uplink_host": "192.0.2.1"}
        provision.write(folder / "files", self.identity, keyset.encode(1, entries), settings)
        self.lock = Rv32Lock(folder, provision.read(folder / "files"), HEAP)
        self.kept = {}
        self.epoch = 0

    def keep(self, data):
        said = receipt.open(keys.receipt_key(self.identity.k_lock), data)
        assert self.kept.setdefault(said.seq, data) == data, "two receipts with one number"

    def mint(self, challenge, cti, **changes):
        now = int(time.time())
        self.epoch += 1
        claims = {
            "aud": ((self.identity.lock_id, self.epoch),),
            **{"exp": now + 300, "nbf": now - 60, "iat": now - 60, "cti": cti},
            **{"holder": public(self.rider), "scope": token.SCOPE_RIDE, "floor": 0, "hold": 900},
            **{"longest": 86_400, "mode": token.MODE_SINGLE, "nonce": challenge, **changes},
        }
        return token.mint(self.issuer.sign, self.kid, token.Claims(**claims), hinted=True)

    async def start_ride(self, link, cti):
        greeting = await link.greet(patient=True)
        return await link.unlock(self.mint(greeting.challenge, cti), self.rider)


@pytest.fixture
def street(rv32_image, tmp_path):
    street = Street(tmp_path)
    street.lock.start()
    yield street
    street.lock.cut()
    printed = [line for line in street.lock.log if line.strip() and "Type " not in line]
    assert not [line for line in printed if "Error" in line or "Traceback" in line], "\n".join(printed)


def test_unlock_park_reopen_close_end(street):
    async def ride():
        cti = b"one ride"
        link = await Client(street.lock).connect(street.keep)
        assert (await link.greet()).clock_unknown
        assert (await street.start_ride(link, cti)).name == "OK"
        state = street.lock.hand("state")
        assert state["bolt_open"] and state["actuations"] == 1 and state["led"] == "ok"
        await asyncio.to_thread(street.lock.hand, "close")
        street.keep(await link.next_receipt(10))
        assert (await link.reopen(cti, street.rider)).name == "OK"
        await asyncio.to_thread(street.lock.hand, "close")
        street.keep(await link.next_receipt(10))
        assert (await link.end(cti, street.rider)).name == "OK"
        said = [receipt.parse(data) for _, data in sorted(street.kept.items())]
        assert [one.type for one in said] == [1, 2, 3, 2, 4] and [one.seq for one in said] == [1, 2, 3, 4, 5]
        for before, after in zip(said, said[1:], strict=False):
            assert after.prev == receipt.digest(street.kept[before.seq])[:16]
        assert not street.lock.hand("state")["bolt_open"]

    asyncio.run(ride())


def test_what_is_refused_moves_nothing(street):
    async def attack():
        async def attempt(name, **changes):
            client = Client(street.lock)
            link = await client.connect(street.keep)
            greeting = await link.greet(patient=True)
            nonce = changes.pop("nonce", greeting.challenge)
            key = changes.pop("by", street.rider)
            raw = bytearray(street.mint(nonce, b"refused!", **changes))
            if name == "altered":
                raw[-1] ^= 1
            answer = await link.unlock(bytes(raw), key)
            await client.disconnect()
            return answer.status

        assert await attempt("another challenge's", nonce=bytes(16)) == status.EXPIRED
        assert await attempt("no nonce", nonce=None) == status.NEED_NONCE
        assert await attempt("by another", by=private("thief")) == status.FORGED
        assert await attempt("altered") == status.FORGED
        assert await attempt("another lock's", aud=((b"anotherl", 9),)) == status.WRONG_LOCK
        street.lock.write(b"noise" * 400 + b"\0")
        street.lock.write(wire.packet(wire.FRAME, 3, b"nobody is there"))
        assert await attempt("by another, after noise", by=private("thief")) == status.FORGED
        assert street.lock.hand("state")["actuations"] == 0 and not street.kept
        link = await Client(street.lock, slot=1).connect(street.keep)
        assert (await street.start_ride(link, b"an exact")).name == "OK"

    asyncio.run(attack())


@pytest.mark.long  # how far a ride gets in a second depends on the host
def test_power_cuts_at_any_moment_lose_and_contradict_nothing(street):
    """Each round rides, and is cut after a random time. Whatever a phone was told before is so after."""
    moment = random.Random(SEED)

    async def ride(cti):
        link = await Client(street.lock).connect(street.keep)
        if not (await street.start_ride(link, cti)).ok:
            return
        await asyncio.to_thread(street.lock.hand, "close")
        street.keep(await link.next_receipt(5))
        await link.end(cti, street.rider)

    async def rounds():
        for number in range(CUTS):
            cti = b"ride%04d" % number
            task = asyncio.create_task(ride(cti))
            await asyncio.sleep(moment.uniform(0.02, 1.2))
            await asyncio.to_thread(street.lock.cut)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            told = max(street.kept, default=0)
            await asyncio.to_thread(street.lock.start)
            state = await asyncio.to_thread(street.lock.hand, "state")
            assert state["state"] != "quarantine" and state["seq"] >= told, state
            if state["state"] == "open":
                await asyncio.to_thread(street.lock.hand, "close")

    async def whole_log():
        """What the lock has is what phones were told, and more, without a gap."""
        link = await Client(street.lock).connect(street.keep)
        await link.greet(patient=True)  # a slow host takes longer than the 10 s that a hasty phone gets
        found = []
        for batch in await link.collect():
            found += exchange.open_batch(keys.batch_key(street.identity.k_lock), batch)
        return found

    asyncio.run(rounds())
    assert len(street.kept) >= CUTS // 4, "the cuts came too early to test anything"
    told = dict(street.kept)
    log = asyncio.run(whole_log())
    for data in log:
        street.keep(data)
    assert [receipt.parse(data).seq for data in log] == list(range(1, len(log) + 1)) and len(log) >= len(told)
