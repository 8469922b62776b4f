"""The rules of SPEC.md sections 6 and 7 once more, by other hands: what a lock must answer and become.

Written from the specification and not from the firmware, for tests to hold against it. A plain model of one lock:
no bytes, no signatures, no flash.
"""

from dataclasses import dataclass, field, replace

from protocol import receipt, status


@dataclass
class Ride:
    cti: bytes
    epoch: int
    key: str  # whose proof moves it
    parked: bool = False
    hold: int = 0
    hold_until: float = 0
    own_open: bool = True  # the bolt was last opened by the ride itself


@dataclass(frozen=True)
class Shown:
    """A token as shown to the lock. `nonce`: None, "this" challenge or an "other"."""

    cti: bytes
    epoch: int
    key: str
    single: bool
    successor: bool
    nbf: int
    exp: int
    iat: int
    floor: int
    hold: int
    nonce: str | None = None
    master: bool = False


@dataclass
class Model:
    """`now`: Unix seconds as the lock knows them, or None; `at`: true seconds, from any moment on."""

    pooled: bool
    ride: Ride | None = None
    floor: int = 0
    master_floor: int = 0
    time_floor: int = 0
    last: bytes | None = None
    bolt_open: bool = False
    service_open: bool = False
    still_s: int = 300
    still_from: float = 0  # of the last start, re-open or movement, or of the boot
    at: float = 0
    now: int | None = None
    error: int = 0
    battery_low: bool = False
    battery_empty: bool = False
    linked: bool = False
    moves: int = 0  # times that the motor must have run
    log: list[int] = field(default_factory=list)  # types of receipts

    # ---- section 6

    def judge(self, shown: Shown, proof_by: str) -> str | int:
        """A verdict: a status code, or SUCCESSOR, START, HAND_OVER, SERVICE. Changes nothing."""
        if shown.nonce is None:
            if self.now is None:
                return status.NEED_NONCE
            early, late = self.now + self.error < shown.nbf, self.now - self.error > shown.exp
            if early or late or shown.exp < self.time_floor:
                return status.EXPIRED
        elif shown.nonce != "this":
            return status.EXPIRED
        if proof_by != shown.key:
            return status.FORGED
        if shown.master:
            return self._judge_master(shown)
        if self.ride and self.ride.cti == shown.cti:
            return status.OLD if shown.epoch <= self.ride.epoch else "SUCCESSOR"
        if shown.epoch < self.floor:
            return status.OLD
        if shown.successor:
            return status.NO_RIDE
        if shown.single and self.last == shown.cti:
            return status.ENDED
        if shown.single and self.pooled:
            return status.MODE
        if self.ride and (self.linked or not self.orphan):
            return status.IN_USE
        if not self.ride and self.bolt_open and not self.still:
            return status.SERVICE
        if self.battery_low:
            return status.LOW_BATTERY
        return "HAND_OVER" if self.bolt_open else "START"

    def _judge_master(self, shown: Shown) -> str | int:
        if shown.epoch < self.master_floor:
            return status.OLD
        if self.ride and not self.ride.parked:
            return status.IN_USE
        return status.LOW_BATTERY if self.battery_empty else "SERVICE"

    @property
    def still(self) -> bool:
        return self.at - self.still_from >= self.still_s

    @property
    def orphan(self) -> bool:
        return (
            bool(self.ride) and not self.ride.parked and self.ride.own_open and self.bolt_open and self.still
        )

    def show(self, shown: Shown, proof_by: str) -> int:
        """OPEN (or SERVICE) with a token: the status it must give; everything that must follow has followed."""
        verdict = self.judge(shown, proof_by)
        if verdict in (status.NEED_NONCE, status.EXPIRED, status.FORGED):
            return verdict
        self.time_floor = max(self.time_floor, shown.iat)
        if shown.master:
            return self._serve(verdict)
        contact = verdict != status.OLD
        if contact:
            self.floor = max(self.floor, shown.floor, 0 if self.pooled else shown.epoch)
        if verdict == "SUCCESSOR":
            self.ride = replace(self.ride, key=shown.key, epoch=shown.epoch)
            self.log.append(receipt.SUCCESSOR)
            return self.reopen(shown.key)
        if verdict not in ("START", "HAND_OVER"):
            return verdict
        self.last = self.ride.cti if self.ride else self.last
        self.log.append(receipt.HAND_OVER if self.ride else receipt.OPEN)
        self.moves += not self.bolt_open
        self.ride = Ride(shown.cti, shown.epoch, shown.key, hold=shown.hold)
        self.bolt_open, self.service_open, self.still_from = True, False, self.at
        if shown.single:
            self.floor = max(self.floor, shown.epoch + 1)
        return status.OK

    def _serve(self, verdict: str | int) -> int:
        if verdict != "SERVICE":
            return verdict
        self.log.append(receipt.SERVICE_OPEN)
        self.moves += not self.bolt_open
        self.bolt_open, self.service_open, self.still_from = True, True, self.at
        return status.OK

    def reopen(self, proof_by: str) -> int:
        """OPEN without a token."""
        if not self.ride:
            return status.NO_RIDE
        if proof_by != self.ride.key:
            return status.FORGED
        if not self.ride.parked:
            return status.OK  # open already
        if self.battery_empty:
            return status.LOW_BATTERY
        self.log.append(receipt.REOPEN)
        self.moves += not self.bolt_open
        self.bolt_open, self.service_open, self.still_from = True, False, self.at
        self.ride.parked = False
        return status.OK

    def end(self, proof_by: str) -> int:
        if not self.ride:
            return status.NO_RIDE
        if proof_by != self.ride.key:
            return status.FORGED
        if self.bolt_open:
            return status.NOT_CLOSED
        self._ended()
        return status.OK

    def _ended(self) -> None:
        self.log.append(receipt.END)
        self.last, self.ride = self.ride.cti, None

    # ---- section 7: what the world does

    def closed(self) -> None:
        """The ring is shut by hand."""
        if not self.bolt_open:
            return
        self.bolt_open = False
        if self.service_open:
            self.log.append(receipt.SERVICE_CLOSE)
            self.service_open = False
        elif self.ride:
            self.log.append(receipt.CLOSE)
            self.ride.parked = True
            self.ride.hold_until = self.at + self.ride.hold

    def booted(self, at: float) -> None:
        """Power came back at `at`: what was counted from an earlier moment is counted anew."""
        self.at = self.still_from = at
        if self.ride and self.ride.parked:
            self.ride.hold_until = at + self.ride.hold

    def passed(self, at: float) -> None:
        """Time has come to `at`."""
        self.at = at
        if self.ride and self.ride.parked and at >= self.ride.hold_until:
            self._ended()
