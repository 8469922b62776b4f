# heap: 2m
"""A whole lock on doubles of the chip, by its own main.py: sleeps, wakes at the button, dozes through a ride."""

from boards.esp32_dev import pins as dev
from boards.esp32c6_lock import pins as c6
from boards.esp32s3_lock import pins as s3
from boards.parts.test_board import Phone, provision
from boards.testparts.rig import Rig

SETTINGS = {"sleep": 1, "fix_every_s": 120, "uplink_every_s": 14_400}


async def until(rig, condition, seconds):
    """How many seconds it took."""
    began = rig.timeline.now
    while not condition():
        assert rig.timeline.now - began < seconds * 1_000, "not within %d s" % seconds
        await rig.timeline.sleep_ms(100)
    return (rig.timeline.now - began) / 1_000


def rests(pins):
    rig = Rig(pins)
    provision(rig, **SETTINGS)
    plain = rig.chip.pass_ms

    def press(ms):
        plain(ms)
        rig.wiring.button = True

    async def falls_asleep():
        await until(rig, lambda: rig.radio.shown, 10)
        assert 25 <= await until(rig, lambda: rig.chip.halted, 120)
        assert rig.chip.halted == "sleep"

    rig.main(pins.NAME, falls_asleep)
    slept_at = rig.timeline.now
    rig.chip.pass_ms = press
    rig.end("sleep")
    rig.chip.pass_ms, rig.wiring.button = plain, False
    assert rig.timeline.now - slept_at < 800_000  # the button, not the time

    async def rides():
        await until(rig, lambda: rig.radio.shown, 3)
        phone = Phone(rig)
        await phone.connect()
        await phone.unlock(bound=True)
        phone.leave()
        await until(rig, lambda: rig.world.bolt_open(), 5)
        await until(rig, lambda: not rig.radio.on, 120)
        assert not rig.chip.halted
        rig.world.close()
        assert await until(rig, lambda: rig.radio.on and rig.radio.shown, 5) <= 3
        assert rig.world.bolt_closed()

    rig.main(pins.NAME, rides)
    rig.close()


def test_an_s3_lock_rests():
    rests(s3)


def test_a_c6_lock_rests():
    rests(c6)


def test_a_bench_rests():
    rests(dev)
