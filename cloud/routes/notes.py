"""What a lock told beside its fixes, status records and receipts."""

from flask import Blueprint

from cloud import body, locks, notes, shapes, telemetry
from cloud.auth import STAFF, allow, cloud, reach
from cloud.describe import Page, answers, paged

routes = Blueprint("notes", __name__, url_prefix="/api/v1")


@routes.get("/locks/<id8:lock_id>/notes")
@allow(*STAFF, scope="fleet:read")
@paged(body.integer())
@answers()
def told(lock_id: str, page: Page) -> shapes.Notes:
    """What a lock told, newest first: refused, restarted, moved while locked, updates."""
    (before,) = page.after or (None,)
    with cloud().db.reading() as session:
        locks.find(session, reach(), lock_id)
        found = telemetry.notes(session, lock_id, page.fetch, before)
    rows, following = page.cut(found, lambda row: (row.seq,))
    shown: list[shapes.Note] = [
        {
            "seq": row.seq,
            "at": row.at,
            "note": notes.word(row.note),
            "value": row.value,
            "what": notes.what(row.note, row.value),
            "said": notes.said(row.note, row.value),
        }
        for row in rows
    ]
    return {"notes": shown, "next": following}
