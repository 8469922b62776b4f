# heap: 1m
"""The uplink, with the lock's own files behind it, against a cloud that is silent, refuses, lies and forgets."""

import asyncio

from boards.sim.peer import Peer
from boards.sim.virtual import VirtualBoard
from firmware.channel import Away
from firmware.clock import Clock
from firmware.floors import Floors
from firmware.outbox import Outbox
from firmware.receipts import Receipts
from firmware.store import Store
from firmware.uplink import Uplink
from protocol import keys, receipt, telemetry
from protocol.keyset import Keyset

LOCK = b"lock-one"
K_LOCK = bytes(range(32))
T0 = 1789382712
IP_UDP = 28  # bytes of IPv4 and UDP headers


class Settings:
    uplink_host, uplink_port = "cloud.example", 5683
    batch, uplink_every_s, status_every_s = 20, 60, 300


class Config:
    lock_id, k_lock, settings = LOCK, K_LOCK, Settings


class Rig:
    last = None  # its board's storage is mounted until the next one needs the room

    def __init__(self, board=None, peer=None):
        if Rig.last and not board:
            Rig.last.board.close()
        Rig.last = self
        self.board = board = board or VirtualBoard()
        start = board.timeline.now
        self.peer = peer or Peer(LOCK, K_LOCK, lambda: T0 + (board.timeline.now - start) // 1000)
        self.at = []  # when each datagram reached the cloud
        board.bearer.peer = self._arrived
        store = Store(board.storage.root)
        self.floors = Floors(store, Keyset(1, {b"\x01aaa": (bytes(32), 0, T0)}))
        self.clock = Clock(board.clock, store, self.floors)
        self.receipts = Receipts(store, keys.receipt_key(K_LOCK), LOCK)
        self.receipts.load()
        self.outbox = Outbox(board, self.clock)
        self.commands = []
        self.known = True
        self.beats = 0
        self.errands = {telemetry.KEYSET: self._errand}
        self.errand_results, self.ran = [], []  # what it says, True when that is all; (ms, value) of each run
        self.uplink = Uplink(
            board,
            Config,
            self.clock,
            self.floors,
            self.receipts,
            self.outbox,
            lambda: 2,
            self._command,
            self.errands,
        )

    def _arrived(self, datagram):
        self.at.append(self.board.timeline.now)
        return self.peer(datagram)

    def _command(self, number, kind, args):
        self.commands.append((number, kind, args))
        return self.known

    async def _errand(self, channel, value, beat):
        self.ran.append((self.board.timeline.now, value))
        said = self.errand_results.pop(0) if self.errand_results else True
        if said is None:
            raise Away
        return said

    def _beat(self):
        self.beats += 1

    def go(self, *script):
        """Runs the uplink; the script is functions to call and milliseconds to wait."""

        async def scene():
            task = asyncio.create_task(self.uplink.run(self._beat))
            for act in script:
                if isinstance(act, int):
                    await self.board.timeline.sleep_ms(act)
                else:
                    act()
            if task.done():
                await task  # what it died of
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass

        asyncio.run(scene())

    def fixes(self, count, start=0):
        for number in range(start, start + count):
            self.outbox.put(
                (telemetry.FIX, T0 + 5 * number, 520907028 + 900 * number, 51214737 - 1100 * number, 47)
            )

    def receipt(self, cti=b"cti-0001"):
        fields = {receipt.TYPE: receipt.CLOSE, receipt.TIME: T0, receipt.ERROR: 2, receipt.FIX: None}
        fields.update({receipt.BITS: 2, receipt.BATTERY: 4000, receipt.UPTIME: 9, receipt.BOOT: b"boot"})
        fields.update({receipt.CTI: cti, receipt.DETAIL: [0, 0]})
        return self.receipts.append(fields, [])

    def told(self, kind):
        """Records of a kind that the cloud has, in order of their numbers."""
        return [
            self.peer.records[number]
            for number in sorted(self.peer.records)
            if self.peer.records[number][0] == kind
        ]

    def waiting(self):
        return self.outbox.peek(100)[1]


def test_a_lock_that_boots_says_so_and_learns_the_time():
    rig = Rig()
    assert rig.clock.now() is None
    rig.go(1_000)
    (status,) = rig.told(telemetry.STATUS)
    assert status[1:3] == (0, 2) and 4100 <= status[3] <= 4200 and status[4:6] == (0xFFFFFFFF, 0)
    assert status[6:] == (rig.board.temperature(),)
    assert rig.clock.now() == T0 + 1 and rig.clock.error() <= 2 and rig.clock.known()
    assert rig.waiting() == []


def test_the_error_of_the_time_covers_the_way_there_and_back():
    for there, back in ((0, 900), (900, 0), (3_900, 3_900), (0, 9_000), (2_600, 1)):
        rig = Rig()
        rig.board.bearer.weather = lambda datagram, there=there, back=back: (
            there if datagram[1] < 0x40 else back,
        )
        rig.go(40_000)
        truth = T0 + rig.board.timeline.now // 1000 - 1_760_000_000
        assert abs(rig.clock.now() - truth) <= rig.clock.error() <= 3 + (there + back + 1_999) // 2_000


def test_with_nothing_to_say_a_status_every_minute():
    rig = Rig()
    rig.go(600_500)
    assert len(rig.told(telemetry.STATUS)) == 11
    gaps = [after - before for before, after in zip(rig.at[1:], rig.at[2:])]
    assert all(60_000 <= gap <= 60_500 for gap in gaps)


def test_a_full_batch_goes_at_once_and_less_waits_a_minute():
    rig = Rig()
    rig.go(1_000, lambda: rig.fixes(19), 30_000)
    assert rig.told(telemetry.FIX) == []
    rig.go(lambda: rig.fixes(1, 19), 500)
    assert len(rig.told(telemetry.FIX)) == 20 and len(rig.peer.requests) == 2
    rig.go(lambda: rig.fixes(3, 20), 59_000)
    assert len(rig.told(telemetry.FIX)) == 20
    rig.go(2_000)
    assert len(rig.told(telemetry.FIX)) == 23 and rig.waiting() == []


def test_a_status_travels_with_the_fixes_of_a_long_ride():
    rig = Rig()
    for minute in range(12):
        rig.go(lambda minute=minute: rig.fixes(12, 12 * minute), 60_000)
    assert len(rig.told(telemetry.FIX)) >= 132 and 3 <= len(rig.told(telemetry.STATUS)) <= 4


def test_twenty_fixes_cost_sixteen_bytes_each_with_all_headers():
    """A batch in the middle of a day: request and answer, CoAP, OSCORE, UDP and IP."""
    rig = Rig()
    rig.go(1_000)
    rig.outbox._next = rig.outbox._reserved = 70_000  # records, since the lock was new
    rig.outbox._from = 70_000
    rig.peer.answer = {telemetry.RIDE_FLOOR: 700, telemetry.MASTER_FLOOR: 12}
    rig.uplink.channel._context.sequence = 3_000  # requests, since its boot
    lat, lon, at, state = 520907028, 51214737, T0, 1
    for _ in range(20):
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        # 5 m/s on streets: mostly along, somewhat across, the receiver a metre off; now and then a fix comes late
        along, across, late = 2000 + (state >> 8) % 500, (state >> 16) % 600 - 300, (state >> 24) % 10 == 0
        at, lat, lon = at + 5 + late, lat + along, lon + across * 3
        rig.outbox.put((telemetry.FIX, at, lat, lon, 40 + (state >> 12) % 30))
    rig.peer.seen.clear()
    rig.peer.sent.clear()
    rig.go(500)
    assert len(rig.told(telemetry.FIX)) == 20 and len(rig.peer.seen) == len(rig.peer.sent) == 1
    up, down = len(rig.peer.seen[0]), len(rig.peer.sent[0])
    total = up + down + 2 * IP_UDP
    print(
        "20 fixes: %d bytes up, %d down, %d with IP and UDP: %d.%02d a fix"
        % (up, down, total, total // 20, total % 20 * 5)
    )
    assert total <= 16 * 20


def test_receipts_go_first_and_at_once():
    rig = Rig()
    rig.go(1_000, lambda: rig.fixes(40), rig.receipt, 500)
    assert [path for path, _, _ in rig.peer.requests] == [b"t", b"r", b"t", b"t"]
    assert list(rig.peer.receipts.values()) == [rig.receipts.get(1)]
    assert rig.receipts.acked_seq == 1
    start, count = rig.board.timeline.now, len(rig.at)
    rig.go(5_000, rig.receipt, 500)
    assert len(rig.at) == count + 1 and rig.at[-1] - start <= 5_300


def test_many_receipts_go_in_order_four_at_a_time():
    rig = Rig()
    raws = [rig.receipt(b"cti-%04d" % number) for number in range(11)]
    rig.go(2_000)
    assert [rig.peer.receipts[seq] for seq in range(1, 12)] == raws
    sizes = [
        len(telemetry.decode_receipts(payload)) for path, payload, _ in rig.peer.requests if path == b"r"
    ]
    assert sizes == [4, 4, 3] and rig.receipts.acked_seq == 11


def test_where_the_heap_has_no_long_piece_messages_are_short():
    encode = telemetry.encode_receipts

    def short_of_memory(receipts):
        if len(receipts) > 1:
            raise MemoryError
        return encode(receipts)

    rig = Rig()
    raws = [rig.receipt(b"cti-%04d" % number) for number in range(5)]
    telemetry.encode_receipts = short_of_memory
    try:
        rig.go(10_000)
    finally:
        telemetry.encode_receipts = encode
    assert [rig.peer.receipts[seq] for seq in range(1, 6)] == raws and rig.receipts.acked_seq == 5
    sizes = [
        len(telemetry.decode_receipts(payload)) for path, payload, _ in rig.peer.requests if path == b"r"
    ]
    assert sizes == [1] * 5


def test_without_a_network_nothing_is_sealed():
    rig = Rig()
    rig.receipt()
    rig.fixes(40)
    rig.board.world.uplink = False
    rig.go(60_000)
    assert rig.uplink.channel._context is None and not rig.uplink.busy()
    rig.board.world.uplink = True
    rig.go(60_000)
    assert rig.uplink.channel._context and rig.receipts.acked_seq == 1


def test_a_message_of_receipts_is_bounded():
    rig = Rig()
    for size, count in ((240, 4), (300, 3), (400, 2), (512, 1)):
        rig.receipts.unacked = lambda n, size=size: [bytes(size)] * n
        chosen = rig.uplink._oldest_receipts()
        assert len(chosen) == count and len(telemetry.encode_receipts(chosen)) <= 1024


def test_only_2_04_lets_the_lock_forget():
    for habit in ("refuse", "unavailable", "silent"):
        rig = Rig()
        rig.go(1_000)
        rig.peer.habit = habit
        rig.fixes(25)
        rig.receipt()
        rig.go(300_000)
        assert len([record for record in rig.waiting() if record[0] == telemetry.FIX]) == 25
        assert rig.receipts.acked_seq == 0 and rig.told(telemetry.FIX) == []
        rig.peer.habit = "piggyback"
        rig.go(320_000)
        assert len(rig.told(telemetry.FIX)) == 25 and rig.receipts.acked_seq == 1 and rig.waiting() == []


def test_a_lost_answer_means_the_same_records_again():
    rig = Rig()
    rig.go(1_000)
    rig.board.bearer.weather = lambda datagram: () if datagram[1] >= 0x40 else (0,)
    rig.fixes(20)
    rig.go(300_000)
    assert len(rig.told(telemetry.FIX)) == 20 and len(rig.waiting()) >= 20  # there, but the lock cannot know
    rig.board.bearer.weather = lambda datagram: (0,)
    rig.go(320_000)
    assert len(rig.told(telemetry.FIX)) == 20 and rig.waiting() == []


def test_tries_without_a_network_come_further_apart_and_then_stay():
    rig = Rig()
    opened = []
    rig.board.world.uplink = False
    plain = rig.board.bearer.open

    async def counted(host, port):
        opened.append(rig.board.timeline.now)
        await plain(host, port)

    rig.board.bearer.open = counted
    rig.go(5_400_000)
    gaps = [after - before for before, after in zip(opened, opened[1:])]
    assert 2_500 <= gaps[0] <= 5_250 and 5_000 <= gaps[1] <= 10_250
    assert max(gaps) <= 900_250 and min(gaps[8:]) >= 450_000
    assert len(set(gaps[8:])) > 3  # with jitter: locks under one dead cell do not come back as one
    assert len(rig.waiting()) <= 18  # a status now and then, not one for each step
    rig.board.world.uplink = True
    rig.go(900_250)
    assert rig.told(telemetry.STATUS)


def test_a_new_receipt_is_tried_at_once_whatever_failed_before():
    rig = Rig()
    rig.board.world.uplink = False
    rig.go(600_000)
    rig.board.world.uplink = True
    rig.go(rig.receipt, 500)
    assert len(rig.peer.receipts) == 1 and rig.receipts.acked_seq == 1
    rig.peer.habit = "refuse"
    rig.receipt()
    rig.go(600_000)
    rig.peer.habit = "piggyback"
    rig.go(rig.receipt, 500)
    assert len(rig.peer.receipts) == 3 and rig.receipts.acked_seq == 3


def test_what_waits_is_in_flash_after_two_minutes():
    rig = Rig()
    rig.board.world.uplink = False
    rig.fixes(1)
    rig.go(125_000)
    rig = Rig(rig.board.reboot(warm=False), rig.peer)
    assert rig.waiting()[0][0] == telemetry.FIX


def test_a_cloud_that_takes_receipts_but_never_has_them_is_not_asked_in_a_loop():
    for up_to in (0, 7, 0xFFFFFFFF):
        rig = Rig()
        rig.peer.answer = {telemetry.RECEIPTS_UP_TO: up_to}
        rig.receipt()
        rig.go(400_000)
        asked = [path for path, _, _ in rig.peer.requests].count(b"r")
        assert 4 <= asked <= 9 and rig.receipts.acked_seq == 0
        assert len(rig.told(telemetry.STATUS)) == 7  # and the rest goes on


def test_floors_and_commands_in_an_answer():
    rig = Rig()
    rig.peer.answer = {
        telemetry.RIDE_FLOOR: 7,
        telemetry.MASTER_FLOOR: 3,
        telemetry.COMMANDS: [[9, 1, [3]], [10, 1, []]],
    }
    rig.go(200_000)
    assert (rig.floors.ride(), rig.floors.master()) == (7, 3)
    assert rig.commands == [(9, 1, [3]), (10, 1, [])]  # once, though each answer repeats them
    done = [record[3] for record in rig.told(telemetry.NOTE) if record[2] == telemetry.NOTE_COMMAND_DONE]
    assert done == [9, 10]


def test_a_board_that_cannot_tell_how_warm_it_is_tells_the_rest():
    rig = Rig()
    rig.uplink._temperature = lambda: None
    rig.go(1_000)
    (status,) = rig.told(telemetry.STATUS)
    assert len(status) == 6


def test_a_command_that_the_lock_does_not_take_is_said_to_be_refused():
    rig = Rig()
    rig.known = False
    rig.peer.answer = {telemetry.COMMANDS: [[9, 77, []]]}
    rig.go(200_000)
    assert rig.commands == [(9, 77, [])]  # once
    (note,) = rig.told(telemetry.NOTE)
    assert note[2:] == (telemetry.NOTE_COMMAND_REFUSED, 9)


def test_an_endless_supply_of_commands_takes_no_memory():
    rig = Rig()
    supply = []

    def more():
        supply.append(0)
        return T0

    rig.peer._now = more
    for number in range(12):
        rig.peer.answer = {telemetry.COMMANDS: [[100 * number + i, 1, []] for i in range(8)]}
        rig.go(61_000)
    assert len(rig.commands) > 90 and len(rig.uplink._commands) <= 16


def test_an_answer_that_is_no_answer_changes_nothing():
    plain = telemetry.encode_answer
    for junk in (
        b"\xff",
        b"\x00" * 900,
        plain([1]),
        plain({1: -1}),
        plain({2: 1 << 40}),
        plain({9: 1}),
        plain({4: 5}),
    ):
        rig = Rig()
        telemetry.encode_answer = lambda fields, junk=junk: junk
        try:
            rig.receipt()
            rig.go(1_000)
        finally:
            telemetry.encode_answer = plain
        assert rig.clock.now() is None and rig.floors.ride() == 0 and rig.receipts.acked_seq == 0
        assert rig.waiting() == []  # 2.04 it was: the cloud has the records


def test_failing_flash_does_not_keep_time_and_floors_from_the_lock():
    rig = Rig()
    rig.outbox.put((telemetry.STATUS, T0, 0, 4000, 0, 1))
    rig.receipt()
    rig.peer.answer = {telemetry.RIDE_FLOOR: 7}
    rig.board.power.fail_at(1)
    rig.go(180_000)
    assert rig.clock.now() >= T0 and rig.floors.ride() == 7 and rig.receipts.acked_seq == 1
    assert rig.waiting() == []


def test_receipts_that_cannot_be_read_do_not_hold_up_the_rest():
    rig = Rig()
    rig.receipt()

    def broken(n):
        raise OSError(5, "flash")

    rig.receipts.unacked = broken
    rig.go(200_000)
    assert len(rig.told(telemetry.STATUS)) >= 3 and rig.peer.receipts == {}


def test_a_flood_of_junk_from_the_network_holds_up_nobody():
    rig = Rig()
    ticks = []

    async def other():
        while True:
            ticks.append(rig.board.timeline.now)
            await rig.board.timeline.sleep_ms(100)

    async def scene():
        tasks = [asyncio.create_task(other()), asyncio.create_task(rig.uplink.run(rig._beat))]
        rig.board.bearer.peer = lambda datagram: [b"\x60\x00\x12\x34"] * 70 if datagram[0] >> 4 == 4 else None
        await rig.board.timeline.sleep_ms(60_000)
        for task in tasks:
            task.cancel()

    asyncio.run(scene())
    assert len(ticks) >= 590


def test_signs_of_life_keep_coming_whatever_the_cloud_does():
    for habit in ("piggyback", "silent", "refuse"):
        rig = Rig()
        rig.peer.habit = habit
        last, longest = (
            [rig.board.timeline.now],
            [0],
        )  # and not a list of them all: that is thousands, on a small heap

        def beat(rig=rig, last=last, longest=longest):
            now = rig.board.timeline.now
            longest[0] = max(longest[0], now - last[0])
            last[0] = now

        rig._beat = beat
        rig.go(300_000)
        assert longest[0] <= 2_000 and rig.board.timeline.now - last[0] <= 2_000


def test_bad_weather_power_cuts_and_a_forgetful_cloud():
    """Whatever is lost, doubled or cut, there is one truth in the end; the double checks numbers, nonces, contents."""
    rig = Rig()
    state = [5]

    def draw(n):
        state[0] = state[0] * 1103515245 + 12345 & 0x7FFFFFFF
        return (state[0] >> 12) % n

    def weather(datagram):
        return [(), (draw(3000),), (draw(200), draw(9000))][min(2, draw(5))]

    receipts = []
    for _ in range(8):
        rig.board.bearer.weather = weather
        if draw(3):
            rig.board.power.cut_at(1 + draw(60))
        try:
            for _ in range(3):
                rig.fixes(draw(30), draw(1000))
                rig.go(draw(120_000))
                if draw(2):
                    rig.peer.forget()
                raw = rig.receipt()
                receipts.append(raw)
        except Exception as halt:
            if not rig.board.power.halted:
                raise halt
        rig.peer.seen.clear()
        rig.peer.sent.clear()
        rig.peer.requests.clear()
        rig = Rig(rig.board.reboot(warm=bool(draw(2))), rig.peer)
    rig.board.bearer.weather = lambda datagram: (0,)
    rig.go(1_000_000)
    assert rig.waiting() == [] and rig.told(telemetry.FIX)
    have = list(rig.peer.receipts.values())
    assert len(receipts) > 10 and all(raw in have for raw in receipts)


def test_what_an_answer_offers_is_fetched_once_and_again_when_it_changes():
    rig = Rig()
    rig.peer.answer[telemetry.KEYSET] = 4
    rig.go(200_000)
    assert [value for _, value in rig.ran] == [4] and len(rig.peer.requests) > 2
    rig.peer.answer[telemetry.KEYSET] = 5
    rig.go(100_000)
    assert [value for _, value in rig.ran] == [4, 5]


def test_what_could_not_be_fetched_is_tried_again_later_and_later():
    rig = Rig()
    rig.peer.answer[telemetry.KEYSET] = 4
    rig.errand_results = [False, False, None, False, True]
    rig.go(400_000)
    times = [at for at, _ in rig.ran]
    assert [value for _, value in rig.ran] == [4] * 5
    assert times[1] - times[0] >= 2500 and times[4] - times[3] >= 10_000
