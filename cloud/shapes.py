"""What the API answers, as types: mypy holds views.py and the routes to them, and openapi.py describes the API by them.

A field that may be missing is NotRequired; one that may be null says so. What is written here is a promise to clients.
"""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from cloud import evidence, tables


def words(choices: tuple[str, ...]) -> Any:
    """One of these words, or null where the type says so; the tables' own lists, so that nothing is said twice."""

    def extra(schema: dict[str, Any]) -> None:
        schema["enum"] = [*choices, None] if "anyOf" in schema else list(choices)

    return Field(json_schema_extra=extra)


Id4 = Annotated[str, Field(pattern="^[0-9a-f]{8}$")]
Id8 = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
Id16 = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256")]
Bytes = Annotated[str, Field(pattern="^[A-Za-z0-9_-]*$", description="base64url without padding")]
Time = Annotated[int, Field(description="Unix seconds", ge=0)]
Degrees = Annotated[int, Field(description="degrees x 10^7 (WGS 84)")]
Metres = Annotated[int, Field(description="metres", ge=0)]
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
    operator_id: str | None
    kind: Annotated[str, words(tables.KINDS)]
    group: Id4 | None
    registered_at: Time
    asset: AssetOfLock | None
    state: str | None
    last_seen_at: Time | None
    uplink_every_s: Annotated[
        int | None, Field(description="how often it calls at the least; null: nobody said")
    ]
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
    bike: Annotated[
        str | None, Field(description="code of the bicycle that the lock was on when it was made")
    ]
    label: str | None
    epoch: Count
    mode: Annotated[str, words(tables.MODES)]
    nbf: Time
    exp: Time
    hold: Annotated[int, Field(description="seconds", ge=0)]
    longest: Annotated[int, Field(description="seconds", ge=0)]
    status: Annotated[str, words(tables.CLAIM_STATES)]
    why: str | None
    created_at: Time


class Claims(TypedDict):
    claims: list[Claim]
    next: Next


class Countersigner(TypedDict):
    kid: Id4
    key: Bytes


class Advertised(TypedDict):
    """A key by which a lock's advertisements are recognised (SPEC 9)."""

    index: Count
    key: Annotated[str, Field(pattern="^[0-9a-f]*$", description="hex")]


class OwnClaim(Claim):
    """With all that an app needs to find the lock, open it and check its receipts."""

    token: Bytes | None
    advertising: list[Advertised]
    countersigners: list[Countersigner]


class MasterLock(TypedDict):
    lock_id: Id8
    advertising: list[Advertised]


class MasterToken(TypedDict):
    cti: Id8
    token: Bytes
    exp: Time
    locks: list[MasterLock]
    group: Id4 | None
    countersigners: list[Countersigner]


class LockWithClaims(Lock):
    claims: list[Claim]


class LockWanted(TypedDict):
    board: str | None


class Locks(TypedDict):
    locks: list[Lock]
    next: Next


class LockRegistered(TypedDict):
    lock_id: Id8
    operator_id: str
    keyset_version: Count
    keyset: Bytes
    roots: Bytes


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


class PublicKey(TypedDict):
    kid: Id4
    role: str
    key: Bytes
    nbf: Time
    exp: Time
    state: Annotated[str, words(tables.KEY_STATES)]


class PublicKeys(TypedDict):
    keys: list[PublicKey]


class Installed(TypedDict):
    version: int | None
    locks: Count


class Keyset(TypedDict):
    version: Count
    keyset: Bytes
    roots: Bytes
    installed: list[Installed]


class Release(TypedDict):
    board: str
    version: Count
    counter: Count
    expires: Time
    digest: Hash
    files: Count
    size: Annotated[int, Field(description="bytes", ge=0)]
    taken_at: Time


class ReleasePart(TypedDict):
    """`name`: the first four bytes of its SHA-256, by which a lock asks for it."""

    name: Id4
    size: Count


class ReleaseOffered(TypedDict):
    board: str
    version: Count
    digest: Hash
    manifest: Bytes
    files: list[ReleasePart]


class ReleaseFile(TypedDict):
    name: Id4
    data: Bytes


class Releases(TypedDict):
    releases: list[Release]
    next: Next


class Evidence(TypedDict):
    begun: Count
    limit: Count
    silent_count: Count
    rolled_back_count: Count
    silent: list[Id8]
    rolled_back: list[Id8]


class Because(TypedDict):
    """One part of a piece of evidence: what it is, and its figures; the sentence says the same in English."""

    code: Annotated[str, words(tuple(evidence.SAID))]
    figures: dict[str, int | str]


class Halt(TypedDict):
    by: Annotated[str | None, words(tables.HALTS)]
    at: Time
    said: str
    because: list[Because]
    evidence: Evidence | None


class Rollout(TypedDict):
    rollout_id: Id4
    board: str
    version: Count
    percent: Annotated[int, Field(ge=0, le=100)]
    state: Annotated[str, words(tables.ROLLOUT_STATES)]
    started_at: Time
    changed_at: Time
    halt: Halt | None
    progress: Annotated[dict[str, int], Field(description="how many locks are where")]


class RolloutWanted(TypedDict):
    percent: Annotated[int, Field(ge=0, le=100)]
    state: Annotated[str, words(tables.ROLLOUT_STATES)]


class Rollouts(TypedDict):
    rollouts: list[Rollout]
    next: Next


class RideFacts(TypedDict):
    ride_id: Id16
    cti: Id8
    claim_id: Id8 | None
    lock_id: Id8
    state: Annotated[str, words(tables.RIDE_STATES)]
    opened_at: Time | None
    closed_at: Time | None
    billed_until: Time | None
    previous_ride: Id16 | None
    next_ride: Id16 | None
    fixes: Count
    distance_m: Metres


class Ride(RideFacts):
    receipts: Count


class Rides(TypedDict):
    rides: list[Ride]
    next: Next


class Word(TypedDict):
    """The cloud's word that it holds a receipt."""

    lock_id: Id8
    seq: Count
    digest: Hash
    kid: Id4
    countersignature: Annotated[str, Field(pattern="^[0-9a-f]{128}$", description="Ed25519, hex")]


class Receipt(Word):
    type: str
    cti: Id8 | None
    at: Time | None
    error_s: int | None
    receipt: Annotated[Bytes, Field(description="the COSE_Mac0, byte for byte")]


class RideWithReceipts(RideFacts):
    receipts: list[Receipt]


class Outcome(TypedDict):
    """What became of one receipt; the rest is null where it was refused."""

    status: Annotated[str, words(("stored", "known", "fork", "refused"))]
    lock_id: Id8 | None
    seq: Count | None
    digest: Hash | None
    kid: Id4 | None
    countersignature: str | None


class Outcomes(TypedDict):
    receipts: list[Outcome]


class Taken(TypedDict):
    taken: bool


class LoggedReceipt(Receipt):
    """For staff: with how it stands in its lock's log."""

    release: Annotated[
        Count | None, Field(description="version that a technician's phone offered, of an UPDATE")
    ]
    chain: Annotated[str, words(("gap", "broken", "holds"))]
    forks: Count
    proof: Annotated[str | None, words(tables.PROOFS)]
    via: Annotated[str, words(tables.CARRIERS)]
    copies: Count
    received_at: Time


class LockReceipts(TypedDict):
    receipts: list[LoggedReceipt]
    next: Next


class Geometry(TypedDict):
    type: Annotated[str, words(("LineString", "Point"))]
    coordinates: list[Any]


class TrackOf(TypedDict):
    ride_id: Id16
    distance_m: Metres
    times: list[Time]


class Track(TypedDict):
    """A Feature (RFC 7946 §3.2); longitude comes first."""

    type: Annotated[str, words(("Feature",))]
    geometry: Geometry | None
    properties: TrackOf


class Note(TypedDict):
    seq: Annotated[int, Field(description="number of the lock's record", ge=0)]
    at: Time | None
    note: str
    value: Count
    what: Annotated[str | None, Field(description="what the value stands for, where that has a word")]
    said: Annotated[str, Field(description="all of it, in English")]


class Notes(TypedDict):
    notes: list[Note]
    next: Next
