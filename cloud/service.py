"""In and out of service: a bicycle that nobody may claim until a person says that it is well.

What a lock tells (it is jammed, it is silent) keeps a bicycle back by itself; this is for what only a person sees.
Whoever rides it just now rides on.
"""

from sqlalchemy.orm import Session

from cloud import claims, events, locks
from cloud.tables import Asset


def put(session: Session, row: Asset, in_service: bool, reason: str | None, now: int) -> None:
    """In a writing session, with the bicycle's row held. Saying so twice is saying it once; `reason` is the last one
    given. Claims without a ride are cancelled, and their riders told."""
    if not in_service and row.lock_id is not None:
        lock = locks.get(
            session, row.lock_id, for_update=True
        )  # a claim that is made just now comes before or after
        claims.withdraw(session, lock, now, claims.SERVICE)
    if in_service == (row.out_since is None):
        if not in_service:
            row.out_reason = reason or row.out_reason
        return
    row.out_since, row.out_reason = (None, None) if in_service else (now, reason)
    said = {"out": not in_service, "lock_id": row.lock_id}
    events.tell(session, "asset.service", row.asset_id, now, row.operator_id, None, **said)
