"""The manifest: which files make up a release for one kind of board, signed by two release keys (SPEC.md section 12).

    head    COSE_Sign, at most 512 bytes, over the release's number, its counter, board, expiry and the list's digest
    list    CBOR sequence (RFC 8742) of [path, size, SHA-256], sorted by path; with the head at most 8 KiB

Takes apart and puts together; whether a lock wants a release is firmware/update.py's. The list is read as a stream, so
that no lock holds more of it than one entry.
"""

import hashlib

from protocol import cbor, cose, keys
from protocol.compat import const
from protocol.shape import is_bytes, is_list, is_uint

HEAD_MAX = const(512)  # bytes
LIMIT = const(8192)  # head and list
SIGNERS = const(2)  # different keys that must have signed
BOARD_MAX = const(24)  # characters
PATH_MAX = const(64)
FILES_SIZE_MAX = const(1 << 20)  # bytes of all files of a release together

_ENTRY_MAX = const(128)  # bytes; the longest takes 107
_CONTEXT = b"ringslot release"  # external_aad (RFC 9052 §4.3): such a signature is good for nothing else
_FOLDERS = ("protocol", "firmware", "boards")
_ENDINGS = ("mpy", "py")
_NAME = "abcdefghijklmnopqrstuvwxyz0123456789_"


class ManifestError(ValueError):
    """Not a manifest. What it says is never acted upon."""


class Head:
    """`version`, `counter`: uint; `board`: str; `expires`: Unix s; `size`, `digest`: of the list; `payload`: what the
    signatures cover; `signatures`: as cose.parse_sign gives them, NOT verified; `length`: bytes of the head."""

    __slots__ = (
        "version",
        "counter",
        "board",
        "expires",
        "size",
        "digest",
        "payload",
        "signatures",
        "length",
    )

    def __init__(self, fields, payload, signatures, length):
        self.version, self.counter, self.board, self.expires, self.size, self.digest = fields
        self.payload, self.signatures, self.length = payload, signatures, length


# ---- the list


def good_path(path):
    """Whether a release may bring this file. Only modules in our own folders: nothing that could take the place of
    the launcher or of a module frozen into the image, and nothing outside of its slot."""
    if type(path) is not str or len(path) > PATH_MAX:
        return False
    parts = path.split("/")
    stem, _, ending = parts[-1].partition(".")
    if len(parts) < 2 or parts[0] not in _FOLDERS or ending not in _ENDINGS:
        return False
    return all([name and all([char in _NAME for char in name]) for name in parts[1:-1] + [stem]])


def encode_list(files):
    """The list of these (path, size, SHA-256). ManifestError for what no lock would take."""
    data = b"".join([cbor.encode(list(entry)) for entry in sorted(files)])
    reader = Reader(data)
    check_list(reader.read, len(data), hashlib.sha256(data).digest())
    return data


def entries(read, size):
    """Each (path, size, SHA-256) of a list of `size` bytes, of which read(n) gives the next n or fewer, b"" at its end.

    ManifestError at the first that is out of form or order. What came before it was given already: `check_list` first.
    """
    window, last = b"", ""
    while size or window:
        more = read(min(size, _ENTRY_MAX - len(window))) if size else b""
        if size and not more:
            raise ManifestError("the list is cut short")
        window, size = window + more, size - len(more)
        if size and len(window) < _ENTRY_MAX:
            continue
        try:
            entry, end = cbor.decode_first(window)
        except cbor.CborError:
            raise ManifestError("list") from None
        if not is_list(entry, 3) or not good_path(entry[0]) or entry[0] <= last:
            raise ManifestError("path")
        if not is_uint(entry[1], FILES_SIZE_MAX + 1) or not is_bytes(entry[2], 32):
            raise ManifestError("entry")
        last, window = entry[0], window[end:]
        yield last, entry[1], entry[2]


def check_list(read, size, digest):
    """Number of files in a list that is whole and in form. Raises ManifestError."""
    seen = hashlib.sha256()

    def hashed(n):
        data = read(n)
        seen.update(data)
        return data

    count = total = 0
    for _, length, _ in entries(hashed, size):
        count, total = count + 1, total + length
    if seen.digest() != digest:
        raise ManifestError("another list")
    if not count or total > FILES_SIZE_MAX:
        raise ManifestError("no files, or too many")
    return count


class Reader:
    """read(n) over bytes, as of a file."""

    def __init__(self, data):
        self._data, self._at = data, 0

    def read(self, n):
        self._at += n
        return self._data[self._at - n : self._at]


# ---- the head


def encode_payload(version, counter, board, expires, listed):
    """What release keys sign. `listed`: bytes of the list."""
    return cbor.encode(
        {1: version, 2: counter, 3: board, 4: expires, 5: len(listed), 6: hashlib.sha256(listed).digest()}
    )


def encode_head(payload, signers):
    """The head; `signers` gives (kid, sign(bytes) -> 64 bytes). ManifestError when no lock could read it."""
    data = cose.sign(payload, signers, _CONTEXT)
    parse_head(data)
    return data


def parse_head(data):
    """The Head at the beginning of data, of which the list may follow. No signature is verified. ManifestError."""
    try:
        length = cbor.decode_first(data[:HEAD_MAX])[1]
        payload, signatures = cose.parse_sign(data[:length], HEAD_MAX, _CONTEXT)
        item = cbor.decode(payload, HEAD_MAX)
    except (cbor.CborError, cose.CoseError):
        raise ManifestError("head") from None
    if type(item) is not dict or sorted(item) != [1, 2, 3, 4, 5, 6]:
        raise ManifestError("head")
    board = item[3]
    if (
        type(board) is not str
        or not 0 < len(board) <= BOARD_MAX
        or not all([char in _NAME for char in board])
    ):
        raise ManifestError("board")
    if not all([is_uint(item[label]) for label in (1, 2, 4, 5)]) or not is_bytes(item[6], 32):
        raise ManifestError("head")
    if not 0 < item[5] <= LIMIT - length:
        raise ManifestError("size of the list")
    return Head([item[label] for label in (1, 2, 3, 4, 5, 6)], payload, signatures, length)


def trusted(head, keyset, verify):
    """Whether enough release keys of the keyset signed: different ones, each valid on the day the release expires, so
    that nothing outlives a key that vouched for it. verify(public key, message, signature) as in ed25519.py.

    A signature by a key that the keyset does not hold counts for nothing; one by a key that it holds must be good.
    """
    good = 0
    for kid, covered, signature in head.signatures:
        key = keyset.find(kid, keys.RELEASE)
        if key and key[1] <= head.expires <= key[2]:
            if not verify(key[0], covered, signature):
                return False
            good += 1
    return good >= SIGNERS
