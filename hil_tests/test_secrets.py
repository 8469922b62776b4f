"""F05: no secret leaves the place that is meant to hold it. A small fleet lives, rides and fails; then every log, every
output of every command, the database, and every file that is not meant to hold secrets are searched for all of them.

What each web request logs is cloud/test_logs.py's. Not covered: memory of a process that is dumped.
"""

import asyncio
import base64
import contextlib
import gc
import json
import os
import secrets
import shutil
import socket
import traceback

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from cloud import issuers
from cloud.oscore import Context, Numbers, Peer
from cloud.tables import IssuerKey
from firmware import config
from firmware.channel import Channel
from firmware.store import Store
from hil_tests.conftest import await_contact
from hil_tests.people import Person, bolt, close, until
from protocol import keys
from tools import provision, rootkeys
from tools.cli import main
from tools.errors import ToolError
from tools.fleet import Fleet
from tools.simlock import SimLock

WIFI_KEY = "of the bench"  # what the doubles' network asks for
OURS = ("cloud.", "tools.", "protocol.", "firmware.", "boards.")


def spellings(secret: bytes | str) -> set[bytes]:
    """How it would look: as it is, in hex, in base64, as Python shows bytes; of a key also each half alone."""
    raw = secret.encode() if isinstance(secret, str) else secret
    pieces = [raw, raw[: len(raw) // 2], raw[len(raw) // 2 :]] if len(raw) >= 32 else [raw]
    found = set()
    for piece in pieces:
        coded = (base64.b64encode(piece), base64.urlsafe_b64encode(piece))
        found |= {piece, piece.hex().encode(), piece.hex().upper().encode(), repr(piece)[2:-1].encode()}
        found |= {text.rstrip(b"=")[:-1] for text in coded}  # the last letter depends on what follows
    return {each for each in found if len(each) >= 8}


def derived(k_lock: bytes) -> list[bytes]:
    """K_lock and what it is stretched to, but the advertising keys, which riders get."""
    made = (keys.oscore_secret, keys.receipt_key, keys.status_key, keys.batch_key)
    return [k_lock, *(make(k_lock) for make in made)]


class Hunt:
    """`hidden`: name -> secret. `said`: name of an output -> its bytes."""

    def __init__(self) -> None:
        self.hidden: dict[str, bytes | str] = {}
        self.said: dict[str, bytes] = {}

    def hide(self, name: str, *values: bytes | str) -> None:
        for number, value in enumerate(values):
            self.hidden[f"{name} {number}"] = value

    def leaks(self) -> list[str]:
        return [
            f"{name} in {where}"
            for name, secret in self.hidden.items()
            for spelling in spellings(secret)
            for where, text in self.said.items()
            if spelling in text
        ]

    def take_files(self, folder, allowed) -> int:
        """Everything under it but what `allowed` says may hold secrets."""
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        for path in paths:
            if not allowed(path.relative_to(folder)):
                self.said[str(path.relative_to(folder))] = path.read_bytes()
        return len(paths)


def may_hold(path) -> bool:
    """The lock's own files and flash, a phone's pocket, mails: what is there is for its owner."""
    place = path.parts[1] if path.parts[0] == "fleet" else path.parts[0]
    if place.endswith("-files") or place in ("pocket", "commands-lock", "mail"):
        return True
    return path.name in ("flash", "bike.littlefs") or path.name.startswith("development-root")


@pytest.fixture
def hunt():
    return Hunt()


def test_nothing_secret_is_where_it_does_not_belong(tmp_path, hunt, monkeypatch):
    with Fleet(tmp_path / "fleet") as fleet:
        hunt.hide("RINGSLOT_SECRET", fleet.cloud.secret)
        hunt.hide("Wi-Fi key", WIFI_KEY)
        rode(fleet, tmp_path, hunt)
        failed(fleet, tmp_path, hunt)
        commanded(fleet, tmp_path, hunt, monkeypatch)
        with fleet.context.db.reading() as session:
            for row in session.scalars(select(IssuerKey).where(IssuerKey.wrapped_private != b"")):
                hunt.hide(
                    f"issuer {row.kid}",
                    fleet.context.box.unwrap(issuers.PURPOSE, row.kid, row.wrapped_private),
                )
        shown(fleet, tmp_path, hunt)
        for member in fleet.members.values():
            member.sim.stop()
    assert len(hunt.hidden) > 30
    assert hunt.take_files(tmp_path, may_hold) > 40
    assert {"fleet/ringslot.db", "fleet/logs/gateway.log", "fleet/logs/web.log"} <= set(hunt.said)
    assert [name for name in hunt.said if "lock-" in name] and b"lock" in hunt.said["fleet/ringslot.db"]
    assert hunt.leaks() == []
    for name in ("fleet/logs/web.log", "fleet/ringslot.db", "objects"):  # this search finds what is there
        hunt.said[name + ", spoilt"] = (
            hunt.said[name] + b" " + fleet.members["BIKE-1"].identity.k_lock.hex().encode()
        )
    assert len({leak.rpartition(" in ")[2] for leak in hunt.leaks()}) == 3


def rode(fleet, tmp_path, hunt: Hunt) -> None:
    """A ride and a technician's visit, on a simulated lock and on one of ESP32 parts."""
    admin, password = fleet.person("chief")
    technician, other = fleet.person("mechanic", "technician")
    hunt.hide("password", password, other)
    hunt.hide("session", admin.token, technician.token)
    bearer = json.dumps({"wifi": {"ssid": "bench", "key": WIFI_KEY}}).encode()
    members = [fleet.add("BIKE-1"), fleet.add("BIKE-2", board="esp32_dev", more={"bearer.json": bearer})]
    for member in members:
        hunt.hide(member.code, *derived(member.identity.k_lock))
        await_contact(admin, member, 60)

    async def ride(member):
        async with Person(fleet, tmp_path / "pocket" / member.code) as person:
            hunt.hide(f"rider's session {member.code}", person.cloud.token)
            claim = await person.claim(member.code)
            hunt.hide(f"rider's key {member.code}", claim.key.private_bytes_raw())
            async with person.at(claim) as link:
                assert (await person.unlock(link, claim)).answer.ok
                await close(member, link)
                assert (await link.end(claim.cti, claim.key)).ok
                with contextlib.suppress(Exception):
                    await link.unlock(claim.token[:-1], claim.key)
            await person.deliver()
            person.cloud.token = technician.token
            master = await person.master(member.lock_id)
            hunt.hide(f"technician's key {member.code}", master.key.private_bytes_raw())
            async with person.at(master) as link:
                assert (await link.service(master.token, master.key)).ok
                member.sim.hand("close")
                await until(lambda: bolt(member)["bolt_closed"], "the bolt to snap in")

    for member in members:
        asyncio.run(ride(member))


FLASH_FAULTS = {  # of a lock that is otherwise whole; its log says what of it
    "identity-longer": lambda files: {"identity": files["identity"] + b"\0"},
    "identity-cut": lambda files: {"identity": files["identity"][:-3]},
    "keyset-spoilt": lambda files: {"keyset": bytes([files["keyset"][0] ^ 1]) + files["keyset"][1:]},
    "settings-odd": lambda files: {"settings.json": b'{"kind": "neither"}'},
    "log-spoilt": lambda files: {"r/00000001": files["identity"] * 3},
    "intent-spoilt": lambda files: {"intent": files["identity"]},
    "seed-as-outbox": lambda files: {"outbox/next": files["seed"]},
}


def failed(fleet, tmp_path, hunt: Hunt) -> None:
    """What goes wrong: locks whose flash is ill, wrong passwords, noise at the gateway, a cloud that is killed."""
    member = fleet.members["BIKE-1"]
    whole = provision.read(fleet.folder / "BIKE-1-files")
    member.sim.kill()
    for name, spoil in FLASH_FAULTS.items():
        lock = SimLock(fleet.children, name, fleet.folder / name, fleet.radio.locks)
        lock.provision({**whole, **spoil(whole)})
        try:
            lock.start(10)
        except ToolError as why:
            hunt.said[f"start of {name}"] = str(why).encode()
        lock.stop()
    odd = json.dumps({"wifi": {"ssid": "bench", "key": WIFI_KEY, "more": 1}}).encode()
    lock = SimLock(fleet.children, "bearer-odd", fleet.folder / "bearer-odd", fleet.radio.locks, "esp32_dev")
    lock.provision({**provision.read(fleet.folder / "BIKE-2-files"), "bearer.json": odd})
    lock.start()
    lock.stop()
    assert "bearer.json" in (fleet.folder / "logs" / "lock-bearer-odd.log").read_text()
    canary = secrets.token_urlsafe(18)
    hunt.hide("what a stranger sent", canary)
    stranger = Person(fleet, tmp_path / "pocket" / "stranger")
    for work in (stranger.sign_in("chief", canary), stranger.sign_up("x", canary), stranger.claim("NO-BIKE")):
        try:
            asyncio.run(work)
        except Exception as why:
            hunt.said[f"error {len(hunt.said)}"] = "".join(traceback.format_exception(why)).encode()
        else:
            raise AssertionError("that went well")
    host, port = fleet.cloud.coap.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        for head in (b"", b"\x40\x02\x00\x01", b"\x44\x02\x00\x01abcd\x91\x19\xff"):
            wire.sendto(head + canary.encode() + member.identity.k_lock, (host, int(port)))
    fleet.cloud.kill()
    member.sim.start()
    fleet.cloud.start()


def commanded(fleet, tmp_path, hunt: Hunt, monkeypatch) -> None:
    """Commands as one types them, with --json and without, right and wrong."""
    for name, value in fleet.cloud.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RINGSLOT_POCKET", str(tmp_path / "pocket" / "shell"))
    monkeypatch.setenv("RINGSLOT_CLOUD", fleet.cloud.url)
    monkeypatch.chdir(tmp_path)
    passphrase, password = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
    hunt.hide("passphrase", passphrase)
    hunt.hide("typed password", password)
    wifi = tmp_path / "fleet" / "odd-files"
    wifi.mkdir()
    (wifi / "bearer.json").write_text(json.dumps({"wifi": {"ssid": "bench", "key": WIFI_KEY, "x": 1}}))

    def run(line: str, typed: str = "", status: int | None = 0) -> None:
        done = CliRunner().invoke(main, line.split(), input=typed)
        assert status is None or done.exit_code == status, (line, done.output)
        text = done.output
        if done.exception and not isinstance(done.exception, SystemExit):
            text += "".join(traceback.format_exception(done.exception))
        hunt.said[f"ringslot {line}"] = text.encode()

    pem = f"{passphrase}\n"
    run("keys root new a.pem b.pem c.pem --passphrase-stdin --json", pem * 3)
    run("keys root new a.pem --passphrase-stdin", pem, 1)
    run("keys root new d.pem", f"{passphrase}\nanother\n", 1)
    run("keys root set a.pub b.pub c.pub --out roots --json")
    run("keys root set a.pem b.pub --out other", status=1)
    run("keys release new rel-a.pem rel-b.pem --passphrase-stdin", pem * 2)
    run("keys release add rel-a.pub rel-b.pub --json")
    run("keys keyset make --out draft --roots roots --json")
    run("keys keyset show draft")
    run("keys keyset sign draft --key a.pem --yes --passphrase-stdin --json", pem)
    run("keys keyset sign draft --key a.pem --yes --passphrase-stdin", passphrase[:-1] + "\n", 1)
    run("keys keyset sign draft --key roots --yes --passphrase-stdin", pem, 1)
    run("keys keyset import draft", status=1)
    run("keys list --json")
    run("keys rotate --role ride --json")
    run("release sign draft --key rel-a.pem --passphrase-stdin", pem, None)
    run("release verify draft --keyset draft", status=None)
    run("user add someone --role admin --json --password-stdin", f"{password}\n", None)
    run("user add other --role admin", f"{password}\n{password}\n", None)
    run("phone sign-in someone --password-stdin", f"{password}\n", None)
    run("phone sign-in someone --password-stdin --json", f"{password}x\n", None)
    run("phone bikes --json", status=None)
    run("phone receipts --json", status=None)
    run("lock add SHELL-1 --out commands-lock --uplink fleet.example:5683 --json")
    run("lock add SHELL-1 --out commands-lock --uplink fleet.example:5683", status=1)
    run("lock image commands-lock --board esp32_dev --out bike.littlefs --json")
    run(f"lock image {wifi} --board esp32_dev --out no.littlefs", status=1)
    run(f"flash /dev/none --board esp32_dev --lock {wifi}", status=1)
    run("flash /dev/none --board esp32_dev --lock commands-lock", status=1)
    odd = "provision /dev/none SHELL-2 --board esp32_dev --uplink x.example:1 --url https://x.example"
    run(f"{odd} --network {wifi / 'bearer.json'} --out odd", status=1)
    run("rebuild-rides --json", status=None)
    monkeypatch.setenv("RINGSLOT_SECRET", another := secrets.token_urlsafe(32))
    hunt.hide("RINGSLOT_SECRET of another fleet", another)
    run("lock add SHELL-3 --out wrong-lock --uplink fleet.example:5683", status=None)
    run("keys make", status=None)
    identity = provision.read(tmp_path / "commands-lock")["identity"]
    hunt.hide("SHELL-1", *derived(identity[-33:-1] if identity[-1:] == b"\xf6" else identity[-32:]))
    for name in ("a", "b", "c", "rel-a", "rel-b"):
        seed = rootkeys.load(tmp_path / f"{name}.pem", lambda: passphrase).private_bytes_raw()
        hunt.hide(f"key {name}", seed)


def shown(fleet, tmp_path, hunt: Hunt) -> None:
    """repr() of every object of ours that is alive, in a process that holds every one of those secrets."""
    member = fleet.members["BIKE-1"]
    k_lock = member.identity.k_lock
    peer = Peer(member.lock_id[:4], member.lock_id.hex(), keys.oscore_secret(k_lock), Numbers(b"", range(9)))
    flash = tmp_path / "fleet" / "shown-files"
    shutil.copytree(fleet.folder / "BIKE-1-files", flash)

    class Board:
        random = staticmethod(os.urandom)
        bearer = clock = None

    Board.clock = type("Clock", (), {"uptime_ms": lambda self: 0, "sleep_ms": None})()
    channel = Channel(Board, member.lock_id, keys.oscore_secret(k_lock), "h", 1)
    alive = [
        peer,
        Context(peer, bytes(8), bytes(8)),
        config.load(Store(str(flash))),
        channel,
        channel._renew(),
    ]
    alive += [one for one in gc.get_objects() if str(type(one).__module__).startswith(OURS)]
    texts = []
    for one in alive:
        with contextlib.suppress(Exception):  # a half-made object has nothing to show
            texts.append(repr(one))
    assert len({text.split("(")[0] for text in texts}) > 20
    hunt.said["objects"] = "\n".join(texts).encode()
