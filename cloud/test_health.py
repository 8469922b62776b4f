"""What watches over the cloud is told whether it works, and what is missing; and what is counted is shown."""

import http.client
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import update

from cloud import health, metrics, testdatabase
from cloud.app import create_app
from cloud.config import Settings
from cloud.tables import IssuerKey
from cloud.testlock import Gateway, Pen, Uplink, Wire
from cloud.testsite import NOW, ROOT, SECRET, Site, served
from protocol import coap, telemetry

WAIT = 20  # seconds for anything


def ready(site):
    answer = site.client.get("/readyz")
    return answer.status_code, {name for name, there in answer.get_json()["checks"].items() if not there}


def test_alive_needs_no_database():
    app = create_app(Settings(secret=SECRET, database_url="postgresql://nobody@127.0.0.1:1/x"))
    assert app.test_client().get("/healthz").get_json() == {"status": "ok"}
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503 and not any(answer.get_json()["checks"].values())


def test_ready_is_when_nothing_is_missing(site):
    assert ready(site) == (503, {"gateway", "worker"})
    for part in health.PARTS:
        health.beat(site.cloud, part, health.name())
    assert ready(site) == (200, set())
    site.now += health.SILENT_S + 1
    health.beat(site.cloud, "worker", health.name())
    assert ready(site) == (503, {"gateway"})


def test_a_database_without_its_migrations_or_keys_is_not_ready(site, tmp_path):
    for part in health.PARTS:
        health.beat(site.cloud, part, health.name())
    with site.cloud.db.writing() as session:
        session.execute(update(IssuerKey).values(state="removed"))
    assert ready(site) == (503, {"issuer_key"})
    site.cloud.db.close()
    app = create_app(Settings(secret=SECRET, database_url=testdatabase.empty(tmp_path)))
    checks = app.test_client().get("/readyz").get_json()["checks"]
    assert checks["database"] and not checks["migrations"]


def test_who_was_gone_for_long_is_forgotten(site):
    health.beat(site.cloud, "gateway", "long gone")
    with site.cloud.db.writing() as session:
        health.forget(session, NOW + health.KEEP_S + 1)
    health.beat(site.cloud, "worker", "here")
    with site.cloud.db.reading() as session:
        assert session.query(metrics.Process).count() == 1


def test_what_is_rolled_back_is_not_counted(site):
    def count():
        return metrics.CLAIMS._value.get()

    before = count()
    with pytest.raises(KeyError), site.cloud.db.writing() as session:
        metrics.note(session, metrics.CLAIMS)
        raise KeyError
    assert count() == before
    with site.cloud.db.writing() as session:
        metrics.note(session, metrics.CLAIMS, 2)
        metrics.note(session, metrics.CLAIMS)
        session.connection()
    assert count() == before + 3


# ---- all three processes, and what they show together


@contextmanager
def worker(environ, log: Path):
    with log.open("w") as output:
        command = [sys.executable, "-m", "cloud.worker"]
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(WAIT)


def get(address, path):
    connection = http.client.HTTPConnection(*address, timeout=WAIT)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def until(look):
    end = time.monotonic() + WAIT
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def test_three_processes_are_counted_together_and_shown_at_a_listener_of_their_own(
    tmp_path, monkeypatch, free_port
):
    counted = tmp_path / "counted"
    counted.mkdir()
    monkeypatch.setenv(metrics.FOLDER, str(counted))
    site = Site(tmp_path, now=int(time.time()))
    pen = Pen(began=site.now - 1000).register(site.cloud)
    environ = {
        **os.environ,
        "RINGSLOT_SECRET": SECRET.decode(),
        "RINGSLOT_DATABASE_URL": site.url,
        "RINGSLOT_METRICS": f"127.0.0.1:{free_port}",
    }
    gateway = Gateway(site.cloud).start()
    wire = Wire(gateway.port)
    try:
        with served(site, tmp_path / "web.log") as web, worker(environ, tmp_path / "worker.log"):
            until(lambda: get(web, "/readyz")[0] == 200)
            uplink = Uplink(pen, wire)
            assert (
                uplink.post(b"t", telemetry.encode_batch(1, [(telemetry.NOTE, 5, telemetry.NOTE_BOOT, 1)]))[0]
                == coap.CHANGED
            )
            body = pen.close(b"x" * 8, site.now)
            assert uplink.post(b"r", telemetry.encode_receipts([body]))[0] == coap.CHANGED
            for n in range(5):
                assert get(web, f"/api/v1/claims/{n:016x}")[0] == 401
            assert get(web, "/no-such-place-anna@example.org")[0] == 404
            assert get(web, "/metrics")[0] == 404  # the public port shows nothing
            shown = lambda: get(("127.0.0.1", free_port), "/metrics")[1]  # noqa: E731
            until(lambda: 'ringslot_processes{part="gateway"} 1.0' in shown())
            text = shown()
    finally:
        wire.close()
        gateway.stop()
        site.close()
    for line in (
        'ringslot_http_requests_total{method="GET",route="/api/v1/claims/<id8:cti>",status="401"} 5.0',
        'ringslot_http_requests_total{method="GET",route="none",status="404"} 2.0',
        'ringslot_refusals_total{code="sign_in"} 5.0',
        'ringslot_receipts_total{status="stored",via="uplink"} 1.0',
        "ringslot_telemetry_records_total 1.0",
        'ringslot_coap_datagrams_total{outcome="challenged"} 1.0',
        'ringslot_coap_datagrams_total{outcome="fresh"} 2.0',
        'ringslot_coap_answers_total{code="2.04",route="/t"} 1.0',
        'ringslot_jobs_total{job="forget",outcome="done"} 1.0',
        'ringslot_queue{queue="commands"} 0.0',
        'ringslot_queue{queue="mail"} 0.0',
        'ringslot_queue{queue="webhooks"} 0.0',
        'ringslot_locks{which="registered"} 1.0',
        'ringslot_locks{which="heard"} 1.0',
        "ringslot_database_up 1.0",
    ):
        assert line in text, text
    assert re.search(r'ringslot_http_seconds_count\{route="/readyz"\} [1-9]', text)
    for never in (pen.hex, "anna", "0000000000000001"):
        assert never not in text
