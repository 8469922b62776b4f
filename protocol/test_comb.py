# heap: 1m
"""Combs: their files, and that they change no verdict. Bigger a heap than the lock's, because it makes them here."""

from protocol import comb, compat, ed25519
from protocol.test_ed25519 import EXAMPLES, TORSION, Affine, L, challenge, encode, flipped, number, row
from protocol.test_ed25519_fast import scalar, signed, verdict
from tools import comb as maker

SECRET = scalar(7)
KEY = encode(Affine.times(SECRET, Affine.BASE))
BASES = {32: maker.base(32), 16: maker.base(16)}
KEYS = {32: maker.make(KEY, 32), 16: maker.make(KEY, 16)}


def refused(data):
    try:
        comb.parse(data)
    except comb.CombError:
        return True
    return False


def test_a_file_says_what_went_into_it():
    for spacing, size in ((32, 15_360), (16, 30_720)):
        made = comb.parse(KEYS[spacing])
        assert made.key == KEY and made.spacing == spacing and len(made.table) == size


def test_a_damaged_file_is_refused():
    data = KEYS[32]
    for i in list(range(0, len(data), 997)) + [0, 31, 32, len(data) - 33, len(data) - 32, len(data) - 1]:
        damaged = bytearray(data)
        damaged[i] ^= 1 << i % 8
        assert refused(damaged), i
    for size in (0, 31, 64, len(data) - 1, len(data) - 120):
        assert refused(data[:size]), size
    assert (
        refused(data + b"\0") and refused(comb.encode(KEY, b"")) and refused(comb.encode(KEY, bytes(15_240)))
    )


def test_entries_are_the_multiples_they_stand_for():
    table = comb.parse(BASES[16]).table
    for group, v in ((0, 0), (0, 127), (0, 85), (1, 0), (1, 99)):
        k = sum([(1 if t == 7 or v >> t & 1 else -1) << 16 * (8 * group + t) for t in range(8)])
        x, y = Affine.times(k, Affine.BASE)
        entry = table[120 * (128 * group + v) :]
        for place, expected in enumerate((y - x, y + x, maker.D2 * x * y)):
            limbs = [entry[40 * place + 2 * i] | entry[40 * place + 2 * i + 1] << 8 for i in range(20)]
            assert sum([limb << 13 * i for i, limb in enumerate(limbs)]) == expected % maker.P


def test_no_comb_is_made_of_a_key_of_another_order():
    mixed = encode(Affine.add(Affine.times(SECRET, Affine.BASE), TORSION[1]))
    for bad in (mixed, encode(TORSION[0]), encode(TORSION[3]), number(2), bytes(32)):
        try:
            maker.make(bad)
            raise AssertionError(bad)
        except maker.BadKey:
            pass


def with_combs(check, *files):
    for file in files:
        ed25519.use(comb.parse(file))
    try:
        check()
    finally:
        ed25519.forget_combs()


def same_verdicts():
    for seed in range(2):
        r = scalar(-seed - 9)
        signature = signed(SECRET, KEY, r, Affine.times(r, Affine.BASE), b"message")
        assert verdict(KEY, b"message", signature) is True
        assert verdict(KEY, b"massage", signature) is False
        for bit in range(0, 512, 101):
            assert verdict(KEY, b"message", flipped(signature, bit)) is False
        for t in TORSION[1:]:  # R with a part of small order
            point_r = Affine.add(Affine.times(r, Affine.BASE), t)
            assert verdict(KEY, b"m", signed(SECRET, KEY, r, point_r, b"m")) is False
    for t in TORSION:
        point_r = encode(t)
        s = challenge(point_r, KEY, b"m") * SECRET % L
        assert verdict(KEY, b"m", point_r + number(s)) is False
    for texts in EXAMPLES[:3]:  # keys without a comb
        key, message, signature = row(texts)
        assert verdict(key, message, signature) is True
        assert verdict(key, message, flipped(signature, 333)) is False


def test_every_mixture_of_combs_gives_the_same_verdicts():
    with_combs(same_verdicts, BASES[32])
    with_combs(same_verdicts, KEYS[32])  # of no use without that of B
    for base in (32, 16):
        for key in (32, 16):
            with_combs(same_verdicts, BASES[base], KEYS[key])


def test_a_comb_is_used():
    if not compat.VIPER:
        return
    r = scalar(77)
    signature = signed(SECRET, KEY, r, Affine.times(r, Affine.BASE), b"message")

    def check():
        assert ed25519.verify(KEY, b"message", signature) is False

    other = comb.encode(KEY, bytes(comb.parse(BASES[32]).table))  # of another point, under this key's name
    with_combs(check, BASES[32], other)
    assert ed25519.verify(KEY, b"message", signature) is True
