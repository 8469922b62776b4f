"""Combs at boot: put to use when whole, told when not. These hold zeros, which shows whether they are used."""

from firmware import combs
from firmware.store import Store
from protocol import comb, compat, ed25519, keys, keyset
from protocol.test_ed25519 import EXAMPLES, row

KEY, MESSAGE, SIGNATURE = row(EXAMPLES[1])
OLDER = row(EXAMPLES[2])[0]
KID = keys.kid(keys.RIDE, KEY)
BASE_FILE, KEY_FILE = "comb-base", "comb-" + "".join(["%02x" % byte for byte in KID])
KEYSET = keyset.parse(keyset.encode(1, [(keys.kid(keys.RIDE, OLDER), OLDER, 5, 9), (KID, KEY, 6, 9)]))


class Flash(Store):
    """A store in memory."""

    def __init__(self, files):
        self.files = files

    def size(self, name):
        return len(self.files.get(name, b""))

    def read_into(self, name, data):
        if name not in self.files:
            raise OSError(2)
        data[:] = self.files[name]


def whole():
    return {BASE_FILE: comb.encode(ed25519.BASE, bytes(15360)), KEY_FILE: comb.encode(KEY, bytes(15360))}


def loaded(files):
    """(what load says, whether a good signature is still verified: not by nonsense)."""
    try:
        return combs.load(Flash(files), KEYSET), ed25519.verify(KEY, MESSAGE, SIGNATURE)
    finally:
        ed25519.forget_combs()


def test_whole_combs_are_put_to_use():
    assert loaded(whole()) == (True, not compat.VIPER)
    assert ed25519.verify(KEY, MESSAGE, SIGNATURE)


def test_the_newest_issuer_has_the_comb():
    files = whole()
    files["comb-" + ("".join(["%02x" % b for b in keys.kid(keys.RIDE, OLDER)]))] = files.pop(KEY_FILE)
    assert loaded(files)[0] is False


def test_without_the_issuers_comb_the_lock_says_so():
    for wrong in (None, b"", b"\0" * 64, comb.encode(OLDER, bytes(15360)), whole()[KEY_FILE][:-1]):
        files = whole()
        if wrong is None:
            del files[KEY_FILE]
        else:
            files[KEY_FILE] = wrong
        del files[BASE_FILE]
        assert loaded(files) == (False, True)


def test_a_damaged_comb_is_not_used():
    for name in (BASE_FILE, KEY_FILE):
        files = whole()
        files[name][5000] ^= 1
        said, verified = loaded(files)
        assert said is False
        assert verified is (name == BASE_FILE or not compat.VIPER)  # B's nonsense serves any key
