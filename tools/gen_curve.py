"""Writes protocol/formulas.py: what the machine of field25519.py executes for points of edwards25519.
`python -m tools.gen_curve`.

Points are extended coordinates (X, Y, Z, T), RFC 8032 §5.1.4, and the formulas those of Hisil and others (2008) for
a = -1. T = H E is made only where an addition follows: it begins with that product, of which E and the sums of H are
still there. What is added is a row's entry (Y - X, Y + X, 2Z, 2dT), or a comb's, affine and halved: ((y - x) / 2,
(y + x) / 2, d x y). Halved, all of E, F, G, H are halved, which is the same point, and 2Z need not be made.
"""

from pathlib import Path

from tools.comb import P, multiple
from tools.gen_field import LIMBS, OPERATIONS, WIDTH

TARGET = Path(__file__).parent.parent / "protocol" / "formulas.py"
D = -121665 * pow(121666, -1, P) % P
Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022  # of a point of order 8

REGISTERS = (
    "X Y Z T A B C D E H F G S0 S1 S2 RX RY ONE KD KD2".split()
)  # pairs of SIDES: A B, E H, F G, S0 S1
STEPS_MAX = 64  # of a schedule, two halfwords each, and the 0 that ends it
FIRST = 4 * STEPS_MAX + 4  # byte of the first register
ELEMENT = 2 * LIMBS  # bytes in a table
ENTRY = 4 * ELEMENT
ROW = 4 * ENTRY
TWICE = FIRST + 2 * WIDTH * len(REGISTERS)  # an entry for 2P while a row is made
ROWS = TWICE + ENTRY  # of A and R; behind them, if need be, those of B and 2^128 B
ROW_NAMES = ("A", "R", "B", "B128")
PACKED = 32  # bytes of a comb's element

HEAD = '''"""Points of edwards25519 as programs of field25519.py. Made by tools/gen_curve.py: do not edit.

`PROGRAMS`: the programs, then schedules; where they begin by name. The rest are places in the buffer.
"""

'''


def at(register):
    return FIRST + 2 * WIDTH * REGISTERS.index(register)


class Programs:
    """Text like "REG Y H G; SQ A X" into halfwords: operation, then registers or numbers."""

    def __init__(self):
        self.words = [0, 0, 0, 0]
        self.places = {}

    def add(self, name, *texts):
        self.places[name] = 2 * len(self.words)
        for instruction in "; ".join(texts).split("; "):
            operation, *operands = instruction.split()
            self.words.append(sum(OPERATIONS[part] for part in operation.split("+")))
            numbers = [int(word) if word.isdigit() else at(word) for word in operands]
            self.words += (numbers + [0, 0])[:3]
        self.words.append(0)

    def schedule(self, name, *steps):
        """Steps are names of programs, or pairs (name, table)."""
        place = 2 * len(self.words)
        for step in steps:
            program, table = (step, 0) if isinstance(step, str) else step
            self.words += [self.places[program], table]
        assert len(steps) <= STEPS_MAX
        self.words.append(0)
        self.places[name] = place


def tail(f, g):
    """Y = G H, Z = F G, X = E F."""
    return f"REG Y H {g}; KEEP Z {f}; REG+SUMS X {f} E"


def programs():
    made = Programs()
    # E is F's register until F is needed: an addition begins with H, and with E in the locals
    made.add(
        "double",
        "SQ A X; SQ B Y; SIDES S0 Y Y; REG D X S1; SQ2 C Z",
        "SIDES E A B; CARRY E E; SIDES F E C",  # G = B - A, H = A + B, F = C - G
        "REG Y H E; KEEP Z F; REG+SUMS X F D",
    )
    # -(x, y) is (-x, y): the sides change places, and F and G; F and H are carried, then all products fit
    for sign in (0, 1):
        f, g = "FG" if sign == 0 else "GF"
        end = f"SIDES E A B; SIDES F C {{}}; CARRY {f} {f}; CARRY H H; {tail(f, g)}"
        begin = "KEEP+SUMS T H; SIDES S0 X Y"
        places = [ELEMENT * (i ^ sign) for i in (0, 1)]
        row = f"RAM A S0 {places[0]}; RAM B S1 {places[1]}; RAM C T {3 * ELEMENT}; RAM D Z {2 * ELEMENT}"
        made.add(f"add{sign}", begin, row, end.format("D"))
        places = [PACKED * (i ^ sign) for i in (0, 1)]
        for side in "BA":
            comb = f"COMB_{side} A S0 {places[0]}; COMB_{side} B S1 {places[1]}; COMB_{side} C T {2 * PACKED}"
            made.add(f"comb_{side.lower()}{sign}", begin, comb, end.format("Z"))
    made.places["plus"] = made.places["add0"] + 8  # an addition whose T is there
    made.add(
        "store",
        "KEEP+SUMS T H; SIDES S0 X Y; CARRY S0 S0; CARRY S1 S1; REG S2 T KD2",
        f"STORE 0 S0; STORE {ELEMENT} S1; SIDES S0 Z Z; CARRY S1 S1",
        f"STORE {2 * ELEMENT} S1; STORE {3 * ELEMENT} S2",
    )
    # H and E as an addition leaves them
    made.add("load", "STORE X RX; STORE Y RY; STORE Z ONE; STORE H RX; STORE E RY; REG T H E")
    made.add(
        "neutral", "SIDES X ONE ONE; CARRY X X; STORE Y ONE; STORE Z ONE; STORE H X; STORE E ONE; REG T H E"
    )
    # y^2 - x^2 - 1 - d x^2 y^2
    on = "SQ A RX; SQ B RY; REG C A B; REG D C KD; SIDES E A B; CARRY E E; SIDES S0 D E; CARRY S0 S0"
    made.add("on_curve", on, "SIDES E ONE S0; STORE S0 E")
    made.add("is_r", "REG A RX Z; SIDES C A X; STORE S0 C; REG B RY Z; SIDES C B Y; STORE S1 C")
    made.add("is_neutral", "STORE S0 X; SIDES A Y Z; STORE S1 A")
    # x = u v^3 (u v^7)^((p - 5) / 8), RFC 8032 §5.1.3: u = A, v = B, u v^3 = S2, z = u v^7 = F, E = z^31, S0 = E^2
    made.add(
        "root",
        "SQ C RY; REG D C KD; SIDES E ONE C; CARRY E E; STORE A E; SIDES E ONE D; CARRY H H; STORE B H",
        "SQ C B; REG D C B; SQ C D; REG E C B; REG F E A; REG S2 D A",
        "SQ S0 F; SQ C S0; SQ D C; REG G D F; REG H S0 G; SQ C H; REG E C G; SQ S0 E",
    )
    made.add("square2", "SQ S1 S0; SQ S0 S1")
    made.add("square10", "; ".join(["SQ S1 S0; SQ S0 S1"] * 5))
    made.add("times_e", "REG E S0 E; STORE S0 E")
    made.add("keep", "STORE G E")
    made.add("times_g", "REG E S0 G; STORE S0 E; STORE G E")
    # S1 = v x^2 + u, E = v x^2 - u
    made.add("root_end", "REG C S0 F; REG S0 C S2; SQ C S0; REG D C B; SIDES E A D; STORE S1 H")
    return made


def schedules(made):
    for i, name in enumerate(ROW_NAMES):
        entry = [ROWS + ROW * i + ENTRY * k for k in range(4)]
        steps = [
            "load",
            ("store", entry[0]),
            "double",
            ("store", TWICE),
            ("plus", entry[0]),
            ("store", entry[1]),
        ]
        for k in (2, 3):
            steps += [("plus", TWICE), ("store", entry[k])]
        made.schedule(f"make_{name.lower()}", *steps)
    for name in ("on_curve", "neutral", "is_r", "is_neutral"):
        made.schedule(name, name)
    tens = ["square10"]
    made.schedule(
        "root",
        *("root", "square2", "square2", "times_e", "keep"),  # z^(2^10 - 1)
        *("square10", "times_e", "square10", "square10", "times_e"),  # 2^20, 2^40
        *("square10", "times_g", *tens * 5, "times_e", *tens * 10, "times_e"),  # 2^50, 2^100, 2^200
        *(*tens * 5, "times_g", "square2", "root_end"),  # z^(2^250 - 1), z^(2^252 - 3)
    )


PLAN = (
    "double",
    "add0",
    "add1",
    "comb_b0",
    "comb_b1",
    "comb_a0",
    "comb_a1",
)  # what curve.py's schedules are made of
SCHEDULES = ("make_a", "make_r", "make_b", "make_b128", "on_curve", "root", "neutral", "is_r", "is_neutral")


def generate():
    """The text of protocol/formulas.py."""
    made = programs()
    plan = [made.places[name] for name in PLAN]
    schedules(made)
    places = {name.upper(): made.places[name] for name in SCHEDULES}
    places |= {name: at(name) for name in ("Z", "E", "S0", "S1", "RX", "RY", "ONE")}
    places |= {"ROWS": ROWS}
    assert at("KD2") == at("KD") + 2 * WIDTH == at("ONE") + 4 * WIDTH
    lines = [
        f"PROGRAMS = {literal(halfwords(made.words))}",
        f"# {', '.join(PLAN)}",
        f"PLAN = {literal(halfwords(plan))}",
    ]
    lines += ["# 1, d, 2d", f"CONSTANTS = {literal(numbers(1, D, 2 * D % P))}"]
    lines += [
        "# the y of points of small order",
        f"SMALL_ORDER = {literal(numbers(0, 1, P - 1, Y8, P - Y8))}",
    ]
    lines += [
        "# x and y of B and of 2^128 B",
        f"BASE = {literal(numbers(*multiple(1), *multiple(1 << 128)))}",
    ]
    return HEAD + "\n".join(lines + [f"{name} = {place}" for name, place in places.items()]) + "\n"


def halfwords(words):
    return b"".join(word.to_bytes(2, "little") for word in words)


def numbers(*elements):
    return b"".join(n.to_bytes(32, "little") for n in elements)


def literal(data):
    lines = ["".join(f"\\x{byte:02x}" for byte in data[i : i + 24]) for i in range(0, len(data), 24)]
    return "(\n" + "\n".join(f'    b"{line}"' for line in lines) + "\n)"


if __name__ == "__main__":
    TARGET.write_text(generate())
