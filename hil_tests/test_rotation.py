"""The runbook tools/ROTATION.md, line by line, against a fleet that rides meanwhile."""

import asyncio
import dataclasses
import re
import secrets
import shlex
import subprocess
import sys
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud import issuers, keyring
from cloud.tables import IssuerKey
from hil_tests.people import Person, bolt, close, until
from protocol import keys, roots, status, token
from tools import rootkeys
from tools.fleet import Fleet
from tools.simlock import ROOT

RUNBOOK = ROOT / "tools" / "ROTATION.md"
PASSPHRASE = "a passphrase of the tests"
SPREAD_S = 180  # in which every lock has had a contact, and fetched what it was offered


def sections() -> dict[str, list[str]]:
    """Heading -> the command lines under it."""
    found: dict[str, list[str]] = {}
    parts = re.split(r"^## ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
    for part in parts:
        heading, _, text = part.partition("\n")
        blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
        found[heading] = [line for block in blocks for line in block.splitlines()]
    return found


class Operator:
    """Types what the runbook says, and answers what is asked."""

    def __init__(self, fleet: Fleet, folder) -> None:
        self.fleet, self.folder = fleet, folder
        (folder / "fleet").symlink_to(fleet.folder)
        self.environ = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "RINGSLOT_SECRET": fleet.cloud.secret,
            "RINGSLOT_DATA": "fleet",
        }
        self.left = sections()

    def follow(self, start: str, **names: str) -> str:
        """All commands of the section that begins so; -> what they printed."""
        heading = next(heading for heading in self.left if heading.startswith(start))
        return "".join(self.type(line, names) for line in self.left.pop(heading))

    def type(self, line: str, names: dict[str, str]) -> str:
        words = [names.get(word, word) for word in shlex.split(line)]
        assert words.pop(0) == "ringslot", line
        secret = PASSPHRASE + "\n"
        answers = secret * 2 * len(words) if "new" in words else "y\n" + secret
        done = subprocess.run(
            [sys.executable, "-m", "tools.cli", *words],
            cwd=self.folder,
            env=self.environ,
            input=answers,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            start_new_session=True,  # no terminal: passphrases come from standard input
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}"
        return done.stdout


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with Fleet(tmp_path_factory.mktemp("rotation"), {"uplink_every_s": 3, "status_every_s": 10}) as fleet:
        for code in ("BIKE-1", "BIKE-2"):
            fleet.add(code)
        yield fleet


async def everywhere(admin):
    """Once all locks say that they have the newest keyset; -> its version."""

    def look():
        answer = admin.get("/api/v1/keyset")
        return answer["installed"] == [{"version": answer["version"], "locks": 2}] and answer["version"]

    return await until(look, "all locks to have the newest keyset", SPREAD_S)


def current(fleet, role):
    with fleet.context.db.reading() as session:
        return issuers.current(session, role, int(time.time())).kid


def release_kid(folder, name):
    return keys.kid(keys.RELEASE, rootkeys.read_public(folder / f"release-{name}.pub"))


def releasing(fleet):
    """kids of the release keys that locks are told to believe."""
    with fleet.context.db.reading() as session:
        published, _, _ = roots.take_apart(keyring.published(session).body)
    return {kid for kid in published.keys if kid[0] == keys.RELEASE}


def forged(fleet, member, epoch, kid):
    """(token, holder's key, cti) by a ride issuer whose private half somebody took."""
    with fleet.context.db.reading() as session:
        leaked = session.get(IssuerKey, kid)
    now, thief, cti = int(time.time()), Ed25519PrivateKey.generate(), secrets.token_bytes(8)
    claims = token.Claims(
        aud=((member.lock_id, epoch),),
        exp=now + 600,
        nbf=now - 60,
        iat=now,
        cti=cti,
        holder=thief.public_key().public_bytes_raw(),
        scope=token.SCOPE_RIDE,
        floor=0,
        hold=900,
        longest=86_400,
        mode=token.MODE_SINGLE,
    )
    sign = issuers.signer(fleet.context.box, leaked)
    return token.mint(sign, bytes.fromhex(leaked.kid), claims, hinted=True), thief, cti


async def tried(person, claim, raw, key):
    """The lock's answer to a token, at the lock that this claim finds."""
    async with person.at(claim) as link:
        await link.greet()
        return await link.unlock(raw, key)


async def ride(person, member):
    """Claim, open, close, end; -> the kid that signed the token."""
    claim = await person.claim(member.code)
    async with person.at(claim) as link:
        answer = (await person.unlock(link, claim)).answer
        assert answer.ok, answer.sentence
        await close(member, link)
        assert (await link.end(claim.cti, claim.key)).ok
    await person.deliver()  # the claim is used up, and the bike free for the next
    return token.parse(claim.token).kid.hex()


def test_the_runbook(fleet, tmp_path):
    operator = Operator(fleet, tmp_path)
    one, two = fleet.members["BIKE-1"], fleet.members["BIKE-2"]
    admin, _ = fleet.person("chief")

    async def a_year(rider):
        first = await everywhere(admin)
        operator.follow("1.")
        assert await everywhere(admin) == first + 1

        before = await ride(rider, one)
        operator.follow("2.")
        signs = current(fleet, keys.RIDE)
        assert signs != before and await ride(rider, two) == signs  # whether the lock has heard of it or not
        assert await everywhere(admin) == first + 2
        assert await ride(rider, one) == signs

        master = current(fleet, keys.MASTER)
        operator.follow("3.")
        assert current(fleet, keys.MASTER) != master
        operator.follow("4.")
        replaced, stays = release_kid(tmp_path, "a"), release_kid(tmp_path, "b")
        operator.follow("4a.", KID=replaced.hex())
        assert releasing(fleet) == {stays, release_kid(tmp_path, "c")}
        assert "NEW ROOTS: 2 of 3" in operator.follow("5.")
        assert await everywhere(admin) == first + 7
        assert await ride(rider, two) == signs

    async def a_leak(rider, stranger):
        held, leaked = await rider.claim(two.code), current(fleet, keys.RIDE)
        raw, thief, cti = forged(fleet, one, 2**31, leaked)
        claim = await stranger.claim(one.code)
        async with stranger.at(claim) as link:
            await link.greet()
            assert (await link.unlock(raw, thief)).ok and bolt(one)["bolt_open"]
            await close(one, link)
            assert (await link.end(cti, thief)).ok
        # no honest claim passes that floor, or would even find the lock without its key
        shown = dataclasses.replace(claim, adv_keys=(keys.adv_key(one.identity.k_lock, 2**32 - 1),))
        assert (await tried(stranger, shown, claim.token, claim.key)).status == status.OLD

        operator.follow("6.", KID=leaked)
        assert current(fleet, keys.RIDE) != leaked
        over = await asyncio.to_thread(rider.cloud.get, f"/api/v1/claims/{held.cti.hex()}")
        assert over["status"] == "cancelled" and "withdrawn for safety" in over["why"]
        await everywhere(admin)

        assert await ride(rider, one) == current(fleet, keys.RIDE)
        claim = await stranger.claim(two.code)
        raw, thief, _ = forged(fleet, two, 2**30, leaked)
        assert (await tried(stranger, claim, raw, thief)).status == status.KEY
        assert (await tried(stranger, claim, claim.token, claim.key)).ok

    async def all_of_it():
        async with (
            Person(fleet, tmp_path / "rider") as rider,
            Person(fleet, tmp_path / "stranger") as stranger,
        ):
            await a_year(rider)
            await a_leak(rider, stranger)

    asyncio.run(all_of_it())
    assert operator.left == {}


def test_every_line_of_the_runbook_is_a_command():
    for heading, lines in sections().items():
        assert lines and all(line.startswith("ringslot keys ") for line in lines), heading
