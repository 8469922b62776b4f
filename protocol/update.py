"""What lock, phone and cloud say to each other about an update: its states, the reasons against it, and the messages by
which a technician's phone brings one (SPEC.md section 12). The release itself is manifest.py's.
"""

from protocol import cbor
from protocol.compat import const
from protocol.shape import is_bytes, is_list, is_uint

BLOCK = const(512)  # bytes asked for at a time
NAME = const(4)  # bytes of a file's SHA-256 that name it; b"" names the manifest
MANIFEST = b""

DOWNLOADING = const(1)  # states
VERIFIED = const(2)
TRIAL = const(3)
CONFIRMED = const(4)
ROLLED_BACK = const(5)
REFUSED = const(6)
LAST = (TRIAL, ROLLED_BACK, REFUSED)  # of what a phone hears: an offer's end

ACCEPTED = const(0)  # reasons to refuse, and their absence
MALFORMED = const(1)
UNSIGNED = const(2)
OTHER_BOARD = const(3)
OLDER = const(4)
COUNTER = const(5)
OTHER_BYTES = const(6)
EXPIRED = const(7)
FAILED = const(8)
WRONG_FILE = const(9)
NO_ROOM = const(10)
GONE = const(11)
RUNNING = const(12)
NO_SLOTS = const(13)
LATER = const(14)

_LIMIT = const(600)  # bytes of a message
_REASONS = (  # row number = reason
    "The release is taken.",
    "This is not a release, or it came damaged; make or fetch it again.",
    "Two release keys that the lock knows must have signed; have it signed, or bring the lock its new keyset first.",
    "This release is for another kind of board; choose the one for this lock.",
    "The lock runs a newer release already; build this one again with a higher number.",
    "The lock has left releases with this security counter behind; build one with a higher counter.",
    "The lock runs another release of the same number; give the new one a new number.",
    "The release has expired; sign it again with a later date.",
    "The lock tried this release and came back from it; make a better one.",
    "A file is not what the manifest says; fetch it again.",
    "The lock's storage is full or failing; flash it by cable, or put another lock there.",
    "Whoever offered the release no longer has it; offer one that is there.",
    "The lock runs this release already.",
    "This lock takes no updates; flash it by cable.",
    "Not now: someone rides, holds or talks to this lock, or its battery is low; try again when it stands locked.",
)


class UpdateError(ValueError):
    """The body is not the message it claims to be."""


def sentence(reason):
    """What the person is told."""
    return (
        _REASONS[reason] if reason < len(_REASONS) else "The lock gave a reason that this app does not know."
    )


def _decode(body, *checks):
    try:
        item = cbor.decode(body, _LIMIT)
    except cbor.CborError:
        raise UpdateError("not strict CBOR") from None
    if not is_list(item, len(checks)) or not all([check(part) for check, part in zip(checks, item)]):
        raise UpdateError("shape")
    return item


def _is_digest(item):
    return is_bytes(item, 32)


def _is_name(item):
    return is_bytes(item, NAME) or is_bytes(item, len(MANIFEST))


def _is_block(item):
    return is_bytes(item) and len(item) <= BLOCK


def encode_offer(version, digest):
    """OFFER, phone to lock: a release's number, and the SHA-256 of its manifest, head and list."""
    return cbor.encode([version, digest])


def decode_offer(body):
    """(version, digest). Raises UpdateError."""
    return tuple(_decode(body, is_uint, _is_digest))


def encode_want(name, offset):
    """WANT, lock to phone: the bytes of that file from there on. `name`: NAME bytes, or MANIFEST."""
    return cbor.encode([name, offset])


def decode_want(body):
    """(name, offset). Raises UpdateError."""
    return tuple(_decode(body, _is_name, is_uint))


def encode_data(name, offset, data):
    """DATA, phone to lock: what WANT asked for, BLOCK bytes or up to the file's end; empty for what is not there."""
    return cbor.encode([name, offset, data])


def decode_data(body):
    """(name, offset, bytes). Raises UpdateError."""
    return tuple(_decode(body, _is_name, is_uint, _is_block))


def encode_progress(state, reason):
    """PROGRESS, lock to phone: how far it is."""
    return cbor.encode([state, reason])


def decode_progress(body):
    """(state, reason). Raises UpdateError."""
    return tuple(_decode(body, is_uint, is_uint))
