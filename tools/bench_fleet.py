"""What a big fleet costs: server time of each list and map, and the query plans behind them. `make bench-fleet`, or:

    python -m tools.bench_fleet --locks 10000 --fixes 1000000

Builds a database of that size on SQLite in a folder of its own, asks the app in this process, and prints for each
address the processor's time and the time that passed, in ms, the medians and the slowest of some rounds, the size of
the answer in KiB, and how the engine went about each query.
What counts is the time from the request's arrival in the app to its whole answer; the network is not in it.
"""

import os
import random
import secrets
import sqlite3
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from flask.testing import FlaskClient

from cloud import config, context, db, issuers, operators, sessions, start, tables_fleet, users, watch
from cloud.app import create_app
from cloud.tables import Base, Operator
from protocol import status

BUDGET_MS = (
    300  # of the fleet in one answer, at 10,000 locks and 1,000,000 fixes; ends with 1 where it takes longer
)
NOW = 1_800_000_000
_LAT, _LON = 520_900_000, 51_200_000  # the middle of the fleet; some 20 km around
_CHUNK = 50_000


@dataclass
class Ask:
    """One address; `plans` are filled in as it is asked."""

    name: str
    path: str
    plans: dict[str, list[str]] = field(default_factory=dict)


# ---- the database


def build(url: str, locks: int, fixes: int, rides: int, secret: bytes | None = None) -> str:
    """-> id of the operator. Rows are written as they are: it is the size that counts. `secret`: RINGSLOT_SECRET of
    who shall run on it."""
    db.upgrade(url)
    cloud = context.make(config.Settings(secret=secret or os.urandom(32), database_url=url), lambda: NOW)
    with cloud.db.writing() as session:
        issuers.make_missing(session, cloud.box, NOW)
        row = operators.create(session, NOW, name="A big fleet", email="fleet@example.org")
        operator_id = row.operator_id
        assert session.get(Operator, operator_id)
    start.secret(cloud.settings)  # before there are locks, whose keys are none
    cloud.db.close()
    raw = sqlite3.connect(sa.make_url(url).database or "")
    raw.execute("PRAGMA synchronous = OFF")
    draw = random.Random(1)
    ids = [f"{draw.getrandbits(64):016x}" for _ in range(locks)]
    _insert(raw, "lock", (_lock(draw, n, ident, operator_id) for n, ident in enumerate(ids)))
    _insert(raw, "asset", (_asset(n, ident, operator_id) for n, ident in enumerate(ids)))
    _insert(
        raw, "asset_lock", ({"asset_id": f"{n:022d}", "lock_id": i, "since": 0} for n, i in enumerate(ids))
    )
    each = fixes // locks
    last = {ident: _fix(draw, ident, each - 1, each) for ident in ids}
    _insert(raw, "fix", (_fix(draw, ident, n, each) for ident in ids for n in range(each - 1)))
    _insert(raw, "fix", iter(last.values()))
    newest = "UPDATE lock SET fix_at = :at, fix_lat = :lat, fix_lon = :lon, fix_accuracy = :accuracy"
    raw.executemany(newest + " WHERE lock_id = :lock_id", last.values())
    _insert(raw, "status_sample", (_sample(draw, ident, n) for ident in ids for n in range(each // 5)))
    _insert(raw, "ride", (_ride(draw, ids, n, rides, operator_id) for n in range(rides)))
    raw.execute("ANALYZE")
    raw.commit()
    raw.close()
    return operator_id


def _insert(raw: sqlite3.Connection, table: str, rows: Any) -> None:
    statement, chunk = "", []
    for row in rows:
        if not statement:
            names = ", ".join(row)
            statement = f'INSERT INTO "{table}" ({names}) VALUES ({", ".join("?" * len(row))})'
        chunk.append(tuple(row.values()))
        if len(chunk) == _CHUNK:
            raw.executemany(statement, chunk)
            chunk.clear()
    if chunk:
        raw.executemany(statement, chunk)
    raw.commit()


def _lock(draw: random.Random, n: int, ident: str, operator_id: str) -> dict[str, Any]:
    zero = dict.fromkeys(("seen_floor", "wanted_floor", "master_floor", "oscore_reserved"), 0)
    state = status.STATE_JAMMED if n % 500 == 0 else status.STATE_LOCKED
    seen = NOW - (draw.randrange(3601, 90_000) if n % 50 == 0 else draw.randrange(300))
    counts = {"reported_seq": 4, "received_seq": 4, "chained_seq": 4, "next_epoch": 2, "next_master_epoch": 1}
    return {
        "lock_id": ident,
        "kid4": ident[:8],
        "wrapped_key": os.urandom(60),
        "operator_id": operator_id,
        "kind": "exclusive",
        "registered_at": NOW - 10**7,
        "last_seen_at": seen,
        "state": state,
        "battery_mv": draw.randrange(3450, 4200),
        "clock_error_s": 1,
        **zero,
        **counts,
    }


def _asset(n: int, ident: str, operator_id: str) -> dict[str, Any]:
    said = {"code": f"B{n:05d}", "label": f"Bike {n}", "operator_id": operator_id}
    return {"asset_id": f"{n:022d}", **said, "lock_id": ident, "created_at": NOW - 10**7}


def _fix(draw: random.Random, ident: str, n: int, each: int) -> dict[str, Any]:
    place = {"lat": _LAT + draw.randrange(-(10**6), 10**6), "lon": _LON + draw.randrange(-(10**6), 10**6)}
    return {
        "lock_id": ident,
        "seq": 2 * n + 1,
        "at": NOW - (each - n) * 600,
        **place,
        "accuracy": draw.randrange(20, 300),
    }


def _sample(draw: random.Random, ident: str, n: int) -> dict[str, Any]:
    state = draw.choice((status.STATE_LOCKED, status.STATE_OPEN))
    said = {"at": NOW - n * 3600, "state": state, "battery_mv": 4200 - n, "clock_error_s": 1, "uptime_s": n}
    return {"lock_id": ident, "seq": 2 * n + 2, **said}


def _ride(draw: random.Random, ids: list[str], n: int, rides: int, operator_id: str) -> dict[str, Any]:
    """All have ended but the last two in a hundred locks."""
    running = n >= rides - len(ids) // 50
    at = NOW - (rides - n) * 30
    return {
        "ride_id": secrets.token_hex(16),
        "cti": secrets.token_hex(8),
        "lock_id": ids[n % len(ids)],
        "operator_id": operator_id,
        "state": "open" if running else "ended",
        "opened_seq": 1 + 3 * (n // len(ids)),
        "last_seq": 3 + 3 * (n // len(ids)),
        "opened_at": at,
        "closed_at": None if running else at + 900,
        "billed_until": None if running else at + 900,
        "receipts": 3,
        "fixes": 10,
        "distance_m": draw.randrange(300, 9000),
    }


# ---- asking


def measure(
    client: FlaskClient, engine: sa.Engine, asks: list[Ask], headers: dict[str, str], rounds: int
) -> tuple[list[str], float]:
    """(a line for each, the first one's median time in ms)."""
    lines, medians = [], []
    for ask in asks:
        with _watching(engine, ask):
            size = len(_get(client, ask.path, headers))
        times, worked = [], []
        for _ in range(rounds):
            began, busy = time.perf_counter(), time.thread_time()
            _get(client, ask.path, headers)
            times.append((time.perf_counter() - began) * 1000)
            worked.append((time.thread_time() - busy) * 1000)
        middle = [statistics.median(each) for each in (worked, times)]
        medians.append(middle[1])
        lines.append(f"{ask.name:36} {middle[0]:8.1f} {middle[1]:8.1f} {max(times):8.1f} {size / 1024:9.1f}")
    return lines, medians[0]


def _get(client: FlaskClient, path: str, headers: dict[str, str]) -> bytes:
    answer = client.get(path, headers=headers)
    if answer.status_code != 200:
        raise click.ClickException(f"{path} answered {answer.status}: {answer.get_data(as_text=True)[:200]}")
    return answer.get_data()


class _watching:
    """While it lasts, each SELECT's plan is noted."""

    def __init__(self, engine: sa.Engine, ask: Ask):
        self.engine, self.ask = engine, ask

    def __enter__(self) -> None:
        sa.event.listen(self.engine, "before_cursor_execute", self._note)

    def __exit__(self, *_: Any) -> None:
        sa.event.remove(self.engine, "before_cursor_execute", self._note)

    def _note(self, connection: Any, cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")) and statement not in self.ask.plans:
            plan = connection.connection.cursor().execute("EXPLAIN QUERY PLAN " + statement, given).fetchall()
            self.ask.plans[statement] = [row[3] for row in plan]


@click.command()
@click.option("--locks", default=10_000, show_default=True)
@click.option("--fixes", default=1_000_000, show_default=True)
@click.option("--rides", default=100_000, show_default=True)
@click.option("--rounds", default=7, show_default=True)
@click.option("--plans/--no-plans", default=True, help="Print how the engine goes about each query.")
def main(locks: int, fixes: int, rides: int, rounds: int, plans: bool) -> None:
    """Print what lists and maps of a big fleet cost."""
    assert tables_fleet and Base
    with tempfile.TemporaryDirectory(prefix="bench-fleet-") as folder:
        path = Path(folder) / "fleet.db"
        url = f"sqlite:///{path}"
        began = time.perf_counter()
        operator_id = build(url, locks, fixes, rides)
        click.echo(
            f"{locks} locks, {fixes} fixes, {rides} rides: {path.stat().st_size / 2**20:.0f} MiB, "
            f"built in {time.perf_counter() - began:.0f} s"
        )
        settings = config.Settings(
            secret=os.urandom(32), database_url=url, staff_second_factor=False, feed_s=0
        )
        app = create_app(settings, now=lambda: NOW)
        cloud: context.Cloud = app.extensions["ringslot"]
        with cloud.db.writing() as session:
            user_id = users.create(session, "admin", "-", "admin", NOW, operator_id)
            token = sessions.start(session, user_id, NOW)[0]
        began = time.perf_counter()
        watch.settle(cloud, NOW)
        click.echo(
            f"the attention queue judged anew, {1000 * (time.perf_counter() - began):.0f} ms; ", nl=False
        )
        began = time.perf_counter()
        watch.settle(cloud, NOW + 1)
        click.echo(f"again, {1000 * (time.perf_counter() - began):.0f} ms")
        lock = next(
            iter(cloud.db.engine.connect().execute(sa.text("SELECT lock_id FROM lock LIMIT 1")).scalars())
        )
        asks = [Ask(name, path.format(lock=lock, operator=operator_id, old=NOW - 60)) for name, path in ASKED]
        client = app.test_client()
        click.echo(f"{'':36} {'of CPU':>8} {'median':>8} {'slowest':>8} {'answer':>9}")
        lines, took = measure(client, cloud.db.engine, asks, {"Authorization": f"Bearer {token}"}, rounds)
        click.echo("\n".join(lines))
        if plans:
            _print_plans(asks)
        cloud.db.close()
        if took > BUDGET_MS:
            raise click.ClickException(f"The whole fleet took {took:.0f} ms; {BUDGET_MS} are the budget.")


ASKED = (
    (f"the whole fleet (budget {BUDGET_MS})", "/api/v1/fleet"),
    ("the fleet, what was heard in 60 s", "/api/v1/fleet?since={old}"),
    ("locks, a page of 200", "/api/v1/locks"),
    ("bicycles, a page of 200", "/api/v1/assets"),
    ("bicycles to claim, a page of 500", "/api/v1/bikes"),
    ("attention, a page of 200", "/api/v1/attention"),
    ("rides, a page", "/api/v1/rides"),
    ("events, live", "/api/v1/events"),
    ("events, a page of 200", "/api/v1/events/history"),
    ("one lock", "/api/v1/locks/{lock}"),
    ("one lock's battery, a week", "/api/v1/locks/{lock}/series"),
    ("one lock's track, a week", "/api/v1/locks/{lock}/track"),
    ("public feed of free bicycles", "/gbfs/{operator}/vehicle_status.json"),
    ("public zones", "/gbfs/{operator}/geofencing_zones.json"),
)


def _print_plans(asks: list[Ask]) -> None:
    for ask in asks:
        click.echo(f"\n{ask.name}: {ask.path}")
        for statement, plan in ask.plans.items():
            click.echo("  " + " ".join(statement.split())[:110])
            for line in plan:
                click.echo("      " + line)


if __name__ == "__main__":
    sys.exit(main())
