# heap: 2m
"""A keyset rolls: fetched, checked, cut short at every write, and what the old keys had said goes with them."""

import asyncio
import hashlib
import sys

from boards.sim.bench import NOW, Bench, key, kid_of, signed
from boards.sim.peer import Peer
from boards.sim.power import Halt
from boards.sim.virtual import VirtualBoard
from firmware import keyring
from firmware.lock import Lock
from protocol import keyset, roots, status, telemetry
from protocol.keyset import KeysetError

_board = VirtualBoard()
TEARS = _board.power.tears  # a file system of a desktop knows fewer
_board.close()


def entry(name):
    return (kid_of(name), key(name).public, NOW - 86_400, NOW + 30 * 86_400)


def payload(version, names, **more):
    return keyset.encode(version, [entry(name) for name in names], **more)


def root_set(threshold, *names):
    return roots.parse(roots.encode(threshold, [key(name).public for name in names]))


class Street:
    """A lock and its cloud. `offer(raw)` puts a keyset there; `go(seconds)` lets the uplink talk."""

    def __init__(self, **more):
        self.bench = Bench(Lock, **more)
        self.peer = None
        self.connect()

    def connect(self):
        bench = self.bench
        self.peer = self.peer or Peer(b"lock-one", bytes(range(32)), lambda: bench.now)
        bench.board.bearer.peer = self.peer

    @property
    def lock(self):
        return self.bench.lock

    def offer(self, raw, version=None):
        self.peer.resources[b"k"] = raw
        self.peer.answer[telemetry.KEYSET] = version or roots.take_apart(raw)[0].version

    def go(self, seconds=30):

        async def scene():
            task = asyncio.create_task(self.lock.uplink.run(lambda: None))
            await self.bench.board.timeline.sleep_ms(seconds * 1000)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass

        asyncio.run(scene())

    def reboot(self):
        self.bench.reboot()
        self.connect()

    def told(self):
        """Versions that the lock said it has installed."""
        return [
            r[3]
            for r in self.peer.records.values()
            if r[0] == telemetry.NOTE and r[2] == telemetry.NOTE_KEYSET
        ]

    def close(self):
        self.bench.close()


def test_a_new_keyset_is_taken_at_the_next_contact():
    street = Street()
    street.offer(signed(payload(2, ("ride-b", "master"))))
    street.go()
    assert street.lock.config.keyset.version == 2 and street.peer.asked == [(b"k", 0, b"v=1")]
    rider = key("rider")
    assert street.bench.phone().open(street.bench.token(rider, 1), rider).status == status.KEY
    street.bench.wait(1)
    assert street.bench.phone().open(street.bench.token(rider, 1, issuer="ride-b"), rider).status == status.OK
    street.go(70)
    assert street.told() == [1, 2]
    street.reboot()
    assert street.lock.config.keyset.version == 2
    assert [
        name for name in ("firmware.keyring", "firmware.blocks", "protocol.roots") if name in sys.modules
    ] == []
    street.close()


def test_what_no_lock_should_take_changes_nothing_and_is_not_asked_for_again():
    good = payload(2, ("ride-b",))
    for raw in (
        good,
        signed(good, "stranger"),
        signed(good, "root", "stranger"),
        signed(payload(1, ("ride-b",))),
        signed(payload(0, ("ride-b",))),
        signed(payload(2, ("master",))),
        signed(good)[:-1],
        bytes(4000),
        None,
    ):
        street = Street()
        street.offer(raw, 2)
        before = street.lock.store.read("keyset")
        street.go(200)
        assert street.lock.config.keyset.version == 1 and street.lock.store.read("keyset") == before
        assert len([path for path, number, _ in street.peer.asked if number == 0]) == 1, raw
        street.close()


def test_a_cloud_that_is_away_half_way_is_asked_again():
    street = Street()
    many = ["ride-%d" % n for n in range(12)]
    raw = signed(payload(2, many))  # two blocks
    street.offer(raw)
    asked = []

    def fails_once(query):
        asked.append(query)
        return None if len(asked) == 2 else raw

    street.peer.resources[b"k"] = fails_once
    street.go(300)
    assert len(asked) == 2 and street.lock.config.keyset.version == 1  # refused: it waits for another offer
    street.peer.answer[telemetry.KEYSET] = 3
    street.go(300)
    assert street.lock.config.keyset.version == 2
    street.close()


def test_root_sets_are_taken_one_after_the_other():
    street = Street()
    second, third = root_set(2, "d", "e", "f"), root_set(1, "g")
    line = {
        2: signed(payload(2, ("ride", "master"), roots=second), "root", "d", "e"),
        3: signed(payload(3, ("ride", "master"), roots=third), "d", "f", "g"),
        4: signed(payload(4, ("ride-b", "master")), "g"),
    }
    street.offer(lambda query: line[int(query[2:]) + 1], 4)
    street.go()
    assert street.lock.config.keyset.version == 4
    street.reboot()
    assert street.lock.config.keyset.version == 4
    assert roots.parse(street.lock.store.read("roots")) == third
    for raw in (signed(payload(5, ("ride",)), "root"), signed(payload(5, ("ride",)), "d", "e")):
        try:
            keyring.install(street.lock.store, raw)
            raise AssertionError("the roots that left still count")
        except KeysetError:
            pass
    street.close()


def test_a_cut_at_any_write_leaves_the_old_keyset_or_the_new_one():
    second = root_set(2, "d", "e", "f")
    steps = (
        signed(payload(2, ("ride", "master"), roots=second), "root", "d", "e"),
        signed(payload(3, ("ride-b", "master")), "d", "f"),
    )
    for tear in TEARS:
        for first in (0, 1):
            n, done = 0, False
            while not done:
                n += 1
                bench = Bench(Lock)
                if first:
                    keyring.install(bench.lock.store, steps[0])
                bench.lock.store.write("comb-" + "%02x%02x%02x%02x" % tuple(kid_of("ride")), b"a comb")
                bench.board.power.cut_at(n, tear)
                try:
                    bench.lock.adopt(keyring.install(bench.lock.store, steps[first]))
                    done = True
                except (Halt, OSError):
                    assert bench.board.power.halted
                bench.reboot()
                version = bench.lock.config.keyset.version
                assert version in (first + 1, first + 2) and (not done or version == first + 2), (tear, n)
                assert bench.lock.state == status.STATE_LOCKED
                if version == first + 1:
                    keyring.install(bench.lock.store, steps[first])  # and it can still be had
                    bench.reboot()
                    assert bench.lock.config.keyset.version == first + 2
                bench.close()
            assert n > 3


def test_floors_that_a_leaked_key_poisoned_are_lifted():
    street = Street()
    thief, rider = key("thief"), key("rider")
    bench = street.bench
    forged = bench.token(thief, 2**31, iat=bench.now + 20 * 86_400, nbf=0, exp=2**32 - 1, nonce=None)
    phone = bench.phone()
    challenge = phone.hello()
    forged = bench.token(thief, 2**31, iat=bench.now + 20 * 86_400, nbf=0, exp=2**32 - 1, nonce=challenge)
    answer = phone.ask(phone.request(1, forged, hashlib.sha256(forged).digest(), thief))
    assert answer.status == status.OK and street.lock.floors.ride() == 2**31 + 1
    cti = street.lock.ledger.ride.cti
    bench.world.close()
    bench.wait(1)
    assert bench.phone().end(cti, thief).status == status.OK
    assert street.lock.clock.now() > NOW + 19 * 86_400
    honest = bench.token(rider, 5, issuer="ride-b", iat=NOW, nbf=NOW - 60, exp=NOW + 3600)
    assert bench.phone().open(honest, rider).status == status.KEY
    street.offer(signed(payload(2, ("ride-b", "master"))))
    street.go()
    assert street.lock.floors.ride() < 5 and street.lock.floors.time() == 0
    assert abs(street.lock.clock.now() - bench.now) < 5  # the cloud said it again
    assert bench.phone().open(honest, rider).status == status.OK
    for _ in range(2):  # the log still speaks of that key, and is not believed again
        street.reboot()
        assert street.lock.clock.known() and abs(street.lock.clock.now() - bench.now) < 90
    street.close()


def test_a_poisoned_clock_is_dropped_by_a_boot_between_the_write_and_its_use():
    street = Street()
    street.lock.floors.raise_to(kid_of("ride"), 9, NOW + 20 * 86_400)
    street.lock.clock.set(NOW + 20 * 86_400, 60)
    street.lock.floors.save()
    keyring.install(street.lock.store, signed(payload(2, ("ride-b",))))
    for _ in range(2):
        street.reboot()  # a cut came before `adopt`
        assert street.lock.clock.now() is None and street.lock.floors.ride() == 0
    street.close()


def test_a_ride_goes_on_under_a_keyset_that_lost_its_key():
    street = Street()
    bench, rider = street.bench, key("rider")
    raw = bench.token(rider, 3)
    assert bench.phone().open(raw, rider).status == status.OK
    cti = street.lock.ledger.ride.cti
    street.offer(signed(payload(2, ("ride-b", "master"))))
    street.go()
    assert street.lock.config.keyset.version == 2 and street.lock.ledger.ride.cti == cti
    bench.world.close()
    bench.wait(1)
    assert bench.phone().reopen(cti, rider).status == status.OK
    street.reboot()
    bench.world.close()
    bench.wait(1)
    assert bench.phone().end(cti, rider).status == status.OK
    street.close()


def test_a_clock_that_only_a_lost_key_vouches_for_is_unknown_until_somebody_says_the_time():
    street = Street()
    street.lock.floors.raise_to(kid_of("ride"), 9, NOW + 20 * 86_400)
    street.lock.clock.set(NOW + 20 * 86_400, 60)
    street.lock.adopt(keyring.install(street.lock.store, signed(payload(2, ("ride-b",)))))
    assert street.lock.clock.now() is None
    street.reboot()
    assert street.lock.clock.now() is None
    street.lock.clock.set(NOW, 2)
    street.lock.adopt(keyring.install(street.lock.store, signed(payload(3, ("ride-b",)))))
    assert street.lock.clock.now() is not None  # a keyset alone is no reason to doubt
    street.close()
