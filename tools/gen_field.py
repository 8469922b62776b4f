"""Writes protocol/field25519.py: arithmetic modulo p = 2^255 - 19 for MicroPython's viper. `python -m tools.gen_field`.

An element is 20 limbs of 13 bits, lowest first, so that a sum of 20 products of limbs fits 32 bits: the same code gives
the same limbs where viper's ints have 32 bits (ESP32, RV32) and 64 (desktop). 2^260 = 608 (mod p) folds the upper half.

Everything is one function, because a viper call costs as much as a tenth of a multiplication: `run` is a small machine
that executes a schedule. Why it looks as it does, in order of what it saves:

* A product of limbs costs six instructions; viper keeps the first two locals in registers, so those are the pointer to
  the left operand and the running column. One level of Karatsuba leaves 300 products of 400.
* The right operand lies in locals, and stays there: a multiplication may KEEP it. The same for the sums of the left
  operand's halves, which lie behind its limbs.
* Additions are fused for each point formula, and carried only where the product that follows would not fit.

`loose n` below means limbs up to n * 8191 and a bit. A product takes a loose m by a loose n if m * n <= 3.
"""

from pathlib import Path

LIMBS = 20
HALF = LIMBS // 2
WORDS = LIMBS + HALF  # of one register: limbs, then the sums of its halves
FOLD = 608
TARGET = Path(__file__).parent.parent / "protocol" / "field25519.py"

# 64p, a multiple of p whose limbs exceed any carried limb: added before a subtraction
LOWEST_64P, OTHER_64P = 2 * 8191 - 2 * (FOLD - 1), 2 * 8191

HEAD = '''"""Arithmetic modulo 2^255 - 19 in viper. Made by tools/gen_field.py, which explains it: do not edit.

`run(buffer, x, comb_b, comb_a)` executes the schedule at byte x of the buffer: pairs of words (subroutine, table),
ended by 0. The buffer begins with a zero word; then come registers of {words} words, programs, point tables and the
schedule, as the caller likes. Addresses in it are byte offsets. A subroutine is instructions of four halfwords
(operation, d, a, b), ended by an operation 0. In a product d is not a.

| operation                 | does                                                                                 |
|---------------------------|--------------------------------------------------------------------------------------|
| KEEP, REG, RAM, COMB_B,   | d = a * b: the same b as before, a register, an element of the table in the buffer,  |
| COMB_A, TWICE             | one of a comb's 16-bit limbs; TWICE: d = 2ab. + SUMS: a's sums of halves are not new |
| SQ, SQ2                   | d = a^2, 2a^2                                                                        |
| DOUBLED                   | at a = A B C . . F G H: G = B - A, H = A + B loose 2, F = C - G loose 3              |
| ADDED                     | at a = A B C D E F G H: E = B - A, F = D - C, H = A + B, G = D + C loose 2           |
| SIDES                     | d = y - x loose 3, next d = y + x loose 2, of a = x y                                |
| STORE                     | table + d = the limbs of a                                                           |
| ADD, SUB, SUM             | d = a + b, d = a - b; SUM: d = a + b loose 2                                         |
"""

KEEP, REG, RAM, COMB_B, COMB_A, TWICE = 1, 3, 5, 7, 9, 11
SUMS = 1
SQ, SQ2, DOUBLED, ADDED, SIDES, STORE, ADD, SUB, SUM = 13, 14, 15, 16, 17, 18, 19, 20, 21


@micropython.viper
def run(a: ptr32, x: int, comb_b: ptr16, comb_a: ptr16):
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


def multiply(to):
    """d = a * b. With a = a0 + a1 y, b = b0 + b1 y, y = 2^130 and y^2 = 608, columns p of a0 b0, q of a1 b1 and s of
    (a0 + a1)(b0 + b1): a b = p + y (s - p - q) + y^2 q, one column at a time. s may wrap at 32 bits, and wraps back."""
    p = [products(k, HALF, lambda i: f"a[{i}]", lambda i: f"b{i}") for k in range(2 * HALF - 1)]
    q = [products(k, HALF, lambda i: f"a[{i + HALF}]", lambda i: f"b{i + HALF}") for k in range(2 * HALF - 1)]
    s = [products(k, HALF, lambda i: f"a[{i + LIMBS}]", lambda i: f"s{i}") for k in range(2 * HALF - 1)]
    for k in range(HALF):
        add_up(to, p[k], into=f"p{k}")
    for k in range(HALF - 1, 2 * HALF - 1):
        add_up(to, q[k], into=f"q{k}")
    for k in range(HALF - 1):  # u = p - q where both are needed only so
        add_up(to, q[k])
        first, *rest = p[k + HALF]
        if rest:
            to(f"x = {first} - x")
            add_up(to, rest, fresh=False, into=f"u{k}")
        else:
            to(f"u{k} = {first} - x")
    for k in range(2 * HALF - 1):  # columns 20 to 38
        if k < HALF - 1:
            *rest, last = s[k + HALF]
            add_up(to, rest, fresh=k == 0)
            to(f"x = {last}" + (" + x" if rest or k else "") + f" - u{k} - q{k + HALF}")
        else:
            to(f"x = x + q{k}")
        carry(to, f"w{k}")
    to(f"w{LIMBS - 1} = x")
    for k in range(LIMBS):
        mine = f" + p{k}" if k < HALF else f" + u{k - HALF} - p{k - HALF}" if k < LIMBS - 1 else " - p9 - q9"
        to(f"x = w{k} * {FOLD}" + (" + x" if k else "") + mine)
        if k >= HALF:
            add_up(to, s[k - HALF], fresh=False)
        carry(to, f"d[{k}]")
    fold_top(to)


def square(to):
    """d = a * h, where h_i = a_i (or 2 a_i) and b_i = 2 h_i counts the products that appear twice."""

    def terms(k):
        return [
            f"a[{i}] * " + (f"h{i}" if 2 * i == k else f"b{k - i}") for i in range(max(0, k - 19), k // 2 + 1)
        ]

    for k in range(LIMBS, 2 * LIMBS - 1):
        add_up(to, terms(k), fresh=k == LIMBS)
        carry(to, f"w{k - LIMBS}")
    to(f"w{LIMBS - 1} = x")
    for k in range(LIMBS):
        to(f"x = w{k} * {FOLD}" + (" + x" if k else ""))
        add_up(to, terms(k), fresh=False)
        carry(to, f"d[{k}]")
    fold_top(to)


def limb(register, array="a"):
    return lambda k: f"{array}[{WORDS * register + k}]"


def carried(to, target, left, sign, right):
    """target = left + right or left - right, carried but for its lowest limb (up to 1.3 * 8191). The carry out is -1, 0
    or 1; a difference starts lower by 3 * 608 and gets it back at the end, so that no limb is negative."""
    head = 3 * FOLD if sign == "-" else 0
    for k in range(LIMBS):
        to(f"x = {left(k)}" + (" + x" if k else f" - {head}" if head else "") + f" {sign} {right(k)}")
        to(f"{target(k)} = x & m", "x = x >> 13")
    to(f"{target(0)} = x * {FOLD} + " + (f"{head} + " if head else "") + target(0))


def bias(k):
    return str(LOWEST_64P) if k == 0 else "m2"


def operands(to):
    """The right operand into b0..b19 and s0..s9, unless kept; the sums of the left one behind it, unless kept."""

    def load(array, doubled=""):
        for k in range(HALF):
            low, high = f"{array}[{k}]{doubled}", f"{array}[{k + HALF}]{doubled}"
            to(
                f"b{k} = {low}",
                f"b{k + HALF} = {high}",
                f"s{k} = ({high}) + b{k}" if doubled else f"s{k} = {high} + b{k}",
            )

    with to.under("if x > 2"):
        with to.under("if x < 7"):
            with to.under("if x < 5"):
                to("x = pr[3] + base")
            with to.under("else"):
                to("x = pr[3] + base + table")
            load("ptr32(x)")
        with to.under("elif x < 11"):
            with to.under("if x < 9"):
                to("x = pr[3] + table + int(comb_b)")
            with to.under("else"):
                to("x = pr[3] + table + int(comb_a)")
            load("ptr16(x)")
        with to.under("else"):
            to("x = pr[3] + base")
            load("ptr32(x)", " << 1")
    with to.under("if pr[0] & 1"):
        for k in range(HALF):
            to(f"x = a[{k}]", f"a[{k + LIMBS}] = a[{k + HALF}] + x")


def linear(to):
    """The operations without a product."""
    big_a, big_b, big_c, big_d, e, f, g, h = [limb(i) for i in range(8)]
    d, b = limb(0, "d"), limb(0, "b")
    with to.under("elif x == 15"):
        carried(to, g, big_b, "-", big_a)
        for k in range(LIMBS):
            to(f"x = {big_a(k)}", f"{h(k)} = {big_b(k)} + x")
            to(f"x = {g(k)}", f"{f(k)} = {big_c(k)} + {bias(k)} - x")
    with to.under("elif x == 16"):
        carried(to, e, big_b, "-", big_a)
        carried(to, f, big_d, "-", big_c)
        for k in range(LIMBS):
            to(f"x = {big_c(k)}", f"{g(k)} = {big_d(k)} + x")
        carried(to, h, big_a, "+", big_b)
    with to.under("elif x == 17"):
        for k in range(LIMBS):
            to(
                f"x = a[{k}]",
                f"d[{k}] = a[{WORDS + k}] + {bias(k)} - x",
                f"d[{WORDS + k}] = a[{WORDS + k}] + x",
            )
    with to.under("elif x == 18"):
        to("d = ptr32(int(d) + table)")
        to(*[f"d[{k}] = a[{k}]" for k in range(LIMBS)])
    with to.under("else"):
        to("b = ptr32(pr[3] + base)")
        with to.under("if x == 19"):
            carried(to, d, limb(0), "+", b)
        with to.under("elif x == 20"):
            carried(to, d, limb(0), "-", b)
        with to.under("else"):
            for k in range(LIMBS):
                to(f"x = a[{k}]", f"d[{k}] = b[{k}] + x")


def generate():
    """The text of protocol/field25519.py."""
    to = Source()
    to(
        "m = 8191",
        f"m2 = {OTHER_64P}",
        "base = int(a)",
        "schedule = ptr32(base + x)",
        "pr = ptr16(base)",
        "table = 0",
    )
    to(*[f"b{k} = 0" for k in range(LIMBS)], *[f"s{k} = 0" for k in range(HALF)])
    with to.under("while True"):
        to("x = pr[0]")
        with to.under("if x == 0"):
            to("x = schedule[0]")
            with to.under("if x == 0"):
                to("return")
            to(
                "pr = ptr16(base + x)",
                "table = schedule[1]",
                "schedule = ptr32(int(schedule) + 8)",
                "x = pr[0]",
            )
        to("d = ptr32(pr[1] + base)", "a = ptr32(pr[2] + base)")
        with to.under("if x < 13"):
            operands(to)
            multiply(to)
        with to.under("elif x < 15"):
            with to.under("if x == 13"):
                for k in range(LIMBS):
                    to(f"x = a[{k}]", f"h{k} = x", f"b{k} = x + x")
            with to.under("else"):
                for k in range(LIMBS):
                    to(f"x = a[{k}] << 1", f"h{k} = x", f"b{k} = x + x")
            square(to)
        linear(to)
        to("pr = ptr16(int(pr) + 8)")
    return HEAD.replace("{words}", str(WORDS)) + "\n".join(to.lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(generate())
