"""Block2 as it is cut, and as it crosses OSCORE to a lock: RFC 7959."""

import pytest
from aiocoap import Message
from aiocoap.numbers.codes import Code

from cloud import blocks, keyring
from cloud.reach import EVERYTHING
from cloud.testlock import Gateway, Pen, Uplink, Wire, make_cloud
from protocol import coap, telemetry

BODY = bytes(n % 251 for n in range(1300))


def cut(number=None, exponent=5, body=BODY):
    block2 = None if number is None else (number, False, exponent)
    answer = blocks.cut(body, Message(code=Code.GET, block2=block2))
    return answer.code, answer.opt.block2, answer.payload, answer.opt.size2


def test_a_body_is_cut_as_asked_and_its_length_is_told_once():
    assert cut() == (Code.CONTENT, (0, True, 5), BODY[:512], 1300)
    assert cut(1) == (Code.CONTENT, (1, True, 5), BODY[512:1024], None)
    assert cut(2) == (Code.CONTENT, (2, False, 5), BODY[1024:], None)
    assert cut(81, 0) == (Code.CONTENT, (81, False, 0), BODY[1296:], None)
    assert cut(0, 6)[1] == (0, True, 5)  # smaller than asked for: RFC 7959 §2.4
    assert cut(body=b"") == (Code.CONTENT, (0, False, 5), b"", 0)
    assert b"".join(cut(n, 4)[2] for n in range(6)) == BODY


@pytest.mark.parametrize("number, exponent", [(3, 5), (1, 6), (0, 7), (2**20 - 1, 5), (82, 0)])
def test_blocks_that_are_not_there_are_refused(number, exponent):
    code, block2, payload, _ = cut(number, exponent)
    assert (code, block2, payload) == (Code.BAD_REQUEST, None, b"")


def test_another_body_has_another_tag():
    tags = {blocks.cut(body, Message(code=Code.GET)).opt.etag for body in (BODY, BODY[:-1], BODY)}
    assert len(tags) == 2 and all(len(tag) == blocks.ETAG for tag in tags)


# ---- over the wire


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = make_cloud(tmp_path_factory.mktemp("cloud"))
    yield cloud
    cloud.db.close()


@pytest.fixture(scope="module")
def gateway(cloud):
    gateway = Gateway(cloud).start()
    yield gateway
    gateway.stop()


@pytest.fixture
def uplink(cloud, gateway):
    wire = Wire(gateway.port)
    uplink = Uplink(Pen().register(cloud), wire)
    uplink.post(b"t", telemetry.encode_batch(1, [(telemetry.NOTE, 5, telemetry.NOTE_BOOT, 1)]))
    yield uplink
    wire.close()


def ask(uplink, path, *options, code=coap.GET):
    datagram, request = uplink.seal(path, b"", code=code, options=options)
    return uplink.open(uplink.ask(datagram), request)


def block(number, exponent=5):
    return coap.BLOCK2, coap.uint(number << 4 | exponent)


def test_a_lock_fetches_its_keyset_under_oscore(cloud, uplink):
    with cloud.db.reading() as session:
        body = keyring.published(session).body
    code, options, payload = ask(uplink, b"k", block(0), (coap.URI_QUERY, b"v=0"))
    assert (code, payload) == (coap.CONTENT, body[:512]) and coap.ETAG in options
    assert b"".join(ask(uplink, b"k", block(n, 2))[2] for n in range(-(-len(body) // 64))) == body
    assert ask(uplink, b"k")[2] == body[:512]


def test_what_is_not_offered_is_not_found_and_nothing_else_is_understood(uplink):
    for path, options in (
        (b"c", ()),
        (b"x", ()),
        (b"k", ((coap.URI_PATH, b"k"),)),
        (b"k", ((coap.URI_QUERY, b"v"),)),
    ):
        assert ask(uplink, path, *options)[0] == coap.NOT_FOUND
    assert ask(uplink, b"c", (coap.URI_PATH, b"01ffffff"))[0] == coap.NOT_FOUND
    assert ask(uplink, b"k", code=coap.POST)[0] == coap.METHOD_NOT_ALLOWED
    assert ask(uplink, b"t")[0] == coap.METHOD_NOT_ALLOWED
    assert ask(uplink, b"k", block(0, 7))[0] == coap.BAD_REQUEST
    assert ask(uplink, b"k", block(2**20 - 1))[0] == coap.BAD_REQUEST
    assert ask(uplink, b"k", (coap.URI_PORT + 6, b"x"))[0] == coap.BAD_OPTION


def test_without_oscore_there_is_no_keyset(gateway):
    wire = Wire(gateway.port)
    plain = coap.encode(coap.CON, coap.GET, 1, b"t", [(coap.URI_PATH, b"k")], b"")
    assert coap.decode(wire.ask(plain)).code == coap.UNAUTHORIZED
    wire.close()


def test_an_answer_tells_the_newest_version_and_a_note_tells_the_lock_has_it(cloud, uplink):
    from cloud import locks, testkeys

    note = telemetry.encode_batch(50, [(telemetry.NOTE, 5, telemetry.NOTE_KEYSET, 4)])
    _, body = uplink.post(b"t", note)
    assert telemetry.decode_answer(body)[telemetry.KEYSET] == 4
    with cloud.db.writing() as session:
        testkeys.publish(session, cloud.now())
        (row,) = [lock for lock in locks.page(session, EVERYTHING, "", 99) if lock.keyset_version == 4]
        assert row.kid4
    _, body = uplink.post(b"t", telemetry.encode_batch(60, [(telemetry.NOTE, 5, telemetry.NOTE_KEYSET, 5)]))
    assert telemetry.decode_answer(body)[telemetry.KEYSET] == 5
