"""For tests: two operators, and everything that a route may be asked for, all of it operator A's.

`World.thing("lock_id")` is an id as it stands in an address, by the name that the route gives it; `World.body(route)`
what a good request for that route carries. A new kind of thing is a line in THINGS, a route that needs a body one in
testbodies.BODIES.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import select

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
    rollouts,
    sessions,
    testreleases,
    zones,
)
from cloud.reach import EVERYTHING, Reach
from cloud.tables import Asset
from cloud.tables_fleet import FAULT_KINDS, ZONE_KINDS, Attention, Fault
from cloud.tables_people import Passkey
from cloud.testbodies import BODIES, DAY, SQUARE, question, release
from cloud.testride import ride as ridden
from cloud.testsite import Bike, Person, Site
from protocol import status


class World:
    """`owner`: the rider whose claim, ride and session it is; `made`: ids so far, by the name of the parameter."""

    def __init__(self, site: Site):
        self.site = site
        self.a: str = site.operator("Operator A")
        self.b: str = site.operator("Operator B")
        self.admin: Person = site.person("admin", operator=self.a)
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


def _rollout(world: World) -> str:
    board = "b" + secrets.token_hex(4)
    release(world, board)
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
    "ticket_id": lambda world: world.owner.post("/tickets", **question(world)).get_json()["ticket_id"],
    "vehicle_id": lambda world: _vehicle(world),
    "file_name": lambda world: testreleases.short(testreleases.FILES["firmware/lock.mpy"]),
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
