"""For tests: a lock's pen, which writes receipts as a lock does, its uplink, and a gateway to send them to."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cloud import context, issuers, locks, testdatabase, testkeys
from cloud.config import Settings
from cloud.tables import User
from protocol import coap, exchange, keys, oscore, receipt

ROOT = Path(__file__).parent.parent
NOW = 1_800_000_000
SECRET = b"a secret of the tests, 0123456789abcdef"
RIDER = "rider-0000000000000000"


def public(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def make_cloud(
    folder: Path, now: Callable[[], int] = lambda: NOW, still_s: int = 300, url: str | None = None
) -> context.Cloud:
    """A cloud with its issuer keys and one rider, on a database of its own unless a URL is given."""
    url = url or testdatabase.fresh(folder)
    cloud = context.make(Settings(secret=SECRET, database_url=url, still_s=still_s), now)
    with cloud.db.writing() as session:
        issuers.make_missing(session, cloud.box, now())
        testkeys.publish(session, now())
        session.add(User(user_id=RIDER, login="rider", password="-", role="rider", created_at=now()))
    return cloud


class Pen:
    """One lock's log. Each call appends a receipt and returns its bytes; `at` None: the lock does not know the time."""

    def __init__(self, lock_id: bytes | None = None, k_lock: bytes | None = None, began: int = NOW - 200_000):
        self.lock_id = lock_id or os.urandom(8)
        self.k_lock = k_lock or os.urandom(32)
        self.key = keys.receipt_key(self.k_lock)
        self.boot = os.urandom(4)
        self.began = began  # when it booted
        self.log: list[bytes] = []

    def register(self, cloud: context.Cloud, kind: str = "exclusive") -> "Pen":
        with cloud.db.writing() as session:
            locks.register(session, cloud.box, self.hex, self.k_lock, kind, None, NOW)
        return self

    @property
    def hex(self) -> str:
        return self.lock_id.hex()

    def reboot(self, at: int) -> None:
        self.boot, self.began = os.urandom(4), at

    def write(self, kind: int, at: int, known: bool = True, **more: Any) -> bytes:
        """`more`: fix, cti, request, issue, detail."""
        fields = {
            receipt.LOCK: self.lock_id,
            receipt.SEQ: len(self.log) + 1,
            receipt.PREV: receipt.digest(self.log[-1])[:16] if self.log else receipt.GENESIS,
            receipt.TYPE: kind,
            receipt.TIME: at if known else 0,
            receipt.ERROR: 2 if known else receipt.UNKNOWN,
            receipt.FIX: None,
            receipt.BITS: 0,
            receipt.BATTERY: 3900,
            receipt.UPTIME: at - self.began,
            receipt.BOOT: self.boot,
        }
        named = {
            "fix": receipt.FIX,
            "cti": receipt.CTI,
            "request": receipt.REQUEST,
            "issue": receipt.ISSUE,
            "detail": receipt.DETAIL,
        }
        fields |= {named[name]: value for name, value in more.items()}
        self.log.append(receipt.encode(self.key, fields))
        return self.log[-1]

    # ---- what a lock writes in the course of rides; proofs are empty unless a test hands one in

    def open(
        self, cti: bytes, at: int, epoch: int = 1, kid: bytes = b"\1kid", request: Any = None, **more: Any
    ) -> bytes:
        return self.write(receipt.OPEN, at, cti=cti, request=request or NO_PROOF, issue=[kid, epoch], **more)

    def close(self, cti: bytes, at: int, still_since: int = 0, cause: int = 0, **more: Any) -> bytes:
        return self.write(receipt.CLOSE, at, cti=cti, detail=[still_since, cause], **more)

    def reopen(self, cti: bytes, at: int, request: Any = None, **more: Any) -> bytes:
        return self.write(receipt.REOPEN, at, cti=cti, request=request or NO_PROOF, **more)

    def end(
        self, cti: bytes, at: int, close_seq: int = 1, close_at: int = 0, cause: int = 2, **more: Any
    ) -> bytes:
        return self.write(receipt.END, at, cti=cti, detail=[close_seq, close_at, cause], **more)

    def hand_over(
        self, cti: bytes, ended: bytes, at: int, still_since: int, epoch: int = 2, **more: Any
    ) -> bytes:
        issue, detail = [b"\1kid", epoch], [ended, still_since, 1]
        return self.write(
            receipt.HAND_OVER, at, cti=cti, request=NO_PROOF, issue=issue, detail=detail, **more
        )

    def abort(self, cti: bytes, at: int, cause: int = 1, **more: Any) -> bytes:
        return self.write(receipt.ABORT, at, cti=cti, detail=[cause], **more)

    def service(self, cti: bytes, at: int) -> bytes:
        self.write(receipt.SERVICE_OPEN, at, cti=cti, request=NO_PROOF, issue=[b"\2kid", 1])
        return self.write(receipt.SERVICE_CLOSE, at + 60)

    def update(self, cti: bytes, at: int, version: int, manifest: bytes, **more: Any) -> bytes:
        more = {"request": NO_PROOF, "issue": [b"\2kid", 1], **more}
        return self.write(receipt.UPDATE, at, cti=cti, detail=[version, manifest], **more)

    def successor(self, cti: bytes, at: int, epoch: int) -> bytes:
        return self.write(receipt.SUCCESSOR, at, cti=cti, request=NO_PROOF, issue=[b"\1kid", epoch])


NO_PROOF = [bytes(32), bytes(64)]


def proof(private: Ed25519PrivateKey, subject: bytes, command: int = exchange.OPEN) -> list[bytes]:
    """[transcript, proof] as a holder makes it."""
    transcript = hashlib.sha256(os.urandom(8)).digest()
    return [transcript, private.sign(exchange.proof_input(subject, transcript, command))]


class Gateway:
    """The gateway as a process of its own, on the database of `cloud`."""

    def __init__(self, cloud: context.Cloud):
        self.environ = {
            **os.environ,
            "RINGSLOT_SECRET": SECRET.decode(),
            "RINGSLOT_DATABASE_URL": cloud.settings.database_url,
        }
        self.process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self) -> "Gateway":
        """On the port it had before, if it had one. Raises RuntimeError."""
        command = [sys.executable, "-m", "cloud.gateway", "--port", str(self.port)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise RuntimeError(self.process.communicate(timeout=10)[1])
        self.port = json.loads(line)["coap"]
        return self

    def stop(self, how: int = signal.SIGTERM) -> tuple[int, str]:
        """(exit status, what it logged)."""
        assert self.process
        self.process.send_signal(how)
        try:
            log = self.process.communicate(timeout=15)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            log = self.process.communicate(timeout=5)[1] + "\nit did not stop by itself"
        return self.process.returncode, log


class Wire:
    """One UDP socket towards the gateway."""

    def __init__(self, port: int):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))

    def ask(self, datagram: bytes, timeout: float = 5.0) -> bytes | None:
        """The next datagram that comes back, or None."""
        self.socket.send(datagram)
        return self.receive(timeout)

    def receive(self, timeout: float) -> bytes | None:
        self.socket.settimeout(timeout)
        try:
            return self.socket.recv(2048)
        except (TimeoutError, ConnectionRefusedError):
            return None

    def close(self) -> None:
        self.socket.close()


class Uplink:
    """A lock's uplink as the firmware's: protocol/oscore.py over a socket, without its timers. A new one is a boot."""

    def __init__(self, pen: Pen, wire: Wire):
        self.wire = wire
        self.secret = keys.oscore_secret(pen.k_lock)
        self.context = oscore.Context(
            self.secret, b"", keys.oscore_id(pen.lock_id), keys.OSCORE_SERVER_ID, os.urandom(8)
        )
        self.mid = int.from_bytes(os.urandom(2), "big")
        self.sent: list[bytes] = []
        self.bare = 0  # answers in the clear

    def seal(
        self, path: bytes, payload: bytes, code: int = coap.POST, options: Any = (), kind: int = coap.CON
    ) -> Any:
        """(datagram, what opens its answer)."""
        inner = [(coap.URI_PATH, path), *options]
        outer_code, outer, sealed, request = self.context.protect_request(code, inner, payload)
        self.mid = self.mid + 1 & 0xFFFF
        datagram = coap.encode(kind, outer_code, self.mid, os.urandom(2), outer, sealed)
        self.sent.append(datagram)
        return datagram, request

    def open(self, datagram: bytes, request: Any) -> tuple[int, dict, bytes]:
        """(code, options, payload) from inside; the outer code where the answer is in the clear."""
        message = coap.decode(datagram)
        if message.option(coap.OSCORE) is None:
            self.bare += 1
            return message.code, {}, b""
        code, options, payload = self.context.unprotect_response(message.options, message.payload, request)
        self.context.send_id_context = False
        return code, dict(options), payload

    def ask(self, datagram: bytes) -> bytes:
        """The answer to a request of ours, in its acknowledgement or on its own. Raises TimeoutError."""
        token = coap.decode(datagram).token
        for _ in range(12):  # RFC 7252 §4.2: the very same bytes again; more patient than a lock
            answer = self.wire.ask(datagram, 2)
            while answer is not None:
                message = coap.decode(answer)
                if message.type == coap.CON:
                    self.wire.socket.send(coap.acknowledge(message.mid))
                if message.token == token and message.code != coap.EMPTY:
                    return answer
                answer = self.wire.receive(10 if message.code == coap.EMPTY else 2)
        raise TimeoutError

    def post(self, path: bytes, payload: bytes, **more: Any) -> tuple[int, bytes]:
        """(code, payload) after Echo and after naming the context, as SPEC 10 says. Raises TimeoutError."""
        echo: list[tuple[int, bytes]] = []
        for _ in range(9):
            datagram, request = self.seal(path, payload, options=echo, **more)
            code, options, body = self.open(self.ask(datagram), request)
            if code == coap.UNAUTHORIZED and coap.ECHO in options:
                echo = [(coap.ECHO, options[coap.ECHO])]
            elif code == coap.UNAUTHORIZED:
                self.context.send_id_context = True
                time.sleep(0.3)  # it may have been registered just now
            else:
                break
        return code, body
