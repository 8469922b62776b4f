"""The HTTP client against a real server that answers well, badly, or not at all."""

import json
import socket
import threading
import time
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import func, select

from cloud import testsite
from cloud.tables import IssuedToken
from tools.cloud_client import CloudAway, CloudClient, CloudError, b64, unb64
from tools.processes import free_port

WRONG_FIELD = {"code": "invalid", "detail": "No.", "errors": [{"field": "code", "detail": "is missing"}]}
ANSWERS = {
    "/good": (200, b'{"a": 1}'),
    "/empty": (204, b""),
    "/refused": (409, b'{"code": "already_claimed", "detail": "This bike is claimed by someone."}'),
    "/invalid": (422, json.dumps(WRONG_FIELD).encode()),
    "/page": (502, b"<html>bad gateway</html>"),
    "/elsewhere": (303, b""),
    "/late/503": (503, b'{"code": "unavailable", "detail": "Later."}'),
    "/late/busy": (409, b'{"code": "key_busy", "detail": "It still runs."}'),
    "/late/cut": (409, b'{"code": "key_cut", "detail": "Look what it did."}'),
}


class Server(BaseHTTPRequestHandler):
    heard: list = []
    keys: list = []

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        self.heard.append(
            (self.command, self.path, self.headers.get("Authorization"), self.rfile.read(length))
        )
        self.keys.append(self.headers.get("Idempotency-Key"))
        status, body = ANSWERS[self.path.partition("?")[0]]
        if self.path.startswith("/late/") and self.keys.count(self.keys[-1]) == 3:
            status, body = ANSWERS["/good"]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "/good")
        self.send_header("Retry-After", "3600" if status == 503 else "2")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_json_goes_out_and_comes_back(url):
    client = CloudClient(url, "a token")
    assert client.post("/good", {"x": 2}) == {"a": 1}
    assert Server.heard[-1] == ("POST", "/good", "Bearer a token", b'{"x": 2}')
    assert client.get("/good", lock="a b") == {"a": 1}
    assert Server.heard[-1][1] == "/good?lock=a+b"
    assert client.delete("/empty") is None


def test_a_refusal_has_its_code_and_sentence(url):
    with pytest.raises(CloudError, match="claimed by someone") as caught:
        CloudClient(url).post("/refused")
    assert (caught.value.status, caught.value.code) == (409, "already_claimed")


def test_a_wrong_field_is_named(url):
    with pytest.raises(CloudError, match="code is missing"):
        CloudClient(url).post("/invalid")


def test_what_is_no_answer_of_ours_is_still_one_sentence(url):
    with pytest.raises(CloudError, match="answered 502 without a reason"):
        CloudClient(url, wait=lambda _: None).get("/page")
    with pytest.raises(CloudError, match="answered 303"):
        CloudClient(url).get("/elsewhere")


def test_a_cloud_that_is_down_says_so():
    with pytest.raises(CloudAway, match="does not answer"):
        CloudClient(f"http://127.0.0.1:{free_port()}").get("/good")


def test_what_changes_something_goes_out_under_a_key_of_its_own(url):
    client = CloudClient(url)
    before = len(Server.keys)
    for ask in (client.get, client.post, client.post, client.delete):
        ask("/good")
    first, *keys = Server.keys[before:]
    assert first is None and len({uuid.UUID(key) for key in keys}) == 3


@pytest.mark.parametrize("path, waited", [("/late/503", [5, 5]), ("/late/busy", [2, 2])])
def test_a_call_that_came_too_early_is_sent_again_under_its_key(url, path, waited):
    waits: list = []
    before = len(Server.keys)
    assert CloudClient(url, wait=waits.append).post(path) == {"a": 1}
    assert waits == waited and len(Server.keys) == before + 3 and len(set(Server.keys[before:])) == 1


@pytest.mark.parametrize("path, code", [("/late/cut", "key_cut"), ("/refused", "already_claimed")])
def test_a_refusal_is_final(url, path, code):
    before = len(Server.keys)
    with pytest.raises(CloudError) as caught:
        CloudClient(url, wait=pytest.fail).post(path)
    assert caught.value.code == code and len(Server.keys) == before + 1


def test_nobody_waits_for_a_cloud_that_does_not_listen():
    with pytest.raises(CloudAway):
        CloudClient(f"http://127.0.0.1:{free_port()}", wait=pytest.fail).post("/good")


@contextmanager
def losing(target, lost):
    """A way to `target` on which the first `lost` answers are lost: the server has acted, the caller never knows."""
    listener = socket.create_server(("127.0.0.1", 0))

    def carry():
        left = lost
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            with caller, socket.create_connection(target, 10) as there:
                caller.settimeout(10)
                there.sendall(_request(caller).replace(b"Connection: keep-alive", b"Connection: close"))
                answer = b"".join(iter(lambda: there.recv(65536), b""))
                if not left:
                    caller.sendall(answer)
                left = max(0, left - 1)

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def _request(caller):
    data = b""
    while b"\r\n\r\n" not in data:
        data += caller.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    ]
    while len(body) < sum(lengths):
        body += caller.recv(65536)
    return head + b"\r\n\r\n" + body


def test_an_answer_that_was_lost_is_had_again_and_nothing_is_done_twice(tmp_path):
    site = testsite.Site(tmp_path, now=int(time.time()))
    rider, bike = site.person(), site.bike()
    with testsite.served(site, tmp_path / "log") as target, losing(target, 2) as url:
        client = CloudClient(url, rider.token, wait=lambda _: None)
        made = client.post("/api/v1/claims", {"code": bike.code, "holder_key": testsite.holder_key()})
        assert made["token"] and made["status"] == "open"
        assert [row["claim_id"] for row in client.get("/api/v1/claims")["claims"]] == [made["claim_id"]]
    with site.cloud.db.reading() as session:
        assert session.scalar(select(func.count()).select_from(IssuedToken)) == 1
    site.close()


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(url, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert CloudClient(url).get("/good") == {"a": 1}


def test_base64url_without_padding():
    for data in (b"", b"\xff", b"\xfb\xff", bytes(range(32))):
        assert unb64(b64(data)) == data and "=" not in b64(data)
