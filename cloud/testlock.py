"""For tests: a lock's pen, which writes the receipts that a real lock would, and a cloud on a database of its own."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cloud import context, issuers, locks
from cloud.config import Settings
from cloud.tables import Base, User
from protocol import exchange, keys, receipt

NOW = 1_800_000_000
SECRET = b"a secret of the tests, 0123456789abcdef"
RIDER = "rider-0000000000000000"


def public(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def make_cloud(folder: Path, now: Callable[[], int] = lambda: NOW, still_s: int = 300) -> context.Cloud:
    """A cloud with its issuer keys and one rider, on SQLite."""
    url = f"sqlite:///{folder}/cloud.db"
    cloud = context.make(Settings(secret=SECRET, database_url=url, still_s=still_s), now)
    Base.metadata.create_all(cloud.db.engine)
    with cloud.db.writing() as session:
        issuers.make_missing(session, cloud.box, now())
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
        """`more`: cti, request, issue, detail."""
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

    def successor(self, cti: bytes, at: int, epoch: int) -> bytes:
        return self.write(receipt.SUCCESSOR, at, cti=cti, request=NO_PROOF, issue=[b"\1kid", epoch])


NO_PROOF = [bytes(32), bytes(64)]


def proof(private: Ed25519PrivateKey, subject: bytes, command: int = exchange.OPEN) -> list[bytes]:
    """[transcript, proof] as a holder makes it."""
    transcript = hashlib.sha256(os.urandom(8)).digest()
    return [transcript, private.sign(exchange.proof_input(subject, transcript, command))]
