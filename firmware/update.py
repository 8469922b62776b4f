"""Whether the lock takes a release, when it may work on it, and whether the new one is well: tables, in this order.

Pure: judges, and touches neither flash nor network (slots.py, updater.py do). Loaded only while an update runs.
"""

from protocol import manifest, status, update
from protocol.compat import const

TRIALS = const(3)  # of one release, each as many starts as slots.py grants
TRIAL_S = const(900)  # in which a new release must have proved itself
SETTLE_S = const(20)  # and before which it cannot have

WAIT = const(0)  # what becomes of a trial
CONFIRM = const(1)
BACK = const(2)


class View:
    """Of a head: `head`; `running` (manifest.Head of the slot that runs, or None); `board`; `keyset`; `past` (Unix s
    that is certainly over); `failures` (trials of this very release that ended in a way back); `verify`.

    Of the lock: `state`; `busy`; `linked` (an authenticated phone is here); `millivolts`, `reserve`; `trial` (the
    running release is not confirmed).

    Of a trial: `uptime_s`; `bolt` (its sensor makes sense); `radio` (healthy); `contact` (the cloud has answered since
    the boot); `alone` (before the update it had not either, for long); `state`, `busy`.
    """


# ---- whether: the first row whose condition holds decides; what costs most comes last


def _past(v):
    return v.head.expires < v.past


HEADS = (
    (lambda v: v.head.board != v.board, update.OTHER_BOARD),
    (lambda v: v.running and v.head.payload == v.running.payload, update.RUNNING),
    (lambda v: v.running and v.head.version < v.running.version, update.OLDER),
    (lambda v: v.running and v.head.version == v.running.version, update.OTHER_BYTES),
    (lambda v: v.running and v.head.counter < v.running.counter, update.COUNTER),
    (_past, update.EXPIRED),
    (lambda v: v.failures >= TRIALS, update.FAILED),
    (lambda v: not manifest.trusted(v.head, v.keyset, v.verify), update.UNSIGNED),
)


def judge(v):
    """The reason not to take the release of `v.head`, or update.ACCEPTED."""
    for holds, reason in HEADS:
        if holds(v):
            return reason
    return update.ACCEPTED


# ---- when


def may_work(v):
    """Whether this is a moment to fetch and to write: no ride, nothing on its way, and power to finish."""
    return (
        v.state in (status.STATE_LOCKED, status.STATE_SERVICE)
        and not v.busy
        and not v.trial
        and v.millivolts >= v.reserve
    )


def may_switch(v):
    """Whether this is a moment to start the new release: then nobody is talked to either."""
    return may_work(v) and v.state == status.STATE_LOCKED and not v.linked


# ---- and afterwards


def proven(v):
    """The self-test: the bolt's sensor reads, Bluetooth is well, the storage is, and the cloud has answered."""
    return v.bolt and v.radio and v.state != status.STATE_QUARANTINE and (v.contact or v.alone)


def outcome(v):
    """WAIT, CONFIRM or BACK. The way back waits for an open bolt to be closed: a ride's end is seen only by a lock that
    is awake."""
    if v.uptime_s >= SETTLE_S and proven(v):
        return CONFIRM
    resting = not v.busy and v.state not in (status.STATE_OPENING, status.STATE_OPEN)
    return BACK if v.uptime_s >= TRIAL_S and resting else WAIT
