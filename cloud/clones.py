"""Two devices that speak as one lock: its key was read out of its flash, or its flash was copied or put back.

What a lone lock never does, and so tells of a second one:

| sign    | what                                                     | why a lone lock does not                       |
|---------|----------------------------------------------------------|------------------------------------------------|
| context | it goes back to a security context that another followed | each boot draws a new one, and none comes back |
| record  | the number of a record that is here, with other content  | a number is given once, reserved ahead of use  |
| back    | a new record below those that are here                   | it tells in the order of their numbers         |

A repetition is none of them: it says the same under the same number. Of a copy, the first message after the other
one's is a sign. Which of the two is the lock, nobody can tell from here: somebody goes and looks (attention.py).
"""

import json
import logging
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloud import events, locks
from cloud.context import Cloud
from cloud.tables import Fix, Lock, Note, StatusSample

log = logging.getLogger(__name__)

CONTEXT, RECORD, BACK = "context", "record", "back"
LATE_S = 86400  # an older record may be one whose place was cleared since: it proves nothing


def returned(cloud: Cloud, lock_id: str) -> None:
    """Its current security context is one that another had replaced."""
    with cloud.db.writing() as session:
        _saw(session, locks.get(session, lock_id, for_update=True), cloud.now(), CONTEXT)


def compare(session: Session, lock: Lock, rows: Iterable[dict], now: int) -> None:
    """`rows`: as they would be stored, of a batch that begins below `lock.next_record`; nothing of it is stored yet."""
    known = {row["seq"]: row for row in rows if row["seq"] < lock.next_record}
    stored: dict[int, list[dict]] = {}
    for table in (Fix, StatusSample, Note):
        columns = table.__table__.columns
        between = columns.seq.between(min(known), max(known))
        for found in session.execute(select(*columns).where(columns.lock_id == lock.lock_id, between)):
            stored.setdefault(found.seq, []).append(found._asdict())
    for seq, row in known.items():
        if seq in stored:
            if stored[seq] != [row]:
                return _saw(session, lock, now, RECORD, seq)
        elif row["at"] is not None and row["at"] > now - LATE_S:
            return _saw(session, lock, now, BACK, seq)
    return None


def _saw(session: Session, lock: Lock, now: int, sign: str, number: int | None = None) -> None:
    """Each sign is told once, with when and how often."""
    evidence = json.loads(lock.clone_evidence or "{}")
    before = evidence.get(sign)
    evidence[sign] = [before[0], before[1] + 1, before[2]] if before else [now, 1, number]
    lock.clone_evidence = json.dumps(evidence)
    if before is None:
        log.error("lock %s: two devices speak as it (%s)", lock.lock_id, sign)
        events.of_lock(session, "lock.cloned", lock, now, sign=sign, record=number)
