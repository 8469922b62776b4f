"""One bicycle on a street, whole and in one process: the real lock logic on a virtual board, the real cloud on SQLite.

Phones, the network and time are the test's: messages are lost, late, doubled and out of order as it says. A step
of seconds takes as long as what happens in it.
"""

import asyncio
import base64
import hashlib
import shutil
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from boards.sim.virtual import START, VirtualBoard
from cloud import db, issuers, keyring, locks, sessions, testkeys, users
from cloud.app import create_app
from cloud.config import Settings
from firmware.lock import Lock
from protocol import exchange, frames, receipt, status
from tools import provision

SECRET = b"a secret for tests only, 0123456789abcdef"
RIDERS = ("first", "second", "third")
TECHNICIAN = "technician"
MTU = 247
STILL_S = 20
TICK_MS = 50
LOCK_ID = hashlib.sha256(b"street").digest()[:8]
K_LOCK = hashlib.sha256(b"street key").digest()


def private(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def public(name: str) -> bytes:
    return private(name).public_key().public_bytes_raw()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _tokens_of(session, now: int) -> dict[str, str]:
    signed_in = {}
    for login in (*RIDERS, TECHNICIAN):
        role = "technician" if login == TECHNICIAN else "rider"
        user_id = users.create(session, login, "nobody signs in by password here", role, now)
        signed_in[login] = sessions.start(session, user_id, now, second=True)[0]
    return signed_in


class Template:
    """A database with people, keys and one lock of each kind in it, made once and copied for each street."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ringslot-street-"))
        self.signed_in: dict[str, dict[str, str]] = {}
        self.trust: dict[str, tuple[bytes, bytes]] = {}  # roots, and the keyset that they signed
        now = START // 1000
        for kind in ("exclusive", "pooled"):
            path = self.folder / kind
            db.upgrade(f"sqlite:///{path}")
            app = create_app(Settings(SECRET, f"sqlite:///{path}"), lambda: now)
            cloud = app.extensions["ringslot"]
            with cloud.db.writing() as session:
                issuers.make_missing(session, cloud.box, now)
                self.signed_in[kind] = _tokens_of(session, now)
                locks.register(session, cloud.box, LOCK_ID.hex(), K_LOCK, kind, None, now)
                testkeys.publish(session, now)
                row = keyring.published(session)
                self.trust[kind] = row.roots, row.body
            cloud.db.close()

    def close(self) -> None:
        shutil.rmtree(self.folder)


class Result:
    """What a phone heard: `status` (None: nothing), `receipt` bytes or None, and the exchange's bytes for replays."""

    def __init__(self, status_code, receipt_bytes, hello, challenge, request):
        self.status = status_code
        self.receipt = receipt_bytes
        self.hello = hello
        self.challenge = challenge
        self.request = request


class Link:
    """One phone's link to the lock."""

    def __init__(self, street: "Street"):
        self._street = street
        self._board = street.board
        self.conn = street.board.link.connect(MTU)
        self._sender = frames.Sender()
        self._receiver = frames.Receiver()
        self.heard: list[tuple[int, bytes]] = []

    @property
    def up(self) -> bool:
        return self.conn is not None and self._board.link.up(self.conn)

    def send(self, opcode: int, body: bytes) -> None:
        for part in self._sender.frames(opcode, body, MTU - 3):
            self._board.link.phone_write(self.conn, part)

    def _listen(self) -> None:
        for part in self._board.link.frames_for(self.conn):
            message = self._receiver.feed(part)
            if message:
                self.heard.append(message)
                if message[0] == exchange.RECEIPT:
                    self._street.told(exchange.decode_single(message[1]))

    async def answer(self, opcode: int, within_ms: int = 8000) -> bytes | None:
        """The body of the next message of that kind (a RESULT may come instead of any); None when none comes."""
        end = self._street.timeline.now + within_ms
        while True:
            self._listen()
            for i, (kind, body) in enumerate(self.heard):
                if kind == opcode or kind == exchange.RESULT:
                    del self.heard[: i + 1]
                    return body if kind == opcode else None
            if self._street.timeline.now >= end or self._board.power.halted:
                return None
            await self._street.timeline.sleep_ms(20)

    async def hello(self, patience: int = 0) -> tuple[bytes, bytes] | None:
        """(body of HELLO, body of CHALLENGE)."""
        body = exchange.encode_hello(self._street.random(8), patience)
        self.send(exchange.HELLO, body)
        answer = await self.answer(exchange.CHALLENGE)
        return None if answer is None else (body, answer)

    async def ask(self, greeting, command: int, token: bytes | None, cti: bytes, key: str) -> Result:
        """REQUEST with a proof by that key, and what came of it."""
        hello, challenge = greeting
        subject = hashlib.sha256(token).digest() if token is not None else cti
        covered = exchange.proof_input(subject, exchange.transcript(hello, challenge), command)
        return await self.repeat(
            greeting, exchange.encode_request(command, token, private(key).sign(covered))
        )

    async def repeat(self, greeting, request: bytes) -> Result:
        """A REQUEST as it stands, replayed or new."""
        self.send(exchange.REQUEST, request)
        body = await self.answer(exchange.RESULT)
        code, receipt_bytes, _ = exchange.decode_result(body) if body is not None else (None, None, None)
        if receipt_bytes is not None:
            self._street.told(receipt_bytes)
        return Result(code, receipt_bytes, *greeting, request)

    def leave(self) -> None:
        if self.up:
            self._board.link.disconnect(self.conn)


class Street:
    """`run(coroutine)` lets time pass until it is done. `told_receipts`: seq -> bytes that any phone was ever given."""

    def __init__(self, template: Template, pooled: bool = False, seed: int = 0):
        kind = "pooled" if pooled else "exclusive"
        self.pooled = pooled
        self._folder = Path(tempfile.mkdtemp(prefix="ringslot-street-"))
        shutil.copy(template.folder / kind, self._folder / "cloud.db")
        self._signed_in = template.signed_in[kind]
        self._loop = asyncio.new_event_loop()
        self.board = VirtualBoard(seed=seed)
        self.timeline = self.board.timeline
        self._install(kind, *template.trust[kind])
        settings = Settings(SECRET, f"sqlite:///{self._folder / 'cloud.db'}", still_s=STILL_S)
        self.app = create_app(settings, lambda: self.timeline.now // 1000)
        self.cloud = self.app.extensions["ringslot"]
        self._client = self.app.test_client()
        self._drawn = 0
        self._tick_ms = TICK_MS
        self.told_receipts: dict[int, bytes] = {}
        self.lock = self._task = self._acting = None
        self.start()

    def _install(self, kind: str, roots: bytes, keyset: bytes) -> None:
        settings = {"kind": kind, "uplink_host": "192.0.2.1", "still_s": STILL_S, "hold_max_s": 600}
        folder = self._folder / "provision"
        provision.write(folder, provision.Identity(LOCK_ID, K_LOCK), roots, keyset, settings)
        for path in folder.iterdir():
            with open(f"{self.board.storage.root}/{path.name}", "wb") as file:
                file.write(path.read_bytes())

    # ---- time and power

    async def _live(self) -> None:
        """The lock's life without its uplink, which the test plays: events of the link, and ticks."""
        await asyncio.gather(self._events(), self._ticks())

    async def _events(self) -> None:
        while True:
            action = self.lock.session.take(*await self.board.link.event())
            if action:
                self._acting = self._loop.create_task(action)

    async def _ticks(self) -> None:
        while True:
            self.lock.tick()
            await self.board.clock.sleep_ms(self._tick_ms)

    def start(self) -> None:
        self.lock = Lock(self.board)
        self._task = self._loop.create_task(self._live())
        self.run(self.timeline.sleep_ms(500))

    def run(self, coroutine):
        return self._loop.run_until_complete(asyncio.wait_for(coroutine, 60))

    def wait(self, seconds: float) -> None:
        """Nobody does anything meanwhile, so for long the lock may look up as seldom as once a second."""
        self._tick_ms = TICK_MS if seconds <= 5 else 1000
        self.run(self.timeline.sleep_ms(int(seconds * 1000)))
        self._tick_ms = TICK_MS

    def reboot(self, warm: bool) -> None:
        """A power cut now, or the one that has just happened, and the next boot."""
        self.board.power.off("power")
        self._task.cancel()
        self._loop.run_until_complete(asyncio.gather(self._task, return_exceptions=True))
        self.board = self.board.reboot(warm)
        self.start()

    def random(self, n: int) -> bytes:
        self._drawn += 1
        return hashlib.sha256(b"phone %d" % self._drawn).digest()[:n]

    # ---- phones

    def link(self) -> Link:
        return Link(self)

    def told(self, data: bytes) -> None:
        """A phone was given this receipt: whatever happens now, it must not be lost or contradicted."""
        seq = receipt.parse(data).seq
        assert self.told_receipts.setdefault(seq, data) == data, f"receipt {seq} told twice, differently"

    # ---- the cloud

    def api(self, who: str, method: str, path: str, **body):
        answer = self._client.open(
            "/api/v1" + path,
            method=method,
            json=body or None,
            headers={"Authorization": "Bearer " + self._signed_in[who]},
        )
        assert answer.status_code < 500, answer.data
        return answer.status_code, answer.get_json(silent=True)

    # ---- what is so

    @property
    def world(self):
        return self.board.world

    @property
    def bolt_open(self) -> bool:
        return self.world.bolt_open()

    def receipts_on_flash(self) -> list[receipt.Receipt]:
        return [receipt.parse(raw) for _, raw in self.lock.receipts.after(0, 1 << 20)]

    def state(self) -> str:
        return status.STATE_NAMES[self.lock.state]

    def close(self) -> None:
        self.board.power.off("power")
        self._task.cancel()
        self._loop.run_until_complete(asyncio.gather(self._task, return_exceptions=True))
        self._loop.close()
        self.board.close()
        self.cloud.db.close()
        shutil.rmtree(self._folder)
