"""Who runs a fleet, for whom, and which programs act for them: see tables.py."""

from sqlalchemy import ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.tables_base import Base, one_of

CLIENT_KINDS = ("key", "oauth")


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
