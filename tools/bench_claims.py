"""Claim to token over HTTP: the latency at a steady rate, printed. `make bench-claims`, or:

    python -m tools.bench_claims --rate 50 --seconds 20

Real gunicorn on real SQLite, keys at rest wrapped, each commit flushed to the disk. Open loop: requests leave at their
times whether or not earlier ones are back, and each is timed from when it was due, so a stall counts for all that
it delays. Client and cloud share this machine's processors.
"""

import http.client
import json
import os
import secrets
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud import config, context, issuers, locks, sessions, users
from tools.cloud_client import b64
from tools.processes import Processes, free_port
from tools.up import CloudRun, sqlite_url

BUDGET_MS = 50  # p99, at 50 requests a second on two cores
THREADS = 32  # connections kept alive
_EACH = 3  # claims of one rider: fewer than a rider may hold
_WARM = 20  # requests before the clock runs


@dataclass(frozen=True)
class Ask:
    """One claim: whose, of which lock, with which key. Made before the clock runs."""

    token: str
    body: bytes


def prepare(cloud: context.Cloud, count: int) -> list[Ask]:
    """A lock for each claim and a rider for every few, straight into the database."""
    asks: list[Ask] = []
    with cloud.db.writing() as session:
        issuers.make_missing(session, cloud.box, cloud.now())
        for number in range(count):
            if number % _EACH == 0:
                user_id = users.create(session, f"rider-{number}", "!", "rider", cloud.now())
                token, _ = sessions.start(session, user_id, cloud.now())
            lock_id = secrets.token_hex(8)
            locks.register(session, cloud.box, lock_id, os.urandom(32), "exclusive", None, cloud.now())
            holder = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
            asks.append(Ask(token, json.dumps({"lock": lock_id, "holder_key": b64(holder)}).encode()))
    return asks


class Load:
    """Sends asks at their times from a few threads; `took` in milliseconds, `wrong` answers."""

    def __init__(self, host: str, port: int, rate: float) -> None:
        self._host, self._port, self._rate = host, port, rate
        self._next = 0
        self._guard = threading.Lock()
        self.took: list[float] = []
        self.wrong: list[str] = []

    def run(self, asks: list[Ask]) -> None:
        self._asks, self._next = asks, 0
        self._began = time.perf_counter() + 0.1
        threads = [threading.Thread(target=self._work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self) -> None:
        wire = http.client.HTTPConnection(self._host, self._port, timeout=10)
        wire.connect()
        wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            with self._guard:
                number, self._next = self._next, self._next + 1
            if number >= len(self._asks):
                wire.close()
                return
            due = self._began + number / self._rate
            time.sleep(max(0.0, due - time.perf_counter()))
            ask = self._asks[number]
            headers = {"Authorization": f"Bearer {ask.token}", "Content-Type": "application/json"}
            try:
                wire.request("POST", "/api/v1/claims", ask.body, headers)
                answer = wire.getresponse()
                text = answer.read()
                good = answer.status == 201 and bool(json.loads(text)["token"])
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                good, text = False, repr(error).encode()
                wire.close()
            took = (time.perf_counter() - due) * 1000
            with self._guard:
                self.took.append(took)
                if not good:
                    self.wrong.append(text.decode(errors="replace")[:200])


def percentile(values: list[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


@click.command()
@click.option("--rate", default=50.0, show_default=True, help="Requests a second.")
@click.option("--seconds", default=20, show_default=True)
def main(rate: float, seconds: int) -> None:
    """Print how long claim to token takes at a steady rate."""
    with (
        tempfile.TemporaryDirectory(prefix="ringslot-bench-") as scratch,
        Processes(Path(scratch) / "logs") as children,
    ):
        port = free_port()
        cloud = CloudRun(
            children,
            secret=secrets.token_urlsafe(32),
            database_url=sqlite_url(Path(scratch) / "ringslot.db"),
            web=f"127.0.0.1:{port}",
            coap=f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}",
            extra={"RINGSLOT_RATE_ADDRESS": "0"},  # everybody is at one address here
        )
        cloud.start()
        asks = prepare(context.make(config.from_environment(cloud.environ)), round(rate * seconds) + _WARM)
        Load("127.0.0.1", port, rate).run(asks[:_WARM])
        load = Load("127.0.0.1", port, rate)
        load.run(asks[_WARM:])
    p50, p95, p99 = (percentile(load.took, share) for share in (0.50, 0.95, 0.99))
    print(f"claim to token, {len(load.took)} at {rate:g}/s on {os.cpu_count()} processors, SQLite: ", end="")
    print(
        f"p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms, most {max(load.took):.1f} ms; budget p99 {BUDGET_MS} ms"
    )
    if load.wrong:
        print(f"{len(load.wrong)} were refused, the first: {load.wrong[0]}")
        sys.exit(1)


if __name__ == "__main__":
    main()
