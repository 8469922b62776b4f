"""The world around a lock: what its bolt, ring, battery and bike do, on both interpreters."""

import json

from boards.sim.world import DAY_C, FULL_MV, MOTOR_MS, NIGHT_C, World

T = 1_760_000_000_000
OUT_AND_BACK = [(0, 100, 200), (1_000, 300, 600), (5_000, 300, 600), (6_000, 100, 200)]  # standing in between


def world(**settings):
    return World(T, **settings)


def later(world, ms):
    world.advance(world.now + ms)
    return world


def opened():
    bike = world()
    bike.pull()
    later(bike, MOTOR_MS + 50).stop()
    return later(bike, 50)


def sensors(world):
    return world.bolt_open(), world.bolt_closed(), world.shackle_closed()


def test_the_motor_frees_the_bolt_and_the_ring_flies_open():
    bike = world()
    assert sensors(bike) == (False, True, True)
    bike.pull()
    assert sensors(later(bike, MOTOR_MS // 2)) == (False, False, True)
    assert sensors(later(bike, MOTOR_MS // 2)) == (True, False, False)
    bike.stop()
    assert sensors(later(bike, 60_000)) == (True, False, False)
    assert (bike.actuations, bike.openings, bike.bolt) == (1, 1, 100)


def test_a_motor_that_takes_longer_opens_later():
    bike = world(motor_ms=1_000)
    bike.pull()
    assert not later(bike, 800).bolt_open()
    assert later(bike, 200).bolt_open()


def test_a_short_pull_opens_nothing():
    bike = world()
    bike.pull()
    later(bike, MOTOR_MS // 2).stop()
    assert sensors(later(bike, 100)) == (False, True, True)
    assert (bike.actuations, bike.openings) == (1, 0)


def test_pulling_on_is_one_actuation():
    bike = world()
    bike.pull()
    bike.pull()
    later(bike, 10).stop()
    bike.stop()
    assert bike.actuations == 1


def test_a_hand_shuts_the_ring_and_the_bolt_snaps_in():
    bike = opened()
    bike.close()
    assert bike.shackle_closed() and bike.bolt_open()
    assert sensors(later(bike, 500)) == (False, True, True)
    assert bike.openings == 1


def test_too_short_a_push_springs_open_again():
    bike = opened()
    bike.push(10)
    later(bike, 5)
    assert bike.shackle_closed()
    assert sensors(later(bike, 500)) == (True, False, False)


def test_a_ring_pushed_against_the_motor_does_not_hold():
    bike = opened()
    bike.pull()
    bike.close()
    assert sensors(later(bike, 1_000)) == (True, False, False)


def test_a_jam_holds_the_bolt_between_until_it_is_cleared():
    bike = world()
    bike.jam(50)
    bike.pull()
    later(bike, 2_000).stop()
    assert sensors(later(bike, 10_000)) == (False, False, True)
    bike.jam(None)
    assert sensors(later(bike, 100)) == (False, True, True)
    assert bike.openings == 0


def test_a_jam_at_the_start_lets_nothing_move():
    bike = world()
    bike.jam(0)
    bike.pull()
    later(bike, 2_000).stop()
    assert sensors(bike) == (False, True, True)


def test_a_jam_can_keep_the_bolt_from_snapping_in():
    bike = opened()
    bike.jam(30)
    bike.close()
    assert sensors(later(bike, 2_000)) == (False, False, True)


def test_broken_switches_say_the_same_whatever_the_bolt_does():
    for fault, said in (
        ("both", (True, True)),
        ("neither", (False, False)),
        ("open", (True, False)),
        ("closed", (False, True)),
    ):
        for bike in (world(), opened()):
            bike.bolt_fault = fault
            assert sensors(bike)[:2] == said


def test_the_motion_sensor_goes_on_for_a_second():
    bike = world()
    assert not bike.moving()
    bike.move()
    assert later(bike, 5_000).moving()
    bike.still()
    assert later(bike, 999).moving()
    assert not later(bike, 1).moving()


def test_a_pull_under_way_is_on_record():
    bike = world()
    bike.pull()
    bike.stop()
    assert bike.pulls_moving == 0
    bike.move()
    bike.pull()
    assert bike.pulls_moving == 1


def test_the_battery_drains_more_the_more_runs():
    def after_an_hour(*names):
        bike = world()
        for name in names:
            setattr(bike, name, True)
        return FULL_MV - later(bike, 3_600_000).millivolts()

    assert 0 < after_an_hour() <= after_an_hour("radio_on") < after_an_hour("radio_on", "gnss_on")
    bike = world()
    bike.pull()
    assert FULL_MV - later(bike, 1_000).millivolts() >= 5
    bike.set_battery(1)
    assert later(bike, 3_600_000).millivolts() == 0


def test_the_bike_follows_its_track_and_stands_where_that_stands():
    bike = world()
    bike.ride(OUT_AND_BACK)
    assert bike.position == (100, 200)
    assert later(bike, 500).position == (200, 400) and bike.moving()
    assert later(bike, 1_499).position == (300, 600) and bike.moving()
    assert later(bike, 1).position == (300, 600) and not bike.moving()
    assert later(bike, 3_500).position == (200, 400) and bike.moving() and bike.riding
    assert later(bike, 60_000).position == (100, 200) and not bike.moving() and not bike.riding


def test_one_long_step_moves_the_sensor_as_many_short_ones():
    long, short = world(), world()
    for bike in (long, short):
        bike.ride(OUT_AND_BACK)
    for _ in range(65):
        later(short, 100)
    assert later(long, 6_500).position == short.position and long.moving() and short.moving()
    assert later(long, 501).moving() == later(short, 501).moving() == False  # noqa: E712


def test_time_lapse_is_the_same_way_in_less_time():
    bike = world()
    bike.ride(OUT_AND_BACK, 10)
    assert later(bike, 50).position == (200, 400)
    assert later(bike, 500).position == (200, 400)
    assert not later(bike, 50).riding


def test_a_track_that_cannot_be_ridden_is_refused():
    point, twice, backwards = [(0, 1, 1)], [(5, 1, 1), (5, 2, 2)], [(5, 1, 1), (4, 2, 2)]
    for points, speed in ((point, 1), (twice, 1), (backwards, 1), (OUT_AND_BACK, 0)):
        bike = world()
        try:
            bike.ride(points, speed)
            raise AssertionError(points)
        except ValueError:
            assert not bike.riding


def test_the_chip_is_as_warm_as_the_air_and_what_it_spends():
    at_four = T - T % 86_400_000 + 4 * 3_600_000
    bike = World(at_four)
    assert bike.temperature() == NIGHT_C
    assert World(at_four + 12 * 3_600_000).temperature() == DAY_C
    assert NIGHT_C < World(at_four + 5 * 3_600_000).temperature() < DAY_C
    for step in (5, 50, 700, 5_000):
        bike = World(at_four)
        bike.gnss_on = bike.radio_on = True
        warm = [bike.temperature()]
        for _ in range(10):
            for _ in range(60_000 // step):
                bike.elapse(step)
            warm.append(bike.temperature())
        assert warm == sorted(warm) and warm[-1] > NIGHT_C + 15, (step, warm)
        bike.dark()
        for _ in range(600_000 // step):
            bike.elapse(step)
        assert bike.temperature() <= NIGHT_C + 2, (step, bike.temperature())


def test_the_led_is_remembered_and_knows_its_patterns():
    bike = world()
    bike.show("busy")
    later(bike, 5).show("ok")
    assert bike.led == "ok" and bike.led_history == [(T, "busy"), (T + 5, "ok")]
    bike.show(bytes([0, 2, 3, 1]))
    assert bike.led == "red blue white green"
    for _ in range(200):
        bike.show("off")
    assert len(bike.led_history) == 16
    for pattern in ("disco", b"", bytes([4])):
        try:
            bike.show(pattern)
            raise AssertionError
        except ValueError:
            assert bike.led == "off"


def test_the_past_changes_nothing():
    bike = opened()
    before = bike.dump({})
    bike.advance(T)
    assert bike.dump({}) == before


def test_a_world_that_was_put_away_has_the_same_future():
    for pause in range(0, 1_500, 35):
        bike = world()
        bike.ride(OUT_AND_BACK, 2)
        bike.pull()
        later(bike, 450).stop()
        bike.close()
        later(bike, pause)
        again = World.restore(json.loads(json.dumps(bike.dump({}))), OUT_AND_BACK)
        for _ in range(30):
            assert later(again, 90).dump({}) == later(bike, 90).dump({})


def test_a_lock_that_goes_dark_lets_go_of_everything():
    bike = world()
    bike.pull()
    bike.radio_on = bike.gnss_on = True
    bike.show("busy")
    later(bike, 100).dark()
    assert sensors(later(bike, 100)) == (False, True, True)
    assert (bike.radio_on, bike.gnss_on, bike.led) == (False, False, "off")
