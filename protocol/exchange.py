"""The messages of the unlock exchange, and what the holder's proof covers (SPEC.md sections 4 and 5)."""

import hashlib

from protocol import cbor, cose, ed25519
from protocol.compat import const
from protocol.shape import is_bytes, is_list, is_uint, is_uints

VERSION = const(1)

HELLO = const(1)  # opcodes
CHALLENGE = const(2)
REQUEST = const(3)
RESULT = const(4)
RECEIPT = const(5)
COLLECT = const(6)
SEALED = const(7)
OFFER = const(8)  # these four: update.py
WANT = const(9)
DATA = const(10)
PROGRESS = const(11)
TO_LOCK = (HELLO, REQUEST, COLLECT, OFFER, DATA)
TO_PHONE = (CHALLENGE, RESULT, RECEIPT, SEALED, WANT, PROGRESS)

COLOURS = ("red", "green", "blue", "white")  # of a colour code, by number

OPEN = const(1)  # commands
END = const(2)
SERVICE = const(3)
UPDATE = const(4)
DECOMMISSION = const(5)

FLAG_CLOCK_UNKNOWN = const(1)
FLAG_SLOW = const(2)  # a comb is missing or damaged: no rule depends on it

_LIMIT = const(1024)
_CONTEXT = "ringslot proof"  # keeps a proof apart from everything else that an Ed25519 key might sign


class ExchangeError(ValueError):
    """The body is not the message it claims to be."""


class BadVersion(ExchangeError):
    """HELLO or CHALLENGE of another version of this protocol."""


def _decode(body, length):
    try:
        item = cbor.decode(body, _LIMIT)
    except cbor.CborError:
        raise ExchangeError("not strict CBOR") from None
    if not is_list(item, length):
        raise ExchangeError("shape")
    return item


def _need(condition):
    if not condition:
        raise ExchangeError("shape")


def _versioned(body, length):
    try:
        item = cbor.decode(body, _LIMIT)
    except cbor.CborError:
        raise ExchangeError("not strict CBOR") from None
    _need(is_list(item) and item and is_uint(item[0]))
    if item[0] != VERSION:
        raise BadVersion("version %d" % item[0])
    _need(len(item) == length)
    return item


def encode_hello(random, patience=0):
    return cbor.encode([VERSION, random, patience])


def decode_hello(body):
    """(random: 8 bytes, patience: 0/1). Raises BadVersion, ExchangeError."""
    item = _versioned(body, 3)
    _need(is_bytes(item[1], 8) and is_uint(item[2], 2))
    return item[1], item[2]


def encode_challenge(challenge, flags, sealed_status):
    return cbor.encode([VERSION, challenge, flags, sealed_status])


def decode_challenge(body):
    """(challenge: 16 bytes, flags, sealed status)."""
    item = _versioned(body, 4)
    _need(is_bytes(item[1], 16) and is_uint(item[2]) and is_bytes(item[3]))
    return item[1], item[2], item[3]


def encode_request(command, token, proof):
    return cbor.encode([command, [], token, proof])


def decode_request(body):
    """(command, token bytes or None, proof: 64 bytes, or 128 with hints: see `parts`). Which command goes with which
    token is the lock's to judge."""
    item = _decode(body, 4)
    _need(
        is_uint(item[0])
        and is_list(item[1], 0)
        and (item[2] is None or is_bytes(item[2]))
        and (is_bytes(item[3], 64) or is_bytes(item[3], 128))
    )
    return item[0], item[2], item[3]


def hinted(proof, holder):
    """The proof (64 bytes) with hints, which spare the lock two square roots: x of the holder's key, x of R."""
    return proof + ed25519.x_of(holder) + ed25519.x_of(proof[:32])


def parts(proof):
    """(signature, x of the holder's key or None, x of R or None) of a proof in a request."""
    if len(proof) == 64:
        return proof, None, None
    return proof[:64], proof[64:96], proof[96:]


def encode_result(status, receipt=None, timing=(0, 0, 0)):
    return cbor.encode([status, receipt, list(timing)])


def decode_result(body):
    """(status, receipt bytes or None, [verify ms, storage ms, motor ms])."""
    item = _decode(body, 3)
    _need(is_uint(item[0]) and (item[1] is None or is_bytes(item[1])) and is_uints(item[2], 3))
    return item[0], item[1], item[2]


def encode_receipt(receipt):
    return cbor.encode([receipt])


def encode_sealed(batch):
    return cbor.encode([batch])


def decode_single(body):
    """The one byte string of RECEIPT or SEALED."""
    item = _decode(body, 1)
    _need(is_bytes(item[0]))
    return item[0]


def encode_collect():
    return cbor.encode([])


def decode_collect(body):
    _decode(body, 0)


def transcript(hello_body, challenge_body):
    return hashlib.sha256(hello_body + challenge_body).digest()


def colours(transcript_hash):
    """The colour code: four bytes of 0 to 3, none like the one before it."""
    code = [transcript_hash[0] % 4]
    for byte in transcript_hash[1:4]:
        code.append((code[-1] + 1 + byte % 3) % 4)
    return bytes(code)


def proof_input(subject, transcript_hash, command):
    """What the holder signs. `subject`: the token's hash, or the cti of the running ride."""
    return cbor.encode([_CONTEXT, 1, subject, transcript_hash, command, []])


def seal_status(key, hello_body, challenge, fields):
    """`fields`: [lock id, receipt seq, ride floor, state, time, time error, millivolts, keyset version]."""
    return cose.encrypt0(key, challenge[:13], cbor.encode(fields), hello_body + challenge)


def open_status(key, hello_body, challenge_body):
    """(challenge, fields) that only the lock of this key can have made. Raises ExchangeError."""
    challenge, _flags, sealed = decode_challenge(challenge_body)
    try:
        fields = cbor.decode(cose.open_encrypt0(key, sealed, _LIMIT, hello_body + challenge), _LIMIT)
    except (cose.CoseError, cbor.CborError):
        raise ExchangeError("sealed status") from None
    _need(is_list(fields, 8) and is_bytes(fields[0], 8) and is_uints(fields[1:], 7))
    return challenge, fields


def seal_batch(key, nonce, receipts):
    return cose.encrypt0(key, nonce, cbor.encode(list(receipts)))


def open_batch(key, data):
    """The receipts in a sealed batch. Raises ExchangeError."""
    try:
        receipts = cbor.decode(cose.open_encrypt0(key, data, _LIMIT), _LIMIT)
    except (cose.CoseError, cbor.CborError):
        raise ExchangeError("sealed batch") from None
    _need(is_list(receipts) and receipts and all(is_bytes(receipt) for receipt in receipts))
    return receipts
