"""The receipt log and the outbox on this machine's flash, for test_rv32_cuts.py: what a boot finds, then more of it.

Each line is printed once it is true: whoever reads it has been told.

    receipt SEQ DIGEST      the log has it
    record NUMBER DIGEST    it is in flash, or went out under that number
    kept                    the records told so far are in flash
    acked SEQ NUMBER        the cloud has the receipts up to SEQ and the records below NUMBER: they may go
    booted, done            between the two it adds
"""

import hashlib
import os
import time
from binascii import hexlify

from firmware.outbox import Outbox
from firmware.receipts import Receipts
from firmware.store import Store
from protocol import receipt, telemetry

_ROOT = "/keeper"
_SEGMENT = 700  # bytes, so that a few receipts fill one
_ROUNDS = 4


class Clock:
    uptime_ms = staticmethod(time.ticks_ms)
    now = staticmethod(time.time)


class Storage:
    root = _ROOT


class Board:
    clock, storage, random = Clock, Storage, os.urandom


def digest(data):
    return hexlify(hashlib.sha256(data).digest()[:8]).decode()


def tell(kind, number, data):
    print(kind, number, digest(data))


def tell_records(outbox):
    """Gives the number behind the last one."""
    first, records = outbox.peek(1000)
    for n, record in enumerate(records):
        tell("record", first + n, repr(record).encode())
    return first + len(records)


def noise():
    return int.from_bytes(os.urandom(3), "big")


def add(receipts, outbox):
    fields = {
        receipt.TYPE: receipt.SERVICE_CLOSE,
        receipt.TIME: time.time(),
        receipt.ERROR: 2,
        receipt.FIX: None,
    }
    fields.update(
        {receipt.BITS: 0, receipt.BATTERY: 3900, receipt.UPTIME: noise(), receipt.BOOT: os.urandom(4)}
    )
    raw = receipts.append(fields, [receipts.last_seq])
    tell("receipt", receipts.last_seq, raw)
    for _ in range(12):
        outbox.put((telemetry.FIX, time.time(), noise(), noise(), 9))
    if outbox.flush():
        tell_records(outbox)
        print("kept")


def acknowledge(receipts, outbox):
    """All but the newest few."""
    first, records = outbox.peek(20)
    seq, number = receipts.last_seq - 3, first + len(records)
    print("acked", seq, number)
    receipts.acked(seq)
    outbox.drop_to(number)


def main():
    try:
        os.mkdir(_ROOT)
    except OSError:
        pass  # from an earlier boot
    receipts = Receipts(Store(_ROOT), bytes(32), b"lock-one", _SEGMENT)
    receipts.load()
    for seq, raw in receipts.after(0, 9999):
        tell("receipt", seq, raw)
    outbox = Outbox(Board, Clock)
    tell_records(outbox)
    print("booted")
    for _ in range(_ROUNDS):
        add(receipts, outbox)
        add(receipts, outbox)
        acknowledge(receipts, outbox)
    print("done")
