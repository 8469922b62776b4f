"""The worker: what has to happen by the clock, whether anybody asks or not. One process, or several on one database.

`python -m cloud.worker`; settings come from the environment (config.py). It prints {"worker": [job, …]} once it looks
for work. SIGTERM and SIGINT end it after the jobs that run just then.

A job is a line in JOBS: its name, every how many seconds, and what to call as function(cloud, now). One that raises is
logged and tried again, soon at first (jobs.py). It may run again after it was cut off: see there what that asks of it.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import click
from sqlalchemy import delete

from cloud import (
    accounts,
    audit,
    events,
    health,
    hooks,
    idempotency,
    jobs,
    limits,
    logs,
    mail,
    metrics,
    rollouts,
    start,
    stop,
    tickets,
    watch,
)
from cloud.config import from_environment
from cloud.context import Cloud, make
from cloud.db import is_unavailable
from cloud.tables import WebSession

log = logging.getLogger(__name__)

THREADS = 4  # jobs at a time, so that one that waits for somebody's server holds up no other
LOOK_S = 0.5  # between two looks at what is due
QUIET_S = 60  # jobs that come more often say nothing when they went well
GATHER_S = 0.1  # after a word of an event: more will follow
AWAY_S = 2.0  # the same, while the database is away


def forget(cloud: Cloud, now: int) -> None:
    """Signed-in devices, counters and kept answers that are over."""
    with cloud.db.writing() as session:
        session.execute(delete(WebSession).where(WebSession.expires_at <= now))
        limits.forget(session, now)
        health.forget(session, now)
        idempotency.forget(session, now)


def forget_history(cloud: Cloud, now: int) -> None:
    """Events and staff's actions that are over their time."""
    with cloud.db.writing() as session:
        events.forget(session, now)
        audit.forget(session, now)
        hooks.forget(session, now)
        watch.forget(session, now)


def judge_rollouts(cloud: Cloud, now: int) -> None:
    """A rollout halts in time also where no lock of its board is heard of, and nobody looks."""
    rollouts.tend(cloud)


Function = Callable[[Cloud, int], object]

JOBS: tuple[tuple[str, int, Function], ...] = (
    ("forget", 3600, forget),
    ("forget_history", 3600, forget_history),
    ("webhooks", 2, hooks.tell_all),
    ("attention", 30, watch.settle),
    ("judge_rollouts", 60, judge_rollouts),
    ("mail", 2, mail.send_due),
    ("forget_mail", 3600, mail.forget),
    ("forget_tickets", 3600, tickets.forget),
    ("erase", 600, accounts.erase_due),
)


WOKEN = ("webhooks",)  # due as soon as somebody tells of an event, where the database can say so


class Worker:
    """`run(stopped)` until that event is set."""

    def __init__(self, cloud: Cloud, table: Sequence[tuple[str, int, Function]] = JOBS):
        self._cloud = cloud
        self._jobs = {name: (every, function) for name, every, function in table}
        self._holder = health.name()
        self._beat_at = float("-inf")
        self._running: dict[str, Future] = {}
        self._kept: dict[str, float] = {}  # name -> when its lease was last prolonged, monotonic
        self._registered = False
        self._away = self._woken = False

    def run(self, stopped: threading.Event) -> None:
        with ThreadPoolExecutor(THREADS, "job") as pool:
            while not stopped.is_set():
                self._turn(pool)
                self._woken = self._cloud.db.wake.wait(AWAY_S if self._away else LOOK_S)
                if self._woken:
                    stopped.wait(GATHER_S)
            while self._running:  # their leases are still to be kept
                self._turn(None)
                time.sleep(LOOK_S / 5)

    def _turn(self, pool: ThreadPoolExecutor | None) -> None:
        """One look; `pool` None: nothing new is begun."""
        try:
            self._beat()
            self._sweep()
            if pool:
                self._begin(pool)
            if self._away:
                log.info("database back")
            self._away = False
        except Exception as error:
            if not is_unavailable(error):
                raise
            if not self._away:
                log.error("database away: %s", type(error).__name__)
            self._away = True

    def _beat(self) -> None:
        if time.monotonic() - self._beat_at >= health.BEAT_S:
            health.beat(self._cloud, "worker", self._holder)
            self._beat_at = time.monotonic()

    def _sweep(self) -> None:
        """Forget what has ended; keep the leases of what has not."""
        self._running = {name: future for name, future in self._running.items() if not future.done()}
        for name in self._running:
            if time.monotonic() - self._kept[name] < jobs.LEASE_S / 3:
                continue
            with self._cloud.db.writing() as session:
                if not jobs.keep(session, name, self._holder, self._cloud.now()):
                    log.warning("job %s: somebody else does it by now", name)
            self._kept[name] = time.monotonic()

    def _begin(self, pool: ThreadPoolExecutor) -> None:
        now = self._cloud.now()
        if not self._registered:
            with self._cloud.db.writing() as session:
                jobs.register(session, self._jobs, now)
            self._registered = True
        if self._woken:
            with self._cloud.db.writing() as session:
                jobs.hurry(session, WOKEN, now)
        with self._cloud.db.reading() as session:
            due = jobs.due(session, now)
        for name in due:  # a name that is not in our table is of a newer or older worker
            if name not in self._jobs or name in self._running or len(self._running) >= THREADS:
                continue
            with self._cloud.db.writing() as session:
                taken = jobs.take(session, name, self._holder, now)
            if taken:
                self._kept[name] = time.monotonic()
                self._running[name] = pool.submit(self._do, name)

    def _do(self, name: str) -> None:
        every, function = self._jobs[name]
        began, failed = time.monotonic(), True
        try:
            function(self._cloud, self._cloud.now())
            failed = False
        except Exception as error:
            if is_unavailable(error):
                log.error("database away: %s", type(error).__name__, extra={"job": name})
            else:
                log.exception("job %s failed", name, extra={"job": name})
        took = time.monotonic() - began
        metrics.JOBS.labels(name, "failed" if failed else "done").inc()
        metrics.JOB_SECONDS.labels(name).observe(took)
        if not failed and every >= QUIET_S:
            log.info("job done", extra={"job": name, "ms": round(took * 1000)})
        try:
            with self._cloud.db.writing() as session:
                jobs.done(session, name, self._holder, self._cloud.now(), every, failed)
        except Exception as error:  # its lease ends by itself
            log.error("job %s: its end could not be noted: %s", name, type(error).__name__)


@click.command()
def main() -> None:
    """Do what has to happen by the clock."""
    logs.setup("worker")
    stopped = threading.Event()
    stop.when_told(stopped.set)
    settings = from_environment()
    start.require(settings)
    cloud = make(settings)
    metrics.serve(cloud)
    print(json.dumps({"worker": [name for name, _, _ in JOBS]}), flush=True)
    try:
        Worker(cloud).run(stopped)
    finally:
        cloud.db.close()


if __name__ == "__main__":
    main()
