# heap: 1m
"""Settings that the cloud changes: all of them or none, kept by flash, in force at once."""

import sys

from boards.sim.bench import Bench, key
from boards.sim.power import Halt
from firmware.lock import Lock
from protocol import status

RIDER = key("rider")


def test_settings_that_the_cloud_changes_stay_and_are_in_force_at_once():
    bench = Bench(Lock)
    lock, settings = bench.lock, bench.lock.config.settings
    assert lock.command(7, 3, [1, 300, 3, 60, 4, 600, 6, 1_000]) is True
    assert lock.uplink.every_s == settings.uplink_every_s == 300 and settings.fix_every_s == 60
    bench.wait(0.1)
    assert bench.board.link.advertised[1] == 1_000
    phone = bench.phone()
    assert phone.open(bench.token(RIDER), RIDER).status == status.OK
    assert lock.ledger.ride.hold == 600  # of 900 that the token gave
    bench.world.close()
    bench.wait(1)
    bench.reboot(warm=False)
    kept = bench.lock.config.settings
    assert (kept.uplink_every_s, kept.fix_every_s, kept.hold_max_s, kept.advertise_ms) == (
        300,
        60,
        600,
        1_000,
    )
    assert kept.kind == "exclusive" and kept.still_s == 300
    assert "firmware.config" not in sys.modules and "protocol.settings" not in sys.modules
    bench.close()


def test_settings_out_of_bounds_change_nothing():
    bench = Bench(Lock)
    before = bench.lock.store.read("settings.json")
    for args in ([], [1], [1, 9], [1, 300, 6, 2_001], [9, 60], [2, 60, 1, 60], [-1, 60], [1, -60]):
        assert bench.lock.command(7, 3, args) is False
    assert bench.lock.store.read("settings.json") == before
    assert bench.lock.config.settings.uplink_every_s == bench.lock.uplink.every_s == 60
    bench.close()


def test_settings_that_flash_does_not_take_are_not_in_force():
    bench = Bench(Lock)
    bench.board.power.fail_at(1)
    assert bench.lock.command(7, 3, [1, 300]) is False
    assert bench.lock.config.settings.uplink_every_s == bench.lock.uplink.every_s == 60
    bench.reboot()
    assert bench.lock.command(8, 3, [1, 300]) is True
    writes = bench.board.power.writes
    assert (
        bench.lock.command(9, 3, [1, 300]) is True and bench.board.power.writes == writes
    )  # nothing to write
    bench.close()


def test_a_cut_while_settings_are_written_leaves_the_old_or_the_new():
    seen = []
    for at in range(1, 12):
        bench = Bench(Lock)
        bench.board.power.cut_at(at)
        done = False
        try:
            done = bench.lock.command(7, 3, [1, 300])
        except Halt:
            pass
        bench.reboot(warm=False)
        assert bench.lock.config.settings.uplink_every_s == 300 or not done, at
        assert bench.lock.config.settings.uplink_every_s in (60, 300), at
        seen.append(done)
        bench.close()
    assert False in seen and True in seen
