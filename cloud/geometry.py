"""Polygons that people draw, and on which side of one a fix lies. Pure; knows no table and no zone's meaning.

A fix is a circle: its accuracy is a radius in which the lock says that it is. A verdict is `inside` or `outside` only
where the whole circle is; else `unsure`, and nobody pays for what we are not sure of. Distances are taken on a plane
that touches the Earth at the fix: exact there, and how the far side of the polygon is bent does not matter.
"""

from collections.abc import Iterator
from math import cos, radians
from typing import Any

from shapely import transform
from shapely.geometry import Point, Polygon, mapping
from shapely.geometry.polygon import orient
from shapely.validation import explain_validity

from cloud.fixes import EARTH_M

INSIDE, OUTSIDE, UNSURE = "inside", "outside", "unsure"

VERTICES = 1000  # of all rings
HOLES = 20
SPAN = 10.0  # degrees, the longest side of what a fleet may call its zone
FARTHEST_NORTH = 85.0  # degrees; beyond, a degree of longitude is next to nothing
LEAST = 1e-9  # square degrees, some 10 m²
_METRES = radians(1) * EARTH_M  # of a degree of latitude


def read(value: Any) -> dict[str, Any]:
    """A GeoJSON Polygon (RFC 7946 §3.1.6), its rings turned as the RFC wants. Raises ValueError, one sentence."""
    if type(value) is not dict or set(value) != {"type", "coordinates"} or value["type"] != "Polygon":
        raise ValueError("must be a GeoJSON Polygon: type and coordinates, and nothing else")
    rings = value["coordinates"]
    if type(rings) is not list or not 1 <= len(rings) <= 1 + HOLES:
        raise ValueError(f"must have one outer ring and at most {HOLES} holes")
    if sum(len(ring) if type(ring) is list else 0 for ring in rings) > VERTICES:
        raise ValueError(f"must have at most {VERTICES} positions")
    outer, *holes = [list(_ring(ring)) for ring in rings]
    polygon = Polygon(outer, holes)
    west, south, east, north = polygon.bounds
    if max(east - west, north - south) > SPAN:
        raise ValueError(f"must span at most {SPAN:.0f} degrees; one across the 180th meridian is two")
    if not polygon.is_valid or polygon.area < LEAST:
        raise ValueError(f"must enclose an area and not cross itself: {explain_validity(polygon)[:80]}")
    turned: dict[str, Any] = mapping(orient(polygon))  # the outer ring counterclockwise, holes clockwise
    return {"type": "Polygon", "coordinates": [[list(p) for p in ring] for ring in turned["coordinates"]]}


def _ring(ring: Any) -> Iterator[tuple[float, float]]:
    if type(ring) is not list or len(ring) < 4:
        raise ValueError("a ring must have 4 positions or more")
    if ring[0] != ring[-1]:
        raise ValueError("a ring must be closed: its last position is its first")
    for position in ring:
        if (
            type(position) is not list
            or len(position) != 2
            or any(type(n) not in (int, float) for n in position)
        ):
            raise ValueError("a position must be two numbers: longitude, latitude")
        longitude, latitude = position
        if not (abs(longitude) <= 180 and abs(latitude) <= FARTHEST_NORTH):
            raise ValueError(f"longitude must be within 180 and latitude within {FARTHEST_NORTH:.0f} degrees")
        yield round(longitude, 7), round(latitude, 7)


def box(polygon: dict[str, Any]) -> tuple[int, int, int, int]:
    """(south, west, north, east) in degrees x 10^7."""
    west, south, east, north = Polygon(*_rings(polygon)).bounds
    return round(south * 1e7), round(west * 1e7), round(north * 1e7), round(east * 1e7)


def verdict(polygon: dict[str, Any], lat: int, lon: int, radius_m: float) -> str:
    """`polygon`: as `read` gives it; the fix in degrees x 10^7. -> INSIDE, OUTSIDE or UNSURE"""
    at_lon, at_lat = lon / 1e7, lat / 1e7
    wide = _METRES * cos(radians(at_lat))

    def flat(points: Any) -> Any:
        return (points - (at_lon, at_lat)) * (wide, _METRES)

    around, here = transform(Polygon(*_rings(polygon)), flat), Point(0, 0)
    if around.boundary.distance(here) <= radius_m:
        return UNSURE
    return INSIDE if around.contains(here) else OUTSIDE


def _rings(polygon: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    outer, *holes = polygon["coordinates"]
    return outer, holes
