"""Master tokens: a technician opens named locks for at most a shift, or any lock of a group while online at it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from cloud import locks, tokens
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.tables import Lock
from cloud.wrapping import Wrapping
from protocol import token

RIGHTS = {  # SPEC.md section 3, scope bits
    "service": token.SCOPE_SERVICE,
    "update": token.SCOPE_UPDATE,
    "decommission": token.SCOPE_DECOMMISSION,
}


@dataclass(frozen=True)
class Master:
    cti: bytes
    token: bytes
    exp: int
    locks: list[Lock]  # named ones; empty for a group


def create(
    session: Session,
    box: Wrapping,
    reach: Reach,
    holder: bytes,
    now: int,
    exp: int | None,
    lock_ids: list[str] | None,
    group_id: str | None,
    hello: bytes | None,
    challenge: bytes | None,
    rights: list[str] | None = None,
) -> Master:
    """Either `lock_ids` (1-8) or `group_id`; a group only with `hello` and `challenge`, made by a lock of it.
    `rights`: of RIGHTS, to open for service unless given. Masters count epochs of their own: they never touch the
    floors of rides. Raises Problem bad_window, wrong_lock, not_found."""
    exp = now + tokens.MASTER_S if exp is None else exp
    if not now < exp <= now + tokens.MASTER_S:
        raise Problem("bad_window", most=tokens.MASTER_S)
    audience: tuple[tuple[bytes, int], ...] | bytes
    if group_id is not None:
        named, candidates = [], list(locks.in_group(session, reach, group_id))
        audience = bytes.fromhex(group_id)
    else:  # in the order of ids: the token wants it so, and two requests never wait for each other in a ring
        named = candidates = [
            locks.next_master_epoch(session, locks.find(session, reach, lock_id).lock_id)
            for lock_id in sorted(lock_ids or ())
        ]
        audience = tuple((bytes.fromhex(lock.lock_id), lock.next_master_epoch - 1) for lock in named)
    nonce = None
    if hello is not None and challenge is not None:
        bound = tokens.bind(((lock, locks.key(box, lock)) for lock in candidates), hello, challenge)
        locks.saw(session, bound.lock.lock_id, bound.ride_floor, bound.receipt_seq)
        nonce = bound.nonce
    scope = sum(RIGHTS[right] for right in set(rights or ["service"]))
    cti, minted = tokens.issue_master(session, box, reach.user_id, audience, holder, now, exp, nonce, scope)
    return Master(cti, minted, exp, named)
