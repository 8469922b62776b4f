"""What a request leads to: its judgement, and then intent, motor, sensor, receipt, in this order.

Knows nothing of links and frames (session.py). Before the motor moves flash knows why; what the bolt then did decides
which receipt follows, whether this code, its next line or the next boot looks.
"""

import gc

from firmware import accept, machine
from firmware.actuator import CLOSED, OPEN
from firmware.intent import Intent, Intents
from firmware.rides import Ride, Unreadable
from protocol import exchange, receipt, status, token
from protocol.compat import const

_NONCE_ERROR_S = const(60)  # a nonce-bound token was issued while this challenge lived

_EVENT = {accept.START: machine.START, accept.REOPEN: machine.REOPEN, accept.SERVICE: machine.SERVICE}
_RECEIPT = {accept.REOPEN: receipt.REOPEN, accept.SERVICE: receipt.SERVICE_OPEN}


class Outcome:
    """Of a request: `status`, `receipt` (bytes or None), `store_ms`, `motor_ms`."""

    __slots__ = ("status", "receipt", "store_ms", "motor_ms")

    def __init__(self, code, raw=None, motor_ms=0):
        self.status = code
        self.receipt = raw
        self.store_ms = 0
        self.motor_ms = motor_ms


class Unlock:
    def __init__(self, board, config, store, ledger, floors, clock, actuator, stillness, watch):
        self._board = board
        self._config = config
        self._exclusive = config.settings.kind == "exclusive"
        self._intents = Intents(store)
        self._ledger = ledger
        self._floors = floors
        self._clock = clock
        self._actuator = actuator
        self._stillness = stillness
        self._watch = watch
        self._seen = view = accept.View()  # one for all requests, brought up to date by `_view`
        view.lock_id, view.group, view.pooled = config.lock_id, config.group, not self._exclusive
        view.start_reserve = config.settings.start_reserve_mv
        view.reopen_reserve = config.settings.reopen_reserve_mv
        self._raised = None  # by the request that was decided last
        self._pending = None  # an intent on flash without its receipt
        self.gone = False  # it was decommissioned: a boot is all that is left to do

    # ---- the boot

    def boot(self):
        """Takes up what flash holds. Whatever does not read back means quarantine."""
        try:
            self._floors.load()
            self._ledger.load()  # which may raise floors
            self._clock.load()  # which stands on them
            left = self._intents.load()
            if left:
                self._reconcile(left)
        except (OSError, Unreadable):
            self._ledger.fail()
        self._watch.look(found=True)

    def _reconcile(self, left):
        """A power cut, or an error of ours, came between an intent and its receipt: the bolt says which it is."""
        if left.seq > self._ledger.last_seq:
            if left.raised:
                self._floors.raise_to(*left.raised)
            if left.action != accept.HAND_OVER:  # that moved nothing, so it leaves nothing
                self._ledger.state = machine.step(self._ledger.standing.state, _EVENT[left.action])
                self._settle(left, receipt.ABORT_POWER)
        self._floors.save()
        self._pending = None

    # ---- judgement

    def decide(self, request, challenge, linked):
        """The verdict on a request, with what follows from it whatever the verdict. `challenge`: of its link, or None;
        `linked`: whether the running ride's phone is on a link."""
        self._watch.look()
        number, verdict = accept.judge(self._view(challenge, linked), request)
        self._raised = None
        try:
            if request.token and number > accept.VERIFIED:
                self._learn(request.token, number, verdict)
            if verdict < accept.ACTION or verdict == accept.UPDATE:
                self._floors.save()
        except OSError:
            self._ledger.fail()
            return status.QUARANTINE
        return verdict

    def _view(self, challenge, linked):
        v, ledger = self._seen, self._ledger
        v.keyset = self._config.keyset
        v.state, v.busy = ledger.state, ledger.busy
        v.ride, v.last = ledger.ride, ledger.standing.last
        v.challenge, v.linked = challenge, linked
        v.now, v.error, v.known = self._clock.now(), self._clock.error(), self._clock.known()
        v.time_floor, v.ride_floor = self._floors.time(), self._floors.ride()
        v.master_floor = self._floors.master()
        where = self._actuator.position()
        v.bolt_open, v.bolt_closed, v.still = where == OPEN, where == CLOSED, self._stillness.still()
        v.ring_open = not self._board.shackle.closed()
        v.millivolts = self._board.battery.millivolts()
        return v

    def _learn(self, verified, number, verdict):
        """What any token that verified teaches: the time, and by its epoch what is too old (rows 5, 6 and 8)."""
        claims = verified.claims
        floor = 0
        if claims.scope == token.SCOPE_RIDE:
            if self._exclusive and (number > accept.CONTACT or verdict == accept.SUCCESSOR):
                floor = claims.epoch_for(self._config.lock_id)
            if number > accept.CONTACT:
                floor = max(floor, claims.floor)
        self._raised = [verified.kid, floor, claims.iat]
        self._floors.raise_to(*self._raised)
        if claims.nonce is not None:
            self._clock.set(claims.iat, _NONCE_ERROR_S)

    # ---- action

    def carry_out(self, verdict, request, evidence):
        """A coroutine that does what `decide` just said and gives the Outcome; from now to its end the lock is busy.

        `evidence`: [transcript, proof], for the receipt.
        """
        self._ledger.busy = True
        return self._carry_out(verdict, request, evidence, self._raised)

    async def _carry_out(self, verdict, request, evidence, raised):
        began = self._board.clock.uptime_ms()
        try:
            outcome = await _DO[verdict](self, verdict, request, evidence, raised)
            outcome.store_ms = self._board.clock.uptime_ms() - began - outcome.motor_ms
            return outcome
        except OSError:
            self._ledger.fail()
            return Outcome(status.QUARANTINE)
        finally:  # also out of memory, or with the task taken away
            if self._pending:
                self._recover()
            self._ledger.busy = False

    def _recover(self):
        left, self._pending = self._pending, None
        if self._ledger.state == status.STATE_QUARANTINE:
            return  # the next boot will
        try:
            gc.collect()
            self._reconcile(left)
        except Exception:
            self._ledger.fail()

    def _intend(self, verdict, cti, evidence, claim, raised):
        """To flash, before anything moves. Raises OSError."""
        what = Intent(verdict, self._ledger.last_seq + 1, cti, evidence, claim, raised)
        self._intents.write(what)
        self._pending = what
        return what

    async def _open(self, verdict, request, evidence, raised):
        """START, REOPEN and SERVICE."""
        if request.token:
            cti, claim = request.token.claims.cti, self._claim(request.token)
        else:
            cti, claim = self._ledger.ride.cti, None
        what = self._intend(verdict, cti, evidence, claim, raised)
        self._ledger.step(_EVENT[verdict])
        motor_ms = await self._actuator.open()
        code, raw = self._settle(what, receipt.ABORT_NOT_OPEN)
        self._pending = None
        return Outcome(code, raw, motor_ms)

    async def _hand_over(self, verdict, request, evidence, raised):
        """The bolt is open and stays so; what may change under our hands is whether the bike stands."""
        cti = request.token.claims.cti
        what = self._intend(verdict, cti, evidence, self._claim(request.token), raised)
        self._stillness.look()
        if self._stillness.still() and self._actuator.position() == OPEN:
            code, raw = status.OK, self._begin(what, machine.step(self._ledger.state, machine.HAND_OVER))
        else:
            code, raw = status.IN_USE, self._abort(what, receipt.ABORT_MOVED, self._ledger.state)
        self._pending = None
        return Outcome(code, raw)

    async def _successor(self, verdict, request, evidence, raised):
        """The ride's new key; then OPEN as row 0 would carry it out."""
        ledger, kid, holder = self._ledger, request.token.kid, request.token.claims.holder
        epoch = request.token.claims.epoch_for(self._config.lock_id)
        ride = ledger.ride.but(holder=holder, epoch=epoch, kid=kid)
        raw = ledger.commit(
            receipt.SUCCESSOR,
            ledger.state,
            ride,
            raised=raised,
            cti=ride.cti,
            evidence=evidence,
            issue=[kid, epoch],
        )
        opening = accept.Request(exchange.OPEN, None, lambda key: True)  # the proof was by this very holder
        view = self._view(b"", False)
        view.busy = False
        verdict = accept.judge(view, opening)[1]
        if verdict == accept.REOPEN:
            return await self._open(verdict, opening, evidence, None)
        return Outcome(status.OK if verdict == accept.ALREADY else verdict, raw)

    async def _already(self, verdict, request, evidence, raised):
        return Outcome(status.OK, self._ledger.latest())

    async def _decommission(self, verdict, request, evidence, raised):
        """The receipt first, for it needs the key; it is handed out when all the rest is gone."""
        verified, ledger = request.token, self._ledger
        epoch = verified.claims.epoch_for(self._config.lock_id) or 0
        raw = ledger.commit(
            receipt.DECOMMISSION,
            ledger.state,
            None,
            raised=raised,
            cti=verified.claims.cti,
            evidence=evidence,
            issue=[verified.kid, epoch],
        )
        from firmware import wipe  # used once in a lock's life

        self.gone = True
        await wipe.erase(self._board, self._board.clock)
        return Outcome(status.OK, raw)

    async def _end(self, verdict, request, evidence, raised):
        return Outcome(status.OK, self._ledger.end(receipt.END_RIDER, evidence))

    # ---- what it came to

    def _claim(self, verified):
        """The part of a token that outlives it, as an Intent holds it; the lock caps what it promises."""
        claims, settings = verified.claims, self._config.settings
        epoch = claims.epoch_for(self._config.lock_id) or 0  # a group has none
        hold, longest = min(claims.hold, settings.hold_max_s), min(claims.longest, settings.longest_max_s)
        return [claims.holder, claims.scope, epoch, verified.kid, hold, longest, claims.mode]

    def _settle(self, what, cause):
        """(status, receipt) of an opening, by where the bolt is now. `cause`: of an ABORT with the bolt closed."""
        ledger, where = self._ledger, self._actuator.position()
        if where == OPEN:
            event = machine.SERVICED if what.action == accept.SERVICE else machine.OPENED
            return status.OK, self._begin(what, machine.step(ledger.state, event))
        event = machine.SHUT_RIDE if ledger.ride else machine.SHUT
        if where != CLOSED:
            event = machine.STUCK
            if cause == receipt.ABORT_NOT_OPEN:
                cause = receipt.ABORT_JAMMED
        return status.JAMMED, self._abort(what, cause, machine.step(ledger.state, event))

    def _begin(self, what, state):
        """The bolt is open for `what`."""
        ride, raised, ended, detail = self._ledger.ride, what.raised, None, None
        kind = _RECEIPT.get(what.action, receipt.OPEN)
        issue = [what.claim[3], what.claim[2]] if what.claim else None
        if kind == receipt.OPEN:
            if ride:
                kind, ended = receipt.HAND_OVER, ride.cti
                detail = [ended, self._stillness.since(self._clock.now()), ride.opened]
            ride = Ride(what.cti, *what.claim, 0, 0, 0, 0)
            if self._exclusive and not ride.mode & token.MODE_PERIOD:
                raised = [ride.kid, ride.epoch + 1, raised[2]]  # a single ride starts once
        raw = self._ledger.commit(kind, state, ride, ended, raised, what.cti, what.evidence, issue, detail)
        self._stillness.restart()
        return raw

    def _abort(self, what, cause, state):
        return self._ledger.commit(
            receipt.ABORT, state, self._ledger.ride, raised=what.raised, cti=what.cti, detail=[cause]
        )


_DO = {
    accept.START: Unlock._open,
    accept.REOPEN: Unlock._open,
    accept.SERVICE: Unlock._open,
    accept.HAND_OVER: Unlock._hand_over,
    accept.SUCCESSOR: Unlock._successor,
    accept.ALREADY: Unlock._already,
    accept.END: Unlock._end,
    accept.DECOMMISSION: Unlock._decommission,
}
