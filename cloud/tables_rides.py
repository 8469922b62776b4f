"""From a claim to a ride: see tables.py."""

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cloud.tables_base import COUNTED, Base, one_of

MODES = ("single", "period")
CLAIM_STATES = ("open", "used", "cancelled", "expired")
CARRIERS = ("uplink", "phone", "mule")
PROOFS = ("holds", "fails", "unknown")  # unknown: no token of that claim was ever issued
RIDE_STATES = ("open", "parked", "ended")


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
