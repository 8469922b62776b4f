"""What the API stores about calls themselves: see tables.py, whose words hold here too."""

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from cloud.tables import Base


class SecretCheck(Base):
    """One row: what tells the fleet's RINGSLOT_SECRET from others (start.py)."""

    __tablename__ = "secret_check"

    check_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 1
    value: Mapped[bytes] = mapped_column(LargeBinary(32))


class KeptAnswer(Base):
    """The first answer under an Idempotency-Key, given again (idempotency.py). No `status`: not there yet."""

    __tablename__ = "kept_answer"

    key_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)  # SHA-256 of caller and key
    caller: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)  # SHA-256
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))  # of the request, keyed
    attempt: Mapped[bytes] = mapped_column(LargeBinary(8))  # which of several sendings runs
    created_at: Mapped[int] = mapped_column(index=True)
    acted: Mapped[int]  # 1: something was written
    status: Mapped[int | None]
    answer: Mapped[bytes | None]  # headers and body, wrapped
