"""Runs viper source on CPython, as a 32-bit machine would, and notices what would go wrong there.

Pointers, loads and stores behave as on RV32; a value that an unsigned shift or comparison gets must fit 32 bits, and so
must what is stored in 32 or 16. So a test can push the largest limbs through generated code and see that no column
overflows.
"""

import types

_MASK = 0xFFFFFFFF
MEMORY = 1 << 16


class Memory:
    """Bytes with addresses from 4096 on. `overflows`: refuse values beyond 32 bits instead of wrapping them."""

    def __init__(self, overflows: bool = True) -> None:
        self.bytes = bytearray(MEMORY)
        self.free = 4096
        self.strict = overflows

    def put(self, data: bytes) -> int:
        """A copy; its address."""
        at = self.free
        self.bytes[at : at + len(data)] = data
        self.free += len(data) + -len(data) % 16
        return at

    def get(self, at: int, n: int) -> bytes:
        return bytes(self.bytes[at : at + n])

    def names(self) -> dict:
        """What viper source expects to find."""

        def pointer(width):
            return lambda at: Pointer(self, int(at), width)

        def uint(value):
            if self.strict and not 0 <= value <= _MASK:
                raise OverflowError(value)
            return value & _MASK

        micropython = types.SimpleNamespace(viper=lambda function: function)
        return {
            "micropython": micropython,
            "uint": uint,
            "int": lambda value: (
                0 if isinstance(value, bytes) else int(value)
            ),  # bytes lie somewhere, aligned
            "ptr8": pointer(1),
            "ptr16": pointer(2),
            "ptr32": pointer(4),
        }


class Pointer:
    def __init__(self, memory: Memory, at: int, width: int) -> None:
        self._memory, self._at, self._width = memory, at, width

    def __int__(self) -> int:
        return self._at

    def _slice(self, index: int) -> slice:
        start = self._at + index * self._width
        if not 4096 <= start <= MEMORY - self._width or start % self._width:
            raise IndexError(start)
        return slice(start, start + self._width)

    def __getitem__(self, index: int) -> int:
        return int.from_bytes(self._memory.bytes[self._slice(index)], "little")

    def __setitem__(self, index: int, value: int) -> None:
        mask = (1 << 8 * self._width) - 1
        if self._memory.strict and self._width > 1 and not 0 <= value <= mask:
            raise OverflowError(value)
        self._memory.bytes[self._slice(index)] = (value & mask).to_bytes(self._width, "little")
