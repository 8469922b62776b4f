"""What time it is, and how sure that is. No clock is trusted: each source brings its own error.

The estimate stands on what an authenticated source said last and on the board's own counting since; it never goes
below the time floor. Awake it loses 50 ppm; over a boot, where nobody knows what slept, as much as the board says that
its clock may drift: 6 % of the gap for a chip's own oscillator. After a power loss there is no estimate until somebody
gives one.

So that a gap can be measured, the estimate is stamped into flash now and then. The stamp also says when the lock
was last awake, which dates what happened while it was not.
"""

from firmware.rides import Unreadable
from protocol import cbor
from protocol.compat import const
from protocol.shape import is_uints

KNOWN_S = const(300)  # an estimate this good judges windows
UNKNOWN = const(0xFFFFFFFF)

_FILE = "awake"
_AWAKE_PPM = const(50)
_DRIFT_PPM = const(60_000)


class Clock:
    """`board_clock`: boards.contract.Clock; `floors`: of floors.py, whole before `load`.

    `awake`: when the lock last stamped before this boot, Unix s, 0 when it does not know.
    """

    def __init__(self, board_clock, store, floors):
        self._clock = board_clock
        self._store = store
        self._floors = floors
        self._unix = None
        self._error = 0
        self._at = board_clock.uptime_ms()
        self.drift_ppm = getattr(board_clock, "drift_ppm", _DRIFT_PPM)  # while nobody counts
        self.awake = 0

    def load(self):
        """Takes up what the board counted on. Raises OSError; Unreadable for a file that is not ours."""
        if self._floors.time_fell():
            self.doubt()
        stamp = self._read()
        if stamp:
            self._at = self._clock.uptime_ms()
            self.awake = stamp[0]
            rtc = self._clock.rtc()
            if rtc is not None and rtc >= stamp[0]:
                self._unix = rtc
                self._error = stamp[1] + (rtc - stamp[0]) * self.drift_ppm // 1_000_000 + 1

    def _read(self):
        data = self._store.read(_FILE)
        if data is None:
            return None
        try:
            stamp = cbor.decode(data)
        except cbor.CborError:
            raise Unreadable("stamp")
        if not is_uints(stamp, 2):
            raise Unreadable("stamp")
        return stamp

    def now(self):
        """Unix seconds, or None without any estimate. Whether it is good for windows says `known`."""
        if self._unix is None:
            return None
        return max(self._floors.time(), self._estimate())

    def error(self):
        """Seconds that `now` may be wrong, either way; UNKNOWN without an estimate."""
        if self._unix is None:
            return UNKNOWN
        awake_ms = self._clock.uptime_ms() - self._at
        return min(self._error + (awake_ms * _AWAKE_PPM + 999_999_999) // 1_000_000_000, UNKNOWN)

    def known(self):
        return self.error() <= KNOWN_S

    def set(self, unix, error):
        """What an authenticated source says, correct to `error` seconds. False when it is not taken: below the time
        floor, or no better than what is known and in agreement with it. Raises OSError."""
        if unix < self._floors.time() or unix > UNKNOWN:
            return False
        if self._unix is not None:
            mine = self.error()
            if error >= mine and abs(unix - self.now()) <= mine + error:
                return False
        was_known = self.known()
        self._unix, self._error, self._at = unix, error, self._clock.uptime_ms()
        self._clock.set_rtc(unix)
        if not was_known and self.known():
            self.stamp()
        return True

    def doubt(self):
        """There is no estimate from now on: whoever gave it is not believed any more. Raises OSError."""
        self._unix = None
        self._store.remove(_FILE)  # what the board counts on is worth nothing without it

    def stamp(self):
        """Into flash: awake now, and the time. Raises OSError."""
        if self.known():
            self._store.write(_FILE, cbor.encode([self.now(), self.error()]))

    def _estimate(self):
        return self._unix + (self._clock.uptime_ms() - self._at) // 1000
