"""The messages by which a phone brings a release."""

from protocol import cbor, update

FORMS = (  # encode, decode, a good one, bad ones
    (
        update.encode_offer,
        update.decode_offer,
        (7, bytes(32)),
        ([7], [7, bytes(31)], [-1, bytes(32)], [7, bytes(32), 0], {1: 7}, 7),
    ),
    (
        update.encode_want,
        update.decode_want,
        (b"abcd", 512),
        ([b"abc", 0], [b"abcde", 0], ["abcd", 0], [b"abcd", -1], [b"abcd", 1 << 32], [None, 0], []),
    ),
    (
        update.encode_data,
        update.decode_data,
        (b"abcd", 0, bytes(512)),
        ([b"abcd", 0, bytes(513)], [b"abcd", 0, "x"], [b"", True, b""], [b"abcd", 0]),
    ),
    (update.encode_progress, update.decode_progress, (6, 3), ([6], [6, -3], [6, 3, 1], ["6", 3])),
)


def refused(decode, body):
    try:
        decode(body)
    except update.UpdateError:
        return True
    return False


def test_each_message_is_read_as_it_was_written_and_in_no_other_form():
    for encode, decode, good, bad in FORMS:
        body = encode(*good)
        assert decode(body) == good
        for item in bad:
            assert refused(decode, cbor.encode(item)), item
        for cut in range(len(body)):
            assert refused(decode, body[:cut]), cut
        assert refused(decode, body + b"\x00")


def test_the_manifest_and_the_end_are_empty_strings():
    assert update.decode_want(update.encode_want(update.MANIFEST, 0)) == (b"", 0)
    assert update.decode_data(update.encode_data(update.MANIFEST, 0, b"")) == (b"", 0, b"")


def test_every_reason_has_its_sentence():
    sentences = [update.sentence(reason) for reason in range(update.LATER + 1)]
    assert len(set(sentences)) == len(sentences) and all([text.endswith(".") for text in sentences])
    assert update.sentence(99) not in sentences
