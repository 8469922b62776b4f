"""A whole unlock, measured for bench_lock.py: the lock on a virtual board, from the phone's last write to the motor.

Runs on RV32. Prints what the intent costs on littlefs over a thousand rides: on average, at worst, and at worst early
and late; then instructions from write to motor, and of them those of storage and of the simulated world; then the same
in bytes allocated.
"""

import gc
import hashlib
import json
import sys
from binascii import hexlify

import rv32

from boards.sim.bench import Bench, key, kid_of
from firmware import accept, receipts, store
from firmware.intent import Intent, Intents
from firmware.lock import Lock
from protocol import exchange, receipt, token

_MASK = 0x3FFFFFFF
START = 1_760_000_000
_RIDES = 1_000
_UNDELIVERED = 200  # receipts that the log keeps meanwhile
_SAMPLE = 100  # writes, early and late
STORE = [name for name in dir(store.Store) if name[0] != "_"]
PARTS = {
    "bolt": ("open", "closed"),
    "shackle": ("closed",),
    "motion": ("moving",),
    "battery": ("millivolts",),
    "led": ("show",),
    "clock": ("uptime_ms", "rtc"),
}


RIDES = (
    ("warming", rv32.minstret, "hints"),
    ("warming", rv32.minstret, "plain"),
    ("instructions", rv32.minstret, "hints"),
    ("instructions", rv32.minstret, "plain"),
    ("allocated", gc.mem_alloc, "hints"),
    ("allocated", gc.mem_alloc, "plain"),
)


class Meter:
    """Reads a count as the session takes the last frame, and when the motor is pulled: `total` is the difference.
    `aside`: what of it is storage, and the simulated world, which on metal is a few registers."""

    def __init__(self, bench):
        self.count = rv32.minstret  # or another that counts, modulo 2^30
        self.total = 0
        self.aside = {"storage": 0, "board": 0}
        self._start = None
        self._inside = False
        board, session = bench.board, bench.lock.session
        take, pull = session.take, board.motor.pull

        def taken(kind, conn, data):
            self.aside["storage"] = self.aside["board"] = 0
            self._start = self.count()
            return take(kind, conn, data)

        def pulled():
            if self._start is not None:
                self.total = (self.count() - self._start) & _MASK
                self._start = None
            pull()

        self._set_aside(store.Store, "storage", STORE)
        self._set_aside(store.Slot, "storage", ("write",))
        for part, methods in PARTS.items():
            self._set_aside(getattr(board, part), "board", methods)
        session.take, board.motor.pull = taken, pulled

    def _set_aside(self, owner, which, names):
        for name in names:
            setattr(owner, name, self._counted(getattr(owner, name), which))

    def _counted(self, method, which):
        def counted(*arguments):
            if self._inside:
                return method(*arguments)
            self._inside = True
            before = self.count()
            try:
                return method(*arguments)
            finally:
                self.aside[which] += (self.count() - before) & _MASK
                self._inside = False

        return counted


def unlock(given):
    """Rides; what they took from the third on, when everything was warm."""
    bench = Bench(Lock, issuers=("ride",))
    bench.put("comb-base", given["comb of B"])
    bench.put("comb-" + hexlify(kid_of("ride")).decode(), given["comb of issuer"])
    bench.reboot()
    if bench.lock.config.slow:
        raise AssertionError("the lock did not take its combs")
    rider, phone = key("rider"), bench.phone()
    meter = Meter(bench)
    for epoch, (what, count, which) in enumerate(RIDES, 1):
        hinted = which == "hints"
        meter.count = count
        cti = bench.random(8)
        raw = bench.token(rider, epoch, cti)
        if hinted:
            plain = token.parse(raw)
            raw = token.mint(key("ride").sign, plain.kid, plain.claims, True)
        phone.hello()
        transcript = exchange.transcript(phone.hello_body, phone.challenge_body)
        covered = exchange.proof_input(hashlib.sha256(raw).digest(), transcript, exchange.OPEN)
        proof = rider.sign(covered)
        if hinted:
            proof = exchange.hinted(proof, rider.public)
        body = exchange.encode_request(exchange.OPEN, raw, proof)
        gc.collect()  # what the phone left, which on the street has a heap of its own
        answer = phone.ask(body)
        if answer is None or answer.status:
            raise AssertionError("the lock refused an honest rider")
        print(what, which, meter.total, meter.aside["storage"], meter.aside["board"])
        bench.wait(1)
        bench.world.close()
        bench.wait(1)
        phone.end(cti, rider)


def intents():
    """Each ride writes what a lock writes, and drops what was delivered."""
    kept = store.Store("")
    intents, log = Intents(kept), receipts.Receipts(kept, bytes(32), b"lock-one")
    intents.load()
    log.load()
    claim, raised = [bytes(32), 1, 9, bytes(4), 900, 86400, 0], [bytes(4), 9, START]
    ride = [bytes(8), bytes(32), 1, 9, bytes(4), 900, 86400, 0, 9, 9, START, 9]
    counts = []
    for number in range(1, _RIDES + 1):
        what = Intent(accept.START, number, bytes(8), [bytes(32), bytes(64)], claim, raised)
        counts.append(rv32.count(intents.write, what))
        log.append(OPENED.copy(), [2, ride, None, raised])
        log.append(CLOSED.copy(), [3, ride, None, None])
        kept.write("floors", bytes(60))
        kept.write("awake", bytes(8))
        log.acked(log.last_seq - _UNDELIVERED)
    print("intent mean", sum(counts) // _RIDES)
    print("intent worst", max(counts))
    print("intent early", max(counts[:_SAMPLE]))
    print("intent late", max(counts[-_SAMPLE:]))


OPENED = {
    4: receipt.OPEN,
    5: START,
    6: 2,
    7: None,
    8: 1,
    9: 3900,
    10: 123456,
    11: bytes(4),
    12: bytes(8),
}
CLOSED = OPENED.copy()
CLOSED.update({4: receipt.CLOSE, 15: [START, 0]})
OPENED.update({13: [bytes(32), bytes(64)], 14: [bytes(4), 9]})


if __name__ == "__main__":
    intents()  # first: a Meter changes Store for good
    with open(sys.argv[1]) as file:
        unlock({name: bytes.fromhex(text) for name, text in json.load(file).items() if isinstance(text, str)})
