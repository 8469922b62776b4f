"""Points of edwards25519 on the machine of field25519.py: tables and sums of their multiples. MicroPython only.

Everything lies in one buffer that is made once. Points are extended coordinates (X, Y, Z, T), RFC 8032 §5.1.4; T = H E
is made only where an addition follows it. What is added comes in one of two forms:

* a row: the odd multiples 1, 3, 5, 7 of a point as (Y - X, Y + X, 2Z, 2dT), made in the buffer, 32-bit limbs;
* a comb: 128 affine multiples as (y - x, y + x, 2dxy), 16-bit limbs, made beforehand (comb.py).

Nothing here is secret: the time taken tells what everyone may know.
"""

import struct

from protocol.compat import const
from protocol.field25519 import (
    ADD,
    ADDED,
    COMB_A,
    COMB_B,
    DOUBLED,
    KEEP,
    RAM,
    REG,
    SIDES,
    SQ,
    SQ2,
    STORE,
    SUB,
    SUM,
    SUMS,
    TWICE,
    run,
)

P = (1 << 255) - 19
_SIGNLESS = (1 << 255) - 1
D = 37095705934669439343138083508754565189542113879843219016388785533085940283555  # -121665/121666
_ROOT = 19681161376707505956807079304988542015446066515923890162744021073123829784752  # of -1
_Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
SMALL_ORDER = (
    0,
    1,
    P - 1,
    _Y8,
    P - _Y8,
)  # y of the eight points of small order: no other point has one of these

_BASE = bytes.fromhex(  # B and 2^128 B: x, y, little-endian
    "1ad5258f602d56c9b2a7259560c72c695cdcd6fd31e2a4c0fe536ecdd3366921"
    "5866666666666666666666666666666666666666666666666666666666666666"
    "24e8b760ae4780fce523e7c2c985e698a0294ee184392d952cf3453cffaf274c"
    "6ba6f54b11bdba5b9ec4a4511ebed0903a9cc226b61ef1957dc86d52e6992c5f"
)

# rows in the buffer; those of B and 2^128 B stay, those of A and R are made for each verification
ROW_B, ROW_B128, ROW_A, ROW_R = range(4)

# ---- the buffer, in bytes

_FIRST = const(8)  # after the zero word: 22 registers
_WIDTH = const(120)  # of a register: 20 limbs and 10 sums, 32 bits each
_PROGRAMS = const(8 + 22 * 120)
_ROWS = const(8 + 22 * 120 + 8 * 210)  # after 210 instructions
_ENTRY = const(320)  # of a row: four elements of 20 words
_ROW = const(4 * 320)
_TWICE = const(8 + 22 * 120 + 8 * 210 + 4 * 1280)  # an entry for 2P while a row is made
_STEPS = const(8 + 22 * 120 + 8 * 210 + 4 * 1280 + 320)
_STEPS_MAX = const(400)  # of a sum: at most 255 doublings, 64 additions of A and 66 of B
_END = const(8 + 22 * 120 + 8 * 210 + 4 * 1280 + 320 + 8 * 400)

_buffer = bytearray(_END)

_X, _Y, _Z, _T, _A, _B, _C, _D, _E, _F, _G, _H, _S0, _S1, _S2, AX, AY, RX, RY, _ONE, _KD, _KD2 = range(
    _FIRST, _PROGRAMS, _WIDTH
)


def _programs():
    """Writes the programs into the buffer; the byte offset of each by name."""
    at = {}
    here = _PROGRAMS

    def program(name, *words):
        nonlocal here
        at[name] = here
        for i in range(0, len(words), 4):
            struct.pack_into("<4H", _buffer, here, *words[i : i + 4])
            here += 8
        here += 4  # two bytes are enough for the 0 that ends it

    def tail(f, g):  # Y = G H, Z = F G, X = E F, and after them T = E H is the same b and the same sums
        return REG, _Y, _H, g, KEEP, _Z, f, 0, REG + SUMS, _X, f, _E

    t = KEEP + SUMS, _T, _H, 0
    program(
        "double",
        SQ,
        _A,
        _X,
        0,
        SQ,
        _B,
        _Y,
        0,
        SQ2,
        _C,
        _Z,
        0,
        TWICE,
        _E,
        _X,
        _Y,
        DOUBLED,
        0,
        _A,
        0,
        *tail(_F, _G),
    )
    # the sum of two points; -(x, y) is (-x, y): the sums change places, and F and G
    for sign, minus, plus, f, g in ((0, 0, 1, _F, _G), (1, 1, 0, _G, _F)):
        t2z = SUM, _D, _Z, _Z
        end = (ADDED, 0, _A, 0) + tail(f, g)
        ram = t + (SIDES, _S0, _X, 0, RAM, _A, _S0, 80 * minus, RAM, _B, _S1, 80 * plus, RAM, _C, _T, 240)
        program("add%d" % sign, *ram, RAM, _D, _Z, 160, *end)
        program("first%d" % sign, *ram, *t2z, *end)  # a row's first point has Z = 1
        for name, comb in (("b", COMB_B), ("a", COMB_A)):
            sides = comb, _A, _S0, 40 * minus, comb, _B, _S1, 40 * plus, comb, _C, _T, 80
            program("comb_%s%d" % (name, sign), *t, SIDES, _S0, _X, 0, *sides, *t2z, *end)
    program(
        "store",
        *t,
        *(SUB, _S2, _Y, _X, STORE, 0, _S2, 0, ADD, _S2, _Y, _X, STORE, 80, _S2, 0),
        *(ADD, _S2, _Z, _Z, STORE, 160, _S2, 0, REG, _S2, _T, _KD2, STORE, 240, _S2, 0),
    )
    for name, x, y in (("a", AX, AY), ("r", RX, RY)):
        # H and E as an addition leaves them, because the next begins with T = E H
        xy = (
            STORE,
            _X,
            x,
            0,
            STORE,
            _Y,
            y,
            0,
            STORE,
            _Z,
            _ONE,
            0,
            STORE,
            _H,
            x,
            0,
            STORE,
            _E,
            y,
            0,
            REG,
            _T,
            _H,
            _E,
        )
        program("load_" + name, *xy)
        # y^2 - x^2 - 1 - d x^2 y^2
        squares = SQ, _A, x, 0, SQ, _B, y, 0, REG, _C, _A, _B, REG, _D, _C, _KD
        program("on_" + name, *squares, SUB, _C, _B, _A, SUB, _E, _C, _D, SUB, _S0, _E, _ONE)
    zero = SUB, _X, _ONE, _ONE, STORE, _Y, _ONE, 0, STORE, _Z, _ONE, 0
    program("neutral", *zero, STORE, _H, _ONE, 0, STORE, _E, _X, 0, REG, _T, _H, _E)
    program("is_r", REG, _A, RX, _Z, SUB, _S0, _X, _A, REG, _B, RY, _Z, SUB, _S1, _Y, _B)
    program("is_neutral", STORE, _S0, _X, 0, SUB, _S1, _Y, _Z)
    # x = u v^3 (u v^7)^((p - 5) / 8), RFC 8032 §5.1.3: u = A, v = B, u v^3 = S2, z = u v^7 = F, E = z^31, S0 = E^2
    program(
        "root",
        *(
            SQ,
            _D,
            _C,
            0,
            REG,
            _E,
            _D,
            _KD,
            SUB,
            _A,
            _D,
            _ONE,
            ADD,
            _B,
            _E,
            _ONE,
            SQ,
            _C,
            _B,
            0,
            REG,
            _D,
            _C,
            _B,
        ),
        *(SQ, _C, _D, 0, REG, _E, _C, _B, REG, _F, _E, _A, REG, _S2, _D, _A),
        *(SQ, _S0, _F, 0, SQ, _C, _S0, 0, SQ, _D, _C, 0, REG, _G, _D, _F, REG, _H, _S0, _G, SQ, _C, _H, 0),
        *(REG, _E, _C, _G, SQ, _S0, _E, 0),
    )
    program("square2", SQ, _S1, _S0, 0, SQ, _S0, _S1, 0)
    program("square10", *(SQ, _S1, _S0, 0, SQ, _S0, _S1, 0) * 5)
    program("times_e", REG, _E, _S0, _E, STORE, _S0, _E, 0)
    program("keep", STORE, _G, _E, 0)
    program("times_g", REG, _E, _S0, _G, STORE, _S0, _E, 0, STORE, _G, _E, 0)
    # E = v x^2 - u, S1 = v x^2 + u
    check = SQ, _C, _S0, 0, REG, _D, _C, _B, SUB, _E, _D, _A, ADD, _S1, _D, _A
    program("root_end", REG, _C, _S0, _F, REG, _S0, _C, _S2, *check)
    assert here <= _ROWS
    return at


_AT = _programs()


def _steps(*names):
    """A schedule for `_run`: names, or pairs (name, table)."""
    words = []
    for name in names:
        words += [_AT[name], 0] if isinstance(name, str) else [_AT[name[0]], name[1]]
    return struct.pack("<%dI" % (len(words) + 1), *words, 0)


def _run(steps):
    _copy(_buffer, _STEPS, steps, len(steps) >> 2)
    run(_buffer, _STEPS, b"", b"")


@micropython.viper
def _copy(buffer: ptr32, at: int, words: ptr32, n: int):
    to = ptr32(int(buffer) + at)
    for i in range(n):
        to[i] = words[i]


# ---- elements in and out of registers


@micropython.viper
def _set(buffer: ptr32, register: int, b: ptr8):
    """32 little-endian bytes into limbs; the highest bit is left out."""
    a = ptr32(int(buffer) + register)
    bits = 0
    n = 0
    i = 0
    k = 0
    while k < 20:
        while n < 13 and i < 32:
            bits |= b[i] << n
            n += 8
            i += 1
        a[k] = bits & 8191
        bits >>= 13
        n -= 13
        k += 1
    a[19] &= 255


def _get(register):
    value = 0
    for limb in reversed(struct.unpack_from("<20I", _buffer, register)):
        value = (value << 13) + limb
    return value % P


@micropython.viper
def _is_zero(buffer: ptr32, register: int) -> int:
    """Whether the element is 0 mod p; leaves its limbs carried, below 2^255."""
    a = ptr32(int(buffer) + register)
    again = 2
    while again:
        x = int(uint(a[19]) >> 8) * 19  # 2^255 = 19
        a[19] &= 255
        k = 0
        while k < 20:
            x += a[k]
            a[k] = x & 8191
            x >>= 13
            k += 1
        a[19] += x << 13
        again -= 1
    low = int(a[0])
    rest = int(a[19])
    k = 1
    if low == 0 and rest == 0:
        while k < 19:
            rest |= a[k]
            k += 1
        return int(rest == 0)
    if low == 8173 and rest == 255:  # p itself
        while k < 19:
            if a[k] != 8191:
                return 0
            k += 1
        return 1
    return 0


# ---- points


def point(encoded, hint, register, on_curve):
    """Puts the point of 32 bytes in two registers, AX or RX and the next. False if it is not canonical, not on the
    curve, or of small order. `hint`: 32 bytes that must be its x, or None, which costs a square root."""
    y = int.from_bytes(encoded, "little")
    sign = y >> 255
    y &= _SIGNLESS
    if y >= P or y in SMALL_ORDER:  # so x is not 0, and either sign is canonical
        return False
    _set(_buffer, register + _WIDTH, encoded)
    if hint is None:
        x = _root(encoded)
        if x is None:
            return False
        hint = (P - x if x & 1 != sign else x).to_bytes(32, "little")
    elif len(hint) != 32 or hint[0] & 1 != sign or int.from_bytes(hint, "little") >= P:
        return False
    _set(_buffer, register, hint)
    _run(on_curve)
    return _is_zero(_buffer, _S0) == 1


def x_of(encoded):
    """The x of a point, 32 bytes; None when `point` refuses it."""
    return _get(RX).to_bytes(32, "little") if point(encoded, None, RX, ON_R) else None


def _root(encoded):
    """An x of y, or None."""
    _set(_buffer, _C, encoded)
    _run(_ROOT_STEPS)
    if _is_zero(_buffer, _E):
        return _get(_S0)
    if _is_zero(_buffer, _S1):
        return _get(_S0) * _ROOT % P
    return None


def _row_steps(load, row):
    at = _ROWS + _ROW * row
    steps = [load, ("store", at), "double", ("store", _TWICE), ("plus", at), ("store", at + _ENTRY)]
    for i in (2, 3):
        steps += [("plus", _TWICE), ("store", at + i * _ENTRY)]
    return _steps(*steps)


_AT["plus"] = _AT["add0"] + 8  # an addition whose T is there
ON_A, ON_R = _steps("on_a"), _steps("on_r")
MAKE_A, MAKE_R = _row_steps("load_a", ROW_A), _row_steps("load_r", ROW_R)
_MAKE_BASE = _row_steps("load_a", ROW_B), _row_steps("load_a", ROW_B128)
IS_R, IS_NEUTRAL = _steps("is_r"), _steps("is_neutral")
_NEUTRAL = _steps("neutral")
_ROOT_STEPS = _steps(
    *("root", "square2", "square2", "times_e", "keep"),  # z^(2^10 - 1)
    *("square10", "times_e", "square10", "square10", "times_e"),  # 2^20, 2^40
    *("square10", "times_g"),  # 2^50
    *("square10",) * 5,
    *("times_e",),  # 2^100
    *("square10",) * 10,
    *("times_e",),  # 2^200
    *("square10",) * 5,
    *("times_g", "square2", "root_end"),  # z^(2^250 - 1), z^(2^252 - 3)
)

make = _run  # MAKE_A or MAKE_R: the row of the point in AX, AY or RX, RY


def make_base():
    """The rows of B and 2^128 B, which stay. Changes AX and AY."""
    for row in (ROW_B, ROW_B128):
        _set(_buffer, AX, _BASE[64 * row : 64 * row + 32])
        _set(_buffer, AY, _BASE[64 * row + 32 : 64 * row + 64])
        _run(_MAKE_BASE[row])


for _register, _value in ((_ONE, 1), (_KD, D), (_KD2, 2 * D % P)):
    _set(_buffer, _register, _value.to_bytes(32, "little"))

# ---- sums of multiples

_PLAN = ("double", "add0", "add1", "first0", "first1", "comb_b0", "comb_b1", "comb_a0", "comb_a1")
_plan = bytearray(struct.pack("<20H", *[_AT[name] for name in _PLAN], *[0] * 11))
del _AT


def total(n, digits, rows, spacing_b, spacing_a, comb_b, comb_a, check):
    """Whether a sum is what `check` says, IS_R or IS_NEUTRAL.

    `rows`: pairs (row, 1 to subtract it), whose n signed digits lie in `digits` (scalars.py) at the same place as in
    `rows`. A comb counts unless its spacing is 0; that of A is subtracted.
    """
    struct.pack_into("<3H", _plan, 18, spacing_b, spacing_a, len(rows))
    at = 24
    for row, minus in rows:
        struct.pack_into("<2H", _plan, at, _ROWS + _ROW * row, minus)
        at += 4
    _run(_NEUTRAL)
    _schedule(_buffer, n, digits, _plan)
    run(_buffer, _STEPS, comb_b, comb_a)
    _run(check)
    # Z = 0 is no point at all; a comb of zeros would lead there, and to zeros in S0 and S1
    return _is_zero(_buffer, _S0) == 1 and _is_zero(_buffer, _S1) == 1 and _is_zero(_buffer, _Z) == 0


@micropython.viper
def _schedule(buffer: ptr32, n: int, digits: ptr8, plan: ptr16):
    """Writes the schedule of a sum: columns from n - 1 down, in each a doubling, then what the digits say."""
    o = ptr32(int(buffer) + _STEPS)
    started = 0
    while n:
        n -= 1
        if started:
            o[0] = plan[0]
            o = ptr32(int(o) + 8)
        q = ptr8(int(digits) + n)
        row = ptr16(int(plan) + 24)
        i = int(plan[11])
        while i:
            digit = int(q[0])
            if digit:
                minus = digit >> 7
                if minus:
                    digit = 256 - digit
                minus ^= row[1]
                if digit == 1:
                    o[0] = plan[3 + minus]
                else:
                    o[0] = plan[1 + minus]
                o[1] = row[0] + _ENTRY * (digit >> 1)
                o = ptr32(int(o) + 8)
                started = 1
            q = ptr8(int(q) + 260)
            row = ptr16(int(row) + 4)
            i -= 1
        side = 0
        while side < 2:
            spacing = int(plan[9 + side])
            if n < spacing:
                c = ptr16(int(digits) + 1040 + 64 * side)
                i = n
                tooth = 0
                while i < 32:
                    o[0] = plan[5 + 2 * side + ((c[i] & 1) ^ side)]
                    o[1] = tooth + 120 * (c[i] >> 1)
                    o = ptr32(int(o) + 8)
                    i += spacing
                    tooth += 15360
                started = 1
            side += 1
    o[0] = 0
