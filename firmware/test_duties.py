"""The table of power.py, row by row: who keeps the lock awake, for how long, and what the timer is set to."""

from firmware import power
from firmware.config import settings_of
from firmware.power import AWAKE, BUTTON, DOZE, SHAKE, SLEEP, TIMER
from protocol import status

HOUR_MS = 3_600_000


def _settings(**changes):
    given = {"sleep": 1, "fix_every_s": 120, "uplink_every_s": 14_400}
    given.update(changes)
    pairs = ["%r: %d" % (name, value) for name, value in given.items()]
    text = '{"kind": "exclusive", "uplink_host": "192.0.2.1", ' + ", ".join(pairs).replace("'", '"') + "}"
    return settings_of(text.encode())


S = _settings()
FULL, LOW, EMPTY = 4_000, S.start_reserve_mv + 99, S.start_reserve_mv - 1


def _decide(state=status.STATE_LOCKED, riding=False, left_ms=0, links=0, busy=False, credit_ms=1, s=S):
    return power.decide(s, state, riding, left_ms, links, busy, credit_ms)


def test_without_the_setting_it_is_awake_and_on_the_air_whatever_happens():
    s = _settings(sleep=0)
    for state in status.STATE_NAMES:
        for left_ms in (0, 1000):
            for credit_ms in (-1, 1):
                assert _decide(state, False, left_ms, 0, False, credit_ms, s) == (AWAKE, s.advertise_ms)


def test_a_touch_puts_it_on_the_air_in_every_state():
    for state in status.STATE_NAMES:
        assert _decide(state, left_ms=1) == (AWAKE, S.advertise_ms)


def test_left_alone_it_sleeps_when_locked_and_dozes_when_not():
    for state in status.STATE_NAMES:
        mode = DOZE
        if state in (status.STATE_QUARANTINE, status.STATE_OPENING):
            mode = AWAKE
        elif state == status.STATE_LOCKED:
            mode = SLEEP
        assert _decide(state)[0] == mode


def test_it_never_sleeps_through_a_ride():
    assert _decide(status.STATE_LOCKED, riding=True) == (DOZE, 0)  # parked is written as closed with a ride


def test_what_is_under_way_is_finished_off_the_air():
    assert _decide(links=1) == (AWAKE, 0)
    assert _decide(busy=True) == (AWAKE, 0)


def test_strangers_who_used_their_hour_up_see_it_rarely_and_briefly():
    assert _decide(left_ms=1, credit_ms=0) == (AWAKE, 8 * S.advertise_ms)
    assert power.window(S, SHAKE, 0) == power.window(S, BUTTON, 0) == 10_000
    assert power.wake_on(0) == ("button",)  # and the button still wakes it


def test_windows():
    assert power.window(S, TIMER, 1) == 0  # nobody is there
    assert power.window(S, SHAKE, 1) == 15_000
    assert power.window(S, BUTTON, 1) == power.window(S, 0, 1) == S.awake_s * 1000
    assert power.wake_on(1) == ("button", "shake")


def test_credit_is_earned_by_the_hour_saved_up_to_three_and_owed_up_to_three():
    hour = S.stranger_s * 1000
    assert power.credit(S, 0, HOUR_MS, 0) == hour
    assert power.credit(S, 0, 100 * HOUR_MS, 0) == 3 * hour
    assert power.credit(S, 1000, 0, 15_000) == -14_000
    assert power.credit(S, 0, 0, 100 * HOUR_MS) == -3 * hour
    assert power.credit(S, -14_000, HOUR_MS, 0) == hour - 14_000


def test_a_day_of_shaking_has_it_awake_for_less_than_an_hour():
    """Each time the lock may be woken by a shake, it is."""
    credit, awake, now = power.credit(S, 0, 100 * HOUR_MS, 0), 0, 0
    while now < 24 * HOUR_MS:
        if "shake" in power.wake_on(credit):
            spent = power.window(S, SHAKE, credit) + 2_000
        else:
            spent = 0
        awake += spent
        passed = max(spent, 5_000)
        now += passed
        credit = power.credit(S, credit, passed, spent)
    assert awake < 24 * S.stranger_s * 1000 + 3 * S.stranger_s * 1000 + 17_000 < HOUR_MS


def test_contacts_are_rarer_as_the_cell_empties():
    found = [power.contact_s(S, mv) for mv in (FULL, LOW, EMPTY)]
    assert found == [14_400, 57_600, 86_400]
    assert power.contact_s(_settings(uplink_every_s=86_400), LOW) == 86_400


def test_the_timer():
    crystal, rc = 20, 60_000

    def sleep(mv=FULL, since=0, error=2, ppm=crystal, fails=0):
        return power.sleep_s(S, mv, since, error, ppm, fails)

    assert sleep() == 14_400 and sleep(since=14_000) == 400
    assert sleep(since=20_000) == 60  # overdue: soon, yet never at once
    assert sleep(ppm=rc) == (270 - 2) * 1_000_000 // rc  # else the clock would fade
    assert 2 + sleep(ppm=rc) * rc // 1_000_000 <= 270 < 300  # of which firmware/clock.py is still sure
    assert (
        sleep(error=300, ppm=rc) == 900 and sleep(since=900, error=300, ppm=rc) == 60
    )  # faded: it asks again
    assert sleep(EMPTY, ppm=rc) == 86_400
    assert [sleep(since=14_400, fails=n) for n in (1, 2, 3)] == [900, 1_800, 3_600]
    assert sleep(since=14_400, fails=99) == 86_400


def test_the_receiver_is_on_all_the_time_or_by_turns_or_not_at_all():
    often = _settings(fix_every_s=5)
    for on in (True, False):
        assert power.gnss(often, FULL, on, 0, False) and power.gnss(often, FULL, on, 99_999, True)
        assert not power.gnss(often, EMPTY, on, 0, False)
    assert power.gnss(S, FULL, True, 39_999, False) and not power.gnss(S, FULL, True, 40_000, False)
    assert not power.gnss(S, FULL, True, 1_000, True)
    assert not power.gnss(S, FULL, False, 116_999, False) and power.gnss(S, FULL, False, 117_000, False)
    assert not power.gnss(S, EMPTY, False, 117_000, False)
