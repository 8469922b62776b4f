"""What the demo's steps share: the fleet, the people, what was found out, and how to wait and to check."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocol import receipt
from tools import phone, track
from tools.bleak_radio import Phone
from tools.cloud_client import CloudClient
from tools.errors import ToolError
from tools.fleet import Fleet, Member
from tools.pocket import Claim, Pocket
from tools.rider import Latency, Opened, Rider
from tools.timeline import Timeline

BIKE_A, BIKE_B = "BIKE-A", "BIKE-B"
RIDE_SPEED = 12.0  # metres per second: below what a lock's filter takes for a jump
RIDE_MS = 24_000  # of the track, at that speed
STILL_S = 20  # then a bike left open may be handed over; 300 on the street
SETTINGS = {"still_s": STILL_S, "fix_every_s": 1, "batch": 10, "uplink_every_s": 15, "status_every_s": 60}
RETRY_S = 0.2  # between two looks at something that takes its time


class NotHeld(ToolError):
    """A step did not do what it should."""


@dataclass
class Demo:
    """What the steps share, and what they found out."""

    fleet: Fleet
    timeline: Timeline
    points: list[track.Point]
    folder: Path
    riders: dict[str, Rider] = field(default_factory=dict)
    phones: list[Phone] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    twice: list[tuple[str, int]] = field(default_factory=list)  # (lock id, seq) that came by two ways
    heard: dict[str, Any] = field(default_factory=dict)  # what a step leaves for a later one
    steps: list[dict[str, Any]] = field(default_factory=list)

    @property
    def a(self) -> Member:
        return self.fleet.members[BIKE_A]

    @property
    def b(self) -> Member:
        return self.fleet.members[BIKE_B]

    def say(self, who: str, what: str, aside: str = "", icon: str = "ok") -> None:
        self.timeline.say(icon, who, what, aside)

    def hold(self, condition: object, otherwise: str) -> None:
        if not condition:
            raise NotHeld(otherwise)

    async def until(self, look: Callable[[], Any], what: str, seconds: float = 15) -> Any:
        """What `look` gives, once it gives something. It may call the cloud or a hand: it runs in a thread."""
        end = time.monotonic() + seconds
        with self.timeline.waiting(what):
            while not (found := await asyncio.to_thread(look)):
                self.hold(time.monotonic() < end, f"Waited {seconds:g} s in vain: {what}.")
                await asyncio.sleep(RETRY_S)
        return found

    def person(self, name: str) -> Rider:
        """A phone of its own, on the air under an address of its own."""
        radio = Phone(self.fleet.radio.hci)
        self.phones.append(radio)
        self.riders[name] = Rider(CloudClient(self.fleet.cloud.url), Pocket(self.folder / name), radio)
        return self.riders[name]

    async def rider(self, name: str) -> Rider:
        rider = self.person(name)
        await rider.sign_up(name.replace(" ", "-"), secrets.token_urlsafe(12))
        return rider

    async def tap(
        self, rider: Rider, claim: Claim, link: phone.Link, member: Member, tapped: float
    ) -> Opened:
        """OPEN by token, and a look at the bolt: its answer alone proves nothing."""
        before = (await self.world(member))["actuations"]
        opened = await rider.open(link, claim, tapped)
        self.hold(
            opened.answer.ok, f"{member.code} did not open: {opened.answer.name}. {opened.answer.sentence}"
        )
        after = await self.world(member)
        self.hold(after["bolt_open"], f"{member.code} says it is open, but its bolt is at {after['bolt']} %.")
        self.latencies += [opened.latency] if after["actuations"] == before + 1 else []
        return opened

    async def world(self, member: Member) -> dict[str, Any]:
        return await asyncio.to_thread(member.sim.state)

    async def hand(self, member: Member, do: str, **more: Any) -> None:
        await asyncio.to_thread(lambda: member.sim.hand(do, **more))

    async def travel(self, member: Member, points: list[track.Point]) -> float:
        """Ride these points; -> metres, once there."""
        await self.hand(member, "ride", points=[list(point) for point in points])
        seconds = (points[-1].t_ms - points[0].t_ms) / 1000
        await self.until(lambda: not member.sim.state()["riding"], f"riding {seconds:.0f} s", seconds + 10)
        return track.length_m(points)

    async def close(self, member: Member, link: phone.Link) -> receipt.Receipt:
        """A hand pushes the ring shut; the lock tells the phone."""
        await self.hand(member, "close")
        closed = receipt.parse(await link.next_receipt(10))
        self.hold(not (await self.world(member))["bolt_open"], f"{member.code} is still open.")
        return closed


def ms(latency: Latency) -> str:
    parts = f"link {latency.link:.0f}, crypto {latency.crypto:.0f}, flash {latency.storage:.0f}"
    return f"{latency.total:.0f} ms: {parts}, motor {latency.motor:.0f}"
