"""What the API answers about a fleet's running, as types; see shapes.py."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from cloud import tables_fleet
from cloud.shapes import Id8, Next, Time, words

Number = Annotated[int, Field(description="rises", ge=0)]


class Event(TypedDict):
    event_id: Number
    at: Time
    kind: str
    subject: Annotated[str, Field(description="id of what changed")]
    data: dict[str, Any]


class Events(TypedDict):
    events: list[Event]
    next: Next


class AuditEntry(TypedDict):
    audit_id: Number
    at: Time
    user_id: str | None
    who: str
    method: str
    route: str
    objects: Annotated[dict[str, str], Field(description="ids in the address, and of what was made")]
    status: int
    request_id: str | None


class AuditLog(TypedDict):
    audit: list[AuditEntry]
    next: Next


class Hook(TypedDict):
    """A webhook. `told`: number of the last event that it took, or that was not for it."""

    hook_id: Id8
    url: str
    kinds: Annotated[list[str], Field(description="empty: all")]
    state: Annotated[str, words(tables_fleet.HOOK_STATES)]
    told: Number
    failures: Annotated[int, Field(description="in a row", ge=0)]
    failing_since: Time | None
    due_at: Annotated[int, Field(description="no try before, Unix seconds", ge=0)]
    created_at: Time


class HookMade(Hook):
    secret: str


class HookSecret(TypedDict):
    hook_id: Id8
    secret: str
    before_until: Time


class Hooks(TypedDict):
    webhooks: list[Hook]


class HookTry(TypedDict):
    event_id: Number
    at: Time
    took_ms: int
    status: int | None
    error: str | None


class HookWithTries(Hook):
    tries: list[HookTry]
