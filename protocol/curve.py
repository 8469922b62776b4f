"""Points of edwards25519 on the machine of field25519.py: tables and sums of their multiples. MicroPython only.

Everything lies in one buffer that is made once; what the machine does there, formulas.py says. What is added comes in
one of two forms:

* a row: the odd multiples 1, 3, 5, 7 of a point, made in the buffer;
* a comb: 128 multiples made beforehand (comb.py), in memory or read one by one from a file.

Nothing here is secret: the time taken tells what everyone may know.
"""

import struct

from protocol import field25519, formulas
from protocol.compat import const
from protocol.formulas import IS_NEUTRAL, IS_R, MAKE_A, MAKE_R  # noqa: F401
from protocol.scalars import digits

_P = (1 << 255) - 19
_ROOT = 19681161376707505956807079304988542015446066515923890162744021073123829784752  # of -1
_WIDTH = const(60)  # bytes of a register: 20 limbs and 10 sums, 16 bits each
_ENTRY = const(160)  # bytes of a row's entry
_ROW = const(640)
_PACKED = const(96)  # bytes of a comb's entry
_TEETH = const(12288)  # bytes of a comb's 128 entries
_FULL = const(232)  # bytes of a schedule after which no column fits: five steps of four bytes

# rows by place; those of B and 2^128 B are made when they are first needed, those of A and R for each verification
ROW_A, ROW_R, ROW_B, ROW_B128 = range(4)

_buffer = bytearray(formulas.ROWS + 2 * _ROW)
_programs = formulas.PROGRAMS
if field25519.address(_programs) & 1:  # frozen code need not be aligned
    _programs = bytearray(_programs)
_programs_at = field25519.address(_programs)
_run = field25519.run


def go(schedule):
    """One of the schedules in formulas.py, such as MAKE_A: the row of the point in RX, RY."""
    _fetch(_buffer, _programs, schedule)
    _run(_buffer, _programs_at, b"", b"")


@micropython.viper
def _fetch(buffer: ptr16, programs: ptr8, at: int):
    """A schedule to where the machine expects it."""
    words = ptr16(int(programs) + at)
    while words[0]:
        buffer[0] = words[0]
        buffer[1] = words[1]
        buffer = ptr16(int(buffer) + 4)
        words = ptr16(int(words) + 4)
    buffer[0] = 0


# ---- elements in and out of registers


@micropython.viper
def _set(buffer: ptr8, register: int, b: ptr8):
    """32 little-endian bytes into limbs; the highest bit is left out."""
    a = ptr16(int(buffer) + register)
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
    for limb in reversed(struct.unpack_from("<20H", _buffer, register)):
        value = (value << 13) + limb
    return value % _P


@micropython.viper
def _is_zero(buffer: ptr8, register: int) -> int:
    """Whether the element is 0 mod p; leaves its limbs carried, below 2^255."""
    a = ptr16(int(buffer) + register)
    again = 2
    while again:
        x = (a[19] >> 8) * 19  # 2^255 = 19
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


@micropython.viper
def _is_good(b: ptr8, small: ptr8, n: int) -> int:
    """Whether 32 bytes, but for their highest bit, are below p and none of the n in `small`."""
    top = b[31] & 127
    if top == 127:
        i = 30
        while i and b[i] == 255:
            i -= 1
        if i == 0 and b[0] >= 237:
            return 0
    while n:
        i = 0
        while i < 31 and b[i] == small[i]:
            i += 1
        if i == 31 and small[31] == top:
            return 0
        small = ptr8(int(small) + 32)
        n -= 1
    return 1


def point(encoded, hint):
    """Puts the point of 32 bytes in RX and RY. False if it is not canonical, not on the curve, or of small order.
    `hint`: 32 bytes that must be its x, or None, which costs a square root."""
    if not _is_good(encoded, formulas.SMALL_ORDER, 5):  # so x is not 0, and either sign is canonical
        return False
    _set(_buffer, formulas.RY, encoded)
    sign = encoded[31] >> 7
    if hint is None:
        x = _root()
        if x is None:
            return False
        hint = (_P - x if x & 1 != sign else x).to_bytes(32, "little")
    elif len(hint) != 32 or hint[0] & 1 != sign or hint[31] >> 7 or not _is_good(hint, b"", 0):
        return False
    _set(_buffer, formulas.RX, hint)
    go(formulas.ON_CURVE)
    return _is_zero(_buffer, formulas.S0) == 1


def x_of(encoded):
    """The x of a point, 32 bytes; None when `point` refuses it."""
    return _get(formulas.RX).to_bytes(32, "little") if point(encoded, None) else None


def _root():
    """An x of the y in RY, or None."""
    go(formulas.ROOT)
    if _is_zero(_buffer, formulas.E):
        return _get(formulas.S0)
    if _is_zero(_buffer, formulas.S1):
        return _get(formulas.S0) * _ROOT % _P
    return None


for _place in range(3):
    _set(_buffer, formulas.ONE + _WIDTH * _place, formulas.CONSTANTS[32 * _place : 32 * _place + 32])


def forget_base():
    """Gives up the room of the rows that `make_base` made."""
    global _buffer
    _buffer = _buffer[: formulas.ROWS + 2 * _ROW]


def make_base():
    """The rows of B and 2^128 B, once. Changes RX and RY."""
    if len(_buffer) > formulas.ROWS + 2 * _ROW:
        return
    _buffer.extend(bytes(2 * _ROW))
    at = 0
    for schedule in (formulas.MAKE_B, formulas.MAKE_B128):
        for register in (formulas.RX, formulas.RY):
            _set(_buffer, register, formulas.BASE[at : at + 32])
            at += 32
        go(schedule)


# ---- sums of multiples

# halfwords: seven programs | spacings of B's comb and A's | of either, what its columns are shifted by | and the bytes
# of its groups | rows | whether the sum has begun | bytes of schedule after which a column is the last | digits of a
# row | rows and signs
_plan = bytearray(2 * 25)
_plan[: len(formulas.PLAN)] = formulas.PLAN


def total(n, rows, comb_b, comb_a, check, file):
    """Whether a sum of n columns is what `check` says, IS_R or IS_NEUTRAL.

    `rows`: pairs (row, 1 to subtract it), whose signed digits lie in `digits` (scalars.py) at the same place as in
    `rows`. `comb_b`, `comb_a`: comb.Comb or None; that of A is subtracted.
    `file`: None, or the opened one of A's comb, which is read column by column; OSError when it cannot be.
    """
    spacing_b, table_b = (comb_b.spacing, comb_b.table) if comb_b else (0, b"")
    spacing_a, table_a = (comb_a.spacing, comb_a.table) if comb_a else (0, b"")
    pack = struct.pack_into
    pack("<4H", _plan, 14, spacing_b, spacing_a, 1, 16 if file else 1)
    pack("<6H", _plan, 22, _TEETH, _PACKED if file else _TEETH, len(rows), 0, 0 if file else _FULL, n)
    at = 34
    for row, minus in rows:
        pack("<2H", _plan, at, formulas.ROWS + _ROW * row, minus)
        at += 4
    go(formulas.NEUTRAL)
    while n:
        n = _schedule(_buffer, n, digits, _plan)
        if file and n < spacing_a:
            _read(comb_a, file, n)
        _run(_buffer, _programs_at, table_b, table_a)
    go(check)
    # Z = 0 is no point at all; a comb of zeros would lead there, and to zeros in S0 and S1
    return (
        _is_zero(_buffer, formulas.S0) == 1
        and _is_zero(_buffer, formulas.S1) == 1
        and _is_zero(_buffer, formulas.Z) == 0
    )


def _read(comb_a, file, n):
    """What column n adds of a comb that lies in a file."""
    at = 0
    for i in range(n, 32, comb_a.spacing):
        comb_a.read(file, i // comb_a.spacing * 128 + (digits[64 + 2 * i] >> 1), at)
        at += _PACKED


@micropython.viper
def _schedule(buffer: ptr8, n: int, digits: ptr8, plan: ptr16) -> int:
    """Writes a schedule of columns from n - 1 down, in each a doubling, then what the digits say. Gives the columns
    that are left."""
    o = ptr16(buffer)
    full = int(buffer) + plan[15]
    while n:
        n -= 1
        if plan[14]:
            o[0] = plan[0]
            o = ptr16(int(o) + 4)
        q = ptr8(int(digits) + 128 + n)
        row = ptr16(int(plan) + 34)
        i = int(plan[13])
        while i:
            digit = int(q[0])
            if digit:
                minus = digit >> 7
                if minus:
                    digit = 256 - digit
                o[0] = plan[1 + (minus ^ row[1])]
                o[1] = row[0] + _ENTRY * (digit >> 1)
                o = ptr16(int(o) + 4)
                plan[14] = 1
            q = ptr8(int(q) + plan[16])
            row = ptr16(int(row) + 4)
            i -= 1
        side = 0
        while side < 2:
            spacing = int(plan[7 + side])
            if n < spacing:
                c = ptr16(int(digits) + 64 * side)
                i = n
                group = 0
                while i < 32:
                    o[0] = plan[3 + 2 * side + ((c[i] & 1) ^ side)]
                    o[1] = group + _PACKED * (c[i] >> plan[9 + side])
                    o = ptr16(int(o) + 4)
                    i += spacing
                    group += plan[11 + side]
                plan[14] = 1
            side += 1
        if int(o) >= full:
            break
    o[0] = 0
    return n
