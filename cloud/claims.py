"""Claims: a rider's right to start. One open claim an exclusive lock, made sure of by the database.

The rules: a claim holds its lock while its start window runs (single) or until its end
(period); a ride that the cloud believes to be running holds nothing, since the rider at the bike may know better and
the lock decides; pooled locks take period claims only, and any number.
"""

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from cloud import events, floors, issuers, locks, metrics, tokens
from cloud.db import insert
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.tables import Asset, Claim, Lock, Ride
from cloud.wrapping import Wrapping
from protocol import keys

WINDOWS = {
    "single": (600, 900),
    "period": (86400, 7 * 86400),
}  # mode: (length unless asked for, most) in seconds
SUCCESSOR_S = 600  # how long a successor's token is good for
HOLD_S = 900  # unless asked for; the lock caps it
LONGEST_S = 86400
WITHDRAWN, SERVICE = (
    "key",
    "service",
)  # why a claim is closed that its rider did not close: issuers.drop, service.py
WHY = {WITHDRAWN: "claim_withdrawn", SERVICE: "out_of_service"}  # what its rider is told
CLIENT_CLAIMS = 1000  # most that a program may hold: it stands for riders of its own
OPEN_CLAIMS = 5  # most that one rider may hold: a claim keeps others away and costs nothing


def create(
    session: Session,
    box: Wrapping,
    user_id: str,
    lock_id: str,
    holder: bytes,
    mode: str,
    now: int,
    exp: int | None = None,
    hold: int | None = None,
) -> tuple[Claim, Lock, bytes]:
    """(claim, its lock, token). `holder` has passed tokens.check_holder.
    Raises Problem already_claimed (with `claim_id` when the open claim is the caller's own), pool_needs_period,
    bad_window, not_found, out_of_service."""
    default, most = WINDOWS[mode]
    exp = now + default if exp is None else exp
    if not now < exp <= now + most:
        raise Problem("bad_window", most=most)
    lock = locks.next_epoch(session, lock_id)  # from here on other claims of this lock wait
    out = select(Asset.out_since).where(Asset.lock_id == lock_id, Asset.out_since.is_not(None))
    if session.scalar(out) is not None:
        raise Problem("out_of_service")
    pooled = lock.kind == "pooled"
    if pooled and mode != "period":
        raise Problem("pool_needs_period")
    key = issuers.current(session, keys.RIDE, now)
    values = {
        "cti": secrets.token_hex(8),
        "user_id": user_id,
        "lock_id": lock_id,
        "open_on": None if pooled else lock_id,
        "kid": key.kid,
        "epoch": lock.next_epoch - 1,
        "holder": holder,
        "mode": mode,
        "nbf": now - tokens.BEFORE_S,
        "exp": exp,
        "hold": HOLD_S if hold is None else hold,
        "longest": LONGEST_S,
        "status": "open",
        "created_at": now,
    }
    claim = _insert(session, values)
    if claim is None and _expire(session, lock_id, now):
        claim = _insert(session, values)
    if claim is None:
        raise Problem("already_claimed", **_own(session, user_id, lock_id))
    events.of_lock(session, "claim.made", lock, now, claim.cti, user_id, mode=mode, exp=exp)
    metrics.note(session, metrics.CLAIMS)
    return claim, lock, tokens.issue_ride(session, box, key, claim, lock, now)


def check_limit(session: Session, user_id: str, now: int, most: int = OPEN_CLAIMS) -> None:
    """Before `create`, and outside its transaction: a courtesy to the others, so two requests at once may both pass.
    Raises Problem claim_limit."""
    mine = (Claim.user_id == user_id, Claim.status == "open", Claim.exp >= now)
    if (session.scalar(select(func.count()).select_from(Claim).where(*mine)) or 0) >= most:
        raise Problem("claim_limit", most=most)


def _insert(session: Session, values: dict[str, Any]) -> Claim | None:
    """None: the UNIQUE of open_on has spoken."""
    rows = insert(session, Claim).values(values).on_conflict_do_nothing(index_elements=[Claim.open_on])
    return session.scalars(rows.returning(Claim)).one_or_none()


def _expire(session: Session, lock_id: str, now: int) -> bool:
    """Close the claim that holds this lock, if its window is over."""
    over = update(Claim).where(Claim.open_on == lock_id, Claim.exp < now).returning(Claim.cti)
    return session.scalars(over.values(status="expired", open_on=None)).one_or_none() is not None


def drop(session: Session, lock_id: str) -> None:
    """Cancel what holds a lock that is none any more."""
    held = update(Claim).where(Claim.lock_id == lock_id, Claim.status == "open")
    session.execute(held.values(status="cancelled", open_on=None))


def withdraw(session: Session, lock: Lock, now: int, why: str) -> None:
    """Cancel the claims of this lock that have no ride running, and tell whose they were; in a session that holds the
    lock's row. Their tokens die at its next uplink."""
    running = select(Ride.claim).where(
        Ride.lock_id == lock.lock_id, Ride.state != "ended", Ride.claim.is_not(None)
    )
    held = update(Claim).where(
        Claim.lock_id == lock.lock_id, Claim.status == "open", Claim.cti.not_in(running)
    )
    gone = held.values(status="cancelled", open_on=None, why=why).returning(Claim.cti, Claim.user_id)
    for cti, user_id in session.execute(gone).all():
        events.of_lock(session, "claim.cancelled", lock, now, cti, user_id)
    floors.settle(session, lock.lock_id, now)


def _own(session: Session, user_id: str, lock_id: str) -> dict[str, Any]:
    """The caller's own claim in the way, if it is: an app whose answer was lost finds its claim again."""
    mine = (Claim.open_on == lock_id, Claim.user_id == user_id)
    cti = session.scalars(select(Claim.cti).where(*mine)).one_or_none()
    return {"claim_id": cti} if cti else {}


def of_user(
    session: Session, user_id: str, after: tuple[int, str] | None = None, limit: int = 100
) -> Sequence[Claim]:
    """Newest first, those after the claim of this time and cti."""
    rows = select(Claim).where(Claim.user_id == user_id).order_by(Claim.created_at.desc(), Claim.cti)
    if after is not None:
        at, cti = after
        rows = rows.where(or_(Claim.created_at < at, and_(Claim.created_at == at, Claim.cti > cti)))
    return session.scalars(rows.limit(limit)).all()


def page(
    session: Session,
    reach: Reach,
    now: int,
    after: tuple[int, str] | None,
    limit: int,
    lock_id: str | None = None,
    state: str | None = None,
) -> Sequence[Claim]:
    """Of the operator's locks, newest first, those after the claim of this time and cti. `state`: as a person sees it,
    see `status`."""
    rows = select(Claim).join(Lock, Lock.lock_id == Claim.lock_id).where(reach.of(Lock.operator_id))
    if lock_id is not None:
        rows = rows.where(Claim.lock_id == lock_id)
    if state is not None:
        rows = rows.where(_seen_as(state, now))
    if after is not None:
        rows = rows.where(tuple_(Claim.created_at, Claim.cti) < tuple_(*after))
    return session.scalars(rows.order_by(Claim.created_at.desc(), Claim.cti.desc()).limit(limit)).all()


def _seen_as(state: str, now: int) -> ColumnElement[bool]:
    """Claims of which `status` says this."""
    if state == "open":
        return and_(Claim.status == "open", Claim.exp >= now)
    if state == "expired":
        return or_(Claim.status == "expired", and_(Claim.status == "open", Claim.exp < now))
    return Claim.status == state


def of_lock(session: Session, lock_id: str, limit: int = 100) -> Sequence[Claim]:
    """Newest first."""
    rows = select(Claim).where(Claim.lock_id == lock_id).order_by(Claim.epoch.desc(), Claim.cti)
    return session.scalars(rows.limit(limit)).all()


def get(session: Session, cti: str, user_id: str) -> Claim:
    """Only one's own. Raises Problem not_found, for a stranger's claim too."""
    rows = select(Claim).where(Claim.cti == cti, Claim.user_id == user_id)
    claim = session.scalars(rows).one_or_none()
    if claim is None:
        raise Problem("not_found")
    return claim


def _held(session: Session, cti: str, user_id: str) -> tuple[Claim, Lock]:
    """A claim to change, with its lock's row held until the transaction ends. Whoever changes a lock's claims takes
    that row first, so no two wait for each other. Raises Problem not_found."""
    lock = locks.get(session, get(session, cti, user_id).lock_id, for_update=True)
    session.expire_all()  # read again what may have changed while we waited
    return get(session, cti, user_id), lock


def status(claim: Claim, now: int) -> str:
    """As a person sees it: a window that has passed is over, though nobody has come to write it down yet."""
    return "expired" if claim.status == "open" and claim.exp < now else claim.status


def cancel(session: Session, cti: str, user_id: str, now: int) -> Claim:
    """Free the lock for others. The token may still start one ride, billed to this claim, until anyone newer comes by,
    the uplink brings the floor, or its window ends. Cancelling twice is cancelling once."""
    claim, lock = _held(session, cti, user_id)
    if claim.status == "open":
        claim.status, claim.open_on = "cancelled", None
        session.flush()
        floors.settle(session, claim.lock_id, now)
        events.of_lock(session, "claim.cancelled", lock, now, cti, user_id)
    return claim


def started(session: Session, lock_id: str, cti: str, epoch: int) -> Claim | None:
    """A receipt says that a ride of this claim began with a token of this epoch: a single claim is used up and its lock
    is free to claim. Saying so again does no harm. None: nobody has this claim on this lock."""
    claim = session.get(Claim, cti)
    if claim is None or claim.lock_id != lock_id:
        return None
    single = claim.mode == "single"
    if single and claim.status != "used":
        claim.status, claim.open_on = "used", None
        session.flush()
    if (
        locks.get(session, lock_id).kind == "exclusive"
    ):  # SPEC 6, row 8 and START: what the lock's floor is now, at least
        locks.saw(session, lock_id, epoch + 1 if single else epoch)
    return claim


def _closed(claim: Claim) -> Problem:
    return Problem(WHY.get(claim.why or "", "claim_closed"))


def bind(
    session: Session, box: Wrapping, cti: str, user_id: str, hello: bytes, challenge: bytes, now: int
) -> tuple[Claim, Lock, bytes]:
    """(claim, lock, token): the same claim's token, bound to the challenge of a lock that has lost its clock.
    Raises Problem wrong_lock, claim_closed, claim_old, not_found."""
    claim, lock = _held(session, cti, user_id)
    key = issuers.usable(session, claim.kid, now)
    if status(claim, now) != "open" or key is None:
        raise _closed(claim)
    bound = tokens.bind([(lock, locks.key(box, lock))], hello, challenge)
    if bound.ride_floor > claim.epoch:
        raise Problem("claim_old")
    locks.saw(session, lock.lock_id, bound.ride_floor, bound.receipt_seq)
    return claim, lock, tokens.issue_ride(session, box, key, claim, lock, now, nonce=bound.nonce)


def succeed(
    session: Session,
    box: Wrapping,
    cti: str,
    user_id: str,
    holder: bytes,
    now: int,
    hello: bytes | None = None,
    challenge: bytes | None = None,
) -> tuple[Claim, Lock, bytes]:
    """(claim, lock, token) for the owner's other phone: same cti, new key, next epoch, and it only takes over a running
    ride. The cloud may not know that the ride runs, so any claim will do whose ride is not known to have ended.
    Bound to a challenge when one is given: the lock may have lost its clock meanwhile.
    Raises Problem ride_over, claim_closed, wrong_lock, not_found."""
    claim, lock = _held(session, cti, user_id)
    states = session.scalars(select(Ride.state).where(Ride.cti == cti, Ride.lock_id == claim.lock_id)).all()
    if states and all(state == "ended" for state in states):
        raise Problem("ride_over")
    key = issuers.usable(session, claim.kid, now)
    if key is None:
        raise _closed(claim)
    nonce = None
    if hello is not None and challenge is not None:
        nonce = tokens.bind([(lock, locks.key(box, lock))], hello, challenge).nonce
    lock = locks.next_epoch(session, claim.lock_id)
    claim.epoch, claim.holder = lock.next_epoch - 1, holder
    return claim, lock, tokens.issue_ride(session, box, key, claim, lock, now, nonce, now + SUCCESSOR_S)
