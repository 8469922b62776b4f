"""Turns what the sensors show, and time that is over, into receipts: nobody has to ask for a close to count."""

from firmware import machine
from firmware.actuator import CLOSED
from protocol import receipt, status
from protocol.compat import const
from protocol.telemetry import NOTE_MOVED

_MOVED_EVERY_MS = const(600_000)  # one note for one van


class Watch:
    """`note(code, value)`: of the outbox."""

    def __init__(self, board_clock, ledger, actuator, stillness, clock, note):
        self._uptime_ms = board_clock.uptime_ms
        self._ledger = ledger
        self._actuator = actuator
        self._stillness = stillness
        self._clock = clock
        self._note = note
        self._hold_from = 0  # uptime of the last close; a boot begins it anew
        self._noted_at = -_MOVED_EVERY_MS

    def look(self, found=False):
        """To be called every 50 ms, and before each judgement. `found`: at boot, when a close was not seen."""
        moving = self._stillness.look()
        ledger = self._ledger
        if ledger.busy or ledger.state == status.STATE_QUARANTINE:
            return
        try:
            if self._actuator.position() == CLOSED:
                self._closed(found)
            if self._hold_is_over():
                ledger.end(receipt.END_HOLD)
        except OSError:
            ledger.fail()
        if moving and ledger.state in (status.STATE_LOCKED, status.STATE_PARKED):
            if self._uptime_ms() - self._noted_at >= _MOVED_EVERY_MS:
                self._noted_at = self._uptime_ms()
                self._note(NOTE_MOVED, 0)

    def _closed(self, found):
        """The bolt is in the ring; was it open?"""
        ledger, ride = self._ledger, self._ledger.ride
        following = machine.SHUT_RIDE if ride else machine.SHUT
        if ledger.state == status.STATE_OPEN:
            since = self._clock.awake if found else self._stillness.since(self._clock.now())
            cause = receipt.CLOSE_AT_BOOT if found else receipt.CLOSE_SEEN
            ledger.commit(
                receipt.CLOSE,
                machine.step(ledger.state, following),
                ride,
                cti=ride.cti,
                detail=[since, cause],
            )
            self._hold_from = self._uptime_ms()
        elif ledger.state == status.STATE_SERVICE:
            ledger.commit(receipt.SERVICE_CLOSE, machine.step(ledger.state, following), ride)
        elif ledger.state == status.STATE_JAMMED:
            ledger.step(following)  # without a receipt: the jam's ABORT said that nothing had begun

    def _hold_is_over(self):
        """Hold counts uptime, so that it needs no clock."""
        ride = self._ledger.ride
        if not ride or self._ledger.state == status.STATE_OPEN:
            return False
        return self._uptime_ms() - self._hold_from >= ride.hold * 1000
