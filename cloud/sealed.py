"""Sealed batches: which lock's key opens one. The batch does not say, so that its carrier cannot tell."""

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloud import locks
from cloud.tables import Lock
from cloud.wrapping import Wrapping
from protocol import exchange, keys

TRIED = 20_000  # locks at most: who sends a batch waits for it


class Batch(NamedTuple):
    lock_id: str
    receipts: list[bytes]  # not verified yet


def unseal(session: Session, box: Wrapping, data: bytes, hint: str | None) -> Batch | None:
    """Tries the key of the lock that the hint names, then all others, those heard of last first; None if none opens it.

    Trying costs one key derivation and one decryption a lock, far less than to find it by what it advertised: that
    is 256 values for each of several keys a lock.
    """
    for lock in _candidates(session, hint):
        try:
            return Batch(lock.lock_id, exchange.open_batch(keys.batch_key(locks.key(box, lock)), data))
        except exchange.ExchangeError:
            continue
    return None


def _candidates(session: Session, hint: str | None) -> Iterator[Lock]:
    if hint is not None and (lock := session.get(Lock, hint)):
        yield lock
    by_last_seen = select(Lock).order_by(Lock.last_seen_at.desc().nulls_last(), Lock.lock_id).limit(TRIED)
    yield from session.scalars(by_last_seen.execution_options(yield_per=200))
