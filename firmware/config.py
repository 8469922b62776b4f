"""What a lock is told when it is provisioned: who it is, whom it believes, how it is set. Refuses to start half-set.

Read at boot, and when the cloud changes a setting; then a lock forgets this module (lock.py). What stays, a Config, has
no methods: any would keep all of this in memory.

| file          | holds                                                                               |
|---------------|-------------------------------------------------------------------------------------|
| identity      | CBOR {1: lock id (8 bytes), 2: K_lock (32 bytes), 3: group id (4 bytes) or null}     |
| keyset        | the keyset of SPEC.md section 2, signed                                             |
| roots         | the root set that signs it, until a keyset brings another                           |
| settings.json | an object with the keys of `SETTINGS`; those without a default must be there        |
| comb-*        | optional, see combs.py                                                              |
"""

import json

from firmware.combs import issuers
from firmware.renewal import forget
from firmware.store import ConfigError
from protocol import cbor, ed25519
from protocol.shape import is_bytes

_KINDS = ("exclusive", "pooled")
_NAME_MAX = 253  # characters of a host name, RFC 1035 §2.3.4


# name: (default or None where it must be set, lowest, highest), or the default and what is accepted
SETTINGS = {
    "kind": (None, _KINDS),  # exclusive: one claim at a time; pooled: period claims of several riders
    "uplink_host": (None, str),
    "uplink_port": (5683, 1, 65_535),
    "still_s": (300, 10, 86_400),  # after which an open bike is handed over; seconds only for a bench
    "hold_max_s": (3_600, 0, 604_800),
    "longest_max_s": (86_400, 60, 2_678_400),
    "start_reserve_mv": (3_500, 0, 20_000),  # below it no ride starts
    "reopen_reserve_mv": (3_300, 0, 20_000),  # below it the bolt does not move
    "motor_ms": (1_500, 100, 10_000),
    "fix_every_s": (5, 1, 3_600),
    "speed_max_dms": (150, 10, 1_000),  # dm/s
    "accuracy_max_dm": (500, 10, 10_000),
    "batch": (20, 1, 60),
    "uplink_every_s": (60, 1, 86_400),
    "status_every_s": (300, 10, 86_400),
    "advertise_ms": (250, 20, 10_240),
    "slot_s": (900, 10, 86_400),
    "sleep": (0, 0, 1),  # 1: where the board can, it dozes and sleeps when nobody is there (power.py)
    "awake_s": (30, 5, 3_600),
    "stranger_s": (90, 0, 3_600),
}


class Settings:
    """One attribute for each name in SETTINGS."""

    __slots__ = tuple(SETTINGS)


class Config:
    """`lock_id`, `k_lock`, `group` (or None), `keyset`, `settings`; `slow`: not all combs are loaded (lock.py)."""

    __slots__ = ("lock_id", "k_lock", "group", "keyset", "settings", "slow")


def load(store):
    """The Config in these files. Raises ConfigError, OSError."""
    config = Config()
    config.lock_id, config.k_lock, config.group = _identity(_file(store, "identity"))
    config.keyset = _keyset(_file(store, "roots"), _file(store, "keyset"))
    config.slow = True
    config.settings = settings_of(_file(store, "settings.json"))
    return config


def _file(store, name):
    data = store.read(name)
    if data is None:
        raise ConfigError("the file %s is missing: this lock was not provisioned" % name)
    return data


def _identity(data):
    try:
        item = cbor.decode(data)
    except cbor.CborError:
        raise ConfigError("identity is not strict CBOR")
    if type(item) is not dict or sorted(item) != [1, 2, 3]:
        raise ConfigError("identity must hold lock id (1), K_lock (2) and group (3), and nothing else")
    if not is_bytes(item[1], 8):
        raise ConfigError("identity: the lock id is not 8 bytes")
    if not is_bytes(item[2], 32):
        raise ConfigError("identity: K_lock is not 32 bytes")
    if item[3] is not None and not is_bytes(item[3], 4):
        raise ConfigError("identity: the group is neither 4 bytes nor null")
    return item[1], item[2], item[3]


def _keyset(first, raw):
    from protocol import roots  # for a moment: 2 signatures or so, and it goes again

    ed25519.forget_combs()  # nobody has vouched for any yet
    try:
        found = roots.verify(raw, roots.parse(first), ed25519.verify, True)
    except roots.KeysetError as error:
        raise ConfigError("keyset: %s; provision this lock again" % error)
    finally:
        forget(("protocol.roots", "protocol.keyset"))
    if not issuers(found):
        raise ConfigError("keyset names no ride issuer: nobody could open this lock")
    return found


def settings_of(data):
    """Settings from the bytes of settings.json. Raises ConfigError."""
    try:
        given = json.loads(data.decode())
    except (ValueError, UnicodeError):
        raise ConfigError("settings.json is not JSON")
    if type(given) is not dict:
        raise ConfigError("settings.json is not an object")
    for name in given:
        if name not in SETTINGS:
            raise ConfigError("settings.json: there is no setting %r" % name)
    settings = Settings()
    for name, rule in SETTINGS.items():
        value = given.get(name, rule[0])
        if value is None:
            raise ConfigError("settings.json: %s is not set" % name)
        _check(name, value, rule)
        setattr(settings, name, value)
    if settings.reopen_reserve_mv > settings.start_reserve_mv:
        raise ConfigError("settings.json: reopen_reserve_mv is above start_reserve_mv")
    return settings


def change(lock, args):
    """Sets what a command of the cloud's says: on flash, then in force. False for what it may not say, and where flash
    does not take it: then nothing has changed. `lock`: firmware.lock.Lock."""
    from protocol.settings import decode

    settings = lock.config.settings
    try:
        given = json.loads(_file(lock.store, "settings.json").decode())
        before, changes = dict(given), decode(args)
        given.update(changes)
        data = json.dumps(given).encode()
        settings_of(data)
        if given != before:
            lock.store.write("settings.json", data)
    except (ConfigError, ValueError, OSError):
        return False
    for name, value in changes.items():
        setattr(settings, name, value)
    lock.uplink.every_s = settings.uplink_every_s
    return True


def _check(name, value, rule):
    if rule[1] is str:
        if type(value) is not str or not 0 < len(value) <= _NAME_MAX:
            raise ConfigError("settings.json: %s is not a host name or address" % name)
    elif type(rule[1]) is tuple:
        if value not in rule[1]:
            raise ConfigError("settings.json: %s is one of %s" % (name, ", ".join(rule[1])))
    elif type(value) is not int or not rule[1] <= value <= rule[2]:
        raise ConfigError("settings.json: %s is a whole number from %d to %d" % (name, rule[1], rule[2]))
