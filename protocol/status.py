"""Status codes of RESULT and states of the lock (SPEC.md section 11): number, name, sentence for the person."""

from protocol.compat import const

OK = const(0)
BUSY = const(1)
WRONG_LOCK = const(2)
KEY = const(3)
SCOPE = const(4)
NEED_NONCE = const(5)
EXPIRED = const(6)
FORGED = const(7)
OLD = const(8)
NO_RIDE = const(9)
ENDED = const(10)
MODE = const(11)
IN_USE = const(12)
SERVICE = const(13)
LOW_BATTERY = const(14)
JAMMED = const(15)
NOT_CLOSED = const(16)
MALFORMED = const(17)
NO_CHALLENGE = const(18)
VERSION = const(19)
QUARANTINE = const(20)
NOT_OPEN = const(21)

_TABLE = (  # row number = code
    ("OK", ""),
    ("BUSY", "The lock is busy; try again in a moment."),
    ("WRONG_LOCK", "This token is for another lock."),
    ("KEY", "The lock does not know who issued this token."),
    ("SCOPE", "This token does not allow that."),
    ("NEED_NONCE", "The lock has lost its clock; go online once to open it."),
    ("EXPIRED", "The time to start this ride has passed; claim again."),
    ("FORGED", "The signature does not hold."),
    ("OLD", "A newer claim has replaced this one."),
    ("NO_RIDE", "There is no ride to take over."),
    ("ENDED", "This ride has ended; claim again."),
    ("MODE", "This bike belongs to a pool and takes period claims only."),
    ("IN_USE", "Someone is riding this bike."),
    ("SERVICE", "A technician has this bike open."),
    ("LOW_BATTERY", "The lock's battery is too low to start a ride."),
    ("JAMMED", "The bolt is stuck; try again or take another bike."),
    ("NOT_CLOSED", "Close the lock by hand first."),
    ("MALFORMED", "The phone sent something the lock does not understand."),
    ("NO_CHALLENGE", "Too late; start again."),
    ("VERSION", "App and lock speak different versions; update the app."),
    ("QUARANTINE", "This lock is out of order."),
    ("NOT_OPEN", "Open the ring first."),
)
NAMES = {code: row[0] for code, row in enumerate(_TABLE)}
SENTENCES = {code: row[1] for code, row in enumerate(_TABLE)}
CUTS_LINK = (FORGED, MALFORMED, NO_CHALLENGE, VERSION, QUARANTINE)

STATE_LOCKED = const(0)
STATE_OPENING = const(1)
STATE_OPEN = const(2)
STATE_PARKED = const(3)
STATE_JAMMED = const(4)
STATE_SERVICE = const(5)
STATE_QUARANTINE = const(6)
STATE_NAMES = {
    code: name
    for code, name in enumerate(("locked", "opening", "open", "parked", "jammed", "service", "quarantine"))
}
