"""What a caller may see, as conditions for the nouns' queries: everything, one operator's things, or only their own.

A query that carries its caller's reach finds nothing of a stranger's, so whoever asks for it by id gets what they
would get for an id that never was. Decides and asks nothing itself.
"""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, exists, false, literal, or_, select, true

from cloud.tables import Asset, Group, Lock, Member, Ride, User


class Reach(NamedTuple):
    """`operator_id`: whose things, beside one's own; None with `everything` for the platform's staff."""

    user_id: str
    operator_id: str | None = None
    everything: bool = False

    def of(self, column: Any) -> ColumnElement[bool]:
        """Rows whose column `operator_id` this is: the operator's things, nothing for a rider."""
        if self.everything:
            return true()
        return false() if self.operator_id is None else column == self.operator_id

    def on_lock(self, column: Any) -> ColumnElement[bool]:
        """Rows that belong to a lock by this column."""
        if self.everything or self.operator_id is None:
            return self.of(column)
        return column.in_(select(Lock.lock_id).where(self.of(Lock.operator_id)))

    def rides(self) -> ColumnElement[bool]:
        """The operator's and one's own."""
        return or_(*self.either(Ride))

    def either(self, table: Any) -> list[ColumnElement[bool]]:
        """Rows of a table with `operator_id` and `user_id`: the operator's, and one's own. Apart, since an engine that
        is asked for the first of both at once reads all of both."""
        if self.everything:
            return [true()]
        mine: list[ColumnElement[bool]] = [table.user_id == self.user_id]
        return mine if self.operator_id is None else [table.operator_id == self.operator_id, *mine]

    def usable(self) -> ColumnElement[bool]:
        """Locks, joined to nothing or to their bicycle, that the caller may claim: staff their operator's, a rider
        whatever is not for the members of a group that they are none of."""
        if self.everything or self.operator_id is not None:
            return self.of(Lock.operator_id)
        kept = exists().where(Group.group_id == Lock.group_id, Group.members_only == 1, ~member(self.user_id))
        return ~kept.correlate(Lock)

    def bare(self) -> ColumnElement[bool]:
        """Bicycles without a lock: a rider may read on the sticker that there is one."""
        return true() if self.operator_id is None else self.of(Asset.operator_id)


def member(user_id: str) -> ColumnElement[bool]:
    """Whether this rider belongs to the row's group: by an invitation, or by the domain of their verified address."""
    invited = exists().where(Member.group_id == Group.group_id, Member.user_id == user_id)
    # LIKE sees nothing special in a domain's letters, and nothing is like NULL
    address = literal("%@") + Group.domain
    employed = exists().where(User.user_id == user_id, User.email.like(address))
    return or_(invited.correlate(Group), employed.correlate(Group))


EVERYTHING = Reach("", None, True)  # the command line, and what the cloud does by itself
