"""PostgreSQL stops and starts again under a running web app, gateway and worker: each says so, and comes back."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import select, text

from cloud import context, db, testpostgres
from cloud.config import Settings
from cloud.tables import Fix, Job
from cloud.test_gateway import batch
from cloud.testlock import SECRET, Gateway, Pen, Uplink, Wire
from cloud.testsite import ROOT, Site, served
from protocol import coap

pytestmark = pytest.mark.postgres

WAIT = 60  # seconds for anything
AWAY = '"database away'


@pytest.fixture(scope="module")
def server():
    with testpostgres.server() as server:
        db.upgrade(server.url)
        yield server


@contextmanager
def worker(url, log):
    environ = {**os.environ, "RINGSLOT_SECRET": SECRET.decode(), "RINGSLOT_DATABASE_URL": url}
    with log.open("w") as output:
        command = [sys.executable, "-m", "cloud.worker"]
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(WAIT)


def ask(address, path, token=None) -> tuple[int, dict, dict]:
    connection = http.client.HTTPConnection(*address, timeout=WAIT)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read() or b"{}"), dict(answer.headers)


def until(look: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + WAIT
    while not (found := look()):
        assert time.monotonic() < end, f"waited {WAIT} s in vain: {what}"
        time.sleep(0.1)
    return found


def test_all_three_outlive_their_database(server, tmp_path):
    site = Site(tmp_path, server.url, now=int(time.time()))
    cloud = site.cloud
    token = site.person().token
    pen = Pen(began=site.now - 5000).register(cloud)
    gateway = Gateway(cloud).start()
    wire = Wire(gateway.port)
    uplink = Uplink(pen, wire)
    with served(site, tmp_path / "web.log") as web, worker(server.url, tmp_path / "worker.log") as working:
        try:
            until(lambda: ask(web, "/readyz")[0] == 200, "everything to be ready")
            assert uplink.post(b"t", batch())[0] == coap.CHANGED
            cloud.db.close()
            for how in ("fast", "immediate"):  # told to go, and torn away
                server.stop(how)
                try:
                    for path, who in (("/api/v1/me", token), ("/api/v1/keys", None)):
                        status, said, headers = ask(web, path, who)
                        assert (status, said["code"]) == (503, "unavailable") and headers["Retry-After"]
                    assert ask(web, "/healthz")[0] == 200
                    status, said, _ = ask(web, "/readyz")
                    assert status == 503 and not said["checks"]["database"]
                    uplink.bare = 0
                    assert uplink.post(b"t", batch(100))[0] == coap.UNAVAILABLE
                    assert uplink.bare <= 1  # inside OSCORE: a lock believes it
                    stranger = Uplink(Pen(), wire)
                    assert stranger.post(b"t", batch())[0] in (coap.UNAVAILABLE, coap.UNAUTHORIZED)
                    until(lambda: AWAY in (tmp_path / "worker.log").read_text(), "the worker to notice")
                finally:
                    server.start()
                until(lambda: ask(web, "/api/v1/me", token)[0] == 200, "the web app to come back")
                until(
                    lambda n=100: uplink.post(b"t", batch(n))[0] == coap.CHANGED, "the gateway to come back"
                )
                began = int(time.time())
                with cloud.db.writing() as session:
                    session.execute(text("UPDATE job SET due_at = 0"))

                def done(began=began):
                    with cloud.db.reading() as session:
                        ran = session.scalars(select(Job.ran_at)).all()
                    return all(at is not None and at >= began for at in ran)

                until(done, "the worker to come back")
                until(lambda: ask(web, "/readyz")[0] == 200, "everything to be ready again")
            assert working.poll() is None
            with cloud.db.reading() as session:
                assert len(session.scalars(select(Fix).where(Fix.lock_id == pen.hex)).all()) == 40
        finally:
            wire.close()
            status, log = gateway.stop()
            site.close()
    assert status == 0 and "database away" in log
    for written in (log, (tmp_path / "web.log").read_text(), (tmp_path / "worker.log").read_text()):
        assert "Traceback" not in written and '"level": "critical"' not in written


def test_who_waits_too_long_for_a_row_gives_up_and_the_next_one_gets_it(server, monkeypatch):
    monkeypatch.setattr(db, "BUSY_MS", 300)
    cloud = context.make(Settings(SECRET, server.url))
    began = time.monotonic()
    with cloud.db.writing() as session:
        session.execute(text("LOCK TABLE job IN EXCLUSIVE MODE"))
        with pytest.raises(db.UNAVAILABLE), cloud.db.writing() as other:
            other.execute(text("UPDATE job SET failures = 0"))
    assert time.monotonic() - began < 5
    with cloud.db.writing() as session:
        session.execute(text("UPDATE job SET failures = 0"))
    cloud.db.close()
