"""What the API answers about people and how they sign in, as types; see shapes.py."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from cloud import tables, tables_people
from cloud.shapes import Id4, Id16, Next, Time, words

TICKET_STATES = ("open", "acknowledged", "decided")

Id22 = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{22}$")]
Role = Annotated[str, words(tables.ROLES)]


class NewUser(TypedDict):
    user_id: Id22
    login: str
    role: Role
    operator_id: str | None


class SignedIn(TypedDict):
    token: Annotated[str | None, Field(description="for `Authorization: Bearer`; null: it is a cookie")]
    expires_at: Time
    user_id: Id22
    role: Role
    enrol: Annotated[
        bool, Field(description="true: set up a second factor; nothing else is open to this session")
    ]


class PasskeyOptions(TypedDict):
    options: Annotated[dict[str, Any], Field(description="WebAuthn Level 3, 5.1.8: options as JSON")]


class Passkey(TypedDict):
    passkey_id: Id22
    name: str
    created_at: Time
    used_on: Annotated[int, Field(description="midnight (UTC) of the day it was last used", ge=0)]


class Factors(TypedDict):
    totp: bool
    passkeys: list[Passkey]
    recovery_codes: Annotated[int, Field(description="how many are left", ge=0)]


class NewTotp(TypedDict):
    secret: Annotated[str, Field(description="base32; shown once")]
    uri: Annotated[str, Field(description="otpauth:, for the app")]
    picture: Annotated[str, Field(description="the same as a QR code: data: URI of an SVG")]


class Codes(TypedDict):
    recovery_codes: Annotated[list[str], Field(description="shown once; empty where there are some already")]


class NewPasskey(Passkey, Codes):
    pass


class Me(NewUser):
    email: Annotated[str | None, Field(description="verified")]
    language: Annotated[str, words(tables.LANGUAGES)] | None
    second_factor: Annotated[bool, Field(description="whether this session was begun with one")]
    erase_asked_at: Time | None
    csrf: Annotated[
        str, Field(description="`X-CSRF-Token` for whatever changes something, where a cookie signs in")
    ]


class Device(TypedDict):
    session_id: Id22
    device: str
    created_at: Time
    seen_on: Annotated[int, Field(description="midnight (UTC) of the day it was last used", ge=0)]
    expires_at: Time
    second_factor: bool
    here: Annotated[bool, Field(description="whether it is the one that asks")]


class Devices(TypedDict):
    sessions: list[Device]


class Address(TypedDict):
    email: str


class Leaving(TypedDict):
    erased: Annotated[bool, Field(description="false: it will be, once nothing is open")]
    waits: Annotated[list[str], Field(description="what is open: ride, claim, ticket")]


class Ticket(TypedDict):
    ticket_id: Annotated[str, Field(pattern="^[A-Z2-9]{10}$")]
    kind: Annotated[str, words(tables_people.TICKET_KINDS)]
    subject: str
    ride_id: Id16 | None
    operator_id: str
    state: Annotated[str, words(TICKET_STATES)]
    opened_at: Time
    acknowledge_by: Time
    answer_by: Time
    late: Annotated[str, words(("acknowledgement", "answer"))] | None
    acknowledged_at: Time | None
    decided_at: Time | None
    decided_by: Annotated[str | None, Field(description="the person's login")]
    outcome: Annotated[str, words(tables_people.OUTCOMES)] | None


class Tickets(TypedDict):
    tickets: list[Ticket]
    next: Next


class TicketMessage(TypedDict):
    by: Annotated[str, Field(description="login of the staff; `rider`, or `me`")]
    staff: bool
    decides: bool
    text: str
    at: Time


class TicketWithMessages(Ticket):
    messages: list[TicketMessage]


class Provider(TypedDict):
    """A company's own sign-in; never its secret."""

    provider_id: Id22
    operator_id: str
    name: str
    issuer: str
    client_id: str
    group_id: Annotated[Id4 | None, Field(description="whose members its people become")]
    second: Annotated[bool, Field(description="whether it asks for a second factor itself")]
    created_at: Time
    sign_in: Annotated[str, Field(description="where its people begin")]
    redirect_uri: Annotated[str, Field(description="to be registered there")]


class Providers(TypedDict):
    providers: list[Provider]
    next: Next
