"""What the cloud stores of a fleet's running, beside its locks and rides: see tables.py, whose words hold here too."""

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.tables import COUNTED, Base, one_of

ZONE_KINDS = ("parking", "no_parking", "service_area")
FAULT_KINDS = ("brake", "tyre", "chain", "light", "saddle", "bell", "lock", "other")
HOOK_STATES = ("active", "paused")


class AssetLock(Base):
    """A lock on a bicycle, from when to when: the newest row without an end is the lock that it has."""

    __tablename__ = "asset_lock"
    __table_args__ = (Index(None, "asset_id", "since"), Index(None, "lock_id", "since"))

    asset_lock_id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    asset_id: Mapped[str] = mapped_column(ForeignKey("asset.asset_id"))
    lock_id: Mapped[str] = mapped_column(ForeignKey("lock.lock_id"))
    since: Mapped[int]
    until: Mapped[int | None]


class Zone(Base):
    """A polygon and what holds in it, never edited: a change is a new version, so that a ride that has ended is judged
    by what held then."""

    __tablename__ = "zone"
    __table_args__ = (one_of("kind", ZONE_KINDS), Index(None, "operator_id", "until"))

    zone_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    operator_id: Mapped[str] = mapped_column(ForeignKey("operator.operator_id"))
    name: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    polygon: Mapped[str] = mapped_column(Text)  # GeoJSON, as geometry.read gives it
    south: Mapped[int]  # its box, degrees x 10^7
    west: Mapped[int]
    north: Mapped[int]
    east: Mapped[int]
    since: Mapped[int]
    until: Mapped[int | None]
    changed_by: Mapped[str | None] = mapped_column(String(22))


class Attention(Base):
    """Something that needs a person: open while its evidence is there. `open_on` makes it one a matter."""

    __tablename__ = "attention"
    __table_args__ = (Index(None, "operator_id", "closed_at"), Index(None, "lock_id", "closed_at"))

    item_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    operator_id: Mapped[str | None] = mapped_column(String(22))
    lock_id: Mapped[str | None] = mapped_column(ForeignKey("lock.lock_id"))
    subject: Mapped[str] = mapped_column(String(32))  # the lock, the fault, the dispute, …
    code: Mapped[str] = mapped_column(String(16))  # attention.RULES
    rank: Mapped[int]  # 1 is the gravest
    evidence: Mapped[str] = mapped_column(Text)  # JSON: evidence.packed
    closes: Mapped[str] = mapped_column(Text)  # what closes it, a sentence
    opened_at: Mapped[int]
    closed_at: Mapped[int | None]
    open_on: Mapped[str | None] = mapped_column(
        String(64), unique=True
    )  # code:subject; NULL once it is closed


class Fault(Base):
    """What a rider, or anyone at the bicycle, says is wrong with it."""

    __tablename__ = "fault"
    __table_args__ = (
        one_of("kind", FAULT_KINDS),
        Index(None, "operator_id", "closed_at"),
        Index(None, "asset_id", "closed_at"),
        Index(None, "user_id"),
    )

    fault_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    asset_id: Mapped[str] = mapped_column(ForeignKey("asset.asset_id"))
    lock_id: Mapped[str | None] = mapped_column(ForeignKey("lock.lock_id"))  # that was on it then
    operator_id: Mapped[str | None] = mapped_column(String(22))
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"))
    kind: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[int]
    closed_at: Mapped[int | None]
    closed_by: Mapped[str | None] = mapped_column(String(22))


class Maintenance(Base):
    """A job for a technician. (The table `job` is the worker's.)"""

    __tablename__ = "maintenance"
    __table_args__ = (Index(None, "operator_id", "done_at"), Index(None, "assigned_to", "done_at"))

    job_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    operator_id: Mapped[str | None] = mapped_column(String(22))
    asset_id: Mapped[str | None] = mapped_column(ForeignKey("asset.asset_id"), index=True)
    lock_id: Mapped[str | None] = mapped_column(ForeignKey("lock.lock_id"), index=True)
    item_id: Mapped[str | None] = mapped_column(ForeignKey("attention.item_id"))  # that it came from
    fault_id: Mapped[str | None] = mapped_column(ForeignKey("fault.fault_id"), index=True)
    title: Mapped[str] = mapped_column(String(128))
    rank: Mapped[int]  # 1 is the most urgent
    opened_at: Mapped[int]
    opened_by: Mapped[str] = mapped_column(String(22))
    assigned_to: Mapped[str | None] = mapped_column(ForeignKey("user.user_id"))
    assigned_at: Mapped[int | None]
    done_at: Mapped[int | None]
    done_by: Mapped[str | None] = mapped_column(String(22))
    note: Mapped[str | None] = mapped_column(Text)  # what was done


class Hook(Base):
    """A webhook: an address of somebody else's that is told what happens, in order. `told` is how far it is."""

    __tablename__ = "hook"
    __table_args__ = (one_of("state", HOOK_STATES), Index(None, "state", "due_at"))

    hook_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    operator_id: Mapped[str | None] = mapped_column(
        String(22), index=True
    )  # NULL: the platform's, told everything
    url: Mapped[str] = mapped_column(String(500))
    kinds: Mapped[str] = mapped_column(Text)  # events.KINDS, a space between; empty: all
    wrapped_secret: Mapped[bytes]
    wrapped_before: Mapped[bytes | None]  # the secret before, while both sign
    before_until: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(8))
    told: Mapped[int]  # number of the last event that was taken, or passed over
    failures: Mapped[int]  # in a row
    failing_since: Mapped[int | None]
    due_at: Mapped[int]  # not before
    created_at: Mapped[int]
    created_by: Mapped[str | None] = mapped_column(String(22))


class HookTry(Base):
    """One try to tell a webhook something; kept for some days, for whoever looks why nothing comes."""

    __tablename__ = "hook_try"
    __table_args__ = (Index(None, "hook_id", "try_id"),)

    try_id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    hook_id: Mapped[str] = mapped_column(ForeignKey("hook.hook_id"))
    event_id: Mapped[int]
    at: Mapped[int] = mapped_column(index=True)
    took_ms: Mapped[int]
    status: Mapped[int | None]  # of the answer
    error: Mapped[str | None] = mapped_column(String(64))  # why there was none
