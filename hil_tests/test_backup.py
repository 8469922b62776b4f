"""The drill: a living fleet is backed up, lost, and brought back elsewhere; its lock, which nobody told, goes on."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from cloud import config, context, rides
from cloud.tables import Lock, Receipt, Ride
from hil_tests.conftest import await_contact
from hil_tests.people import Person, bolt, close
from hil_tests.test_ride import in_the_cloud
from tools.fleet import Fleet
from tools.up import CloudRun, sqlite_url

ROOT = Path(__file__).parent.parent
TELLS = {"uplink_every_s": 2, "status_every_s": 10}
SOON_S = 60


def ringslot(environ, *words, **more):
    command = [sys.executable, "-m", "tools", *map(str, words)]
    ended = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, **more
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def rows(cloud, table):
    with cloud.db.reading() as session:
        found = session.query(table).all()
    return sorted(repr({c.name: getattr(row, c.name) for c in table.__table__.columns}) for row in found)


async def one_ride(fleet, member, folder, admin=None):
    async with Person(fleet, folder) as rider:
        claim = await rider.claim(member.code)
        async with rider.at(claim) as link:
            assert (await rider.unlock(link, claim)).answer.ok and bolt(member)["bolt_open"]
            await close(member, link)
            assert (await link.end(claim.cti, claim.key)).ok
        if admin:
            await in_the_cloud(admin, claim)


def test_a_fleet_that_was_lost_comes_back_elsewhere_and_its_lock_goes_on(tmp_path):
    with Fleet(tmp_path / "fleet", TELLS) as fleet:
        admin, password = fleet.person("chief")
        member = fleet.add("BIKE-1")
        await_contact(admin, member)
        asyncio.run(one_ride(fleet, member, tmp_path / "rider", admin))

        environ = {**os.environ, **fleet.cloud.environ}
        (tmp_path / "passphrase").write_text("correct horse battery staple\n")
        sealed = ("--passphrase-file", tmp_path / "passphrase")
        made = json.loads(ringslot(environ, "backup", tmp_path / "one.ringslot", *sealed, "--json"))
        assert made["rows"] > 20
        before = {table: rows(fleet.context, table) for table in (Ride, Receipt)}
        assert len(before[Ride]) == 1

        member.sim.hand("uplink", on=False)
        asyncio.run(
            one_ride(fleet, member, tmp_path / "unknown")
        )  # the lock knows an epoch that no backup has
        fleet.cloud.kill()  # the machine burns
        fleet.context.db.close()
        for file in fleet.folder.glob("ringslot.db*"):
            file.unlink()

        elsewhere = sqlite_url(tmp_path / "elsewhere.db")
        ringslot(
            {**environ, "RINGSLOT_DATABASE_URL": elsewhere}, "restore", tmp_path / "one.ringslot", *sealed
        )
        fleet.cloud = CloudRun(
            fleet.children,
            fleet.cloud.secret,
            elsewhere,
            fleet.cloud.web,
            fleet.cloud.coap,
            fleet.cloud.extra,
        )
        fleet.cloud.start()
        fleet.context = context.make(config.from_environment(fleet.cloud.environ))
        assert {table: rows(fleet.context, table) for table in (Ride, Receipt)} == before
        with fleet.context.db.writing() as session:
            assert rides.rebuild(session, fleet.context.settings.still_s) == 1
        assert rows(fleet.context, Ride) == before[Ride]

        member.sim.hand("uplink", on=True)
        back, end = time.time(), time.monotonic() + SOON_S
        admin.token = admin.post("/api/v1/sessions", {"login": "chief", "password": password})["token"]

        def heard():
            with fleet.context.db.reading() as session:
                return session.get(Lock, member.lock_id.hex()).last_seen_at

        while heard() <= back:  # the lock itself, in the session that it had, by the address that it knows
            assert time.monotonic() < end, member.sim.child.tail()
            time.sleep(0.2)
        asyncio.run(one_ride(fleet, member, tmp_path / "next", admin))
        assert len(rows(fleet.context, Ride)) == 3
