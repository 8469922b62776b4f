"""Settings that the cloud may change: both ways, and nothing but what the table allows."""

from protocol import settings


def _refused(call, *args):
    try:
        call(*args)
    except ValueError:
        return True
    return False


def test_there_and_back():
    changes = {"uplink_every_s": 300, "stranger_s": 0}
    assert settings.encode(changes) == [1, 300, 8, 0]
    assert settings.decode([1, 300, 8, 0]) == changes
    whole = {name: high for name, _, high in settings.REMOTE}
    assert settings.decode(settings.encode(whole)) == whole


def test_every_bound_is_kept():
    for number, (name, low, high) in enumerate(settings.REMOTE, 1):
        for value in (low, high):
            assert settings.decode([number, value]) == {name: value}
        for value in (low - 1, high + 1, -1, True, None, "1", 1.0):
            assert _refused(settings.decode, [number, value]), (name, value)
            assert _refused(settings.encode, {name: value}), (name, value)


def test_what_is_no_list_of_settings():
    for args in (
        [],
        [1],
        [1, 300, 2],
        [0, 300],
        [9, 300],
        [-1, 300],
        [2, 300, 1, 300],
        [1, 300, 1, 300],
        [True, 300],
    ):
        assert _refused(settings.decode, args), args
    for changes in (
        {},
        {"kind": 1},
        {"uplink_host": 1},
        {"still_s": 60},
        {"uplink_every_s": 60, "motor_ms": 500},
    ):
        assert _refused(settings.encode, changes), changes


def test_keys_pins_and_what_money_rests_on_are_not_among_them():
    names = {name for name, _, _ in settings.REMOTE}
    for name in ("kind", "uplink_host", "uplink_port", "still_s", "motor_ms", "start_reserve_mv", "sleep"):
        assert name not in names
