"""A line of JSON an event, and in none of them anything that somebody sent: canaries through all three processes."""

import base64
import io
import json
import logging
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloud import logs, testdatabase
from cloud.auth import public
from cloud.testlock import Gateway, Pen, Uplink, Wire
from cloud.testsite import PASSWORD, ROOT, SECRET, Site, problem, served
from cloud.worker import Worker
from protocol import coap, telemetry

WAIT = 20


def spellings(secret: str | bytes) -> set[str]:
    """A secret as a log could show it."""
    raw = secret.encode() if isinstance(secret, str) else secret
    found = {raw.hex(), raw.hex().upper(), base64.b64encode(raw).decode().rstrip("=")}
    found |= {base64.urlsafe_b64encode(raw).decode().rstrip("="), repr(raw)[2:-1]}
    return found | ({secret} if isinstance(secret, str) else set())


@pytest.fixture
def lines():
    """Whatever is logged in this process, as `setup` would write it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Line("test"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


def test_a_request_is_one_line_with_its_pattern_and_its_problem(site, lines):
    rider = site.person()
    answer = rider.get("/claims/0123456789abcdef")
    problem(answer, 404, "not_found")
    (line,) = [line for line in lines() if line["message"] == "request"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["at"])
    assert line.pop("at") and line.pop("ms") >= 0
    assert line == {
        "level": "info",
        "part": "test",
        "logger": "cloud.logs",
        "message": "request",
        "request_id": answer.headers["X-Request-Id"],
        "method": "GET",
        "route": "/api/v1/claims/<id8:cti>",
        "status": 404,
        "code": "not_found",
    }


def test_an_address_of_nothing_is_not_shown(site, lines):
    site.client.open("/anna@example.org/sesame", method="SESAME")
    (line,) = lines()
    assert (line["route"], line["method"]) == ("none", "other")


@pytest.mark.parametrize("given, taken", [("order-2027_a.b", True), ("short", False), ("x" * 65, False)])
def test_a_callers_request_id_is_taken_and_given_back(site, lines, given, taken):
    answer = site.client.get("/healthz", headers={"X-Request-Id": given})
    said = answer.headers["X-Request-Id"]
    assert (said == given) == taken and lines()[0]["request_id"] == said
    assert site.client.get("/healthz").headers["X-Request-Id"] != said


@pytest.mark.parametrize(
    "given", ["with space in it", 'quote"quote"quote', "ünicode-ünicode", "line%0aline%0a"]
)
def test_a_strange_request_id_is_not_taken(site, given):
    headers = [("X-Request-Id", given.encode("latin-1", "replace").decode("latin-1"))]
    assert site.client.get("/healthz", headers=headers).headers["X-Request-Id"] != given


def test_an_exception_is_told_by_type_and_place_and_not_by_its_words(site, lines):
    @public
    def broken():
        try:
            raise KeyError("sesame of the cause")
        except KeyError as error:
            raise ValueError("sesame anna@example.org") from error

    site.app._got_first_request = False
    site.app.add_url_rule("/broken", view_func=broken)
    answer = site.client.get("/broken?x=sesame", headers={"Authorization": "Bearer sesame"})
    problem(answer, 500, "unexpected")
    line = next(line for line in lines() if line["level"] == "error")
    assert [link["type"] for link in line["error"]] == ["builtins.ValueError", "builtins.KeyError"]
    assert re.fullmatch(r"cloud/test_logs.py:\d+ broken", line["error"][0]["at"][-1])
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert "sesame" not in json.dumps(lines()) and "example.org" not in json.dumps(lines())


def test_another_librarys_warning_is_cut_before_what_it_quotes(lines):
    other = logging.getLogger("gunicorn.error.test")
    other.warning("Invalid request from ip=10.0.0.7: Invalid HTTP request line: 'GET /?token=sesame'")
    other.error("Error handling request %s", "/?token=sesame")
    other.warning("Worker %d ended after %d s", 7, 3)
    assert [line["message"] for line in lines()] == [
        "Invalid request from ip",
        "Error handling request %s",
        "Worker 7 ended after 3 s",
    ]


def test_a_process_that_dies_says_of_what_and_quotes_nothing():
    code = "from cloud import logs; logs.setup('x'); {}['sesame']"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=WAIT
    )
    assert ended.returncode == 1 and "sesame" not in ended.stderr
    assert json.loads(ended.stderr)["error"][0]["type"] == "builtins.KeyError"


def test_the_web_app_logs_nothing_that_was_sent(tmp_path):
    site = Site(tmp_path, now=int(time.time()))
    login, canary = "anna@example.org", secrets.token_hex(8)
    person = site.person(login=login)
    token, cookie = person.token, "cookie-" + canary
    log = tmp_path / "web.log"

    def raw(address, data):
        with socket.create_connection(address, timeout=WAIT) as wire:
            wire.sendall(data)
            wire.settimeout(10)
            try:
                return wire.recv(65536)
            except TimeoutError:
                return b""

    def post(address, path, body, *headers):
        data = json.dumps(body).encode()
        head = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close", *headers]
        head += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
        return raw(address, "\r\n".join(head).encode() + b"\r\n\r\n" + data)

    bearer = f"Authorization: Bearer {token}"
    with served(site, log) as web:
        assert b" 201 " in post(web, "/api/v1/sessions", {"login": login, "password": PASSWORD})[:20]
        assert b" 401 " in post(web, "/api/v1/sessions", {"login": login, "password": canary})[:20]
        assert b" 422 " in post(web, f"/api/v1/claims?q={canary}", {"code": canary}, bearer)[:20]
        assert b" 400 " in post(web, "/api/v1/claims", canary, bearer)[:20]
        assert b" 422 " in post(web, "/api/v1/users", {"login": login, "password": PASSWORD})[:20]
        for data in (
            f"GET /api/v1/me?token={canary} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"Cookie: ringslot_session={cookie}\r\n\r\n",
            f"GET /?token={canary} HTTP/9.9\r\nHost: x\r\n\r\n",
            f"GET /?token={canary}\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer {canary}\r\n\r\n",
            f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization\0: {canary}\r\n\r\n",
            f"{canary} / HTTP/1.1\r\nHost: x\r\n\r\n",
            f"GET /{canary * 200} HTTP/1.1\r\nHost: x\r\n\r\n",
            f"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: {canary}\r\n\r\n",
            f"POST /api/v1/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {canary}\r\n\r\n",
        ):
            raw(web, data.encode())
        with testdatabase.held(site.cloud.db):  # and while the database cannot be written
            assert b" 503 " in post(web, "/api/v1/users", {"login": canary, "password": PASSWORD})[:20]
    site.close()
    written = log.read_text()
    for line in written.splitlines():
        json.loads(line)
    assert written.count('"message": "request"') >= 7 and '"route": "/api/v1/sessions"' in written
    for secret in (canary, token, PASSWORD, login, cookie, SECRET, "q=", "127.0.0.1:1"):
        for spelling in spellings(secret):
            assert spelling not in written, spelling


def test_the_gateway_logs_nothing_that_was_sent(tmp_path):
    site = Site(tmp_path, now=int(time.time()))
    pen = Pen(began=site.now - 1000).register(site.cloud)
    canary = os.urandom(12)
    gateway = Gateway(site.cloud).start()
    wire = Wire(gateway.port)
    try:
        uplink = Uplink(pen, wire)
        boot = telemetry.encode_batch(1, [(telemetry.NOTE, 5, telemetry.NOTE_BOOT, 1)])
        assert uplink.post(b"t", boot)[0] == coap.CHANGED
        assert uplink.post(b"t", canary)[0] == coap.BAD_REQUEST
        assert (
            uplink.post(b"r", telemetry.encode_receipts([canary * 8]))[0] == coap.CHANGED
        )  # told, and refused
        assert uplink.post(canary.hex().encode(), canary)[0] == coap.NOT_FOUND
        wire.ask(canary, 0.2)
        wire.ask(b"\x44\x02\x12\x34abcd\xff" + canary, 0.2)
        with testdatabase.held(site.cloud.db):
            assert uplink.post(b"t", canary)[0] == coap.UNAVAILABLE
    finally:
        wire.close()
        status, written = gateway.stop()
        site.close()
    said = [json.loads(line) for line in written.splitlines()]
    assert status == 0 and {line["part"] for line in said} == {"gateway"}
    served_ = [(line["route"], line["status"]) for line in said if line["message"] == "request"]
    assert ("/t", "2.04") in served_ and ("/t", "4.00") in served_ and ("none", "4.04") in served_
    for secret in (canary, canary * 8, pen.k_lock, uplink.secret, pen.key, SECRET, uplink.context.id_context):
        for spelling in spellings(secret):
            assert spelling not in written, spelling


def test_the_worker_logs_of_a_job_that_fails_what_and_where(site, lines):
    def leak(cloud, now):
        raise ValueError("sesame " + cloud.settings.secret.decode())

    worker = Worker(site.cloud, [("leak", 60, leak)])
    with ThreadPoolExecutor(1) as pool:
        worker._turn(pool)
    (line,) = [line for line in lines() if line["level"] == "error"]
    assert (line["message"], line["job"]) == ("job leak failed", "leak")
    assert line["error"][0]["at"][-1].endswith(" leak") and "sesame" not in json.dumps(lines())
    assert SECRET.decode() not in json.dumps(lines())
