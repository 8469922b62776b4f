"""Each driver on a chip that behaves: motor, switches, motion sensor, light, battery, receiver, watchdog, button."""

import asyncio

from boards.esp32_dev import pins as dev
from boards.esp32c6_lock import pins as c6
from boards.esp32s3_lock import pins as s3
from boards.parts import temperature
from boards.parts.led import Led
from boards.sim.power import Halt
from boards.testparts import machine
from boards.testparts.rig import Rig

ALL = (s3, c6, dev)


def wait(rig, ms, each=10):
    async def passing():
        end = rig.timeline.now + ms
        while rig.timeline.now < end:
            await rig.timeline.sleep_ms(each)

    asyncio.run(passing())


# ---- the bolt's motor and switches


def test_the_motor_opens_and_a_hand_closes_on_each_board():
    for pins in ALL:
        rig = Rig(pins)
        board = rig.boot()
        assert (board.bolt.closed(), board.bolt.open(), board.shackle.closed()) == (True, False, True)
        board.motor.pull()
        board.motor.pull()
        wait(rig, 100)
        assert not board.bolt.closed() and not board.bolt.open()
        wait(rig, 500)
        board.motor.stop()
        board.motor.stop()
        assert (board.bolt.closed(), board.bolt.open(), board.shackle.closed()) == (False, True, False)
        assert rig.world.actuations == 1
        rig.world.close()
        wait(rig, 1_000)
        assert board.bolt.closed() and board.shackle.closed()
        rig.close()


def test_the_motor_stops_when_the_processor_does():
    for pins in ALL:
        for why in ("reset", "watchdog", "panic", "power"):
            rig = Rig(pins)
            board = rig.boot()
            board.motor.pull()
            wait(rig, 50)
            assert 0 < rig.world.bolt < 90
            rig.end(why)
            wait(rig, 2_000)
            assert rig.world.bolt == 0 and rig.world.bolt_closed(), (pins.CHIP, why)
            board = rig.boot()
            wait(rig, 2_000)
            assert rig.world.actuations == 1  # to compose a board moves nothing
            rig.close()


def test_a_bridge_at_rest_is_asleep():
    rig = Rig(s3)
    motor = rig.boot().motor
    pull, awake = rig.chip.lines[s3.MOTOR_PULL_PIN], rig.chip.lines[s3.MOTOR_AWAKE_PIN]
    assert (pull.out, awake.out) == (0, 0)
    motor.pull()
    assert (pull.out, awake.out) == (1, 1)
    motor.stop()
    assert (pull.out, awake.out) == (0, 0)
    rig.close()


def test_a_servo_lets_go_and_then_goes_dark():
    rig = Rig(dev)
    board = rig.boot()
    power, pulses = rig.chip.lines[dev.SERVO_POWER_PIN], rig.chip.lines[dev.SERVO_PIN]
    assert power.out == 0 and pulses.pulse_ns == 0
    board.motor.stop()
    wait(rig, 1_000)
    assert power.out == 0
    board.motor.pull()
    assert power.out == 1 and pulses.pulse_ns == dev.SERVO_DRAWN_NS
    wait(rig, 500)
    board.motor.stop()
    assert power.out == 1 and pulses.pulse_ns == dev.SERVO_REST_NS
    wait(rig, 300)
    board.motor.pull()  # again, before the horn is home: the timer of the last time must not cut it
    wait(rig, 1_000)
    assert power.out == 1 and pulses.pulse_ns == dev.SERVO_DRAWN_NS
    board.motor.stop()
    wait(rig, 1_000)
    assert power.out == 0 and pulses.pulse_ns == 0
    rig.close()


def test_a_cut_wire_proves_nothing():
    rig = Rig(s3)
    board = rig.boot()
    for pin in (s3.BOLT_CLOSED_PIN, s3.SHACKLE_CLOSED_PIN):
        rig.chip.lines[pin].outside = lambda: 1  # its pull-up resistor alone
    assert not board.bolt.closed() and not board.bolt.open() and not board.shackle.closed()
    rig.close()


def test_a_spark_is_no_open_bolt():
    rig = Rig(s3)
    board = rig.boot()
    levels = []

    def sparks():
        levels.append(0)
        return 0 if len(levels) % 3 else 1  # two reads of three

    rig.chip.lines[s3.BOLT_OPEN_PIN].outside = sparks
    assert not [1 for _ in range(20) if board.bolt.open()]
    rig.close()


def test_no_switch_floats():
    for pins in ALL:
        rig = Rig(pins)
        board = rig.boot()
        for _ in range(40):
            assert board.bolt.closed() and not board.bolt.open()
        rig.close()
    rig = Rig(dev)
    pin = machine.Pin(dev.BOLT_OPEN_PIN, machine.Pin.IN, None)
    assert 0 in [
        pin.value() for _ in range(20)
    ]  # what would be taken for an open bolt, without that resistor
    rig.close()


# ---- movement


def test_it_moves_while_the_bike_does_and_a_second_longer():
    for pins in ALL:
        rig = Rig(pins)
        board = rig.boot()
        wait(rig, 3_000)
        assert not board.motion.moving()
        rig.world.move()
        assert board.motion.moving()
        for _ in range(40):
            wait(rig, 50)
            assert board.motion.moving()
        rig.world.still()
        wait(rig, 900)
        assert board.motion.moving()
        wait(rig, 1_000)  # the world's own second of shaking, and the part's
        board.motion.moving()
        wait(rig, 1_100)
        assert not board.motion.moving()
        rig.close()


def test_a_push_between_two_looks_is_not_lost():
    rig = Rig(s3)
    board = rig.boot()
    assert not board.motion.moving()
    rig.world.move()
    wait(rig, 20)  # while the sensor alone is awake
    rig.world.still()
    wait(rig, 5_000)
    assert board.motion.moving()
    wait(rig, 1_100)
    assert not board.motion.moving()
    rig.close()


def test_a_sensor_that_is_gone_or_forgetful_counts_as_moving():
    rig = Rig(s3)
    board = rig.boot()
    wait(rig, 1_000)
    assert not board.motion.moving()
    rig.wiring.motion.answers = False
    wait(rig, 11_000)
    assert board.motion.moving()
    rig.wiring.motion.answers = True
    wait(rig, 11_000)
    assert not board.motion.moving()  # found again
    rig.wiring.motion.power_cycle()
    rig.world.move()
    wait(rig, 11_000)
    assert board.motion.moving()  # set up anew, it sees
    rig.close()


def test_a_board_without_a_sensor_boots():
    rig = Rig(s3)
    rig.wiring.motion.answers = False
    board = rig.boot()
    assert board.motion.moving()
    rig.close()


def test_another_chip_at_that_address_is_no_sensor():
    rig = Rig(s3)
    rig.wiring.motion._registers[0x0F] = 0x44  # LIS2DW12, whose registers differ
    assert rig.boot().motion.moving()
    rig.close()


# ---- light


def lit(rig, ms):
    """The light as a string, a letter for each 50 ms."""
    seen = ""
    for _ in range(ms // 50):
        wait(rig, 50)
        seen += "#" if rig.wiring.light != "off" else "."
    return seen


def test_patterns():
    for pins in ALL:
        rig = Rig(pins)
        led = rig.boot().led
        assert lit(rig, 500) == "." * 10
        led.show("ok")
        assert lit(rig, 2_000).rstrip(".") in ("#" * 29, "#" * 30)
        led.show("refused")
        assert lit(rig, 3_000).count("#.") == 4
        led.show("find")
        assert lit(rig, 40_000).count("#.") == 30
        led.show("fault")
        fault = lit(rig, 60_000)
        assert 28 <= fault.count("#") <= 62 and fault.count("#.") >= 28
        led.show("busy")
        assert lit(rig, 2_000).count("#") >= 6
        led.show("off")
        assert lit(rig, 3_000) == "." * 60
        rig.close()


def test_a_fault_shown_again_and_again_blinks_on():
    rig = Rig(s3)
    led = rig.boot().led
    seen = ""
    for _ in range(40):
        led.show("fault")
        seen += lit(rig, 500)
    assert 9 <= seen.count("#.") <= 11  # every two seconds of twenty, as if shown once
    rig.close()


def flashes(rig, ms):
    """[(colour or "off", ms)] as it changed."""
    seen = []
    for _ in range(ms // 50):
        wait(rig, 50)
        if seen and seen[-1][0] == rig.wiring.light:
            seen[-1][1] += 50
        else:
            seen.append([rig.wiring.light, 50])
    return seen


def test_a_code_in_colours():
    rig = Rig(s3)
    led = rig.boot().led
    led.show(bytes([0, 2, 1, 3]))
    seen = flashes(rig, 40_000)
    lit_ones = [colour for colour, _ in seen if colour != "off"]
    assert lit_ones[:8] == ["red", "blue", "green", "white"] * 2 and 300 <= seen[2][1] <= 500
    dark = [ms for colour, ms in seen[:12] if colour == "off"]
    assert max(dark) == dark[3] >= 3 * dark[0], dark  # where a round ends
    assert len(lit_ones) % 4 == 0 and seen[-1][0] == "off" and seen[-1][1] > 9_000, seen[-1]  # half a minute
    rig.close()


def test_a_code_by_counts():
    for pins in (c6, dev):
        rig = Rig(pins)
        rig.boot().led.show(bytes([0, 2, 1, 3]))
        counts, pauses = [1], []
        for colour, ms in flashes(rig, 40_000)[1:-1]:
            if colour != "off":
                counts[-1] += 1
            elif ms > 300:
                counts.append(0)
                pauses.append(ms)
        assert counts[:9] == [1, 3, 2, 4, 1, 3, 2, 4, 1], counts
        assert pauses[3] > pauses[0] + 1_000, pauses  # where a round ends
        assert len(counts) % 4 == 0 and rig.wiring.light == "off"
        rig.close()


def test_another_pattern_ends_a_code():
    for pins in ALL:
        rig = Rig(pins)
        led = rig.boot().led
        led.show(bytes([3, 0]))
        wait(rig, 20)
        led.show("off")
        assert lit(rig, 5_000) == "." * 100
        rig.close()


def test_there_is_no_other_pattern():
    rig = Rig(s3)
    led = rig.boot().led
    for pattern in ("disco", b"", bytes([0, 4])):
        try:
            led.show(pattern)
            raise AssertionError("shown")
        except ValueError:
            pass
    rig.close()


def test_the_light_needs_no_event_loop():
    rig = Rig(s3)
    pin = machine.Pin(c6.LED_PIN, machine.Pin.OUT)
    led = Led((pin,), machine.Timer(1))
    led.show("ok")
    assert pin.value() == 1
    rig.timeline.now += 1_600
    rig.chip.tick()
    assert pin.value() == 0
    rig.close()


# ---- temperature


def test_each_chip_tells_how_warm_it_is():
    for pins in ALL:
        rig = Rig(pins)
        board = rig.boot()
        warm = rig.world.temperature()
        assert warm - 1 <= board.temperature() <= warm, (pins.CHIP, warm, board.temperature())
        for degrees in (-40, -1, 0, 55, 125):
            rig.chip.degrees = lambda degrees=degrees: degrees
            assert abs(board.temperature() - degrees) <= 1, (pins.CHIP, degrees, board.temperature())
        rig.close()


def test_a_chip_without_a_sensor_or_with_a_broken_one_tells_nothing():
    class Esp32:
        pass

    assert temperature.reader(Esp32())() is None
    Esp32.mcu_temperature = lambda self: 500
    assert temperature.reader(Esp32())() is None


# ---- battery


def test_millivolts_come_back_through_the_divider():
    for pins in ALL:
        rig = Rig(pins)
        battery = rig.boot().battery
        for millivolts in (3_000, 3_500, 4_200):
            rig.world.set_battery(millivolts)
            assert abs(battery.millivolts() - millivolts) <= 4, pins.CHIP
        rig.close()


def test_a_burst_is_averaged():
    rig = Rig(s3)
    battery = rig.boot().battery
    turn = []

    def source():
        turn.append(0)
        return 1_800_000 if len(turn) == 3 else 2_000_000

    rig.chip.volts[s3.BATTERY_PIN] = source
    assert 3_900 < battery.millivolts() < 4_000
    rig.close()


# ---- receiver


def test_the_receiver_speaks_with_power_and_not_without():
    for pins in ALL:
        rig = Rig(pins)
        gnss = rig.boot().gnss
        wait(rig, 3_000)
        assert gnss.read(256) == b"" and not rig.world.gnss_on
        gnss.power(True)
        gnss.power(True)
        said = b""
        for _ in range(40):
            wait(rig, 200)
            said += gnss.read(256)
        assert said.count(b"$GNRMC") >= 6 and b"\r\n" in said and rig.world.gnss_on
        wait(rig, 2_500)
        gnss.power(False)
        assert gnss.read(256) == b"" and not rig.world.gnss_on
        gnss.power(True)
        assert gnss.read(256) == b""  # what waited is gone
        rig.close()


def test_bytes_take_their_time_and_a_full_buffer_loses():
    rig = Rig(s3)
    gnss = rig.boot().gnss
    gnss.power(True)
    uart = rig.chip.uarts[s3.GNSS_UART]
    uart.arrive(b"x" * 96)
    assert gnss.read(256) == b""
    wait(rig, 50, 50)
    assert gnss.read(256) == b"x" * 48  # 9,600 baud: ten bits a byte
    wait(rig, 60)
    uart.arrive(b"y" * 3_000)
    wait(rig, 5_000)
    assert gnss.read(256)[-2:] == b"yy" and uart.lost > 900
    rig.close()


def test_a_receiver_left_on_by_an_earlier_boot_is_switched_off():
    rig = Rig(s3)
    rig.boot().gnss.power(True)
    rig.end("watchdog")
    rig.boot()
    assert not rig.world.gnss_on
    rig.close()


# ---- watchdog, button, ends


def test_the_watchdog_sleeps_until_fed_and_bites_within_ten_seconds():
    rig = Rig(s3)
    board = rig.boot()
    wait(rig, 60_000, 1_000)
    assert not rig.chip.halted
    for _ in range(30):
        board.watchdog.feed()
        wait(rig, 9_000, 1_000)
    assert not rig.chip.halted
    board.motor.pull()
    wait(rig, 10_500)
    assert rig.chip.halted == "watchdog"
    try:
        board.watchdog.feed()
        raise AssertionError("a dead chip was fed")
    except Halt:
        pass
    wait(rig, 1_000)
    assert rig.world.bolt_open()  # it had been drawn; the ring sprang open, and nothing pulls any more
    assert not rig.world._pulling
    rig.end("watchdog")
    assert rig.boot().boot_cause == 3
    rig.close()


def test_a_button_is_pressed_while_it_is_held():
    rig = Rig(s3)
    button = rig.boot().button
    assert not button.pressed()
    rig.wiring.button = True
    assert button.pressed()
    rig.wiring.button = False
    assert not button.pressed()
    rig.close()


def test_a_reset_asked_for_is_told_as_such():
    rig = Rig(c6)
    board = rig.boot()
    assert board.boot_cause == 1
    try:
        board.reset()
        raise AssertionError("it goes on")
    except Halt:
        pass
    rig.end("reset")
    assert rig.boot().boot_cause == 2
    rig.close()
