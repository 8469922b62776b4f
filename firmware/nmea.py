"""NMEA 0183 from a GNSS receiver: bytes in, one `Fix` for each second in which GGA and RMC agree on the time.

Integers only: an ESP32's floats have 24 bits, a position needs 31. Whatever the line brings (binary, half sentences,
bit errors) is dropped up to the next `$`; nothing is raised. Pure; whether a fix is worth keeping is in fixes.py.
"""

from binascii import unhexlify
from collections import namedtuple

from protocol.compat import const

# time: Unix seconds · lat, lon: degrees × 10⁷ · accuracy, altitude: dm · speed: dm/s · altitude None when not told
# valid: the receiver stands by it; when False, all but the time may be 0
Fix = namedtuple("Fix", ("time", "lat", "lon", "accuracy", "altitude", "speed", "valid"))

_LINE_MAX = const(120)  # bytes; the standard says 82, receivers of high precision send a little more
_YEAR_2000 = const(946684800)  # Unix seconds
_DAYS_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)  # a month, without 29 February

# Accuracy is HDOP × the range error that is usual for this quality (GGA field 6), in dm: satellites alone 5 m, with
# corrections 2 m, carrier phase 0.1 m fixed and 0.5 m float. Estimated (6), manual (7) and simulated (8) are no fixes.
_RANGE_ERROR = {b"1": 50, b"2": 20, b"3": 50, b"4": 1, b"5": 5}
_NORTH = {b"N": 1, b"S": -1}
_EAST = {b"E": 1, b"W": -1}


class Parser:
    """`feed` it what the line brings, in any pieces. `good` and `bad` count the GGA and RMC sentences seen."""

    def __init__(self):
        self.good = self.bad = 0
        self._tail = b""  # a sentence that has begun, from its `$`
        self._gga = self._rmc = None  # of the epoch that is under way

    def feed(self, data):
        """The fixes, usually none or one, that these bytes complete."""
        fixes = []
        data = self._tail + data
        start = 0
        end = data.find(b"\n")
        while end >= 0:
            fix = self._line(data[start:end])
            if fix is not None:
                fixes.append(fix)
            start = end + 1
            end = data.find(b"\n", start)
        dollar = data.rfind(b"$", start)
        self._tail = data[dollar:] if dollar >= 0 and len(data) - dollar <= _LINE_MAX else b""
        return fixes

    def _line(self, line):
        dollar = line.rfind(b"$")  # what stands before it is junk, or a sentence that was cut off
        sentence = line[dollar + 1 :]
        kind = sentence[2:6]
        proprietary = sentence[:1] == b"P"  # $PGRMC is Garmin's own, and no RMC
        if dollar < 0 or proprietary or kind not in (b"GGA,", b"RMC,"):
            return None
        try:
            fields = _fields(sentence)
            if kind == b"GGA,":
                self._gga = _gga(fields)
            else:
                self._rmc = _rmc(fields)
        except (ValueError, KeyError):
            self.bad += 1
            return None
        self.good += 1
        return self._epoch()

    def _epoch(self):
        """The fix, once both sentences of one moment are here, in either order."""
        if self._gga is None or self._rmc is None or self._gga[0] != self._rmc[0]:
            return None
        _, vouched, lat, lon, accuracy, altitude = self._gga
        _, active, at, speed = self._rmc
        self._gga = self._rmc = None
        return Fix(at, lat, lon, accuracy, altitude, speed, vouched and active)


def _fields(sentence):
    """The fields of a sentence whose checksum holds. Raises ValueError, as all below."""
    if sentence[-1:] == b"\r":
        sentence = sentence[:-1]
    if len(sentence) > _LINE_MAX or sentence[-3:-2] != b"*":
        raise ValueError("no sentence")
    body = sentence[:-3]
    total = 0
    for byte in body:
        total ^= byte
    if unhexlify(sentence[-2:])[0] != total:
        raise ValueError("checksum")
    return body.split(b",")


def _gga(fields):
    """(moment, vouched, lat, lon, accuracy, altitude) of GGA,time,lat,N,lon,E,quality,satellites,HDOP,altitude,M…"""
    if len(fields) != 15:
        raise ValueError("GGA")
    moment = fields[1]
    _seconds(moment)
    if fields[6] not in _RANGE_ERROR:
        return moment, False, 0, 0, 0, None
    lat = _angle(fields[2], 2, 90) * _NORTH[fields[3]]
    lon = _angle(fields[4], 3, 180) * _EAST[fields[5]]
    accuracy = (_decimal(fields[8], 2) * _RANGE_ERROR[fields[6]] + 99) // 100
    altitude = None
    if fields[9]:
        below = fields[9][:1] == b"-"
        altitude = -_decimal(fields[9][1:], 1) if below else _decimal(fields[9], 1)
    return moment, True, lat, lon, max(accuracy, 1), altitude


def _rmc(fields):
    """(moment, active, Unix time, speed) of RMC,time,A,lat,N,lon,E,knots,course,date…"""
    if not 12 <= len(fields) <= 14:  # NMEA 2.0, 2.3 and 4.1
        raise ValueError("RMC")
    moment = fields[1]
    at = _midnight(fields[9]) + _seconds(moment)
    speed = _decimal(fields[7] or b"0", 3) * 5144 // 1000000  # thousandths of a knot; one knot is 5.144 dm/s
    return moment, fields[2] == b"A", at, speed


def _angle(field, digits, limit):
    """Degrees × 10⁷ from `dddmm.mmmmm` with so many digits of degrees."""
    dot = digits + 2
    if field[dot : dot + 1] != b"." or len(field) > dot + 9 or not (field[:dot] + field[dot + 1 :]).isdigit():
        raise ValueError("angle")
    minutes = int((field[digits:dot] + field[dot + 1 :] + b"0000000")[:9])  # × 10⁷
    angle = int(field[:digits]) * 10000000 + (minutes + 30) // 60
    if minutes >= 600000000 or angle > limit * 10000000:
        raise ValueError("angle")
    return angle


def _decimal(field, places):
    """A plain number × 10^places; further digits are cut off."""
    whole, _, part = field.partition(b".")
    if not whole.isdigit() or len(field) > 12 or part and not part.isdigit():
        raise ValueError("number")
    return int(whole + (part + b"000")[:places])


def _seconds(field):
    """Seconds of the day from `hhmmss` or `hhmmss.sss`; a leap second, 60, is the next minute's first."""
    digits, _, part = field.partition(b".")
    if len(digits) != 6 or not digits.isdigit() or part and not part.isdigit():
        raise ValueError("time")
    hour, minute, second = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError("time")
    return (hour * 60 + minute) * 60 + second


def _midnight(field):
    """Unix seconds at the start of the day `ddmmyy`, in 2000 to 2099."""
    if len(field) != 6 or not field.isdigit():
        raise ValueError("date")
    day, month, year = int(field[:2]), int(field[2:4]), int(field[4:])
    if not 1 <= month <= 12:
        raise ValueError("date")
    leap = year % 4 == 0  # 2000 was a leap year too
    length = _DAYS_BEFORE[month] - _DAYS_BEFORE[month - 1] + (leap and month == 2)
    if not 1 <= day <= length:
        raise ValueError("date")
    days = year * 365 + (year + 3) // 4 + _DAYS_BEFORE[month - 1] + (leap and month > 2) + day - 1
    return _YEAR_2000 + days * 86400
