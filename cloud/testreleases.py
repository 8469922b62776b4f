"""For tests: releases signed by keys in a pocket, and locks that tell of them through the cloud's own way in."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from cloud import ingest, issuers, testkeys
from cloud.context import Cloud
from protocol import keys, manifest, status, telemetry

SIGNERS = ("release 1", "release 2")
FILES = {
    "boards/sim/main.mpy": b"main" * 200,
    "firmware/__init__.py": b"",
    "firmware/lock.mpy": bytes(range(256)) * 5,
    "protocol/cbor.mpy": b"cbor",
}


def publish_keys(session: Session, now: int) -> None:
    """The release keys, in the newest keyset."""
    for name in SIGNERS:
        issuers.add_release(session, testkeys.public(testkeys.root(name)), now)
    testkeys.publish(session, now)


def signed(
    version: int,
    expires: int,
    board: str = "sim",
    counter: int = 1,
    files: Mapping[str, bytes] = FILES,
    by: Sequence[str] = SIGNERS,
    longer: int = 0,
) -> bytes:
    """The manifest. `longer`: by how much the list is wrong about sizes."""
    entries = [(path, len(data) + longer, hashlib.sha256(data).digest()) for path, data in files.items()]
    listed = manifest.encode_list(entries)
    payload = manifest.encode_payload(version, counter, board, expires, listed)
    pens = [testkeys.root(name) for name in by]
    return (
        manifest.encode_head(
            payload, [(keys.kid(keys.RELEASE, testkeys.public(pen)), pen.sign) for pen in pens]
        )
        + listed
    )


def short(data: bytes) -> str:
    """What a lock asks for a file by."""
    return hashlib.sha256(data).hexdigest()[:8]


class Teller:
    """What one lock says to the gateway, record by record. `say(note, value)` -> the decoded answer."""

    def __init__(self, cloud: Cloud, lock_id: str):
        self.cloud, self.lock_id, self.next = cloud, lock_id, 1
        self.last = b""

    def _send(self, records: list[tuple]) -> dict[int, Any]:
        self.last = telemetry.encode_batch(self.next, records)
        self.next += len(records)
        return self.again()

    def again(self) -> dict[int, Any]:
        """The last batch once more: its acknowledgement was lost."""
        return telemetry.decode_answer(ingest.telemetry(self.cloud, self.lock_id, self.last))

    def say(self, *notes: tuple[int, int]) -> dict[int, Any]:
        return self._send([(telemetry.NOTE, self.cloud.now(), code, value) for code, value in notes])

    def update(self, state: int, reason: int = 0) -> dict[int, Any]:
        return self.say((telemetry.NOTE_UPDATE, state | reason << 8))

    def status(self, state: int = status.STATE_LOCKED) -> dict[int, Any]:
        return self._send([(telemetry.STATUS, self.cloud.now(), state, 3900, 2, 60)])

    def boot(self, release: int) -> dict[int, Any]:
        self.say((telemetry.NOTE_RELEASE, release))
        return self.status()
