"""The running ride, and what the lock stands for between two receipts. Pure: values, and how flash holds them.

Each record of the receipt log carries, beside its receipt, the lock's `Standing` after it. So one append is the
commit: the last record alone says which ride runs, by which key, and what is to be refused.
"""

from protocol.shape import is_bytes, is_list, is_uint
from protocol.status import STATE_LOCKED, STATE_NAMES

_UINT33 = (1 << 32) + 1  # a floor may be one past the last epoch


class Unreadable(Exception):
    """Not what this file wrote: the flash has failed."""


def _need(condition):
    if not condition:
        raise Unreadable


class Ride:
    """`cti`, `holder` (public key), `scope`, `epoch`, `kid`, `hold` and `longest` (s), `mode` as in the token.

    `opened`: seq of its latest OPEN, REOPEN or HAND_OVER; `closed`, `closed_at`: seq and time of its latest CLOSE, 0
    before; `latest`: seq of its latest receipt of any type.
    """

    __slots__ = (
        "cti",
        "holder",
        "scope",
        "epoch",
        "kid",
        "hold",
        "longest",
        "mode",
        "opened",
        "closed",
        "closed_at",
        "latest",
    )

    def __init__(self, *values):
        for name, value in zip(self.__slots__, values):
            setattr(self, name, value)

    def item(self):
        return [getattr(self, name) for name in self.__slots__]

    def but(self, **changes):
        """A copy with some values changed."""
        ride = Ride(*self.item())
        for name, value in changes.items():
            setattr(ride, name, value)
        return ride


def ride_of(item):
    """The Ride that gave this item(). Raises Unreadable."""
    _need(is_list(item, len(Ride.__slots__)))
    _need(is_bytes(item[0], 8) and is_bytes(item[1], 32) and is_bytes(item[4], 4))
    for i in (2, 3, 5, 6, 7, 8, 9, 10, 11):
        _need(is_uint(item[i]))
    return Ride(*item)


class Standing:
    """`state` (never opening: that is between receipts); `ride` or None; `last`: cti of the ride that ended last, or
    None; `floor`: [kid, floor, iat] that this receipt raised, or None."""

    __slots__ = ("state", "ride", "last", "floor")

    def __init__(self, state=STATE_LOCKED, ride=None, last=None, floor=None):
        self.state = state
        self.ride = ride
        self.last = last
        self.floor = floor

    def item(self):
        return [self.state, self.ride and self.ride.item(), self.last, self.floor]


def standing_of(item):
    """The Standing that gave this item(). Raises Unreadable."""
    _need(is_list(item, 4) and is_uint(item[0]) and item[0] in STATE_NAMES)
    _need(item[2] is None or is_bytes(item[2], 8))
    floor = item[3]
    if floor is not None:
        _need(
            is_list(floor, 3) and is_bytes(floor[0], 4) and is_uint(floor[1], _UINT33) and is_uint(floor[2])
        )
    return Standing(item[0], None if item[1] is None else ride_of(item[1]), item[2], floor)
