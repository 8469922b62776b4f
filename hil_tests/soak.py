"""Rides and telemetry without end in one process, for test_rv32_soak.py: `soak.py UNLOCKS RECORDS`.

Runs on MicroPython, on 32 and on 64 bits: the whole lock on a virtual board, its files on the flash that is there.
Ten times it prints what the heap looks like after a collection: `at UNLOCKS free BYTES, working set BYTES`, the latter
what lives beside the code, combs included, and MicroPython's own account. The bicycle lies beside the heap on the
32-bit board, which can keep it there (boards/qemu_rv32/beside.c), and in it on the other; people's keys are in it.
"""

import gc
import hashlib
import sys

if __name__ == "__main__":
    sys.path[0] = ""  # the checkout, not hil_tests/
gc.threshold(4_096)  # as in main.py of the board

import micropython  # noqa: E402

import protocol.ed25519  # noqa: E402, F401
from firmware.lock import Lock  # noqa: E402
from protocol import cbor, cose, exchange, frames, keys, keyset, roots, telemetry, token  # noqa: E402, F401

try:
    from beside import make
except ImportError:

    def make(function):
        return function()


_BATCH = 20


def _street():
    """The frozen modules of the bicycle and of who is near it."""
    from boards.sim import bench, virtual

    return bench, virtual


_loaded = set(sys.modules)
bench, virtual = make(_street)
_lent = [name for name in sys.modules if name not in _loaded and not name.startswith("boards")]
if _lent:
    raise AssertionError("these are the lock's own: " + " ".join(_lent))
key = bench.key

gc.collect()
_code = gc.mem_alloc()


class Files:
    """The flash that this process has anyway, in place of one in the heap. The combs are there already."""

    root = "soak"


class Soak(bench.Bench):
    def provision(self, *given):
        self.board.storage = Files()
        super().provision(*given)


def tell(outbox, first, count):
    """That many records, sent in batches as the uplink does. Gives what came out, packed."""
    size = 0
    for n in range(first, first + count):
        outbox.put((telemetry.FIX, 1_760_000_000 + n, 520_000_000 + n % 977, 49_000_000 - n % 1_009, n % 50))
        if outbox.waiting() >= _BATCH:
            number, records = outbox.peek(_BATCH)
            size += len(telemetry.encode_batch(number, records))
            outbox.drop_to(number + len(records))
    return size


def ask(soak, phone, rider, command, raw, subject):
    """One request that must be granted. What the phone leaves behind of its own proof is not the lock's garbage."""
    phone.hello()
    body = phone.request(command, raw, subject, rider)
    gc.collect()
    answer = phone.ask(body)
    if answer is None or answer.status:
        raise AssertionError(f"refused: {answer and answer.status}, errors: {soak.lock.session.errors}")


def ride(soak, rider, epoch):
    """Over a link of its own, as riders come and go."""
    phone = soak.phone()
    cti = soak.random(8)
    soak.world.set_battery(4_100)  # somebody charges it
    raw = soak.token(rider, epoch, cti)
    ask(soak, phone, rider, exchange.OPEN, raw, hashlib.sha256(raw).digest())
    soak.wait(1, 200)
    soak.world.close()
    soak.wait(1, 200)
    ask(soak, phone, rider, exchange.END, None, cti)
    phone.leave()
    soak.board.link.forget(phone.conn)
    receipts = soak.lock.receipts
    receipts.acked(receipts.last_seq)


def account(done):
    gc.collect()
    print("at", done, "free", str(gc.mem_free()) + ", working set", gc.mem_alloc() - _code)
    micropython.mem_info()


def main(unlocks, records):
    soak = Soak(Lock, board=make(virtual.VirtualBoard))
    if soak.lock.config.slow:
        raise AssertionError("the lock did not take its combs")
    rider = key("rider")
    tell(soak.lock.outbox, 0, 500)
    for epoch in range(1, 4):  # what is made at first use is there
        ride(soak, rider, epoch)
    account(0)
    each = records // unlocks
    for n in range(1, unlocks + 1):
        tell(soak.lock.outbox, n * each, each)
        ride(soak, rider, n + 3)
        if n * 10 % unlocks < 10:
            account(n)
    print("done", unlocks, unlocks * each)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
