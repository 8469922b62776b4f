"""A lock whose storage does not let it be one: it answers phones, says that it is out of order, and nothing else.

Needs no identity, no file and no key, so that it runs where lock.py cannot start. It knows no motor: whatever is sent,
the bolt stays where it is. For each link one RESULT, then the cut; SPEC.md section 5, quarantine.
"""

import asyncio

from firmware import config
from firmware.floors import Floors
from firmware.store import Store
from protocol import exchange, frames, keys, status
from protocol.compat import const

_LINKS = const(4)
_SILENCE_MS = const(10_000)  # of a phone that has not said enough to be answered
_GRACE_MS = const(200)  # from the RESULT to the cut, or the radio would drop it
_TICK_MS = const(50)
_ADVERTISE_MS = const(1_000)


def payload(root, random):
    """What such a lock advertises: what a whole one would, if it can still tell; else noise, like every other's."""
    try:
        store = Store(root)
        own = config.load(store)
        floors = Floors(store, own.keyset)
        floors.load()
        key = keys.adv_key(own.k_lock, keys.adv_index(floors.ride(), False))
        return keys.adv_payload(key, random(1)[0])
    except Exception:
        return random(8)


class _Phone:
    def __init__(self, until):
        self.receiver = frames.Receiver(opcodes=exchange.TO_LOCK)
        self.until = until  # uptime ms of the cut
        self.waiting = None  # frames of the answer that have not left; None before there is one


class Quarantine:
    """`link`, `clock`: of boards.contract.Board; `payload`: 8 bytes; `each()`: called with every look, to feed a
    watchdog."""

    def __init__(self, link, clock, payload, each=lambda: None):
        self._link, self._clock, self._payload, self._each = link, clock, payload, each
        self._phones = {}

    async def run(self, ms):
        """For that long; then a start may find the storage well."""
        self._link.advertise(self._payload, _ADVERTISE_MS)
        end = self._clock.uptime_ms() + ms
        listening = asyncio.create_task(self._listen())
        try:
            while self._clock.uptime_ms() < end:
                self._each()
                self._link.healthy()
                self.tick()
                await self._clock.sleep_ms(_TICK_MS)
        finally:
            listening.cancel()

    async def _listen(self):
        while True:
            self.handle(*await self._link.event())

    def handle(self, kind, conn, data):
        """One event of boards.contract.Link."""
        if kind == "connect":
            if len(self._phones) < _LINKS:
                self._phones[conn] = _Phone(self._clock.uptime_ms() + _SILENCE_MS)
            else:
                self._link.cut(conn)
        elif kind == "disconnect":
            self._phones.pop(conn, None)
        elif conn in self._phones and self._phones[conn].waiting is None:
            code = _verdict(self._phones[conn].receiver, kind, data)
            if code is not None:
                self._answer(conn, self._phones[conn], code)

    def _answer(self, conn, phone, code):
        body = exchange.encode_result(code)
        phone.waiting = frames.Sender().frames(exchange.RESULT, body, self._link.mtu(conn))
        phone.until = self._clock.uptime_ms() + _GRACE_MS
        self._pump(conn, phone)

    def _pump(self, conn, phone):
        while phone.waiting and self._link.send(conn, phone.waiting[0]):
            del phone.waiting[0]

    def tick(self):
        """What time brings: the rest of answers, and the end of links."""
        now = self._clock.uptime_ms()
        for conn, phone in list(self._phones.items()):
            self._pump(conn, phone)
            if now >= phone.until:
                del self._phones[conn]
                self._link.cut(conn)


def _verdict(receiver, kind, data):
    """What a phone is told for this event, or None as long as its message is not complete."""
    if kind != "frame":
        return status.MALFORMED
    try:
        message = receiver.feed(data)
        if message is None:
            return None
        if message[0] == exchange.HELLO:
            exchange.decode_hello(message[1])
    except exchange.BadVersion:
        return status.VERSION
    except (frames.FrameError, exchange.ExchangeError):
        return status.MALFORMED
    return status.QUARANTINE
