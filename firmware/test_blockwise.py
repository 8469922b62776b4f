# heap: 1m
"""Blocks from a cloud that answers in smaller ones, breaks off, lies and forgets, inside real OSCORE."""

import asyncio

from boards.sim.peer import Peer
from boards.sim.virtual import VirtualBoard
from firmware.blockwise import Blocks
from firmware.channel import Away, Channel
from firmware.updater import Gone
from protocol import coap, keys

LOCK, K_LOCK = b"lock-one", bytes(range(32))
DATA = bytes([i * 7 & 255 for i in range(1300)])


class Rig:
    def __init__(self):
        self.board = VirtualBoard()
        self.peer = self.board.bearer.peer = Peer(LOCK, K_LOCK)
        self.peer.resources = {b"m": DATA, b"f/00ff00ff": b"", b"k": DATA[:512]}
        self.channel = Channel(self.board, LOCK, keys.oscore_secret(K_LOCK), "cloud.example", 5683)

    def get(self, path, *offsets):
        blocks = Blocks(self.channel, path, lambda: None)

        async def all():
            found = []
            for offset in offsets:
                found.append(await blocks.get(offset))
            return found

        return asyncio.run(all())

    def fails(self, error, path, offset=0):
        try:
            self.get(path, offset)
        except error:
            return True
        return False


def test_each_block_is_what_was_asked_for_in_any_order():
    rig = Rig()
    assert b"".join(rig.get([b"m"], 0, 512, 1024)) == DATA
    assert rig.get([b"m"], 1024, 512) == [DATA[1024:], DATA[512:1024]]  # resumed, after a boot say
    assert rig.get([b"k"], 0) == [DATA[:512]]
    assert rig.get([b"f", b"00ff00ff"], 0) == [b""]
    rig.board.close()


def test_a_cloud_with_smaller_blocks():
    for szx in range(5):
        rig = Rig()
        rig.peer.szx = szx
        assert b"".join(rig.get([b"m"], 0, 512, 1024)) == DATA
        asked = [request for request in rig.peer.requests if request[0] == b"m"]
        assert len(asked) == -(-1300 // (16 << szx)), szx
        rig.board.close()


def test_a_cloud_that_forgets_or_answers_in_its_own_way_meanwhile():
    for habit in ("separate", "separate without ack", "non"):
        rig = Rig()
        rig.peer.habit = habit
        assert rig.get([b"m"], 0) == [DATA[:512]]
        rig.peer.forget()
        assert rig.get([b"m"], 512, 1024) == [DATA[512:1024], DATA[1024:]]
        rig.board.close()


def test_what_is_not_there_and_what_is_refused():
    rig = Rig()
    assert rig.fails(Gone, [b"x"])
    rig.peer.habit = "refuse"
    assert rig.fails(Away, [b"m"])
    rig.peer.habit = "silent"
    assert rig.fails(Away, [b"m"])
    rig.board.world.uplink = False
    assert rig.fails(Away, [b"m"])
    rig.board.close()


def test_answers_that_are_not_the_block_asked_for():
    def answer(number, more, szx, size, code=coap.CONTENT, options=None):
        value = coap.uint(number << 4 | more << 3 | szx)
        return lambda *_: (code, [(coap.BLOCK2, value)] if options is None else options, bytes(size))

    for i, lie in enumerate(
        (
            answer(0, 1, 5, 512),  # another block: the first, for the second
            answer(2, 1, 5, 512),
            answer(1, 1, 5, 511),  # short, and more to come
            answer(1, 1, 5, 0),
            answer(1, 0, 5, 513),
            answer(0, 1, 6, 1024),  # larger blocks than asked for
            answer(1, 1, 7, 512),
            answer(1, 0, 5, 512, coap.CHANGED),
            answer(1, 0, 5, 512, coap.UNAVAILABLE),
            answer(1, 0, 5, 512, options=[]),  # the whole of it, for its second block
            answer(1, 0, 5, 512, options=[(coap.BLOCK2, bytes(4))]),
        )
    ):
        rig = Rig()
        rig.get([b"m"], 0)
        rig.peer._block = lie
        assert rig.fails(Away, [b"m"], 512), i
        rig.board.close()


def test_an_answer_without_the_option_is_the_whole():
    rig = Rig()
    rig.peer._block = lambda *_: (coap.CONTENT, [], b"short")
    assert rig.get([b"m"], 0) == [b"short"]
    rig.peer._block = lambda *_: (coap.CONTENT, [], bytes(513))
    assert rig.fails(Away, [b"m"])
    rig.board.close()


def test_two_requests_take_turns():
    rig = Rig()
    blocks = Blocks(rig.channel, [b"m"], lambda: None)
    beats = []

    async def both():
        post = asyncio.create_task(rig.channel.post(b"x", b"", lambda: beats.append(1)))
        got = await blocks.get(0)
        return got, (await post)[0]

    assert asyncio.run(both()) == (DATA[:512], coap.NOT_FOUND)
    assert rig.channel.traffic[b"m"] > 512
    rig.board.close()
