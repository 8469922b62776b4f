"""The locks' own code, and how far it has come: see tables.py."""

from sqlalchemy import ForeignKey, ForeignKeyConstraint, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.tables_base import Base, one_of

ROLLOUT_STATES = ("running", "halted", "done")
HALTS = ("person", "locks")  # who halted a rollout: a person, or what the locks told and did not tell


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
