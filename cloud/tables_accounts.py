"""People who may sign in, their devices and their mail: see tables.py, and tables_people.py for the rest of them."""

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from cloud.tables_base import Base, one_of

ROLES = ("rider", "technician", "admin")
LANGUAGES = ("en", "nl")


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


class Attempt(Base):
    """How often one thing (a login tried, a bike's code guessed) happened since `since`; see limits.py."""

    __tablename__ = "attempt"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    since: Mapped[int]
    tries: Mapped[int]
