"""What happened, and who of the cloud's processes does what: see tables.py."""

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.tables_base import COUNTED, Base


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
