"""What the lock is about to do, written to flash before the motor moves and cleared once the receipt is there.

After a power cut it lets the next boot say what the bolt did (SPEC.md section 6). It names the seq that its receipt
will get: one that the log has already is settled, so a clearing that was cut off does no harm.
"""

from firmware.rides import Unreadable
from protocol import cbor
from protocol.shape import is_bytes, is_list, is_uint, is_uints

_FILE = "intent"


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


def write(store, intent):
    """Raises OSError; then nothing must move."""
    store.write(_FILE, cbor.encode([getattr(intent, name) for name in Intent.__slots__]))


def read(store):
    """The intent that was not cleared, or None. Raises OSError, Unreadable."""
    data = store.read(_FILE)
    if data is None:
        return None
    try:
        item = cbor.decode(data)
    except cbor.CborError:
        raise Unreadable("intent")
    if not is_list(item, len(Intent.__slots__)) or not is_uints(item[:2], 2) or not is_bytes(item[2], 8):
        raise Unreadable("intent")
    if not is_list(item[3], 2) or not is_bytes(item[3][0], 32) or not is_bytes(item[3][1], 64):
        raise Unreadable("intent")
    claim, raised = item[4], item[5]
    if claim is not None and not (is_list(claim, 7) and is_bytes(claim[0], 32) and is_bytes(claim[3], 4)):
        raise Unreadable("intent")
    if raised is not None and not (is_list(raised, 3) and is_bytes(raised[0], 4) and is_uint(raised[2])):
        raise Unreadable("intent")
    return Intent(*item)


def clear(store):
    """Raises OSError."""
    store.remove(_FILE)
