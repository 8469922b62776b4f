"""What the lock stands for, and the one way to change it: one append to the receipt log is the commit.

`Standing` changes only together with an append, so a boot finds it in the last record. Between two receipts the
state may be opening, and when storage fails it is quarantine until the next boot. Decides nothing.
"""

from firmware import machine
from firmware.rides import Standing, standing_of
from protocol import receipt
from protocol.compat import const

_UINT32 = const(0xFFFFFFFF)
_OPENS = (receipt.OPEN, receipt.REOPEN, receipt.HAND_OVER)


class Ledger:
    """`standing`: after the last receipt; `state`: of protocol/status.py; `busy`: an action is pending.

    `last_fix()`: [lat, lon, age in s, accuracy in dm] or None.
    """

    def __init__(self, board, receipts, floors, clock, last_fix):
        self._board = board
        self._receipts = receipts
        self._floors = floors
        self._clock = clock
        self._last_fix = last_fix
        self._boot_id = board.random(4)
        self.standing = Standing()
        self.state = self.standing.state
        self.busy = False
        receipts.before_drop = floors.save  # the log holds floors that their own file may lack

    def load(self):
        """Takes up what the log holds. Raises OSError, Unreadable."""
        self._receipts.load(self._recall)
        if self._receipts.private is not None:
            self.standing = standing_of(self._receipts.private)
        self.state = self.standing.state
        self._receipts.keep = self.ride and self.ride.latest

    def _recall(self, private):
        floor = standing_of(private).floor
        if floor:
            self._floors.raise_to(*floor)

    @property
    def ride(self):
        return self.standing.ride

    @property
    def last_seq(self):
        return self._receipts.last_seq

    def latest(self):
        """The running ride's latest receipt."""
        return self._receipts.get(self.ride.latest)

    def step(self, event):
        self.state = machine.step(self.state, event)

    def fail(self):
        """Storage fails: nothing more is promised until a boot finds it well."""
        self.step(machine.FAULT)

    def commit(
        self, kind, state, ride, last=None, raised=None, cti=None, evidence=None, issue=None, detail=None
    ):
        """The new receipt's bytes, once it and the Standing with it are on flash. Then, and not before, the lock is
        what they say. Raises OSError.

        `state`, `ride`: from now on; `last`: cti of a ride that this ends; `raised`: [kid, floor, iat] or None;
        `cti`, `evidence`, `issue`, `detail`: the receipt's fields 12 to 15.
        """
        fields = self._circumstances(kind)
        carried = (
            (receipt.CTI, cti),
            (receipt.REQUEST, evidence),
            (receipt.ISSUE, issue),
            (receipt.DETAIL, detail),
        )
        for key, value in carried:
            if value is not None:
                fields[key] = value
        if ride and ride.cti == cti:
            ride = ride.but(latest=self.last_seq + 1)
            if kind in _OPENS:
                ride.opened = ride.latest
            elif kind == receipt.CLOSE:
                ride.closed, ride.closed_at = ride.latest, fields[receipt.TIME]
        standing = Standing(state, ride, last or self.standing.last, raised)
        raw = self._receipts.append(fields, standing.item())
        self.standing = standing
        self.state = state
        self._receipts.keep = ride and ride.latest
        if raised:
            self._floors.raise_to(*raised)
        return raw

    def end(self, cause, evidence=None):
        """The parked ride is over, as of its last CLOSE. Raises OSError."""
        ride = self.ride
        detail = [ride.closed, ride.closed_at, cause]
        following = machine.step(self.state, machine.ENDED)
        return self.commit(
            receipt.END, following, None, last=ride.cti, cti=ride.cti, evidence=evidence, detail=detail
        )

    def _circumstances(self, kind):
        """Fields 4 to 11 of a receipt."""
        board, now = self._board, self._clock.now()
        bits = receipt.BOLT_OPEN if board.bolt.open() else 0
        if board.shackle.closed():
            bits |= receipt.SHACKLE_CLOSED
        return {
            receipt.TYPE: kind,
            receipt.TIME: _UINT32 if now is None else now,
            receipt.ERROR: self._clock.error(),
            receipt.FIX: self._fix(),
            receipt.BITS: bits,
            receipt.BATTERY: board.battery.millivolts(),
            receipt.UPTIME: board.clock.uptime_ms() // 1000 & _UINT32,
            receipt.BOOT: self._boot_id,
        }

    def _fix(self):
        try:
            return self._last_fix()
        except Exception:  # a ride that ends without a position is a ride that ends
            return None
