"""Receipts: verified, stored once by (lock, seq), countersigned, chained. The event log that rides are projected from.

Whoever carries a receipt, it ends here: uplink, the rider's phone, a stranger's. The first copy is kept; the same
bytes again answer the same; other bytes under the same (lock, seq) are a fork, kept beside it and told as an alarm.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cloud import assets, claims, events, issuers, locks, metrics, proofs, rides
from cloud.context import Cloud
from cloud.db import insert
from cloud.tables import Lock, Receipt, ReceiptFork, Ride
from protocol import keys, receipt

log = logging.getLogger(__name__)

STORED, KNOWN, FORK, REFUSED = "stored", "known", "fork", "refused"
STARTS = (receipt.OPEN, receipt.HAND_OVER)
SERVICES = {  # uses of a master token
    receipt.SERVICE_OPEN: "opened",
    receipt.UPDATE: "update",
    receipt.DECOMMISSION: "decommissioned",
}
ADVANCE = 500  # rows read at a time when a gap closes


@dataclass(frozen=True)
class Outcome:
    """What became of one receipt. `row`: the copy that is kept, with its countersignature; None when refused."""

    status: str
    row: Receipt | None = None


def take(cloud: Cloud, session: Session, lock_id: str, bodies: Sequence[bytes], via: str) -> list[Outcome]:
    """Store what one carrier brought of one lock, in a writing session. Raises Problem not_found, no_issuer_key.

    A receipt that does not verify is refused by itself: the others count.
    """
    lock = locks.get(session, lock_id, for_update=True)  # two carriers of one lock come one after the other
    key = keys.receipt_key(locks.key(cloud.box, lock))
    before = lock.chained_seq
    outcomes = [_take(cloud, session, lock, key, body, via) for body in bodies]
    _advance(session, lock)
    if lock.chained_seq > before:
        rides.update(session, lock, cloud.settings.still_s, cloud.now())
    _tell(session, lock, outcomes, via, cloud.now())
    for outcome in outcomes:
        metrics.note(session, metrics.RECEIPTS.labels(via, outcome.status))
    return outcomes


def _tell(session: Session, lock: Lock, outcomes: list[Outcome], via: str, now: int) -> None:
    for status, kind in ((STORED, "receipt.stored"), (FORK, "receipt.forked")):
        seqs = [outcome.row.seq for outcome in outcomes if outcome.status == status and outcome.row]
        if seqs:
            events.of_lock(session, kind, lock, now, seqs=seqs, via=via)


def take_any(cloud: Cloud, session: Session, bodies: Sequence[bytes], via: str) -> list[Outcome]:
    """As `take`, of any locks; outcomes in the order given. A lock that we do not know is no other than a wrong MAC."""
    of_lock: dict[str, list[int]] = {}
    for place, body in enumerate(bodies):
        with suppress(receipt.ReceiptError):
            of_lock.setdefault(receipt.parse(body).lock_id.hex(), []).append(place)
    outcomes = [Outcome(REFUSED)] * len(bodies)
    known = session.scalars(
        select(Lock.lock_id).where(Lock.lock_id.in_(of_lock)).order_by(Lock.lock_id)
    ).all()
    for lock_id in known:  # in one order, so that two phones never wait for each other in a ring
        places = of_lock[lock_id]
        for place, outcome in zip(
            places, take(cloud, session, lock_id, [bodies[p] for p in places], via), strict=True
        ):
            outcomes[place] = outcome
    return outcomes


def _take(cloud: Cloud, session: Session, lock: Lock, key: bytes, body: bytes, via: str) -> Outcome:
    try:
        said = receipt.open(key, body)
    except receipt.ReceiptError as error:
        log.warning("lock %s: a receipt by %s was refused: %s", lock.lock_id, via, error)
        return Outcome(REFUSED)
    if said.lock_id.hex() != lock.lock_id:
        log.warning("lock %s: a receipt by %s names another lock", lock.lock_id, via)
        return Outcome(REFUSED)
    digest = receipt.digest(body)
    row = session.get(Receipt, (lock.lock_id, said.seq))
    if row is None:
        return Outcome(STORED, _store(cloud, session, lock, said, body, digest, via))
    if row.digest == digest:
        row.copies += 1
        return Outcome(KNOWN, row)
    _fork(cloud, session, lock.lock_id, said.seq, body, digest, via)
    return Outcome(FORK, row)


def _store(
    cloud: Cloud, session: Session, lock: Lock, said: receipt.Receipt, body: bytes, digest: bytes, via: str
) -> Receipt:
    now = cloud.now()
    signer = issuers.current(session, keys.COUNTERSIGN, now)
    promise = receipt.countersign_input(said.lock_id, said.seq, digest)
    known = said.error != receipt.UNKNOWN
    row = Receipt(
        lock_id=lock.lock_id,
        seq=said.seq,
        body=body,
        digest=digest,
        type=said.type,
        cti=said.cti.hex() if said.cti else None,
        at=said.at if known else None,
        error=said.error if known else None,
        received_at=now,
        via=via,
        copies=1,
        proof=proofs.judge(session, said),
        countersign_kid=signer.kid,
        countersignature=issuers.signer(cloud.box, signer)(promise),
    )
    session.add(row)
    session.flush()
    if row.proof not in (None, proofs.HOLDS):
        log.error("lock %s: receipt %d: its proof is %s", lock.lock_id, said.seq, row.proof)
    if said.type in STARTS:
        claims.started(session, lock.lock_id, said.cti.hex(), said.epoch)
    if said.type in SERVICES:
        served = dict(zip(("version", "manifest"), _release(said), strict=False))
        what, cti = SERVICES[said.type], said.cti.hex()
        events.of_lock(session, "lock.serviced", lock, now, what=what, cti=cti, seq=said.seq, **served)
    if said.type == receipt.DECOMMISSION:
        decommission(session, lock.lock_id, now)
    floor = said.epoch if said.type == receipt.SUCCESSOR and lock.kind == "exclusive" else 0
    locks.saw(session, lock.lock_id, floor, said.seq)
    return row


def _release(said: receipt.Receipt) -> list:
    """[version, SHA-256 of the manifest as hex] of the release that a technician's phone brought; empty for none."""
    return [said.detail[0], said.detail[1].hex()] if said.type == receipt.UPDATE else []


def decommission(session: Session, lock_id: str, now: int) -> None:
    """The lock forgot what it was: no bicycle has it, nobody holds it, no rollout counts it. Receipts stay."""
    assets.free_of(session, lock_id, now)
    claims.drop(session, lock_id)
    locks.get(session, lock_id).board = None  # no release is for it, and no rollout waits for its word
    log.warning("lock %s was decommissioned", lock_id)


def _fork(
    cloud: Cloud, session: Session, lock_id: str, seq: int, body: bytes, digest: bytes, via: str
) -> None:
    values = {
        "lock_id": lock_id,
        "seq": seq,
        "digest": digest,
        "body": body,
        "received_at": cloud.now(),
        "via": via,
    }
    session.execute(insert(session, ReceiptFork).values(values).on_conflict_do_nothing())
    log.error("lock %s: receipt %d is forked: its key or its flash has leaked", lock_id, seq)


def _advance(session: Session, lock: Lock) -> None:
    """Move the ends of the gapless prefix, and of the part of it whose hashes chain, as far as what is stored goes."""
    last = session.get(Receipt, (lock.lock_id, lock.chained_seq))
    link = last.digest[:16] if last else receipt.GENESIS
    ahead = select(Receipt).where(Receipt.lock_id == lock.lock_id).order_by(Receipt.seq).limit(ADVANCE)
    while rows := session.scalars(ahead.where(Receipt.seq > lock.received_seq)).all():
        for row in rows:
            if row.seq != lock.received_seq + 1:
                return
            if lock.chained_seq == lock.received_seq:
                if receipt.parse(row.body).prev == link:
                    lock.chained_seq, link = row.seq, row.digest[:16]
                else:
                    log.error("lock %s: receipt %d does not follow the one before", lock.lock_id, row.seq)
            lock.received_seq = row.seq


def of_lock(session: Session, lock_id: str, before: int | None = None, limit: int = 100) -> Sequence[Receipt]:
    """Newest first, from below `before`."""
    rows = select(Receipt).where(Receipt.lock_id == lock_id).order_by(Receipt.seq.desc()).limit(limit)
    return session.scalars(rows if before is None else rows.where(Receipt.seq < before)).all()


def of_ride(session: Session, ride: Ride) -> Sequence[Receipt]:
    """By seq; the last is the HAND_OVER to another claim where that ended it."""
    rows = select(Receipt).where(
        Receipt.lock_id == ride.lock_id,
        Receipt.seq >= ride.opened_seq,
        Receipt.seq <= ride.last_seq,
        or_(Receipt.cti == ride.cti, Receipt.seq == ride.last_seq),
    )
    return session.scalars(rows.order_by(Receipt.seq)).all()


def forks(session: Session, lock_id: str) -> dict[int, int]:
    """seq -> how many other receipts lie under it."""
    rows = (
        select(ReceiptFork.seq, func.count()).where(ReceiptFork.lock_id == lock_id).group_by(ReceiptFork.seq)
    )
    return {seq: count for seq, count in session.execute(rows)}
