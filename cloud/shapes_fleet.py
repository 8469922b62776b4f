"""What the API answers about a fleet's running, as types; see shapes.py."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from cloud.shapes import Next, Time

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
