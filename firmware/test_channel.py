# heap: 1m
"""One request and its answer, over a network that loses, doubles, delays and lies."""

import asyncio

from boards.sim.peer import Peer
from boards.sim.virtual import VirtualBoard
from firmware.channel import Away, Channel
from protocol import coap, keys, oscore, telemetry

LOCK = b"lock-one"
K_LOCK = bytes(range(32))
BATCH = telemetry.encode_batch(1, [(telemetry.NOTE, 5, telemetry.NOTE_BOOT, 1)])


class Rig:
    last = None  # its board's storage is mounted until the next one needs the room

    def __init__(self, board=None, peer=None):
        if Rig.last and not board:
            Rig.last.board.close()
        Rig.last = self
        self.board = board or VirtualBoard()
        self.peer = peer or Peer(LOCK, K_LOCK)
        self.board.bearer.peer = self._arrived
        self.channel = Channel(self.board, LOCK, keys.oscore_secret(K_LOCK), "cloud.example", 5683)
        self.times = []  # when each datagram reached the cloud
        self.beats = []
        self.instead = None  # called with each datagram in the peer's place

    def _arrived(self, datagram):
        self.times.append(self.board.timeline.now)
        return (self.instead or self.peer)(datagram)

    def beat(self):
        self.beats.append(self.board.timeline.now)

    def post(self, path=b"t", payload=BATCH):
        return asyncio.run(self.channel.post(path, payload, self.beat))

    def away(self):
        try:
            self.post()
        except Away:
            return True
        return False

    def reboot(self):
        return Rig(self.board.reboot(), self.peer)


def codes(datagrams):
    return [coap.decode(datagram).code for datagram in datagrams]


def named(datagram):
    return oscore.parse_option(coap.decode(datagram).option(coap.OSCORE))[2] is not None


def test_the_first_request_names_its_context_and_proves_that_it_is_now():
    rig = Rig()
    code, payload, took = rig.post()
    assert code == coap.CHANGED and telemetry.TIME in telemetry.decode_answer(payload) and took == 0
    assert [named(datagram) for datagram in rig.peer.seen] == [True, False]  # the second brings Echo
    assert rig.peer.records == {1: (telemetry.NOTE, 5, telemetry.NOTE_BOOT, 1)}
    rig.post()
    assert len(rig.peer.seen) == 3 and not named(rig.peer.seen[2])
    assert rig.board.bearer.opened == ("cloud.example", 5683)


def test_traffic_is_what_crossed_the_network_both_ways():
    rig = Rig()
    rig.post()
    asked = sum([len(datagram) for datagram in rig.peer.seen])
    assert 2 * asked > rig.channel.traffic[b"t"] > asked
    before = rig.channel.traffic[b"t"]
    rig.peer.habit = "silent"
    assert rig.away()
    asked = sum([len(datagram) for datagram in rig.peer.seen]) - asked
    assert rig.channel.traffic[b"t"] - before == asked


def test_nobody_answers():
    rig = Rig()
    rig.peer.habit = "silent"
    start = rig.board.timeline.now
    assert rig.away()
    assert len(rig.peer.seen) == 5 and len(set(rig.peer.seen)) == 1  # RFC 7252 §4.2: the same bytes again
    gaps = [after - before for before, after in zip(rig.times, rig.times[1:])]
    assert 2000 <= gaps[0] <= 3000
    assert gaps[1:] == [gaps[0] * 2, gaps[0] * 4, gaps[0] * 8]
    assert rig.board.timeline.now - start == gaps[0] * 31  # and the last wait, §4.8.2: MAX_TRANSMIT_WAIT
    assert rig.board.bearer.opened is None
    signs = [start] + rig.beats
    assert max([after - before for before, after in zip(signs, signs[1:])]) <= 2000


def test_first_timeouts_differ():
    gaps = set()
    for seed in range(8):
        rig = Rig(VirtualBoard(seed=seed))
        rig.peer.habit = "silent"
        rig.away()
        gaps.add(rig.times[1] - rig.times[0])
        rig.board.close()
    assert len(gaps) > 4


def test_a_lost_request_and_a_lost_answer_are_served_once():
    for lose in (0, 1, 2, 3):
        rig = Rig()
        count = []

        def weather(datagram, lose=lose, count=count):
            count.append(0)
            return () if len(count) - 1 == lose else (0,)

        rig.board.bearer.weather = weather
        assert rig.post()[0] == coap.CHANGED
        assert len(rig.peer.requests) == 1


def test_every_way_to_answer():
    for habit in ("separate", "separate without ack", "non"):
        rig = Rig()
        rig.peer.habit = habit
        assert rig.post()[0] == coap.CHANGED, habit
        acknowledged = [datagram for datagram in rig.peer.seen if datagram[0] >> 4 & 3 == coap.ACK]
        assert len(acknowledged) == (0 if habit == "non" else 2)
        assert rig.post()[0] == coap.CHANGED and len(rig.peer.requests) == 2


def test_an_answer_that_comes_late_after_its_acknowledgement_is_waited_for():
    rig = Rig()
    rig.post()
    rig.peer.habit = "separate"
    rig.board.bearer.weather = lambda datagram: (40_000 if datagram[1] >= 0x40 else 0,)
    rig.peer.seen.clear()
    code, _, took = rig.post()
    assert code == coap.CHANGED and 40_000 <= took <= 80_000
    assert len([datagram for datagram in rig.peer.seen if len(datagram) > 4]) == 1  # not sent again


def test_an_acknowledgement_without_an_answer_ends():
    rig = Rig()
    rig.instead = lambda datagram: [coap.acknowledge(coap.decode(datagram).mid)]
    assert rig.away() and len(rig.times) == 1


def test_a_reset_ends():
    rig = Rig()
    rig.instead = lambda datagram: [coap.reset(coap.decode(datagram).mid)]
    start = rig.board.timeline.now
    assert rig.away() and rig.board.timeline.now == start


def test_what_is_no_answer_to_this_request_is_dropped_or_rejected():
    rig = Rig()
    rig.post()
    strange = []

    def answers(datagram):
        request = coap.decode(datagram)
        if request.type != coap.CON:
            strange.append(datagram)
            return ()
        right = rig.peer(datagram)[0]
        other = bytes([request.token[0] ^ 1]) + request.token[1:]
        tampered = right[:-1] + bytes([right[-1] ^ 1])
        wrong = [
            b"",
            b"\x00",
            b"\x80\x00\x00\x00",  # another version of CoAP
            b"\x69\x45\x00\x01",  # token length 9, in an ACK
            b"\xff" * 1300,
            coap.acknowledge(request.mid ^ 1),
            coap.reset(request.mid ^ 1),
            coap.encode(coap.ACK, coap.CHANGED, request.mid, request.token),  # success in the clear
            coap.encode(coap.NON, coap.CHANGED, 7, request.token, [], b"\xa0"),
            coap.encode(coap.ACK, coap.CHANGED, request.mid, other, [(coap.OSCORE, b"")], b"x" * 20),
            coap.encode(coap.NON, coap.CHANGED, 8, request.token, [(coap.OSCORE, b"\xff")], b"x" * 20),
            tampered,
            rig.peer.sent[0],  # an old answer
            datagram,  # our own
            b"\x49\x45\x00\x09",  # a malformed CON
            coap.encode(coap.CON, coap.EMPTY, 10),  # a ping
            coap.encode(coap.CON, coap.GET, 11, b"t"),
            coap.encode(coap.CON, coap.CONTENT, 12, other),
        ]
        return wrong + [right]

    rig.instead = answers
    assert rig.post()[0] == coap.CHANGED
    rejected = [(message[0] >> 4 & 3, int.from_bytes(message[2:4], "big")) for message in strange]
    assert rejected[1:] == [(coap.RST, mid) for mid in (9, 10, 11, 12)] and len(rejected) == 5


def test_a_flood_of_junk_ends_and_leaves_others_their_turns():
    rig = Rig()
    turns = []

    def flood(datagram):
        if datagram[0] >> 4 & 3 == coap.CON:
            return [b"\x60\x44\x00\x00" for _ in range(100)]

    rig.instead = flood

    async def other():
        while True:
            turns.append(rig.board.timeline.now)
            await asyncio.sleep(0)

    async def scene():
        task = asyncio.create_task(other())
        try:
            await rig.channel.post(b"t", BATCH, rig.beat)
        except Away:
            return len(turns)
        finally:
            task.cancel()

    assert asyncio.run(scene()) >= 64
    assert len(rig.times) == 1


def test_a_cloud_that_forgot_is_told_the_context_again():
    for habit in ("piggyback", "separate"):
        rig = Rig()
        rig.peer.habit = habit
        rig.post()
        rig.peer.forget()
        rig.peer.seen.clear()
        assert rig.post()[0] == coap.CHANGED
        requests = [datagram for datagram in rig.peer.seen if len(datagram) > 4]
        assert [named(datagram) for datagram in requests] == [False, True, False]
        assert rig.peer.refused == 1


def test_a_context_that_is_refused_by_name_is_replaced():
    rig = Rig()
    rig.post()
    first = rig.channel._context.id_context

    def answers(datagram):
        option = coap.decode(datagram).option(coap.OSCORE)
        if oscore.parse_option(option)[2] in (None, first) and rig.channel._context.id_context == first:
            message = coap.decode(datagram)
            return [coap.encode(coap.ACK, coap.UNAUTHORIZED, message.mid, message.token)]
        return rig.peer(datagram)

    rig.instead = answers
    assert rig.post()[0] == coap.CHANGED
    assert rig.channel._context.id_context != first and len(rig.peer.requests) == 2


def test_a_cloud_that_never_agrees_is_left_alone_soon():
    rig = Rig(peer=Peer(LOCK, bytes(32)))
    assert rig.away()
    assert len(rig.peer.seen) == rig.peer.refused == 5
    rig = Rig()
    rig.peer.habit = "unavailable"
    assert rig.away() and len(rig.peer.seen) == 1


def test_a_spent_context_is_replaced():
    rig = Rig()
    rig.post()
    before = rig.channel._context
    before.sequence = oscore.MESSAGES_MAX
    assert rig.post()[0] == coap.CHANGED
    assert rig.channel._context.id_context != before.id_context


def test_no_network():
    rig = Rig()
    rig.board.world.uplink = False
    start = rig.board.timeline.now
    assert rig.away() and rig.board.timeline.now == start
    rig.board.world.uplink = True
    assert rig.post()[0] == coap.CHANGED


def test_the_network_goes_while_we_wait():
    rig = Rig()
    rig.peer.habit = "silent"

    async def scene():
        async def storm():
            await rig.board.timeline.sleep_ms(1000)
            rig.board.world.uplink = False

        task = asyncio.create_task(storm())
        try:
            await rig.channel.post(b"t", BATCH, rig.beat)
        except Away:
            await task
            return rig.board.timeline.now

    assert asyncio.run(scene()) - rig.times[0] <= 3000


def test_no_nonce_is_used_twice_over_many_boots_in_bad_weather():
    rig = Rig()  # its peer asserts it, for both directions
    state = [1]

    def weather(datagram):
        state[0] = state[0] * 1103515245 + 12345 & 0x7FFFFFFF
        chance = state[0] >> 16 & 15
        if chance < 3:
            return ()
        return (chance * 40, 5000) if chance < 6 else (chance * 10,)

    served = 0
    for boot in range(24):
        rig.board.bearer.weather = weather
        for number in range(4):
            if (boot + number) % 9 == 0:
                rig.peer.forget()
            served += not rig.away()
        rig.peer.seen.clear()
        rig.peer.sent.clear()
        rig = rig.reboot()
    assert served > 60


def test_secrets_have_no_repr():
    rig = Rig()
    rig.post()
    assert repr(rig.channel) == "Channel(...)"
