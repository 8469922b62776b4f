"""Draws the bolt back until its sensor agrees or time is up. Knows no rides and no rules.

The motor has one direction: nothing here can lock a bike.
"""

from protocol.compat import const

OPEN = const(1)  # where the bolt is, by its two switches
CLOSED = const(2)
BETWEEN = const(3)  # neither, or both: a broken sensor proves nothing

_POLL_MS = const(10)
_SETTLE_MS = const(150)  # for the spring, once the motor let go, before a failure is called by its name


class Actuator:
    """`clock`: boards.contract.Clock; `within_ms`: how long the motor may run at a time; `started()`: called when it
    runs."""

    def __init__(self, motor, bolt, clock, within_ms, started=lambda: None):
        self._motor = motor
        self._bolt = bolt
        self._clock = clock
        self._within_ms = within_ms
        self._started = started

    def position(self):
        is_open, is_closed = self._bolt.open(), self._bolt.closed()
        if is_open == is_closed:
            return BETWEEN
        return OPEN if is_open else CLOSED

    async def open(self):
        """Milliseconds that the motor ran: 0 when the bolt was open. Whether it is open now says `position`."""
        if self.position() == OPEN:
            return 0
        began = self._clock.uptime_ms()
        try:
            self._motor.pull()
            self._started()
            while self.position() != OPEN and self._clock.uptime_ms() - began < self._within_ms:
                await self._clock.sleep_ms(_POLL_MS)
        finally:
            self._motor.stop()
        ran = self._clock.uptime_ms() - began
        if self.position() != OPEN:
            await self._clock.sleep_ms(_SETTLE_MS)
        return ran
