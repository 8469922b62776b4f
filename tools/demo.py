"""The demo: seven steps from a cloud that starts to a bike that changes hands, each checked as it happens.

A step that does not hold raises NotHeld and ends the demo. What steps do is in demo_rides.py and demo_refusals.py,
what they share in demo_world.py, what is printed at the end in demo_report.py.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tools import demo_refusals, demo_report, demo_rides, track
from tools.demo_world import BIKE_A, BIKE_B, SETTINGS, Demo
from tools.errors import ToolError
from tools.fleet import Fleet
from tools.timeline import Timeline


async def cloud_starts(demo: Demo) -> None:
    demo.say("cloud", f"web app and console on {demo.fleet.cloud.url}", "gunicorn, SQLite")
    demo.say("cloud", f"gateway for locks on {demo.fleet.cloud.coap}", "CoAP over OSCORE")


async def locks_start(demo: Demo) -> None:
    for code in (BIKE_A, BIKE_B):
        with demo.timeline.waiting(f"{code} boots"):
            member = await asyncio.to_thread(demo.fleet.add, code)
        state = await asyncio.to_thread(member.sim.hand, "state", collect=True)
        demo.say(
            code,
            f"lock {member.lock_id.hex()} runs",
            f"MicroPython, {state['heap_free'] >> 10} KiB of 384 free",
        )
    demo.heard["admin"], demo.heard["password"] = await asyncio.to_thread(demo.fleet.person, "admin")

    def told_the_time() -> bool:
        return all(member.sim.state()["clock"]["now"] for member in (demo.a, demo.b))

    await demo.until(told_the_time, "the locks' first words to the cloud", 30)
    heard = await asyncio.to_thread(demo.heard["admin"].get, "/api/v1/locks")
    demo.hold(
        all(lock["last_seen_at"] for lock in heard["locks"]),
        "The cloud has not heard from a lock that knows the time.",
    )
    demo.say(
        "cloud",
        "heard from both locks, and told them the time",
        "so they take tokens offline",
    )


STEPS: list[tuple[str, Callable[[Demo], Awaitable[None]]]] = [
    ("A cloud, on this machine", cloud_starts),
    ("Two locks: the firmware of a real one, on real MicroPython", locks_start),
    ("A ride, parked once on the way", demo_rides.ride),
    ("A ride with the cloud stopped and the uplink cut", demo_rides.offline),
    ("A technician, with a master token", demo_rides.service),
    ("What a lock refuses", demo_refusals.run),
    ("A bike left open is handed over", demo_rides.hand_over),
]


def run(
    points: list[track.Point],
    folder: Path,
    json_path: Path | None = None,
    svg_path: Path | None = None,
    serve: bool = False,
    quiet: bool = False,
) -> bool:
    """Whether every step held. Prints, writes what is asked for, and leaves nothing running."""
    timeline = Timeline(quiet)
    with timeline.waiting("starting the cloud"):
        fleet = Fleet(folder, SETTINGS).__enter__()
    try:
        demo = Demo(fleet, timeline, points, folder / "phones")
        ok = asyncio.run(_steps(demo))
        result = demo_report.collect(demo, ok)
        demo_report.show(demo, result)
        if json_path:
            demo_report.write(json_path, result)
        if svg_path:
            timeline.picture(svg_path, "ringslot demo")
        if serve and ok:
            demo_report.serve(demo)
        return ok
    finally:
        fleet.__exit__()


async def _steps(demo: Demo) -> bool:
    try:
        for number, (title, step) in enumerate(STEPS, 1):
            demo.timeline.step(number, title)
            began = demo.timeline.elapsed
            entry = {"step": number, "title": title, "ok": False, "seconds": 0.0, "error": None}
            demo.steps.append(entry)
            try:
                await step(demo)
                entry["ok"] = True
            except ToolError as error:
                entry["error"] = str(error)
                demo.say("demo", f"step {number} did not hold: {error}", icon="failed")
                demo.say("demo", f"logs, database and receipts are in {demo.fleet.folder}", icon="note")
                return False
            finally:
                entry["seconds"] = round(demo.timeline.elapsed - began, 1)
        return True
    finally:
        for radio in demo.phones:
            await radio.close()
