"""What the API answers about a fleet's running, as types; see shapes.py."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from cloud import tables_fleet
from cloud.shapes import Because, Degrees, Id8, Id16, Next, Time, words

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


class HookWanted(TypedDict):
    url: str
    kinds: Annotated[list[str], Field(description="empty: all")]
    state: Annotated[str, words(tables_fleet.HOOK_STATES)]


class HookMade(Hook):
    secret: str


class HookSecret(TypedDict):
    hook_id: Id8
    secret: str
    before_until: Time


class Hooks(TypedDict):
    webhooks: list[Hook]
    kinds: Annotated[list[str], Field(description="of all events that one may be told")]


class HookTry(TypedDict):
    event_id: Number
    at: Time
    took_ms: int
    status: int | None
    error: str | None


class HookWithTries(Hook):
    tries: list[HookTry]


class Asset(TypedDict):
    """A bicycle, for staff."""

    asset_id: str
    code: str
    label: str
    plan: Annotated[str | None, Field(description="name of what a ride on it costs")]
    lock_id: Id8 | None
    out_since: Annotated[int | None, Field(description="since when it is out of service; null: it is in")]
    out_reason: str | None
    created_at: Time


class Assets(TypedDict):
    assets: list[Asset]
    next: Next


class Span(TypedDict):
    """A lock on a bicycle, from when to when."""

    asset_id: str
    lock_id: Id8
    since: Time
    until: Time | None


class AssetWithLocks(Asset):
    locks: list[Span]


class Polygon(TypedDict):
    """GeoJSON (RFC 7946 §3.1.6)."""

    type: Annotated[str, words(("Polygon",))]
    coordinates: list[list[list[float]]]


class Zone(TypedDict):
    zone_id: Id8
    version: Number
    operator_id: str
    name: str
    kind: Annotated[str, words(tables_fleet.ZONE_KINDS)]
    polygon: Polygon
    since: Time
    until: Time | None


class Zones(TypedDict):
    zones: list[Zone]
    next: Next


class ZoneVersions(TypedDict):
    versions: list[Zone]


class Place(TypedDict):
    """Where a lock was, within a radius; `source`: a fix in its receipt, or one it took while it stood there."""

    lat: Degrees
    lon: Degrees
    radius_dm: Annotated[int, Field(description="decimetres", ge=0)]
    at: Time
    source: Annotated[str, words(("receipt", "fix"))]


class ZoneVerdict(TypedDict):
    zone_id: Id8
    version: Number
    name: str
    kind: Annotated[str, words(tables_fleet.ZONE_KINDS)]
    verdict: Annotated[str, words(("inside", "unsure"))]


class RideEnd(TypedDict):
    ride_id: Id16
    verdict: Annotated[str, words(("fine", "wrong", "unsure"))]
    place: Place | None
    zones: Annotated[list[ZoneVerdict], Field(description="that it is in, or may be in")]


class OpenJob(TypedDict):
    """`same`: made of this very matter, not of another of the same lock or bicycle."""

    job_id: Id8
    title: str
    same: bool
    assigned_to: str | None


class AttentionItem(TypedDict):
    """`rank` 1 is the gravest; `evidence` and `closes` are sentences for the person."""

    item_id: Id8
    code: str
    rank: int
    lock_id: Id8 | None
    bike: Annotated[str | None, Field(description="code of the bicycle that the lock is on")]
    subject: Annotated[str, Field(description="id of what it is about")]
    evidence: str
    because: Annotated[list[Because], Field(description="the matter, then what it rests on")]
    since: Time | None
    closes: str
    jobs: Annotated[list[OpenJob], Field(description="that are open there already")]
    opened_at: Time
    closed_at: Time | None


class AttentionQueue(TypedDict):
    items: list[AttentionItem]
    counts: Annotated[dict[str, int], Field(description="how many are open, by code")]
    next: Next


class Fault(TypedDict):
    """`lock_id`: that was on the bicycle then; `lock_now`: that is on it now."""

    fault_id: Id8
    asset_id: str
    bike: Annotated[str | None, Field(description="its code")]
    label: str | None
    lock_id: Id8 | None
    lock_now: Id8 | None
    kind: Annotated[str, words(tables_fleet.FAULT_KINDS)]
    text: str
    at: Time
    closed_at: Time | None


class Faults(TypedDict):
    faults: list[Fault]
    next: Next


class LastPlace(TypedDict):
    """Where a lock was when it last knew, by its own clock."""

    lat: Degrees
    lon: Degrees
    accuracy_dm: Annotated[int, Field(description="decimetres", ge=0)]
    at: Time


class MaintenanceJob(TypedDict):
    """`lock_id`: that it was opened about; `lock_now`: that is on the bicycle now."""

    job_id: Id8
    title: str
    rank: Annotated[int, Field(description="1 is the most urgent")]
    asset_id: str | None
    bike: Annotated[str | None, Field(description="code of the bicycle")]
    label: str | None
    lock_id: Id8 | None
    lock_now: Id8 | None
    item_id: Id8 | None
    fault_id: Id8 | None
    opened_at: Time
    opened_by: str
    assigned_to: str | None
    assigned_at: Time | None
    done_at: Time | None
    done_by: str | None
    note: str | None


class JobWithPlace(MaintenanceJob):
    """`place`: where the lock is that is on the bicycle now."""

    place: LastPlace | None
    distance_m: Annotated[int | None, Field(description="from `near`, as the crow flies")]


class MaintenanceJobs(TypedDict):
    jobs: list[JobWithPlace]
    next: Next


class Fleet(TypedDict):
    at: Time
    event: Annotated[int, Field(description="`Last-Event-ID` to follow what changes from here on")]
    columns: list[str]
    rows: list[list[Any]]


class BatteryPoint(TypedDict):
    at: Time
    low_mv: int
    high_mv: int
    count: int


class TemperaturePoint(TypedDict):
    """Of the lock's chip, degrees C."""

    at: Time
    low_c: int
    high_c: int
    count: int


class StateChange(TypedDict):
    at: Time
    state: str


class Series(TypedDict):
    since: Time
    until: Time
    battery: list[BatteryPoint]
    temperature: Annotated[list[TemperaturePoint], Field(description="empty for a lock that tells none")]
    states: list[StateChange]


class Geometry(TypedDict):
    type: Annotated[str, words(("LineString", "Point"))]
    coordinates: list[Any]


class LockTrackProperties(TypedDict):
    lock_id: Id8
    times: list[Time]
    accuracy_dm: list[int]


class LockTrack(TypedDict):
    """A GeoJSON Feature."""

    type: Annotated[str, words(("Feature",))]
    geometry: Geometry | None
    properties: LockTrackProperties


class Command(TypedDict):
    command_id: Number
    kind: str
    settings: Annotated[dict[str, int] | None, Field(description="of config: what was to change")]
    by: Annotated[str | None, Field(description="login of who asked")]
    created_at: Time
    sent_at: Time | None
    done_at: Annotated[int | None, Field(description="when the lock said so, or that it will not")]
    refused: bool


class Commands(TypedDict):
    commands: list[Command]
    next: Next


class Spans(TypedDict):
    locks: list[Span]
