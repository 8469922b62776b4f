# heap: 1m
"""The whole lock: what it shows, its tasks, its health, and what it needs before it starts."""

import asyncio
import hashlib
import json
import os
from binascii import hexlify

from boards.sim import shown
from boards.sim.bench import K_LOCK, Answer, Bench, key, kid_of
from boards.sim.power import Halt
from boards.sim.virtual import VirtualBoard
from firmware.lock import Lock
from firmware.store import ConfigError
from protocol import comb, ed25519, exchange, frames, keys, status, token

RIDER, OTHER, TECH = key("rider"), key("other"), key("technician")


def _shown(bench):
    payload, interval = bench.board.link.advertised
    return payload


def _is_of(bench, index):
    """Whether it advertises by the key of that index, in any slot."""
    payload, made_with = _shown(bench), keys.adv_key(K_LOCK, index)
    return any(keys.adv_payload(made_with, slot) == payload for slot in range(256))


# ---- combs


_COMBS = {"comb-base": ed25519.BASE}
_COMBS.update({"comb-" + hexlify(kid_of(name)).decode(): key(name).public for name in ("ride", "master")})


def _combed(spoiled=(), spoil=None):
    """A bench whose lock boots with combs of zeros, which verify nothing, and these of them spoiled."""

    class Combed(Bench):
        def provision(self, *given):
            super().provision(*given)
            for name in _COMBS:
                data = comb.encode(_COMBS[name], bytes(12_288))
                if name in spoiled:
                    data = spoil(data)
                if data is not None:
                    self.put(name, data)

    return Combed(Lock)


def _says_slow(bench):
    phone = bench.phone()
    phone.hello()
    phone.leave()
    return bool(exchange.decode_challenge(phone.challenge_body)[1] & exchange.FLAG_SLOW)


def _flipped(data):
    data[5000] ^= 1
    return data


def test_a_lock_says_when_a_comb_is_missing_cut_short_or_damaged():
    whole = _combed()
    assert not _says_slow(whole)
    whole.close()
    for spoil in (lambda data: None, lambda data: b"", lambda data: data[:-1], _flipped):
        for name in _COMBS:
            bench = _combed([name], spoil)
            assert _says_slow(bench), name
            bench.close()


def test_a_lock_with_spoiled_combs_opens_all_the_same():
    for spoil in (lambda data: None, lambda data: b"", lambda data: data[:-1], _flipped):
        bench = _combed(_COMBS, spoil)
        assert _says_slow(bench)
        assert bench.phone().open(bench.token(RIDER), RIDER).status == status.OK
        assert bench.world.bolt_open()
        bench.close()
        ed25519.forget_combs()


# ---- advertising


def test_what_it_shows_moves_with_floor_and_ride():
    bench = Bench(Lock)
    assert _is_of(bench, 1)  # no floor yet, no ride
    phone = bench.phone()
    phone.open(bench.token(RIDER, 5), RIDER)
    bench.wait(0.1)
    assert _is_of(bench, 12)  # floor 6 since a single ride began, riding
    bench.world.close()
    bench.wait(1)
    assert _is_of(bench, 12)  # parked is riding
    phone.end(bench.lock.ledger.ride.cti, RIDER)
    bench.wait(0.1)
    assert _is_of(bench, 13)
    bench.close()


def test_a_new_slot_every_15_minutes_and_after_each_link():
    bench = Bench(Lock)
    first = _shown(bench)
    bench.wait_long(890)
    assert _shown(bench) == first
    bench.wait_long(20)
    second = _shown(bench)
    phone = bench.phone()
    bench.wait(0.1)
    assert second != first and _shown(bench) == second
    phone.leave()
    assert bench.board.link.advertised is None  # who heard the old address now would wait for it in vain
    bench.wait(0.1)
    third = _shown(bench)
    bench.phone()
    bench.wait(11)  # cut by the lock
    assert len({first, second, third, _shown(bench)}) == 4
    bench.close()


# ---- tasks


class _Air:
    """A phone that only writes and reads frames, while the lock's own tasks run."""

    def __init__(self, bench):
        self.bench = bench
        self.link = bench.board.link
        self.conn = self.link.connect()
        self.sender, self.receiver = frames.Sender(), frames.Receiver()

    def send(self, opcode, body):
        for part in self.sender.frames(opcode, body, 244):
            self.link.phone_write(self.conn, part)

    async def answer(self):
        for _ in range(300):
            for part in self.link.frames_for(self.conn):
                message = self.receiver.feed(part)
                if message:
                    return message
            await self.bench.board.timeline.sleep_ms(20)
        raise AssertionError("no answer")

    async def hello(self):
        self.greeting = exchange.encode_hello(self.bench.random(8))
        self.send(exchange.HELLO, self.greeting)
        self.challenge = (await self.answer())[1]

    def request(self, raw, holder):
        transcript = exchange.transcript(self.greeting, self.challenge)
        covered = exchange.proof_input(hashlib.sha256(raw).digest(), transcript, exchange.OPEN)
        self.send(exchange.REQUEST, exchange.encode_request(exchange.OPEN, raw, holder.sign(covered)))


def _alive(bench, story):
    """Runs the lock's tasks while the story lasts."""

    async def both():
        task = asyncio.create_task(bench.lock.run())
        try:
            await story()
            assert not task.done()
        finally:
            task.cancel()
            try:
                await task
            except (asyncio.CancelledError, Halt):
                pass

    asyncio.run(both())


def test_the_tasks_serve_two_phones_at_once():
    bench = Bench(Lock)
    raw = bench.token(RIDER)

    async def story():
        first, second = _Air(bench), _Air(bench)
        await first.hello()
        await second.hello()
        first.request(raw, RIDER)
        second.request(raw, RIDER)
        assert Answer((await second.answer())[1]).status == status.BUSY
        assert Answer((await first.answer())[1]).status == status.OK
        await bench.board.timeline.sleep_ms(1000)
        assert bench.world.gnss_on
        bench.world.close()
        opcode, body = await first.answer()
        assert opcode == exchange.RECEIPT
        await bench.board.timeline.sleep_ms(40_000)
        assert not bench.world.gnss_on

    _alive(bench, story)
    assert bench.world.actuations == 1 and bench.lock.state == status.STATE_PARKED
    bench.close()


def test_an_idle_lock_feeds_its_watchdog():
    bench = Bench(Lock)

    async def story():
        for _ in range(60):
            await bench.board.timeline.sleep_ms(60_000)

    _alive(bench, story)
    assert bench.board.power.halted is None
    bench.close()


def test_a_session_that_hangs_is_ended_by_a_reset_and_the_ride_goes_on():
    bench = Bench(Lock)
    bench.phone().open(bench.token(RIDER), RIDER)

    async def hang():
        await bench.board.clock.sleep_ms(10_000_000)

    async def story():
        await bench.board.timeline.sleep_ms(20_000)

    bench.lock._serve = lambda beat: hang()
    try:
        _alive(bench, story)
    except AssertionError:
        pass
    assert bench.board.power.halted == "reset"
    bench.reboot()
    assert bench.lock.state == status.STATE_OPEN
    bench.close()


def test_a_tick_that_raises_does_not_stop_time():
    bench = Bench(Lock)
    plain = bench.lock.session.tick
    raised = []

    def broken():
        if len(raised) < 3:
            raised.append(1)
            raise MemoryError
        plain()

    bench.lock.session.tick = broken

    async def story():
        await bench.board.timeline.sleep_ms(20_000)
        air = _Air(bench)
        await air.hello()

    _alive(bench, story)
    assert len(raised) == 3
    bench.close()


# ---- health


def test_a_lock_in_quarantine_tries_a_boot_after_a_while():
    bench = Bench(Lock)
    bench.lock.ledger.fail()
    bench.wait_long(590)
    assert bench.board.power.halted is None
    try:
        bench.wait_long(30)
        raise AssertionError("no reset")
    except Halt:
        assert bench.board.power.halted == "reset"
    bench.reboot()
    assert bench.lock.state == status.STATE_LOCKED
    bench.close()


def test_an_action_that_never_ends_is_settled_by_a_boot():
    bench = Bench(Lock)
    bench.lock.ledger.busy = True
    bench.wait_long(29)
    try:
        bench.wait_long(10)
        raise AssertionError("no reset")
    except Halt:
        assert bench.board.power.halted == "reset"
    bench.close()


def test_a_radio_that_stays_ill_is_worth_a_boot_and_one_that_recovers_is_not():
    bench = Bench(Lock)
    well = [False]
    bench.board.link.healthy = lambda: well[0]
    bench.wait_long(500)
    well[0] = True
    bench.wait_long(10)
    well[0] = False
    bench.wait_long(590)
    assert bench.board.power.halted is None
    try:
        bench.wait_long(30)
        raise AssertionError("no reset")
    except Halt:
        pass
    bench.close()


def test_heap_after_a_hundred_rides_is_as_before():
    try:
        from gc import collect, mem_alloc
    except ImportError:
        return  # CPython counts otherwise
    bench = Bench(Lock)
    cells = bench.board.storage._cells  # the flash is in the heap too: all of it from the start
    cells[:] = [cell or bytearray(b"\xff" * 512) for cell in cells]
    before = None
    for epoch in range(1, 101):
        phone = bench.phone()
        assert phone.open(bench.token(RIDER, epoch, hold=0), RIDER).status == status.OK
        bench.world.close()
        bench.wait(1)
        phone.leave()
        bench.board.link._phones.clear()
        bench.board.link._turns.clear()
        bench.lock.receipts.acked(bench.lock.receipts.last_seq)
        bench.lock.outbox.drop_to(1 << 31)
        collect()
        if epoch == 20:
            before = mem_alloc()
    assert mem_alloc() <= before * 101 // 100, (before, mem_alloc())
    bench.close()


# ---- the rest


def test_find_me():
    bench = Bench(Lock)
    assert bench.lock.command(7, 1, []) is True and bench.world.led == "find"
    assert bench.lock.command(8, 2, []) is True and bench.world.led == "find"
    for odd in (0, 4, 77):
        assert bench.lock.command(9, odd, []) is False
    bench.close()


def test_each_boot_is_noted_with_its_cause():
    bench = Bench(Lock)
    bench.lock.outbox.flush()
    bench.reboot(warm=True)
    causes = []
    for _ in range(2):  # a boot begins behind the numbers that were reserved before it
        first, records = bench.lock.outbox.peek(9)
        causes += [record[3] for record in records if record[2] == 3]
        bench.lock.outbox.drop_to(first + len(records))
    assert causes == [1, 2]
    bench.close()


def test_a_half_set_lock_does_not_start():
    for missing in ("identity", "roots", "keyset", "settings.json"):
        bench = Bench(Lock)
        bench.board = bench.board.reboot()
        os.remove(bench.board.storage.root + "/" + missing)
        try:
            Lock(bench.board)
            raise AssertionError("started")
        except ConfigError as error:
            assert missing in str(error)
        bench.close()
    board = VirtualBoard()
    try:
        Lock(board)
        raise AssertionError("started")
    except ConfigError:
        pass
    board.close()


def test_a_snapshot_tells_no_secret():
    bench = Bench(Lock)
    bench.phone().open(bench.token(RIDER, 5), RIDER)
    shot = shown.of(bench.lock)
    text = json.dumps(shot)
    assert (shot["state"], shot["seq"], shot["unacked"], shot["floors"]["ride"]) == ("open", 1, 1, 6)
    for secret in (K_LOCK, RIDER.public, key("ride").public):
        assert secret.hex() not in text
    bench.close()


def test_no_repr_holds_a_key():
    bench = Bench(Lock)
    assert repr(bench.lock.advert).endswith("(...)")
    assert repr(bench.lock.config).startswith("<")  # of no more than its class
    bench.close()


def test_a_token_shared_with_another_phone_is_useless_without_its_key():
    bench = Bench(Lock)
    raw = bench.token(RIDER, mode=token.MODE_PERIOD)
    for thief in (OTHER, TECH):
        phone = bench.phone()
        assert phone.open(raw, thief).status == status.FORGED
        phone.leave()
    assert bench.world.actuations == 0
    bench.close()
