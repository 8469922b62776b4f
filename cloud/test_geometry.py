"""Polygons: which are taken, and that a verdict never says more than the fix does."""

import json
from math import cos, pi, radians, sin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud import geometry

SQUARE = [[4.0, 52.0], [4.1, 52.0], [4.1, 52.1], [4.0, 52.1], [4.0, 52.0]]
HOLE = [[4.04, 52.04], [4.06, 52.04], [4.06, 52.06], [4.04, 52.06], [4.04, 52.04]]


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings)}


def test_a_polygon_is_taken_and_its_rings_turned_as_the_rfc_wants():
    taken = geometry.read(polygon(SQUARE[::-1], HOLE))
    assert taken == geometry.read(polygon(SQUARE, HOLE[::-1])) == geometry.read(taken)
    outer, hole = taken["coordinates"]

    def area(ring):
        return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:], strict=False))

    assert area(outer) > 0 > area(hole)  # RFC 7946 §3.1.6
    assert geometry.box(taken) == (520_000_000, 40_000_000, 521_000_000, 41_000_000)


BAD = {
    "no object": 5,
    "another type": {"type": "Point", "coordinates": [4, 52]},
    "a member more": {**polygon(SQUARE), "bbox": [1, 2, 3, 4]},
    "no rings": polygon(),
    "a ring that is none": polygon("abcd"),
    "three positions": polygon([[4, 52], [4, 53], [4, 52]]),
    "not closed": polygon(SQUARE[:-1]),
    "a bow tie": polygon([[4, 52], [4.1, 52.1], [4.1, 52], [4, 52.1], [4, 52]]),
    "a line": polygon([[4, 52], [4.1, 52.1], [4.2, 52.2], [4, 52]]),
    "a point": polygon([[4, 52]] * 4),
    "a hole outside": polygon(SQUARE, [[5, 52], [5.1, 52], [5.1, 52.1], [5, 52]]),
    "a hole across the edge": polygon(SQUARE, [[4.05, 52.05], [4.2, 52.05], [4.2, 52.06], [4.05, 52.05]]),
    "two holes that overlap": polygon(
        SQUARE, HOLE, [[4.05, 52.05], [4.07, 52.05], [4.07, 52.07], [4.05, 52.05]]
    ),
    "text": polygon([["4", "52"]] * 5),
    "a truth value": polygon([[True, 52], [5, 52], [5, 53], [True, 52]]),
    "a height": polygon([[4, 52, 1], [4.1, 52, 1], [4.1, 52.1, 1], [4, 52, 1]]),
    "off the earth": polygon([[181, 52], [182, 52], [182, 53], [181, 52]]),
    "at the pole": polygon([[4, 86], [5, 86], [5, 87], [4, 86]]),
    "half the world": polygon([[-90, 0], [90, 0], [90, 50], [-90, 50], [-90, 0]]),
    "not finite": polygon([[float("nan"), 52], [4.1, 52], [4.1, 52.1], [float("nan"), 52]]),
    "infinite": polygon([[float("inf"), 52], [4.1, 52], [4.1, 52.1], [float("inf"), 52]]),
    "huge": polygon([[10**400, 52], [4.1, 52], [4.1, 52.1], [10**400, 52]]),
    "too many positions": polygon([[4 + n * 1e-5, 52] for n in range(1001)]),
    "too many holes": polygon(SQUARE, *[HOLE] * 21),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_polygon_is_refused_in_one_sentence(name):
    with pytest.raises(ValueError) as refused:
        geometry.read(BAD[name])
    assert 10 < len(str(refused.value)) < 200 and "\n" not in str(refused.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=5)
            | st.dictionaries(st.sampled_from(["type", "coordinates", "x"]), inner, max_size=3)
        ),
        max_leaves=20,
    )
)
def test_anything_else_is_refused_too(value):
    with pytest.raises(ValueError):
        geometry.read(value)


def test_a_verdict_counts_the_accuracy_and_the_holes():
    taken = geometry.read(polygon(SQUARE, HOLE))
    one = 8.993216e-6  # degrees of latitude, a metre
    table = (
        (52.02, 4.05, 10, "inside"),
        (52.05, 4.05, 10, "outside"),  # in the hole
        (52.20, 4.05, 10, "outside"),
        (52.0 + 20 * one, 4.05, 10, "inside"),
        (52.0 + 20 * one, 4.05, 30, "unsure"),
        (52.0 - 20 * one, 4.05, 30, "unsure"),
        (52.0 - 20 * one, 4.05, 10, "outside"),
        (52.0, 4.05, 0, "unsure"),  # on the edge
        (52.05, 4.0 - 20 * one / cos(radians(52.05)), 19, "outside"),  # east is as far as north
        (52.05, 4.0 - 20 * one / cos(radians(52.05)), 21, "unsure"),
    )
    for lat, lon, radius, said in table:
        assert geometry.verdict(taken, round(lat * 1e7), round(lon * 1e7), radius) == said, (lat, lon, radius)


def star(centre, radii):
    """A ring around a centre, as far out in each direction as `radii` says: never crosses itself."""
    ring = [
        [centre[0] + r * cos(2 * pi * n / len(radii)), centre[1] + r * sin(2 * pi * n / len(radii))]
        for n, r in enumerate(radii)
    ]
    return polygon([*ring, ring[0]])


def crossings(ring, lon, lat):
    """Whether a point lies in a ring, by counting the edges that a ray to the east meets: no library's word for it."""
    inside = False
    for (ax, ay), (bx, by) in zip(ring, ring[1:], strict=False):
        if (ay > lat) != (by > lat) and lon < ax + (lat - ay) * (bx - ax) / (by - ay):
            inside = not inside
    return inside


@settings(max_examples=300)
@given(
    radii=st.lists(st.floats(0.001, 0.02), min_size=3, max_size=12),
    centre=st.tuples(st.floats(-170, 170), st.floats(-70, 70)),
    fix=st.tuples(st.floats(-0.03, 0.03), st.floats(-0.03, 0.03)),
    accuracy=st.floats(0, 300),
    error=st.tuples(st.floats(0, 0.99), st.floats(0, 2 * pi)),
)
def test_what_is_sure_holds_wherever_in_its_circle_the_bike_really_is(radii, centre, fix, accuracy, error):
    taken = geometry.read(star(centre, radii))
    lon, lat = centre[0] + fix[0], centre[1] + fix[1]
    said = geometry.verdict(taken, round(lat * 1e7), round(lon * 1e7), accuracy)
    away, direction = (
        error[0] * max(0, accuracy - 0.05),
        error[1],
    )  # 0.05 m: what rounding to 10^-7 degrees moves
    there_lat = lat + away * sin(direction) / 111195
    there_lon = lon + away * cos(direction) / (111195 * cos(radians(lat)))
    really = crossings(taken["coordinates"][0], there_lon, there_lat)
    if accuracy > 0.1:
        assert said == "unsure" or (said == "inside") == really


def test_what_was_taken_survives_json():
    taken = geometry.read(polygon(SQUARE, HOLE))
    assert json.loads(json.dumps(taken)) == taken
