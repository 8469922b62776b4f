"""What the cloud stores: one class a table. Names no engine; the same on SQLite and PostgreSQL.

Times are Unix seconds, positions degrees x 10^7, voltages millivolts: integers everywhere. Identifiers that
the wire knows as bytes (lock id 8, cti 8, kid 4, group 4) are lower-case hex here, so that a row reads like a
log line; keys, tokens and receipts are bytes. A time that a lock did not know (2^32-1 on the wire) is NULL.

A row that a person may ask for by id has an id that says nothing: random, or a hash.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

UNSIGNED = BigInteger()  # uint32 on the wire does not fit PostgreSQL's INTEGER
COUNTED = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up only an INTEGER primary key

ROLES = ("rider", "technician", "admin")
LANGUAGES = ("en", "nl")
KINDS = ("exclusive", "pooled")
CLIENT_KINDS = ("key", "oauth")
MODES = ("single", "period")
CLAIM_STATES = ("open", "used", "cancelled", "expired")
RIDE_STATES = ("open", "parked", "ended")
CARRIERS = ("uplink", "phone", "mule")
KEY_STATES = ("next", "current", "retiring", "removed")
ROLLOUT_STATES = ("running", "halted", "done")
HALTS = ("person", "locks")  # who halted a rollout: a person, or what the locks told and did not tell
PROOFS = ("holds", "fails", "unknown")  # unknown: no token of that claim was ever issued


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """The column holds one of these words; kept by the database too."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(v) for v in values)})", name=column)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=CONVENTION)
    type_annotation_map = {int: UNSIGNED, str: String(), bytes: LargeBinary()}


class Operator(Base):
    """Who runs a fleet: its locks, its bicycles, its staff. What riders and public feeds are told of it is here too."""

    __tablename__ = "operator"

    operator_id: Mapped[str] = mapped_column(String(22), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    colour: Mapped[str | None] = mapped_column(String(7))  # "#rrggbb", of its apps and its bicycles
    email: Mapped[str | None] = mapped_column(String(254))  # where riders get help, as the next two
    phone: Mapped[str | None] = mapped_column(String(16))  # E.164: "+31201234567"
    url: Mapped[str | None] = mapped_column(String(255))
    terms_url: Mapped[str | None] = mapped_column(String(255))
    privacy_url: Mapped[str | None] = mapped_column(String(255))
    timezone: Mapped[str] = mapped_column(String(32), default="UTC")  # a name of the IANA database
    language: Mapped[str] = mapped_column(String(8), default="en")  # BCP 47
    created_at: Mapped[int]


class Group(Base):
    """Locks of one operator that carry this id on the wire, and the people who may use them: a company's bicycles."""

    __tablename__ = "group"

    group_id: Mapped[str] = mapped_column(String(8), primary_key=True)  # lock.group_id
    operator_id: Mapped[str] = mapped_column(ForeignKey("operator.operator_id"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    members_only: Mapped[int] = mapped_column(default=0)  # 1: no other rider may see or claim its bicycles
    domain: Mapped[str | None] = mapped_column(String(253))  # whose verified address ends in it is a member
    created_at: Mapped[int]


class User(Base):
    """A person who may sign in, by `login` (what they chose, case-folded, or drawn for them) or by their `email`, which
    is here only once it was verified. No name is asked for. An erased person's row stays, empty: rides refer to it.

    Staff without an operator is the platform's, and sees every operator's things; a rider has none."""

    __tablename__ = "user"
    __table_args__ = (one_of("role", ROLES),)

    user_id: Mapped[str] = mapped_column(String(22), primary_key=True)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    password: Mapped[str] = mapped_column(String(255))  # argon2id, PHC string
    role: Mapped[str] = mapped_column(String(16))
    operator_id: Mapped[str | None] = mapped_column(ForeignKey("operator.operator_id"), index=True)
    created_at: Mapped[int]
    email: Mapped[str | None] = mapped_column(String(254), unique=True, index=True)  # RFC 5321 §4.5.3.1.3
    language: Mapped[str | None] = mapped_column(String(2))  # of LANGUAGES; NULL: English
    erase_asked_at: Mapped[int | None]  # waits for a ride, a claim or a dispute to end
    erased_at: Mapped[int | None]


class WebSession(Base):
    """A signed-in device. Holds SHA-256 of its token: a stolen database signs nobody in."""

    __tablename__ = "session"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    session_id: Mapped[str] = mapped_column(String(22), unique=True)  # to name it by in the list of sessions
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"), index=True)
    created_at: Mapped[int]
    expires_at: Mapped[int]
    device: Mapped[str] = mapped_column(String(64))  # as the device calls itself
    seen_on: Mapped[int]  # midnight of the day it was last used: days, so that nobody's hours are kept
    second: Mapped[int]  # 1: with a second factor, or a passkey, which is two in one
    proved_at: Mapped[int]  # when the person last showed who they are


class MailedLink(Base):
    """A single-use token on its way to somebody's mailbox (links.py); what it will do is wrapped."""

    __tablename__ = "mailed_link"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("user.user_id"), index=True)
    wrapped: Mapped[bytes]
    created_at: Mapped[int]
    expires_at: Mapped[int]


class Mail(Base):
    """A mail to send (mail.py). Who to, and what, is wrapped, and gone once it is sent or given up."""

    __tablename__ = "mail"

    mail_id: Mapped[str] = mapped_column(String(22), primary_key=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("user.user_id"), index=True)
    kind: Mapped[str] = mapped_column(String(24))  # of letters.py
    wrapped: Mapped[bytes | None]
    created_at: Mapped[int]
    due_at: Mapped[int | None] = mapped_column(index=True)  # next try; NULL: no more
    until: Mapped[int]  # then it is given up
    tries: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(String(64))  # of the last try; names nobody


class Member(Base):
    """A rider who joined a group by an invitation."""

    __tablename__ = "member"

    group_id: Mapped[str] = mapped_column(ForeignKey("group.group_id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"), primary_key=True, index=True)
    joined_at: Mapped[int]


class Invitation(Base):
    """A code that lets so many riders join a group; its SHA-256."""

    __tablename__ = "invitation"

    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    group_id: Mapped[str] = mapped_column(ForeignKey("group.group_id"), index=True)
    uses: Mapped[int]  # how many may still join
    created_by: Mapped[str] = mapped_column(ForeignKey("user.user_id"))
    expires_at: Mapped[int]


class Client(Base):
    """A program that acts for an operator: with a key that it sends itself, or with OAuth's client credentials.

    Holds SHA-256 of its secret. What it makes is made by its own row of `user`, which nobody signs in as.
    """

    __tablename__ = "client"
    __table_args__ = (one_of("kind", CLIENT_KINDS),)

    client_id: Mapped[str] = mapped_column(String(22), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(64))
    operator_id: Mapped[str | None] = mapped_column(ForeignKey("operator.operator_id"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"), unique=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    scopes: Mapped[str] = mapped_column(Text)  # scopes.py, with spaces between
    created_at: Mapped[int]
    created_by: Mapped[str] = mapped_column(ForeignKey("user.user_id"))
    used_on: Mapped[int | None]  # midnight (UTC) of the day it last called
    revoked_at: Mapped[int | None]


class AccessToken(Base):
    """What a client got for its credentials (RFC 6749 section 4.4): SHA-256 of it, and what it is good for."""

    __tablename__ = "access_token"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("client.client_id"), index=True)
    scopes: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[int]
    expires_at: Mapped[int]


class Attempt(Base):
    """How often one thing (a login tried, a bike's code guessed) happened since `since`; see limits.py."""

    __tablename__ = "attempt"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    since: Mapped[int]
    tries: Mapped[int]


class Job(Base):
    """Periodic work and who does it just now; see jobs.py."""

    __tablename__ = "job"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    due_at: Mapped[int]
    held_by: Mapped[str | None] = mapped_column(String(22))  # a worker's name for itself: random
    held_until: Mapped[int]
    ran_at: Mapped[int | None]  # when it last ended well
    failures: Mapped[int]  # since then


class Process(Base):
    """A gateway or a worker that runs, and when it last said so; see health.py."""

    __tablename__ = "process"

    process_id: Mapped[str] = mapped_column(String(22), primary_key=True)  # its name for itself: random
    part: Mapped[str] = mapped_column(String(16))
    seen_at: Mapped[int]


class Lock(Base):
    """A lock: what the cloud must know to talk to it, and what it last heard."""

    __tablename__ = "lock"
    __table_args__ = (one_of("kind", KINDS),)

    lock_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    kid4: Mapped[str] = mapped_column(String(8), unique=True)  # first 4 bytes of lock_id: OSCORE sender id
    wrapped_key: Mapped[bytes]  # K_lock, see wrapping.py
    operator_id: Mapped[str | None] = mapped_column(ForeignKey("operator.operator_id"), index=True)  # whose
    group_id: Mapped[str | None] = mapped_column(String(8), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    registered_at: Mapped[int]

    next_epoch: Mapped[int] = mapped_column(default=1)  # of the next claim or successor
    next_master_epoch: Mapped[int] = mapped_column(default=1)  # masters count apart from rides
    seen_floor: Mapped[int] = mapped_column(default=0)  # ride floor the lock last reported
    wanted_floor: Mapped[int] = mapped_column(default=0)  # ride floor to send by uplink and in tokens
    master_floor: Mapped[int] = mapped_column(default=0)  # master floor to send by uplink
    oscore_reserved: Mapped[int] = mapped_column(default=0)  # server sequence numbers below this are spent
    oscore_turn: Mapped[int] = mapped_column(default=0)  # these four: oscore.Shared, what all gateways go by
    oscore_context: Mapped[str | None] = mapped_column(String(16))
    oscore_index: Mapped[int] = mapped_column(default=0)
    oscore_seen: Mapped[int] = mapped_column(default=0)

    last_seen_at: Mapped[int | None]  # cloud time of the last message that verified
    state: Mapped[int | None]  # protocol/status.py
    battery_mv: Mapped[int | None]
    clock_error_s: Mapped[int | None]
    fix_at: Mapped[int | None]  # these four: its newest fix, by its own clock; see fixes.store
    fix_lat: Mapped[int | None]
    fix_lon: Mapped[int | None]
    fix_accuracy: Mapped[int | None]
    keyset_version: Mapped[int | None]
    board: Mapped[str | None] = mapped_column(
        String(24), index=True
    )  # what releases are for it; NULL: none are
    release: Mapped[int | None]  # that it runs, as it told after its last boot; 0: one without a number
    update_state: Mapped[int | None]  # protocol/update.py, as last told
    update_reason: Mapped[int | None]
    update_at: Mapped[int | None]  # cloud time of that
    reported_seq: Mapped[int] = mapped_column(default=0)  # highest receipt seq the lock says it has written
    received_seq: Mapped[int] = mapped_column(default=0)  # end of the gapless prefix stored here
    chained_seq: Mapped[int] = mapped_column(default=0)  # end of the part of it whose hash chain holds: rides
    next_record: Mapped[int] = mapped_column(default=0)  # number after the highest record of telemetry here
    clone_evidence: Mapped[str | None] = mapped_column(
        String(255)
    )  # JSON: sign -> [at, times, record], clones.py


class Asset(Base):
    """A bicycle: what the rider sees. `code` is on its sticker."""

    __tablename__ = "asset"

    asset_id: Mapped[str] = mapped_column(String(22), primary_key=True)
    code: Mapped[str] = mapped_column(String(32), unique=True)
    label: Mapped[str] = mapped_column(String(64))
    operator_id: Mapped[str | None] = mapped_column(ForeignKey("operator.operator_id"), index=True)  # whose
    lock_id: Mapped[str | None] = mapped_column(ForeignKey("lock.lock_id"), unique=True)
    plan: Mapped[str | None] = mapped_column(
        String(32)
    )  # what a ride on it costs; a name and nothing more as yet
    out_since: Mapped[int | None]  # it is out of service: nobody may claim it
    out_reason: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[int]


class IssuerKey(Base):
    """A role key (SPEC 2). `role` is the wire's role byte; the private half is wrapped, and empty where the cloud has
    none: release keys stay offline. `state`: see issuers.py."""

    __tablename__ = "issuer_key"
    __table_args__ = (one_of("state", KEY_STATES),)

    kid: Mapped[str] = mapped_column(String(8), primary_key=True)
    role: Mapped[int]
    public: Mapped[bytes] = mapped_column(LargeBinary(32))
    wrapped_private: Mapped[bytes]
    nbf: Mapped[int]
    exp: Mapped[int]
    state: Mapped[str] = mapped_column(String(8))
    retired_at: Mapped[int | None]  # since when it is removed


class SignedKeyset(Base):
    """A keyset as the roots signed it and locks install it, never edited; the newest is what locks should have."""

    __tablename__ = "keyset"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[bytes]
    roots: Mapped[bytes]  # the root set in force once it is installed, as the file `roots`
    brings_roots: Mapped[int]  # 1: locks must take it before any later one
    imported_at: Mapped[int]


class Comb(Base):
    """A file that makes an issuer fast to verify by (protocol/comb.py); the keyset names its hash."""

    __tablename__ = "comb"

    kid: Mapped[str] = mapped_column(String(8), primary_key=True)
    body: Mapped[bytes]


class Claim(Base):
    """A rider's right to start a ride on one lock (or any number, mode period, until `exp`).

    `open_on` is the whole of "one open claim a lock": the lock's id while this claim keeps others away, else
    NULL (used, cancelled, expired, or the lock is pooled). UNIQUE makes it atomic on every engine.
    """

    __tablename__ = "claim"
    __table_args__ = (
        one_of("mode", MODES),
        one_of("status", CLAIM_STATES),
        Index(None, "lock_id", "status"),
        Index(None, "created_at", "cti"),
    )

    cti: Mapped[str] = mapped_column(String(16), primary_key=True)  # also the claim's id in the API
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"), index=True)
    lock_id: Mapped[str] = mapped_column(ForeignKey("lock.lock_id"))
    open_on: Mapped[str | None] = mapped_column(ForeignKey("lock.lock_id"), unique=True)
    kid: Mapped[str] = mapped_column(ForeignKey("issuer_key.kid"))  # a claim stays under one key
    epoch: Mapped[int]  # the newest: a successor takes the next one
    holder: Mapped[bytes] = mapped_column(LargeBinary(32))  # the newest holder key
    mode: Mapped[str] = mapped_column(String(8))
    nbf: Mapped[int]
    exp: Mapped[int]
    hold: Mapped[int]  # seconds
    longest: Mapped[int]  # seconds
    status: Mapped[str] = mapped_column(String(16))
    why: Mapped[str | None] = mapped_column(String(16))  # it was closed, where the rider did not: views.WHY
    created_at: Mapped[int]


class IssuedToken(Base):
    """Every token ever minted, so that a ride without an entry here is an alarm."""

    __tablename__ = "issued_token"

    token_id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    cti: Mapped[str] = mapped_column(String(16), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"))  # the claim's rider, or the technician
    claim: Mapped[str | None] = mapped_column(ForeignKey("claim.cti"))  # NULL for a master token
    kid: Mapped[str] = mapped_column(ForeignKey("issuer_key.kid"))
    audience: Mapped[str] = mapped_column(Text)  # "lock:epoch lock:epoch ...", or "group:<hex>"
    holder: Mapped[bytes] = mapped_column(LargeBinary(32))
    token: Mapped[bytes]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    nonce: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    iat: Mapped[int]
    exp: Mapped[int]


class Receipt(Base):
    """A lock's receipt as it wrote it: the event log that rides are projected from."""

    __tablename__ = "receipt"
    __table_args__ = (
        one_of("via", CARRIERS),
        one_of("proof", PROOFS),
        Index(None, "cti"),
        Index(None, "proof", "lock_id"),
    )

    lock_id: Mapped[str] = mapped_column(ForeignKey("lock.lock_id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[bytes]  # the COSE_Mac0, byte for byte
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))  # SHA-256 of body
    type: Mapped[int]  # protocol/receipt.py
    cti: Mapped[str | None] = mapped_column(String(16))
    at: Mapped[int | None]  # lock time
    error: Mapped[int | None]  # seconds
    received_at: Mapped[int]  # cloud time, first copy
    via: Mapped[str] = mapped_column(String(8))  # who brought the first copy
    copies: Mapped[int] = mapped_column(default=1)  # how often it arrived, the first included
    proof: Mapped[str | None] = mapped_column(String(8))  # its holder's proof against the tokens issued
    countersign_kid: Mapped[str] = mapped_column(ForeignKey("issuer_key.kid"))
    countersignature: Mapped[bytes] = mapped_column(LargeBinary(64))


class ReceiptFork(Base):
    """Another receipt that verified under a (lock, seq) already taken: its key or flash leaked."""

    __tablename__ = "receipt_fork"

    lock_id: Mapped[str] = mapped_column(ForeignKey("lock.lock_id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    body: Mapped[bytes]
    received_at: Mapped[int]
    via: Mapped[str] = mapped_column(String(8))


class Ride(Base):
    """A projection of receipts (rides.py), never edited: emptied and rebuilt, it has the same rows.

    `ride_id` is the first 16 bytes of the digest of the receipt that opened it, as hex: the same at each
    rebuild, and nothing to count. A period claim starts many rides, so a cti is not enough of a name.
    """

    __tablename__ = "ride"
    __table_args__ = (
        one_of("state", RIDE_STATES),
        UniqueConstraint("lock_id", "opened_seq"),
        Index(None, "state", "lock_id"),
        Index(None, "opened_at"),
        Index(None, "operator_id", "opened_at"),
        Index(None, "user_id", "opened_at"),
    )

    ride_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    cti: Mapped[str] = mapped_column(String(16), index=True)
    lock_id: Mapped[str] = mapped_column(ForeignKey("lock.lock_id"))
    operator_id: Mapped[str | None] = mapped_column(ForeignKey("operator.operator_id"))  # its lock's
    claim: Mapped[str | None] = mapped_column(ForeignKey("claim.cti"))  # NULL: nobody claimed, an alarm
    user_id: Mapped[str | None] = mapped_column(ForeignKey("user.user_id"))
    state: Mapped[str] = mapped_column(String(8))
    opened_seq: Mapped[int]
    last_seq: Mapped[int]  # newest receipt of this ride
    opened_at: Mapped[int | None]
    closed_at: Mapped[int | None]  # its last CLOSE
    billed_until: Mapped[int | None]  # SPEC 8, last paragraph
    previous_ride: Mapped[str | None] = mapped_column(String(32))  # the ride it ended by a hand-over
    next_ride: Mapped[str | None] = mapped_column(String(32))  # the ride that ended it by a hand-over
    receipts: Mapped[int]  # how many
    fixes: Mapped[int]  # how many
    distance_m: Mapped[int]


class Fix(Base):
    """A position that a lock reported. `seq` counts that lock's telemetry records of all kinds."""

    __tablename__ = "fix"
    __table_args__ = (Index(None, "lock_id", "at"),)

    lock_id: Mapped[str] = mapped_column(ForeignKey("lock.lock_id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[int]
    lat: Mapped[int]
    lon: Mapped[int]
    accuracy: Mapped[int]  # decimetres


class StatusSample(Base):
    """A lock's own account of itself."""

    __tablename__ = "status_sample"

    lock_id: Mapped[str] = mapped_column(ForeignKey("lock.lock_id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[int | None]
    state: Mapped[int]
    battery_mv: Mapped[int]
    clock_error_s: Mapped[int | None]
    uptime_s: Mapped[int]


class Note(Base):
    """Something worth telling that is no fix and no receipt (SPEC 10, notes)."""

    __tablename__ = "note"
    __table_args__ = (Index(None, "note", "at"),)

    lock_id: Mapped[str] = mapped_column(ForeignKey("lock.lock_id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[int | None]
    note: Mapped[int]
    value: Mapped[int]


class Event(Base):
    """Something that changed, written with the change and never edited: what live updates and webhooks read."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "operator_id", "event_id"), Index(None, "user_id", "event_id"))

    event_id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    at: Mapped[int] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(32))  # events.KINDS
    subject: Mapped[str] = mapped_column(String(32))  # id of what changed
    operator_id: Mapped[str | None] = mapped_column(String(22))  # whose staff may see it
    user_id: Mapped[str | None] = mapped_column(String(22))  # the rider that it is about
    data: Mapped[str] = mapped_column(Text)  # JSON object, without secrets and without a person


class Audit(Base):
    """What staff did: who, which route, which objects. Never a body."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "operator_id", "audit_id"), Index(None, "user_id", "audit_id"))

    audit_id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    at: Mapped[int] = mapped_column(index=True)
    operator_id: Mapped[str | None] = mapped_column(String(22))  # of who did it; NULL: the platform's staff
    user_id: Mapped[str | None] = mapped_column(String(22))  # no foreign key: it outlives the account
    who: Mapped[str] = mapped_column(String(64))  # login, or a client's name, as it was then
    method: Mapped[str] = mapped_column(String(8))
    route: Mapped[str] = mapped_column(String(128))  # the rule, not the address
    objects: Mapped[str] = mapped_column(Text)  # JSON: ids in the address, and of what was made
    status: Mapped[int]
    request_id: Mapped[str | None] = mapped_column(String(64))


class Command(Base):
    """Something a lock is asked to do; it travels in the next answer. Never the bolt."""

    __tablename__ = "command"
    __table_args__ = (Index(None, "lock_id", "done_at"),)

    command_id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    lock_id: Mapped[str] = mapped_column(ForeignKey("lock.lock_id"))
    kind: Mapped[int]
    args: Mapped[str] = mapped_column(Text)  # JSON array of integers
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"))  # who asked
    created_at: Mapped[int]
    sent_at: Mapped[int | None]
    done_at: Mapped[int | None]


class Release(Base):
    """The lock's own code for one kind of board, as two release keys signed it; never edited."""

    __tablename__ = "release"

    board: Mapped[str] = mapped_column(String(24), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    counter: Mapped[int]
    expires: Mapped[int]
    manifest: Mapped[bytes]  # head and list
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))  # its SHA-256
    files: Mapped[int]  # how many
    size: Mapped[int]  # bytes of them
    taken_at: Mapped[int]
    taken_by: Mapped[str | None] = mapped_column(ForeignKey("user.user_id"))  # NULL: the command line


class ReleaseFile(Base):
    """A file of releases, by its SHA-256: what did not change between two is here once."""

    __tablename__ = "release_file"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    body: Mapped[bytes]


class Rollout(Base):
    """One release on its way to the locks of its board. `open_on` is the board until it is done: one a board."""

    __tablename__ = "rollout"
    __table_args__ = (
        one_of("state", ROLLOUT_STATES),
        one_of("halted_by", HALTS),
        ForeignKeyConstraint(["board", "version"], ["release.board", "release.version"]),
    )

    rollout_id: Mapped[str] = mapped_column(String(8), primary_key=True)
    board: Mapped[str] = mapped_column(String(24))
    version: Mapped[int]
    open_on: Mapped[str | None] = mapped_column(String(24), unique=True)
    percent: Mapped[int]
    state: Mapped[str] = mapped_column(String(8))
    started_at: Mapped[int]
    changed_at: Mapped[int]
    changed_by: Mapped[str | None] = mapped_column(
        ForeignKey("user.user_id")
    )  # NULL: the command line, or nobody
    judged_at: Mapped[int]  # when the locks' silence was last counted
    pardoned_at: Mapped[int]  # what was against it until then, a person has seen and let pass
    halted_by: Mapped[str | None] = mapped_column(String(8))
    evidence: Mapped[str | None] = mapped_column(Text)  # JSON: staging.Evidence


class RolloutLock(Base):
    """How far one lock is with a rollout, from its first offer on."""

    __tablename__ = "rollout_lock"

    rollout_id: Mapped[str] = mapped_column(ForeignKey("rollout.rollout_id"), primary_key=True)
    lock_id: Mapped[str] = mapped_column(ForeignKey("lock.lock_id"), primary_key=True)
    offered_at: Mapped[int]
    begun_at: Mapped[int | None]  # it fetched the manifest, or told more
    state: Mapped[int]  # protocol/update.py; 0: offered
    reason: Mapped[int]
    since: Mapped[int]  # cloud time of that state
    failures: Mapped[int]  # how often it came back
    failed_at: Mapped[int | None]
