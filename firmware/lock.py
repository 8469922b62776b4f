"""The lock: composes the parts on a board, and runs them. No rule lives here.

phone: board link -> session -> unlock -> accept, machine -> actuator -> ledger -> receipts -> session, uplink
fix:   board line -> gps -> outbox -> uplink
"""

import asyncio

from firmware import combs
from firmware.actuator import Actuator
from firmware.advert import Advert
from firmware.clock import Clock
from firmware.floors import Floors
from firmware.garbage import Garbage
from firmware.gps import Gps
from firmware.ledger import Ledger
from firmware.outbox import Outbox
from firmware.receipts import Receipts
from firmware.renewal import Renewal, forget
from firmware.session import Session
from firmware.stillness import Stillness
from firmware.store import Store
from firmware.supervisor import Supervisor
from firmware.unlock import Unlock
from firmware.uplink import Uplink
from firmware.watch import Watch
from protocol import compat, keys, status
from protocol.compat import const
from protocol.telemetry import COMMAND_BLINK, COMMAND_CONFIG, COMMAND_LOCATE, KEYSET, NOTE_BOOT, NOTE_KEYSET

_TICK_MS = const(50)
_STAMP_MS = const(60_000)  # while the bolt is open: what a close that nobody saw is dated by
_STAMP_IDLE_MS = const(1_800_000)  # else: 6 % of it is what a boot adds to the clock's error
_HEALTH_MS = const(5_000)
_SICK_MS = const(600_000)  # without storage or radio; then a boot may find them well
_PENDING_MS = const(30_000)  # no action takes so long: whatever held it up, a boot settles it by its intent
_LIMIT_MS = const(
    5_000
)  # in which each task shows signs of life: two signatures take one and a half on a slow chip
_WATCHDOG = const(3)  # boot cause; those above end a sleep
_ERASING = "erasing"  # wipe.MARK
_LEAVE_MS = const(5_000)  # for a phone to hear that this was the last
_AWAY_MS = const(30_000)  # the same for the uplink, whose network may be slow to open


def _config(store, lock=None, args=()):
    """The Config; for a lock that has one, whether it took what a command changes."""
    from firmware import config as reader  # for a moment

    try:
        return reader.change(lock, args) if lock else reader.load(store)
    finally:
        reader = None
        forget(("firmware.config", "protocol.settings"))


class Lock:
    """Boots on a board that was provisioned. Raises ConfigError, naming what is missing; OSError when the storage
    does not even say who the lock is. Any other failure of storage is quarantine.

    Driven by `run`, or step by step: `session.handle(kind, conn, data)` for each event of the link, `tick()`.
    """

    def __init__(self, board):
        self.board = self._board = board
        self.store = store = Store(board.storage.root)
        if store.size(_ERASING):
            from firmware import wipe

            wipe.finish(board)
            board.reset()
        self.config = config = _config(store)
        self.load_combs()  # first of all: they need the heap in one piece
        self.floors = Floors(store, config.keyset)
        self.clock = Clock(board.clock, store, self.floors)
        self.outbox = Outbox(board, self.clock)
        note = self.outbox.note
        self.gps = Gps(board, self.clock, config.settings, self.outbox.put, note)
        self.receipts = Receipts(store, keys.receipt_key(config.k_lock), config.lock_id)
        self.ledger = Ledger(board, self.receipts, self.floors, self.clock, self.gps.last)
        self.garbage = garbage = Garbage(compat.collect, compat.collect_after)
        self.actuator = actuator = Actuator(
            board.motor, board.bolt, board.clock, config.settings.motor_ms, garbage.release
        )
        stillness = Stillness(board.motion, board.clock, config.settings.still_s)
        self.watch = Watch(board.clock, self.ledger, actuator, stillness, self.clock, note)
        self.unlock = Unlock(
            board, config, store, self.ledger, self.floors, self.clock, actuator, stillness, self.watch
        )
        self.advert = Advert(board, config.k_lock, config.settings, self.floors, self._riding)
        self.session = Session(
            board,
            config,
            self.unlock,
            self.ledger,
            self.receipts,
            self.clock,
            self.floors,
            note,
            garbage,
            self.advert.rotate,
        )
        self.uplink = Uplink(
            board,
            config,
            self.clock,
            self.floors,
            self.receipts,
            self.outbox,
            self._state,
            self.command,
            {KEYSET: self._renew},
        )
        self.uplink.waits = garbage.held
        self.rest = None
        if config.settings.sleep and board.wakes:
            from firmware.rest import Rest  # RAM that a lock which stays awake does not spend

            self.rest = Rest(self, board, stillness)
        self.unlock.boot()
        self.renewal = Renewal(self)
        self._action = None  # the task that moves the bolt, the last one
        self._listening = None  # the session task's sign of life
        self._stamped_at = self._looked_at = self._well_at = self._free_at = board.clock.uptime_ms()
        if board.boot_cause <= _WATCHDOG:  # a lock that wakes up is no news
            note(NOTE_BOOT, board.boot_cause)
            note(NOTE_KEYSET, config.keyset.version)

    @property
    def state(self):
        """Of protocol/status.py."""
        return self.ledger.state

    def _state(self):
        return self.ledger.state

    def _riding(self):
        return self.ledger.ride is not None

    # ---- tasks

    async def run(self):
        """Until it is cancelled, or the board resets."""
        supervisor = Supervisor(self._board, self.outbox.note, self.outbox.flush)
        supervisor.add("session", self._serve, _LIMIT_MS, vital=True)
        supervisor.add("watch", self._keep_time, _LIMIT_MS, vital=True)
        supervisor.add("gps", self.gps.run, _LIMIT_MS)
        supervisor.add("uplink", self.uplink.run, _AWAY_MS)
        supervisor.add("renewal", self.renewal.run, _AWAY_MS)
        try:
            await supervisor.run()
        finally:
            if self._action:
                self._action.cancel()

    async def _serve(self, beat):
        """Takes what phones send. Also while the bolt moves, so that the others are told to wait."""
        while True:
            self._listening = beat
            action = self.session.take(*await self._board.link.event())
            if action:
                self._action = asyncio.create_task(action)

    async def _keep_time(self, beat):
        while True:
            beat()
            if self._listening:
                self._listening()  # to wait for a phone is a sign of life; its work is done before we come by
            self.tick()
            if self.rest:
                await self.rest.pause()
            await self._board.clock.sleep_ms(_TICK_MS)

    # ---- steps

    def tick(self):
        """What time brings: closes, ends, deadlines, another advertisement. Every 50 ms or so."""
        if self.unlock.gone:
            self._leave()
            return
        self.watch.look()
        self.session.tick()
        self.gps.ride(self.state == status.STATE_OPEN)
        interval_ms = self.rest.look() if self.rest else self.config.settings.advertise_ms
        if not self.garbage.held():  # another advertisement is 4 KiB of it
            self.advert.tick(interval_ms)
        self._stamp()
        self._health()

    def _leave(self):
        """Of a lock that was decommissioned: nothing is written any more, and a boot finishes it."""
        self.session.tick()
        now = self._board.clock.uptime_ms()
        if self.ledger.busy:
            self._free_at = now
        elif not self.session.links or now - self._free_at >= _LEAVE_MS:
            self._board.reset()

    def _health(self):
        now = self._board.clock.uptime_ms()
        if now - self._looked_at < _HEALTH_MS:
            return
        self._looked_at = now
        if self.state == status.STATE_QUARANTINE:
            self._board.led.show("fault")
        if (
            (self.rest and self.rest.dozes)
            or self._board.link.healthy()
            and self.state != status.STATE_QUARANTINE
        ):
            self._well_at = now
        if not self.ledger.busy:
            self._free_at = now
        if now - self._free_at >= _PENDING_MS or (now - self._well_at >= _SICK_MS and not self.ledger.busy):
            self.outbox.flush()
            self._board.reset()

    def _stamp(self):
        now = self._board.clock.uptime_ms()
        if now - self._stamped_at >= (_STAMP_MS if self.state == status.STATE_OPEN else _STAMP_IDLE_MS):
            self._stamped_at = now
            try:
                self.clock.stamp()
            except OSError:
                self.ledger.fail()

    def command(self, number, kind, args):
        """One from the cloud. False for one that this lock does not know, or may not carry out."""
        if kind == COMMAND_BLINK:
            self.session.show("find")
        elif kind == COMMAND_LOCATE:
            self.gps.locate()
        else:
            return kind == COMMAND_CONFIG and _config(self.store, self, args)
        return True

    # ---- keysets

    async def _renew(self, channel, version, beat):
        if version <= self.config.keyset.version and not self.config.slow:
            return True
        from firmware import keyring

        try:
            return await keyring.renew(self, channel, version, beat)
        finally:
            forget(("firmware.keyring", "firmware.blocks", "protocol.roots", "protocol.keyset"))

    def adopt(self, keyset):
        """Believes the keyset on flash from now on; what only keys that left it had said is no longer so. A ride that
        runs goes on. Raises OSError."""
        self.config.keyset = keyset
        self.floors.adopt(keyset)
        if self.floors.time_fell():
            self.clock.doubt()
        self.floors.save()
        self.load_combs()
        self.outbox.note(NOTE_KEYSET, keyset.version)
        self.uplink.hurry()

    def load_combs(self):
        self.config.slow = not combs.load(self.store, self.config.keyset)
