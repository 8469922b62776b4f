"""What staff did, written down without any route having to remember: a hook after every request that changed something.

Also of a look that takes much away (an export): mark such a view with @audited. Never a body, never an answer but the
ids in it.
"""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from flask import Flask, Response, g, request
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from cloud import auth, shapes_fleet
from cloud.tables import Audit

KEEP_S = 2 * 365 * 86400
_LONGEST = 64  # characters of an id

View = TypeVar("View")


def audited(view: View) -> View:
    """A GET of this view is written down too."""
    view.audited = True  # type: ignore[attr-defined]
    return view


def install(app: Flask) -> None:
    """Call before other hooks that answer in a request's place."""
    app.after_request(_after)


def _after(answer: Response) -> Response:
    view: Any = auth.view()
    person = auth.caller()
    changes = request.method not in auth.SAFE or getattr(view, "audited", False)
    if person is None or not (person.staff or person.program):
        return answer
    if not changes or answer.status_code >= 400 or view is None:
        return answer
    if g.get("replayed"):  # an answer given before; what it did is written down
        return answer
    row = Audit(
        at=auth.cloud().now(),
        operator_id=person.operator_id,
        user_id=person.user_id,
        who=person.login[:_LONGEST],
        method=request.method,
        route=str(request.url_rule)[:128],
        objects=json.dumps(_objects(answer), separators=(",", ":")),
        status=answer.status_code,
        request_id=g.get("request_id"),
    )
    with auth.cloud().db.writing() as session:
        session.add(row)
    return answer


def _objects(answer: Response) -> dict[str, Any]:
    """Ids in the address, and those of what was made: top-level `..._id`s of the answer."""
    made: Any = answer.get_json(silent=True) if answer.is_json and not answer.is_streamed else None
    found = dict(request.view_args or {})
    if isinstance(made, dict):
        found |= {name: value for name, value in made.items() if name.endswith("_id")}
    return {name: str(value)[:_LONGEST] for name, value in found.items() if isinstance(value, str | int)}


def page(
    session: Session, visible: ColumnElement[bool], before: int | None, limit: int, user_id: str | None = None
) -> Sequence[Audit]:
    """Newest first, from below number `before`; of one person, or of all."""
    rows = select(Audit).where(visible).order_by(Audit.audit_id.desc()).limit(limit)
    if user_id is not None:
        rows = rows.where(Audit.user_id == user_id)
    return session.scalars(rows if before is None else rows.where(Audit.audit_id < before)).all()


def forget(session: Session, now: int) -> int:
    """Delete what is over its time. -> how many."""
    return session.execute(delete(Audit).where(Audit.at < now - KEEP_S)).rowcount  # type: ignore[attr-defined]


def shown(row: Audit) -> shapes_fleet.AuditEntry:
    return {
        "audit_id": row.audit_id,
        "at": row.at,
        "user_id": row.user_id,
        "who": row.who,
        "method": row.method,
        "route": row.route,
        "objects": json.loads(row.objects),
        "status": row.status,
        "request_id": row.request_id,
    }
