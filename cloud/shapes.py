"""What the API answers, as types: mypy holds views.py and the routes to them, and openapi.py describes the API by them.

A field that may be missing is NotRequired; one that may be null says so. What is written here is a promise to clients.
"""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from cloud import tables


def words(choices: tuple[str, ...]) -> Any:
    """One of these words; the tables' own lists, so that nothing is said twice."""
    return Field(json_schema_extra={"enum": list(choices)})


Id4 = Annotated[str, Field(pattern="^[0-9a-f]{8}$")]
Id8 = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
Id16 = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256")]
Bytes = Annotated[str, Field(pattern="^[A-Za-z0-9_-]*$", description="base64url without padding")]
Time = Annotated[int, Field(description="Unix seconds", ge=0)]
Degrees = Annotated[int, Field(description="degrees x 10^7 (WGS 84)")]
Count = Annotated[int, Field(ge=0)]
Next = Annotated[str | None, Field(description="`cursor` of the next page; null at the end")]


class AssetOfLock(TypedDict):
    asset_id: str
    code: str
    label: str


class UpdateState(TypedDict):
    state: str
    why: str | None
    at: Time | None


class Lock(TypedDict):
    """A lock as staff see it; never its key."""

    lock_id: Id8
    kind: Annotated[str, words(tables.KINDS)]
    group: Id4 | None
    registered_at: Time
    asset: AssetOfLock | None
    state: str | None
    last_seen_at: Time | None
    battery_mv: int | None
    clock_error_s: int | None
    keyset_version: int | None
    board: str | None
    release: int | None
    update: UpdateState | None
    next_epoch: Count
    next_master_epoch: Count
    seen_floor: Count
    wanted_floor: Count
    master_floor: Count
    reported_seq: Count
    received_seq: Count


class Claim(TypedDict):
    claim_id: Id8
    cti: Id8
    lock_id: Id8
    epoch: Count
    mode: Annotated[str, words(tables.MODES)]
    nbf: Time
    exp: Time
    hold: Annotated[int, Field(description="seconds", ge=0)]
    longest: Annotated[int, Field(description="seconds", ge=0)]
    status: Annotated[str, words(tables.CLAIM_STATES)]
    why: str | None
    created_at: Time


class LockWithClaims(Lock):
    claims: list[Claim]


class Locks(TypedDict):
    locks: list[Lock]
    next: Next


class LockRegistered(TypedDict):
    lock_id: Id8
    keyset_version: Count
    keyset: Bytes
    roots: Bytes


class LockChanged(TypedDict):
    lock_id: Id8
    board: str


class FloorRaised(TypedDict):
    wanted_floor: Count
    master_floor: Count
    cancelled: list[Id8]
    reissued: list[Id8]


class CommandAsked(TypedDict):
    command_id: Count
    kind: str


class LastFix(TypedDict):
    lat: Degrees
    lon: Degrees
    accuracy_dm: Annotated[int, Field(description="decimetres", ge=0)]
    age_s: Annotated[int, Field(description="seconds", ge=0)]


class Bike(TypedDict):
    """A bicycle as riders see it; where it is only while it stands free."""

    asset_id: str
    code: str
    label: str
    kind: Annotated[str, words(tables.KINDS)]
    state: Annotated[str, words(("free", "claimed", "in_use", "out_of_order"))]
    fix: LastFix | None


class Bikes(TypedDict):
    bikes: list[Bike]
    next: Next


class AssetMade(TypedDict):
    asset_id: str
    code: str
    label: str
    lock_id: Id8 | None
