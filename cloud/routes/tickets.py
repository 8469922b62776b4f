"""Disputes and support messages: riders write, the operator's staff answers and decides."""

from flask import Blueprint
from sqlalchemy.orm import Session

from cloud import body, limits, shapes_accounts, tickets, users
from cloud.auth import STAFF, allow, cloud, me, reach
from cloud.describe import Fields, Page, answers, paged, takes
from cloud.describe import asks as asking
from cloud.tables import ROLES
from cloud.tables_people import OUTCOMES, TICKET_KINDS, Ticket

routes = Blueprint("tickets", __name__, url_prefix="/api/v1/tickets")

TEXT = body.prose(1, 4000)
ONE = "/<ticket:ticket_id>"


@routes.post("")
@allow(*ROLES)
@takes(
    {"kind": body.word(*TICKET_KINDS), "subject": body.text(1, 120), "text": TEXT},
    {"ride": body.hex_of(16), "operator": body.opaque},
)
@answers(
    201,
    problems=("not_found", "name_operator", "ticket_limit", "too_many"),
    location="/api/v1/tickets/{ticket_id}",
)
def create(fields: Fields) -> shapes_accounts.Ticket:
    """Dispute a ride of mine, or ask for help; an answer comes within 28 days."""
    with cloud().db.writing() as session:
        limits.take(session, "ticket", me().user_id, cloud().now())
        made = tickets.create(
            session,
            cloud(),
            reach(),
            fields["kind"],
            fields["subject"],
            fields["text"],
            fields["ride"],
            fields["operator"],
        )
        return _shown(session, made)


@routes.get("")
@allow(*ROLES)
@asking(state=body.word(*tickets.STATES), late=body.boolean)
@paged(body.integer(), body.text(10, 10))
@answers()
def listed(page: Page, asked: Fields) -> shapes_accounts.Tickets:
    """My own; for staff the operator's too. The longest waiting first; `late`: only what is."""
    late_at = cloud().now() if asked["late"] else None
    after = None if page.after is None else (page.after[0], page.after[1])
    with cloud().db.reading() as session:
        found = tickets.page(session, reach(), asked["state"], late_at, after, page.fetch)
        rows, following = page.cut(found, lambda row: (row.clock_at, row.ticket_id))
        return {"tickets": [_shown(session, row) for row in rows], "next": following}


@routes.get(ONE)
@allow(*ROLES)
@answers()
def one(ticket_id: str) -> shapes_accounts.TicketWithMessages:
    """One with all that was written."""
    with cloud().db.reading() as session:
        row = tickets.get(session, reach(), ticket_id)
        written = tickets.messages(session, row)
        return {
            **_shown(session, row),
            "messages": [
                {
                    "by": login if message.staff else ("rider" if row.user_id != me().user_id else "me"),
                    "staff": bool(message.staff),
                    "decides": bool(message.decides),
                    "text": message.text,
                    "at": message.at,
                }
                for message, login in written
            ],
        }


@routes.post(ONE + "/messages")
@allow(*ROLES)
@takes({"text": TEXT})
@answers(201, problems=("ticket_closed", "too_many"))
def say(ticket_id: str, fields: Fields) -> shapes_accounts.Ticket:
    """Write more. The staff's first word acknowledges; the rider's word after a decision opens it again."""
    with cloud().db.writing() as session:
        limits.take(session, "ticket_message", me().user_id, cloud().now())
        return _shown(session, tickets.say(session, cloud(), reach(), ticket_id, fields["text"]))


@routes.post(ONE + "/acknowledge")
@allow(*STAFF)
@answers(problems=("own_ticket",))
def acknowledge(ticket_id: str) -> shapes_accounts.Ticket:
    """Say that somebody has it in hand."""
    with cloud().db.writing() as session:
        return _shown(session, tickets.acknowledge(session, cloud(), reach(), ticket_id))


@routes.post(ONE + "/decision")
@allow(*STAFF)
@takes({"outcome": body.word(*OUTCOMES), "reason": TEXT})
@answers(201, problems=("own_ticket", "ticket_closed"))
def decide(ticket_id: str, fields: Fields) -> shapes_accounts.Ticket:
    """Decide, by one's own name and with a reason; the rider is mailed."""
    with cloud().db.writing() as session:
        row = tickets.decide(session, cloud(), reach(), ticket_id, fields["outcome"], fields["reason"])
        return _shown(session, row)


def _shown(session: Session, row: Ticket) -> shapes_accounts.Ticket:
    late = tickets.late(row, cloud().now())
    return {
        "ticket_id": row.ticket_id,
        "kind": row.kind,
        "subject": row.subject,
        "ride_id": row.ride_id,
        "operator_id": row.operator_id,
        "state": tickets.state(row),
        "opened_at": row.opened_at,
        "acknowledge_by": row.clock_at + tickets.ACKNOWLEDGE_S,
        "answer_by": row.clock_at + tickets.ANSWER_S,
        "late": late.missed if late else None,
        "acknowledged_at": row.acknowledged_at,
        "decided_at": row.decided_at,
        "decided_by": users.name(session, row.decided_by),
        "outcome": row.outcome,
    }
