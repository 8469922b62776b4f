"""What the lock may spend: when it is awake, on the air, on the network, listening for satellites. Pure; integers.

On a stock build a chip that is awake draws a thousand times what it draws asleep, so the budget is time awake. The
settings are that budget (config.py): `awake_s` after each touch by someone, `stranger_s` an hour for touches that
lead to nothing. rest.py measures, asks here and obeys; tools/power.py asks the same functions for a year.

| who or what                                     | lock  | on the air | until                                      |
|-------------------------------------------------|-------|------------|--------------------------------------------|
| sleeping not set; quarantine; the bolt moves    | awake | yes        |                                            |
| somebody pressed, closed, opened, proved        | awake | yes        | `awake_s` after the last of it             |
| it was shaken                                   | awake | yes        | 15 s after                                 |
| as above, strangers have used their hour up     | awake | rarely     | 10 s after; shaking no longer wakes it     |
| a link, a call to the cloud, a search for a fix | awake | no         | done; a call holds it for 45 s at most     |
| a ride, or a bolt that is not shut              | dozes | no         | touched, the bolt moves, a fix is due      |
| none of these                                   | sleeps| no         | touched, a contact is due, the clock fades |
"""

from protocol import status
from protocol.compat import const

AWAKE = const(0)
DOZE = const(1)  # light sleep, the radio off: memory stays
SLEEP = const(2)  # deep sleep: ends in a boot

TIMER, BUTTON, SHAKE = const(4), const(5), const(6)  # boot causes, boards/contract.py

CALL_MS = const(45_000)  # for which a call keeps the lock awake; what is not told then is told later
_SHAKEN_MS = const(15_000)
_BRIEF_MS = const(10_000)
_CREDIT_H = const(3)  # hours of `stranger_s` that can be saved up
_RARELY = const(3)  # bits: 8 times as far apart
_LOW_MV = const(100)  # above the start reserve: time to spare
_DAY_S = const(86_400)
_KNOWN_S = const(270)  # clock error at which the lock asks for the time: 300 would end judging windows
_RETRY_S = const(900)
SOON_S = const(60)  # the shortest sleep: who sleeps so long has a call to make
PARDON_S = const(3_600)  # the longest sleep that no shake ends: then strangers may have credit again
_CYCLE_S = const(20)  # fixes further apart than this: the receiver rests in between
_START_MS = const(3_000)  # of a receiver that knows its satellites
_SEARCH_MS = const(40_000)


def window(s, cause, credit_ms):
    """Milliseconds awake and on the air after a touch. `cause`: TIMER, BUTTON, SHAKE; any other is a person."""
    if cause == TIMER:
        return 0
    if credit_ms <= 0:
        return _BRIEF_MS
    return _SHAKEN_MS if cause == SHAKE else s.awake_s * 1000


def decide(s, state, riding, left_ms, links, busy, credit_ms):
    """(AWAKE, DOZE or SLEEP; advertising interval in ms, 0 for none).

    `left_ms`: of the window; `busy`: something under way that a pause would spoil; `credit_ms`: see `credit`.
    """
    if not s.sleep or state == status.STATE_QUARANTINE or state == status.STATE_OPENING:
        return AWAKE, s.advertise_ms
    if left_ms > 0:
        return AWAKE, s.advertise_ms << (0 if credit_ms > 0 else _RARELY)
    if links or busy:
        return AWAKE, 0
    return (SLEEP if state == status.STATE_LOCKED and not riding else DOZE), 0


def credit(s, ms, passed_ms, spent_ms):
    """What strangers may still spend after `passed_ms`, of which they had the lock awake for `spent_ms`. Below 0 it
    is a debt, which time pays off: else one more millisecond each second would buy one more waking."""
    hour = s.stranger_s * 1000
    return max(-_CREDIT_H * hour, min(_CREDIT_H * hour, ms + passed_ms // 3600 * hour // 1000) - spent_ms)


def wake_on(credit_ms):
    """What besides the timer ends a sleep. The button always does: nobody honest is ever shut out."""
    return ("button", "shake") if credit_ms > 0 else ("button",)


def contact_s(s, millivolts):
    """Seconds between contacts when there is nothing to tell."""
    if millivolts < s.start_reserve_mv:
        return _DAY_S
    low = millivolts < s.start_reserve_mv + _LOW_MV
    return min(s.uplink_every_s << (2 if low else 0), _DAY_S)


def sleep_s(s, millivolts, since_contact_s, error_s, drift_ppm, fails):
    """Seconds to the next contact: when it is due, or before the clock is too far off to judge a token's window.

    `fails`: contacts in a row that came to nothing, a receipt that waits among them; each doubles the time to the next.
    """
    if fails:
        return min(_RETRY_S << min(fails - 1, 7), _DAY_S)
    due = contact_s(s, millivolts) - since_contact_s
    if millivolts >= s.start_reserve_mv:
        fades = (_KNOWN_S - error_s) * 1_000_000 // drift_ppm
        due = min(due, fades if fades > 0 else _RETRY_S - since_contact_s)
    return max(SOON_S, min(due, _DAY_S))


def gnss(s, millivolts, on, for_ms, fixed):
    """Whether the receiver is to have power. `for_ms`: how long it has been as it is; `fixed`: since it was on."""
    if millivolts < s.start_reserve_mv:
        return False
    if s.fix_every_s < _CYCLE_S:
        return True
    if on:
        return not fixed and for_ms < _SEARCH_MS
    return for_ms >= s.fix_every_s * 1000 - _START_MS
