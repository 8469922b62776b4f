# heap: 1m
"""A release from a cloud that breaks off, lies and forgets, inside real OSCORE."""

import asyncio

from boards.sim.peer import Peer
from boards.sim.virtual import VirtualBoard
from firmware.channel import Away, Channel
from firmware.download import Cloud
from firmware.updater import Gone
from protocol import coap, keys, update

LOCK, K_LOCK = b"lock-one", bytes(range(32))
DATA = bytes([i * 7 & 255 for i in range(1300)])


class Rig:
    def __init__(self):
        self.board = VirtualBoard()
        self.peer = self.board.bearer.peer = Peer(LOCK, K_LOCK)
        self.peer.resources = {b"m": DATA, b"f/00ff00ff": b"", b"f/01020304": DATA[:512]}
        self.channel = Channel(self.board, LOCK, keys.oscore_secret(K_LOCK), "cloud.example", 5683)

        self.uplink = self  # as much of a lock as a download asks for
        self.source = Cloud(self, lambda: None)

    def get(self, name, *offsets):
        async def all():
            found = []
            for offset in offsets:
                found.append(await self.source.get(name, offset))
            return found

        return asyncio.run(all())

    def fails(self, error, name, offset=0):
        try:
            self.get(name, offset)
        except error:
            return True
        return False


def test_each_block_is_what_was_asked_for_in_any_order():
    rig = Rig()
    assert b"".join(rig.get(update.MANIFEST, 0, 512, 1024)) == DATA
    assert rig.get(update.MANIFEST, 1024, 512) == [DATA[1024:], DATA[512:1024]]  # resumed, after a boot say
    assert rig.get(b"\1\2\3\4", 0) == [DATA[:512]]
    assert rig.get(b"\0\xff\0\xff", 0) == [b""]
    rig.board.close()


def test_a_cloud_that_forgets_or_answers_in_its_own_way_meanwhile():
    for habit in ("separate", "separate without ack", "non"):
        rig = Rig()
        rig.peer.habit = habit
        assert rig.get(update.MANIFEST, 0) == [DATA[:512]]
        rig.peer.forget()
        assert rig.get(update.MANIFEST, 512, 1024) == [DATA[512:1024], DATA[1024:]]
        rig.board.close()


def test_what_is_not_there_and_what_is_refused():
    rig = Rig()
    assert rig.fails(Gone, b"none")
    rig.peer.habit = "refuse"
    assert rig.fails(Away, update.MANIFEST)
    rig.peer.habit = "silent"
    assert rig.fails(Away, update.MANIFEST)
    rig.board.world.uplink = False
    assert rig.fails(Away, update.MANIFEST)
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
        rig.get(update.MANIFEST, 0)
        rig.peer._block = lie
        assert rig.fails(Away, update.MANIFEST, 512), i
        rig.board.close()


def test_two_requests_take_turns():
    rig = Rig()
    beats = []

    async def both():
        post = asyncio.create_task(rig.channel.post(b"x", b"", lambda: beats.append(1)))
        got = await rig.source.get(update.MANIFEST, 0)
        return got, (await post)[0]

    assert asyncio.run(both()) == (DATA[:512], coap.NOT_FOUND)
    assert rig.channel.traffic[b"m"] > 512
    rig.board.close()
