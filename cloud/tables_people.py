"""What the cloud stores of how people sign in, and of what they write to the staff: see tables.py, whose words hold
here too."""

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cloud.tables import COUNTED, Base, one_of

CEREMONIES = ("register", "assert")
TICKET_KINDS = ("dispute", "support")
OUTCOMES = ("upheld", "partly", "refused", "answered")


class Totp(Base):
    """An authenticator app (RFC 6238). Counts only once a first code has shown that the app has the secret."""

    __tablename__ = "totp"

    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"), primary_key=True)
    wrapped: Mapped[bytes]
    confirmed_at: Mapped[int | None]
    last_step: Mapped[int]  # the newest time step whose code was taken: none is good twice


class RecoveryCode(Base):
    """A code for whoever lost the second factor; gone once it is used."""

    __tablename__ = "recovery_code"

    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"), index=True)


class Passkey(Base):
    """A WebAuthn credential: its public key, and how often it says it signed."""

    __tablename__ = "passkey"

    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1023), primary_key=True)
    passkey_id: Mapped[str] = mapped_column(String(22), unique=True)  # to name it by in the API
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"), index=True)
    public_key: Mapped[bytes]  # COSE_Key
    sign_count: Mapped[int]
    name: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[int]
    used_on: Mapped[int]  # midnight of the day


class Ceremony(Base):
    """A WebAuthn challenge that we gave out; answered once or never."""

    __tablename__ = "ceremony"
    __table_args__ = (one_of("kind", CEREMONIES),)

    challenge_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("user.user_id"))  # NULL: whoever signs in
    expires_at: Mapped[int] = mapped_column(index=True)


class Provider(Base):
    """A company's own sign-in (OpenID Connect), and whose people it vouches for."""

    __tablename__ = "provider"

    provider_id: Mapped[str] = mapped_column(String(22), primary_key=True)
    operator_id: Mapped[str] = mapped_column(ForeignKey("operator.operator_id"), index=True)
    group_id: Mapped[str | None] = mapped_column(
        ForeignKey("group.group_id")
    )  # whose members its people become
    name: Mapped[str] = mapped_column(String(64))
    issuer: Mapped[str] = mapped_column(String(255))
    client_id: Mapped[str] = mapped_column(String(255))
    wrapped_secret: Mapped[bytes | None]
    second: Mapped[int]  # 1: it asks for a second factor itself
    created_at: Mapped[int]


class ProviderLogin(Base):
    """Who of a provider is who here: its subject and nothing else that it said."""

    __tablename__ = "provider_login"

    provider_id: Mapped[str] = mapped_column(ForeignKey("provider.provider_id"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"), index=True)
    created_at: Mapped[int]


class ProviderVisit(Base):
    """Somebody who was sent to a provider and is expected back, in the same browser."""

    __tablename__ = "provider_visit"

    state_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    provider_id: Mapped[str] = mapped_column(ForeignKey("provider.provider_id"))
    wrapped: Mapped[bytes]  # nonce, code verifier, where to go then
    browser_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    expires_at: Mapped[int] = mapped_column(index=True)


class Ticket(Base):
    """What a rider disputes or asks; its clock runs from `clock_at` (tickets.py)."""

    __tablename__ = "ticket"
    __table_args__ = (
        one_of("kind", TICKET_KINDS),
        one_of("outcome", OUTCOMES),
        Index(None, "operator_id", "decided_at"),
    )

    ticket_id: Mapped[str] = mapped_column(String(10), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"), index=True)
    operator_id: Mapped[str] = mapped_column(ForeignKey("operator.operator_id"))
    ride_id: Mapped[str | None] = mapped_column(String(32))  # no reference: rides are projected anew
    kind: Mapped[str] = mapped_column(String(8))
    subject: Mapped[str] = mapped_column(String(120))
    opened_at: Mapped[int]
    clock_at: Mapped[int]  # opened, or opened again
    acknowledged_at: Mapped[int | None]
    acknowledged_by: Mapped[str | None] = mapped_column(ForeignKey("user.user_id"))
    decided_at: Mapped[int | None]
    decided_by: Mapped[str | None] = mapped_column(ForeignKey("user.user_id"))
    outcome: Mapped[str | None] = mapped_column(String(8))


class TicketMessage(Base):
    """One message of a ticket. `decides`: the reason of a decision."""

    __tablename__ = "ticket_message"

    message_id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.ticket_id"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user.user_id"))  # who wrote it
    staff: Mapped[int]  # 1: for the operator
    decides: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[int]
