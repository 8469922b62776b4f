"""What locks tell of themselves: see tables.py."""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from cloud.tables_base import Base


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
    temperature_c: Mapped[int | None]  # of its chip


class Note(Base):
    """Something worth telling that is no fix and no receipt (SPEC 10, notes)."""

    __tablename__ = "note"
    __table_args__ = (Index(None, "note", "at"),)

    lock_id: Mapped[str] = mapped_column(ForeignKey("lock.lock_id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[int | None]
    note: Mapped[int]
    value: Mapped[int]
