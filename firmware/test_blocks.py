# heap: 1m
"""Bodies in blocks, from a cloud that may lie about every one of them."""

import asyncio

from boards.sim.peer import Peer
from boards.sim.virtual import VirtualBoard
from firmware.blocks import Again, Body, Refused
from firmware.channel import Channel
from protocol import coap, keys

LOCK = b"lock-one"
K_LOCK = bytes(range(32))
PATH = [(coap.URI_PATH, b"c"), (coap.URI_PATH, b"01aabbcc"), (coap.URI_QUERY, b"v=3")]
BODY = bytes([n * 7 % 251 for n in range(1300)])


class Rig:
    """A lock's channel to a cloud that holds `body`."""

    def __init__(self, body=BODY):
        self.board = VirtualBoard()
        self.board.bearer.peer = self.peer = Peer(LOCK, K_LOCK)
        self.peer.resources[b"c/01aabbcc"] = body
        self.channel = Channel(self.board, LOCK, keys.oscore_secret(K_LOCK), "cloud.example", 5683)

    def fetch(self, limit=2000, between=lambda: None, **more):
        """The blocks as they came."""

        async def all_of_it():
            body, parts = Body(self.channel, PATH, limit, **more), []
            while not body.done:
                parts.append(await body.block(lambda: None))
                between()
            return parts

        try:
            return asyncio.run(all_of_it())
        finally:
            self.board.close()


class Liar:
    """A channel that gives one prepared answer after the other."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def request(self, code, options, payload, beat):
        return self.answers.pop(0)


def answer(number, more, payload, code=coap.CONTENT, etag=b"etag", exponent=5):
    options = [(coap.ETAG, etag), (coap.BLOCK2, coap.uint(number << 4 | (8 if more else 0) | exponent))]
    return code, options, payload, 0


def told(*answers):
    """What a body of these answers is: bytes, or the name of the error."""

    async def all_of_it():
        body, parts = Body(Liar(*answers), PATH, 2000), []
        while not body.done:
            parts.append(await body.block(lambda: None))
        return b"".join(parts)

    try:
        return asyncio.run(all_of_it())
    except (Refused, Again) as error:
        return type(error).__name__


def test_a_body_comes_whole_in_blocks_of_512():
    rig = Rig()
    assert [len(part) for part in rig.fetch()] == [512, 512, 276]
    assert rig.peer.asked == [(b"c/01aabbcc", n, b"v=3") for n in range(3)]
    for size in (1, 511, 512, 513, 1024):
        assert b"".join(Rig(BODY[:size]).fetch()) == BODY[:size]


def test_a_body_goes_on_where_it_was_left():
    whole = Rig()
    assert whole.fetch(at=2) == [BODY[1024:]]
    assert whole.channel.traffic[b"c"] > 276


def test_a_body_that_is_longer_than_it_may_be():
    try:
        Rig().fetch(limit=1299)
        raise AssertionError("taken")
    except Refused:
        pass
    assert b"".join(Rig().fetch(limit=1300)) == BODY


def test_a_body_that_is_not_there():
    try:
        Rig(None).fetch()
        raise AssertionError("taken")
    except Refused as error:
        assert error.code == coap.NOT_FOUND


def test_a_body_that_changes_under_way_is_noticed():
    rig = Rig()

    def another():
        rig.peer.resources[b"c/01aabbcc"] = bytes(1300)

    try:
        rig.fetch(between=another)
        raise AssertionError("taken")
    except Again:
        pass


def test_blocks_that_are_not_the_next_one():
    full, rest = bytes(512), b"rest"
    assert told(answer(0, True, full), answer(1, False, rest)) == full + rest
    assert told(answer(0, True, full), answer(0, False, rest)) == "Refused"
    assert told(answer(0, True, full), answer(2, False, rest)) == "Refused"
    assert told(answer(0, True, full), answer(1, False, rest, etag=b"other")) == "Again"
    assert told(answer(0, True, full[1:])) == "Refused"
    assert told(answer(0, False, full + b"1")) == "Refused"
    assert told(answer(0, False, rest, exponent=6)) == "Refused"
    assert told(answer(0, False, rest, code=coap.CHANGED)) == "Refused"
    assert told(answer(0, False, rest, etag=b"")) == "Refused"
    assert told(answer(0, False, rest, etag=bytes(9))) == "Refused"
    assert told((coap.CONTENT, [], rest, 0)) == "Refused"
    assert told((coap.UNAVAILABLE, [], b"", 0)) == "Again"
    assert told((coap.CONTENT, 2 * answer(0, False, rest)[1], rest, 0)) == "Refused"
    assert told(*[answer(n, True, full) for n in range(9)]) == "Refused"  # without end
