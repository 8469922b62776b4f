"""Which network a lock was told to use: `bearer.json` on its flash, written by whoever provisioned it.

    {"wifi": {"ssid": "...", "key": "..."}}          key null: an open network
    {"modem": {"apn": "...", "user": null, "password": null}}

A lock without it, or with one that is wrong, opens and closes all the same: its receipts then travel by phones alone.
"""

import json

from boards.parts.bearer import NoNetwork

FILE = "/bearer.json"
_LIMIT = 512  # bytes
_FIELDS = {"wifi": ("ssid", "key"), "modem": ("apn", "user", "password")}
_APN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"


def parse(data):
    """(kind, its fields in the order of _FIELDS). ValueError with a sentence when it makes no sense."""
    try:
        given = json.loads(data.decode())
    except (ValueError, UnicodeError):
        raise ValueError("bearer.json is not JSON")
    if type(given) is not dict or len(given) != 1:
        raise ValueError("bearer.json names one network: wifi or modem")
    kind, fields = list(given.items())[0]
    if kind not in _FIELDS or type(fields) is not dict or sorted(fields) != sorted(_FIELDS[kind]):
        raise ValueError("bearer.json: wifi has ssid and key; modem has apn, user and password")
    values = [fields[name] for name in _FIELDS[kind]]
    for number, value in enumerate(values):
        if not (value is None and number) and not (type(value) is str and 0 < len(value) < 100):
            raise ValueError("bearer.json: %s is not a short text" % _FIELDS[kind][number])
    if kind == "modem" and [letter for letter in values[0] if letter not in _APN]:
        raise ValueError("bearer.json: apn holds letters, digits, dots and dashes")
    return kind, values


def choose(root, makers, complain):
    """The network to use. `makers`: kind -> function of its fields, for the kinds that this board can do."""
    try:
        with open(root + FILE, "rb") as file:
            data = file.read(_LIMIT)
    except OSError:
        return NoNetwork()
    try:
        choice = parse(data)
        if choice[0] not in makers:
            raise ValueError("bearer.json: this board has no " + choice[0])
    except ValueError as error:
        complain(str(error))
        return NoNetwork()
    return makers[choice[0]](*choice[1])
