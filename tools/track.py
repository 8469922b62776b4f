"""A rider's track: points read from a GPX or NMEA file, or the small one made here.

Pure but for `read`, which opens the file. It does not move anything: the simulator's world plays the points.
A track that cannot be read raises TrackError with the line and the reason.
"""

import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from tools.errors import ToolError

FILE_MAX = 32 << 20  # bytes: days of riding; what is larger is no track
_EARTH_RADIUS_M = 6_371_000
_STEP_MAX_S = 86_400  # between two points: more is two tracks in one file, or a wrong date


class Point(NamedTuple):
    t_ms: int  # since the first point
    lat_e7: int  # degrees x 10^7
    lon_e7: int


class TrackError(ToolError):
    """This is no track that one can ride; the text says where and why."""


class _Unusable(Exception):
    """An NMEA sentence that is no point: passed over while others are, the reason shown when none is."""


def read(path: Path) -> list[Point]:
    """The points of a .gpx or .nmea file (told apart by what is in it). Raises TrackError."""
    try:
        with open(path, "rb") as file:
            data = file.read(FILE_MAX + 1)
    except OSError as error:
        raise TrackError(f"{path}: {error.strerror}") from error
    if len(data) > FILE_MAX:
        raise TrackError(f"{path}: over {FILE_MAX >> 20} MiB, too large for a track")
    try:
        return parse(data)
    except TrackError as error:
        raise TrackError(f"{path}, {error}") from error


def parse(data: bytes) -> list[Point]:
    """Points from the bytes of a GPX or NMEA file."""
    is_xml = data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
    return _points(_gpx(data) if is_xml else _nmea(data))


def length_m(points: Iterable[Point]) -> float:
    """Metres along the points."""
    points = list(points)
    return sum(metres(a, b) for a, b in zip(points, points[1:], strict=False))


def metres(a: Point, b: Point) -> float:
    """Between two points, on a sphere (haversine: exact enough also for points that are close)."""
    lat_a, lat_b = math.radians(a.lat_e7 / 1e7), math.radians(b.lat_e7 / 1e7)
    east = math.radians((b.lon_e7 - a.lon_e7) / 1e7)
    half = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(east / 2) ** 2
    return 2 * _EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(half)))


def default_track() -> list[Point]:
    """A ride of 90 s on no real street: away at 4 m/s, ten seconds' stop, on round the corner."""
    legs = [  # seconds, metres per second north, east
        (4, 0.0, 2.0),
        (26, 0.0, 4.0),
        (10, 0.0, 0.0),
        (4, 2.0, 0.0),
        (28, 4.0, 0.0),
        (14, 0.0, -4.0),
        (4, 0.0, -2.0),
    ]
    north = east = 0.0
    metre_e7 = 1e7 / (math.pi * _EARTH_RADIUS_M / 180)  # of latitude, in degrees x 10^7
    lat_e7, lon_e7 = 520_000_000, 40_000_000
    shrink = math.cos(math.radians(lat_e7 / 1e7))  # a degree of longitude is shorter up here
    points = [Point(0, lat_e7, lon_e7)]
    for seconds, north_speed, east_speed in legs:
        for _ in range(seconds):
            north, east = north + north_speed, east + east_speed
            lat, lon = lat_e7 + round(north * metre_e7), lon_e7 + round(east * metre_e7 / shrink)
            points.append(Point(points[-1].t_ms + 1000, lat, lon))
    return points


def hurried(points: list[Point], speed: float) -> list[Point]:
    """The same way in less time: at `speed` metres per second where it was ridden slower; of a stop,
    a quarter is kept. Never slower than it was ridden."""
    out = [points[0]]
    for a, b in zip(points, points[1:], strict=False):
        took = b.t_ms - a.t_ms
        least = max(metres(a, b) / speed * 1000, took / 4 if metres(a, b) < 0.5 else 0, 1)
        out.append(Point(out[-1].t_ms + round(min(took, least)), b.lat_e7, b.lon_e7))
    return out


def back(points: list[Point]) -> list[Point]:
    """The same way back, at the same pace."""
    end = points[-1].t_ms
    return [Point(end - point.t_ms, point.lat_e7, point.lon_e7) for point in reversed(points)]


def within(points: list[Point], ms: int) -> list[Point]:
    """The first `ms` of them; its last point lies between two where need be."""
    kept = [point for point in points if point.t_ms <= ms]
    if len(kept) < len(points) and kept[-1].t_ms < ms:
        a, b = kept[-1], points[len(kept)]
        share = (ms - a.t_ms) / (b.t_ms - a.t_ms)
        lat, lon = (x + round((y - x) * share) for x, y in ((a.lat_e7, b.lat_e7), (a.lon_e7, b.lon_e7)))
        kept.append(Point(ms, lat, lon))
    return kept


# What a file yields: (line, time in ms since 1970, lat_e7, lon_e7)
_Raw = tuple[int, int, int, int]


def _points(raw: Iterator[_Raw]) -> list[Point]:
    points: list[Point] = []
    first, line = None, 1
    for line, at_ms, lat_e7, lon_e7 in raw:
        if first is None:
            first = at_ms
        t_ms = at_ms - first
        if points and t_ms <= points[-1].t_ms:
            if t_ms == points[-1].t_ms:
                continue  # recorders repeat a point; the first one stands
            raise TrackError(f"line {line}: this point is earlier than the one before it")
        if points and t_ms - points[-1].t_ms > _STEP_MAX_S * 1000:
            raise TrackError(f"line {line}: more than a day after the point before it")
        points.append(Point(t_ms, lat_e7, lon_e7))
    if len(points) < 2:
        raise TrackError(f"line {line}: only one point: a ride needs two at different times")
    return points


# --- GPX ---


def _gpx(data: bytes) -> Iterator[_Raw]:
    reader = _GpxReader()
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise TrackError(
            f"line {error.lineno}: not well-formed XML: {expat.ErrorString(error.code)}"
        ) from None
    if not reader.found:
        line = reader.parser.CurrentLineNumber
        raise TrackError(f"line {line}: it ends without a <trkpt> (waypoints and routes are no ride)")
    return iter(reader.found)


class _GpxReader:
    """Collects `trkpt` elements. expat itself, because it knows the line; a document type is refused
    before one entity of it is expanded."""

    def __init__(self) -> None:
        self.found: list[_Raw] = []
        self._open: tuple[int, int, int] | None = None  # line, lat, lon of the trkpt that we are in
        self._at_ms: int | None = None
        self._text: list[str] | None = None  # of the <time> inside it
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _fail(self, why: str) -> None:
        raise TrackError(f"line {self.parser.CurrentLineNumber}: {why}")

    def _doctype(self, *_: object) -> None:
        self._fail("a document type declaration; a GPX file has none, and entities are not expanded")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        if name == "trkpt":
            lat, lon = (self._degrees(attributes, key, limit) for key, limit in (("lat", 90), ("lon", 180)))
            self._open, self._at_ms = (self.parser.CurrentLineNumber, lat, lon), None
        elif name == "time" and self._open:
            self._text = []

    def _degrees(self, attributes: dict[str, str], key: str, limit: int) -> int:
        text = attributes.get(key, "").strip()
        if not re.fullmatch(r"[+-]?\d{1,3}(\.\d*)?", text, re.ASCII):
            self._fail(f"{key}={text[:20]!r} is no position in degrees")
        value = round(float(text) * 1e7)
        if abs(value) > limit * 10_000_000:
            self._fail(f"{key}={text[:20]} lies beyond {limit} degrees")
        return value

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, name: str) -> None:
        name = name.rpartition(" ")[2]
        if name == "time" and self._text is not None:
            self._at_ms, self._text = self._instant("".join(self._text).strip()), None
        elif name == "trkpt" and self._open:
            if self._at_ms is None:
                self._fail("a track point without <time>: it was drawn, not ridden")
            line, lat, lon = self._open
            self.found.append((line, self._at_ms or 0, lat, lon))
            self._open = None

    def _instant(self, text: str) -> int:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            self._fail(f"{text[:30]!r} is no time (RFC 3339)")
        return _milliseconds(at if at.tzinfo else at.replace(tzinfo=UTC))  # GPX 1.1: times are UTC


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


# --- NMEA 0183 ---


def _nmea(data: bytes) -> Iterator[_Raw]:
    """RMC sentences that carry a fix; whatever else a receiver sends (UBX, comments, noise) is skipped."""
    found, why = False, ""
    for number, line in enumerate(data.split(b"\n"), 1):
        begin = line.rfind(b"$")  # noise or UBX may stand before it
        if begin < 0 or line[begin + 3 : begin + 6] != b"RMC":
            continue
        try:
            point = _rmc(line[begin:].rstrip().decode("ascii", "replace"))
        except _Unusable as error:
            why = why or f"line {number}: {error}"
            continue
        found = True
        yield (number, *point)
    if not found:
        raise TrackError(why or "line 1: neither GPX nor an NMEA log with RMC sentences")


def _rmc(sentence: str) -> tuple[int, int, int]:
    body, star, given = sentence[1:].partition("*")
    if not star:
        raise _Unusable("a sentence without a checksum")
    checksum = 0
    for character in body:
        checksum ^= ord(character)
    if given.upper() != f"{checksum:02X}":
        raise _Unusable(f"checksum {given[:4]!r}, but the sentence gives {checksum & 0xFFFF:02X}")
    fields = body.split(",")
    if len(fields) < 10:
        raise _Unusable("an RMC sentence with fields missing")
    _, clock, valid, lat, north, lon, east, _, _, date = fields[:10]
    if valid != "A":
        raise _Unusable("the receiver had no fix")
    return _rmc_time(date, clock), _rmc_degrees(lat, north, "NS", 90), _rmc_degrees(lon, east, "EW", 180)


def _rmc_time(date: str, clock: str) -> int:
    if not re.fullmatch(r"\d{6}", date, re.ASCII) or not re.fullmatch(r"\d{6}(\.\d{1,3})?", clock, re.ASCII):
        raise _Unusable(f"{date[:8]!r} {clock[:12]!r} is no date and time")
    try:
        at = datetime.strptime(f"{date} {clock[:6]}", "%d%m%y %H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise _Unusable(f"{date} {clock} is no date and time") from None
    return _milliseconds(at) + int((clock[7:] + "000")[:3])


def _rmc_degrees(text: str, letter: str, letters: str, limit: int) -> int:
    """'04807.038', 'N' -> 481173000"""
    found = re.fullmatch(r"(\d{1,3})(\d\d\.\d{1,8})", text, re.ASCII)
    if not found or len(letter) != 1 or letter not in letters:
        raise _Unusable(f"{text[:16]!r} {letter[:2]!r} is no position")
    value = round((int(found[1]) + float(found[2]) / 60) * 1e7)
    if float(found[2]) >= 60 or value > limit * 10_000_000:
        raise _Unusable(f"{text} lies beyond {limit} degrees")
    return value if letter == letters[0] else -value
