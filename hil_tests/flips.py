"""Every bit of a token and of a proof, with hints and without, turned over and shown to a lock: `flips.py [EVERY]`.

Runs on any interpreter, with the combs in the folder `combs` if it is there. The lock is a whole one on a virtual
board; the rider signs for whatever the token has become, so that nothing but the turned bit is wrong. Prints, for each
form, what refused how many bits: the form (no key was looked up) or the signature, and the status that the rider got.
"""

import gc
import hashlib
import os
import sys

sys.path[0] = ""  # the checkout, not hil_tests/
if hasattr(gc, "mem_free"):
    gc.threshold(16_384)  # as in main.py of the boards

from boards.sim.bench import Bench, key, kid_of  # noqa: E402
from firmware.lock import Lock  # noqa: E402
from protocol import exchange, status, token  # noqa: E402

RIDER, ISSUER = key("rider"), key("ride")
_COMBS = "combs"


class Street(Bench):
    def provision(self, *given):
        super().provision(*given)
        for name in os.listdir(_COMBS) if _COMBS in os.listdir(".") else ():
            with open(_COMBS + "/" + name, "rb") as file:
                self.put(name, file.read())

    def minted(self, hinted):
        raw = self.token(RIDER)
        outer = token.parse(raw)
        return token.mint(ISSUER.sign, kid_of("ride"), outer.claims, hinted)

    def shown(self, raw, proof_of):
        """The status that a lock gives; `proof_of(covered)`: the proof that goes with the token."""
        phone = self.phone()
        phone.hello()
        transcript = exchange.transcript(phone.hello_body, phone.challenge_body)
        covered = exchange.proof_input(hashlib.sha256(raw).digest(), transcript, exchange.OPEN)
        answer = phone.ask(exchange.encode_request(exchange.OPEN, raw, proof_of(covered)))
        phone.leave()
        self.board.link.forget(phone.conn)
        return answer.status


def turned(data, bit):
    changed = bytearray(data)
    changed[bit >> 3] ^= 1 << (bit & 7)
    return bytes(changed)


def hinted(covered):
    return exchange.hinted(RIDER.sign(covered), RIDER.public)


def of_token(street, raw, bit):
    bad = turned(raw, bit)
    try:
        by = "signature"
        if token.parse(bad).verify(ISSUER.public):
            by = "nothing"
    except token.Malformed:
        by = "form"
    return by, street.shown(bad, RIDER.sign)


def of_proof(street, raw, bit):
    return "signature", street.shown(raw, lambda covered: turned(RIDER.sign(covered), bit))


def of_hinted_proof(street, raw, bit):
    return "signature", street.shown(raw, lambda covered: turned(hinted(covered), bit))


FORMS = (  # name, whether the token has a hint, the bytes that are turned, how
    ("token", False, lambda raw: len(raw), of_token),
    ("token with hint", True, lambda raw: len(raw), of_token),
    ("proof", False, lambda raw: 64, of_proof),
    ("proof with hints", False, lambda raw: 128, of_hinted_proof),
)


def main(every):
    for name, with_hint, size, refused in FORMS:
        street = Street(Lock)
        raw = street.minted(with_hint)
        found = {}
        flips = range(0, 8 * size(raw), every)
        for bit in flips:
            by, code = refused(street, raw, bit)
            if code == status.OK or by == "nothing" or (by == "form") != (code == status.MALFORMED):
                raise AssertionError(f"{name}, bit {bit}: {by}, {status.NAMES[code]}")
            what = by, status.NAMES[code]
            found[what] = found.get(what, 0) + 1
        if street.world.actuations or street.lock.receipts.last_seq or street.lock.session.errors:
            raise AssertionError(name)
        if street.shown(raw, hinted) != status.OK or street.world.actuations != 1:
            raise AssertionError(name + ": the good one was refused")
        print(f"{name}, {len(flips)} of {8 * size(raw)} bits:")
        for by, said in sorted(found):
            print(f"  {by}: {said}, {found[by, said]}")
        street.close()


main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
