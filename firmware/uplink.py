"""What the lock tells the cloud, and when: receipts at once, telemetry in batches, a status when there is nothing else.

A cloud that is silent, wrong or hostile costs retries further and further apart, and nothing else: no unlock waits
for it, and what it did not acknowledge stays. How one message travels is channel.py's.
"""

from firmware.channel import Away, Channel
from firmware.rides import Unreadable
from protocol import coap, keys, telemetry
from protocol.compat import const

_STEP_MS = const(250)
_RECEIPTS = const(4)  # SPEC.md section 10
_RETRY_MS = const(5000)  # after the first failure; doubled with each further one
_RETRY_MAX_MS = const(900000)
_COMMANDS = const(16)  # ids remembered


class _Pace:
    """When to try again after failures: further and further apart, and not with all other locks at once."""

    def __init__(self, board):
        self._uptime_ms, self._random = board.clock.uptime_ms, board.random
        self._fails = 0
        self._not_before = 0

    def ready(self):
        return self._uptime_ms() >= self._not_before

    def hurry(self):
        self._not_before = 0

    def result(self, good):
        self._fails = 0 if good else min(self._fails + 1, 16)
        if not good:
            delay = min(_RETRY_MS << self._fails - 1, _RETRY_MAX_MS)
            part = int.from_bytes(self._random(2), "big")
            self._not_before = self._uptime_ms() + delay // 2 + delay * part // 0x20000


class Uplink:
    """`config`: lock_id, k_lock, settings. `state()`: the lock's state, for status records.

    `on_command(id, kind, args)`: carries one out; False for one that it does not know or take.
    `errands`: key of an answer -> coroutine function(channel, value, beat), for what an answer offers to be fetched; it
    gives True when it is done with that value. Run when there is nothing to tell.
    """

    def __init__(self, board, config, clock, floors, receipts, outbox, state, on_command, errands):
        self._uptime_ms, self._sleep_ms = board.clock.uptime_ms, board.clock.sleep_ms
        self._millivolts, self._temperature = board.battery.millivolts, board.temperature
        self._settings = settings = config.settings
        secret = keys.oscore_secret(config.k_lock)
        self.channel = Channel(board, config.lock_id, secret, settings.uplink_host, settings.uplink_port)
        self._clock, self._floors, self._receipts, self._outbox = clock, floors, receipts, outbox
        self._state, self._on_command = state, on_command
        self._network = _Pace(board)
        self._paces = {
            b"r": _Pace(board),
            b"t": _Pace(board),
        }  # for what the cloud refuses, though it answers
        self.every_s = settings.uplink_every_s  # between contacts when there is nothing to tell
        self.thrifty = False  # True: the network is let go when all is told
        self.contact_at = None  # uptime of the last batch that it took
        self.heard_at = None  # uptime of the last answer that said yes
        self.offer = None  # [version, digest]: a release that the last answer offered
        self._sending = False
        self._most = _RECEIPTS  # in one message
        self._status_at = None
        self._commands = []  # ids of those last carried out
        self._errands = errands
        self._offered, self._settled = {}, {}  # key of an answer -> value: to be fetched, and done with
        for key in errands:
            self._paces[key] = _Pace(board)
        self.waits = lambda: False  # whether somebody waits for the bolt, and so needs the heap for himself
        receipts.listeners.append(self._appended)

    async def run(self, beat):
        while True:
            beat()
            self._outbox.tend()
            try:
                worked = not self.waits() and await self._work(beat)
            except MemoryError:
                if self._most == 1:
                    raise
                self._most, worked = 1, False  # no piece of the heap is long enough: messages get shorter
            if not worked:
                await self._sleep_ms(_STEP_MS)

    async def _work(self, beat):
        """One message or errand. False when there is none."""
        message = self._next()
        errand = None if message else self._errand()
        if message is None and errand is None:
            if self.thrifty:
                self.channel.rest()
            return False
        self._sending = True
        try:
            if message:
                await self._send(beat, *message)
            else:
                await self._run(beat, *errand)
        finally:
            self._sending = False
        return True

    def hurry(self):
        """There is something to tell, and something to hear: a batch is due at once."""
        self.contact_at = None

    def _appended(self, raw, parsed):
        """A new receipt travels at once, whatever failed before."""
        self._network.hurry()
        self._paces[b"r"].hurry()

    def busy(self):
        """Whether something is being told, or would be at once."""
        if self._sending or not self._network.ready():
            return self._sending
        receipts = self._paces[b"r"].ready() and self._receipts.last_seq > self._receipts.acked_seq
        overdue = (
            self._passed(self.contact_at, self.every_s) or self._outbox.waiting() >= self._settings.batch
        )
        return receipts or (self._paces[b"t"].ready() and overdue)

    # ---- what is next -----------------------------------------------------------------------------------------

    def _next(self):
        """(path, payload, number of the record after it) or None."""
        if not self._network.ready():
            return None
        if self._paces[b"r"].ready() and self._receipts.last_seq > self._receipts.acked_seq:
            chosen = self._oldest_receipts()
            if chosen:
                return b"r", telemetry.encode_receipts(chosen), None
        if self._paces[b"t"].ready() and self._batch_due():
            first, records = self._outbox.peek(self._settings.batch)
            payload = telemetry.encode_batch(first, records) if records else b""
            while len(payload) > telemetry.LIMIT:
                records.pop()
                payload = telemetry.encode_batch(first, records)
            if records:
                return b"t", payload, first + len(records)
            self.contact_at = (
                self._uptime_ms()
            )  # flash takes no status either: asked again when the next is due
        return None

    def _oldest_receipts(self):
        try:
            waiting = self._receipts.unacked(self._most)
        except (OSError, Unreadable):  # whether the lock may go on without them is not decided here
            self._paces[b"r"].result(False)
            return []
        chosen, size = [], 1
        for raw in waiting:
            size += 3 + len(raw)
            if chosen and size > telemetry.LIMIT:
                break
            chosen.append(raw)
        return chosen

    def _batch_due(self):
        """A full batch waits, or nothing was told for `uplink_every_s`; then there is at least a status to tell."""
        overdue = self._passed(self.contact_at, self.every_s)
        if overdue and (
            self._outbox.waiting() == 0 or self._passed(self._status_at, self._settings.status_every_s)
        ):
            self._put_status()
        return overdue or self._outbox.waiting() >= self._settings.batch

    def _passed(self, since, seconds):
        return since is None or self._uptime_ms() - since >= seconds * 1000

    def _put_status(self):
        now, uptime = self._clock.now() or 0, self._uptime_ms()
        state, degrees = self._state(), self._temperature()
        if degrees is not None:
            state += degrees + telemetry.WARM << 8
        self._outbox.put(
            (telemetry.STATUS, now, state, self._millivolts(), self._clock.error(), uptime // 1000)
        )
        self._status_at = uptime

    def _errand(self):
        """(key, value) of an answer that offers something to be fetched, or None."""
        for key, value in self._offered.items():
            if self._network.ready() and self._paces[key].ready():
                return key, value
        return None

    async def _run(self, beat, key, value):
        try:
            done = await self._errands[key](self.channel, value, beat)
        except Away:
            self._network.result(False)
            return
        except OSError:  # flash, which the unlock side meets too
            done = False
        self._paces[key].result(done)
        if done:
            self._settled[key] = value
            if self._offered[key] == value:
                del self._offered[key]

    # ---- and what came of it ----------------------------------------------------------------------------------

    async def _send(self, beat, path, payload, after):
        try:
            code, body, took = await self.channel.post(path, payload, beat)
        except Away:
            self._network.result(False)
            return
        self._network.result(True)
        answer = None
        if code == coap.CHANGED:  # 2.04, and nothing else, lets the lock forget
            try:
                answer = telemetry.decode_answer(body)
            except telemetry.TelemetryError:
                answer = {}
        good = answer is not None
        if good and path == b"t":
            self._outbox.drop_to(after)
            self.contact_at = self._uptime_ms()
        elif good:
            good = self._delivered(answer.get(telemetry.RECEIPTS_UP_TO, 0))
        self._paces[path].result(good)
        if answer is not None:
            self.heard_at = self._uptime_ms()
            self.offer = answer.get(telemetry.RELEASE)
            self._apply(answer, took)

    def _delivered(self, seq):
        """True when the cloud has more receipts than before; one that has not is not asked again at once."""
        before = self._receipts.acked_seq
        if before < seq <= self._receipts.last_seq:
            _try(self._receipts.acked, seq)
        return self._receipts.acked_seq > before

    def _apply(self, answer, took):
        """Each part stands alone: flash that fails for one does not keep the others from the lock."""
        if telemetry.TIME in answer:
            # true when it was written, `took` ago at most, and cut to whole seconds: the middle, and half the width
            unix = answer[telemetry.TIME] + took // 2000
            _try(self._clock.set, unix, 1 + (took + 999) // 1000 - took // 2000)
        floors = answer.get(telemetry.RIDE_FLOOR, 0), answer.get(telemetry.MASTER_FLOOR, 0)
        if any(floors):
            _try(self._floors.uplink, *floors)
        for key in self._errands:
            if key in answer and answer[key] != self._settled.get(key):
                self._offered[key] = answer[key]
        for number, kind, args in answer.get(telemetry.COMMANDS, ()):
            if number not in self._commands:  # the cloud repeats it until it has the note
                refused = self._on_command(number, kind, args) is False
                note = telemetry.NOTE_COMMAND_REFUSED if refused else telemetry.NOTE_COMMAND_DONE
                self._outbox.note(note, number)
                self._commands.append(number)
                del self._commands[:-_COMMANDS]


def _try(action, *args):
    try:
        action(*args)
    except OSError:  # flash; the unlock side meets it too, and knows what to do
        pass
