"""The filter: each rule drops what it names, and a plain ride passes whole."""

import math

from firmware.fixes import CODES, RULES, Context, distance_squared, reason_to_drop
from firmware.nmea import Fix

T0 = 1789382712
LAST = Fix(T0, 520907028, 51214737, 47, 46, 42, True)
FIX = Fix(T0 + 5, 520909028, 51214737, 47, 46, 42, True)  # 22 m north
RIDING = Context(T0 + 5, 2, False, 500, 150)
UNKNOWN = Context(None, 0, False, 500, 150)


def changed(fix, **fields):
    names = ("time", "lat", "lon", "accuracy", "altitude", "speed", "valid")
    return Fix(*[fields.get(name, value) for name, value in zip(names, fix)])


def reason(last=LAST, context=RIDING, **fields):
    return reason_to_drop(changed(FIX, **fields), last, context)


def test_a_good_fix_is_kept():
    assert reason() is None
    assert reason(last=None) is None
    assert reason(context=UNKNOWN) is None


def test_each_rule_names_what_it_drops():
    parked = Context(T0 + 5, 2, True, 500, 150)
    for expected, got in (
        ("invalid", reason(valid=False)),
        ("nowhere", reason(lat=0, lon=0)),
        ("stale", reason(time=T0)),
        ("stale", reason(time=T0 - 1, last=LAST)),
        ("stale", reason(time=T0 + 5 + 33)),
        ("stale", reason(last=None, time=T0 + 5 - 33)),
        ("stale", reason(last=None, time=T0 - 1024 * 7 * 86400)),  # a receiver that lost count of its weeks
        ("inaccurate", reason(accuracy=501)),
        ("fast", reason(speed=151)),
        ("high", reason(altitude=60001)),
        ("high", reason(altitude=-5001)),
        ("jump", reason(lat=FIX.lat + 9000)),
        ("jump", reason(lon=FIX.lon - 20000)),
        ("still", reason(context=parked)),
    ):
        assert got == expected, (expected, got)


def test_the_last_value_that_passes():
    for fields in (
        {"time": T0 + 5 + 32},
        {"accuracy": 500},
        {"speed": 150},
        {"altitude": 60000},
        {"altitude": -5000},
        {"altitude": None},
        {"lon": 51214737 + 10000},
    ):
        assert reason(**fields) is None, fields
    assert reason(last=None, lat=0) is None and reason(last=None, lon=0) is None  # the equator is somewhere
    assert reason(last=None, context=Context(T0, 2, True, 500, 150)) is None  # still, but nothing to repeat


def test_an_unknown_clock_judges_no_time():
    assert reason(last=None, context=UNKNOWN, time=T0 + 20 * 365 * 86400) is None
    assert reason(context=UNKNOWN, time=T0 - 1) == "stale"


def test_the_reach_grows_with_time():
    far = {"lat": FIX.lat + 80000}  # about 890 m further on
    assert reason(**far) == "jump"
    assert reason(context=UNKNOWN, time=T0 + 70, **far) is None


def test_a_still_lock_does_not_drift():
    parked = Context(None, 0, True, 500, 150)
    last, state = LAST, 7
    for second in range(1, 600):
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        lat, lon = LAST.lat + (state >> 8) % 3000, LAST.lon - (state >> 16) % 3000
        fix = changed(LAST, time=T0 + second, lat=lat, lon=lon)
        assert reason_to_drop(fix, last, parked) == "still"


def test_codes_are_those_of_the_protocol():
    assert CODES == dict(invalid=1, nowhere=2, stale=3, inaccurate=4, fast=5, high=6, jump=7, still=8)
    assert len(RULES) == len(CODES)


def haversine_dm(a, b):
    scale = math.pi / 1800000000
    lat_a, lat_b, lon = a.lat * scale, b.lat * scale, (a.lon - b.lon) * scale
    h = math.sin((lat_a - lat_b) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(lon / 2) ** 2
    return 2 * 63710088 * math.asin(math.sqrt(h))


def test_distance_agrees_with_the_haversine():
    for lat, lon in ((0, 0), (520907028, 51214737), (-458775655, 1705001117), (690000000, -1499999999)):
        for north, east in ((2000, 0), (0, 3000), (-100000, 100000), (12345, -54321)):
            a, b = changed(LAST, lat=lat, lon=lon), changed(LAST, lat=lat + north, lon=lon + east)
            ours, theirs = math.sqrt(distance_squared(a, b)), haversine_dm(a, b)
            assert abs(ours - theirs) < theirs * 0.005 + 2, (lat, lon, north, east, ours, theirs)


def test_distance_across_the_date_line():
    a, b = changed(LAST, lon=1799999000), changed(LAST, lon=-1799999000)
    assert distance_squared(a, b) < 200 * 200


def test_far_stays_far():
    for lat, lon in ((520907028, -1700000000), (-520907028, 51214737), (0, 0), (900000000, 0)):
        assert distance_squared(changed(LAST, lat=lat, lon=lon), LAST) > 10**14
