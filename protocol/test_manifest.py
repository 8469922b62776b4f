"""Manifests whole and spoiled: no bit may change, no path may leave its slot, no key may count twice.

Signatures here are digests that anybody could make: which keys count is what is tested. SPEC.md's examples and
firmware/test_update.py hold Ed25519's.
"""

import hashlib

from protocol import cbor, cose, keys, keyset, manifest
from protocol.compat import sha512

NOW = 1_800_000_000
FILES = [
    ("protocol/cbor.mpy", 4000, bytes(32)),
    ("firmware/lock.mpy", 1, bytes(range(32))),
    ("boards/sim/main.py", 0, b"\xff" * 32),
]
LISTED = manifest.encode_list(FILES)
PAYLOAD = manifest.encode_payload(7, 2, "sim", NOW + 100, LISTED)


class Signer:
    def __init__(self, name):
        self.public = hashlib.sha256(name.encode()).digest()

    def sign(self, message):
        return sha512(self.public, message)


def verify(public, message, signature):
    return sha512(public, message) == signature


def key(name):
    return Signer(name)


A, B, C = key("release a"), key("release b"), key("release c")


def kid_of(one, role=keys.RELEASE):
    return keys.kid(role, one.public)


def signers(*several):
    return [(kid_of(one), one.sign) for one in several]


def keyset_of(*entries):
    """entries: (key, role, nbf, exp)."""
    return keyset.parse(
        keyset.encode(1, [(kid_of(one, role), one.public, nbf, exp) for one, role, nbf, exp in entries])
    )


BOTH = keyset_of((A, keys.RELEASE, NOW, NOW + 1000), (B, keys.RELEASE, NOW, NOW + 1000))
HEAD = manifest.encode_head(PAYLOAD, signers(A, B))


def error_of(function, *args):
    try:
        function(*args)
    except ValueError as error:
        return type(error)
    return None


def refused(data, held=BOTH):
    """Whether nothing comes of these bytes."""
    try:
        head = manifest.parse_head(data)
        rest = manifest.Reader(data[head.length :])
        manifest.check_list(rest.read, head.size, head.digest)
        return rest.read(1) != b"" or not manifest.trusted(head, held, verify)
    except manifest.ManifestError:
        return True


# ---- the list


def in_pieces(data, piece):
    reader = manifest.Reader(data)
    return lambda n: reader.read(min(n, piece))


def test_a_list_is_read_as_it_was_written_in_pieces_of_any_size():
    expected = sorted(FILES)
    for piece in (1, 2, 7, 64, 10_000):
        assert list(manifest.entries(in_pieces(LISTED, piece), len(LISTED))) == expected, piece
    assert (
        manifest.check_list(manifest.Reader(LISTED).read, len(LISTED), hashlib.sha256(LISTED).digest()) == 3
    )


def test_a_list_of_many_files_of_the_longest_names_is_a_stream():
    many = [("firmware/%s%02d.mpy" % ("x" * 49, i), i, bytes(32)) for i in range(60)]
    assert len(many[0][0]) == manifest.PATH_MAX
    data = manifest.encode_list(many)
    reader = manifest.Reader(data)
    assert list(manifest.entries(reader.read, len(data))) == many
    assert error_of(manifest.encode_payload, 1, 1, "sim", 1, data) is None
    more = manifest.encode_list(
        many + [("protocol/%s%02d.mpy" % ("x" * 49, i), i, bytes(32)) for i in range(20)]
    )
    long = manifest.encode_payload(1, 1, "sim", NOW, more)
    assert len(more) > manifest.LIMIT - len(HEAD)
    assert error_of(manifest.encode_head, long, signers(A, B)) is manifest.ManifestError


def test_e08_paths_that_a_release_may_bring():
    for path in (
        "protocol/cbor.mpy",
        "boards/esp32s3_lock/main.py",
        "firmware/__init__.py",
        "boards/parts/ble.mpy",
    ):
        assert manifest.good_path(path), path
        assert manifest.encode_list([(path, 1, bytes(32))])


BAD_PATHS = (
    "main.py",
    "boot.py",
    "asyncio.mpy",  # would stand before the frozen one: sys.path
    "asyncio/core.mpy",
    "micropython.py",
    "lib/asyncio.mpy",
    "identity",
    "keyset",
    "slot",
    "a/firmware/lock.mpy",
    "b/manifest",
    "../main.py",
    "firmware/../main.py",
    "firmware/..",
    "firmware/./lock.mpy",
    "/firmware/lock.mpy",
    "//firmware/lock.mpy",
    "firmware//lock.mpy",
    "firmware/lock.mpy/",
    "firmware/",
    "firmware",
    "firmware.py",
    "firmware/.mpy",
    "firmware/lock",
    "firmware/lock.txt",
    "firmware/lock.mpy.py",
    "firmware/lock.new.mpy",
    "firmware/Lock.mpy",
    "firmware/lo ck.mpy",
    "firmware/lock\x00.mpy",
    "firmware\\lock.mpy",
    "firmware/l\u00f6ck.mpy",
    "firmware/lock-1.mpy",
    "firmware/a.b/lock.mpy",
    "protocols/cbor.mpy",
    "boards",
    "",
    ".",
    "firmware/" + "x" * 60 + ".mpy",
    b"firmware/lock.mpy",
    1,
    None,
)


def test_e08_paths_that_no_release_may_bring():
    for path in BAD_PATHS:
        assert not manifest.good_path(path), path
        data = cbor.encode([path, 1, bytes(32)])
        check = manifest.check_list, manifest.Reader(data).read, len(data), hashlib.sha256(data).digest()
        assert error_of(*check) is manifest.ManifestError, path


def test_lists_out_of_form():
    good = [["firmware/a.mpy", 1, bytes(32)], ["firmware/b.mpy", 1, bytes(32)]]
    bad = (
        [],
        [good[1], good[0]],
        [good[0], good[0]],
        [["firmware/a.mpy", 1, bytes(31)]],
        [["firmware/a.mpy", 1, "x" * 32]],
        [["firmware/a.mpy", -1, bytes(32)]],
        [["firmware/a.mpy", manifest.FILES_SIZE_MAX + 1, bytes(32)]],
        [["firmware/a.mpy", manifest.FILES_SIZE_MAX, bytes(32)], good[1]],
        [["firmware/a.mpy", True, bytes(32)]],
        [["firmware/a.mpy", 1]],
        [["firmware/a.mpy", 1, bytes(32), 0]],
        [{1: "firmware/a.mpy"}],
        ["firmware/a.mpy"],
        [1, 2, 3],
    )
    for i, items in enumerate(bad):
        data = b"".join([cbor.encode(item) for item in items])
        check = manifest.check_list, manifest.Reader(data).read, len(data), hashlib.sha256(data).digest()
        assert error_of(*check) is manifest.ManifestError, i
    digest = hashlib.sha256(LISTED).digest()
    for data in (LISTED[:-1], LISTED + b"\x00", LISTED[:40] + b"\xff" * 200, b"\x9f" + LISTED, b""):
        assert error_of(manifest.check_list, manifest.Reader(data).read, len(LISTED), digest) in (
            manifest.ManifestError,
            None if data == LISTED + b"\x00" else manifest.ManifestError,  # what lies behind is not read
        ), data
    assert refused(HEAD + LISTED + b"\x00") and not refused(HEAD + LISTED)


def test_an_endless_list_is_read_no_further_than_it_said():
    asked = []

    def endless(n):
        asked.append(n)
        return b"\x83" * n

    assert error_of(manifest.check_list, endless, 8000, bytes(32)) is manifest.ManifestError
    assert sum(asked) <= 128


# ---- the head


def test_a_head_is_read_as_it_was_written():
    head = manifest.parse_head(HEAD + LISTED)
    assert (head.version, head.counter, head.board, head.expires) == (7, 2, "sim", NOW + 100)
    assert (head.size, head.digest, head.length) == (len(LISTED), hashlib.sha256(LISTED).digest(), len(HEAD))
    assert head.payload == PAYLOAD and len(head.signatures) == 2
    assert manifest.trusted(head, BOTH, verify)


def test_a10_every_flipped_bit_is_refused():
    data = HEAD + LISTED
    assert not refused(data)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        assert refused(bytes(flipped)), bit


def test_every_truncation_is_refused():
    data = HEAD + LISTED
    for size in range(len(data)):
        assert refused(data[:size]), size


def test_e01_two_different_release_keys_must_have_signed():
    late = NOW + 1000
    good = keyset_of((A, 3, NOW, late), (B, 3, NOW, late), (C, 3, NOW, late))
    one_role_wrong = keyset_of((A, 3, NOW, late), (B, keys.RIDE, NOW, late))
    cases = (  # who signed, which keyset, whether that is enough
        ((A, B), good, True),
        ((A, B, C), good, True),
        ((A, B, key("a stranger")), good, True),  # the next key, that this lock does not know yet
        ((A, key("a stranger")), good, False),
        ((A,), good, False),
        ((key("one stranger"), key("another")), good, False),
        ((A, B), one_role_wrong, False),
        ((A, B), keyset_of((A, 3, NOW, late)), False),
        ((A, B), keyset_of((A, 3, NOW, late), (C, 3, NOW, late)), False),
        ((A, B), keyset_of((A, 3, NOW, late), (B, 3, NOW, NOW + 99)), False),  # outlives a key
        ((A, B), keyset_of((A, 3, NOW, late), (B, 3, NOW + 101, late)), False),  # before it
        ((A, B), keyset_of((A, 3, NOW, late), (B, 3, NOW + 100, NOW + 100)), True),
    )
    for i, (by, held, enough) in enumerate(cases):
        head = manifest.parse_head(manifest.encode_head(PAYLOAD, signers(*by)))
        assert manifest.trusted(head, held, verify) is enough, i
    assert error_of(manifest.encode_head, PAYLOAD, []) is ValueError


def test_e01_roles_and_contexts_do_not_mix():
    def head_by(*by):
        return manifest.encode_head(PAYLOAD, by)

    late = NOW + 1000
    held = keyset_of(
        (A, 3, NOW, late), (B, 3, NOW, late), (C, 3, NOW, late), (C, 1, NOW, late), (C, 2, NOW, late)
    )
    ride = kid_of(C, keys.RIDE), C.sign  # the online key, beside one release key
    assert refused(head_by((kid_of(A), A.sign), ride) + LISTED, held)
    master = kid_of(C, keys.MASTER), C.sign
    assert refused(head_by(master, ride) + LISTED, held)
    renamed = kid_of(A, keys.RIDE), A.sign
    assert refused(head_by(renamed, (kid_of(B), B.sign)) + LISTED, held)
    assert refused(cose.sign(PAYLOAD, signers(A, B)) + LISTED)  # signed as something else
    assert refused(cose.sign(PAYLOAD, signers(A, B), b"ringslot keyset") + LISTED)
    assert refused(cose.sign1(A.sign, kid_of(A), PAYLOAD) + LISTED)


def test_e01_a_signature_copied_under_another_kid_is_refused():
    a_signature = manifest.parse_head(HEAD).signatures
    by_a = [entry[2] for entry in a_signature if entry[0] == kid_of(A)][0]
    twice = cose.sign(PAYLOAD, [(kid_of(A), A.sign), (kid_of(B), lambda message: by_a)], b"ringslot release")
    assert refused(twice + LISTED)
    once_good = cose.sign(
        PAYLOAD, signers(A, B) + [(kid_of(C), lambda message: bytes(64))], b"ringslot release"
    )
    held = keyset_of(*[(one, 3, NOW, NOW + 1000) for one in (A, B, C)])
    assert refused(once_good + LISTED, held)  # a third that the lock knows must hold too


def test_heads_out_of_form():
    good = {1: 7, 2: 2, 3: "sim", 4: NOW, 5: len(LISTED), 6: hashlib.sha256(LISTED).digest()}
    changes = (
        {1: -1},
        {1: 1 << 32},
        {1: "7"},
        {2: None},
        {3: ""},
        {3: "x" * 25},
        {3: b"sim"},
        {3: "Sim"},
        {3: "../sim"},
        {4: 1 << 63},
        {5: 0},
        {5: 8192},
        {6: bytes(31)},
        {7: 0},
    )

    def head(item):
        return cose.sign(cbor.encode(item), signers(A, B), b"ringslot release")

    assert not refused(head(good) + LISTED)
    for change in changes:
        item = dict(good)
        item.update(change)
        assert error_of(manifest.parse_head, head(item)) is manifest.ManifestError, change
    for missing in good:
        item = {label: value for label, value in good.items() if label != missing}
        assert error_of(manifest.parse_head, head(item)) is manifest.ManifestError, missing
    assert error_of(manifest.parse_head, head([1])) is manifest.ManifestError
    for data in (b"", b"\xff", HEAD[2:], cbor.encode(7), bytes(600)):
        assert error_of(manifest.parse_head, data) is manifest.ManifestError
    many = [("release %d" % i) for i in range(6)]
    assert (
        error_of(manifest.encode_head, PAYLOAD, signers(*[key(name) for name in many]))
        is manifest.ManifestError
    )


def test_e06_mix_and_match_is_refused():
    other = manifest.encode_list(FILES[:2] + [("boards/sim/main.py", 0, b"\xfe" * 32)])
    assert len(other) == len(LISTED) and refused(HEAD + other)
    assert refused(HEAD + manifest.encode_list(FILES[:2]))
    assert refused(
        manifest.encode_head(manifest.encode_payload(8, 2, "sim", NOW, other), signers(A, B)) + LISTED
    )
