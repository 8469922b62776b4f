"""The receiver through a ride on the virtual board: real NMEA with its faults in, records out."""

import asyncio

from boards.sim.gnss import Receiver
from boards.sim.parts import Gnss
from boards.sim.virtual import VirtualBoard
from firmware.gps import Gps
from protocol import telemetry

SPEED = 450  # degrees × 10⁷ a second: 5 m/s northward


class Settings:
    fix_every_s = 5
    accuracy_max_dm = 500
    speed_max_dms = 150


class Clock:
    def __init__(self, board):
        self._board = board
        self.known = True
        self.ahead = 0

    def now(self):
        return self._board.timeline.now // 1000 + self.ahead if self.known else None

    def error(self):
        return 2


class Rig:
    """A lock of which only the receiver runs, on a bike, with a list in place of the outbox."""

    def __init__(self, jitter_e7=0):
        self.board = board = VirtualBoard()
        receiver = Receiver(board.world, jitter_e7)
        board.timeline.watchers[:] = [receiver.advance]  # in place of the board's own
        board.gnss = Gnss(lambda: board.world, receiver)
        self.clock = Clock(board)
        self.records, self.notes = [], []
        self.gps = Gps(
            board, self.clock, Settings, self.records.append, lambda *note: self.notes.append(note)
        )

    def go(self, *script):
        """Runs the receiver; the script is functions to call and milliseconds to wait."""

        async def scene():
            task = asyncio.create_task(self.gps.run(lambda: None))
            for act in script:
                if isinstance(act, int):
                    await self.board.timeline.sleep_ms(act)
                else:
                    act()
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass

        asyncio.run(scene())

    def open(self):
        self.gps.ride(True)

    def close(self):
        self.gps.ride(False)

    def north(self, seconds=3600):
        lat, lon = self.board.world.position
        self.board.world.ride([(0, lat, lon), (seconds * 1000, lat + seconds * SPEED, lon)])

    def stand(self):
        self.board.world.still()

    def jump_north(self, e7):
        lat, lon = self.board.world.position
        self.board.world.ride([(0, lat + e7, lon), (3600000, lat + e7 + 3600 * SPEED, lon)])


def test_no_ride_no_power():
    rig = Rig()
    rig.go(60_000)
    assert not rig.board.world.gnss_on and rig.records == [] and rig.gps.last() is None


def test_a_ride_gives_a_fix_every_five_seconds():
    rig = Rig()
    rig.go(rig.open, rig.north, 120_000)
    assert 22 <= len(rig.records) <= 24  # the receiver starts cold, and the line breaks now and then
    for before, after in zip(rig.records, rig.records[1:]):
        seconds = after[1] - before[1]
        assert after[0] == telemetry.FIX and 5 <= seconds <= 7
        assert abs(after[2] - before[2] - seconds * SPEED) < 20 and after[3] == before[3]
    assert len(rig.notes) <= 2


def test_the_newest_fix_is_a_second_old_at_most():
    rig = Rig()
    rig.go(rig.open, rig.north, 30_000)
    lat, lon, age, accuracy = rig.gps.last()
    assert abs(lat - rig.board.world.position[0]) <= 2 * SPEED and lon == rig.board.world.position[1]
    assert age <= 1 and accuracy == 45


def test_the_receiver_is_off_soon_after_the_ride():
    rig = Rig()
    rig.go(rig.open, rig.north, 31_000, rig.stand, 3_000, rig.close, 5_000)
    assert not rig.board.world.gnss_on
    place = rig.board.world.position
    assert rig.records[-1][2:4] == place  # the last fix says where it stands
    assert rig.gps.last()[:2] == list(place)
    count = len(rig.records)
    rig.go(600_000)
    assert len(rig.records) == count and rig.gps.last()[2] >= 600


def test_a_ride_too_short_for_a_fix_waits_half_a_minute_for_it():
    rig = Rig()
    rig.go(rig.open, 2_000, rig.close, 27_000)
    assert len(rig.records) == 1 and not rig.board.world.gnss_on
    deaf = Rig()
    deaf.board.gnss.read = lambda n: b""
    deaf.go(deaf.open, 2_000, deaf.close, 27_000)
    assert deaf.board.world.gnss_on
    deaf.go(4_000)
    assert not deaf.board.world.gnss_on and deaf.records == []


def test_a_bike_that_stands_does_not_drift_and_knows_where_it_is():
    rig = Rig(jitter_e7=900)
    rig.go(rig.open, rig.north, 30_000, rig.stand, 5_000)
    count, place = len(rig.records), rig.gps.last()[:2]
    rig.go(1_200_000)
    assert len(rig.records) == count
    assert rig.gps.last()[:2] == place and rig.gps.last()[2] <= 1
    rig.go(rig.north, 20_000)
    assert len(rig.records) > count


def test_a_bike_carried_off_while_the_receiver_was_off_is_found():
    rig = Rig()
    rig.go(rig.open, rig.north, 30_000, rig.stand, 3_000, rig.close, 60_000)
    rig.go(rig.north, 300_000, rig.stand, 60_000, rig.open, 10_000)
    assert rig.records[-1][2:4] == rig.board.world.position


def test_a_bike_that_is_asked_for_tells_once_where_it_stands():
    rig = Rig()
    rig.go(rig.open, rig.north, 31_000, rig.stand, 3_000, rig.close, 60_000)
    count = len(rig.records)
    for _ in range(2):  # though it has not moved since it told last
        rig.go(rig.gps.locate, 60_000)
        count += 1
        assert len(rig.records) == count and not rig.board.world.gnss_on
        assert rig.records[-1][2:4] == rig.board.world.position
    rig.board.gnss.read = lambda n: b""
    rig.go(rig.gps.locate, 170_000)
    assert rig.board.world.gnss_on
    rig.go(20_000)
    assert not rig.board.world.gnss_on and len(rig.records) == count


def test_a_bike_on_a_ride_that_is_asked_for_tells_the_next_fix():
    rig = Rig()
    Settings.fix_every_s = 600
    try:
        rig.go(rig.open, rig.north, 60_000)
        count = len(rig.records)
        rig.go(rig.gps.locate, 10_000)
        assert len(rig.records) == count + 1 and rig.board.world.gnss_on
    finally:
        Settings.fix_every_s = 5


def test_what_is_dropped_is_noted_once_a_ride():
    rig = Rig()
    Rough = type("Rough", (Settings,), {"accuracy_max_dm": 20})
    rig.gps._settings = Rough
    rig.go(rig.open, rig.north, 60_000)
    assert rig.records == []
    assert rig.notes == [(telemetry.NOTE_FIX_DROPPED, 1), (telemetry.NOTE_FIX_DROPPED, 4)]
    rig.go(rig.close, 60_000, rig.open, 60_000)
    assert (telemetry.NOTE_FIX_DROPPED, 4) in rig.notes[2:]


def test_one_wrong_fix_does_not_silence_the_right_ones():
    rig = Rig()
    rig.go(rig.open, rig.north, 31_000)
    count = len(rig.records)
    rig.go(lambda: rig.jump_north(5_000_000), 20_000)  # 55 km at once
    assert len(rig.records) == count
    assert (telemetry.NOTE_FIX_DROPPED, 7) in rig.notes
    rig.go(30_000)
    assert len(rig.records) > count + 1


def test_satellites_that_tell_another_year_are_not_believed():
    rig = Rig()
    rig.clock.ahead = -20 * 365 * 86400
    rig.go(rig.open, rig.north, 60_000)
    assert rig.records == [] and rig.gps.last() is None
    assert (telemetry.NOTE_FIX_DROPPED, 3) in rig.notes
    rig.clock.known = (
        False  # a lock that does not know better takes their word for the fix, not for its clock
    )
    rig.go(10_000)
    assert rig.records


def test_a_line_gone_mad_holds_up_nobody():
    rig = Rig()
    rig.board.gnss.read = lambda n: b"$GNGGA," + b"\xff" * (n - 7)
    rig.go(rig.open, 10_000)
    assert rig.records == [] and rig.board.timeline.now
