"""Webhooks, for admins: made with their secret, changed, told again from an event on, looked at."""

from typing import Any

from flask import Blueprint
from sqlalchemy.orm import Session

from cloud import body, hooks, outgoing
from cloud import shapes_fleet as shapes
from cloud.auth import allow, cloud, me, reach
from cloud.body import reads
from cloud.conditions import unchanged
from cloud.describe import Fields, answers, guarded, takes
from cloud.tables_fleet import HOOK_STATES, Hook

routes = Blueprint("hooks", __name__, url_prefix="/api/v1/webhooks")

CARRIED = hooks.CARRIED
SHOWN = 100  # tries


@reads(type="string", format="uri", maxLength=500)
def address(value: Any) -> str:
    if type(value) is not str:
        raise ValueError("must be a URL")
    outgoing.check(value, cloud().settings.hooks_private)
    return value


KINDS = body.list_of(body.word(*CARRIED), 0, len(CARRIED))


@routes.post("")
@allow("admin")
@takes({"url": address}, {"kinds": KINDS})
@answers(201, problems=("hook_limit",))
def create(fields: Fields) -> shapes.HookMade:
    """Have an address told what happens from now on.

    `kinds`: of which events, all of them unless named. The secret is shown this once.
    """
    now, box = cloud().now(), cloud().box
    with cloud().db.writing() as session:
        row, secret = hooks.create(
            session, box, me().operator_id, fields["url"], fields["kinds"] or (), me().user_id, now
        )
        return {**shown(row), "secret": secret}


@routes.get("")
@allow("admin")
@answers()
def listed() -> shapes.Hooks:
    """Every webhook, with how it fares, and the kinds of events that there are."""
    with cloud().db.reading() as session:
        return {"webhooks": [shown(row) for row in hooks.listed(session, reach())], "kinds": list(CARRIED)}


@routes.get("/<id8:hook_id>")
@allow("admin")
@answers()
def one(hook_id: str) -> shapes.HookWithTries:
    """One webhook with what was tried of late, newest first."""
    with cloud().db.reading() as session:
        return _with_tries(session, hooks.find(session, reach(), hook_id))


def _with_tries(session: Session, row: Hook) -> shapes.HookWithTries:
    tried: list[shapes.HookTry] = [
        {
            "event_id": each.event_id,
            "at": each.at,
            "took_ms": each.took_ms,
            "status": each.status,
            "error": each.error,
        }
        for each in hooks.tries(session, row.hook_id, SHOWN)
    ]
    return {**shown(row), "tries": tried}


@routes.get("/<id8:hook_id>/wanted")
@allow("admin")
@answers()
def wanted(hook_id: str) -> shapes.HookWanted:
    """What people set of a webhook, and not how it fares: its ETag stays until it is changed, or paused."""
    with cloud().db.reading() as session:
        return _wanted(hooks.find(session, reach(), hook_id))


def _wanted(row: Hook) -> shapes.HookWanted:
    return {"url": row.url, "kinds": row.kinds.split(), "state": row.state}


@routes.patch("/<id8:hook_id>/wanted")
@allow("admin")
@guarded
@takes({}, {"url": address, "kinds": KINDS, "state": body.word(*HOOK_STATES)})
@answers()
def want(hook_id: str, fields: Fields) -> shapes.HookWanted:
    """Change a webhook; `state` active also ends the wait after failures."""
    with cloud().db.writing() as session:
        row = hooks.find(session, reach(), hook_id, for_update=True)
        unchanged(session, row, lambda: _wanted(row))
        if fields["url"] is not None:
            row.url = fields["url"]
        if fields["kinds"] is not None:
            row.kinds = " ".join(fields["kinds"])
        if fields["state"] == "active":
            hooks.resume(row, cloud().now())
        elif fields["state"] is not None:
            row.state = fields["state"]
        return _wanted(row)


@routes.delete("/<id8:hook_id>")
@allow("admin")
@answers()
def remove(hook_id: str) -> None:
    """Tell this address nothing more."""
    with cloud().db.writing() as session:
        hooks.remove(session, hooks.find(session, reach(), hook_id, for_update=True))


@routes.post("/<id8:hook_id>/secret")
@allow("admin")
@answers(201)
def rotate(hook_id: str) -> shapes.HookSecret:
    """Make a new secret, shown this once.

    For a day the old one signs too, so that receivers can change over.
    """
    with cloud().db.writing() as session:
        row = hooks.find(session, reach(), hook_id, for_update=True)
        secret = hooks.rotate(cloud().box, row, cloud().now())
        return {"hook_id": hook_id, "secret": secret, "before_until": row.before_until or 0}


@routes.post("/<id8:hook_id>/replay")
@allow("admin")
@takes({"event": body.integer(1, 2**53)})
@answers(202)
def replay(hook_id: str, fields: Fields) -> shapes.Hook:
    """Tell a webhook everything again from this event on."""
    with cloud().db.writing() as session:
        row = hooks.find(session, reach(), hook_id, for_update=True)
        hooks.replay(row, fields["event"], cloud().now())
        return shown(row)


def shown(row: Hook) -> shapes.Hook:
    """Never its secret."""
    return {
        "hook_id": row.hook_id,
        "url": row.url,
        "kinds": row.kinds.split(),
        "state": row.state,
        "told": row.told,
        "failures": row.failures,
        "failing_since": row.failing_since,
        "due_at": row.due_at,
        "created_at": row.created_at,
    }
