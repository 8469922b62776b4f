"""The GNSS receiver while a ride is open: reads its line, keeps the good fixes, puts one every `fix_every_s`.

The receiver has power only then, for half a minute after, and where the cloud asks, since it drinks as much as all the
rest. It does not set the lock's clock: whoever fakes satellites near a bike could push that.
"""

from firmware import fixes
from firmware.nmea import Parser
from protocol import telemetry
from protocol.compat import const

_POLL_MS = const(200)  # a UART's buffer of 256 bytes fills in 266 ms at 9,600 baud
_IDLE_MS = const(500)
_READ = const(256)  # bytes at a time
_READS = const(8)  # in one step: a line gone mad holds up nobody
_AFTER_MS = const(30000)  # with power after the ride closed, for one last fix
_LOCATE_MS = const(180_000)  # with power for a fix that the cloud asked for, from cold
_LONG_MS = const(3_600_000)  # no fixes are further apart
_STUBBORN = const(30)  # fixes in a row that the last one forbids; then it was the last one that was wrong
_DISPUTED = ("stale", "jump")


class Gps:
    """`put` and `note`: the outbox's. `settings`: fix_every_s, accuracy_max_dm, speed_max_dms."""

    def __init__(self, board, clock, settings, put, note):
        self._gnss, self._motion = board.gnss, board.motion
        self._uptime_ms, self._sleep_ms = board.clock.uptime_ms, board.clock.sleep_ms
        self._clock, self._settings = clock, settings
        self._put, self._note = put, note
        self._riding = False
        self._until = 0  # uptime to which the receiver keeps its power after a ride
        self._on = None  # after a warm boot the receiver may be either
        self._parser = None
        self._last = None  # the newest fix kept, and the uptime at which the lock was there
        self._last_at = 0
        self._before = None  # what the next fix is judged by: the newest, until too many contradict it
        self._put_time = None  # of the newest fix that went to the outbox
        self._moved = True  # since the newest fix
        self._disputes = 0
        self._told = []  # reasons noted in this ride
        self.duty = (
            None  # rest.py's, which lets the receiver rest between fixes: (on, for ms, fixed) -> whether on
        )
        self._switched_at = 0

    def ride(self, is_open):
        """The lock tells: the bike is out (True), or closed."""
        if self._riding and not is_open:
            self._until = self._uptime_ms() + _AFTER_MS
            if self._last is not None and self._last.time != self._put_time:
                self._keep(self._last)
        if is_open != self._riding:
            self._switched_at = self._uptime_ms() - _LONG_MS  # it has rested long enough
        self._riding = is_open

    def locate(self):
        """The cloud asks where the bike stands: one fix, if there is one to be had soon. It goes out as any other."""
        now = self._uptime_ms()
        self._until = max(self._until, now + _LOCATE_MS)
        self._moved = True  # a fix of where it stood before is no answer
        self._put_time = None
        if not self._on:
            self._switched_at = now - _LONG_MS  # it has rested long enough

    @property
    def on(self):
        """Whether the receiver has power."""
        return bool(self._on)

    def last(self):
        """[lat, lon, age in s, accuracy in dm] of the newest fix since the boot, or None."""
        if self._last is None:
            return None
        age = (self._uptime_ms() - self._last_at) // 1000
        return [self._last.lat, self._last.lon, age, self._last.accuracy]

    async def run(self, beat):
        while True:
            self.step()
            beat()
            await self._sleep_ms(_POLL_MS if self._on else _IDLE_MS)

    def step(self):
        """Switches the receiver as needed and takes in what its line brought."""
        now = self._uptime_ms()
        wanted = self._riding or now < self._until
        if wanted and self.duty:
            wanted = self.duty(self._on, now - self._switched_at, self._put_time is not None)
        if wanted != self._on:
            self._on, self._switched_at = wanted, now
            self._gnss.power(wanted)
            self._parser = Parser()
            self._told.clear()
            self._put_time = None
        if self._motion.moving():  # looked at with the receiver off too: a van may carry the bike
            self._moved = True
        if not wanted:
            return
        for _ in range(_READS):
            data = self._gnss.read(_READ)
            if not data:
                break
            for fix in self._parser.feed(data):
                self._judge(fix)

    def _judge(self, fix):
        now = self._clock.now()
        error = 0 if now is None else self._clock.error()
        limits = self._settings.accuracy_max_dm, self._settings.speed_max_dms
        context = fixes.Context(now, error, not self._moved, *limits)
        reason = fixes.reason_to_drop(fix, self._before, context)
        if reason is None:
            self._accept(fix)
        elif reason == "still":
            self._last_at = self._uptime_ms()  # the lock is where it was, and that is known now
            self._disputes = 0
            self._end()
        else:
            self._refuse(reason)

    def _accept(self, fix):
        self._last = self._before = fix
        self._last_at = self._uptime_ms()
        self._moved = False
        self._disputes = 0
        due = self._put_time is None or fix.time - self._put_time >= self._settings.fix_every_s
        if due or not self._riding:
            self._keep(fix)
        self._end()

    def _keep(self, fix):
        self._put((telemetry.FIX, fix.time, fix.lat, fix.lon, fix.accuracy))
        self._put_time = fix.time

    def _end(self):
        """After the ride, one fix that says where the bike stands is enough."""
        if not self._riding:
            self._until = 0

    def _refuse(self, reason):
        if reason not in self._told:
            self._told.append(reason)
            self._note(telemetry.NOTE_FIX_DROPPED, fixes.CODES[reason])
        self._disputes = self._disputes + 1 if reason in _DISPUTED else 0
        if self._disputes >= _STUBBORN:
            self._disputes, self._before = 0, None
