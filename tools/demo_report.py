"""What the demo found, as a table for people and as JSON with stable keys for programs.

`ok`, `rides[]` (`ride_id`, `lock_id`, `opened_at`, `closed_at`, `distance_m`, `fixes`, `receipts`), `refusals[]`
(`case`, `reason`, `moved`), `unlock_ms`, `bytes_per_fix` keep their names and meaning; more may be added. A ride that
was handed over was never closed by its rider: its `closed_at` is the hand-over's.
"""

import json
import statistics
import time
from pathlib import Path
from typing import Any

from tools.cloud_client import CloudClient
from tools.demo_world import Demo
from tools.errors import ToolError
from tools.fleet import Member
from tools.timeline import table

_RIDE = ("ride_id", "lock_id", "opened_at", "closed_at", "distance_m", "fixes", "receipts")


def collect(demo: Demo, ok: bool) -> dict[str, Any]:
    """The result; what could not be asked any more is empty."""
    admin = demo.heard.get("admin")
    rides, stored = [], 0
    if admin:
        try:
            rides = _rides(admin)
            stored = sum(_receipts(admin, member) for member in demo.fleet.members.values())
        except ToolError as error:
            demo.say("demo", f"the results are not complete: {error}", icon="failed")
            ok = False
    return {
        "ok": ok,
        "seconds": round(demo.timeline.elapsed, 1),
        "rides": rides,
        "refusals": demo.refusals,
        "unlock_ms": _median(demo, "total"),
        "unlock_split_ms": {name: _median(demo, name) for name in ("link", "crypto", "storage", "motor")},
        "unlocks": len(demo.latencies),
        "bytes_per_fix": _bytes_per_fix(demo),
        "receipts": {"stored": stored, "delivered_twice": len(demo.twice)},
        "fixes": sum(ride["fixes"] for ride in rides),
        "distance_m": sum(ride["distance_m"] for ride in rides),
        "console": demo.fleet.cloud.url + "/console",
        "steps": demo.steps,
    }


def _rides(admin: CloudClient) -> list[dict[str, Any]]:
    """Oldest first."""
    rows = {row["ride_id"]: row for row in reversed(admin.get("/api/v1/rides")["rides"])}
    for row in rows.values():
        if row["next_ride"]:
            row["closed_at"] = row["closed_at"] or rows[row["next_ride"]]["opened_at"]
    return [{name: row[name] for name in _RIDE} for row in rows.values()]


def _receipts(admin: CloudClient, member: Member) -> int:
    return len(admin.get(f"/api/v1/locks/{member.lock_id.hex()}/receipts")["receipts"])


def _median(demo: Demo, name: str) -> float | None:
    values = [getattr(latency, name) for latency in demo.latencies]
    return round(statistics.median(values), 1) if values else None


def _bytes_per_fix(demo: Demo) -> float | None:
    """Of the ride of step 3: what its telemetry cost on the network, both ways, over the fixes that arrived."""
    traffic, fixes = demo.heard.get("ride_bytes"), demo.heard.get("ride_fixes")
    return round(traffic / fixes, 1) if traffic and fixes else None


def write(path: Path, result: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=2) + "\n")
    except OSError as error:
        raise ToolError(f"The results could not be written to {path}: {error.strerror}.") from error


def show(demo: Demo, result: dict[str, Any]) -> None:
    rides = table("Rides", "ride", "lock", ">seconds", ">metres", ">fixes", ">receipts")
    for ride in result["rides"]:
        took = ride["closed_at"] - ride["opened_at"] if ride["closed_at"] and ride["opened_at"] else None
        row = (
            ride["ride_id"][:8],
            ride["lock_id"],
            took,
            ride["distance_m"],
            ride["fixes"],
            ride["receipts"],
        )
        rides.add_row(*("" if value is None else str(value) for value in row))
    split = result["unlock_split_ms"]
    figures = table("Figures", "what", "value")
    rows = [
        (
            "receipts stored",
            f"{result['receipts']['stored']}, each once; {result['receipts']['delivered_twice']} came twice",
        ),
        ("fixes stored", f"{result['fixes']} along {result['distance_m']} m"),
        ("unlock, tap to bolt", _unlock(result["unlock_ms"], split, result["unlocks"])),
        ("bytes per fix", _text(result["bytes_per_fix"], "on the wire, CoAP and OSCORE included")),
        (
            "refused",
            f"{len(result['refusals'])} attempts; {sum(r['moved'] for r in result['refusals'])} moved a bolt",
        ),
        ("console", result["console"]),
    ]
    for row in rows:
        figures.add_row(*row)
    demo.timeline.show("")
    demo.timeline.show(rides)
    demo.timeline.show("")
    demo.timeline.show(figures)
    verdict = "[bold green]Every step held[/]" if result["ok"] else "[bold red]Not every step held[/]"
    demo.timeline.show(f"\n{verdict}, in {result['seconds']:.0f} s.")


def _unlock(total: float | None, split: dict[str, Any], count: int) -> str:
    if total is None:
        return "none"
    parts = f"link {split['link']:.0f}, crypto {split['crypto']:.0f}, flash {split['storage']:.0f}"
    return f"{total:.0f} ms: {parts}, motor {split['motor']:.0f} (median of {count})"


def _text(value: float | None, aside: str) -> str:
    return "not measured" if value is None else f"{value:.1f}, {aside}"


def serve(demo: Demo) -> None:
    """Leave it all running until Ctrl-C."""
    password = demo.heard["password"]
    demo.timeline.show(
        f"\nThe console is at {demo.fleet.cloud.url}/console; sign in as admin, password {password}"
    )
    demo.timeline.show("Ctrl-C ends it.")
    try:
        while all(child.running for child in demo.fleet.children.children):
            time.sleep(1)
        raise ToolError("A part of the demo ended by itself; see its log.")
    except KeyboardInterrupt:
        demo.timeline.show("Stopped.")
