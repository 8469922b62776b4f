"""The viper code that is generated: it is what its generator makes, and right even with the largest limbs."""

import hashlib
import random

import pytest

from tools import gen_field, gen_sha512
from tools.viper_double import Memory, Pointer

P = 2**255 - 19
WORDS = gen_field.WORDS
CARRIED = 8191  # the largest limb, as products leave it but for limb 2
FIRST = 8  # byte of register 0


@pytest.mark.parametrize("generator", [gen_field, gen_sha512])
def test_the_module_is_what_its_generator_makes(generator):
    assert generator.TARGET.read_text() == generator.generate()


class Machine:
    """field25519.py on 32 bits. Registers are lists of 20 limbs; raises OverflowError where a column outgrows them."""

    def __init__(self):
        self.memory = Memory()
        self.names = self.memory.names()
        exec(compile(gen_field.generate(), "field25519", "exec"), self.names)
        self.empty = self.memory.free

    def run(self, operations, registers, table=(), comb=()):
        """The registers after these (name, d, a, b); d, a, b are numbers of registers, or b a place in a table."""
        self.memory.free = self.empty
        code = b""
        for name, d, a, b in operations:
            *kept, name = reversed(name.split("+"))
            operation = self.names[name] + len(kept)
            in_table = name in ("RAM", "COMB_A", "COMB_B")
            for word in (operation, _at(d), _at(a), b if in_table else _at(b)):
                code += word.to_bytes(2, "little")
        words = b"".join(
            n.to_bytes(4, "little") for limbs in registers for n in [*limbs, *[0] * (WORDS - 20)]
        )
        buffer = bytes(FIRST) + words
        programs = len(buffer)
        buffer += code + bytes(8)
        rows = len(buffer)
        buffer += b"".join(n.to_bytes(4, "little") for limbs in table for n in limbs) + bytes(4)
        buffer += bytes(-len(buffer) % 4)
        steps = len(buffer)
        row = rows if table else 0
        buffer += programs.to_bytes(4, "little") + row.to_bytes(4, "little") + bytes(4)
        base = self.memory.put(buffer)
        combs = self.memory.put(b"".join(n.to_bytes(2, "little") for limbs in comb for n in limbs))
        pointers = (
            Pointer(self.memory, base, 4),
            steps,
            Pointer(self.memory, combs, 2),
            Pointer(self.memory, combs, 2),
        )
        self.names["run"](*pointers)
        after = []
        for i in range(len(registers)):
            data = self.memory.get(base + _at(i), 80)
            after.append([int.from_bytes(data[k : k + 4], "little") for k in range(0, 80, 4)])
        return after


def _at(register):
    return FIRST + 4 * WORDS * register


def value(limbs):
    return sum(n << 13 * k for k, n in enumerate(limbs))


def limbs(most):
    return [random.choice([0, 1, most, most - 1, random.randint(0, most)]) for _ in range(20)]


@pytest.fixture(scope="module")
def machine():
    return Machine()


def carried(limbs):
    """What every operation promises that does not say loose; limb 0 after an addition up to 1.3 * 8191."""
    return limbs[0] <= 1.3 * CARRIED and limbs[2] <= CARRIED + 8 and all(n <= CARRIED for n in limbs[3:])


LOOSE = [(1, 1), (3, 1), (1, 3), (2, 1)]


@pytest.mark.parametrize("a_loose, b_loose", LOOSE)
def test_products_of_the_largest_limbs(machine, a_loose, b_loose):
    random.seed(1)
    full = [a_loose * CARRIED + 8] * 20, [b_loose * CARRIED + 8] * 20
    for a, b in [full] + [(limbs(a_loose * CARRIED), limbs(b_loose * CARRIED)) for _ in range(30)]:
        _, _, d, again, kept = machine.run(
            [("REG", 2, 0, 1), ("KEEP+SUMS", 3, 0, 0), ("KEEP", 4, 2, 0)], [a, b, a, a, a]
        )
        assert value(d) % P == value(a) * value(b) % P and carried(d)
        assert again == d
        assert value(kept) % P == value(d) * value(b) % P and carried(kept)


def test_products_with_tables(machine):
    random.seed(2)
    for most in (CARRIED, CARRIED):
        a, b, c = [3 * most] * 20, limbs(most), [most] * 20
        for table, comb, name in (([b, c], (), "RAM"), ((), [b, c], "COMB_A"), ((), [b, c], "COMB_B")):
            size = 80 if name == "RAM" else 40
            _, first, second = machine.run([(name, 1, 0, 0), (name, 2, 0, size)], [a, a, a], table, comb)
            assert value(first) % P == value(a) * value(b) % P and carried(first)
            assert value(second) % P == value(a) * value(c) % P and carried(second)


def test_squares(machine):
    random.seed(3)
    for a in [[CARRIED] * 20, [10_600, *[CARRIED] * 19]] + [limbs(CARRIED) for _ in range(30)]:
        _, square, twice, product = machine.run(
            [("SQ", 1, 0, 0), ("SQ2", 2, 0, 0), ("TWICE", 3, 0, 0)], [a] * 4
        )
        assert value(square) % P == value(a) ** 2 % P and carried(square)
        assert (
            value(twice) % P == value(product) % P == 2 * value(a) ** 2 % P
            and carried(twice)
            and carried(product)
        )


def test_sums_and_differences(machine):
    random.seed(4)
    extreme = [[0] * 20, [CARRIED] * 20, [10_600, *[CARRIED] * 19]]
    for a in extreme + [limbs(CARRIED) for _ in range(10)]:
        for b in extreme + [limbs(CARRIED) for _ in range(3)]:
            operations = [("ADD", 2, 0, 1), ("SUB", 3, 0, 1), ("SUM", 4, 0, 1), ("SIDES", 5, 0, 0)]
            _, _, added, less, loose, minus, plus = machine.run(operations, [a, b] + [a] * 5)
            x, y = value(a), value(b)
            assert value(added) % P == value(loose) % P == value(plus) % P == (x + y) % P and carried(added)
            assert value(less) % P == (x - y) % P and carried(less)
            assert value(minus) % P == (y - x) % P
            assert max(plus) <= 2.7 * CARRIED and max(minus) <= 3.3 * CARRIED


def test_the_sums_inside_the_point_formulas(machine):
    random.seed(5)
    extreme = [[0] * 20, [CARRIED] * 20]
    for _ in range(60):
        a, b, c, d = [random.choice(extreme + [limbs(CARRIED)]) for _ in range(4)]
        before = [a, b, c, d, a, a, a, a]
        x, y, z, t = [value(n) for n in (a, b, c, d)]
        *_, e, f, g, h = machine.run([("ADDED", 0, 0, 0)], before)
        assert [value(n) % P for n in (e, f, g, h)] == [(y - x) % P, (t - z) % P, (t + z) % P, (x + y) % P]
        assert carried(e) and carried(f) and carried(h)
        *_, f, g, h = machine.run([("DOUBLED", 0, 0, 0)], before)
        assert [value(n) % P for n in (f, g, h)] == [(z - y + x) % P, (y - x) % P, (x + y) % P]
        assert carried(g)
        # X = E F, Y = G H, Z = F G, T = E H fit, whatever the limbs were
        products = [("REG", 1, 7, 6), ("KEEP", 2, 5, 0), ("REG+SUMS", 0, 5, 4), ("KEEP+SUMS", 3, 7, 0)]
        for operation in ("ADDED", "DOUBLED"):
            machine.run([(operation, 0, 0, 0), *products], before)


def test_the_double_would_notice_a_column_too_large(machine):
    with pytest.raises(OverflowError):
        machine.run([("REG", 1, 0, 0)], [[3 * CARRIED] * 20] * 2)


def test_sha512_on_32_bits():
    memory = Memory(overflows=False)
    names = memory.names()
    exec(compile(gen_sha512.generate(), "sha512", "exec"), names)
    at = memory.put(bytes(names["_buffer"]))
    compress = names["_compress"]
    names["_compress"] = lambda v, x, block: compress(Pointer(memory, int(v), 4), x, block)
    message, digest = memory.put(bytes(range(256))), memory.put(bytes(64))
    for n in (0, 1, 111, 112, 127, 128, 240, 256):
        memory.bytes[at + 4 * gen_sha512.H : at + 4 * gen_sha512.H + 64] = names["_H"]
        names["_feed"](Pointer(memory, at, 1), 0, Pointer(memory, message, 1), n)
        names["_finish"](Pointer(memory, at, 1), n, Pointer(memory, digest, 1))
        assert memory.get(digest, 64) == hashlib.sha512(bytes(range(256))[:n]).digest(), n
