"""A technician's phone brings a release to a simulated lock over the virtual radio, by the rider's app and bleak.

The simulator runs the checkout whichever slot its flash names, so what is shown is the transfer, what lies on flash
after it, and what the cloud is told; test_rv32_update.py starts what was brought.
"""

import asyncio
import time

import pytest

from boards.sim.flash_image import read_image
from boards.sim.release import release
from hil_tests.conftest import await_contact
from hil_tests.people import Person, until
from protocol import keyset, roots, status, update
from tools import keysets, provision
from tools import release as releases

OLD, NEW = release(1, expires=2_000_000_000), release(2, expires=2_000_000_000)


class Brought(releases.Release):
    """A small release as tools/release.py's."""

    def __init__(self, small):
        super().__init__(b"", b"", small.files, small.manifest)
        object.__setattr__(self, "number", small.version)

    @property
    def version(self):
        return self.number


def with_slots(fleet, code):
    """Files of a flash that runs OLD from slot a and knows two release keys."""
    from boards.sim.release import kids

    found, _, _ = roots.take_apart(provision.read(fleet.folder / f"{code}-files")["keyset"])
    now = int(time.time())
    entries = [(kid, *found.keys[kid][:3]) for kid in found.keys]
    from boards.sim.release import SIGNERS

    entries += [
        (kid, key.public, now - 86_400, 2_000_000_001) for (kid, _), key in zip(kids(), SIGNERS, strict=True)
    ]
    trusted, sealed = keysets.under_one_root(keyset.encode(found.version, sorted(entries)))
    files = {f"a/{path}": data for path, data in OLD.files.items()}
    return {**files, "a/manifest": OLD.manifest, "slot": b"a", "keyset": sealed, "roots": trusted}


@pytest.fixture
def lock(fleet, admin):
    member = fleet.add("SLOTTED", start=False)
    member.sim.provision({**provision.read(fleet.folder / "SLOTTED-files"), **with_slots(fleet, "SLOTTED")})
    member.sim.start()
    await_contact(admin, member)
    yield member
    member.sim.stop()


def test_a_release_over_the_air_is_on_trial_and_then_kept(fleet, lock, technician, tmp_path):
    async def bring():
        async with Person(fleet, tmp_path) as person:
            person.cloud.token = technician.token
            plain = await person.master(lock.lock_id)
            async with person.at(plain) as link:
                assert (await link.may_update(plain.token, plain.key)).status == status.SCOPE
            master = await person.master(lock.lock_id, "update")
            sent: list = []
            async with person.at(master) as link:
                assert (await link.may_update(master.token, master.key)).ok
                assert await link.bring(Brought(NEW), sent.append) == (update.TRIAL, 0)
            assert sent[-1] == len(NEW.manifest) + sum(len(data) for data in NEW.files.values())
            await until(lambda: not lock.sim.child.running, "its reset")

    asyncio.run(bring())
    files = read_image(lock.sim.image)
    assert files["slot"] == b"b a 2" and files["b/manifest"] == NEW.manifest
    assert {path: files[f"b/{path}"] for path in NEW.files} == NEW.files
    lock.sim.start()
    end = time.monotonic() + 60
    while time.monotonic() < end and read_slot(lock) != b"b":
        time.sleep(1)
    lock.sim.kill()
    assert read_image(lock.sim.image)["slot"] == b"b"


def read_slot(lock):
    """While it runs, so this may meet it in the middle of a write."""
    try:
        return read_image(lock.sim.image).get("slot")
    except Exception:
        return None
