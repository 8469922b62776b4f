"""One provisioned lock on a virtual board, with issuers and phones that sign: for tests on both interpreters.

    bench = Bench(Lock)
    rider = bench.key("rider")
    phone = bench.phone()
    answer = phone.open(bench.token(rider, epoch=1), rider)     an Answer: status, receipt, ms
    bench.wait(5)                                                seconds of virtual time, ticked through
    bench.reboot(warm=False)

The lock is driven step by step, through its session and its tick, without its tasks; `Lock` is handed in, because
boards know no firmware.
"""

import asyncio
import hashlib
import json

from boards.sim.signer import QuickKey
from boards.sim.virtual import START, VirtualBoard
from protocol import cbor, cose, exchange, frames, keys, keyset, roots, token

LOCK = b"lock-one"
GROUP = b"grp1"
K_LOCK = bytes(range(32))
NOW = START // 1000  # Unix time at which a bench begins
_TICK_MS = 50
_ROLES = {"master": keys.MASTER, "release": keys.RELEASE}

_keys = {}


def key(name):
    """A key pair by name, made once."""
    if name not in _keys:
        _keys[name] = QuickKey(hashlib.sha256(name.encode()).digest())
    return _keys[name]


class Bench:
    """`settings`: beside kind and uplink_host; `issuers`: names of keys in the keyset; `board`: if not a new one."""

    def __init__(
        self, lock_class, kind="exclusive", issuers=("ride", "master"), clock=True, board=None, **settings
    ):
        self._lock_class = lock_class
        self.board = board or VirtualBoard()
        self.provision(kind, issuers, settings)
        self._count = 0
        self.start()
        if clock:
            self.lock.clock.set(NOW, 2)

    def provision(self, kind, issuers, settings):
        entries = [(kid_of(name), key(name).public, NOW - 86_400, NOW + 30 * 86_400) for name in issuers]
        given = {"kind": kind, "uplink_host": "192.0.2.1"}
        given.update(settings)
        self.put("identity", cbor.encode({1: LOCK, 2: K_LOCK, 3: GROUP}))
        self.put("roots", roots.encode(1, [key("root").public]))
        self.put("keyset", signed(keyset.encode(1, entries)))
        self.put("settings.json", json.dumps(given).encode())

    def put(self, name, data):
        with open(self.board.storage.root + "/" + name, "wb") as file:
            file.write(data)

    def close(self):
        self.board.close()

    # ---- power and time

    def start(self):
        self.lock = self._lock_class(self.board)
        self.lock.tick()

    def reboot(self, warm=True):
        self.board = self.board.reboot(warm)
        self.start()

    def run(self, coroutine):
        return asyncio.run(coroutine)

    def wait(self, seconds, step_ms=_TICK_MS):
        """Lets time pass, with a tick in every step."""

        async def passing():
            end = self.board.timeline.now + int(seconds * 1000)
            while self.board.timeline.now < end:
                await self.board.timeline.sleep_ms(min(step_ms, end - self.board.timeline.now))
                self.lock.tick()

        self.run(passing())

    def wait_long(self, seconds):
        """The same for minutes and hours."""
        self.wait(seconds, 1000)

    @property
    def now(self):
        return self.board.timeline.now // 1000

    @property
    def world(self):
        return self.board.world

    # ---- people

    def phone(self, mtu=247):
        return Phone(self, mtu)

    def random(self, n):
        self._count += 1
        return hashlib.sha256(b"bench %d" % self._count).digest()[:n]

    def token(self, holder, epoch=1, cti=None, issuer="ride", lock=LOCK, **changes):
        """Bytes of a token for one lock, good for five minutes; claims as in protocol.token.Claims."""
        master = issuer.startswith("master")
        claims = {
            "aud": ((lock, epoch),),
            "exp": self.now + 300,
            "nbf": self.now - 60,
            "iat": self.now - 60,
            "cti": cti or self.random(8),
            "holder": holder.public,
            "scope": token.SCOPE_SERVICE if master else token.SCOPE_RIDE,
            "floor": 0,
            "hold": 0 if master else 900,
            "longest": 0 if master else 86_400,
            "mode": token.MODE_SINGLE,
        }
        claims.update(changes)
        return token.mint(key(issuer).sign, kid_of(issuer), token.Claims(**claims))


def signed(payload, *names):
    """A keyset signed by these roots; by the bench's own one unless named."""
    by = [key(name) for name in names or ("root",)]
    return cose.sign(payload, [(roots.kid(one.public), one.sign) for one in by])


def kid_of(name):
    """The role is the first word of the name: ride, if it is no other."""
    return keys.kid(_ROLES.get(name.split(" ")[0], keys.RIDE), key(name).public)


class Answer:
    """RESULT: `status`, `receipt` (bytes or None), `ms` [verify, store, motor]."""

    def __init__(self, body):
        self.status, self.receipt, self.ms = exchange.decode_result(body)


class Phone:
    """One link. `heard`: messages (opcode, body) not yet asked for; `receipts`: that came by themselves."""

    def __init__(self, bench, mtu=247):
        self.bench = bench
        self.board = bench.board
        self.conn = bench.board.link.connect(mtu)
        self._mtu = mtu
        self._sender, self._receiver = frames.Sender(), frames.Receiver(opcodes=exchange.TO_PHONE)
        self.heard = []
        self.receipts = []
        self._event("connect", None)

    @property
    def up(self):
        return self.board.link.up(self.conn)

    def _event(self, kind, data):
        self.bench.run(self.bench.lock.session.handle(kind, self.conn, data))

    def frame(self, data):
        """One write, whatever is in it."""
        if self.up:
            self._event("frame", data)

    def send(self, opcode, body):
        for part in self._sender.frames(opcode, body, self._mtu - 3):
            self.frame(part)

    def leave(self):
        self.board.link.disconnect(self.conn)
        self._event("disconnect", None)

    def listen(self):
        for part in self.board.link.frames_for(self.conn):
            message = self._receiver.feed(part)
            if message and message[0] == exchange.RECEIPT:
                self.receipts.append(exchange.decode_single(message[1]))
            elif message:
                self.heard.append(message)

    def next(self):
        """The next (opcode, body), (None, None) when there is none."""
        self.listen()
        return self.heard.pop(0) if self.heard else (None, None)

    def hello(self, patience=0):
        """The 16-byte challenge; raises AssertionError when there is none."""
        self.hello_body = exchange.encode_hello(self.bench.random(8), patience)
        self.send(exchange.HELLO, self.hello_body)
        opcode, self.challenge_body = self.next()
        assert opcode == exchange.CHALLENGE, opcode
        return exchange.decode_challenge(self.challenge_body)[0]

    def request(self, command, raw, subject, holder):
        """The body of a REQUEST with a proof for the last challenge."""
        transcript = exchange.transcript(self.hello_body, self.challenge_body)
        return exchange.encode_request(
            command, raw, holder.sign(exchange.proof_input(subject, transcript, command))
        )

    def ask(self, body):
        """The Answer to a REQUEST; None when none came."""
        self.send(exchange.REQUEST, body)
        opcode, answer = self.next()
        return Answer(answer) if opcode == exchange.RESULT else None

    def open(self, raw, holder, command=exchange.OPEN):
        self.hello()
        return self.ask(self.request(command, raw, hashlib.sha256(raw).digest(), holder))

    def service(self, raw, holder):
        return self.open(raw, holder, exchange.SERVICE)

    def reopen(self, cti, holder):
        self.hello()
        return self.ask(self.request(exchange.OPEN, None, cti, holder))

    def end(self, cti, holder):
        self.hello()
        return self.ask(self.request(exchange.END, None, cti, holder))

    def collect(self):
        """Receipts of the next sealed batch, opened with the lock's key; [] when there is no more."""
        self.send(exchange.COLLECT, exchange.encode_collect())
        opcode, body = self.next()
        assert opcode == exchange.SEALED, opcode
        batch = exchange.decode_single(body)
        return exchange.open_batch(keys.batch_key(K_LOCK), batch) if batch else []
