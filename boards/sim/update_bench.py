"""A lock with two slots, its cloud, and a technician's phone, on virtual time: for tests of updates.

    bike = Bike(Lock, release(1))
    bike.offer(release(2))              the cloud does
    bike.live(600)                      seconds; True when the lock has reset, and `reboot` starts it again
    bike.text(), bike.progress()        /slot, and what the cloud was told

What runs is this code, whichever slot it is said to run from; a release that is bad is a world that fails it.
"""

import asyncio
import hashlib

from boards import launcher
from boards.sim.bench import K_LOCK, LOCK, Bench, key
from boards.sim.peer import Peer
from boards.sim.power import Halt
from boards.sim.release import install
from protocol import exchange, frames, telemetry, token, update

TECH, RIDER = key("technician"), key("rider")
ISSUERS = ("ride", "master", "release 1", "release 2")
HOUR = 3600


class Bike:
    """A lock that runs `old` from slot a, and its cloud. `slot`: the one that started; `why` its last boot ended;
    `pressed`: somebody presses the button of one that sleeps, else its time wakes it."""

    pressed = True

    def __init__(self, lock_class, old, **settings):
        self._lock_class = lock_class
        self.bench = Bench(lock_class, issuers=ISSUERS, **settings)
        self.board = self.bench.board
        self.root = self.board.storage.root
        install(self.root, old)
        self.peer = Peer(LOCK, K_LOCK, lambda: self.board.timeline.now // 1000)
        self.begin()

    def begin(self):
        self.off = False
        self.slot = launcher.settle(self.root)
        self.bench.board = self.board
        self.bench.lock = self.lock = self._lock_class(self.board)
        self.board.bearer.peer = self.peer

    def reboot(self, warm=True):
        if not self.off:
            self.board = self.board.reboot(warm)
        self.begin()

    def offer(self, what):
        self.peer.answer[telemetry.RELEASE] = [what.version, what.digest]
        self.peer.resources = {b"m": what.manifest}
        for data in what.files.values():
            self.peer.resources[b"f/" + hashlib.sha256(data).digest()[:4].hex().encode()] = data

    def live(self, seconds, story=None):
        """Runs the lock's tasks for so long, or until it resets. True if it did. A sleep ends as `pressed` says."""

        async def all():
            run = asyncio.create_task(self.lock.run())
            told = asyncio.create_task(story) if story else None
            until = self.board.timeline.now + int(seconds * 1000)
            try:
                while not run.done() and self.board.timeline.now < until and not (told and told.done()):
                    await self.board.timeline.sleep_ms(500)
                if told and told.done():
                    await told
            except Halt:
                pass
            finally:
                for task in (run, told):
                    if task:
                        task.cancel()
                        try:
                            await task
                        except (asyncio.CancelledError, Halt):
                            pass

        asyncio.run(all())
        self.why = self.board.power.halted
        if self.why:
            self.board = self._after(self.why)  # current, for whoever looks at its flash
            self.off = True
        return self.why == "reset"

    def _after(self, why):
        if why == "sleep":
            if self.pressed:
                self.board.world.press()
            return asyncio.run(self.board.slept())
        return self.board.reboot(why == "reset")

    def rest(self, hours):
        """Hours in which nothing happens, but that they pass."""
        self.board.timeline.now += hours * HOUR * 1000

    def text(self):
        with open(self.root + "/slot") as file:
            return file.read()

    def notes(self, code):
        """Values of these notes, of those that the cloud has, in their order."""
        records = [self.peer.records[number] for number in sorted(self.peer.records)]
        return [record[3] for record in records if record[0] == telemetry.NOTE and record[2] == code]

    def progress(self):
        return [(value & 255, value >> 8) for value in self.notes(telemetry.NOTE_UPDATE)]

    def asked(self):
        return [path for path, _, _ in self.peer.requests if path not in (b"t", b"r")]

    def close(self):
        self.bench.close()
        self.board.close()


class Phone:
    """One link of a technician, while the lock's tasks run. `served`: names that it was asked for."""

    def __init__(self, bike):
        self.bike, self.board = bike, bike.board
        self.conn = bike.board.link.connect()
        self.sender, self.receiver = frames.Sender(), frames.Receiver(opcodes=exchange.TO_PHONE)
        self.heard, self.served = [], []

    def send(self, opcode, body):
        for part in self.sender.frames(opcode, body, 244):
            self.board.link.phone_write(self.conn, part)

    async def next(self, seconds=30):
        until = self.board.timeline.now + seconds * 1000
        while self.board.timeline.now < until and not self.heard:
            heard = [self.receiver.feed(part) for part in self.board.link.frames_for(self.conn)]
            self.heard += [message for message in heard if message]
            if not self.heard:
                await self.board.timeline.sleep_ms(20)
        return self.heard.pop(0) if self.heard else (None, None)

    async def prove(self, holder=TECH, issuer="master", command=exchange.UPDATE, **claims):
        """The status that the lock answers."""
        claims.setdefault("scope", token.SCOPE_UPDATE)
        hello = exchange.encode_hello(self.bike.bench.random(8))
        self.send(exchange.HELLO, hello)
        _, challenge = await self.next()
        raw = self.bike.bench.token(holder, issuer=issuer, **claims)
        self.covered = exchange.proof_input(
            hashlib.sha256(raw).digest(), exchange.transcript(hello, challenge), command
        )
        self.send(exchange.REQUEST, exchange.encode_request(command, raw, holder.sign(self.covered)))
        return exchange.decode_result((await self.next())[1])[0]

    async def bring(self, what, blocks=1 << 30):
        """The last (state, reason) of PROGRESS, or RESULT's status; None when the phone leaves after so many blocks."""
        self.send(exchange.OFFER, update.encode_offer(what.version, what.digest))
        while True:
            opcode, body = await self.next()
            if opcode == exchange.WANT:
                name, offset = update.decode_want(body)
                self.served.append(name)
                if len(self.served) > blocks:
                    self.board.link.disconnect(self.conn)
                    return None
                self.send(exchange.DATA, update.encode_data(name, offset, what.get(name, offset) or b""))
            elif opcode == exchange.PROGRESS:
                state, reason = update.decode_progress(body)
                if state in update.LAST:
                    return state, reason
            else:
                return opcode and exchange.decode_result(body)[0]
