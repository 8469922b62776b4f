"""A ride's track as a drawing: positions in, coordinates of an SVG out. No map, so no third party learns who looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, floor, log10, radians

WIDTH, HEIGHT, MARGIN = 720, 360, 24  # of the drawing, in its own units
POINTS = 2000  # more would not show
DEGREE_M = 111_195  # metres in a degree of latitude


@dataclass(frozen=True)
class Drawing:
    line: str  # the points attribute of a polyline
    start: tuple[float, float]
    end: tuple[float, float]
    bar: float  # the length of the scale bar
    bar_m: int  # and what it stands for, in metres


def draw(points: Sequence[tuple[int, int]]) -> Drawing | None:
    """(lat, lon) in degrees x 10^7, north up; None for fewer than two.

    Equirectangular about the track's middle: on a bicycle's scale its error is far below a fix's.
    """
    if len(points) < 2:
        return None
    thinned = (
        [points[n * len(points) // POINTS] for n in range(POINTS)] if len(points) > POINTS else list(points)
    )
    thinned[-1] = points[-1]
    lats, lons = [lat for lat, _ in thinned], [lon for _, lon in thinned]
    shrink = cos(radians((min(lats) + max(lats)) / 2e7))
    east = [(lon - min(lons)) / 1e7 * shrink * DEGREE_M for lon in lons]
    north = [(lat - min(lats)) / 1e7 * DEGREE_M for lat in lats]
    scale = min((WIDTH - 2 * MARGIN) / max(max(east), 1), (HEIGHT - 3 * MARGIN) / max(max(north), 1), 10)
    left = (WIDTH - max(east) * scale) / 2
    bottom = HEIGHT - 2 * MARGIN - (HEIGHT - 3 * MARGIN - max(north) * scale) / 2
    placed = [
        (round(left + x * scale, 1), round(bottom - y * scale, 1)) for x, y in zip(east, north, strict=True)
    ]
    metres = _round_down(WIDTH / 4 / scale)
    return Drawing(
        line=" ".join(f"{x},{y}" for x, y in placed),
        start=placed[0],
        end=placed[-1],
        bar=round(metres * scale, 1),
        bar_m=metres,
    )


def _round_down(metres: float) -> int:
    """To 1, 2 or 5 times a power of ten."""
    power = 10 ** floor(log10(max(metres, 1)))
    return int(next(step * power for step in (5, 2, 1) if step * power <= max(metres, 1)))
