"""Locks, the bicycles that they are on, and the keys by which they believe: see tables.py."""

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.tables_base import COUNTED, Base, one_of

KINDS = ("exclusive", "pooled")
KEY_STATES = ("next", "current", "retiring", "removed")


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
    uplink_every_s: Mapped[int | None]  # how often it calls at the least, as it was told; see silence.py
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
    done_at: Mapped[int | None]  # when the lock said so, or that it will not
    refused: Mapped[bool] = mapped_column(default=False)


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
