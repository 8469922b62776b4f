"""The lock's states as one table (SPEC.md section 7). Decides; moves nothing, stores nothing.

States are the numbers of protocol/status.py. "Ride" means that a ride runs: an open one, or a parked one that
waits below a technician's visit or a jam. Quarantine has no row but its own: only a boot leaves it.
"""

from protocol.compat import const
from protocol.status import (
    STATE_JAMMED,
    STATE_LOCKED,
    STATE_NAMES,
    STATE_OPEN,
    STATE_OPENING,
    STATE_PARKED,
    STATE_QUARANTINE,
    STATE_SERVICE,
)

START = const(0)  # a request was accepted
HAND_OVER = const(1)
REOPEN = const(2)
SERVICE = const(3)
OPENED = const(4)  # the sensor says open, for a rider
SERVICED = const(5)  # the sensor says open, for a technician
STUCK = const(6)  # time is up and the bolt hangs between, or its sensors contradict each other
SHUT = const(7)  # the sensor says closed; no ride
SHUT_RIDE = const(8)  # the sensor says closed; a ride runs
ENDED = const(9)  # the parked ride is over: END, or hold over
FAULT = const(10)  # storage fails
EVENTS = (START, HAND_OVER, REOPEN, SERVICE, OPENED, SERVICED, STUCK, SHUT, SHUT_RIDE, ENDED, FAULT)

TABLE = {
    (STATE_LOCKED, START): STATE_OPENING,
    (STATE_LOCKED, SERVICE): STATE_OPENING,
    (STATE_LOCKED, HAND_OVER): STATE_OPEN,  # the bolt was found open and nobody's
    (STATE_OPENING, OPENED): STATE_OPEN,
    (STATE_OPENING, SERVICED): STATE_SERVICE,
    (STATE_OPENING, SHUT): STATE_LOCKED,
    (STATE_OPENING, SHUT_RIDE): STATE_PARKED,
    (STATE_OPENING, STUCK): STATE_JAMMED,
    (STATE_OPEN, HAND_OVER): STATE_OPEN,
    (STATE_OPEN, SHUT_RIDE): STATE_PARKED,
    (STATE_PARKED, REOPEN): STATE_OPENING,
    (STATE_PARKED, SERVICE): STATE_OPENING,
    (STATE_PARKED, ENDED): STATE_LOCKED,
    (STATE_JAMMED, START): STATE_OPENING,
    (STATE_JAMMED, REOPEN): STATE_OPENING,
    (STATE_JAMMED, SERVICE): STATE_OPENING,
    (STATE_JAMMED, HAND_OVER): STATE_OPEN,  # it came free after the time was up
    (STATE_JAMMED, SHUT): STATE_LOCKED,
    (STATE_JAMMED, SHUT_RIDE): STATE_PARKED,
    (STATE_JAMMED, ENDED): STATE_JAMMED,
    (STATE_SERVICE, START): STATE_OPENING,  # left with the bolt between
    (STATE_SERVICE, HAND_OVER): STATE_OPEN,
    (STATE_SERVICE, REOPEN): STATE_OPENING,  # by the parked ride's holder
    (STATE_SERVICE, SERVICE): STATE_OPENING,  # the next technician, or the same again
    (STATE_SERVICE, SHUT): STATE_LOCKED,
    (STATE_SERVICE, SHUT_RIDE): STATE_PARKED,
    (STATE_SERVICE, ENDED): STATE_SERVICE,
}
for _state in STATE_NAMES:
    TABLE[_state, FAULT] = STATE_QUARANTINE


class Illegal(Exception):
    """The event has no place in this state: a fault of ours, never of who asks."""


def step(state, event):
    """The state that follows. Raises Illegal for a pair that is not in the table."""
    if (state, event) not in TABLE:
        raise Illegal(state, event)
    return TABLE[state, event]
