"""A GNSS receiver that speaks NMEA 0183 about where the world's bike is. Pure; time comes with `advance`.

Once a full second it sends RMC and GGA, every fifth second GSV; at first without time, then without a position, as
a cold receiver does; and now and then something broken, as lines in a bicycle do.
"""

import math
import time

COLD_MS = 5_000  # to the first fix; a real one takes 30 s and more
HOT_MS = 1_000  # when it had one before and kept it
_CLOCK_MS = 2_000  # from when on a cold one knows the time
_POOR_MS = 4_000  # after its first fix it sees few satellites
_ROOM = 1_024  # bytes that wait to be read; what comes on top is lost
_LATE_S = 8  # seconds that one advance catches up with; what was said before is lost anyway

_BROKEN_EVERY = 16  # seconds
_METRES_PER_E7 = 0.0111319  # of latitude
_KNOTS = 1.94384  # in a metre a second


def sentence(body):
    """The line that carries this: `$`, checksum (XOR of all between `$` and `*`) and line end added."""
    check = 0
    for byte in body.encode():
        check ^= byte
    return b"$%s*%02X\r\n" % (body.encode(), check)


def coordinate(e7, width):
    """Degrees and minutes as NMEA writes them, `width` digits of degrees: 520907000 -> "5205.44200"."""
    minutes = (abs(e7) * 6 + 5) // 10  # hundred-thousandths
    return "%0*d%02d.%05d" % (width, minutes // 6_000_000, minutes // 100_000 % 60, minutes % 100_000)


# What a bad line does to a good second, in turn.
_BROKEN = (
    lambda data: data[:20] + b"#" + data[21:],  # a wrong byte
    lambda data: data[:33],  # the line falls silent
    lambda data: b"\x00\xff\xfe$$*\r\n" + data,  # noise
    lambda data: b"$" + b"GN" * 90 + b"\r\n" + data,  # longer than any sentence, 82 bytes
    lambda data: data.replace(b"\r\n", b"\n", 1),
)


class Receiver:
    """`jitter_e7`: how far from the truth a position may be, in degrees × 10⁷ (90 are a metre)."""

    def __init__(self, world, jitter_e7=0):
        self._world = world
        self._jitter = jitter_e7
        self._noise = 1
        self._waiting = bytearray()
        self._since = None  # when it got power
        self._fix_ms = COLD_MS
        self._had_fix = False
        self._seconds = 0
        self._before = None  # (lat, lon) a second ago
        world.gnss_on = False

    def power(self, on):
        if on and self._since is None:
            self._since = self._world.ms
            self._fix_ms = HOT_MS if self._had_fix else COLD_MS
        elif not on:
            self._since = self._before = None
            self._waiting = bytearray()
        self._world.gnss_on = bool(on)

    def read(self, n):
        data, self._waiting = bytes(self._waiting[:n]), self._waiting[n:]
        return data

    def advance(self, now_ms):
        """Moves the world on to that moment, and speaks at each full second on the way."""
        self.elapse(now_ms - self._world.now)

    def elapse(self, ms):
        """The same for so long."""
        world = self._world
        if self._since is not None:
            first = world.to_second()
            if ms - first >= _LATE_S * 1_000:
                first += ((ms - first) // 1_000 - _LATE_S) * 1_000
            while first <= ms:
                world.elapse(first)
                self._speak()
                ms -= first
                first = 1_000
        world.elapse(ms)

    def _speak(self):
        age = self._world.ms - self._since
        fixed = age >= self._fix_ms
        known = fixed or self._had_fix or age >= _CLOCK_MS
        moment = time.gmtime(self._world.now // 1_000)
        clock = "%02d%02d%02d.00" % tuple(moment[3:6]) if known else ""
        date = "%02d%02d%02d" % (moment[2], moment[1], moment[0] % 100) if known else ""
        if fixed:
            lat, lon = [value + self._error() for value in self._world.position]
            place = "%s,%s,%s,%s" % (
                coordinate(lat, 2),
                "S" if lat < 0 else "N",
                coordinate(lon, 3),
                "W" if lon < 0 else "E",
            )
            view = "05,3.2" if age - self._fix_ms < _POOR_MS and not self._had_fix else "09,0.9"
            rmc = "GNRMC,%s,A,%s,%.2f,,%s,,,A" % (clock, place, self._knots(), date)
            gga = "GNGGA,%s,%s,1,%s,3.0,M,46.0,M,," % (clock, place, view)
            self._had_fix = self._had_fix or age - self._fix_ms >= _POOR_MS
        else:
            rmc = "GNRMC,%s,V,,,,,,,%s,,,N" % (clock, date)
            gga = "GNGGA,%s,,,,,0,00,99.99,,M,,M,," % clock
        data = sentence(rmc) + sentence(gga)
        self._seconds += 1
        if self._seconds % 5 == 0:
            data += sentence("GPGSV,1,1,02,05,61,285,34,13,22,101,28")
        if self._seconds % _BROKEN_EVERY == 0:
            data = _BROKEN[self._seconds // _BROKEN_EVERY % len(_BROKEN)](data)
        self._waiting += data[: max(0, _ROOM - len(self._waiting))]

    def _knots(self):
        here = self._world.position
        before, self._before = self._before or here, here
        north = (here[0] - before[0]) * _METRES_PER_E7
        east = (here[1] - before[1]) * _METRES_PER_E7 * math.cos(here[0] * 1e-7 * math.pi / 180)
        return math.sqrt(north * north + east * east) * _KNOTS

    def _error(self):
        self._noise = (self._noise * 1_103_515_245 + 12_345) & 0x7FFFFFFF
        return (self._noise >> 8) % (2 * self._jitter + 1) - self._jitter
