# heap: 2m
"""The whole lock and releases that its cloud offers over OSCORE: tried, kept or left."""

import hashlib
import os
import sys

from boards import launcher
from boards.sim import update_bench
from boards.sim.bench import NOW, key
from boards.sim.release import Release, holds, release
from boards.sim.update_bench import RIDER, Phone
from firmware import renewal
from firmware.lock import Lock
from protocol import exchange, status, telemetry, token, update

OLD = release(1)
NEW = release(2, changed=("firmware/lock.mpy", "firmware/unlock.mpy"))


def Bike(**settings):
    return update_bench.Bike(Lock, OLD, **settings)


def dropped():
    """What an update loads is not in memory."""
    return not [name for name in renewal._OWN if name in sys.modules and name.startswith("firmware.")]


def switched(bike, what=NEW):
    """Offers it and lives until the lock starts it on trial."""
    bike.offer(what)
    assert bike.live(600) and bike.text() == "b a 2" and holds(bike.root, "b", what)
    bike.reboot()
    assert (bike.slot, bike.text()) == ("b", "b a 1")


def test_an_update_over_the_uplink_from_its_offer_to_its_confirmation():
    bike = Bike()
    assert not bike.live(90) and bike.notes(telemetry.NOTE_RELEASE) == [1] and dropped()
    switched(bike)
    assert set(bike.asked()) == {b"m"} | {path for path in bike.peer.resources if path in bike.asked()}
    assert len(bike.asked()) == 2 + 3 + 1  # the manifest, and of the files the two that changed
    assert not bike.live(180) and bike.text() == "b"
    assert bike.notes(telemetry.NOTE_RELEASE) == [1, 2]
    states = (update.DOWNLOADING, update.VERIFIED, update.TRIAL, update.CONFIRMED)
    assert [state for state, _ in bike.progress()] == list(states) + [update.REFUSED]
    assert bike.progress()[-1] == (update.REFUSED, update.RUNNING) and dropped()  # the cloud offers it still
    requests = len(bike.asked())
    bike.rest(1)
    assert not bike.live(200) and len(bike.asked()) == requests and bike.text() == "b"
    bike.close()


def test_e05_a_release_that_loses_the_uplink_comes_back_and_says_so():
    bike = Bike()
    switched(bike)
    bike.board.world.uplink = False
    assert bike.live(1000) and bike.text() == "a !b"
    assert bike.board.clock.offset is not None
    bike.reboot()
    bike.board.world.uplink = True
    assert bike.slot == "a" and not bike.live(300) and bike.text() == "a"
    assert (update.ROLLED_BACK, 0) in bike.progress()
    assert not bike.live(600) and bike.text() == "a"  # not at once again
    for _ in range(2):
        bike.rest(1)
        assert bike.live(200) and bike.text() == "b a 2"
        bike.reboot()
        bike.board.world.uplink = False
        assert bike.live(1000) and bike.text() == "a !b"
        bike.reboot()
        bike.board.world.uplink = True
    bike.rest(3)
    assert not bike.live(200) and bike.text() == "a"
    assert bike.progress()[-1] == (update.REFUSED, update.FAILED)
    switched(bike, release(3))  # a better one
    assert not bike.live(120) and bike.text() == "b"
    bike.close()


def test_e05_a_release_that_loses_bluetooth_or_the_bolts_sensor():
    for fault in ("radio", "bolt"):
        bike = Bike()
        switched(bike)
        for _ in range(3):
            if fault == "radio":
                bike.board.link.healthy = lambda: False
            else:
                bike.board.world.bolt_fault = "neither"
            assert bike.live(1000), fault  # a lock without its radio resets by itself, too
            bike.reboot()
            if bike.slot == "a":
                break
        assert (bike.slot, bike.text()) == ("a", "a !b"), fault
        bike.close()


def test_e05_a_release_that_crashes_at_its_start_comes_back_after_so_many():
    bike = Bike()
    bike.offer(NEW)
    assert bike.live(600) and bike.text() == "b a 2"
    slots = []
    for _ in range(3):
        bike.board = bike.board.reboot()
        slots.append(launcher.settle(bike.root))
    assert slots == ["b", "b", "a"] and bike.text() == "a !b"
    bike.reboot()
    bike.live(300)
    assert (update.ROLLED_BACK, 0) in bike.progress() and bike.text() == "a"
    bike.close()


def test_e05_a_lock_whose_software_came_by_cable_comes_back_from_its_first_release_and_stays():
    bike = Bike()
    os.remove(bike.root + "/a/manifest")  # a cable brings none
    switched(bike)
    bike.board.world.uplink = False
    assert bike.live(1000) and bike.text() == "a !b"
    bike.board.world.uplink = True
    del bike.peer.answer[telemetry.RELEASE]
    for _ in range(3):
        bike.reboot()
        assert bike.slot == "a"
        bike.live(90)
    assert bike.text() == "a" and bike.notes(telemetry.NOTE_RELEASE)[-1] == 0
    bike.close()


def hanging(bike):
    async def hang(beat=None):
        bike.board.watchdog.feed()
        while True:
            await bike.board.timeline.sleep_ms(1000)

    return hang


def test_e05_a_release_that_hangs_is_ended_by_its_supervisor_or_the_watchdog_and_left():
    for how, ended_by in (("a task", "reset"), ("all of it", "watchdog")):
        bike = Bike()
        bike.offer(NEW)
        assert bike.live(600) and bike.text() == "b a 2"
        slots = []
        for _ in range(3):
            bike.reboot()
            slots.append(bike.slot)
            if bike.slot == "b":
                if how == "a task":
                    bike.lock._keep_time = hanging(bike)
                else:
                    bike.lock.run = hanging(bike)
                bike.live(60)
                assert bike.why == ended_by, how
        assert slots == ["b", "b", "a"] and bike.text() == "a !b", how
        del bike.peer.answer[telemetry.RELEASE]
        assert not bike.live(120) and bike.progress()[-1] == (update.ROLLED_BACK, 0), how
        bike.close()


def test_e05_a_technician_hears_that_the_lock_came_back():
    bike = Bike()
    bike.offer(NEW)
    assert bike.live(600)
    for _ in range(3):  # nobody confirms it
        bike.board = bike.board.reboot()
        bike.slot = launcher.settle(bike.root)
    bike.reboot()
    del bike.peer.answer[telemetry.RELEASE]
    said = []

    async def visit():
        await bike.board.timeline.sleep_ms(5_000)
        phone = Phone(bike)
        assert await phone.prove() == status.OK
        said.append(await phone.bring(NEW))

    assert not bike.live(120, visit())
    assert said == [(update.ROLLED_BACK, update.FAILED)] and bike.text() == "a"
    bike.close()


def test_never_during_a_ride():
    bike = Bike()
    phone = bike.bench.phone()
    assert phone.open(bike.bench.token(RIDER, cti=b"the ride"), RIDER).status == status.OK
    phone.leave()
    bike.offer(NEW)
    assert not bike.live(900) and bike.text() == "a" and not bike.asked()
    bike.board.world.close()
    assert not bike.live(300) and not bike.asked()  # parked: the ride goes on
    phone = bike.bench.phone()
    assert phone.end(b"the ride", RIDER).status == status.OK
    phone.leave()
    assert bike.live(600) and bike.text() == "b a 2"
    bike.close()


def test_a_ride_that_begins_stops_the_download_which_goes_on_after_it():
    bike = Bike()
    bike.offer(NEW)
    bike.board.bearer.weather = lambda datagram: (400,)

    async def ride():
        while len(bike.asked()) < 3:
            await bike.board.timeline.sleep_ms(50)
        phone = Phone(bike)
        rights = {"issuer": "ride", "scope": token.SCOPE_RIDE, "cti": b"the ride"}
        assert await phone.prove(RIDER, command=exchange.OPEN, **rights) == status.OK
        await bike.board.timeline.sleep_ms(1000)
        before = len(bike.asked())
        await bike.board.timeline.sleep_ms(100_000)
        assert len(bike.asked()) == before < 6

    bike.live(300, ride())
    bike.board.world.close()
    assert not bike.live(5) and bike.text() == "a"
    assert bike.bench.phone().end(b"the ride", RIDER).status == status.OK
    assert bike.live(400) and bike.text() == "b a 2"
    assert bike.asked().count(b"m") == 2  # the manifest once
    bike.close()


def test_a_lock_that_sleeps_takes_a_release_when_it_wakes_to_call_and_stays_awake_for_it():
    bike = Bike(sleep=1, uplink_every_s=14_400, status_every_s=14_400, fix_every_s=120)
    bike.pressed = False
    bike.live(300)
    assert bike.why == "sleep" and not bike.asked()
    bike.offer(NEW)
    for _ in range(4):
        bike.reboot()
        bike.board.bearer.weather = lambda datagram: (4000,)  # so that it takes longer than a call may
        bike.live(1000)
        if bike.text() == "b":
            break
    assert bike.text() == "b" and holds(bike.root, "b", NEW) and bike.why in (None, "sleep")
    assert [state for state, _ in bike.progress()][:2] == [update.DOWNLOADING, update.VERIFIED]
    bike.close()


def test_not_on_a_low_battery():
    bike = Bike()
    bike.board.world.set_battery(3400)
    bike.offer(NEW)
    assert not bike.live(600) and not bike.asked()
    bike.board.world.set_battery(4000)
    assert bike.live(600)
    bike.close()


def test_what_the_cloud_offers_is_judged_before_it_is_fetched():
    good = dict(NEW.files)
    cases = (
        (Release(2, good, board="esp32s3_lock"), update.OTHER_BOARD, 1),
        (Release(0, good), update.OLDER, 1),
        (Release(1, good), update.OTHER_BYTES, 1),
        (Release(2, good, counter=0), update.COUNTER, 1),
        (Release(2, good, expires=NOW - 60), update.EXPIRED, 1),
        (Release(2, good, signers=[key("release 1")]), update.UNSIGNED, 1),
        (Release(2, good, signers=[key("release 1"), key("ride")]), update.UNSIGNED, 1),
        (Release(2, good, expires=NOW + 31 * 86_400), update.UNSIGNED, 1),
    )
    for what, reason, requests in cases:
        bike = Bike()
        bike.offer(what)
        assert not bike.live(150) and bike.text() == "a", reason
        assert bike.progress() == [(update.REFUSED, reason)], reason
        assert len(bike.asked()) == requests and not holds(bike.root, "b", what)
        bike.close()


def test_e06_a_manifest_that_is_not_the_one_offered_and_files_that_are_not_of_it():
    bike = Bike()
    bike.offer(NEW)
    bike.peer.resources[b"m"] = release(3).manifest  # signed, but not what was offered
    assert not bike.live(200) and bike.progress() == [(update.REFUSED, update.MALFORMED)]
    bike.close()
    bike = Bike()
    bike.offer(NEW)
    bike.peer.resources[b"m"] = NEW.manifest[:-1] + b"\0"
    assert not bike.live(200) and bike.progress() == [(update.REFUSED, update.MALFORMED)]
    bike.close()
    bike = Bike()
    bike.offer(NEW)
    name = b"f/" + hashlib.sha256(NEW.files["firmware/lock.mpy"]).digest()[:4].hex().encode()
    bike.peer.resources[name] = bytes(len(NEW.files["firmware/lock.mpy"]))
    assert not bike.live(200) and bike.progress()[-1] == (update.REFUSED, update.WRONG_FILE)
    del bike.peer.resources[name]
    bike.reboot()
    assert not bike.live(200) and bike.progress()[-1] == (update.REFUSED, update.GONE)
    bike.offer(NEW)
    bike.reboot()
    assert bike.live(200) and bike.text() == "b a 2"
    bike.close()


def test_a_cloud_that_falls_silent_is_asked_again_later():
    bike = Bike()
    bike.offer(NEW)
    plain = bike.peer._block
    asked = []

    def block(path, wanted):
        asked.append(path)
        if len(asked) == 4:
            bike.board.world.uplink = False
        return plain(path, wanted)

    bike.peer._block = block
    assert not bike.live(400) and bike.text() == "a"
    bike.board.world.uplink = True
    assert bike.live(1200) and bike.text() == "b a 2"
    bike.close()


def test_a_lock_that_has_no_slots_takes_no_offer():
    bike = Bike()
    os.remove(bike.root + "/slot")
    bike.lock = Lock(bike.board)
    bike.board.bearer.peer = bike.peer
    bike.offer(NEW)
    assert not bike.live(300) and not bike.asked()
    bike.close()


def test_a_cut_at_any_moment_of_an_update_of_a_whole_lock():
    """The moments are writes of its flash; every 29th of them, torn in turn in each way."""
    number, turn = 1, 0
    while True:
        bike = Bike()
        bike.offer(NEW)
        power = bike.board.power
        power.cut_at(number, power.tears[turn % len(power.tears)])
        bike.live(600)
        if bike.why == "reset":
            bike.close()
            return
        assert bike.why == "power", number
        for _ in range(4):
            bike.reboot(warm=False)
            assert bike.slot == "a" and holds(bike.root, "a", OLD) or holds(bike.root, "b", NEW), number
            if bike.live(700) is False and bike.text() == "b":
                break
        assert bike.text() == "b" and holds(bike.root, "b", NEW), number
        bike.close()
        number, turn = number + 29, turn + 1
