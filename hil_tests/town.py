"""A town that is nowhere (at sea), and the demo's fleet in it: bicycles that stand or were ridden, zones, troubles.

What stands there told of itself for a week in the words of a lock, by the cloud's own way in; what was ridden is a
simulated lock, with a phone on the virtual radio.
"""

import asyncio
import math
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from cloud import ingest
from hil_tests.people import Person, close, until
from protocol import status, telemetry
from tools import track
from tools.cli_operator import add_lock
from tools.cloud_client import CloudClient
from tools.demo_world import BIKE_A, BIKE_B
from tools.fleet import Fleet, Member

NORTH_E7, EAST_E7 = 520_000_000, 40_000_000  # its middle, degrees x 10^7
METRE_E7 = 1e7 / (math.pi * 6_371_000 / 180)
TOLD_EVERY_S, TOLD = 6 * 3600, 28  # for a week
FOUND_S = 150  # the worker looks for what needs a person every half minute
AILING = ["battery", "fault", "jammed", "moved", "silent"]

STANDING = [  # code, metres north and east, mV, hours since it was heard of, and a state or a note that ails it
    ("BIKE-C", 310, -420, 3440, 0, None),
    ("BIKE-D", 120, -260, 3910, 0, None),
    ("BIKE-E", -180, 380, 3870, 0, status.STATE_JAMMED),
    ("BIKE-F", -340, -120, 3720, 5, None),
    ("BIKE-G", 420, 160, 3990, 0, None),
    ("BIKE-H", 60, 540, 3830, 0, "moved"),
    ("BIKE-I", 440, 190, 4020, 0, None),
    ("BIKE-J", 455, 225, 3950, 0, None),
    ("BIKE-K", -60, -560, 3770, 0, None),
    ("BIKE-L", -300, 260, 3900, 0, None),
    ("BIKE-M", 200, 620, 3840, 0, None),
    ("BIKE-N", -420, 480, 3700, 0, None),
]
ZONES = [  # name, kind, corners in metres north and east
    ("Town", "service_area", [(-600, -700), (-600, 800), (620, 800), (620, -700)]),
    ("Station", "parking", [(380, 100), (380, 280), (500, 280), (500, 100)]),
    ("Market", "no_parking", [(-120, -80), (-120, 140), (60, 140), (60, -80)]),
    ("Harbour", "parking", [(-480, 180), (-480, 560), (-240, 560), (-240, 180)]),
]
RIDDEN = {  # corners of the ways
    BIKE_B: [(-300, 420), (-380, 450), (-380, 300)],
    BIKE_A: [(-200, -150), (-180, 60), (-60, 90), (-30, 240), (90, 260), (300, 230), (440, 220)],
}
SPEED = 9.0  # metres per second: nobody waits for long


def furnish(fleet: Fleet, admin: CloudClient, rider: CloudClient, folder: Path) -> None:
    """Returns once all of it is there and the cloud has found what needs somebody."""
    for row in STANDING:
        _stand(fleet, *row)
    for name, kind, corners in ZONES:
        ring = [_degrees(*corner)[::-1] for corner in (*corners, corners[0])]
        polygon = {"type": "Polygon", "coordinates": [ring]}
        admin.post("/api/v1/zones", {"name": name, "kind": kind, "polygon": polygon})
    rider.post("/api/v1/faults", {"code": "BIKE-D", "kind": "brake", "text": "The front brake grips late."})
    asyncio.run(_live(fleet, folder))
    end = time.monotonic() + FOUND_S
    while (found := _ailing(admin)) != AILING or _open(admin):
        assert time.monotonic() < end, f"this needs somebody: {found}"
        time.sleep(1)


def way(corners: Iterable[tuple[float, float]], speed: float = SPEED) -> list[track.Point]:
    """Straight from corner to corner, a point a second."""
    here, *rest = corners
    points = [track.Point(0, *_place(*here))]
    for there in rest:
        steps = max(1, round(math.dist(here, there) / speed))
        for step in range(1, steps + 1):
            between = [a + (b - a) * step / steps for a, b in zip(here, there, strict=True)]
            points.append(track.Point(points[-1].t_ms + 1000, *_place(*between)))
        here = there
    return points


def _stands(bike: Member) -> bool:
    """Long enough that its lock believes so: one that is closed while it moves is moved while locked."""
    state = bike.sim.state()
    return not state["riding"] and not state["moving"]


def _ailing(admin: CloudClient) -> list[str]:
    return sorted(item["code"] for item in admin.get("/api/v1/attention")["items"])


def _open(admin: CloudClient) -> bool:
    """Whether a bicycle is open, as far as its lock has told."""
    return any(lock["state"] == "open" for lock in admin.get("/api/v1/locks")["locks"])


async def _live(fleet: Fleet, folder: Path) -> None:
    """Somebody rides what there is to ride, and parks it at the end of its way."""
    async with Person(fleet, folder / "somebody") as person:
        for code, corners in RIDDEN.items():
            bike, claim = fleet.members[code], await person.claim(code)
            async with person.at(claim) as link:
                assert (await person.unlock(link, claim)).answer.ok
                points = [list(point) for point in way(corners)]
                await asyncio.to_thread(bike.sim.hand, "ride", points=points)
                await until(lambda bike=bike: _stands(bike), "the way", 180)
                await close(bike, link)
                assert (await link.end(claim.cti, claim.key)).ok
            await person.deliver()


def _stand(
    fleet: Fleet, code: str, north: int, east: int, millivolts: int, silent_h: int, ails: int | str | None
) -> None:
    cloud = fleet.context
    files = fleet.folder / f"{code}-files"
    label = f"City bicycle {1000 + ord(code[-1])}"
    identity = add_lock(cloud, code, label, "exclusive", files, fleet.cloud.coap)
    last, number = int(time.time()) - silent_h * 3600, 1
    for step in range(TOLD, -1, -1):  # the oldest first
        at = last - step * TOLD_EVERY_S
        lat, lon = _place(north + 9 * math.sin(step * 2.1), east + 9 * math.cos(step * 1.7))
        spent = millivolts + step * 13 + round(12 * math.sin(step))
        state = ails if step == 0 and type(ails) is int else status.STATE_LOCKED
        records = [
            (telemetry.FIX, at, lat, lon, 60 + step % 3 * 25),
            (telemetry.STATUS, at, state, spent, 2, 60),
        ]
        if step == 0 and ails == "moved":
            records.append((telemetry.NOTE, at, telemetry.NOTE_MOVED, 1))
        then = replace(cloud, now=lambda at=at: at)
        ingest.telemetry(then, identity.lock_id.hex(), telemetry.encode_batch(number, records))
        number += len(records)


def _place(north: float, east: float) -> tuple[int, int]:
    """Metres from the middle as degrees x 10^7."""
    shrink = math.cos(math.radians(NORTH_E7 / 1e7))  # a degree of longitude is shorter up here
    return NORTH_E7 + round(north * METRE_E7), EAST_E7 + round(east * METRE_E7 / shrink)


def _degrees(north: float, east: float) -> tuple[float, float]:
    return tuple(round(value / 1e7, 6) for value in _place(north, east))
