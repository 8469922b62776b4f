"""Shapes of decoded items: exact types, exact lengths, bounded integers.

`type(x) is int` and not isinstance: True is an int to CPython's isinstance, and never one on our wire.
"""

UINT32 = 1 << 32


def is_uint(item, below=UINT32):
    return type(item) is int and 0 <= item < below


def is_int32(item):
    return type(item) is int and -0x80000000 <= item <= 0x7FFFFFFF


def is_bytes(item, length=None):
    return type(item) is bytes and (length is None or len(item) == length)


def is_list(item, length=None):
    return type(item) is list and (length is None or len(item) == length)


def is_uints(item, length):
    return is_list(item, length) and all(is_uint(value) for value in item)
