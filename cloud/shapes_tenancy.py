"""What the API answers about operators, their groups and the programs that act for them, as types; see shapes.py."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from cloud import tables
from cloud.scopes import SCOPES
from cloud.shapes import Count, Id4, Next, Time, words

Day = Annotated[int, Field(description="midnight UTC of the day, Unix seconds", ge=0)]
Scope = Annotated[str, words(tuple(SCOPES))]


class Operator(TypedDict):
    """Who runs a fleet, and what riders are told of it."""

    operator_id: str
    name: str
    colour: Annotated[str, Field(pattern="^#[0-9a-f]{6}$")] | None
    email: str | None
    phone: Annotated[str, Field(description="E.164")] | None
    url: str | None
    terms_url: str | None
    privacy_url: str | None
    timezone: str
    language: str
    created_at: Time


class Operators(TypedDict):
    operators: list[Operator]
    next: Next


class Colleague(TypedDict):
    user_id: str
    login: str
    role: Annotated[str, words(("technician", "admin"))]
    operator_id: str | None
    created_at: Time


class Staff(TypedDict):
    staff: list[Colleague]
    next: Next


class Client(TypedDict):
    client_id: str
    kind: Annotated[str, words(tables.CLIENT_KINDS)]
    name: str
    operator_id: str | None
    user_id: Annotated[str, Field(description="by whom its claims, commands and audit entries are")]
    scopes: list[Scope]
    created_at: Time
    created_by: str
    used_on: Day | None
    revoked_at: Time | None


class ClientWithSecret(Client):
    secret: Annotated[str, Field(description="shown this once; kept as SHA-256 only")]


class Clients(TypedDict):
    clients: list[Client]
    next: Next


class Group(TypedDict):
    group_id: Id4
    operator_id: str
    name: str
    members_only: bool
    domain: str | None
    created_at: Time
    locks: Count
    members: Count


class Groups(TypedDict):
    groups: list[Group]
    next: Next


class Member(TypedDict):
    user_id: str
    login: str
    joined_at: Time


class Members(TypedDict):
    members: list[Member]
    next: Next


class Invitation(TypedDict):
    code: Annotated[str, Field(description="for those who are to join; shown this once")]
    group_id: Id4
    uses: Count
    expires_at: Time


class Joined(TypedDict):
    group_id: Id4
    name: str
    operator_id: str


class MyGroups(TypedDict):
    groups: list[Joined]


class AccessToken(TypedDict):
    """RFC 6749 section 5.1."""

    access_token: str
    token_type: Annotated[str, words(("Bearer",))]
    expires_in: Annotated[int, Field(description="seconds", ge=0)]
    scope: str


class Revoked(TypedDict):
    """RFC 7009 section 2.2: the status says it all."""


class OAuthError(TypedDict):
    """RFC 6749 section 5.2."""

    error: str
    error_description: NotRequired[str]


class ServerMetadata(TypedDict):
    """RFC 8414 section 2."""

    issuer: str
    token_endpoint: str
    revocation_endpoint: str
    scopes_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    service_documentation: str
