"""What the gateway does with a lock's request: store it, and compose the answer (SPEC 10). Runs in a thread.

Everything is committed when these return: the acknowledgement that follows lets the lock forget.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from cloud import commands, floors, keyring, locks, receipts, rollouts
from cloud import telemetry as batches
from cloud.context import Cloud
from cloud.tables import Lock
from protocol import telemetry as wire

Malformed = wire.TelemetryError


Once = Callable[[Lock], None]  # raises when the request has counted already; see peers.once


def _always(lock: Lock) -> None:
    """Of somebody who has seen to that himself."""


def telemetry(cloud: Cloud, lock_id: str, payload: bytes, once: Once = _always) -> bytes:
    """POST /t -> the answer's bytes. Raises Malformed, and what `once` raises."""
    now = cloud.now()
    with cloud.db.writing() as session:
        lock = locks.get(session, lock_id, for_update=True)
        once(lock)
        batches.take(session, lock, payload, now)
        return wire.encode_answer(_answer(cloud, session, lock, now))


def take_receipts(cloud: Cloud, lock_id: str, payload: bytes, once: Once = _always) -> bytes:
    """POST /r -> the answer's bytes; its 5 is the highest seq up to which all is here. Raises as `telemetry`."""
    now = cloud.now()
    bodies = wire.decode_receipts(payload)
    with cloud.db.writing() as session:
        once(locks.get(session, lock_id, for_update=True))
        receipts.take(cloud, session, lock_id, bodies, "uplink")
        lock = locks.get(session, lock_id)
        return wire.encode_answer(
            {**_answer(cloud, session, lock, now), wire.RECEIPTS_UP_TO: lock.received_seq}
        )


def _answer(cloud: Cloud, session: Session, lock: Lock, now: int) -> dict:
    """Time, floors, the newest keyset, a release and commands, as SPEC 10."""
    lock.last_seen_at = now
    session.flush()
    floors.settle(session, lock.lock_id, now)
    answer: dict[int, Any] = {
        wire.TIME: now,
        wire.RIDE_FLOOR: lock.wanted_floor,
        wire.MASTER_FLOOR: lock.master_floor,
    }
    if (signed := keyring.newest(session)) is not None:
        answer[wire.KEYSET] = signed.version
    if (release := rollouts.offer(session, lock, now, cloud.settings.uplink_s)) is not None:
        answer[wire.RELEASE] = release
    if asked := commands.pending(session, lock.lock_id, now):
        answer[wire.COMMANDS] = [[command_id, kind, args] for command_id, kind, args in asked]
    return answer
