"""For tests: what a good request for each route carries, in a World (testworld.py)."""

import io
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import MultiDict

from cloud import groups, releases, testreleases
from cloud.body import b64
from cloud.reach import Reach
from cloud.tables_fleet import FAULT_KINDS, ZONE_KINDS
from cloud.testlock import Pen
from cloud.testsite import PASSWORD, holder_key

if TYPE_CHECKING:
    from cloud.testworld import World

DAY = 86400
SQUARE = {"type": "Polygon", "coordinates": [[[4.0, 52.0], [4.1, 52.0], [4.1, 52.1], [4.0, 52.0]]]}


def release(world: "World", board: str) -> bytes:
    raw = testreleases.signed(7, world.site.now + 30 * DAY, board=board)
    with world.writing() as session:
        releases.take(session, raw, testreleases.FILES.values(), world.site.now, None)
    return raw


def question(world: "World") -> dict[str, Any]:
    return {"kind": "support", "subject": "A question", "text": "Why?", "operator": world.a}


def _code(world: "World") -> dict[str, Any]:
    reach, group_id, now = Reach(world.admin.user_id, world.a), world.thing("group_id"), world.site.now
    with world.writing() as session:
        _, code = groups.invite(session, reach, group_id, 1, now + DAY, now)
    return {"code": code}


def _credentials(world: "World", **form: str) -> dict[str, Any]:
    client_id = world.thing("client_id")
    return {"data": {"client_id": client_id, "client_secret": world.made["client secret"], **form}}


def _upload(world: "World") -> dict[str, Any]:
    raw = testreleases.signed(7, world.site.now + 30 * DAY, board="b" + secrets.token_hex(4))
    files = [("file", (io.BytesIO(data), f"f{n}")) for n, data in enumerate(testreleases.FILES.values())]
    return {"data": MultiDict([("manifest", (io.BytesIO(raw), "manifest")), *files])}


def _rolled(world: "World") -> dict[str, Any]:
    board = "b" + secrets.token_hex(4)
    release(world, board)
    return {"board": board, "version": 7, "percent": 0}


def _receipt(world: "World") -> dict[str, Any]:
    pen = Pen(world.bike.lock_id, world.bike.k_lock)
    return {"receipts": [b64(pen.open(b"cti-0001", world.site.now - 10))]}


def _login(world: "World") -> dict[str, Any]:
    login = secrets.token_hex(8)
    world.site.person(login=login)
    return {"login": login, "password": PASSWORD}


def _new_lock(world: "World") -> dict[str, Any]:
    return {
        "lock_id": secrets.token_hex(8),
        "k_lock": b64(secrets.token_bytes(32)),
        "kind": "exclusive",
        "operator": world.a,
    }


def _address() -> str:
    return f"{secrets.token_hex(4)}@example.org"


BODIES: Mapping[str, Callable[["World"], dict[str, Any]]] = {
    "POST /api/v1/addresses/confirm": lambda world: {"token": "A" * 43},
    "POST /api/v1/assets": lambda world: {
        "code": secrets.token_hex(4),
        "label": "New",
        "lock": world.thing("bare lock"),
    },
    "PATCH /api/v1/assets/<id22:asset_id>": lambda world: {"label": "Renamed"},
    "POST /api/v1/assets/<id22:asset_id>/service": lambda world: {"in_service": True},
    "POST /api/v1/faults": lambda world: {"code": world.thing("code"), "kind": FAULT_KINDS[0]},
    "POST /api/v1/jobs": lambda world: {"title": "Look", "asset": world.thing("asset_id")},
    "PATCH /api/v1/jobs/<id8:job_id>": lambda world: {"rank": 2},
    "POST /api/v1/jobs/<id8:job_id>/done": lambda world: {"note": "Looked"},
    "POST /api/v1/me/passkeys": lambda world: {
        "name": "Mine",
        "client_data": b64(b"{}"),
        "attestation": b64(b"{}"),
    },
    "PATCH /api/v1/me/passkeys/<id22:passkey_id>": lambda world: {"name": "Mine"},
    "POST /api/v1/me/totp/confirm": lambda world: {"code": "000000"},
    "POST /api/v1/sessions/passkey": lambda world: {
        "credential_id": b64(bytes(16)),
        "client_data": b64(b"{}"),
        "authenticator_data": b64(bytes(37)),
        "signature": b64(bytes(64)),
    },
    "POST /api/v1/sessions/proof": lambda world: {"password": PASSWORD},
    "POST /api/v1/zones": lambda world: {
        "name": "Here",
        "kind": ZONE_KINDS[0],
        "polygon": SQUARE,
        "operator": world.a,
    },
    "PATCH /api/v1/zones/<id8:zone_id>": lambda world: {"name": "There"},
    "POST /api/v1/claims": lambda world: {"lock": world.thing("lock_id"), "holder_key": holder_key()},
    "POST /api/v1/claims/<id8:cti>/token": lambda world: world.claimed.challenge(),
    "POST /api/v1/claims/<id8:cti>/successor": lambda world: {"holder_key": holder_key()},
    "POST /api/v1/clients": lambda world: {
        "name": "Partner",
        "kind": "key",
        "scopes": ["bikes:read"],
        "operator": world.a,
    },
    "GET /api/v1/events": lambda world: {"headers": {"Last-Event-ID": "0"}},
    "POST /api/v1/groups": lambda world: {"name": "Company", "operator": world.a},
    "POST /api/v1/locks": _new_lock,
    "PATCH /api/v1/locks/<id8:lock_id>/wanted": lambda world: {"board": "sim"},
    "POST /api/v1/locks/<id8:lock_id>/commands": lambda world: {"kind": "find"},
    "POST /api/v1/master-tokens": lambda world: {
        "locks": [world.thing("lock_id")],
        "holder_key": holder_key(),
    },
    "PATCH /api/v1/me": lambda world: {"language": "nl"},
    "POST /api/v1/me/address": lambda world: {"email": _address()},
    "POST /api/v1/me/groups": _code,
    "PUT /api/v1/me/password": lambda world: {"password": PASSWORD},
    "POST /api/v1/oauth/token": lambda world: _credentials(world, grant_type="client_credentials"),
    "POST /api/v1/oauth/revoke": lambda world: _credentials(world, token="none"),
    "POST /api/v1/operators": lambda world: {"name": "Operator C"},
    "POST /api/v1/providers": lambda world: {
        "name": "Company",
        "issuer": "https://login.example",
        "client_id": "us",
        "group": world.thing("group_id"),
        "operator": world.a,
    },
    "POST /api/v1/receipts": _receipt,
    "POST /api/v1/releases": _upload,
    "POST /api/v1/resets": lambda world: {"email": _address()},
    "POST /api/v1/resets/confirm": lambda world: {"token": "A" * 43, "password": PASSWORD},
    "POST /api/v1/rollouts": _rolled,
    "POST /api/v1/sealed": lambda world: {"batch": b64(bytes(64))},
    "POST /api/v1/sessions": _login,
    "POST /api/v1/sign-ups": lambda world: {"email": _address()},
    "POST /api/v1/sign-ups/confirm": lambda world: {"token": "A" * 43, "password": PASSWORD},
    "POST /api/v1/staff-invitations": lambda world: {
        "email": _address(),
        "role": "technician",
        "operator": world.a,
    },
    "POST /api/v1/staff-invitations/accept": lambda world: {"token": "A" * 43},
    "POST /api/v1/staff-invitations/confirm": lambda world: {"token": "A" * 43, "password": PASSWORD},
    "POST /api/v1/tickets": question,
    "POST /api/v1/tickets/<ticket:ticket_id>/decision": lambda world: {
        "outcome": "answered",
        "reason": "So.",
    },
    "POST /api/v1/tickets/<ticket:ticket_id>/messages": lambda world: {"text": "And?"},
    "PATCH /api/v1/staff/<opaque:user_id>": lambda world: {"role": "admin"},
    "POST /api/v1/users": lambda world: {"login": secrets.token_hex(8), "password": PASSWORD},
    "POST /api/v1/webhooks": lambda world: {"url": "https://hooks.example/in"},
    "POST /api/v1/webhooks/<id8:hook_id>/replay": lambda world: {"event": 1},
}
