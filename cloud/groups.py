"""Groups: locks of one operator under an id that the locks know, and the riders who may use them.

A lock carries its group's id (4 bytes) from its provisioning on, so that a master token may name them all; the cloud
adds a name, and whether only members may claim: a company's bicycles. Who is a member no lock knows. One joins by a
code that an admin gave out, or has a verified address of the company's domain, for as long as one has it.
"""

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from cloud.db import insert
from cloud.problem import Problem
from cloud.reach import Reach, member
from cloud.tables import Group, Invitation, Lock, Member, User

CODE_BYTES = 10  # of an invitation: 80 bits, 16 characters
LONGEST_S = 30 * 86400  # of an invitation


class Row(NamedTuple):
    group: Group
    locks: int
    members: int  # who joined by an invitation


def join(session: Session, group_id: str, operator_id: str, now: int) -> None:
    """A lock of this operator carries the id; the group is made by its first lock. Raises Problem group_taken."""
    values = {"group_id": group_id, "operator_id": operator_id, "name": group_id, "members_only": 0}
    session.execute(insert(session, Group).values(**values, created_at=now).on_conflict_do_nothing())
    group = session.get(Group, group_id)
    if group is None or group.operator_id != operator_id:
        raise Problem("group_taken")


def create(
    session: Session, operator_id: str, name: str, members_only: bool, now: int, group_id: str | None = None
) -> str:
    """-> its id, drawn unless it is given. Raises Problem group_taken, also where it is one's own."""
    values = {"group_id": group_id or secrets.token_hex(4), "operator_id": operator_id, "name": name}
    rows = insert(session, Group).values(**values, members_only=int(members_only), created_at=now)
    made = session.scalars(rows.on_conflict_do_nothing().returning(Group.group_id)).one_or_none()
    if made is None:
        raise Problem("group_taken")
    return made


def page(session: Session, reach: Reach, after: str, limit: int) -> Sequence[Row]:
    """By id, from the first one after `after`."""
    rows = _rows(reach).where(Group.group_id > after).order_by(Group.group_id).limit(limit)
    return [Row(*row) for row in session.execute(rows)]


def find(session: Session, reach: Reach, group_id: str) -> Row:
    """Raises Problem not_found, for another operator's too."""
    row = session.execute(_rows(reach).where(Group.group_id == group_id)).one_or_none()
    if row is None:
        raise Problem("not_found")
    return Row(*row)


def _rows(reach: Reach) -> Any:
    locks = select(func.count()).select_from(Lock).where(Lock.group_id == Group.group_id)
    members = select(func.count()).select_from(Member).where(Member.group_id == Group.group_id)
    counts = (each.correlate(Group).scalar_subquery() for each in (locks, members))
    return select(Group, *counts).where(reach.of(Group.operator_id))


# ---- who belongs to one


def members(
    session: Session, reach: Reach, group_id: str, after: str, limit: int
) -> Sequence[tuple[Member, str]]:
    """(member, login), by user id from the first one after `after`. Raises Problem not_found."""
    find(session, reach, group_id)
    rows = select(Member, User.login).join(User, User.user_id == Member.user_id)
    rows = rows.where(Member.group_id == group_id, Member.user_id > after)
    found = session.execute(rows.order_by(Member.user_id).limit(limit))
    return [(row, login) for row, login in found]


def of_user(session: Session, user_id: str) -> Sequence[Group]:
    rows = select(Group).where(member(user_id))
    return session.scalars(rows.order_by(Group.name, Group.group_id)).all()


def invite(
    session: Session, reach: Reach, group_id: str, uses: int, expires_at: int, now: int
) -> tuple[Group, str]:
    """(the group, a code that is nowhere else). Raises Problem not_found, bad_window."""
    group = find(session, reach, group_id).group
    if not now < expires_at <= now + LONGEST_S:
        raise Problem("bad_window", most=LONGEST_S)
    code = secrets.token_hex(CODE_BYTES)
    session.execute(delete(Invitation).where(Invitation.group_id == group_id, Invitation.expires_at <= now))
    row = {"code_hash": _hash(code), "group_id": group_id, "uses": uses, "created_by": reach.user_id}
    session.add(Invitation(**row, expires_at=expires_at))
    return group, code


def accept(session: Session, user_id: str, code: str, now: int) -> Group:
    """Join the group that the code is for; joining twice is joining once. Raises Problem not_found: no such code, or it
    is over, or as many as it was for have joined."""
    good = (Invitation.code_hash == _hash(code), Invitation.expires_at > now, Invitation.uses > 0)
    row = session.scalars(select(Invitation).where(*good).with_for_update()).one_or_none()
    if row is None:
        raise Problem("not_found")
    new = insert(session, Member).values(group_id=row.group_id, user_id=user_id, joined_at=now)
    if session.scalars(new.on_conflict_do_nothing().returning(Member.user_id)).one_or_none() is not None:
        used = update(Invitation).where(Invitation.code_hash == row.code_hash)
        session.execute(used.values(uses=Invitation.uses - 1))
    group = session.get(Group, row.group_id)
    assert group is not None
    return group


def leave(session: Session, group_id: str, user_id: str) -> None:
    """Raises Problem not_found for who is no member. Claims that they hold run to their end."""
    mine = delete(Member).where(Member.group_id == group_id, Member.user_id == user_id)
    if session.scalars(mine.returning(Member.user_id)).one_or_none() is None:
        raise Problem("not_found")


def withdraw(session: Session, group_id: str) -> None:
    """Every code of the group is void."""
    session.execute(delete(Invitation).where(Invitation.group_id == group_id))


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode(errors="replace")).digest()
