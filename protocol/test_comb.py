# heap: 1m
"""Combs: their files, and that they change no verdict. Bigger a heap than the lock's, because it makes them here."""

import io

from protocol import comb, compat, ed25519, ed25519_plain
from protocol.test_ed25519 import EXAMPLES, TORSION, Affine, L, challenge, encode, flipped, number, row
from protocol.test_ed25519_fast import scalar, signed
from tools import comb as maker

SECRET = scalar(7)
KEY = encode(maker.multiple(SECRET))
BASES = {32: maker.base(32), 16: maker.base(16)}
KEYS = {32: maker.make(KEY, 32), 16: maker.make(KEY, 16)}


def refused(data):
    try:
        comb.parse(data)
    except comb.CombError:
        return True
    return False


def test_a_file_says_what_went_into_it():
    for spacing, size in ((32, 12_288), (16, 24_576)):
        made = comb.parse(KEYS[spacing])
        assert made.key == KEY and made.spacing == spacing and len(made.table) == size


def test_a_damaged_file_is_refused():
    data = KEYS[32]
    for i in list(range(0, len(data), 997)) + [0, 31, 32, len(data) - 33, len(data) - 32, len(data) - 1]:
        damaged = bytearray(data)
        damaged[i] ^= 1 << i % 8
        assert refused(damaged), i
    for size in (0, 31, 64, len(data) - 1, len(data) - 96):
        assert refused(data[:size]), size
    assert (
        refused(data + b"\0") and refused(comb.encode(KEY, b"")) and refused(comb.encode(KEY, bytes(12_192)))
    )


def test_a_damaged_file_is_refused_where_it_lies():
    data = KEYS[32]
    found, source = left(data)
    assert found.key == KEY and found.spacing == 32 and found.source and source.closed == 1
    for i in (0, 31, 32, 5000, len(data) - 33, len(data) - 32, len(data) - 1):
        damaged = bytearray(data)
        damaged[i] ^= 1 << i % 8
        try:
            left(damaged)
            raise AssertionError(i)
        except comb.CombError:
            pass
    for size in (0, 64, len(data) - 1, len(data) + 1, 2 * len(data)):  # more or less than there is
        try:
            comb.leave(size, Source(data))
            raise AssertionError(size)
        except comb.CombError:
            pass
    for fails in (1, 7):
        source = Source(data)
        source.fails = fails
        try:
            comb.leave(len(data), source)
            raise AssertionError(fails)
        except OSError:
            assert source.closed == 1


def test_entries_are_the_multiples_they_stand_for():
    table = comb.parse(BASES[16]).table
    for group, v in ((0, 0), (0, 127), (0, 85), (1, 0), (1, 99)):
        k = sum([(1 if t == 7 or v >> t & 1 else -1) << 16 * (8 * group + t) for t in range(8)])
        x, y = maker.multiple(k % L)
        at = 96 * (128 * group + v)
        for twice in (y - x, y + x, 2 * maker.D * x * y):
            assert 2 * int.from_bytes(table[at : at + 32], "little") % maker.P == twice % maker.P
            at += 32


def test_no_comb_is_made_of_a_key_of_another_order():
    mixed = encode(Affine.add(maker.multiple(SECRET), TORSION[1]))
    for bad in (mixed, encode(TORSION[0]), encode(TORSION[3]), number(2), bytes(32)):
        try:
            maker.make(bad)
            raise AssertionError(bad)
        except maker.BadKey:
            pass


class Source:
    """A comb's file that stays where it is. `opened`, `closed`: how often; from the `fails`th read on, reads fail."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.opened = self.closed = self.reads = 0
        self.fails = None
        self.short = False  # the failing ones give too little, rather than an OSError

    def __call__(self):
        self.opened += 1
        self._file = io.BytesIO(self.data)
        self.seek = self._file.seek
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.closed += 1

    def read(self, n):
        return self._file.read(n)

    def readinto(self, buffer):
        self.reads += 1
        if self.fails is not None and self.reads >= self.fails:
            if self.short:
                return self._file.readinto(memoryview(buffer)[:5])
            raise OSError(5)
        return self._file.readinto(buffer)


def left(data):
    """(the comb of a file that stays where it is, its Source)."""
    source = Source(data)
    return comb.leave(len(data), source), source


def with_combs(check, *files):
    """Files, or combs."""
    for file in files:
        ed25519.use(file if isinstance(file, comb.Comb) else comb.parse(file))
    try:
        check()
    finally:
        ed25519.forget_combs()


def _cases():
    """(key, message, signature, verdict) of the key with the comb, with R of every kind, and of keys without one."""
    cases = []
    for seed in range(2):
        r = scalar(-seed - 9)
        plain = maker.multiple(r)
        signature = signed(SECRET, KEY, r, plain, b"message")
        cases += [(KEY, b"message", signature, True), (KEY, b"massage", signature, False)]
        cases += [(KEY, b"message", flipped(signature, bit), False) for bit in range(0, 512, 101)]
        for t in TORSION[1:]:  # R with a part of small order
            cases.append((KEY, b"m", signed(SECRET, KEY, r, Affine.add(plain, t), b"m"), False))
    for t in TORSION:
        s = challenge(encode(t), KEY, b"m") * SECRET % L
        cases.append((KEY, b"m", encode(t) + number(s), False))
    for texts in EXAMPLES[:3]:
        key, message, signature = row(texts)
        cases += [(key, message, signature, True), (key, message, flipped(signature, 333), False)]
    return cases


CASES = _cases()


def same_verdicts():
    for key, message, signature, good in CASES:
        a_x, r_x = maker.x_of(key), maker.x_of(signature[:32]) or bytes(32)
        for hints in ((None, None), (a_x, None), (None, r_x), (a_x, r_x)):
            assert ed25519.verify(key, message, signature, *hints) is good, hints


def test_the_cases_are_judged_so_without_combs():
    for key, message, signature, good in CASES:
        assert ed25519_plain.verify(key, message, signature) is good
    same_verdicts()


def test_a_wrong_hint_is_refused_where_no_hint_is_needed():
    key, message, signature, good = CASES[0]
    wrong = flipped(maker.x_of(key), 9)

    def check():
        assert good and ed25519.verify(key, message, signature, maker.x_of(key)) is True
        assert ed25519.verify(key, message, signature, wrong) is False

    with_combs(check, BASES[32], KEYS[32])


def test_every_mixture_of_combs_gives_the_same_verdicts():
    with_combs(same_verdicts, BASES[32])
    with_combs(same_verdicts, KEYS[32])  # of no use without that of B
    for base in (32, 16):
        for key in (32, 16):
            with_combs(same_verdicts, BASES[base], KEYS[key])


def test_a_comb_that_stays_in_its_file_gives_the_same_verdicts():
    for base, key in ((32, 32), (32, 16), (16, 32), (16, 16)):
        found, source = left(KEYS[key])
        with_combs(same_verdicts, BASES[base], found)
        assert source.opened == source.closed > 1 or not compat.VIPER


def test_the_verdict_is_the_same_when_a_comb_cannot_be_read():
    for spacing in (32, 16):
        for fails in (0, 1, 30):
            for short in (False, True):
                found, source = left(KEYS[spacing])
                source.reads, source.fails, source.short = 0, fails, short
                with_combs(some_verdicts, BASES[32], found)
                assert source.opened == source.closed > 1 or not compat.VIPER
    found, source = left(KEYS[32])
    found.source = gone
    with_combs(some_verdicts, BASES[32], found)


def gone():
    raise OSError(2)


def some_verdicts():
    for key, message, signature, good in CASES[:3]:
        assert ed25519.verify(key, message, signature) is good
        assert ed25519.verify(key, message, signature, maker.x_of(key), maker.x_of(signature[:32])) is good


def test_a_comb_is_used():
    if not compat.VIPER:
        return
    r = scalar(77)
    signature = signed(SECRET, KEY, r, maker.multiple(r), b"message")

    def check():
        assert ed25519.verify(KEY, b"message", signature) is False

    other = comb.encode(KEY, bytes(comb.parse(BASES[32]).table))  # of another point, under this key's name
    with_combs(check, BASES[32], other)
    with_combs(check, BASES[32], left(other)[0])
    assert ed25519.verify(KEY, b"message", signature) is True
