"""Tracks: what is read, and what is refused with its line and reason."""

import pytest

from tools import track
from tools.track import Point, TrackError

GPX = b"""<?xml version="1.0"?>
<gpx xmlns="http://www.topografix.com/GPX/1/1" version="1.1">
<wpt lat="1" lon="1"><time>2020-01-01T00:00:00Z</time></wpt>
<trk><trkseg>
<trkpt lat="52.0000000" lon="4.0"><ele>1</ele><time>2024-05-01T10:00:00Z</time></trkpt>
<trkpt lat="52.0000001" lon="-4.5"><time>2024-05-01T12:00:01.500+02:00</time></trkpt>
</trkseg></trk></gpx>
"""
NMEA = (
    b"# a comment\n\xb5\x62\x01\x07\x00$GNRMC,103607.00,A,5200.00000,N,00400.00000,E,0,,060321,,,A,V*0C\r\n"
    b"$GNGGA,103607.00,5200.00000,N,00400.00000,E,1,12,0.91,1.0,M,0,M,,*00\r\n"
    b"$GNRMC,103608.50,A,5200.60000,S,00400.30000,W,0,,060321,,,A,V*0C\r\n"
)


def test_gpx_track_points_are_read_and_waypoints_are_not():
    assert track.parse(GPX) == [Point(0, 520_000_000, 40_000_000), Point(1500, 520_000_001, -45_000_000)]


def test_nmea_is_read_between_noise_of_a_receiver():
    assert track.parse(NMEA) == [Point(0, 520_000_000, 40_000_000), Point(1500, -520_100_000, -40_050_000)]


@pytest.mark.parametrize(
    ("data", "line", "why"),
    [
        (b"", 1, "neither GPX nor"),
        (b"\n<gpx>\n<trk>", 3, "not well-formed XML"),
        (b"<gpx>\n<wpt lat='1' lon='2'/></gpx>", 2, "without a <trkpt>"),
        (b"<!DOCTYPE a [<!ENTITY x 'y'>]>\n<gpx>&x;</gpx>", 1, "document type"),
        (GPX.replace(b"52.0000001", b"52,1"), 6, "no position"),
        (GPX.replace(b"52.0000001", b"90.1"), 6, "beyond 90"),
        (GPX.replace(b"52.0000001", b"nan"), 6, "no position"),
        (GPX.replace(b"<time>2024-05-01T10:00:00Z</time>", b""), 5, "without <time>"),
        (GPX.replace(b"2024-05-01T10:00:00Z", b"yesterday"), 5, "no time"),
        (GPX.replace(b"T12:00:01.500+02:00", b"T09:00:00Z"), 6, "earlier than"),
        (GPX.replace(b"2024-05-01T12", b"2025-05-01T12"), 6, "more than a day"),
        (GPX.replace(b"T12:00:01.500+02:00", b"T10:00:00Z"), 6, "only one point"),
        (NMEA.replace(b"*0C", b"*1C").replace(b"*0C", b""), 2, "checksum '1C', but the sentence gives 0C"),
        (b"\n$GNRMC,,V,,,,,,,,,,N,V*37\n", 2, "had no fix"),
    ],
)
def test_an_unreadable_track_says_which_line_and_why(data, line, why):
    with pytest.raises(TrackError) as caught:
        track.parse(data)
    assert str(caught.value).startswith(f"line {line}: ") and why in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TrackError, match="absent.gpx: No such file"):
        track.read(tmp_path / "absent.gpx")


def test_the_error_of_a_file_names_it(tmp_path):
    (tmp_path / "a.gpx").write_bytes(b"<gpx>")
    with pytest.raises(TrackError, match=r"a\.gpx, line 1: "):
        track.read(tmp_path / "a.gpx")


def test_the_default_track_moves_and_stops():
    points = track.default_track()
    steps = [track.metres(a, b) for a, b in zip(points, points[1:], strict=False)]
    assert points[-1].t_ms == 90_000 and 10 == sum(step < 0.01 for step in steps)
    assert 250 < track.length_m(points) < 350 and max(steps) < 4.1


def test_a_hurried_track_is_the_same_way_in_less_time():
    points = track.default_track()
    faster = track.hurried(points, 12)
    assert [p[1:] for p in faster] == [p[1:] for p in points]
    assert faster[-1].t_ms < points[-1].t_ms / 3
    pairs = zip(faster, faster[1:], strict=False)
    assert all(track.metres(a, b) / (b.t_ms - a.t_ms) < 0.0121 for a, b in pairs)
    assert track.hurried(points[:30], 1) == points[:30]


def test_within_cuts_between_two_points():
    points = [Point(0, 0, 0), Point(1000, 100, -100), Point(2000, 300, -300)]
    assert track.within(points, 1500) == [*points[:2], Point(1500, 200, -200)]
    assert track.within(points, 9999) == points


def test_the_way_back_begins_where_the_way_ended():
    points = [Point(0, 0, 0), Point(1000, 100, -100), Point(2500, 300, -300)]
    assert track.back(points) == [Point(0, 300, -300), Point(1500, 100, -100), Point(2500, 0, 0)]
