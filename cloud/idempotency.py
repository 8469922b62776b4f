"""A changing call acts once however often it is sent: Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07).

Of each key, per caller, there is one row: who sends the same again gets the first answer again, who sends something
else under it is refused, and so is who sends it while the first one runs. Whether the first one acted is written in
the very transaction in which it acts, so a process that was cut off leaves either nothing, and the call may be sent
again, or a row that says so, and it never acts twice. "Too many" and "not now" are no answers: the same may be asked
again under its key.

The answer is kept wrapped, since it may hold a token. The fingerprint is keyed: a body may hold a password.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from cloud import db
from cloud.context import Cloud
from cloud.problem import Problem
from cloud.tables_api import KeptAnswer
from cloud.wrapping import derive

KEEP_S = 86400  # how long an answer is kept
CUT_S = 60  # after which a call that has not answered was cut off; gunicorn gives one 30
MOST = 10_000  # keys of one caller at a time
ANSWER_MAX = 256 * 1024  # bytes of an answer that is kept; none of ours comes near
_KEY = re.compile(r'"([!#-~]{8,64})"|([!#-~]{8,64})', re.ASCII)  # a string of RFC 8941 §3.3.3, or that bare
_PURPOSE = "kept answer"


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class Call:
    """One call under its key. `key_hash`: SHA-256 of caller and key; `attempt`: which of several sendings runs."""

    key_hash: bytes
    caller: bytes
    fingerprint: bytes
    attempt: bytes


def call(secret: bytes, header: str, caller: str, request: Iterable[bytes]) -> Call:
    """`request`: all that tells it from another. Raises Problem bad_key."""
    found = _KEY.fullmatch(header)
    if found is None:
        raise Problem("bad_key")
    fingerprint = hmac.new(derive(secret, "idempotency"), digestmod=hashlib.sha256)
    for part in request:
        fingerprint.update(len(part).to_bytes(8, "big") + part)
    whose = hashlib.sha256(caller.encode()).digest()
    key = hashlib.sha256(whose + (found[1] or found[2]).encode()).digest()
    return Call(key, whose, fingerprint.digest(), secrets.token_bytes(8))


def once(cloud: Cloud, this: Call, act: Callable[[], Answer]) -> tuple[Answer, bool]:
    """(the answer, whether it was given before). `act` must answer what it refuses too, and raise only the unforeseen.
    Raises Problem key_reused, key_busy, key_cut, too_many."""
    with cloud.db.writing() as session:
        kept = _begin(session, this, cloud.now())
    if kept is not None:
        return _unpack(cloud, this, kept), True
    try:
        with db.acting(lambda session: _mark(session, this)):
            answer = act()
    except BaseException:
        _forget(cloud, this)
        raise
    if answer.status == 429 or answer.status >= 500 or len(answer.body) > ANSWER_MAX:
        _forget(cloud, this)
    else:
        _keep(cloud, this, answer)
    return answer, False


def forget(session: Session, now: int) -> None:
    """What is over its time."""
    session.execute(delete(KeptAnswer).where(KeptAnswer.created_at <= now - KEEP_S))


def _begin(session: Session, this: Call, now: int) -> KeptAnswer | None:
    """None: it is ours to act."""
    mine = KeptAnswer.key_hash == this.key_hash
    session.execute(delete(KeptAnswer).where(mine, KeptAnswer.created_at <= now - KEEP_S))
    counted = select(func.count(), func.min(KeptAnswer.created_at)).where(KeptAnswer.caller == this.caller)
    many, oldest = session.execute(counted).one()
    values = {**asdict(this), "created_at": now, "acted": 0}
    rows = db.insert(session, KeptAnswer).values(values).on_conflict_do_nothing()
    if session.execute(rows.returning(KeptAnswer.created_at)).one_or_none() is not None:
        if many >= MOST:
            raise Problem("too_many", headers={"Retry-After": str(max(1, oldest + KEEP_S - now))})
        return None
    kept = session.scalars(select(KeptAnswer).where(mine).with_for_update()).one()
    if not hmac.compare_digest(kept.fingerprint, this.fingerprint):
        raise Problem("key_reused")
    if kept.status is not None:
        return kept
    if kept.created_at > now - CUT_S:
        raise Problem("key_busy", headers={"Retry-After": "1"})
    if kept.acted:
        raise Problem("key_cut")
    kept.attempt, kept.created_at = this.attempt, now  # the first was cut off before it did anything
    return None


def _mark(session: Session, this: Call) -> None:
    """In the transaction that acts, at its end: it did. Another sending that took over meanwhile undoes it."""
    rows = update(KeptAnswer).where(*_still(this)).values(acted=1).returning(KeptAnswer.acted)
    if session.execute(rows).one_or_none() is None:
        raise Problem("key_busy", headers={"Retry-After": "1"})


def _keep(cloud: Cloud, this: Call, answer: Answer) -> None:
    packed = json.dumps([answer.headers, answer.body.decode("latin-1")]).encode()
    values = {"status": answer.status, "answer": cloud.box.wrap(_PURPOSE, this.key_hash.hex(), packed)}
    with cloud.db.writing() as session:
        session.execute(update(KeptAnswer).where(*_still(this)).values(values))


def _unpack(cloud: Cloud, this: Call, kept: KeptAnswer) -> Answer:
    assert kept.status is not None and kept.answer is not None
    headers, body = json.loads(cloud.box.unwrap(_PURPOSE, this.key_hash.hex(), kept.answer))
    return Answer(kept.status, [(name, value) for name, value in headers], body.encode("latin-1"))


def _forget(cloud: Cloud, this: Call) -> None:
    """It failed on our side: who sends it again may try again, unless something was done."""
    try:
        with cloud.db.writing() as session:
            session.execute(delete(KeptAnswer).where(*_still(this), KeptAnswer.acted == 0))
    except Exception as error:
        if not db.is_unavailable(error):
            raise  # and else: after CUT_S


def _still(this: Call) -> tuple:
    return (KeptAnswer.key_hash == this.key_hash, KeptAnswer.attempt == this.attempt)
