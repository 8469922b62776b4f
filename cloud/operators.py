"""Operators: who runs a fleet, and what riders are told of them."""

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloud.db import insert
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.tables import Operator

FIRST = "first"  # id of the operator that is made when nobody named one


def create(session: Session, now: int, **fields: Any) -> Operator:
    """`fields`: columns of the table; `name` at least."""
    row = Operator(operator_id=secrets.token_urlsafe(16), created_at=now, **fields)
    session.add(row)
    session.flush()
    return row


def find(session: Session, reach: Reach, operator_id: str) -> Operator:
    """Raises Problem not_found, for another operator too."""
    rows = select(Operator).where(Operator.operator_id == operator_id, reach.of(Operator.operator_id))
    row = session.scalars(rows).one_or_none()
    if row is None:
        raise Problem("not_found")
    return row


def page(session: Session, reach: Reach, after: str, limit: int) -> Sequence[Operator]:
    """By id, from the first one after `after`."""
    rows = select(Operator).where(reach.of(Operator.operator_id), Operator.operator_id > after)
    return session.scalars(rows.order_by(Operator.operator_id).limit(limit)).all()


def for_new(session: Session, reach: Reach, named: str | None, now: int) -> str:
    """Whose something new is: the caller's operator. The platform names one unless there is only one, made
    when there is none. Raises Problem not_found, name_operator."""
    if named is not None:
        return find(session, reach, named).operator_id
    if not reach.everything:
        assert reach.operator_id is not None
        return reach.operator_id
    ids = session.scalars(select(Operator.operator_id).limit(2)).all()
    if len(ids) > 1:
        raise Problem("name_operator")
    if not ids:
        first = {"operator_id": FIRST, "name": "First operator", "timezone": "UTC", "language": "en"}
        session.execute(insert(session, Operator).values(**first, created_at=now).on_conflict_do_nothing())
    return ids[0] if ids else FIRST
