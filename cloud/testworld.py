"""For tests: two operators, and everything that a route may be asked for, all of it operator A's.

`World.thing("lock_id")` is an id as it stands in an address, by the name that the route gives it; `World.body(route)`
what a good request for that route carries. A new kind of thing is a line in THINGS, a
route that needs a body one in BODIES.
"""

import io
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from cloud import (
    clients,
    faults,
    fixes,
    groups,
    hooks,
    locks,
    maintenance,
    operators,
    providers,
    releases,
    rollouts,
    sessions,
    testreleases,
    zones,
)
from cloud.body import b64
from cloud.reach import EVERYTHING, Reach
from cloud.tables import Asset
from cloud.tables_fleet import FAULT_KINDS, ZONE_KINDS, Attention, Fault
from cloud.tables_people import Passkey
from cloud.testlock import Pen
from cloud.testride import ride as ridden
from cloud.testsite import PASSWORD, Bike, Person, Site, holder_key
from protocol import status

DAY = 86400


class World:
    """`owner`: the rider whose claim, ride and session it is; `made`: ids so far, by the name of the parameter."""

    def __init__(self, site: Site):
        self.site = site
        self.a, self.b = site.operator("Operator A"), site.operator("Operator B")
        self.admin = site.person("admin", operator=self.a)
        with site.cloud.db.writing() as session:  # public feeds are of who says whom to ask
            operators.find(session, EVERYTHING, self.a).email = "help@example.org"
        site.person("admin", operator=self.b)
        site.person("admin")  # so that nobody is the last
        with site.cloud.db.writing() as session:
            testreleases.publish_keys(session, site.now)
        self.begin()

    def begin(self) -> None:
        """Forget the things, so that the next are new."""
        self.site.now += 700
        self.made: dict[str, str] = {}
        self.bikes: dict[str, Bike] = {}
        self.owner = self.site.person()

    # ---- who calls

    def person(self, column: str) -> Person | None:
        if column == "nobody":
            return None
        if column == "owner":
            return self.owner
        if column == "stranger":
            return self.site.person()
        role, _, whose = column.partition(" ")
        return self.site.person(role, operator={"A": self.a, "B": self.b, "": None}[whose])

    def program(self, operator_id: str | None, scope: str) -> Person:
        with self.site.cloud.db.writing() as session:
            row, secret = clients.create(
                session, operator_id, "key", "Partner", [scope], self.admin.user_id, self.site.now
            )
        return Person(self.site.app.test_client(use_cookies=False), row.user_id, secret, program=True)

    # ---- what is asked for

    def thing(self, name: str) -> str:
        if name not in self.made:
            self.made[name] = THINGS[name](self)
        return self.made[name]

    @property
    def bike(self) -> Bike:
        """With a lock of A's."""
        if "free" not in self.bikes:
            self.bikes["free"] = self.site.bike(operator=self.a)
        return self.bikes["free"]

    @property
    def claimed(self) -> Bike:
        """Another one, which the owner has claimed."""
        if "claimed" not in self.bikes:
            self.bikes["claimed"] = self.site.bike(operator=self.a)
            self.made["cti"] = self.owner.claim(self.bikes["claimed"]).get_json()["claim_id"]
        return self.bikes["claimed"]

    def body(self, route: str) -> dict[str, Any]:
        """As arguments of the test client."""
        made = BODIES.get(route, lambda _: {})(self)
        if route.split()[0] in ("GET", "DELETE") and not made:
            return {}
        return dict(made) if "data" in made or "headers" in made else {"json": made}

    def writing(self) -> Any:
        return self.site.cloud.db.writing()


# ---- things


def _cti(world: World) -> str:
    assert world.claimed
    return world.made["cti"]


def _ride(world: World) -> str:
    assert ridden(world.site, world.bike, world.owner)
    (ride,) = world.owner.get("/rides").get_json()["rides"]
    return str(ride["ride_id"])


def _session(world: World) -> str:
    with world.writing() as session:
        sessions.start(session, world.owner.user_id, world.site.now)
        return sessions.of_user(session, world.owner.user_id, world.site.now)[0].session_id


def _hook(world: World) -> str:
    with world.writing() as session:
        row, _secret = hooks.create(
            session,
            world.site.cloud.box,
            world.a,
            "https://hooks.example/in",
            [],
            world.admin.user_id,
            world.site.now,
        )
        return row.hook_id


def _release(world: World, board: str) -> bytes:
    raw = testreleases.signed(7, world.site.now + 30 * DAY, board=board)
    with world.writing() as session:
        releases.take(session, raw, testreleases.FILES.values(), world.site.now, None)
    return raw


def _rollout(world: World) -> str:
    board = "b" + secrets.token_hex(4)
    _release(world, board)
    with world.writing() as session:
        return rollouts.start(session, board, 7, 10, world.site.now, None).rollout_id


def _group(world: World) -> str:
    """With the owner in it."""
    with world.writing() as session:
        made = groups.create(session, world.a, "Company", True, world.site.now)
        end = world.site.now + DAY
        _, code = groups.invite(
            session, EVERYTHING._replace(user_id=world.admin.user_id), made, 1, end, world.site.now
        )
        groups.accept(session, world.owner.user_id, code, world.site.now)
        return made


def _client(world: World) -> str:
    with world.writing() as session:
        row, world.made["client secret"] = clients.create(
            session, world.a, "oauth", "Partner", ["bikes:read"], world.admin.user_id, world.site.now
        )
        return row.client_id


def _audited(world: World) -> str:
    assert world.admin.post(f"/locks/{world.bike.hex}/commands", kind="find").status_code == 202
    return world.bike.hex


def _bare_lock(world: World) -> str:
    lock_id = secrets.token_hex(8)
    with world.writing() as session:
        locks.register(
            session,
            world.site.cloud.box,
            lock_id,
            bytes(32),
            "exclusive",
            None,
            world.site.now,
            operator_id=world.a,
        )
    return lock_id


THINGS: Mapping[str, Callable[[World], str]] = {
    "lock_id": lambda world: world.bike.hex,
    "code": lambda world: world.bike.code,
    "cti": _cti,
    "ride_id": _ride,
    "session_id": _session,
    "hook_id": _hook,
    "rollout_id": _rollout,
    "group_id": _group,
    "client_id": _client,
    "operator_id": lambda world: world.a,
    "user_id": lambda world: world.site.person("technician", operator=world.a).user_id,
    "asset_id": lambda world: _asset(world).asset_id,
    "fault_id": lambda world: _fault(world).fault_id,
    "item_id": lambda world: _item(world),
    "job_id": lambda world: _job(world),
    "zone_id": lambda world: _zone(world),
    "passkey_id": lambda world: _passkey(world),
    "provider_id": lambda world: _provider(world),
    "ticket_id": lambda world: world.owner.post("/tickets", **_question(world)).get_json()["ticket_id"],
    "vehicle_id": lambda world: _vehicle(world),
    "page": lambda world: "locks",
    "name": lambda world: "vehicle_status",
    "what": lambda world: "rides",
    "form": lambda world: "csv",
    # not in addresses
    "audited": _audited,
    "bare lock": _bare_lock,
    "member": lambda world: _member(world),
}


def _asset(world: World) -> Asset:
    code = world.bike.code
    with world.writing() as session:
        return session.scalars(select(Asset).where(Asset.code == code)).one()


def _fault(world: World) -> Fault:
    asset = _asset(world)
    with world.writing() as session:
        row = faults.report(session, asset, world.owner.user_id, FAULT_KINDS[0], "", world.site.now)
        session.flush()
        return row


def _item(world: World) -> str:
    fault = _fault(world)
    with world.writing() as session:
        rows = select(Attention.item_id).where(Attention.subject == fault.fault_id)
        return session.scalars(rows).one()


def _job(world: World) -> str:
    asset = _asset(world)
    with world.writing() as session:
        made = maintenance.create(session, world.a, "Look", world.admin.user_id, world.site.now, asset)
        return made.job_id


def _provider(world: World) -> str:
    """Which nobody reaches: it is at an address of our own."""
    reach, about = (
        Reach(world.admin.user_id, world.a),
        ("Company", "https://localhost:1", "us", None, None, False),
    )
    with world.writing() as session:
        return providers.create(session, world.site.cloud, reach, world.a, *about).provider_id


def _question(world: World) -> dict[str, Any]:
    return {"kind": "support", "subject": "A question", "text": "Why?", "operator": world.a}


def _vehicle(world: World) -> str:
    at = {
        "lock_id": world.thing("lock_id"),
        "seq": 1,
        "at": world.site.now - 60,
        "lat": 521000000,
        "lon": 51000000,
    }
    with world.writing() as session:
        lock = locks.get(session, world.made["lock_id"])
        lock.last_seen_at, lock.state = world.site.now, status.STATE_LOCKED
        fixes.store(session, [{**at, "accuracy": 50}])
    feed = world.site.client.get(f"/gbfs/{world.a}/vehicle_status.json").get_json()
    return str(feed["data"]["vehicles"][0]["vehicle_id"])


SQUARE = {"type": "Polygon", "coordinates": [[[4.0, 52.0], [4.1, 52.0], [4.1, 52.1], [4.0, 52.0]]]}


def _zone(world: World) -> str:
    with world.writing() as session:
        kind = ZONE_KINDS[0]
        return zones.create(
            session, world.a, "Here", kind, SQUARE, world.admin.user_id, world.site.now
        ).zone_id


def _passkey(world: World) -> str:
    passkey_id = secrets.token_urlsafe(16)
    with world.writing() as session:
        session.add(
            Passkey(
                passkey_id=passkey_id,
                user_id=world.owner.user_id,
                credential_id=secrets.token_bytes(16),
                public_key=b"",
                sign_count=0,
                used_on=world.site.now,
                name="Mine",
                created_at=world.site.now,
            )
        )
    return passkey_id


def _member(world: World) -> str:
    world.thing("group_id")
    return world.owner.user_id


# ---- bodies


def _code(world: World) -> dict[str, Any]:
    reach, group_id, now = Reach(world.admin.user_id, world.a), world.thing("group_id"), world.site.now
    with world.writing() as session:
        _, code = groups.invite(session, reach, group_id, 1, now + DAY, now)
    return {"code": code}


def _credentials(world: World, **form: str) -> dict[str, Any]:
    client_id = world.thing("client_id")
    return {"data": {"client_id": client_id, "client_secret": world.made["client secret"], **form}}


def _upload(world: World) -> dict[str, Any]:
    raw = testreleases.signed(7, world.site.now + 30 * DAY, board="b" + secrets.token_hex(4))
    files = [("file", (io.BytesIO(data), f"f{n}")) for n, data in enumerate(testreleases.FILES.values())]
    return {"data": MultiDict([("manifest", (io.BytesIO(raw), "manifest")), *files])}


def _rolled(world: World) -> dict[str, Any]:
    board = "b" + secrets.token_hex(4)
    _release(world, board)
    return {"board": board, "version": 7, "percent": 0}


def _receipt(world: World) -> dict[str, Any]:
    pen = Pen(world.bike.lock_id, world.bike.k_lock)
    return {"receipts": [b64(pen.open(b"cti-0001", world.site.now - 10))]}


def _login(world: World) -> dict[str, Any]:
    login = secrets.token_hex(8)
    world.site.person(login=login)
    return {"login": login, "password": PASSWORD}


def _new_lock(world: World) -> dict[str, Any]:
    return {
        "lock_id": secrets.token_hex(8),
        "k_lock": b64(secrets.token_bytes(32)),
        "kind": "exclusive",
        "operator": world.a,
    }


def _address() -> str:
    return f"{secrets.token_hex(4)}@example.org"


BODIES: Mapping[str, Callable[[World], dict[str, Any]]] = {
    "POST /api/v1/addresses/confirm": lambda world: {"token": "A" * 43},
    "POST /api/v1/assets": lambda world: {
        "code": secrets.token_hex(4),
        "label": "New",
        "lock": world.thing("bare lock"),
    },
    "PATCH /api/v1/assets/<id22:asset_id>": lambda world: {"label": "Renamed"},
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
    "PATCH /api/v1/locks/<id8:lock_id>": lambda world: {"board": "sim"},
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
    "POST /api/v1/tickets": _question,
    "POST /api/v1/tickets/<ticket:ticket_id>/decision": lambda world: {
        "outcome": "answered",
        "reason": "So.",
    },
    "POST /api/v1/tickets/<ticket:ticket_id>/messages": lambda world: {"text": "And?"},
    "PATCH /api/v1/staff/<opaque:user_id>": lambda world: {"role": "admin"},
    "POST /api/v1/users": lambda world: {"login": secrets.token_hex(8), "password": PASSWORD},
    "POST /api/v1/webhooks": lambda world: {"url": "https://hooks.example/in"},
    "POST /api/v1/webhooks/<id8:hook_id>/replay": lambda world: {"event": 1},
    "POST /sign-in": lambda world: {"data": _login(world)},
}
