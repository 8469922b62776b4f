"""What rides a lock's receipts tell (SPEC 8). Pure: receipts in, rides out; knows no table, no clock, no claim.

`project` is a function of the receipts alone, so that a ride lost from the database comes back the same to the second.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from protocol import receipt
from protocol.receipt import Receipt

OPEN, PARKED, ENDED = "open", "parked", "ended"  # as tables.RIDE_STATES


@dataclass
class Projected:
    """One ride of one lock. Times are Unix seconds, None where the lock did not know and never learned it."""

    cti: bytes
    opened_seq: int
    opened_at: int | None
    state: str = OPEN
    last_seq: int = 0  # newest receipt of this ride
    closed_at: int | None = None  # its last CLOSE
    ended_at: int | None = None  # back-dated to the last CLOSE, or the hand-over
    billed_until: int | None = None
    previous: int | None = None  # opened_seq of the ride that it ended by a hand-over
    next: int | None = None  # opened_seq of the ride that ended it by a hand-over
    seqs: list[int] = field(default_factory=list)


def times(receipts: Iterable[Receipt]) -> dict[int, int | None]:
    """seq -> lock time. Where the lock did not know the time, from another receipt of the same boot that did.

    Uptime counts on within a boot, so the first receipt with a time dates all the others of that boot.
    """
    listed = list(receipts)
    began: dict[bytes, int] = {}  # boot id -> Unix time of uptime 0
    for r in listed:
        if known(r):
            began.setdefault(r.boot, r.at - r.uptime)
    return {
        r.seq: r.at if known(r) else began[r.boot] + r.uptime if r.boot in began else None for r in listed
    }


def known(r: Receipt) -> bool:
    """Whether the lock knew the time when it wrote this receipt."""
    return r.error != receipt.UNKNOWN


def project(receipts: Sequence[Receipt], still_s: int) -> list[Projected]:
    """The rides of one lock. `receipts`: its verified receipts, by seq, without gaps; `still_s`: seconds, SPEC 8.

    A receipt that fits no ride (a CLOSE of a ride that has ended) changes nothing.
    """
    at = times(receipts)
    rides: list[Projected] = []
    for r in receipts:
        apply = _RULES.get(r.type)
        if apply:
            running = rides[-1] if rides and rides[-1].state != ENDED else None
            apply(rides, running, r, at[r.seq], still_s)
    return rides


def _billed(ride: Projected, until: int | None, still_since: int, still_s: int) -> int | None:
    """SPEC 8: to `until`; where the bike had stood still for longer before it, to still_s after it stopped."""
    if until is None:
        return None
    if still_since and until - still_since > still_s:
        until = still_since + still_s
    return until if ride.opened_at is None else max(until, ride.opened_at)


def _start(rides: list[Projected], r: Receipt, at: int | None) -> Projected:
    ride = Projected(cti=r.cti, opened_seq=r.seq, opened_at=at, last_seq=r.seq, seqs=[r.seq])
    rides.append(ride)
    return ride


def _counts(ride: Projected, r: Receipt) -> None:
    ride.last_seq = r.seq
    ride.seqs.append(r.seq)


def _open(
    rides: list[Projected], running: Projected | None, r: Receipt, at: int | None, still_s: int
) -> None:
    if running:  # no lock of ours opens anew while a ride runs; should one, the old ride still ends
        running.state, running.ended_at = ENDED, running.closed_at
    _start(rides, r, at)


def _hand_over(
    rides: list[Projected], running: Projected | None, r: Receipt, at: int | None, still_s: int
) -> None:
    ended_cti, still_since, _opener = r.detail
    ride = _start(rides, r, at)
    if not running:
        return
    running.state, running.ended_at = ENDED, at
    running.billed_until = _billed(running, at, still_since, still_s)
    if running.cti == ended_cti:
        running.next, ride.previous = ride.opened_seq, running.opened_seq
        _counts(running, r)  # one receipt, part of both rides


def _close(
    rides: list[Projected], running: Projected | None, r: Receipt, at: int | None, still_s: int
) -> None:
    if running and running.cti == r.cti:
        still_since, _cause = r.detail
        running.state, running.closed_at = PARKED, at
        running.billed_until = _billed(running, at, still_since, still_s)
        _counts(running, r)


def _reopen(
    rides: list[Projected], running: Projected | None, r: Receipt, at: int | None, still_s: int
) -> None:
    if running and running.cti == r.cti:
        running.state = OPEN
        _counts(running, r)


def _end(rides: list[Projected], running: Projected | None, r: Receipt, at: int | None, still_s: int) -> None:
    if running and running.cti == r.cti:
        running.state, running.ended_at = ENDED, running.closed_at
        _counts(running, r)


def _same_ride(
    rides: list[Projected], running: Projected | None, r: Receipt, at: int | None, still_s: int
) -> None:
    if running and running.cti == r.cti:  # a failed re-open, a successor: the ride goes on
        _counts(running, r)


_RULES = {
    receipt.OPEN: _open,
    receipt.HAND_OVER: _hand_over,
    receipt.CLOSE: _close,
    receipt.REOPEN: _reopen,
    receipt.END: _end,
    receipt.ABORT: _same_ride,
    receipt.SUCCESSOR: _same_ride,
}  # SERVICE_OPEN and SERVICE_CLOSE belong to no ride: a technician's CLOSE never moves a rider's end
