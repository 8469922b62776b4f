"""For tests: the whole web app on a database file of its own, people to be, and bikes to claim. Time is set by hand."""

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cloud import issuers, operators, passwords, sessions, testcontract, testdatabase, testkeys, users
from cloud.app import create_app
from cloud.body import b64
from cloud.config import Settings
from cloud.context import Cloud
from protocol import exchange, keys, status

ROOT = Path(__file__).parent.parent
NOW = 1_800_000_000
SECRET = b"a secret of the tests, 0123456789abcdef"
PASSWORD = "correct horse battery"
_HASHED = passwords.make(PASSWORD)  # once: it is slow on purpose


def holder_key() -> str:
    return b64(Ed25519PrivateKey.generate().public_key().public_bytes_raw())


class Person:
    """Somebody signed in with a bearer token. `person.get("/me")`, `person.post("/claims", code="A1", ...)`."""

    def __init__(self, client: FlaskClient, user_id: str, token: str, login: str = "", program: bool = False):
        self.client, self.user_id, self.token = client, user_id, token
        self.login, self.program = login, program
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> TestResponse:
        return self.client.get("/api/v1" + path, headers=self.headers)

    def delete(self, path: str) -> TestResponse:
        return self.client.delete("/api/v1" + path, headers=self.headers)

    def post(self, path: str, **fields: Any) -> TestResponse:
        return self.client.post("/api/v1" + path, headers=self.headers, json=fields)

    def put(self, path: str, **fields: Any) -> TestResponse:
        return self.client.put("/api/v1" + path, headers=self.headers, json=fields)

    def patch(self, path: str, **fields: Any) -> TestResponse:
        return self.client.patch("/api/v1" + path, headers=self.headers, json=fields)

    def claim(self, bike: "Bike", **fields: Any) -> TestResponse:
        return self.post("/claims", **{"code": bike.code, "holder_key": holder_key(), **fields})


class Bike:
    """A bicycle with its lock, and what the lock would say in a challenge."""

    def __init__(self, code: str, lock_id: bytes, k_lock: bytes):
        self.code, self.lock_id, self.k_lock = code, lock_id, k_lock

    @property
    def hex(self) -> str:
        return self.lock_id.hex()

    def challenge(self, floor: int = 0, seq: int = 0) -> dict[str, str]:
        """The bodies of HELLO and CHALLENGE of one link, as an app sends them to the cloud."""
        hello, challenge = exchange.encode_hello(os.urandom(8), 1), os.urandom(16)
        fields = [self.lock_id, seq, floor, status.STATE_LOCKED, NOW, 5, 3900, 1]
        sealed = exchange.seal_status(keys.status_key(self.k_lock), hello, challenge, fields)
        return {"hello": b64(hello), "challenge": b64(exchange.encode_challenge(challenge, 1, sealed))}


class Site:
    """`settings`: more of config.Settings. Staff may sign in without a second factor, unless a test says otherwise."""

    def __init__(self, folder: Path, url: str | None = None, now: int = NOW, **settings: Any):
        self.url = url or testdatabase.fresh(folder)
        self.now = now
        chosen = {"secret": SECRET, "database_url": self.url, "staff_second_factor": False, **settings}
        self.app = create_app(Settings(**chosen), now=lambda: self.now)
        self.app.test_client_class = testcontract.Client
        self.client = self.app.test_client()
        self.cloud: Cloud = self.app.extensions["ringslot"]
        with self.cloud.db.writing() as session:
            issuers.make_missing(session, self.cloud.box, self.now)
            testkeys.publish(session, self.now)

    def person(self, role: str = "rider", login: str | None = None, operator: str | None = None) -> Person:
        with self.cloud.db.writing() as session:
            login = login or secrets.token_hex(8)
            user_id = users.create(session, login, _HASHED, role, self.now, operator)
            token, _expires = sessions.start(session, user_id, self.now, second=True)
        return Person(self.app.test_client(use_cookies=False), user_id, token, login)

    def bike(self, kind: str = "exclusive", group: str | None = None, operator: str | None = None) -> Bike:
        lock_id, k_lock, code = os.urandom(8), os.urandom(32), secrets.token_hex(4)
        admin = self.person("admin")
        fields = {
            "lock_id": lock_id.hex(),
            "k_lock": b64(k_lock),
            "kind": kind,
            "group": group,
            "operator": operator,
        }
        assert admin.post("/locks", **fields).status_code == 201
        assert admin.post("/assets", code=code, label=f"Bike {code}", lock=lock_id.hex()).status_code == 201
        return Bike(code, lock_id, k_lock)

    def operator(self, name: str) -> str:
        """-> its id"""
        with self.cloud.db.writing() as session:
            return operators.create(session, self.now, name=name).operator_id

    def close(self) -> None:
        self.cloud.db.close()


@contextmanager
def served(site: Site, log: Path, root: Path = ROOT) -> Iterator[tuple[str, int]]:
    """The site's database behind gunicorn, as it runs in earnest: several processes, real sockets, the real clock.
    `root`: where the cloud's folder lies, if a test has a copy of its own."""
    environ = {**os.environ, "RINGSLOT_SECRET": SECRET.decode(), "RINGSLOT_DATABASE_URL": site.url}
    environ["RINGSLOT_STAFF_SECOND_FACTOR"] = "off"
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "cloud/gunicorn_conf.py",
        "-b",
        "127.0.0.1:0",
        "cloud.wsgi:app",
    ]
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=root, env=environ, stdout=output, stderr=output)
    try:
        yield _address(server, log)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)


def _address(server: subprocess.Popen, log: Path) -> tuple[str, int]:
    end = time.monotonic() + 20
    while time.monotonic() < end and server.poll() is None:
        found = re.search(r"Listening at: http://([\d.]+):(\d+)", log.read_text())
        if found:
            return found.group(1), int(found.group(2))
        time.sleep(0.05)
    raise RuntimeError(f"gunicorn did not start:\n{log.read_text()}")


def problem(answer: TestResponse, status_code: int, code: str) -> dict[str, Any]:
    """The answer is this problem, well-formed (RFC 9457). -> its body"""
    assert answer.mimetype == "application/problem+json", answer.data
    body: dict[str, Any] = answer.get_json()
    assert (answer.status_code, body["code"]) == (status_code, code), body
    assert (
        body["status"] == status_code and body["title"] and body["detail"] and body["type"] == "about:blank"
    )
    return body
