"""The viper code that is generated: it is what its generator makes, and right even with the largest limbs."""

import hashlib
import random

import pytest

from tools import gen_curve, gen_field, gen_sha512
from tools.viper_double import Memory, Pointer

P = 2**255 - 19
WIDTH = 2 * gen_field.WIDTH  # bytes of a register
CARRIED = 8191  # the largest limb, as products leave it but for limb 2
FIRST = 8  # byte of register 0, behind a schedule of one step


@pytest.mark.parametrize("generator", [gen_field, gen_curve, gen_sha512])
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
        program = bytes(8)
        for name, d, a, b in operations:
            operation = sum(gen_field.OPERATIONS[part] for part in name.split("+"))
            in_table = name in ("RAM", "COMB_A", "COMB_B")
            program += halfwords([operation, _at(d), _at(a), b if in_table else _at(b)])
        row = FIRST + WIDTH * len(registers)
        buffer = halfwords([8, row if table else 0, 0, 0])
        buffer += b"".join(halfwords([*limbs, *[0] * 10]) for limbs in registers)
        buffer += b"".join(halfwords(limbs) for limbs in table)
        programs = self.memory.put(program + bytes(2))
        base = self.memory.put(buffer)
        combs = Pointer(self.memory, self.memory.put(b"".join(n.to_bytes(32, "little") for n in comb)), 1)
        self.names["run"](Pointer(self.memory, base, 2), programs, combs, combs)
        after = []
        for i in range(len(registers)):
            data = self.memory.get(base + _at(i), 40)
            after.append([int.from_bytes(data[k : k + 2], "little") for k in range(0, 40, 2)])
        return after


def halfwords(numbers):
    return b"".join(n.to_bytes(2, "little") for n in numbers)


def _at(register):
    return FIRST + WIDTH * register


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
    a = [3 * CARRIED] * 20
    for _ in range(3):
        b, c = limbs(CARRIED), [CARRIED] * 20
        _, first, second = machine.run([("RAM", 1, 0, 0), ("RAM", 2, 0, 40)], [a, a, a], [b, c])
        assert value(first) % P == value(a) * value(b) % P and carried(first)
        assert value(second) % P == value(a) * value(c) % P and carried(second)


def test_products_with_combs(machine):
    random.seed(6)
    a = [3 * CARRIED] * 20
    for b in (0, 1, P - 1, (1 << 255) - 1, *[random.getrandbits(255) for _ in range(9)]):
        for name in ("COMB_A", "COMB_B"):
            _, first, second = machine.run([(name, 1, 0, 0), (name, 2, 0, 32)], [a, a, a], (), [b, 3])
            assert value(first) % P == value(a) * b % P and carried(first)
            assert value(second) % P == value(a) * 3 % P and carried(second)


def test_squares(machine):
    random.seed(3)
    for a in [[CARRIED] * 20, [10_600, *[CARRIED] * 19]] + [limbs(CARRIED) for _ in range(30)]:
        _, square, twice = machine.run([("SQ", 1, 0, 0), ("SQ2", 2, 0, 0)], [a] * 3)
        assert value(square) % P == value(a) ** 2 % P and carried(square)
        assert value(twice) % P == 2 * value(a) ** 2 % P and carried(twice)


def test_sums_and_differences(machine):
    random.seed(4)
    extreme = [[0] * 20, [CARRIED] * 20, [10_600, CARRIED, CARRIED + 8, *[CARRIED] * 17]]
    for a in extreme + [limbs(CARRIED) for _ in range(10)]:
        for b in extreme + [limbs(CARRIED) for _ in range(3)]:
            operations = [("SIDES", 2, 0, 1), ("SIDES", 4, 0, 1), ("CARRY", 4, 4, 0), ("CARRY", 5, 5, 0)]
            _, _, less, sum_, less_carried, sum_carried = machine.run(operations, [a, b] + [a] * 4)
            x, y = value(a), value(b)
            assert value(less) % P == value(less_carried) % P == (y - x) % P
            assert value(sum_) == x + y and value(sum_carried) % P == (x + y) % P
            assert max(sum_) <= 2.7 * CARRIED and max(less) <= 3.3 * CARRIED
            assert carried(less_carried) and carried(sum_carried)
    twice = machine.run([("SIDES", 1, 0, 0)], [[CARRIED] * 20] * 3)[2]
    assert twice == [2 * CARRIED] * 20


class Formulas:
    """The programs of gen_curve.py on registers with chosen limbs."""

    def __init__(self, machine):
        self._machine = machine
        self._made = gen_curve.programs()
        self._data = b"".join(word.to_bytes(2, "little") for word in self._made.words)

    def run(self, names, registers, comb, row):
        """The registers by name after these programs, of which `registers` gives some. No column may overflow."""
        memory = self._machine.memory
        memory.free = self._machine.empty
        buffer = bytearray(gen_curve.ROWS + gen_curve.ROW)
        for name, limbs in registers.items():
            buffer[gen_curve.at(name) : gen_curve.at(name) + 40] = halfwords(limbs)
        buffer[gen_curve.ROWS : gen_curve.ROWS + 160] = b"".join(halfwords(limbs) for limbs in row)
        steps = []
        for name in names:
            steps += [self._made.places[name], gen_curve.ROWS if name[:3] == "add" else 0]
        buffer[: 2 * len(steps) + 2] = halfwords([*steps, 0])
        programs, base = memory.put(self._data), memory.put(buffer)
        combs = Pointer(memory, memory.put(b"".join(n.to_bytes(32, "little") for n in comb)), 1)
        self._machine.names["run"](Pointer(memory, base, 2), programs, combs, combs)
        after = memory.get(base, len(buffer))
        found = {}
        for name in gen_curve.REGISTERS:
            limbs = after[gen_curve.at(name) : gen_curve.at(name) + 40]
            found[name] = [int.from_bytes(limbs[k : k + 2], "little") for k in range(0, 40, 2)]
        return found


def test_the_point_formulas(machine):
    random.seed(5)
    formulas = Formulas(machine)
    full = [10_000, CARRIED, CARRIED + 8, *[CARRIED] * 17]
    extreme = [[0] * 20, [CARRIED] * 20, full]
    for n in range(12):
        choices = [full] if n == 0 else [*extreme, limbs(CARRIED), limbs(CARRIED)]
        start = {name: random.choice(choices) for name in ("X", "Y", "Z", "H", "E")}
        row = [random.choice(choices) for _ in range(4)]
        comb = [random.choice([0, P - 1, random.randrange(P)]) for _ in range(3)]
        x, y, z = (value(start[name]) for name in "XYZ")
        after = formulas.run(["double"], start, comb, row)
        e, g, h = 2 * x * y, y * y - x * x, x * x + y * y
        f = 2 * z * z - g
        assert [value(after[name]) % P for name in "XYZ"] == [e * f % P, g * h % P, f * g % P]
        for sign in (0, 1):
            for program in ("add", "comb_a", "comb_b"):
                # a doubling first: it leaves what the addition begins with
                after = formulas.run(["double", f"{program}{sign}"], start, comb, row)
                x2, y2, z2, t2 = e * f, g * h, f * g, e * h
                minus, plus, dt, twice_z = comb[0], comb[1], comb[2], 1
                if program == "add":
                    minus, plus, twice_z, dt = (value(limbs) for limbs in row)
                if sign:
                    minus, plus, dt = plus, minus, -dt
                a, b, c, d = (y2 - x2) * minus, (y2 + x2) * plus, t2 * dt, z2 * twice_z
                product = (b - a) * (d - c), (d + c) * (b + a), (d - c) * (d + c)
                assert [value(after[name]) % P for name in "XYZ"] == [n % P for n in product], program
                assert all(carried(after[name]) for name in "XYZ")


def test_the_double_would_notice_a_column_too_large(machine):
    with pytest.raises(OverflowError):
        machine.run([("REG", 1, 0, 0)], [[3 * CARRIED] * 20] * 2)


def test_sha512_on_32_bits():
    memory = Memory(overflows=False)
    names = memory.names()
    exec(compile(gen_sha512.generate(), "sha512", "exec"), names)
    at = memory.put(bytes(names["_buffer"]))
    compress = names["_compress"]
    table = Pointer(memory, memory.put(names["_K"]), 4)
    names["_compress"] = lambda v, x, block, k: compress(Pointer(memory, int(v), 4), x, block, table)
    message, digest = memory.put(bytes(range(256))), memory.put(bytes(64))
    for n in (0, 1, 111, 112, 127, 128, 240, 256):
        memory.bytes[at + 4 * gen_sha512.H : at + 4 * gen_sha512.H + 64] = names["_H"]
        names["_feed"](Pointer(memory, at, 1), 0, Pointer(memory, message, 1), n)
        names["_finish"](Pointer(memory, at, 1), n, Pointer(memory, digest, 1))
        assert memory.get(digest, 64) == hashlib.sha512(bytes(range(256))[:n]).digest(), n
