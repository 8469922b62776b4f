"""The physical world of one lock: bolt, ring, battery, a bike that moves, a person beside it.

A spring presses the bolt into the ring, and another springs the ring open. The motor draws the bolt back
against its spring; once the bolt is out the ring flies open, and then holds the bolt back. A hand that pushes
the ring shut lets the bolt snap in again. Pure; time is handed in. Knows nothing of the lock's logic, of
sockets or of files.

On a chip it shares a heap with the lock, which must not notice: while the world only looks on it counts in small
integers, of 31 bits there, and leaves no garbage. Unix time in milliseconds is none.
"""

from protocol.compat import const

STEP_MS = 5  # in which a bolt moves
MOTOR_MS = 400  # of pulling for the bolt's whole way
SPRING_MS = 40  # for the way back into a ring that is shut
HAND_MS = 300  # a person holds the ring shut this long, then lets go
MOTION_MS = 1_000  # the motion sensor goes on saying so this long
FULL_MV = 4_150
NIGHT_C, DAY_C = 8, 20  # the air: coldest at 4 o'clock, warmest twelve hours later (UTC)
LEDS = ("ok", "refused", "busy", "find", "fault", "off")
COLOURS = ("red", "green", "blue", "white")  # of a code, by number
BOLT_FAULTS = (None, "both", "neither", "open", "closed")  # what the two switches say, whatever the bolt does

_WAY = const(100_000)  # the bolt's position, thousandths of a percent: 0 in the ring, _WAY drawn back
_OPEN_AT = const(95_000)  # the switches close this near the ends
_CLOSED_AT = const(5_000)
_FREE_AT = const(90_000)  # drawn back further than this, the bolt lets the ring go
_HOLDS_AT = const(50_000)  # in further than this, it holds the ring
_HISTORY = const(16)  # LED patterns remembered

# What `dump` keeps: all that a person who goes away and comes back would find as it was.
_KEPT = "_start ms motor_ms actuations openings pulls_moving bolt_fault uplink _way _ring_shut _hand_until".split()
_KEPT += "_jam _millivolts _picovolts _moved_at _shaken _position".split()

# What each takes from the battery, picovolts a millisecond: months idle, days of GNSS from full to empty.
_IDLE = const(60)
_RADIO = const(200)
_GNSS = const(3_000)
_MOTOR = const(5_000_000)
_MILLIVOLT = const(1_000_000_000)  # picovolts

# How warm that makes it: looked at every second, in hundredths of a degree above the air.
_WARMS = const(50)  # picovolts a millisecond, in the end, by one degree
_HOTTEST = const(20)  # degrees: the motor runs for less than a second
_FOLLOWS_MS = const(60_000)  # in which the way to go shrinks to a third or so
_SECOND_MS = const(1_000)
_HALF_DAY_S = const(43_200)
_COLDEST_S = const(4 * 3_600)


class World:
    """`now_ms` is Unix time in milliseconds; `advance(now_ms)` and `elapse(ms)` let it pass, all else happens at `now`,
    which is `ms` after this world was made.

    Read freely: `ms`, `actuations` (times the motor was started), `openings` (times the ring flew open),
    `pulls_moving` (times the motor was started while the bike moved), `presses` (of the button).
    Set freely: `bolt_fault` (one of BOLT_FAULTS), `uplink` (whether the network is there).
    """

    def __init__(self, now_ms, *, motor_ms=MOTOR_MS, millivolts=FULL_MV, position=(520_907_000, 51_214_000)):
        self._start = now_ms
        self.ms = 0
        self.motor_ms = motor_ms
        self.actuations = self.openings = self.pulls_moving = self.presses = 0
        self._shown = [0, "off"]  # times and patterns by turns
        self.bolt_fault = None
        self.radio_on = self.gnss_on = False
        self.uplink = True
        self._way = 0
        self._ring_shut = True
        self._pulling = False
        self._hand_until = None
        self._jam = None
        self._millivolts = millivolts
        self._picovolts = 0  # on top of that: the charge in two small integers
        self._heat = self._unseen_ms = 0
        self._moved_at = None
        self._shaken = False
        self._position = position
        self._track = None  # [points still to come, started, speed, time of the first point]
        self._leg = None  # (point behind the bike, point ahead of it)

    # What the lock's parts see and do --------------------------------------------------------------------

    def pull(self):
        if self._pulling:
            return
        self._pulling = True
        self.actuations += 1
        self.pulls_moving += self.moving()

    def stop(self):
        self._pulling = False

    def bolt_open(self):
        return self._way >= _OPEN_AT if self.bolt_fault is None else self.bolt_fault in ("both", "open")

    def bolt_closed(self):
        return self._way <= _CLOSED_AT if self.bolt_fault is None else self.bolt_fault in ("both", "closed")

    def shackle_closed(self):
        return self._ring_shut

    def moving(self):
        return self._shaken or (self._moved_at is not None and self.ms - self._moved_at < MOTION_MS)

    def show(self, pattern):
        is_code = isinstance(pattern, bytes)
        if is_code and (not pattern or max(pattern) >= len(COLOURS)) or not is_code and pattern not in LEDS:
            raise ValueError("no such pattern: " + str(pattern))
        shown = self._shown
        if len(shown) > 2 * _HISTORY:
            del shown[:2]
        shown += self.ms, _packed(pattern) if is_code else pattern

    def dark(self):
        """The lock's processor stops: whatever it drove is off."""
        self._pulling = self.radio_on = self.gnss_on = False
        if self.led != "off":
            self.show("off")

    def millivolts(self):
        return self._millivolts

    def temperature(self):
        """Of the chip, degrees C: the air's, by the time of day, and what it has spent lately."""
        second = (self._start + self.ms) // 1_000 % (2 * _HALF_DAY_S)
        from_coldest = (second - _COLDEST_S) % (2 * _HALF_DAY_S)
        warmer = min(from_coldest, 2 * _HALF_DAY_S - from_coldest)
        return NIGHT_C + (DAY_C - NIGHT_C) * warmer // _HALF_DAY_S + self._heat // 100

    # What a person beside the bike does ------------------------------------------------------------------

    def close(self):
        """Pushes the ring shut and holds it until the bolt can snap in."""
        self.push(HAND_MS)

    def push(self, ms=SPRING_MS // 4):
        """Pushes the ring shut for so long: too short a push and it springs open again."""
        self._ring_shut = True
        self._hand_until = self.ms + ms

    def press(self):
        """The button, for a moment."""
        self.presses += 1

    def jam(self, percent):
        """Something blocks the bolt at this part of its way and holds it there; None clears it."""
        if percent is not None and not 0 <= percent <= 100:
            raise ValueError("a jam is at 0 to 100 percent of the way")
        self._jam = None if percent is None else percent * 1_000

    def move(self):
        """The bike is carried or pushed about, going nowhere."""
        self._shaken = True

    def still(self):
        """The bike stands, wherever it has got to; ends a ride along a track too."""
        if self._shaken:
            self._moved_at = self.ms
        self._shaken = False
        self._track = None

    def ride(self, points, speed=1, started=None):
        """Moves the bike along [(t_ms, lat_e7, lon_e7), ...], `speed` times as fast as these times rise.

        Where two points are at one place the bike stands. `points` is gone through twice, now to see that it can be
        ridden (else ValueError) and then point by point on the way. `started`: when, if not now.
        """
        count, last = 0, None
        for point in points:
            if count and point[0] <= last:
                raise ValueError("a track's times rise: %d ms comes after %d ms" % (point[0], last))
            last = point[0]
            count += 1
        if count < 2 or speed <= 0:
            raise ValueError("a track has two points or more, and a speed above 0")
        coming = iter(points)
        first = next(coming)
        self._track = coming, self.now if started is None else started, speed, first[0]
        self._leg = first, next(coming)
        self._follow()

    def set_battery(self, millivolts):
        self._millivolts, self._picovolts = millivolts, 0

    # What whoever watches may ask ------------------------------------------------------------------------

    @property
    def now(self):
        """Unix time in milliseconds."""
        return self._start + self.ms

    def to_second(self):
        """Milliseconds to the next full second of Unix time."""
        return 1_000 - (self._start % 1_000 + self.ms) % 1_000

    @property
    def led(self):
        """The pattern that it shows; of a code the names of its colours."""
        return _named(self._shown[-1])

    @property
    def led_history(self):
        """[(Unix time in milliseconds, pattern)] of the last ones."""
        shown = self._shown
        return [(self._start + shown[i], _named(shown[i + 1])) for i in range(2, len(shown), 2)]

    @property
    def bolt(self):
        """Per cent of the bolt's way: 0 in the ring, 100 drawn back."""
        return self._way // 1_000

    @property
    def position(self):
        """(lat_e7, lon_e7) of the bike."""
        return self._position

    @property
    def riding(self):
        """Whether a track has points ahead of the bike."""
        return self._track is not None

    def seen(self):
        """What its sensors say, all but time and place, in one small integer."""
        switches = self.bolt_open() << 3 | self.bolt_closed() << 2 | self._ring_shut << 1 | self.moving()
        return self._millivolts << 4 | switches

    def dump(self, kept):
        """Fills and gives the dict: the world in plain numbers, but for the points of a track, for `restore`; the lock
        in it is dark."""
        for name in _KEPT:
            kept[name] = getattr(self, name)
        kept["ride"] = self._track and self._track[1:3]
        return kept

    @staticmethod
    def restore(kept, points=None):
        """The world that was dumped, its bike still on the track whose points these are. It has yet to `advance`."""
        world = World(0)
        for name in _KEPT:
            setattr(world, name, kept[name])
        world._position = tuple(world._position)
        if kept["ride"] and points is not None:
            started, speed = kept["ride"]
            world.ride(points, speed, started)
        return world

    # Time ------------------------------------------------------------------------------------------------

    def advance(self, now_ms):
        """Lets the world run to that moment; one that is past changes nothing."""
        self.elapse(now_ms - self.now)

    def elapse(self, ms):
        """Lets the world run for so long."""
        if ms <= 0:
            return
        self._drain(ms)
        while ms > 0:
            step = min(STEP_MS, ms) if self._restless() else ms
            self.ms += step
            ms -= step
            self._move_bolt(step)
        if self._shaken:
            self._moved_at = self.ms
        if self._track is not None:
            self._follow()

    def _drain(self, ms):
        load = _IDLE
        if self.radio_on:
            load += _RADIO
        if self.gnss_on:
            load += _GNSS
        if self._pulling:
            load += _MOTOR
        left = self._picovolts - load * ms
        self._millivolts = max(0, self._millivolts + left // _MILLIVOLT)
        self._picovolts = left % _MILLIVOLT
        self._unseen_ms += ms
        if self._unseen_ms >= _SECOND_MS:
            goal = 100 * min(load // _WARMS, _HOTTEST)
            self._heat += (goal - self._heat) * min(self._unseen_ms, _FOLLOWS_MS) // _FOLLOWS_MS
            self._unseen_ms = 0

    def _goal(self):
        """Where the bolt is driven."""
        return _WAY if self._pulling or not self._ring_shut else 0

    def _restless(self):
        stuck = self._jam is not None and self._way == self._jam
        return self._hand_until is not None or (self._way != self._goal() and not stuck)

    def _move_bolt(self, ms):
        goal, way = self._goal(), self._way
        if way != goal and (self._jam is None or way != self._jam):
            reach = (
                _WAY * ms // (self.motor_ms if self._pulling else SPRING_MS)
            )  # in which it would go all the way
            after = min(goal, way + reach) if goal > way else max(goal, way - reach)
            if self._jam is not None and min(way, after) <= self._jam <= max(way, after):
                after = self._jam
            self._way = after
        if self._hand_until is not None and self.ms >= self._hand_until:
            self._hand_until = None
            self._ring_shut = self._way < _HOLDS_AT
        elif self._hand_until is None and self._ring_shut and self._way >= _FREE_AT:
            self._ring_shut = False
            self.openings += 1

    def _follow(self):
        coming, started, speed, first_ms = self._track
        at = first_ms + (self.now - started) * speed
        while True:
            (from_ms, lat, lon), ahead = self._leg
            to_ms, to_lat, to_lon = ahead
            moves = (lat, lon) != (to_lat, to_lon)
            if at < to_ms:
                part, whole = int(at - from_ms), to_ms - from_ms
                self._position = lat + (to_lat - lat) * part // whole, lon + (to_lon - lon) * part // whole
                if moves:
                    self._moved_at = self.ms
                return
            self._position = to_lat, to_lon
            if moves:
                self._moved_at = started + int((to_ms - first_ms) / speed) - self._start
            try:
                self._leg = ahead, next(coming)
            except StopIteration:
                self._track = self._leg = None
                return


def _packed(code):
    """A code as a small integer: what is remembered leaves no crumbs in the heap of the lock beside it."""
    number = 1
    for colour in code:
        number = number << 2 | colour
    return number


def _named(pattern):
    if not isinstance(pattern, int):
        return pattern
    names = []
    while pattern > 1:
        names.insert(0, COLOURS[pattern & 3])
        pattern >>= 2
    return " ".join(names)
