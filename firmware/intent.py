"""What the lock is about to do, written to flash before the motor moves.

After a power cut it lets the next boot say what the bolt did (SPEC.md section 6). It names the seq that its receipt
will get: one that the log has already is settled, so nothing ever clears an intent; the next one takes its place.

It lies in two files of fixed length, each small enough that littlefs keeps it inside its folder's own log (128 bytes
with the caches of a stock port, of which SPEC.md's evidence alone takes 96) and never looks for a free block: that
search grows with what the flash holds. They have that folder to themselves, whose log stays short.
"""

import hashlib
import struct

from firmware.rides import Unreadable
from protocol.compat import const

_FOLDER = "i"
_EVIDENCE = const(96)  # bytes: transcript, proof
_CLAIM = const(1)  # what it has
_RAISED = const(2)
_WHAT = ">BBI8s" + "32sBI4sIIB" + "4sQI"  # action, what it has, seq, cti; claim; raised
_CHECK = const(8)  # bytes of the SHA-256 of that and the evidence: it fails unless the two belong together
_SIZE = struct.calcsize(_WHAT)
_NO_CLAIM = (bytes(32), 0, 0, bytes(4), 0, 0, 0)
_NOT_RAISED = (bytes(4), 0, 0)


class Intent:
    """`action`: accept.START, HAND_OVER, REOPEN or SERVICE; `cti`; `evidence`: [transcript, proof] of the request;
    `claim`: [holder, scope, epoch, kid, hold, longest, mode], None for a re-open; `raised`: [kid, floor, iat] that the
    request raised, or None."""

    __slots__ = ("action", "seq", "cti", "evidence", "claim", "raised")

    def __init__(self, action, seq, cti, evidence, claim, raised):
        self.action = action
        self.seq = seq
        self.cti = cti
        self.evidence = evidence
        self.claim = claim
        self.raised = raised


class Intents:
    """The last one written. `load` it first."""

    def __init__(self, store):
        self._store = store
        self._evidence = self._what = None

    def load(self):
        """The last intent, settled or not; None when there was none, or a cut came before it was whole: then nothing
        had moved. Raises OSError, Unreadable."""
        self._store.make(_FOLDER)
        self._evidence = self._store.slot(_FOLDER + "/evidence", _EVIDENCE)
        self._what = self._store.slot(_FOLDER + "/intent", _SIZE + _CHECK)
        evidence, data = self._evidence.read(), self._what.read()
        if len(evidence) != _EVIDENCE or len(data) != _SIZE + _CHECK:
            raise Unreadable("intent")
        what = data[:_SIZE]
        if _check(what, evidence) != data[_SIZE:]:
            return None
        action, has, seq, cti, *values = struct.unpack(_WHAT, what)
        claim = values[:7] if has & _CLAIM else None
        raised = values[7:] if has & _RAISED else None
        return Intent(action, seq, cti, [evidence[:32], evidence[32:]], claim, raised)

    def write(self, intent):
        """Raises OSError; then nothing must move."""
        has = (_CLAIM if intent.claim else 0) | (_RAISED if intent.raised else 0)
        claim, raised = intent.claim or _NO_CLAIM, intent.raised or _NOT_RAISED
        what = struct.pack(_WHAT, intent.action, has, intent.seq, intent.cti, *claim, *raised)
        evidence = intent.evidence[0] + intent.evidence[1]
        self._evidence.write(evidence)
        self._what.write(what + _check(what, evidence))


def _check(what, evidence):
    digest = hashlib.sha256(what)
    digest.update(evidence)
    return digest.digest()[:_CHECK]
