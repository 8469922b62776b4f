"""For how long a well lock may say nothing. Pure.

It calls every `uplink_every_s` that it was told, or four times as rarely when its battery is low
(firmware/power.py), and sleeps in between. One of which the cloud does not know that counts as any lock.
"""

CONTACTS = 5  # one more than the four that a low battery leaves out


def quiet_s(every_s: int | None, least_s: int) -> int:
    """Seconds after which silence means something. `every_s`: of the lock, None where it is not known; `least_s`: for
    any lock."""
    return max(least_s, CONTACTS * (every_s or 0))
