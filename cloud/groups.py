"""Groups: locks of one operator under an id that the locks know (4 bytes), so that a master token may name them all."""

from sqlalchemy.orm import Session

from cloud.db import insert
from cloud.problem import Problem
from cloud.tables import Group


def join(session: Session, group_id: str, operator_id: str, now: int) -> None:
    """A lock of this operator carries the id; the group is made by its first lock. Raises Problem group_taken."""
    values = {"group_id": group_id, "operator_id": operator_id, "name": group_id, "members_only": 0}
    session.execute(insert(session, Group).values(**values, created_at=now).on_conflict_do_nothing())
    group = session.get(Group, group_id)
    if group is None or group.operator_id != operator_id:
        raise Problem("group_taken")
