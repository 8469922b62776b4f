"""A whole lock on the 32-bit board takes a release from a technician's phone, is cut, and comes back from a bad one.

The board has no network: its cloud is never heard, so a trial needs none. What is flashed is what `ringslot release`
and tools/application.py make, launcher included.
"""

import asyncio
import hashlib
import random
import time

import pytest

from boards import launcher
from hil_tests.test_rv32_lock import Street, private, public
from protocol import keys, keyset, status, token, update
from tools import application, keysets, provision, release, rv32
from tools.errors import ToolError
from tools.rv32_lock import Client, Rv32Lock

BOARD = "qemu_rv32"
HEAP = rv32.size("224k")
EXPIRES = 2_000_000_000
TECHNICIAN = private("technician")
MASTER = private("master")
RELEASERS = private("release a"), private("release b")
CUTS = 3  # in `make test`


def signed(files, version, **head):
    """A Release of these files."""
    entries = [(path, len(data), hashlib.sha256(data).digest()) for path, data in files.items()]
    listed = release.manifest.encode_list(entries)
    fields = {"counter": 1, "board": BOARD, "expires": EXPIRES, **head}
    payload = release.manifest.encode_payload(
        version, fields["counter"], fields["board"], fields["expires"], listed
    )
    return release.sign(release.Release(payload, listed, files), *RELEASERS)


def compiled(name, text):
    return rv32.compile_text(name, text, "rv32imc", lean=True)


@pytest.fixture(scope="module")
def first():
    return release.sign(release.build(BOARD, 1, 1, EXPIRES), *RELEASERS)


@pytest.fixture(scope="module")
def second(first):
    """It brings a module of several blocks, and changes a small one."""
    extra = compiled("firmware/extra.py", f"DATA = '{hashlib.shake_256(b'extra').hexdigest(1500)}'\n")
    small = compiled("firmware/second.py", "VERSION = 2\n")
    return signed({**first.files, "firmware/extra.mpy": extra, "firmware/second.mpy": small}, 2)


@pytest.fixture(scope="module")
def crashing(first):
    return signed(
        {**first.files, "firmware/lock.mpy": compiled("firmware/lock.py", "raise MemoryError\n")}, 2
    )


class Bike(Street):
    """A lock that runs the first release from slot a, and a technician."""

    def __init__(self, folder, first):
        super().__init__(folder)
        now = int(time.time())
        late = EXPIRES + 86_400
        held = [(self.kid, public(self.issuer), now - 86_400, late)]
        held += [(keys.kid(keys.MASTER, public(MASTER)), public(MASTER), now - 86_400, late)]
        held += [(keys.kid(keys.RELEASE, public(key)), public(key), now - 86_400, late) for key in RELEASERS]
        trusted, sealed = keysets.under_one_root(keyset.encode(1, sorted(held)))
        settings = {"kind": "exclusive", "uplink_host": "192.0.2.1"}
        provision.write(folder / "own", self.identity, trusted, sealed, settings)
        files = {f"lock/{name}": data for name, data in provision.read(folder / "own").items()}
        files |= {f"lock/a/{path}": data for path, data in first.slot().items()}
        files |= {"lock/slot": b"a", "main.py": application.launcher(BOARD)}
        self.lock = Rv32Lock(folder, None, HEAP)
        self.lock.memory.put_files(files)

    async def technician(self, client, scope=token.SCOPE_UPDATE):
        """A link that has proved, if it may."""
        link = await client.connect(self.keep)
        greeting = await link.greet(patient=True)
        now = int(time.time())
        claims = token.Claims(
            aud=((self.identity.lock_id, 1),),
            exp=now + 300,
            nbf=now - 60,
            iat=now - 60,
            cti=b"a visit!",
            holder=public(TECHNICIAN),
            scope=scope,
            floor=0,
            hold=0,
            longest=0,
            mode=0,
            nonce=greeting.challenge,
        )
        raw = token.mint(MASTER.sign, keys.kid(keys.MASTER, public(MASTER)), claims, hinted=True)
        return link, await link.may_update(raw, TECHNICIAN)

    def deliver(self, brought):
        async def visit():
            client = Client(self.lock)
            link, answer = await self.technician(client)
            assert answer.status == status.OK
            try:
                return await link.bring(brought)
            finally:
                await client.disconnect()

        return asyncio.run(visit())

    def on_flash(self):
        return self.lock.memory.files()

    def slot(self):
        return self.on_flash()["lock/slot"].decode()

    def holds(self, slot, what):
        inside = f"lock/{slot}/"
        found = {
            path.removeprefix(inside): data
            for path, data in self.on_flash().items()
            if path.startswith(inside)
        }
        return {
            path: data for path, data in found.items() if "/" in path or path == "manifest"
        } == what.slot()

    def rides(self):
        """Whether an honest rider is served."""

        async def ride():
            link = await Client(self.lock).connect(self.keep)
            return await self.start_ride(link, hashlib.sha256(b"%d" % self.epoch).digest()[:8])

        return asyncio.run(ride()).ok and self.lock.hand("state")["bolt_open"]


@pytest.fixture
def bike(rv32_image, tmp_path, first):
    bike = Bike(tmp_path, first)
    bike.lock.start()
    yield bike
    bike.lock.cut()


def test_an_update_from_a_technicians_phone_to_its_confirmation(bike, first, second):
    assert bike.deliver(second) == (update.TRIAL, 0)
    assert bike.lock.ended() == 3  # its own reset
    assert bike.slot() == "b a 2" and bike.holds("b", second) and bike.holds("a", first)
    bike.lock.start()
    time.sleep(24)  # its self-test
    assert bike.rides()
    bike.lock.cut()
    assert bike.slot() == "b" and bike.holds("b", second)
    bike.lock.start()
    assert bike.lock.hand("state")["bolt_open"]  # the ride goes on in the new release
    bike.lock.cut()


def test_a_release_that_does_not_start_is_left_by_itself(bike, first, crashing):
    assert bike.deliver(crashing) == (update.TRIAL, 0)
    bike.lock.ended()
    seen = []
    for _ in range(launcher.STARTS + 1):
        try:
            bike.lock.start(20)
        except rv32.MachineError:
            pass
        else:
            break
        finally:
            bike.lock.cut() if not bike.lock.advertised else None
        seen.append(bike.slot())
    assert seen == ["b a 1", "b a 0"] and bike.lock.advertised
    assert bike.rides() and bike.holds("a", first)
    time.sleep(2)
    bike.lock.cut()
    assert bike.slot() == "a" and bike.on_flash()["lock/b/failed"] == b"x"


def test_a_cut_at_a_random_moment_of_an_update(bike, first, second):
    chosen = random.Random(7)
    for _ in range(CUTS):

        async def visit():
            link, answer = await bike.technician(Client(bike.lock))
            assert answer.status == status.OK
            task = asyncio.create_task(link.bring(second))
            await asyncio.sleep(chosen.uniform(0.1, 3))
            await asyncio.to_thread(bike.lock.cut)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(visit())
        runs = bike.slot()[0]
        assert bike.holds(runs, first if runs == "a" else second)
        bike.lock.start()
        if runs == "b":
            break
    else:
        assert bike.deliver(second) == (update.TRIAL, 0)
        bike.lock.ended()
        bike.lock.start()
    assert bike.rides()
    bike.lock.cut()
    assert bike.slot().startswith("b") and bike.holds("b", second)


def test_what_is_not_for_this_lock_is_refused_and_nobody_without_the_right_is_heard(bike, first, second):
    assert bike.deliver(signed(first.files, 2, board="esp32s3_lock")) == (update.REFUSED, update.OTHER_BOARD)
    assert bike.deliver(signed(first.files, 2, counter=0)) == (update.REFUSED, update.COUNTER)
    one = release.sign(release.Release(second.payload, second.listed, second.files), RELEASERS[0])
    assert bike.deliver(one) == (update.REFUSED, update.UNSIGNED)
    assert bike.deliver(first) == (update.REFUSED, update.RUNNING)

    async def without(scope):
        client = Client(bike.lock)
        link, answer = await bike.technician(client, scope)
        assert answer.status == status.SCOPE
        with pytest.raises(ToolError):
            await link.bring(second)
        await client.disconnect()

    asyncio.run(without(token.SCOPE_SERVICE))
    bike.lock.cut()
    assert bike.slot() == "a" and bike.holds("a", first) and not bike.holds("b", second)


def test_a_lock_whose_storage_is_full_says_so_and_goes_on(bike, first, second):
    bike.lock.cut()
    files = bike.on_flash()
    room = rv32.FLASH - sum(-(-len(data) // 4096) * 4096 for data in files.values()) - 64 * 4096
    bike.lock.memory.put_files({**files, "filler": bytes(room - 64 * 1024)})
    bike.lock.start()
    assert bike.deliver(second) == (update.REFUSED, update.NO_ROOM)
    assert bike.rides()
    bike.lock.cut()
    assert bike.slot() == "a" and bike.holds("a", first)
