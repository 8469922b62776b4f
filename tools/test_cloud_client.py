"""The HTTP client against a real server that answers well, badly, or not at all."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

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
}


class Server(BaseHTTPRequestHandler):
    heard: list = []

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        self.heard.append(
            (self.command, self.path, self.headers.get("Authorization"), self.rfile.read(length))
        )
        status, body = ANSWERS[self.path.partition("?")[0]]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "/good")
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
        CloudClient(url).get("/page")
    with pytest.raises(CloudError, match="answered 303"):
        CloudClient(url).get("/elsewhere")


def test_a_cloud_that_is_down_says_so():
    with pytest.raises(CloudAway, match="does not answer"):
        CloudClient(f"http://127.0.0.1:{free_port()}").get("/good")


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(url, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert CloudClient(url).get("/good") == {"a": 1}


def test_base64url_without_padding():
    for data in (b"", b"\xff", b"\xfb\xff", bytes(range(32))):
        assert unb64(b64(data)) == data and "=" not in b64(data)
