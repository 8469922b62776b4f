"""Disputes and support messages, with a clock: acknowledged within 48 hours, answered within 28 days, weekends too.

A rider writes about a ride, or in general; the staff of that operator answers; a named person decides, with a reason. A
program cannot: no route of deciding has a scope. Nobody decides about their own. Who disagrees writes again, and the
clock runs anew.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from cloud import events, mail, operators, rides, users
from cloud.context import Cloud
from cloud.problem import Problem
from cloud.reach import EVERYTHING, Reach
from cloud.shapes_accounts import TICKET_STATES
from cloud.tables import Lock, Operator, User
from cloud.tables_people import Ticket, TicketMessage

ACKNOWLEDGE_S = 48 * 3600
ANSWER_S = 28 * 86400
REOPEN_S = 28 * 86400  # after a decision
KEEP_S = {
    "support": 365 * 86400,
    "dispute": 10 * 365 * 86400,
}  # after the decision
STATES = TICKET_STATES
OPEN_MOST = 10  # of one rider

_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ2345679"  # said over a telephone


@dataclass(frozen=True)
class Late:
    """What a ticket should have had by now."""

    ticket: Ticket
    missed: str  # "acknowledgement" or "answer"
    since: int


def create(
    session: Session,
    cloud: Cloud,
    reach: Reach,
    kind: str,
    subject: str,
    text: str,
    ride_id: str | None,
    operator_id: str | None,
) -> Ticket:
    """`ride_id`: one's own; it says whose bicycle it was. Raises Problem not_found, name_operator, ticket_limit."""
    now = cloud.now()
    mine = (Ticket.user_id == reach.user_id, Ticket.decided_at.is_(None))
    if (session.scalar(select(func.count()).select_from(Ticket).where(*mine)) or 0) >= OPEN_MOST:
        raise Problem("ticket_limit", most=OPEN_MOST)
    row = Ticket(
        ticket_id="".join(secrets.choice(_ALPHABET) for _ in range(10)),
        user_id=reach.user_id,
        operator_id=_operator(session, reach, ride_id, operator_id),
        ride_id=ride_id,
        kind=kind,
        subject=subject,
        opened_at=now,
        clock_at=now,
    )
    session.add(row)
    session.flush()
    _write(session, row, reach.user_id, False, text, now)
    _happened(session, "opened", row, now)
    _tell(session, cloud, row, "ticket_opened")
    return row


def _operator(session: Session, reach: Reach, ride_id: str | None, operator_id: str | None) -> str:
    """Whose affair it is: of the ride's lock, else the one that is named, else the only one there is."""
    if ride_id is not None:
        ride = rides.get(session, Reach(reach.user_id), ride_id)
        operator_id = session.scalars(select(Lock.operator_id).where(Lock.lock_id == ride.lock_id)).one()
    if operator_id is not None:
        return operators.find(session, EVERYTHING, operator_id).operator_id
    ids = session.scalars(select(Operator.operator_id).limit(2)).all()
    if len(ids) != 1:
        raise Problem("name_operator")
    return ids[0]


def visible(reach: Reach) -> ColumnElement[bool]:
    """One's own, and the operator's."""
    return or_(Ticket.user_id == reach.user_id, reach.of(Ticket.operator_id))


def get(session: Session, reach: Reach, ticket_id: str, for_update: bool = False) -> Ticket:
    """Raises Problem not_found, for a stranger's too."""
    rows = select(Ticket).where(Ticket.ticket_id == ticket_id, visible(reach))
    row = session.scalars(rows.with_for_update() if for_update else rows).one_or_none()
    if row is None:
        raise Problem("not_found")
    return row


def page(
    session: Session,
    reach: Reach,
    state: str | None,
    late_at: int | None,
    after: tuple[int, str] | None,
    limit: int,
) -> Sequence[Ticket]:
    """The longest waiting first. `late_at`: only what is late by then."""
    rows = select(Ticket).where(visible(reach)).order_by(Ticket.clock_at, Ticket.ticket_id).limit(limit)
    if state is not None:
        rows = rows.where(_STATES[state])
    if late_at is not None:
        rows = rows.where(_late(late_at))
    if after is not None:
        clock, ticket_id = after
        later = and_(Ticket.clock_at == clock, Ticket.ticket_id > ticket_id)
        rows = rows.where(or_(Ticket.clock_at > clock, later))
    return session.scalars(rows).all()


_STATES = {
    "open": and_(Ticket.decided_at.is_(None), Ticket.acknowledged_at.is_(None)),
    "acknowledged": and_(Ticket.decided_at.is_(None), Ticket.acknowledged_at.is_not(None)),
    "decided": Ticket.decided_at.is_not(None),
}


def state(row: Ticket) -> str:
    if row.decided_at is not None:
        return "decided"
    return "open" if row.acknowledged_at is None else "acknowledged"


def messages(session: Session, row: Ticket) -> Sequence[tuple[TicketMessage, str]]:
    """(message, its writer's login), oldest first."""
    found = select(TicketMessage, User.login).join(User, User.user_id == TicketMessage.user_id)
    found = found.where(TicketMessage.ticket_id == row.ticket_id).order_by(TicketMessage.message_id)
    return [(message, login) for message, login in session.execute(found)]


def say(session: Session, cloud: Cloud, reach: Reach, ticket_id: str, text: str) -> Ticket:
    """The rider or the staff writes. The staff's first word acknowledges; the rider's word after a decision opens it
    again, for a while. Raises Problem not_found, ticket_closed."""
    row = get(session, reach, ticket_id, for_update=True)
    now, staff = cloud.now(), row.user_id != reach.user_id
    if row.decided_at is not None:
        if staff or now > row.decided_at + REOPEN_S:
            raise Problem("ticket_closed")
        row.clock_at, row.decided_at, row.acknowledged_at, row.outcome = now, None, None, None
        row.decided_by, row.acknowledged_by = None, None
    _write(session, row, reach.user_id, staff, text, now)
    if staff:
        _acknowledge(session, row, reach.user_id, now)
        _tell(session, cloud, row, "ticket_answered", who=users.get(session, reach.user_id).login, text=text)
    _happened(session, "answered" if staff else "written", row, now)
    return row


def acknowledge(session: Session, cloud: Cloud, reach: Reach, ticket_id: str) -> Ticket:
    """Somebody has it in hand. Saying so twice is saying it once. Raises Problem not_found, own_ticket."""
    row = _for_staff(session, reach, ticket_id)
    _acknowledge(session, row, reach.user_id, cloud.now())
    return row


def decide(session: Session, cloud: Cloud, reach: Reach, ticket_id: str, outcome: str, reason: str) -> Ticket:
    """By the person that asks. Raises Problem not_found, own_ticket, ticket_closed."""
    row = _for_staff(session, reach, ticket_id)
    if row.decided_at is not None:
        raise Problem("ticket_closed")
    now = cloud.now()
    _acknowledge(session, row, reach.user_id, now)
    row.decided_at, row.decided_by, row.outcome = now, reach.user_id, outcome
    _write(session, row, reach.user_id, True, reason, now, decides=True)
    who = users.get(session, reach.user_id).login
    _tell(session, cloud, row, "ticket_decided", who=who, outcome=outcome, text=reason)
    _happened(session, "decided", row, now)
    return row


def _for_staff(session: Session, reach: Reach, ticket_id: str) -> Ticket:
    row = get(session, reach, ticket_id, for_update=True)
    if row.user_id == reach.user_id:
        raise Problem("own_ticket")
    return row


def _acknowledge(session: Session, row: Ticket, user_id: str, now: int) -> None:
    if row.acknowledged_at is None:
        row.acknowledged_at, row.acknowledged_by = now, user_id
        _happened(session, "acknowledged", row, now)


def _happened(session: Session, what: str, row: Ticket, now: int) -> None:
    """To live pages and webhooks: that something was said, and never what or by whom."""
    said = {"code": row.kind, "state": state(row)}
    events.tell(session, f"ticket.{what}", row.ticket_id, now, row.operator_id, row.user_id, **said)


def _write(
    session: Session, row: Ticket, user_id: str, staff: bool, text: str, now: int, decides: bool = False
) -> None:
    session.add(
        TicketMessage(
            ticket_id=row.ticket_id,
            user_id=user_id,
            staff=int(staff),
            decides=int(decides),
            text=text,
            at=now,
        )
    )


def _tell(session: Session, cloud: Cloud, row: Ticket, kind: str, **values: str) -> None:
    mail.tell(session, cloud, users.get(session, row.user_id), kind, number=row.ticket_id, **values)


# ---- the clock


def _late(now: int) -> ColumnElement[bool]:
    return and_(
        Ticket.decided_at.is_(None),
        or_(
            and_(Ticket.acknowledged_at.is_(None), Ticket.clock_at + ACKNOWLEDGE_S < now),
            Ticket.clock_at + ANSWER_S < now,
        ),
    )


def late(row: Ticket, now: int) -> Late | None:
    if row.decided_at is not None:
        return None
    if now > row.clock_at + ANSWER_S:
        return Late(row, "answer", row.clock_at + ANSWER_S)
    if row.acknowledged_at is None and now > row.clock_at + ACKNOWLEDGE_S:
        return Late(row, "acknowledgement", row.clock_at + ACKNOWLEDGE_S)
    return None


def overdue(session: Session, reach: Reach, now: int, limit: int = 200) -> list[Late]:
    """What waits too long, the longest first: for whoever looks after the fleet."""
    rows = page(session, reach, None, now, None, limit)
    return [found for row in rows if (found := late(row, now)) is not None]


# ---- forgetting


def waiting(session: Session, user_id: str) -> bool:
    """Whether something of this rider's is not decided yet."""
    mine = select(Ticket.ticket_id).where(Ticket.user_id == user_id, Ticket.decided_at.is_(None))
    return session.scalars(mine.limit(1)).one_or_none() is not None


def erase(session: Session, user_id: str) -> None:
    """What somebody wrote who leaves. That it was decided, and by whom, stays."""
    session.execute(update(Ticket).where(Ticket.user_id == user_id).values(subject=""))
    theirs = select(Ticket.ticket_id).where(Ticket.user_id == user_id)
    session.execute(update(TicketMessage).where(TicketMessage.ticket_id.in_(theirs)).values(text=""))


def forget(cloud: Cloud, now: int) -> int:
    """A job of the worker: what was decided long ago. -> how many."""
    with cloud.db.writing() as session:
        old = [and_(Ticket.kind == kind, Ticket.decided_at < now - keep) for kind, keep in KEEP_S.items()]
        ids = session.scalars(select(Ticket.ticket_id).where(or_(*old)).limit(500)).all()
        session.execute(delete(TicketMessage).where(TicketMessage.ticket_id.in_(ids)))
        session.execute(delete(Ticket).where(Ticket.ticket_id.in_(ids)))
        return len(ids)
