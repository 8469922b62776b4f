"""A whole unlock, measured for bench_lock.py: the lock on a virtual board, from the phone's last write to the motor.

Runs on RV32. Prints instructions between the two, those of them that storage took, and bytes allocated; then what the
intent costs on littlefs, early and late in the life of its flash.
"""

import gc
import hashlib
import json
import sys
from binascii import hexlify

import rv32

from boards.sim.bench import Bench, key, kid_of
from firmware import accept, intent, receipts, store
from firmware.lock import Lock
from protocol import exchange, receipt, token

_MASK = 0x3FFFFFFF
_HISTORY = 500  # receipts
STORE = [name for name in dir(store.Store) if name[0] != "_"]
PARTS = {
    "bolt": ("open", "closed"),
    "shackle": ("closed",),
    "motion": ("moving",),
    "battery": ("millivolts",),
    "led": ("show",),
    "clock": ("uptime_ms", "rtc"),
}


class Meter:
    """Counts from the last frame that the session takes until the motor is pulled. `aside`: what of it is storage, and
    the simulated world, which on metal is a few registers."""

    def __init__(self, bench):
        self.total = self.allocated = self._start = self._free = 0
        self.aside = {"storage": 0, "board": 0}
        self._inside = False
        board, session = bench.board, bench.lock.session
        take, pull = session.take, board.motor.pull

        def taken(kind, conn, data):
            self.aside = {"storage": 0, "board": 0}
            self._free = gc.mem_free()
            self._start = rv32.minstret()
            return take(kind, conn, data)

        def pulled():
            if self._start is not None:
                self.total = (rv32.minstret() - self._start) & _MASK
                self.allocated = self._free - gc.mem_free()
                self._start = None
            pull()

        self._set_aside(store.Store, "storage", STORE)
        for part, methods in PARTS.items():
            self._set_aside(getattr(board, part), "board", methods)
        session.take, board.motor.pull = taken, pulled

    def _set_aside(self, owner, which, names):
        for name in names:
            setattr(owner, name, self._timed(getattr(owner, name), which))

    def _timed(self, method, which):
        def timed(*arguments):
            if self._inside:
                return method(*arguments)
            self._inside = True
            before = rv32.minstret()
            try:
                return method(*arguments)
            finally:
                self.aside[which] += (rv32.minstret() - before) & _MASK
                self._inside = False

        return timed


def unlock(given):
    """Three rides; what the second and the third took, when everything was warm: with hints, and without."""
    bench = Bench(Lock, issuers=("ride",))
    bench.put("comb-base", given["comb of B"])
    bench.put("comb-" + hexlify(kid_of("ride")).decode(), given["comb of issuer"])
    bench.reboot()
    if bench.lock.config.slow:
        raise AssertionError("the lock did not take its combs")
    rider, phone = key("rider"), bench.phone()
    meter = Meter(bench)
    for epoch, hinted in ((1, True), (2, True), (3, False)):
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
        answer = phone.ask(exchange.encode_request(exchange.OPEN, raw, proof))
        if answer is None or answer.status:
            raise AssertionError("the lock refused an honest rider")
        print("unlock", epoch, meter.total, meter.aside["storage"], meter.aside["board"], meter.allocated)
        bench.wait(1)
        bench.world.close()
        bench.wait(1)
        phone.end(cti, rider)


def intents():
    kept = store.Store("")
    what = intent.Intent(
        accept.START,
        9,
        bytes(8),
        [bytes(32), bytes(64)],
        [bytes(32), 1, 9, bytes(4), 900, 86400, 0],
        [bytes(4), 9, 9],
    )

    def write():
        intent.write(kept, what)

    write()
    print("intent early", rv32.count(write))
    log = receipts.Receipts(kept, bytes(32), b"lock-one")
    log.load()
    for _ in range(_HISTORY):
        log.append(FIELDS.copy(), [1, 2, 3])
    print("intent late", rv32.count(write))


FIELDS = {
    4: receipt.OPEN,
    5: 1_760_000_000,
    6: 2,
    7: None,
    8: 1,
    9: 3900,
    10: 123456,
    11: bytes(4),
    12: bytes(8),
}
FIELDS.update({13: [bytes(32), bytes(64)], 14: [bytes(4), 9]})


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        unlock({name: bytes.fromhex(text) for name, text in json.load(file).items() if isinstance(text, str)})
    intents()
