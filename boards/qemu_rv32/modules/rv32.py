"""What only this machine can tell: how many instructions something took, to the one. And how to end it."""

import gc
import sys

import machine
import micropython
from micropython import const

_TEST_DEVICE = const(0x100000)
_PASS, _FAIL = const(0x5555), const(0x3333)
_MASK = const(0x3FFFFFFF)


@micropython.asm_rv32
def minstret() -> uint:  # noqa: F821
    """Instructions retired, modulo 2^30: always a small int, so that counting allocates nothing."""
    csrrs(a0, zero, 0xB02)  # noqa: F821
    slli(a0, a0, 2)  # noqa: F821
    srli(a0, a0, 2)  # noqa: F821


def count(function, *arguments):
    """Instructions that a call took, less what calling a function that does nothing takes. Below 2^30.

    Exact where tools/rv32.py runs the machine with `icount`.
    """
    gc.collect()
    return _between(function, arguments) - _between(_nothing, arguments)


def _between(function, arguments):
    start = minstret()
    function(*arguments)
    end = minstret()
    return (end - start) & _MASK


def _nothing(*arguments):
    pass


def exit(status=0):
    """Ends QEMU with this exit status."""
    machine.mem32[_TEST_DEVICE] = status << 16 | _FAIL if status else _PASS


def run(path, *arguments):
    """Runs a script as `__main__` and ends QEMU: with its sys.exit, 1 after an exception (printed), or 0."""
    status = 0
    sys.argv[:] = [path] + list(arguments)
    try:
        with open(path) as file:
            code = compile(file.read(), path, "exec")
        exec(code, {"__name__": "__main__", "__file__": path})
    except SystemExit as asked:
        status = asked.args[0] if asked.args else 0
        if not isinstance(status, int):
            status = 0 if status is None else 1
    except BaseException as error:
        sys.print_exception(error)
        status = 1
    exit(status)
