"""Writes protocol/field25519.py: arithmetic modulo p = 2^255 - 19 for MicroPython's viper. `python -m tools.gen_field`.

An element is 20 limbs of 13 bits, lowest first, so that a sum of 20 products of limbs fits 32 bits: the same code gives
the same limbs where viper's ints have 32 bits (ESP32, RV32) and 64 (desktop). 2^260 = 608 (mod p) folds the upper half.
In memory a limb takes 16 bits.

Everything is one function, because a viper call costs as much as a tenth of a multiplication: `run` is a small machine
that executes a schedule. Why it looks as it does, in order of what it saves:

* A product of limbs costs six instructions; viper keeps the first two locals in registers, so those are the pointer to
  the left operand and the running column. One level of Karatsuba leaves 300 products of 400.
* The right operand lies in locals, and stays there: a multiplication may KEEP it. The same for the sums of the left
  operand's halves, which lie behind its limbs.
* Sums are carried only where the product that follows would not fit.
* Code lies in the heap: products are written out, where a loop would cost a fifth, and all else is a loop or shared.
  The last locals lie nearest to the stack pointer, within reach of a short instruction: so those that products use are
  the last, and some serve twice.

`loose n` below means limbs up to n * 8191 and a bit. A product takes a loose m by a loose n if m * n <= 3.
"""

from pathlib import Path

LIMBS = 20
HALF = LIMBS // 2
WIDTH = LIMBS + HALF  # of one register, in halfwords: limbs, then the sums of its halves
FOLD = 608
ROUNDS = 2  # of a loop over pairs of limbs
CARRY_ROUNDS = 4
TARGET = Path(__file__).parent.parent / "protocol" / "field25519.py"

OPERATIONS = {"KEEP": 1, "REG": 3, "RAM": 5, "COMB_B": 7, "COMB_A": 9, "SQ": 11, "SQ2": 12}
OPERATIONS |= {"CARRY": 13, "SIDES": 14, "STORE": 15, "SUMS": 1}

# 64p, a multiple of p whose limbs exceed any carried limb: added before a subtraction
LOWEST_64P, OTHER_64P = 2 * 8191 - 2 * (FOLD - 1), 2 * 8191

HEAD = '''"""Arithmetic modulo 2^255 - 19 in viper. Made by tools/gen_field.py, which explains it: do not edit.

`run(buffer, programs, comb_b, comb_a)` executes the schedule that the buffer begins with: pairs of halfwords
(program, table), ended by 0. `programs` is the address of what `address` was asked for: it begins with a 0; a program
is a byte offset in it, of instructions of four halfwords (operation, d, a, b), ended by an operation 0. d, a, b are
byte offsets in the buffer, of registers of {width} halfwords; table is one in the buffer too, or in a comb, whose
address four divides. In a product d is not a.

| operation                 | does                                                                                 |
|---------------------------|--------------------------------------------------------------------------------------|
| KEEP, REG, RAM            | d = a * b: the same b as before, a register, an element of the table                 |
| COMB_B, COMB_A            | d = a * b, the 32 bytes at b of a comb's entry. + SUMS: a's sums of halves are there |
| SQ, SQ2                   | d = a^2, 2a^2                                                                        |
| CARRY                     | d = d, carried; a must be d                                                          |
| SIDES                     | d = b - a loose 3, next d = a + b loose 2, of carried a and b; b may be a, not d     |
| STORE                     | table + d = the limbs of a                                                           |
"""


@micropython.viper
def address(data: ptr8) -> int:
    return int(data)


@micropython.viper
def run(a: ptr16, x: int, comb_b: ptr8, comb_a: ptr8):
'''


class Source:
    """Lines at a depth of indentation."""

    def __init__(self):
        self.lines = []
        self.depth = 1

    def __call__(self, *lines):
        self.lines.extend("    " * self.depth + line for line in lines)

    def under(self, head):
        """`head:` and what follows in a `with` below it."""
        self(head + ":")
        return self

    def __enter__(self):
        self.depth += 1

    def __exit__(self, *_):
        self.depth -= 1


def products(k, n, left, right):
    """The products of column k of n limbs by n limbs."""
    return [f"{left(i)} * {right(k - i)}" for i in range(max(0, k - n + 1), min(k, n - 1) + 1)]


def add_up(to, terms, fresh=True, into=None):
    """x = the terms added up (and x, if it is not fresh); the last addition goes to `into`."""
    for i, term in enumerate(terms):
        target = into if into and i == len(terms) - 1 else "x"
        to(f"{target} = {term}" + ("" if fresh and i == 0 else " + x"))


def carry(to, where):
    to(f"{where} = x & m", "x = int(uint(x) >> 13)")


def fold_top(to):
    """The carry out of limb 19 back into the lowest; after it limb 2 alone may exceed 13 bits, by 5."""
    to(f"x = x * {FOLD} + d[0]", "d[0] = x & m", "x = int(uint(x) >> 13) + d[1]", "d[1] = x & m")
    to("d[2] = d[2] + (x >> 13)")


def q(k):
    """Columns 10 to 18 of a1 b1 wait where w will be."""
    return f"w{k}" if k >= HALF else f"q{k}"


def multiply(to):
    """d = a * b. With a = a0 + a1 y, b = b0 + b1 y, y = 2^130 and y^2 = 608, columns p of a0 b0, q of a1 b1 and s of
    (a0 + a1)(b0 + b1): a b = p + y (s - p - q) + y^2 q, one column at a time. s may wrap at 32 bits, and wraps back."""
    ps = [products(k, HALF, lambda i: f"a[{i}]", lambda i: f"b{i}") for k in range(2 * HALF - 1)]
    qs = [
        products(k, HALF, lambda i: f"a[{i + HALF}]", lambda i: f"b{i + HALF}") for k in range(2 * HALF - 1)
    ]
    ss = [products(k, HALF, lambda i: f"a[{i + LIMBS}]", lambda i: f"s{i}") for k in range(2 * HALF - 1)]
    for k in range(HALF):
        add_up(to, ps[k], into=f"p{k}")
    for k in range(HALF - 1, 2 * HALF - 1):
        add_up(to, qs[k], into=q(k))
    for k in range(HALF - 1):  # u = p - q where both are needed only so
        add_up(to, qs[k])
        first, *rest = ps[k + HALF]
        if rest:
            to(f"x = {first} - x")
            add_up(to, rest, fresh=False, into=f"u{k}")
        else:
            to(f"u{k} = {first} - x")
    for k in range(2 * HALF - 1):  # columns 20 to 38
        if k < HALF - 1:
            *rest, last = ss[k + HALF]
            add_up(to, rest, fresh=k == 0)
            to(f"x = {last}" + (" + x" if rest or k else "") + f" - u{k} - {q(k + HALF)}")
        else:
            to(f"x = x + {q(k)}")
        carry(to, f"w{k}")
    to(f"w{LIMBS - 1} = x")
    for k in range(LIMBS):
        mine = f" + p{k}" if k < HALF else f" + u{k - HALF} - p{k - HALF}" if k < LIMBS - 1 else " - p9 - q9"
        to(f"x = w{k} * {FOLD}" + (" + x" if k else "") + mine)
        if k >= HALF:
            add_up(to, ss[k - HALF], fresh=False)
        carry(to, f"d[{k}]")


def square(to):
    """d = a^2, or 2 a^2 if y is 2: b_i = a_i << y counts the products that appear twice, and half of it the others."""

    def terms(k):
        return [
            f"(a[{i}] * b{i} >> 1)" if 2 * i == k else f"a[{i}] * b{k - i}"
            for i in range(max(0, k - 19), k // 2 + 1)
        ]

    to(*[f"b{k} = a[{k}] << y" for k in range(LIMBS)])
    for k in range(LIMBS, 2 * LIMBS - 1):
        add_up(to, terms(k), fresh=k == LIMBS)
        carry(to, f"w{k - LIMBS}")
    to(f"w{LIMBS - 1} = x")
    for k in range(LIMBS):
        to(f"x = w{k} * {FOLD}" + (" + x" if k else ""))
        add_up(to, terms(k), fresh=False)
        carry(to, f"d[{k}]")


def operands(to):
    """The right operand into b0..b19 and s0..s9, unless kept; the sums of the left one behind it, unless kept."""
    with to.under("if x > 2"):
        with to.under("if x < 7"):
            with to.under("if x < 5"):
                to("x = pr[3] + base")
            with to.under("else"):
                to("x = pr[3] + base + table")
            to(*[f"b{k} = ptr16(x)[{k}]" for k in range(LIMBS)])
        with to.under("else"):
            with to.under("if x < 9"):
                to("y = pr[3] + table + int(comb_b)")
            with to.under("else"):
                to("y = pr[3] + table + int(comb_a)")
            unpack(to)
        to(*[f"s{k} = b{k} + b{k + HALF}" for k in range(HALF)])
    with to.under("if pr[0] & 1"):
        to("y = int(a)")
        for k in range(HALF // 2):
            to(f"x = ptr32(y)[{k}]", f"ptr32(y)[{k + LIMBS // 2}] = ptr32(y)[{k + HALF // 2}] + x")


def unpack(to):
    """32 bytes at y, little-endian, into limbs. x has the bits of a word that are left."""
    left = word = 0
    for k in range(LIMBS):
        if left >= 13:
            to(f"b{k} = x & m", "x = int(uint(x) >> 13)")
            left -= 13
        else:
            more = f"ptr32(y)[{word}]"
            to(f"b{k} = (x | {more} << {left}) & m" if left else f"b{k} = {more} & m")
            to(f"x = int(uint({more}) >> {13 - left})")
            left += 32 - 13
            word += 1
        if word == 8 and k == LIMBS - 2:
            to(f"b{k + 1} = x")
            return


def loop(to, n, lines, step, *pointers):
    """n times all of lines, which move the pointers by step bytes. It uses y."""
    to(f"y = {n}")
    with to.under("while y"):
        to(*lines, *[f"{name} = ptr16(int({name}) + {step})" for name in pointers], "y -= 1")


def linear(to):
    """SIDES and STORE, two limbs at a time: no lane of 16 bits overflows."""
    words = LIMBS // 2 // ROUNDS
    with to.under("elif x == 14"):
        to("b = ptr16(pr[3] + base)")
        lines = []
        for k in range(words):
            lines += [f"x = ptr32(a)[{k}]", f"ptr32(d)[{k}] = ptr32(b)[{k}] + twice - x"]
            lines += [f"ptr32(d)[{k + WIDTH // 2}] = ptr32(b)[{k}] + x"]
        loop(to, ROUNDS, lines, 4 * words, "a", "b", "d")
        to(f"d[-{LIMBS}] = d[-{LIMBS}] - {OTHER_64P - LOWEST_64P}")
    with to.under("else"):
        to("d = ptr16(int(d) + table)")
        lines = [f"ptr32(d)[{k}] = ptr32(a)[{k}]" for k in range(words)]
        loop(to, ROUNDS, lines, 4 * words, "a", "d")


def generate():
    """The text of protocol/field25519.py."""
    to = Source()
    far = (
        [f"p{k}" for k in range(HALF)] + [f"u{k}" for k in range(HALF - 1)] + ["q9"]
    )  # of short instructions
    to(
        f"twice = {OTHER_64P << 16 | OTHER_64P}",
        "base = int(a)",
        "schedule = ptr16(base)",
        "programs = x",
        "pr = ptr16(programs)",
        "table = 0",
        "b = ptr16(base)",
        *[f"{name} = 0" for name in far],
        "d = ptr16(base)",
        "y = 0",
        "m = 8191",
        *[f"w{k} = 0" for k in range(LIMBS)],
        *[f"s{k} = 0" for k in range(HALF)],
        *[f"b{k} = 0" for k in range(LIMBS)],
    )
    with to.under("while True"):
        to("x = pr[0]")
        with to.under("if x == 0"):
            to("x = schedule[0]")
            with to.under("if x == 0"):
                to("return")
            to(
                "pr = ptr16(programs + x)",
                "table = schedule[1]",
                "schedule = ptr16(int(schedule) + 4)",
                "x = pr[0]",
            )
        to("d = ptr16(pr[1] + base)", "a = ptr16(pr[2] + base)")
        with to.under("if x < 14"):
            with to.under("if x < 11"):
                operands(to)
                multiply(to)
            with to.under("elif x < 13"):
                to("y = x - 10")
                square(to)
            with to.under("else"):
                to("x = 0")
                limbs = LIMBS // CARRY_ROUNDS
                lines = []
                for k in range(limbs):
                    lines += [f"x = a[{k}] + x", f"a[{k}] = x & m", "x = x >> 13"]
                loop(to, CARRY_ROUNDS, lines, 2 * limbs, "a")
            fold_top(to)
        linear(to)
        to("pr = ptr16(int(pr) + 8)")
    return HEAD.replace("{width}", str(WIDTH)) + "\n".join(to.lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(generate())
