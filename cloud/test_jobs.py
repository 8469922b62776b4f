"""Work by the clock: each job once a period, whoever does it, and again when it failed or its worker died."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from cloud import jobs, sessions
from cloud.tables import Job, WebSession
from cloud.testsite import NOW, ROOT, SECRET
from cloud.worker import JOBS, Worker

WAIT = 10  # seconds for anything


class Clock:
    """Steps of a worker by hand: `look()` is one look at what is due, with every job of it done when it returns."""

    def __init__(self, site, table):
        self.worker = Worker(site.cloud, table)
        self.pool = ThreadPoolExecutor(4)

    def look(self):
        self.worker._turn(self.pool)
        for future in self.worker._running.values():
            future.result(WAIT)


def rows(site):
    with site.cloud.db.reading() as session:
        return {job.name: job for job in session.scalars(select(Job))}


def test_a_job_is_done_once_a_period(site):
    seen = []
    clock = Clock(site, [("count", 60, lambda cloud, now: seen.append(now))])
    for later in (0, 1, 59, 60, 61, 119, 400):
        site.now = NOW + later
        clock.look()
    assert seen == [NOW, NOW + 60, NOW + 400]
    assert rows(site)["count"].ran_at == NOW + 400


def test_a_job_that_raises_is_logged_and_tried_again_sooner(site, caplog):
    seen, other = [], []

    def fail(cloud, now):
        seen.append(now - NOW)
        if len(seen) < 4:
            raise KeyError("not this time")

    clock = Clock(site, [("fails", 3600, fail), ("other", 3600, lambda cloud, now: other.append(now))])
    with caplog.at_level(logging.ERROR):
        for later in range(0, 200):
            site.now = NOW + later
            clock.look()
    assert seen == [0, 5, 15, 35]  # waits of 5, 10, 20 s; then it went well
    assert other == [NOW]
    assert caplog.text.count("job fails failed") == 3 and rows(site)["fails"].failures == 0


def test_no_wait_is_longer_than_the_period_nor_than_ten_minutes():
    assert jobs.wait(10, 40) == 10 and jobs.wait(86400, 40) == 600 and jobs.wait(86400, 0) == 86400


def test_a_job_whose_worker_died_is_anothers_once_the_lease_is_over(site):
    with site.cloud.db.writing() as session:
        jobs.register(session, ["count"], NOW)
        assert jobs.take(session, "count", "dead", NOW)
    seen = []
    clock = Clock(site, [("count", 60, lambda cloud, now: seen.append(now))])
    for later in (1, jobs.LEASE_S - 1, jobs.LEASE_S):
        site.now = NOW + later
        clock.look()
    assert seen == [NOW + jobs.LEASE_S]
    with site.cloud.db.writing() as session:
        assert not jobs.keep(session, "count", "dead", site.now)
        jobs.done(session, "count", "dead", site.now, 60, failed=True)  # it was only slow: changes nothing
    assert rows(site)["count"].failures == 0


def test_a_long_job_keeps_its_lease_and_the_end_waits_for_it(site, monkeypatch):
    monkeypatch.setattr(jobs, "LEASE_S", 3)
    began, go, stopped = threading.Event(), threading.Event(), threading.Event()

    def slow(cloud, now):
        began.set()
        assert go.wait(WAIT)

    ticking = threading.Thread(target=_run_clock, args=(site, stopped), daemon=True)
    ticking.start()
    first = threading.Thread(target=Worker(site.cloud, [("slow", 60, slow)]).run, args=(stopped,))
    first.start()
    assert began.wait(WAIT)
    other, seen = Worker(site.cloud, [("slow", 60, lambda cloud, now: seen.append(now))]), []
    end = time.monotonic() + 5  # longer than the lease
    with ThreadPoolExecutor(1) as pool:
        while time.monotonic() < end:
            other._turn(pool)
            time.sleep(0.1)
    stopped.set()
    first.join(1)
    assert first.is_alive() and seen == []
    go.set()
    first.join(WAIT)
    assert not first.is_alive() and rows(site)["slow"].held_by is None


def _run_clock(site, stopped):
    while not stopped.wait(0.05):
        site.now = int(time.time())


def test_of_many_workers_at_once_one_does_each_job(site):
    seen, lock = [], threading.Lock()

    def note(name):
        def do(cloud, now):
            with lock:
                seen.append((name, now))
            time.sleep(0.01)

        return do

    table = [(f"job{n}", 1, note(n)) for n in range(3)]
    workers = [Worker(site.cloud, table) for _ in range(4)]
    with ThreadPoolExecutor(8) as work, ThreadPoolExecutor(4) as looks:
        for later in range(20):
            site.now = NOW + 2 * later
            list(looks.map(lambda worker: worker._turn(work), workers))
            for worker in workers:
                for future in worker._running.values():
                    future.result(WAIT)
    assert len(seen) == len(set(seen)) == 60


def test_what_is_over_is_forgotten(site):
    person, gone = site.person(), site.person()
    with site.cloud.db.writing() as session:
        sessions.start(session, gone.user_id, NOW - 2 * sessions.LIFETIME)
    do = {name: function for name, _, function in JOBS}
    do["forget"](site.cloud, NOW)
    with site.cloud.db.reading() as session:
        kept = session.scalars(select(WebSession.user_id)).all()
    assert person.user_id in kept and len(kept) == 2


@pytest.mark.parametrize("_, every, __", JOBS)
def test_every_job_has_a_period(_, every, __):
    assert every >= 1


def test_every_job_runs_on_an_empty_fleet(site):
    for _, _, function in JOBS:
        function(site.cloud, site.now)


def test_the_process_says_when_it_is_ready_does_its_jobs_and_ends_when_told(site):
    environ = {**os.environ, "RINGSLOT_SECRET": SECRET.decode(), "RINGSLOT_DATABASE_URL": site.url}
    command = [sys.executable, "-m", "cloud.worker"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, cwd=ROOT, env=environ, **pipes) for _ in range(2)]
    try:
        for process in both:
            assert json.loads(process.stdout.readline()) == {"worker": [name for name, _, _ in JOBS]}
        end = time.monotonic() + WAIT
        while time.monotonic() < end and not (
            len(found := rows(site)) == len(JOBS) and all(job.ran_at for job in found.values())
        ):
            time.sleep(0.1)
        assert {name for name, job in rows(site).items() if job.ran_at} == {name for name, _, _ in JOBS}
    finally:
        for process in both:
            process.send_signal(signal.SIGTERM)
        ends = [process.communicate(timeout=WAIT) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
