import json

from boards.sim.bench import key, signed
from firmware import config
from protocol import cbor, keys, keyset, roots

PUBLIC = bytes(range(32))
SECRET = b"K_lock, 32 bytes, never to show!"


class _Files:
    def __init__(self, **changes):
        entry = (keys.kid(keys.RIDE, PUBLIC), PUBLIC, 0, 9)
        self.files = {
            "identity": cbor.encode({1: b"lock-one", 2: SECRET, 3: b"grp1"}),
            "roots": roots.encode(1, [key("root").public]),
            "keyset": signed(keyset.encode(3, [entry])),
            "settings.json": b'{"kind": "pooled", "uplink_host": "127.0.0.1", "batch": 5}',
        }
        self.files.update(changes)

    def read(self, name):
        return self.files.get(name)


def _refusal(**changes):
    files = _Files()
    for name, data in changes.items():
        files.files[name.replace("_json", ".json")] = data
    try:
        config.load(files)
    except config.ConfigError as error:
        assert "K_lock, 32" not in str(error)
        return str(error)
    return None


def test_a_whole_configuration():
    found = config.load(_Files())
    assert (found.lock_id, found.k_lock, found.group) == (b"lock-one", SECRET, b"grp1")
    assert found.keyset.version == 3
    assert (found.settings.kind, found.settings.batch, found.settings.still_s) == ("pooled", 5, 300)
    assert "32 bytes" not in repr(found)


def test_each_missing_file_is_named():
    assert "identity" in _refusal(identity=None)
    assert "keyset" in _refusal(keyset=None)
    assert "settings.json" in _refusal(settings_json=None)


def test_each_missing_setting_is_named():
    assert "kind" in _refusal(settings_json=b'{"uplink_host": "x"}')
    assert "uplink_host" in _refusal(settings_json=b'{"kind": "pooled"}')


def test_a_damaged_identity():
    good = {1: b"lock-one", 2: SECRET, 3: None}
    assert config.load(_Files(identity=cbor.encode(good))).group is None
    for change, word in (
        ({1: b"short"}, "lock id"),
        ({2: b"short"}, "K_lock"),
        ({3: b"short"}, "group"),
        ({4: 1}, "else"),
    ):
        bad = dict(good)
        bad.update(change)
        assert word in _refusal(identity=cbor.encode(bad))
    assert _refusal(identity=b"\xff") and _refusal(identity=b"")


def test_a_keyset_that_nobody_can_ride_with():
    entry = (keys.kid(keys.MASTER, PUBLIC), PUBLIC, 0, 9)
    assert "ride issuer" in _refusal(keyset=signed(keyset.encode(1, [entry])))
    assert "keyset" in _refusal(keyset=b"\xa0")


def test_a_keyset_that_the_roots_did_not_sign():
    payload = keyset.encode(3, [(keys.kid(keys.RIDE, PUBLIC), PUBLIC, 0, 9)])
    assert "provision this lock again" in _refusal(keyset=payload)
    assert "no root" not in _refusal(keyset=signed(payload, "stranger")) and _refusal(
        keyset=signed(payload, "stranger")
    )
    two = roots.encode(2, [key("root").public, key("other").public])
    assert "keyset" in _refusal(roots=two)  # why, protocol/ says where its texts are not left out
    assert "roots" in _refusal(roots=None)
    assert "keyset" in _refusal(roots=b"\xa0")


def test_settings_at_and_beyond_their_bounds():
    for name, rule in config.SETTINGS.items():
        if type(rule[1]) is not int:
            continue
        for value, fits in (
            (rule[1], 1),
            (rule[2], 1),
            (rule[1] - 1, 0),
            (rule[2] + 1, 0),
            ("5", 0),
            (None, 0),
            (True, 0),
        ):
            given = {"kind": "exclusive", "uplink_host": "h", name: value}
            if name.endswith("_reserve_mv"):
                given["start_reserve_mv"], given["reopen_reserve_mv"] = 20_000, 0
                given[name] = value
            if value is None:
                continue
            said = _refusal(settings_json=json.dumps(given).encode())
            assert (said is None) == bool(fits), (name, value, said)
            assert fits or name in said


def test_unknown_settings_and_other_json():
    assert "nosuch" in _refusal(settings_json=b'{"kind": "pooled", "uplink_host": "x", "nosuch": 1}')
    assert "kind" in _refusal(settings_json=b'{"kind": "shared", "uplink_host": "x"}')
    assert "kind" in _refusal(settings_json=b'{"kind": 1, "uplink_host": "x"}')
    assert "uplink_host" in _refusal(settings_json=b'{"kind": "pooled", "uplink_host": ""}')
    for bad in (b"", b"[]", b"nonsense", b"\xff\xfe", b"null", b"{"):
        assert "settings.json" in _refusal(settings_json=bad), bad


def test_the_reserve_for_a_start_is_the_larger():
    said = b'{"kind": "pooled", "uplink_host": "x", "start_reserve_mv": 3200}'
    assert "reserve" in _refusal(settings_json=said)
