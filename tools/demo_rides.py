"""Steps 3, 4, 5 and 7 of the demo: what people do with the bikes. Each line that is said was checked before."""

import asyncio
import time
from typing import Any

from protocol import receipt
from tools import phone, track
from tools.cloud_client import CloudAway
from tools.demo_world import BIKE_A, BIKE_B, RIDE_MS, RIDE_SPEED, STILL_S, Demo, NotHeld, ms
from tools.fleet import Member
from tools.pocket import Claim
from tools.rider import Rider


async def ride(demo: Demo) -> None:
    rider = await demo.rider("rider 1")
    demo.say("rider 1", "signed up")
    claim = await rider.claim(BIKE_A)
    demo.say(
        "rider 1",
        f"claimed {BIKE_A}",
        f"token of {len(claim.token)} bytes, for a key that stays on the phone",
    )
    points = track.within(track.hurried(demo.points, RIDE_SPEED), RIDE_MS)
    half = len(points) // 2
    demo.heard["ridden"] = points
    before = await telemetry_bytes(demo, demo.a)
    tapped = time.perf_counter()
    async with rider.at(claim) as link:
        opened = await demo.tap(rider, claim, link, demo.a, tapped)
        demo.heard["session"] = link.spoken
        demo.say(BIKE_A, "found by its rotating name and opened", ms(opened.latency))
        metres = await demo.travel(demo.a, points[: half + 1])
        demo.say("rider 1", f"rode {metres:.0f} m")
        closed = await demo.close(demo.a, link)
        demo.hold(closed.type == receipt.CLOSE, "The receipt of closing is no CLOSE.")
        demo.say("rider 1", "parked: pushed the ring shut by hand", f"receipt {closed.seq}, CLOSE")
        again = time.perf_counter()
        answer = await link.reopen(claim.cti, claim.key)
        demo.hold(answer.ok, f"The lock did not open again: {answer.name}.")
        demo.say(
            BIKE_A,
            f"opened again for its rider, {(time.perf_counter() - again) * 1000:.0f} ms",
            "no token, no network",
        )
        metres = await demo.travel(demo.a, points[half:])
        demo.say("rider 1", f"rode {metres:.0f} m more")
        await finish(demo, claim, link, demo.a)
    words = await rider.deliver()
    demo.say(
        "rider 1",
        f"brought {len(words)} receipts to the cloud",
        "each countersigned over the bytes that the lock gave",
    )
    row = await ended(demo, claim, fixes=True)
    demo.heard["ride_fixes"] = row["fixes"]
    demo.heard["ride_bytes"] = await telemetry_bytes(demo, demo.a) - before


async def telemetry_bytes(demo: Demo, member: Member) -> int:
    """Bytes of datagrams that carried its telemetry so far, both ways."""
    return (await demo.world(member))["traffic"].get("t", 0)


async def finish(demo: Demo, claim: Claim, link: phone.Link, member: Member) -> None:
    """Close by hand, then END."""
    closed = await demo.close(member, link)
    demo.say(member.code, "closed by hand", f"receipt {closed.seq} CLOSE")
    await end(demo, claim, link, member, closed)


async def end(demo: Demo, claim: Claim, link: phone.Link, member: Member, closed: receipt.Receipt) -> None:
    """END by the rider, so that nobody waits for the hold to pass; it is dated back to that CLOSE."""
    answer = await link.end(claim.cti, claim.key)
    demo.hold(answer.ok and answer.receipt, f"The ride did not end: {answer.name}.")
    said = receipt.parse(answer.receipt or b"")
    demo.hold(said.detail[:2] == [closed.seq, closed.at], "The END does not name the last CLOSE.")
    demo.say(
        member.code, "the rider ended the ride; it is dated back to its close", f"receipt {said.seq} END"
    )


async def ended(demo: Demo, claim: Claim, fixes: bool = False) -> dict[str, Any]:
    """The cloud's row of the ride, once it has ended there (and, with `fixes`, has a track)."""

    def look() -> dict[str, Any] | None:
        row = ride_row(demo, claim)
        there = row and row["state"] == "ended" and (row["distance_m"] or not fixes)
        return row if there else None

    row = await demo.until(look, "the ride in the cloud")
    aside = f"{row['distance_m']} m, {row['fixes']} fixes, {row['receipts']} receipts"
    demo.say("cloud", f"ride {row['ride_id'][:8]} stands", aside)
    return row


def ride_row(demo: Demo, claim: Claim) -> dict[str, Any] | None:
    rows = demo.heard["admin"].get("/api/v1/rides", claim=claim.cti.hex())["rides"]
    return rows[0] if rows else None


async def offline(demo: Demo) -> None:
    rider = demo.riders["rider 1"]
    claim = await rider.claim(BIKE_A)
    demo.say("rider 1", f"claimed {BIKE_A} again")
    with demo.timeline.waiting("stopping the cloud"):
        await asyncio.to_thread(demo.fleet.cloud.stop)
        await demo.hand(demo.a, "uplink", on=False)
    demo.say("cloud", "stopped, and the lock's uplink cut", icon="note")
    tapped = time.perf_counter()
    async with rider.at(claim) as link:
        opened = await demo.tap(rider, claim, link, demo.a, tapped)
        demo.say(BIKE_A, "opened all the same", ms(opened.latency))
        points = track.within(track.back(demo.heard["ridden"]), RIDE_MS // 4)
        demo.say("rider 1", f"rode {await demo.travel(demo.a, points):.0f} m")
        closed = await demo.close(demo.a, link)
        demo.say(BIKE_A, "closed by hand: with that the ride is over", f"receipt {closed.seq} CLOSE")
        await no_cloud(demo, rider)
        with demo.timeline.waiting("starting the cloud"):
            await asyncio.to_thread(demo.fleet.cloud.start)
        words = await rider.deliver()
        demo.say("rider 1", f"the cloud is back, and got {len(words)} receipts from the phone", icon="note")
        await demo.hand(demo.a, "uplink", on=True)
        await end(demo, claim, link, demo.a, closed)
    seqs = [one.seq for one in rider.told() if one.cti == claim.cti]
    await demo.until(lambda: seqs[-1] in copies(demo, demo.a), "the END by uplink", 30)
    await rider.deliver()  # not sooner: the lock is told what the cloud has, and would not bring it again

    def came_twice() -> bool:
        return all(copies(demo, demo.a)[seq] >= 2 for seq in seqs)

    await demo.until(came_twice, "the others by uplink", 30)
    there = [row["seq"] for row in stored(demo, demo.a)]
    demo.hold(there == list(range(1, len(there) + 1)), f"The cloud's receipts are {there}.")
    demo.twice += [(demo.a.lock_id.hex(), seq) for seq in seqs]
    demo.say("cloud", f"got all {len(seqs)} by phone and by uplink", "and has each of them once")
    await ended(demo, claim, fixes=True)


async def no_cloud(demo: Demo, rider: Rider) -> None:
    try:
        await rider.deliver()
    except CloudAway:
        kept = len(rider.pocket.undelivered())
        demo.say("rider 1", f"keeps {kept} receipts: the cloud does not answer", icon="note")
    else:
        raise NotHeld("The cloud answered though it is stopped.")


def stored(demo: Demo, member: Member) -> list[dict[str, Any]]:
    """The lock's receipts in the cloud, by seq."""
    rows = demo.heard["admin"].get(f"/api/v1/locks/{member.lock_id.hex()}/receipts")["receipts"]
    demo.hold(len({row["seq"] for row in rows}) == len(rows), "The cloud has a receipt twice.")
    return sorted(rows, key=lambda row: row["seq"])


def copies(demo: Demo, member: Member) -> dict[int, int]:
    """seq -> how often that receipt came."""
    return {row["seq"]: row["copies"] for row in stored(demo, member)}


async def service(demo: Demo) -> None:
    technician = demo.person("technician")
    client, _ = await asyncio.to_thread(demo.fleet.person, "technician", "technician")
    technician.cloud.token = client.token
    master = await technician.master(demo.b.lock_id)
    demo.heard["master"] = master
    demo.say("technician", f"has a master token for {BIKE_B}", "no claim, no reservation")
    tapped = time.perf_counter()
    async with technician.at(master) as link:
        answer = await link.service(master.token, master.key)
        demo.hold(
            answer.ok and (await demo.world(demo.b))["bolt_open"], f"{BIKE_B} did not open: {answer.name}."
        )
        said = receipt.parse(answer.receipt or b"")
        demo.hold(
            said.type == receipt.SERVICE_OPEN and said.cti == master.cti,
            "The receipt does not name the token.",
        )
        took = (time.perf_counter() - tapped) * 1000
        demo.say(BIKE_B, f"opened for the technician, {took:.0f} ms", f"receipt {said.seq}, SERVICE_OPEN")
        closed = await demo.close(demo.b, link)
        demo.hold(closed.type == receipt.SERVICE_CLOSE, "The receipt of closing is no SERVICE_CLOSE.")
        demo.say("technician", "closed it by hand", f"receipt {closed.seq}, SERVICE_CLOSE")
    words = await technician.deliver()
    demo.say("technician", f"brought {len(words)} receipts to the cloud")
    rows = await demo.until(lambda: len(found := stored(demo, demo.b)) == 2 and found, "both receipts")
    types = [row["type"] for row in rows]
    demo.hold(types == ["SERVICE_OPEN", "SERVICE_CLOSE"], f"The cloud has {types}.")
    demo.hold(rows[0]["cti"] == master.cti.hex(), "The cloud's receipt does not name the master token.")
    demo.say("cloud", "has SERVICE_OPEN, which names the token, and SERVICE_CLOSE")
    await leave_open(demo)


async def leave_open(demo: Demo) -> None:
    """The beginning of step 7: the bike must stand still for a while, and the refusals take that long."""
    rider = await demo.rider("rider 2")
    claim = await rider.claim(BIKE_B)
    tapped = time.perf_counter()
    async with rider.at(claim) as link:
        await demo.tap(rider, claim, link, demo.b, tapped)
    demo.heard["left"], demo.heard["left_at"] = claim, time.monotonic()
    await demo.until(lambda: ride_row(demo, claim), "the lock's word to the cloud")
    demo.say("rider 2", f"opened {BIKE_B} and walked away from it", "see 7", icon="note")


async def hand_over(demo: Demo) -> None:
    first, left = demo.riders["rider 2"], demo.heard["left"]
    second, claim = demo.riders["rider 3"], demo.heard["next"]
    left_at = demo.heard["left_at"]
    with demo.timeline.waiting(f"{BIKE_B} must stand still for {STILL_S} s"):
        await asyncio.sleep(max(0.0, left_at + STILL_S + 1 - time.monotonic()))
    stood = time.monotonic() - left_at
    demo.say(
        BIKE_B,
        f"stands open for {stood:.0f} s now",
        f"handed over from {STILL_S} s on, for this demo",
        icon="note",
    )
    async with second.at(claim) as link:
        answer = (await second.open(link, claim, time.perf_counter())).answer
        demo.hold(answer.ok, f"{BIKE_B} was not handed over: {answer.name}.")
        said = receipt.parse(answer.receipt or b"")
        opened = next(one for one in first.told() if one.cti == left.cti and one.type == receipt.OPEN)
        linked = said.type == receipt.HAND_OVER and said.cti == claim.cti and said.detail[0] == left.cti
        demo.hold(linked and said.detail[2] == opened.seq, "The receipt does not link the two rides.")
        demo.say(
            BIKE_B,
            "handed over to rider 3",
            f"receipt {said.seq}, HAND_OVER, ends the ride of receipt {opened.seq}",
        )
        await finish(demo, claim, link, demo.b)
    await first.deliver()
    await second.deliver()
    after = await ended(demo, claim)
    before = await ended(demo, left)
    demo.hold(before["next_ride"] == after["ride_id"], "The cloud does not link the two rides.")
    demo.hold(after["previous_ride"] == before["ride_id"], "The cloud does not link the two rides back.")
    demo.hold(before["billed_until"] <= after["opened_at"], "The first rider pays for the second one's ride.")
    demo.say(
        "cloud", "has both rides, each naming the other", "and bills the first no longer than it was its own"
    )
