"""How a board dozes and sleeps, what ends it, and what it still knows then."""

from boards.esp32_dev import pins as dev
from boards.esp32c6_lock import pins as c6
from boards.esp32s3_lock import pins as s3
from boards.parts.test_parts import ALL, wait
from boards.sim.power import Halt
from boards.testparts.rig import Rig


def test_a_doze_ends_with_its_time_a_button_a_shake_or_a_switch():
    for pins in ALL:
        dozes(pins)


def dozes(pins):
    rig = Rig(pins)
    board = rig.boot()
    plain = rig.chip.pass_ms

    def doze(ms, wake_on, after=None):
        """(what ended it, how long it was), with `after()` from a second into it on."""
        began = rig.timeline.now

        def passing(step):
            plain(step)
            if after and rig.timeline.now - began >= 1_000:
                after()

        rig.chip.pass_ms = passing
        return rig.run(board.doze(ms, wake_on)), rig.timeline.now - began

    def press():
        rig.wiring.button = True

    wait(rig, 1_200)
    assert doze(5_000, ("button", "shake")) == (None, 5_000)
    assert not rig.radio.on
    woken, ms = doze(5_000, ("button",), press)
    assert woken == "button" and ms <= 1_020
    rig.wiring.button = False
    woken, ms = doze(5_000, ("shake",), rig.world.move)
    assert woken == "shake" and ms <= 1_020
    assert doze(3_000, ("button",)) == (None, 3_000)  # shaken all the while, and not asked for
    rig.world.still()
    wait(rig, 3_000)
    board.motion.moving()
    board.motor.pull()
    wait(rig, 500)
    board.motor.stop()
    woken, ms = doze(5_000, (), lambda: rig.world.bolt_open() and rig.world.close())
    assert woken is None and ms <= 1_300 and board.shackle.closed()
    wait(rig, 500)
    assert board.bolt.closed()
    board.link.advertise(b"12345678", 250)
    assert rig.radio.on and rig.radio.shown
    rig.close()


def test_links_end_with_the_radio_and_phones_come_back_after_it():
    rig = Rig(s3)
    board = rig.boot()
    board.link.advertise(b"12345678", 250)
    first = rig.radio.connect()
    assert board.link.links() == 1 and first is not None
    wait(rig, 1_200)
    rig.run(board.doze(500, ()))
    assert board.link.links() == 0 and not board.link.healthy()
    board.link.advertise_off()  # of a radio that is off: nothing

    async def events():
        first, second = await board.link.event(), await board.link.event()
        return first[0], second[0]

    assert rig.run(events()) == ("connect", "disconnect")
    board.link.advertise(b"12345678", 250)
    assert rig.radio.connect() is not None and board.link.links() == 1 and board.link.healthy()
    rig.close()


def asleep(rig, board, ms, wake_on, keep=b"kept"):
    try:
        board.sleep(ms, wake_on, keep)
        raise AssertionError("awake")
    except Halt:
        assert rig.chip.halted == "sleep"
    rig.end("sleep")
    return rig.boot()


def test_a_sleep_ends_in_a_boot_that_knows_why_and_what_was_kept():
    for pins in ALL:
        sleeps(pins)


def sleeps(pins):
    rig = Rig(pins)
    plain = rig.chip.pass_ms

    def press(ms):
        plain(ms)
        rig.wiring.button = True

    def shake(ms):
        plain(ms)
        rig.world.move()

    board = rig.boot()
    assert board.kept == b"" and board.boot_cause == 1
    board.clock.set_rtc(1_790_000_000)
    board.gnss.power(True)
    began = rig.timeline.now
    board = asleep(rig, board, 3_600_000, board.wakes)
    assert b"kept" not in rig.chip.memory  # once is enough
    assert board.boot_cause == 4 and board.kept == b"kept" and rig.timeline.now - began >= 3_600_000
    assert 3_599 <= board.clock.rtc() - 1_790_000_000 <= 3_601 and not rig.world.gnss_on
    rig.chip.pass_ms = press
    board = asleep(rig, board, 3_600_000, board.wakes, b"")
    assert board.boot_cause == 5 and board.kept == b""
    rig.wiring.button = False
    rig.chip.pass_ms = lambda ms: (press(ms), rig.world.move())  # who presses also shakes
    assert asleep(rig, board, 3_600_000, board.wakes, b"").boot_cause == 5
    rig.wiring.button = False
    rig.world.still()
    rig.chip.pass_ms = plain
    wait(rig, 3_000)
    board = rig.boot()
    rig.chip.pass_ms = shake
    board = asleep(rig, board, 3_600_000, board.wakes)
    assert board.boot_cause == 6 and board.motion.moving()
    began = rig.timeline.now
    board = asleep(rig, board, 60_000, ("button",))
    assert board.boot_cause == 4 and rig.timeline.now - began >= 60_000  # shaking wakes only who asked for it
    rig.chip.pass_ms = plain
    rig.end("watchdog")
    board = rig.boot()
    assert board.boot_cause == 3 and board.kept == b""
    rig.close()


def test_a_sleep_after_a_doze_is_allowed():
    rig = Rig(dev)
    board = rig.boot()
    rig.run(board.doze(300, board.wakes))
    assert asleep(rig, board, 1_000, board.wakes).boot_cause == 4
    rig.close()


def test_what_was_kept_is_for_the_boot_after_that_sleep_alone():
    rig = Rig(s3)
    board = rig.boot()
    try:
        board.sleep(1_000, (), b"kept")
    except Halt:
        pass
    rig.chip.halted = "reset"  # it never came to sleep
    rig.end("reset")
    board = rig.boot()
    assert board.boot_cause == 2 and board.kept == b""
    rig.close()


def test_a_doze_lets_no_watchdog_bite():
    rig = Rig(s3)
    board = rig.boot()
    board.watchdog.feed()
    wait(rig, 7_000)
    rig.run(board.doze(5_000, ()))
    wait(rig, 6_000)
    assert not rig.chip.halted
    rig.close()


def test_what_was_kept_is_lost_with_the_power():
    rig = Rig(c6)
    board = rig.boot()
    try:
        board.sleep(1_000, (), b"secret of a sleep")
    except Halt:
        pass
    rig.chip.halted = "power"
    rig.end("power")
    board = rig.boot()
    assert board.boot_cause == 1 and board.kept == b""
    rig.close()
