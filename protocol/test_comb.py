# heap: 1m
"""Combs: their files, and that they change no verdict. Bigger a heap than the lock's, because it makes them here."""

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
        x, y = maker.multiple(k % L)
        entry = table[120 * (128 * group + v) :]
        for place, expected in enumerate((y - x, y + x, maker.D2 * x * y)):
            limbs = [entry[40 * place + 2 * i] | entry[40 * place + 2 * i + 1] << 8 for i in range(20)]
            assert sum([limb << 13 * i for i, limb in enumerate(limbs)]) == expected % maker.P


def test_no_comb_is_made_of_a_key_of_another_order():
    mixed = encode(Affine.add(maker.multiple(SECRET), TORSION[1]))
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


def test_a_comb_is_used():
    if not compat.VIPER:
        return
    r = scalar(77)
    signature = signed(SECRET, KEY, r, maker.multiple(r), b"message")

    def check():
        assert ed25519.verify(KEY, b"message", signature) is False

    other = comb.encode(KEY, bytes(comb.parse(BASES[32]).table))  # of another point, under this key's name
    with_combs(check, BASES[32], other)
    assert ed25519.verify(KEY, b"message", signature) is True
