"""A release that a technician's phone brings over its link (SPEC.md section 12): the lock asks, the phone answers.

The phone has proved on this link that it may (session.py), and is believed nothing: what it brings is judged and
hashed as if it came from the cloud. Loaded only meanwhile.
"""

from firmware.channel import Away
from firmware.updater import Gone
from protocol import exchange, receipt, status, update
from protocol.compat import const
from protocol.telemetry import NOTE_UPDATE

_ANSWER_MS = const(20_000)
_POLL_MS = const(20)


class Courier:
    """A source for updater.py."""

    def __init__(self, lock, link, beat):
        self._session, self._note, self._ledger = lock.session, lock.outbox.note, lock.ledger
        self._clock, self._beat = lock.board.clock, beat
        self.link = link

    def taken_up(self, detail):
        """Every use of a right leaves a receipt. Raises OSError."""
        ledger, (cti, evidence, issue) = self._ledger, self.link.carrier
        try:
            ledger.commit(receipt.UPDATE, ledger.state, ledger.ride, None, None, cti, evidence, issue, detail)
        except OSError:
            ledger.fail()
            raise

    async def get(self, name, offset):
        """Raises Gone when the phone does not have it, Away when it is silent or has left."""
        link = self.link
        link.brought = None
        self._session.send(link, exchange.WANT, update.encode_want(name, offset))
        until = self._clock.uptime_ms() + _ANSWER_MS
        while link.brought is None:
            if self._session.links.get(link.conn) is not link or self._clock.uptime_ms() >= until:
                raise Away
            self._beat()
            await self._clock.sleep_ms(_POLL_MS)
        try:
            *asked, data = update.decode_data(link.brought)
        except update.UpdateError:
            asked, data = [], b""
        if asked != [name, offset]:
            self.refuse()
            raise Away
        if not data:
            raise Gone
        return data

    def tell(self, state, reason):
        self._note(NOTE_UPDATE, state | reason << 8)
        self._session.send(self.link, exchange.PROGRESS, update.encode_progress(state, reason))

    def refuse(self):
        """What the phone sent is not what it claims to be."""
        self._session.refuse(self.link, status.MALFORMED)
