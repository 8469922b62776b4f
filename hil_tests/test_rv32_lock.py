"""A whole lock on the 32-bit board, spoken to by the rider's own phone code over its serial link.

It has no network, so each ride starts by a token that is bound to the lock's challenge.
"""

import asyncio
import hashlib
import itertools
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from boards.parts import serial_link as wire
from protocol import exchange, keys, keyset, receipt, status, token
from tools import keysets, provision, rv32, rv32_lock
from tools.phone import PhoneError
from tools.rv32_lock import Client, Rv32Lock

HEAP = rv32.size("192k")
FREE = 24_000  # bytes of it, at rest and while the hand is told so
EVERY = 8  # of the power cuts, in `make test`


def private(name):
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(key):
    return key.public_key().public_bytes_raw()


RELEASE = [private("release 1"), private("release 2")]


class Street:
    """The lock, its issuer, and a rider who keeps receipts."""

    def __init__(self, folder, main=rv32_lock.MAIN, heap=HEAP, spoil=lambda files: None, lock_class=Rv32Lock):
        self.issuer, self.rider = private("issuer"), private("rider")
        self.kid = keys.kid(keys.RIDE, public(self.issuer))
        self.identity = provision.draw()
        now = int(time.time())
        entries = [(self.kid, public(self.issuer), now - 86_400, now + 86_400)]
        for key in RELEASE:
            entries.append((keys.kid(keys.RELEASE, public(key)), public(key), now - 86_400, now + 86_400))
        settings = {"kind": "exclusive", "uplink_host": "192.0.2.1"}
        trusted, signed = keysets.under_one_root(keyset.encode(1, entries))
        provision.write(folder / "files", self.identity, trusted, signed, settings)
        files = provision.read(folder / "files")
        spoil(files)
        self.files = files
        self.lock = lock_class(folder, files, heap, main)
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


def test_code_combs_and_objects_leave_room_for_an_unlock(street):
    """What a lock that only advertises has free: 15 KB of garbage come between a request and the motor."""
    free = street.lock.hand("state", collect=True)["heap_free"]
    print(f"{free:,} bytes free of {HEAP:,}")
    assert free >= FREE


def test_unlock_park_reopen_close_end(street):
    async def ride():
        cti = b"one ride"
        link = await Client(street.lock).connect(street.keep)
        greeting = await link.greet()
        assert greeting.clock_unknown
        assert (await asyncio.to_thread(street.lock.hand, "state"))["led"] == " ".join(greeting.colours)
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


def issuers(files):
    return next(name for name in files if name.startswith("comb-") and name != "comb-base")


def flip(data):
    return data[:7000] + bytes([data[7000] ^ 16]) + data[7001:]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda files: None,
        lambda files: files.pop("comb-base"),
        lambda files: files.update({issuers(files): files[issuers(files)][:-1]}),
        lambda files: files.update({"comb-base": flip(files["comb-base"])}),
        lambda files: files.update({issuers(files): flip(files[issuers(files)])}),
    ],
    ids=["whole", "base missing", "issuer's cut short", "base damaged", "issuer's damaged"],
)
def test_without_whole_combs_it_is_slower_says_so_and_opens(rv32_image, tmp_path, request, spoil):
    street = Street(tmp_path, spoil=spoil)
    street.lock.start()

    async def ride():
        link = await Client(street.lock).connect(street.keep)
        greeting = await link.greet(patient=True)
        flags = exchange.decode_challenge(greeting.answer)[1]
        assert bool(flags & exchange.FLAG_SLOW) is (request.node.callspec.id != "whole")
        assert (await link.unlock(street.mint(greeting.challenge, b"one ride"), street.rider)).ok

    try:
        asyncio.run(ride())
    finally:
        street.lock.cut()


@pytest.mark.parametrize("every", [EVERY, pytest.param(1, marks=pytest.mark.long)])
def test_power_cuts_lose_and_contradict_nothing(street, every):
    """The power goes in one change to the flash after another, of a boot and a ride. What a phone was told stays so."""

    async def by_hand(do):
        return await asyncio.to_thread(street.lock.hand, do)

    async def ride(cti):
        state = await by_hand("state")
        assert state["state"] != "quarantine" and state["seq"] >= max(street.kept, default=0), state
        link = await Client(street.lock).connect(street.keep)
        if state["ride"]:  # goes on
            cti = bytes.fromhex(state["ride"])
            assert (await link.reopen(cti, street.rider)).ok
        else:
            assert (await street.start_ride(link, cti)).ok
        await by_hand("close")
        street.keep(await link.next_receipt(10))
        assert (await link.end(cti, street.rider)).ok

    def cut_at(n, tear):
        """Whether it came before all was done."""
        if not street.lock.start(cut=(n, tear)):
            return True
        try:
            asyncio.run(ride(b"ride%04d" % n))
            return False
        except (PhoneError, rv32.MachineError, OSError):
            assert street.lock.ended() == rv32.CUT
            return True

    street.lock.cut()
    n, tears, before = 1, itertools.cycle(rv32.TEARS), 0
    while cut_at(n, next(tears)):
        n += every
        before += not street.lock.advertised
        assert n < 1_000
    street.lock.cut()
    print(f"{n} changes in a boot and a ride; {before} boots were cut, {len(street.kept)} receipts told")
    assert n > 40 and street.kept

    async def whole_log():
        """What the lock has is what phones were told, and more, without a gap."""
        link = await Client(street.lock).connect(street.keep)
        await link.greet(patient=True)  # a slow host takes longer than the 10 s that a hasty phone gets
        found = []
        for batch in await link.collect():
            found += exchange.open_batch(keys.batch_key(street.identity.k_lock), batch)
        return found

    street.lock.start()
    told = dict(street.kept)
    log = asyncio.run(whole_log())
    for data in log:
        street.keep(data)
    assert [receipt.parse(data).seq for data in log] == list(range(1, len(log) + 1)) and len(log) >= len(told)


# A file that nobody holds is closed, and by that written, when it is collected.
WATCHED = b"""
import gc, os
from boards.qemu_rv32 import board, main
from firmware import session

markers = []  # two a ride, since what lies about on the stack may hold one
take, pull = session.Session.take, board.Motor.pull

def drop():
    markers.append("/world/marker%d" % len(markers))
    open(markers[-1], "wb").write(b"collected")

def taken(self, kind, conn, data):
    action = take(self, kind, conn, data)
    if kind == "frame" and data[0] & 0x80 and data[1] == 3:  # the first one of a REQUEST
        drop()
        drop()
    return action

def pulled(self):
    print("collected", sum([os.stat(name)[6] > 0 for name in markers[-2:]]), end="\\0")  # as a packet ends
    pull(self)

gc.threshold(4_096)  # a quarter of the usual: there is one in each unlock, unless it is held back
session.Session.take, board.Motor.pull = taken, pulled
main.run()
"""


class Whole(Client):
    """Puts the frames of a message on the line together. While a host is between two of them the lock looks for the
    next one every 2 ms, and each look is garbage: a busy host's pace would decide whether the heap holds it all."""

    held = b""

    async def write_gatt_char(self, characteristic, data, response):
        if not self.held:
            asyncio.get_running_loop().call_soon(self.put)
        self.held += wire.packet(wire.FRAME, self.slot, bytes(data))

    def put(self):
        data, self.held = self.held, b""
        self.lock.write(data)


def test_nothing_is_collected_between_a_request_and_the_motor(rv32_image, tmp_path):
    """Its messages come in small frames."""
    street = Street(tmp_path, WATCHED, HEAP)
    street.lock.start()
    try:

        async def rides():
            link = await Whole(street.lock, mtu=60).connect(street.keep)
            for cti in (b"one ride", b"a second", b"one more"):
                assert (await street.start_ride(link, cti)).name == "OK"
                await asyncio.to_thread(street.lock.hand, "close")
                street.keep(await link.next_receipt(10))
                assert (await link.end(cti, street.rider)).name == "OK"

        asyncio.run(rides())
    finally:
        street.lock.cut()
        print("\n".join(street.lock.log))
    said = [line for line in street.lock.log if line.startswith("collected")]
    assert said == ["collected 0"] * 3, said
