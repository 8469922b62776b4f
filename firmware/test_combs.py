# heap: 1m
"""Combs at boot: put to use when whole, told when not. Most of these hold zeros, which shows whether they are used."""

import io

from boards.sim.virtual import VirtualBoard
from firmware import combs
from firmware.store import Store
from protocol import comb, compat, ed25519, keys, keyset
from protocol.test_ed25519 import EXAMPLES, row

KEY, MESSAGE, SIGNATURE = row(EXAMPLES[1])
OLDER, OLDER_MESSAGE, OLDER_SIGNATURE = row(EXAMPLES[2])
MASTER, MASTER_MESSAGE, MASTER_SIGNATURE = row(EXAMPLES[0])
ISSUERS = ((keys.RIDE, OLDER, 5), (keys.RIDE, KEY, 6), (keys.MASTER, MASTER, 7))
KEYSET = keyset.parse(keyset.encode(1, [(keys.kid(role, key), key, nbf, 9) for role, key, nbf in ISSUERS]))
SIZE = 12288
BASE_FILE = "comb-base"


def name(role, key):
    return "comb-" + "".join(["%02x" % byte for byte in keys.kid(role, key)])


KEY_FILE, OLDER_FILE, MASTER_FILE = name(keys.RIDE, KEY), name(keys.RIDE, OLDER), name(keys.MASTER, MASTER)


class Flash(Store):
    """A store in memory. `reads`: how often a file that stays there was opened."""

    def __init__(self, files):
        self.files = files
        self.reads = 0

    def size(self, name):
        return len(self.files.get(name, b""))

    def read_into(self, name, data):
        if name not in self.files:
            raise OSError(2)
        data[:] = self.files[name]

    def open(self, name):
        self.reads += 1
        if name not in self.files:
            raise OSError(2)
        return io.BytesIO(self.files[name])


def whole():
    files = {name(role, key): comb.encode(key, bytes(SIZE)) for role, key, _ in ISSUERS}
    files[BASE_FILE] = comb.encode(ed25519.BASE, bytes(SIZE))
    return files


def loaded(files, signed=(KEY, MESSAGE, SIGNATURE)):
    """(what load says, whether a good signature is still verified: not by nonsense)."""
    try:
        return combs.load(Flash(files), KEYSET), ed25519.verify(*signed)
    finally:
        ed25519.forget_combs()


def test_whole_combs_are_put_to_use():
    assert loaded(whole()) == (True, not compat.VIPER)
    assert ed25519.verify(KEY, MESSAGE, SIGNATURE)


def test_the_combs_of_other_issuers_are_used_from_their_files():
    for signed in ((OLDER, OLDER_MESSAGE, OLDER_SIGNATURE), (MASTER, MASTER_MESSAGE, MASTER_SIGNATURE)):
        assert loaded(whole(), signed) == (True, not compat.VIPER)


def test_only_the_newest_ride_issuers_comb_is_held():
    flash = Flash(whole())
    try:
        assert combs.load(flash, KEYSET)
        assert flash.reads == 2  # to check them
        for key, reads in ((KEY, 2), (OLDER, 3), (MASTER, 4)):
            ed25519.verify(key, MESSAGE, SIGNATURE[:32] + bytes(32))
            assert flash.reads == (reads if compat.VIPER else 2), key
    finally:
        ed25519.forget_combs()


def test_without_an_issuers_comb_the_lock_says_so():
    for file, key in ((KEY_FILE, KEY), (OLDER_FILE, OLDER), (MASTER_FILE, MASTER)):
        other = MASTER if key == OLDER else OLDER
        for wrong in (None, b"", b"\0" * 64, comb.encode(other, bytes(SIZE)), whole()[file][:-1]):
            files = whole()
            if wrong is None:
                del files[file]
            else:
                files[file] = wrong
            del files[BASE_FILE]
            assert loaded(files) == (False, True)


def test_a_damaged_comb_is_not_used():
    cases = (
        (BASE_FILE, (KEY, MESSAGE, SIGNATURE)),
        (KEY_FILE, (KEY, MESSAGE, SIGNATURE)),
        (OLDER_FILE, (OLDER, OLDER_MESSAGE, OLDER_SIGNATURE)),
        (MASTER_FILE, (MASTER, MASTER_MESSAGE, MASTER_SIGNATURE)),
    )
    for file, signed in cases:
        for at in (5000, -1):
            files = whole()
            files[file][at] ^= 1
            said, verified = loaded(files, signed)
            assert said is False
            assert verified is (file == BASE_FILE or not compat.VIPER)  # B's nonsense serves any key


def test_combs_of_other_issuers_are_read_from_a_real_file_system():
    store = Store(VirtualBoard().storage.root)
    for file, data in whole().items():
        store.write(file, data)
    try:
        assert combs.load(store, KEYSET)
        for signed in ((OLDER, OLDER_MESSAGE, OLDER_SIGNATURE), (MASTER, MASTER_MESSAGE, MASTER_SIGNATURE)):
            assert ed25519.verify(*signed) is not compat.VIPER  # a comb of zeros
        store.remove(BASE_FILE)
        assert not combs.load(store, KEYSET)
        for file in (OLDER_FILE, MASTER_FILE):
            store.write(file, whole()[file][:-1])
        assert not combs.load(store, KEYSET)
        for signed in ((OLDER, OLDER_MESSAGE, OLDER_SIGNATURE), (MASTER, MASTER_MESSAGE, MASTER_SIGNATURE)):
            assert ed25519.verify(*signed)
    finally:
        ed25519.forget_combs()
