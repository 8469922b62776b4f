"""Where a lock's memory is, measured on RV32 for `python -m tools.rv32 heap`: `rv32_heap.py MODULE ...`.

Imports these one by one, then boots the lock from /lock until it advertises. After each step it prints what was taken
of the heap since the last one, all garbage collected: `what bytes`. These numbers repeat to the last byte.
"""

import gc
import sys

import micropython
import rv32

sys.path[0] = ""  # the checkout, not tools/
gc.threshold(4_096)  # as in main.py of the board


def used():
    gc.collect()
    return gc.mem_alloc()


last = used()


def tell(what):
    global last
    now = used()
    print(what, now - last)
    last = now


for name in sys.argv[1:]:
    __import__(name)
    tell(name)

from boards.parts import serial_link  # noqa: E402
from boards.qemu_rv32 import main  # noqa: E402
from firmware import combs  # noqa: E402

tell("world")
load = combs.load


def loaded(store, keyset):
    tell("objects")
    done = load(store, keyset)
    tell("combs")
    return done


def shown(self, payload, interval_ms):
    tell("objects")
    print("free", gc.mem_free())
    micropython.mem_info()
    micropython.qstr_info()
    rv32.exit()


combs.load = loaded
serial_link.SerialLink.advertise = shown
main.run()
