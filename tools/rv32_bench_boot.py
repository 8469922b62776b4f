"""A boot, measured for bench_lock.py: from reset to the first advertisement, with code from files and combs checked.

Runs on RV32 on a flash that is provisioned under /lock. Part of it is making the simulated world.
"""

import gc

import rv32

from boards.parts import serial_link


def shown(self, payload, interval_ms):
    took = rv32.minstret()
    gc.collect()
    print("boot", took, gc.mem_alloc())
    rv32.exit()


serial_link.SerialLink.advertise = shown

from boards.qemu_rv32 import main  # noqa: E402

main.run()
