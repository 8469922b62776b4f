"""RFC 8613 appendix C, both directions, then every way a response can be wrong.

`Server` is the other half, written here from the module's pieces: ours has no server in it.
"""

from protocol import ccm, coap, oscore

unhex = bytes.fromhex

SECRET = unhex("0102030405060708090a0b0c0d0e0f10")
SALT = unhex("9e7ca92223786340")
ID_CONTEXT = unhex("37cbf3210017a2d3")

# RFC 8613 C.1-C.3: salt, client id, server id, ID Context; client key, server key, Common IV
CONTEXTS = (
    (
        (SALT, b"", b"\x01", None),
        (
            "f0910ed7295e6ad4b54fc793154302ff",
            "ffb14e093c94c9cac9471648b4f98710",
            "4622d4dd6d944168eefb54987c",
        ),
    ),
    (
        (b"", b"\x00", b"\x01", None),
        (
            "321b26943253c7ffb6003b0b64d74041",
            "e57b5635815177cd679ab4bcec9d7dda",
            "be35ae297d2dace910c52e99f9",
        ),
    ),
    (
        (SALT, b"", b"\x01", ID_CONTEXT),
        (
            "af2a1300a5e95788b356336eeecd2b92",
            "e39a0c7c77b43f03b4b39ab9a268699f",
            "2ca58fb85ff1b81c0b7181b85e",
        ),
    ),
)

# C.4-C.6: unprotected, AAD, nonce, protected; all with sequence number 20
REQUESTS = (
    (
        "44015d1f00003974396c6f63616c686f737483747631",
        "8368456e63727970743040488501810a40411440",
        "4622d4dd6d944168eefb549868",
        "44025d1f00003974396c6f63616c686f7374620914ff612f1092f1776f1c1668b3825e",
    ),
    (
        "440171c30000b932396c6f63616c686f737483747631",
        "8368456e63727970743040498501810a4100411440",
        "bf35ae297d2dace910c52e99ed",
        "440271c30000b932396c6f63616c686f737463091400ff4ed339a5a379b0b8bc731fffb0",
    ),
    (
        "44012f8eef9bbf7a396c6f63616c686f737483747631",
        "8368456e63727970743040488501810a40411440",
        "2ca58fb85ff1b81c0b7181b84a",
        "44022f8eef9bbf7a396c6f63616c686f73746b19140837cbf3210017a2d3ff72cd7273fd331ac45cffbe55c3",
    ),
)

# C.7 without and C.8 with a Partial IV, both to the request of C.4
RESPONSE = "64455d1f00003974ff48656c6c6f20576f726c6421"
RESPONSES = (
    (None, "64445d1f0000397490ffdbaad1e9a7e7b2a813d3c31524378303cdafae119106"),
    (b"\x00", "64445d1f00003974920100ff4d4c13669384b67354b2b6175ff4b8658c666a6cf88e"),
)
HELLO = (coap.CONTENT, [], b"Hello World!")


def client(which=0, **more):
    return oscore.Context(SECRET, *CONTEXTS[which][0], **more)


class Server(oscore.Context):
    """Opens requests and seals responses; remembers nothing, so it also says what a bad server might."""

    def unprotect_request(self, options, payload):
        (value,) = [value for number, value in options if number == coap.OSCORE]
        piv, kid, _ = oscore.parse_option(value)
        assert kid == self.recipient_id
        nonce, aad = oscore.make_nonce(self.common_iv, kid, piv), oscore.make_aad(kid, piv)
        plaintext = ccm.open(self.recipient_key, nonce, aad, payload)
        inner, payload = coap.decode_options(plaintext, 1)
        return plaintext[0], inner, payload, (nonce, aad)

    def protect_response(self, request, plaintext, piv=None, kid=None, id_context=None):
        nonce, aad = request
        if piv is not None:
            nonce = oscore.make_nonce(self.common_iv, self.sender_id, piv)
        options = [(coap.OSCORE, oscore.make_option(piv, kid, id_context))]
        return options, ccm.seal(self.sender_key, nonce, aad, plaintext)


def server(which=0):
    salt, client_id, server_id, id_context = CONTEXTS[which][0]
    return Server(SECRET, salt, server_id, client_id, id_context)


def plaintext_of(code, options=(), payload=b""):
    return bytes((code,)) + coap.encode_options(options, payload)


def exchange(which=0, options=((coap.URI_PATH, b"f"),)):
    """A request on its way, and what the server needs to answer it."""
    lock = client(which)
    code, outer, ciphertext, request = lock.protect_request(coap.POST, options, b"batch")
    return lock, request, server(which).unprotect_request(outer, ciphertext)[3]


def refused(lock, options, payload, request):
    try:
        lock.unprotect_response(options, payload, request)
    except oscore.OscoreError:
        return True
    return False


def test_c1_to_c3_keys_both_sides():
    for which, (_, keys) in enumerate(CONTEXTS):
        for context in (client(which), server(which)):
            mine, yours = context.sender_key, context.recipient_key
            if isinstance(context, Server):
                mine, yours = yours, mine
            assert [mine, yours, context.common_iv] == [unhex(key) for key in keys], which


def test_c4_to_c6_requests():
    for which, (plain, aad, nonce, wire) in enumerate(REQUESTS):
        message = coap.decode(unhex(plain))
        lock = client(which, sequence=20)
        code, options, ciphertext, request = lock.protect_request(
            message.code, message.options, message.payload
        )
        assert (request.piv, request.aad, request.nonce) == (b"\x14", unhex(aad), unhex(nonce))
        assert coap.encode(message.type, code, message.mid, message.token, options, ciphertext) == unhex(wire)
        assert lock.sequence == 21
        got = server(which).unprotect_request(options, ciphertext)
        assert got[:3] == (coap.GET, [(coap.URI_PATH, b"tv1")], b"")


def test_c7_and_c8_responses():
    plain = coap.decode(unhex(RESPONSE))
    for piv, wire in RESPONSES:
        request_message = coap.decode(unhex(REQUESTS[0][0]))
        lock = client(sequence=20)
        _, outer, ciphertext, request = lock.protect_request(request_message.code, request_message.options)
        bound = server().unprotect_request(outer, ciphertext)[3]
        options, sealed = server().protect_response(bound, plaintext_of(plain.code, (), plain.payload), piv)
        sent = coap.encode(plain.type, coap.CHANGED, plain.mid, plain.token, options, sealed)
        assert sent == unhex(wire)
        received = coap.decode(sent)
        assert lock.unprotect_response(received.options, received.payload, request) == HELLO


def test_options_go_inside_or_outside():
    lock = client()
    given = [
        (coap.URI_HOST, b"h"),
        (coap.URI_PORT, b"\x16\x33"),
        (coap.URI_PATH, b"f"),
        (coap.CONTENT_FORMAT, b"\x3c"),
        (coap.BLOCK2, b"\x06"),
        (coap.ECHO, b"echo"),
    ]
    code, outer, ciphertext, _ = lock.protect_request(coap.PUT, given, b"payload")
    assert code == coap.POST
    assert sorted([number for number, _ in outer]) == [coap.URI_HOST, coap.URI_PORT, coap.OSCORE]
    got = server().unprotect_request(outer, ciphertext)
    assert got[:3] == (coap.PUT, given[2:], b"payload")


def test_the_sequence_number_rises_and_ends():
    lock = client()
    seen = set()
    for number in range(300):
        _, outer, _, request = lock.protect_request(coap.POST, [])
        assert int.from_bytes(request.piv, "big") == number and request.nonce not in seen
        seen.add(request.nonce)
    lock.sequence = oscore.MESSAGES_MAX - 1
    assert lock.protect_request(coap.POST, [])[3].piv == b"\x0f\xff\xff"
    for _ in range(2):
        try:
            lock.protect_request(coap.POST, [])
        except oscore.Exhausted:
            continue
        raise AssertionError


def test_the_id_context_is_named_until_told_otherwise():
    lock = client(2)
    first = lock.protect_request(coap.POST, [])[1]
    assert oscore.parse_option(first[0][1]) == (b"\x00", b"", ID_CONTEXT)
    lock.send_id_context = False
    assert oscore.parse_option(lock.protect_request(coap.POST, [])[1][0][1]) == (b"\x01", b"", None)
    lock.send_id_context = True
    assert oscore.parse_option(lock.protect_request(coap.POST, [])[1][0][1]) == (b"\x02", b"", ID_CONTEXT)


def test_a_response_answers_one_request_once():
    lock, request, bound = exchange()
    options, sealed = server().protect_response(bound, plaintext_of(coap.CHANGED))
    other = lock.protect_request(coap.POST, [])[3]
    assert refused(lock, options, sealed, other)
    assert lock.unprotect_response(options, sealed, request)[0] == coap.CHANGED
    assert refused(lock, options, sealed, request)
    again = server().protect_response(bound, plaintext_of(coap.CHANGED), b"\x09")
    assert refused(lock, *again, request)


def test_a_refused_response_does_not_spend_the_request():
    lock, request, bound = exchange()
    options, sealed = server().protect_response(bound, plaintext_of(coap.CHANGED))
    assert refused(lock, options, sealed[:-1] + bytes((sealed[-1] ^ 1,)), request)
    assert lock.unprotect_response(options, sealed, request)[0] == coap.CHANGED


def test_notifications_rise():
    lock, request, bound = exchange(options=((coap.OBSERVE, b""),))
    said = plaintext_of(coap.CONTENT, [(coap.OBSERVE, b"")], b"x")
    for piv, fresh in (
        (None, True),
        (None, False),
        (b"\x02", True),
        (b"\x02", False),
        (b"\x01", False),
        (b"\x03", True),
    ):
        assert refused(lock, *server().protect_response(bound, said, piv), request) is not fresh, piv
    end = server().protect_response(bound, plaintext_of(coap.NOT_FOUND), b"\x04")
    assert lock.unprotect_response(*end, request)[0] == coap.NOT_FOUND
    assert refused(lock, *server().protect_response(bound, said, b"\x05"), request)


def test_observation_is_visible_outside():
    code, outer, ciphertext, request = client().protect_request(coap.GET, [(coap.OBSERVE, b"")])
    assert code == coap.FETCH and (coap.OBSERVE, b"") in outer and request.observe
    assert server().unprotect_request(outer, ciphertext)[1] == [(coap.OBSERVE, b"")]


def test_every_bit_of_a_response():
    lock, request, bound = exchange(2)
    options, sealed = server(2).protect_response(
        bound, plaintext_of(coap.CHANGED, [], b"hi"), b"\x07", b"\x01", ID_CONTEXT
    )
    value = options[0][1]
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        assert refused(lock, options, bytes(changed), request), bit
    for bit in range(8 * len(value)):
        changed = bytearray(value)
        changed[bit // 8] ^= 1 << bit % 8
        assert refused(lock, [(coap.OSCORE, bytes(changed))], sealed, request), bit
    for n in range(len(sealed)):
        assert refused(lock, options, sealed[:n], request)
    assert lock.unprotect_response(options, sealed, request) == (coap.CHANGED, [], b"hi")


def test_wrong_names_and_shapes():
    lock, request, bound = exchange()
    said = plaintext_of(coap.CHANGED)
    options, sealed = server().protect_response(bound, said)
    assert refused(lock, [], sealed, request)  # in clear
    assert refused(lock, options * 2, sealed, request)
    assert refused(lock, *server().protect_response(bound, said, kid=b"\x02"), request)
    assert refused(lock, *server().protect_response(bound, said, id_context=b"other"), request)
    assert refused(lock, *server(2).protect_response(bound, said), request)  # other keys
    for inside in (b"", b"\x02", b"\x00", b"\x61", b"\x44\xff", b"\x44\xb2a", b"\x44\xf0"):
        assert refused(lock, *server().protect_response(bound, inside), request), inside
    assert lock.unprotect_response(options, sealed, request)[0] == coap.CHANGED


def test_option_values():
    for text, parts in (
        ("", (None, None, None)),
        ("0100", (b"\x00", None, None)),
        ("0501020304ff", (b"\x01\x02\x03\x04\xff", None, None)),
        ("08", (None, b"", None)),
        ("0801", (None, b"\x01", None)),
        ("1000", (None, None, b"")),
        ("190702aabbcc", (b"\x07", b"\xcc", b"\xaa\xbb")),
    ):
        assert oscore.parse_option(unhex(text)) == parts, text
        assert oscore.make_option(*parts) == unhex(text), text
    for text in (
        "00",  # an empty value says it
        "06112233445566",  # reserved lengths of a Partial IV
        "0711223344556677",
        "2100",  # reserved bits
        "4100",
        "8100",
        "01",  # cut short
        "0201",
        "10",
        "1001",
        "1101",
        "110102aa",
        "020000",  # leading zeros
        "020007",
        "010000",  # left over
        "100061",
    ):
        try:
            oscore.parse_option(unhex(text))
        except oscore.OscoreError:
            continue
        raise AssertionError(text)


def test_a_number_with_leading_zeros_is_another_spelling():
    lock, request, bound = exchange()
    _, sealed = server().protect_response(bound, plaintext_of(coap.CHANGED), b"\x07")
    assert refused(
        lock, [(coap.OSCORE, b"\x02\x00\x07")], sealed, request
    )  # the same nonce, so the tag is right
    assert lock.unprotect_response([(coap.OSCORE, b"\x01\x07")], sealed, request)[0] == coap.CHANGED


def test_outer_options_of_a_response_do_not_come_out():
    lock, request, bound = exchange()
    inside = [(coap.MAX_AGE, b"\x05"), (coap.ECHO, b"e")]
    options, sealed = server().protect_response(bound, plaintext_of(coap.UNAUTHORIZED, inside))
    got = lock.unprotect_response([(coap.ECHO, b"forged")] + options, sealed, request)
    assert got == (coap.UNAUTHORIZED, inside, b"")


def test_protecting_twice():
    lock = client()
    try:
        lock.protect_request(coap.POST, [(coap.OSCORE, b"")])
    except ValueError:
        return
    raise AssertionError


def test_ids_that_just_fit():
    longest = oscore.Context(SECRET, SALT, bytes(7), b"\x01" * 7, bytes(255))
    option = longest.protect_request(coap.POST, [])[1][0][1]
    assert oscore.parse_option(option) == (b"\x00", bytes(7), bytes(255))


def test_ids_that_do_not_fit():
    for ids in ((b"", b""), (b"a", b"a"), (bytes(8), b""), (b"", bytes(8)), (b"", b"\x01", bytes(256))):
        try:
            oscore.Context(SECRET, SALT, *ids)
        except ValueError:
            continue
        raise AssertionError(ids)


def test_no_key_in_its_text():
    lock = client()
    text = repr(lock) + str(lock)
    assert lock.sender_key.hex() not in text and repr(lock.sender_key) not in text and "Context" in text
