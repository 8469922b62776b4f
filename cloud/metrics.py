"""What is counted, for Prometheus. No label holds more than a handful of values, nor anything of a person or a lock.

The web app's workers, the gateway and the worker each count in files of PROMETHEUS_MULTIPROC_DIR (prometheus-client's
multiprocess mode); the worker adds them up, asks the database for what waits, and shows it all at RINGSLOT_METRICS, a
listener of its own that no proxy leads to.
"""

import os
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from flask import Flask, Response, g
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from cloud import logs, problem
from cloud.config import ConfigError
from cloud.context import Cloud
from cloud.db import is_unavailable, then_do
from cloud.tables import Command, Job, Lock, Mail, Process
from cloud.tables_fleet import Hook

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
HEARD_S = 900  # a lock that said something in this time is there

REQUESTS = Counter("ringslot_http_requests", "Requests answered", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("ringslot_http_seconds", "Time to answer", ["route"], buckets=SECONDS)
REFUSALS = Counter("ringslot_refusals", "Requests refused, by the problem's code", ["code"])
CLAIMS = Counter("ringslot_claims", "Claims made")
RECEIPTS = Counter("ringslot_receipts", "Receipts brought", ["via", "status"])
RECORDS = Counter("ringslot_telemetry_records", "Records of telemetry stored")
DATAGRAMS = Counter("ringslot_coap_datagrams", "Datagrams of the gateway", ["outcome"])
ANSWERS = Counter("ringslot_coap_answers", "Locks' requests answered", ["route", "code"])
ANSWER_SECONDS = Histogram("ringslot_coap_seconds", "Time to answer a lock", ["route"], buckets=SECONDS)
JOBS = Counter("ringslot_jobs", "The worker's jobs done", ["job", "outcome"])
JOB_SECONDS = Histogram("ringslot_job_seconds", "Time a job took", ["job"], buckets=(*SECONDS, 60, 300))


def note(session: Session, counter: Counter, number: int = 1) -> None:
    """Counted once this transaction is committed, and not at all if it is not."""
    if number:
        then_do(session, partial(counter.inc, number))


# ---- the web app


def install(app: Flask) -> None:
    """Call with logs.install, which notes when a request began."""
    app.after_request(_end)


def _end(answer: Response) -> Response:
    REQUESTS.labels(logs.method(), logs.route(), str(answer.status_code)).inc()
    REQUEST_SECONDS.labels(logs.route()).observe(time.perf_counter() - g.began)
    code = logs.problem_code(answer)
    if code is not None:
        REFUSALS.labels(code if code in problem.TABLE else "other").inc()
    return answer


# ---- what waits


def queues(now: int) -> dict[str, tuple[Any, ColumnElement[bool]]]:
    """name -> (column of the table, which rows of it wait)."""
    return {
        "commands": (Command.command_id, Command.done_at.is_(None)),
        "mail": (Mail.mail_id, Mail.due_at.is_not(None)),
        "webhooks": (Hook.hook_id, Hook.failures > 0),
        "jobs": (Job.name, (Job.due_at < now - 60) & (Job.held_until < now)),
    }


class Stock(Collector):
    """Gauges that only the database knows, asked for whenever somebody looks."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("ringslot_database_up", "Whether the database answers")
        waiting = GaugeMetricFamily("ringslot_queue", "How many wait to be done", labels=["queue"])
        locks = GaugeMetricFamily("ringslot_locks", "Locks registered, and heard of lately", labels=["which"])
        parts = GaugeMetricFamily("ringslot_processes", "Processes heard of lately", labels=["part"])
        now = self._cloud.now()
        try:
            with self._cloud.db.reading() as session:
                for name, (column, which) in queues(now).items():
                    waiting.add_metric([name], session.scalar(select(func.count(column)).where(which)) or 0)
                locks.add_metric(["registered"], session.scalar(select(func.count(Lock.lock_id))) or 0)
                heard = select(func.count(Lock.lock_id)).where(Lock.last_seen_at > now - HEARD_S)
                locks.add_metric(["heard"], session.scalar(heard) or 0)
                alive = select(Process.part, func.count()).where(Process.seen_at > now - 60)
                for part, number in session.execute(alive.group_by(Process.part)):
                    parts.add_metric([part], number)
            up.add_metric([], 1)
        except Exception as error:
            if not is_unavailable(error):
                raise
            up.add_metric([], 0)
        yield from (up, waiting, locks, parts)


def serve(cloud: Cloud) -> None:
    """Where the settings say, in a thread; nothing if they do not. Raises ConfigError."""
    if cloud.settings.metrics is None:
        return
    if folder := os.environ.get(FOLDER):
        registry = CollectorRegistry()
        MultiProcessCollector(registry, folder)
    else:
        registry = REGISTRY  # of this process alone
    registry.register(Stock(cloud))
    host, port = cloud.settings.metrics
    try:
        start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigError(f"RINGSLOT_METRICS: cannot listen on {host}:{port} ({error.strerror}).") from None
