"""Fixes worth keeping. Pure; knows nothing of lines, flash or network (see gps.py, outbox.py).

A position is reported, never obeyed: no rule here has a say in an unlock, so a receiver that lies costs a track only.
"""

from collections import namedtuple

from protocol.compat import const

# now, error: Unix time and what it may be off by, seconds; now None while the clock is unknown
# still: the motion sensor has seen nothing since the last fix that was kept
# accuracy_max: dm · speed_max: dm/s
Context = namedtuple("Context", ("now", "error", "still", "accuracy_max", "speed_max"))

_LATE = const(30)  # seconds that a fix may lie beyond the clock's own error
_LOWEST = const(-5000)  # dm; the Dead Sea's shore lies at -4,300
_HIGHEST = const(60000)  # dm; the highest road at 58,000
_TURN = const(3600000000)  # 360 degrees


def invalid(fix, last, context):
    """The receiver does not stand by it."""
    return not fix.valid


def nowhere(fix, last, context):
    """0, 0 lies in the sea; receivers say it when they know nothing."""
    return fix.lat == 0 and fix.lon == 0


def stale(fix, last, context):
    """Not after the last one, or not now: a receiver repeats itself, counts weeks wrongly, or is lied to."""
    if last is not None and fix.time <= last.time:
        return True
    return context.now is not None and abs(fix.time - context.now) > context.error + _LATE


def inaccurate(fix, last, context):
    return fix.accuracy > context.accuracy_max


def fast(fix, last, context):
    """Faster than a bicycle, by the receiver's own measure."""
    return fix.speed > context.speed_max


def high(fix, last, context):
    """No road leads there."""
    return fix.altitude is not None and not _LOWEST <= fix.altitude <= _HIGHEST


def jump(fix, last, context):
    """Further from the last one than a bicycle gets in that time, were both off by their accuracy."""
    if last is None:
        return False
    reach = context.speed_max * (fix.time - last.time) + fix.accuracy + last.accuracy
    return distance_squared(fix, last) > reach * reach


def still(fix, last, context):
    """A lock that has not moved is where it was: what differs is the receiver's drift."""
    return last is not None and context.still


RULES = (invalid, nowhere, stale, inaccurate, fast, high, jump, still)  # SPEC.md numbers them so: append only
CODES = {rule.__name__: code for code, rule in enumerate(RULES, 1)}  # values of note 2


def reason_to_drop(fix, last, context):
    """The name of the first rule that speaks against it, or None. `last`: the fix kept before it, or None."""
    for rule in RULES:
        if rule(fix, last, context):
            return rule.__name__
    return None


def distance_squared(a, b):
    """dm², on a plane: good to 0.3 % for what lies within a few kilometres, and far stays far."""
    north = a.lat - b.lat
    east = (a.lon - b.lon + _TURN // 2) % _TURN - _TURN // 2
    tenths = abs(a.lat + b.lat) // 2000000  # of a degree, half way between
    square = tenths * tenths
    east = east * (3240000 - 4 * square) // (3240000 + square)  # cos, by Bhaskara's formula
    north, east = north * 1113 // 10000, east * 1113 // 10000  # 10⁻⁷ degrees of a meridian are 0.1113 dm
    return north * north + east * east
