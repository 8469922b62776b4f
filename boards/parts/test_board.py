# heap: 2m
"""Each board whole: its own main.py boots a provisioned lock on doubles of the chip's modules, and a phone unlocks it.

The phone writes to boards/parts/ble.py through the `bluetooth` module; the motor turns because pins say so.
"""

import asyncio
import hashlib
import json

from boards.esp32_dev import pins as dev
from boards.esp32c6_lock import pins as c6
from boards.esp32s3_lock import pins as s3
from boards.sim.bench import GROUP, K_LOCK, LOCK, key, kid_of, signed
from boards.testparts.rig import Rig
from protocol import cbor, exchange, frames, gatt, keys, keyset, receipt, roots, token

RIDER = "rider"


def provision(rig, **settings):
    now = rig.timeline.now // 1_000
    entries = [
        (kid_of(name), key(name).public, now - 86_400, now + 30 * 86_400) for name in ("ride", "master")
    ]
    given = {"kind": "exclusive", "uplink_host": "192.0.2.1"}
    given.update(settings)
    rig.put("identity", cbor.encode({1: LOCK, 2: K_LOCK, 3: GROUP}))
    rig.put("roots", roots.encode(1, [key("root").public]))
    rig.put("keyset", signed(keyset.encode(1, entries)))
    rig.put("settings.json", json.dumps(given).encode())


def minted(rig, nonce=None, cti=b"rideride"):
    now = rig.timeline.now // 1_000
    claims = token.Claims(
        aud=((LOCK, 1),),
        exp=now + 300,
        nbf=now - 60,
        iat=now - 60,
        cti=cti,
        holder=key(RIDER).public,
        scope=token.SCOPE_RIDE,
        floor=0,
        hold=900,
        longest=86_400,
        mode=token.MODE_SINGLE,
        nonce=nonce,
    )
    return token.mint(key("ride").sign, kid_of("ride"), claims)


class Phone:
    """On the radio of a rig: real bytes, written to the characteristic and notified."""

    def __init__(self, rig):
        self.rig = rig
        self.sender, self.receiver = frames.Sender(), frames.Receiver(opcodes=exchange.TO_PHONE)

    async def connect(self):
        """Once the lock shows itself as gatt.py says."""
        radio = self.rig.radio
        for _ in range(200):
            if radio.shown:
                shown, response = radio.shown
                head = b"\x02\x01\x06\x0b\xff" + gatt.COMPANY.to_bytes(2, "little")
                assert shown[: len(head)] == head and len(shown) == len(head) + 8
                assert response[:2] == b"\x11\x07" and len(response) == 18
                self.handle = radio.connect()
                return
            await self.rig.timeline.sleep_ms(50)
        raise AssertionError("the lock shows nothing")

    def send(self, opcode, body):
        for part in self.sender.frames(opcode, body, 244):
            assert self.rig.radio.write(self.handle, part)

    async def answer(self, opcode, within_ms=10_000):
        end = self.rig.timeline.now + within_ms
        while self.rig.timeline.now < end:
            for part in self.rig.radio.heard(self.handle):
                message = self.receiver.feed(part)
                if message and message[0] == opcode:
                    return message[1]
            await self.rig.timeline.sleep_ms(20)
        raise AssertionError("no answer %d" % opcode)

    async def unlock(self, bound=False):
        """(status, receipt) of an OPEN; `bound`: with a token for this challenge, for a lock without a clock."""
        hello = exchange.encode_hello(
            hashlib.sha256(b"%d" % self.rig.timeline.now).digest()[:8], 1 if bound else 0
        )
        self.send(exchange.HELLO, hello)
        challenge = await self.answer(exchange.CHALLENGE)
        raw = minted(self.rig, exchange.decode_challenge(challenge)[0] if bound else None)
        covered = exchange.proof_input(
            hashlib.sha256(raw).digest(), exchange.transcript(hello, challenge), exchange.OPEN
        )
        self.send(exchange.REQUEST, exchange.encode_request(exchange.OPEN, raw, key(RIDER).sign(covered)))
        status, opened, _ = exchange.decode_result(await self.answer(exchange.RESULT))
        return status, opened

    def leave(self):
        self.rig.radio.leave(self.handle)


def ride(name, pins):
    """A ride on one board, from boot to close."""
    rig = Rig(pins)
    provision(rig, fix_every_s=1)

    async def story():
        phone = Phone(rig)
        await phone.connect()
        status, opened = await phone.unlock(bound=True)
        assert opened is not None, status
        assert receipt.parse(opened).type == receipt.OPEN
        assert rig.world.bolt_open() and not rig.world.shackle_closed() and rig.world.actuations == 1
        assert rig.chip.watchdog is not None
        await rig.timeline.sleep_ms(2_000)
        assert not rig.world._pulling and rig.world.gnss_on
        rig.world.close()
        closed = exchange.decode_single(await phone.answer(exchange.RECEIPT))
        assert receipt.parse(closed).type == receipt.CLOSE and rig.world.bolt_closed()
        await rig.timeline.sleep_ms(12_000)
        assert not rig.chip.halted  # the watchdog was fed all along

    rig.main(name, story)
    rig.close()


def test_the_esp32s3_lock_opens_for_its_rider_and_closes_by_hand():
    ride("esp32s3_lock", s3)


def test_the_esp32c6_lock_opens_for_its_rider_and_closes_by_hand():
    ride("esp32c6_lock", c6)


def test_the_development_board_opens_for_its_rider_and_closes_by_hand():
    ride("esp32_dev", dev)


def test_a_lock_without_a_clock_wants_a_token_for_its_challenge():
    rig = Rig(s3)
    provision(rig)

    async def story():
        phone = Phone(rig)
        await phone.connect()
        status, opened = await phone.unlock()
        assert opened is None and rig.world.actuations == 0

    rig.main("esp32s3_lock", story)
    rig.close()


def test_a_ride_outlives_a_cut_while_the_motor_turns():
    rig = Rig(dev)
    provision(rig)

    async def cut():
        phone = Phone(rig)
        await phone.connect()
        asking = asyncio.create_task(phone.unlock(bound=True))
        while not rig.world._pulling:
            await rig.timeline.sleep_ms(5)
        await rig.timeline.sleep_ms(100)
        rig.chip.stop("brownout")
        asking.cancel()

    rig.main("esp32_dev", cut)
    assert rig.world.actuations == 1 and not rig.world._pulling
    rig.end("brownout")
    rig.run(rig.timeline.sleep_ms(1_000))

    async def again():
        phone = Phone(rig)
        await phone.connect()
        assert rig.world.actuations == 1 and rig.world.bolt_closed()  # a boot pulls nothing
        status, opened = await phone.unlock(bound=True)
        assert opened is not None and rig.world.bolt_open(), status

    rig.main("esp32_dev", again)
    rig.close()


def test_four_phones_and_a_fifth_and_no_stranger_opens():
    rig = Rig(c6)
    provision(rig)

    async def story():
        phones = []
        for _ in range(4):
            phones.append(Phone(rig))
            await phones[-1].connect()
        assert rig.radio.connect() is None
        for phone in phones[:3]:
            for junk in (b"", b"\xff", bytes(243), bytes(600)):
                rig.radio.write(phone.handle, junk)
        await rig.timeline.sleep_ms(15_000)  # who proves nothing is cut
        phone = Phone(rig)
        await phone.connect()
        assert rig.world.actuations == 0
        status, opened = await phone.unlock(bound=True)
        assert opened is not None and rig.world.actuations == 1, status

    rig.main("esp32c6_lock", story)
    rig.close()


def test_movement_and_position_reach_the_lock():
    rig = Rig(s3)
    provision(rig, fix_every_s=1)
    kept = []

    async def story():
        phone = Phone(rig)
        await phone.connect()
        await phone.unlock(bound=True)
        rig.world.ride([(0, 520_907_000, 51_214_000), (20_000, 520_917_000, 51_224_000)])
        await rig.timeline.sleep_ms(21_000)
        rig.world.close()
        await rig.timeline.sleep_ms(5_000)
        phone.leave()
        kept.append(rig.world.position)

    rig.main("esp32s3_lock", story)
    assert kept[0] == (520_917_000, 51_224_000)
    rig.close()


# ---- boots that lead to no lock


def test_a_lock_that_is_set_wrongly_says_so_and_tries_again():
    rig = Rig(s3)
    provision(rig)
    rig.put("settings.json", b'{"kind": "neither"}')
    seen = []

    async def story():
        for _ in range(700):
            seen.append(rig.wiring.light)
            await rig.timeline.sleep_ms(100)

    rig.main("esp32s3_lock", story)
    assert rig.chip.halted == "reset" and "red" in seen
    rig.end("reset")
    assert rig.boot().boot_cause == 2
    rig.close()


def test_the_watchdog_runs_before_a_lock_that_may_hang():
    rig = Rig(s3)
    provision(rig)
    seen = []

    def hangs(board):
        seen.append(rig.chip.watchdog and rig.chip.watchdog[0])
        raise OSError(5)

    async def story():
        await rig.timeline.sleep_ms(70_000)

    rig.main("esp32s3_lock", story, hangs)
    assert seen == [10_000]
    rig.close()


def test_a_radio_that_does_not_start_is_a_reset():
    rig = Rig(s3)
    provision(rig)
    rig.radio.broken = True

    async def story():
        raise AssertionError("it ran")

    rig.main("esp32s3_lock", story)
    assert rig.chip.halted == "reset"
    rig.radio.broken = False
    rig.end("reset")
    assert rig.boot().boot_cause == 3  # nobody took leave: it is told as an accident
    rig.close()


def test_what_the_receipt_key_signs_is_whole():
    """The lock's first receipt verifies with the key that its host knows."""
    rig = Rig(c6)
    provision(rig)
    got = []

    async def story():
        phone = Phone(rig)
        await phone.connect()
        got.append((await phone.unlock(bound=True))[1])

    rig.main("esp32c6_lock", story)
    said = receipt.open(keys.receipt_key(K_LOCK), got[0])
    assert said.seq == 1 and said.cti == b"rideride"
    rig.close()
