"""Anything that people, the network and power can do, in any order: the lock answers as the rulebook says, and what the
cloud makes of its receipts is what the bolt did.

Hypothesis drives the real lock logic and the real cloud (street.py) beside a model written from SPEC.md (rulebook.py),
and compares after every step. `--hypothesis-seed` repeats a run; a failure prints the shortest sequence of steps.
"""

import contextlib
import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from cloud import ingest, projection, receipts, rides
from cloud.reach import EVERYTHING
from hil_tests.rulebook import Model, Shown
from hil_tests.street import LOCK_ID, RIDERS, STILL_S, TECHNICIAN, Street, Template, b64, public, unb64
from protocol import exchange, receipt, status, telemetry, token

HOLD_S = 60
WINDOW_S = 180
UNSURE_S = 2  # nearer than this to the end of a hold or the orphan time, one waits until both are past it
LOW_MV, EMPTY_MV, FULL_MV = 3400, 3200, 4000  # beside the reserves of 3,500 and 3,300 mV

_template: list[Template] = []


@pytest.fixture(scope="module", autouse=True)
def template():
    _template.append(Template())
    yield
    _template.pop().close()


@dataclass
class Claim:
    """What a rider's phone has of a claim, and what the cloud must think of it."""

    cti: str
    rider: str
    key: str
    exp: int
    single: bool
    open: bool = True
    used: bool = False


ACTS: list[tuple[str, str, dict]] = []  # (method, list that must not be empty, strategies of its arguments)


def act(weight=2, needs="", **strategies):
    """One of the things that happen. One Hypothesis rule draws among them all: rules of their own would be switched off
    in most runs, and a hand-over needs half of them."""

    def register(method):
        ACTS.extend([(method.__name__, needs, strategies)] * weight)
        return method

    return register


class Street_(RuleBasedStateMachine):
    """One lock, three riders, a technician."""

    @initialize(pooled=st.booleans())
    def build(self, pooled):
        self.street = Street(_template[0], pooled)
        self.model = Model(pooled, still_s=STILL_S)
        self.claims: list[Claim] = []
        self.tokens: list[tuple[Shown, bytes]] = []
        self.past: list = []  # exchanges that were accepted or refused, to be replayed
        self.delivered: dict[int, bytes] = {}
        self.keys = 0
        self.uplink("")  # the lock has the time

    def teardown(self):
        if hasattr(self, "street"):
            try:
                self._a_free_bike_is_given_to_whoever_claims_it()
            finally:
                self.street.close()

    @rule(data=st.data())
    def step(self, data):
        name, needs, strategies = data.draw(st.sampled_from(ACTS), label="act")
        if needs and not getattr(self, needs):
            return
        self.data = data
        getattr(self, name)(**{key: data.draw(strategy, label=key) for key, strategy in strategies.items()})

    def _pick(self, items):
        return self.data.draw(st.sampled_from(items), label="which")

    # ---- in the cloud

    def _fresh_key(self) -> str:
        self.keys += 1
        return f"key {self.keys}"

    def _now(self) -> int:
        return self.street.timeline.now // 1000

    def _learn(self, data: bytes, key: str) -> None:
        claims = token.parse(data).claims
        shown = Shown(
            claims.cti,
            claims.epoch_for(LOCK_ID),
            key,
            claims.single,
            claims.successor,
            claims.nbf,
            claims.exp,
            claims.iat,
            claims.floor,
            claims.hold,
            master=claims.scope == token.SCOPE_SERVICE,
        )
        self.tokens.append((shown, data))

    def _blocked(self) -> bool:
        """Whether an open claim keeps others away: the rule of cloud/claims.py."""
        return not self.street.pooled and any(
            claim.open and claim.exp >= self._now() and not (claim.single and claim.used)
            for claim in self.claims
        )

    @act(2, rider=st.sampled_from(RIDERS), single=st.booleans())
    def claim(self, rider, single):
        key = self._fresh_key()
        now = self._now()
        code, answer = self.street.api(
            rider,
            "POST",
            "/claims",
            lock=LOCK_ID.hex(),
            holder_key=b64(public(key)),
            mode="single" if single else "period",
            exp=now + WINDOW_S,
            hold=HOLD_S,
        )
        if code == 409 and answer["code"] == "claim_limit":
            return
        if self.street.pooled and single:
            assert answer["code"] == "pool_needs_period"
        elif self._blocked():
            assert (code, answer["code"]) == (409, "already_claimed")
        else:
            assert code == 201, answer
            self.claims.append(Claim(answer["claim_id"], rider, key, now + WINDOW_S, single))
            self._learn(unb64(answer["token"]), key)

    @act(1, needs="claims")
    def cancel(self):
        claim = self._pick(self.claims)
        code, _ = self.street.api(claim.rider, "DELETE", f"/claims/{claim.cti}")
        assert code in (200, 204)
        claim.open = False

    @act(2, needs="claims")
    def new_phone(self):
        claim = self._pick(self.claims)
        key = self._fresh_key()
        code, answer = self.street.api(
            claim.rider, "POST", f"/claims/{claim.cti}/successor", holder_key=b64(public(key))
        )
        if code == 201:
            claim.key = key
            self._learn(unb64(answer["token"]), key)

    @act(1)
    def master_token(self):
        key = self._fresh_key()
        code, answer = self.street.api(
            TECHNICIAN, "POST", "/master-tokens", locks=[LOCK_ID.hex()], holder_key=b64(public(key))
        )
        assert code == 201, answer
        self._learn(unb64(answer["token"]), key)

    # ---- at the lock

    def _view(self) -> None:
        """What the model must not decide for itself: the lock's own clock, and the battery."""
        street, model = self.street, self.model
        ride = model.ride
        for moment in (model.still_from + STILL_S, ride.hold_until if ride and ride.parked else 0):
            if abs(self._at() - moment) < UNSURE_S:
                street.wait(2 * UNSURE_S)
        model.passed(self._at())
        known = street.lock.clock.known()
        model.now = street.lock.clock.now() if known else None
        model.error = street.lock.clock.error() if known else 0
        millivolts = street.world.millivolts()
        model.battery_low, model.battery_empty = millivolts < 3500, millivolts < 3300

    def _at(self) -> float:
        return self.street.timeline.now / 1000

    def _heard(self, result, expected: int) -> None:
        event(f"answer {status.NAMES[expected]}")
        assert result.status == expected, (status.NAMES.get(result.status), status.NAMES[expected])

    def _exchange(self, act):
        """A link, HELLO, `act(link, greeting)`; leaves nothing connected."""
        link = self.street.link()
        greeting = self.street.run(link.hello())
        assert greeting is not None, "the lock does not answer HELLO"
        self._view()
        result = self.street.run(act(link, greeting))
        link.leave()
        self.street.wait(0.2)
        if result.request:
            self.past.append(result)
        return result

    def _command(self, shown: Shown) -> int:
        return exchange.SERVICE if shown.master else exchange.OPEN

    @act(4, needs="tokens", honest=st.integers(0, 4))
    def show_token(self, honest):
        shown, raw = self._pick(self.tokens)
        self._show(shown, raw, shown.key if honest else "a thief's key")

    def _show(self, shown: Shown, raw: bytes, key: str) -> None:
        expected = None

        async def act(link, greeting):
            nonlocal expected
            expected = self.model.show(shown, key)
            return await link.ask(greeting, self._command(shown), raw, shown.cti, key)

        result = self._exchange(act)
        self._heard(result, expected)

    @act(6, rider=st.sampled_from(RIDERS))
    def claim_and_open(self, rider):
        """What people mostly do."""
        before = len(self.tokens)
        self.claim(rider, not self.street.pooled)
        if len(self.tokens) > before:
            self._show(*self.tokens[-1], self.tokens[-1][0].key)

    @act(needs="claims", wait=st.sampled_from([0, 0, 15]))
    def show_nonce_bound(self, wait):
        """The phone takes the challenge to the cloud; too slow a phone finds the link cut."""
        claim = self._pick(self.claims[-3:])
        link = self.street.link()
        greeting = self.street.run(link.hello(patience=1))
        hello, challenge = greeting
        code, answer = self.street.api(
            claim.rider, "POST", f"/claims/{claim.cti}/token", hello=b64(hello), challenge=b64(challenge)
        )
        if code == 201:
            raw = unb64(answer["token"])
            self.street.wait(wait)
            self._view()
            claims = token.parse(raw).claims
            shown = Shown(
                claims.cti,
                claims.epoch_for(LOCK_ID),
                claim.key,
                claims.single,
                claims.successor,
                claims.nbf,
                claims.exp,
                claims.iat,
                claims.floor,
                claims.hold,
                nonce="this",
            )
            expected = self.model.show(shown, claim.key)
            result = self.street.run(link.ask(greeting, exchange.OPEN, raw, shown.cti, claim.key))
            self._heard(result, expected)
            self.tokens.append((replace(shown, nonce="other"), raw))  # bound to a challenge that is gone
        link.leave()
        self.street.wait(0.2)

    @act(3, needs="claims")
    def reopen(self):
        self._prove(exchange.OPEN, self.model.reopen)

    @act(needs="claims")
    def end(self):
        self._prove(exchange.END, self.model.end)

    def _prove(self, command: int, judge: Callable[[str], int]) -> None:
        """A request without a token, by the key of some claim: the running ride's or another's."""
        claim = self._pick(self.claims[-3:])
        cti = bytes.fromhex(claim.cti)
        expected = None

        async def act(link, greeting):
            nonlocal expected
            mine = self.model.ride is not None and self.model.ride.cti == cti
            expected = judge(claim.key if mine else "another ride's")
            return await link.ask(greeting, command, None, cti, claim.key)

        result = self._exchange(act)
        self._heard(result, expected)

    @act(needs="past")
    def replay(self):
        """The bytes of an earlier request, on a new link: nothing moves, whatever they were."""
        old = self._pick(self.past[-5:])
        command, raw, proof = exchange.decode_request(old.request)
        moves = self.street.world.actuations
        expected = None

        async def act(link, greeting):
            nonlocal expected
            if raw is not None:
                shown = next(shown for shown, data in self.tokens if data == raw)
                expected = self.model.show(shown, "a proof of another challenge")
            elif command == exchange.END:
                expected = self.model.end("a proof of another challenge")
            else:
                expected = self.model.reopen("a proof of another challenge")
            return await link.repeat(greeting, old.request)

        result = self._exchange(act)
        self._heard(result, expected)
        assert self.street.world.actuations == moves

    # ---- the bike, the clock, the power

    @act(4)
    def close_by_hand(self):
        self.street.world.close()
        self.street.wait(1)
        self.model.closed()
        self._view()

    @act()
    def ride_on(self):
        self.street.world.move()
        self.street.wait(1)
        self.street.world.still()
        self.street.wait(2)
        self.model.still_from = self._at() - 1

    @act(4, seconds=st.sampled_from([1, 2, STILL_S + 5, HOLD_S + 5, WINDOW_S + 60]))
    def time_passes(self, seconds):
        self.street.wait(seconds)
        self._view()

    @act(1, millivolts=st.sampled_from([LOW_MV, EMPTY_MV, FULL_MV, FULL_MV, FULL_MV]))
    def battery(self, millivolts):
        self.street.world.set_battery(millivolts)

    @act(1, warm=st.booleans(), closed_meanwhile=st.booleans())
    def power_cut(self, warm, closed_meanwhile):
        self._view()
        self._boot(warm, closed_meanwhile)

    def _boot(self, warm: bool, closed_meanwhile: bool = False) -> None:
        street, model = self.street, self.model
        street.board.power.off("power")
        if closed_meanwhile:
            street.world.close()
            street.wait(1)
        street.reboot(warm)
        model.booted(self._at())
        if closed_meanwhile:
            model.closed()

    @act(
        needs="tokens",
        writes=st.integers(1, 12),
        tear=st.sampled_from(["nothing", "all"]),
        warm=st.booleans(),
    )
    def power_cut_in_the_act(self, writes, tear, warm):
        """The power goes in some write of an unlock: afterwards it has happened or it has not."""
        shown, raw = self._pick(self.tokens[-4:])
        street = self.street
        link = street.link()
        greeting = street.run(link.hello())
        self._view()
        before = copy.deepcopy(self.model)
        street.board.power.cut_at(writes, tear)
        with contextlib.suppress(Exception):
            street.run(link.ask(greeting, self._command(shown), raw, shown.cti, shown.key))
        if not street.board.power.halted:
            street.board.power.off("power")
        self.model.show(shown, shown.key)
        self._settle_after_cut(before, warm)

    def _settle_after_cut(self, before: Model, warm: bool) -> None:
        """Take up what the boot made of it, if it is one of the outcomes that SPEC.md allows."""
        street, after = self.street, self.model
        moved = street.world.actuations - before.moves
        bolt_open = street.world.bolt_open()
        self._boot(warm)
        types = [r.type for r in street.receipts_on_flash()][len(before.log) :]
        wanted = after.log[len(before.log) :]
        event(f"a cut left {[receipt.NAMES[t] for t in types]} of {[receipt.NAMES[t] for t in wanted]}")
        if types != wanted:
            assert types in (wanted[: len(types)], [*wanted[:-1], receipt.ABORT]), (types, wanted)
            assert not (types == [] and moved and bolt_open and receipt.OPEN in wanted), (
                "it moved and left no trace"
            )
            floors = (
                max(after.floor, before.floor) if street.lock.floors.ride() >= after.floor else before.floor
            )
            opened = bool(before.bolt_open or (moved and bolt_open))
            before.booted(after.at)
            ride = before.ride
            if receipt.SUCCESSOR in types:
                ride = replace(before.ride, key=after.ride.key, epoch=after.ride.epoch)
            self.model = replace(before, floor=floors, log=before.log + types, bolt_open=opened, ride=ride)
        self.model.moves = street.world.actuations
        self.model.time_floor = max(before.time_floor, street.lock.floors.time())
        self.model.floor = max(before.floor, street.lock.floors.ride())

    # ---- the network

    def _unsent(self) -> list[bytes]:
        lock = self.street.lock.receipts
        return [raw for _, raw in lock.after(0, 1 << 20)]

    @act(via=st.sampled_from(["phone", "mule"]))
    def receipts_by_phone(self, via):
        """Some of them, in any order, some twice."""
        known = list(self.street.told_receipts.values()) + self._unsent()
        if not known:
            return
        brought = self.data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=6))
        with self.street.cloud.db.writing() as session:
            outcomes = receipts.take(self.street.cloud, session, LOCK_ID.hex(), brought, via)
        for raw, outcome in zip(brought, outcomes, strict=True):
            assert outcome.status == (receipts.KNOWN if self._is_known(raw) else receipts.STORED)
            self._arrived(raw)

    def _is_known(self, raw: bytes) -> bool:
        return receipt.parse(raw).seq in self.delivered

    def _arrived(self, raw: bytes) -> None:
        said = receipt.parse(raw)
        self.delivered[said.seq] = raw
        for claim in self.claims:
            if said.type in (receipt.OPEN, receipt.HAND_OVER) and said.cti.hex() == claim.cti:
                claim.used = True

    @act(3, lost=st.sampled_from(["", "", "request", "answer"]))
    def uplink(self, lost):
        """One POST to /r with what the lock would send; its answer applied, unless something is lost."""
        lock, cloud = self.street.lock, self.street.cloud
        batch = lock.receipts.unacked(2)
        if lost == "request":
            return
        if batch:
            reply = ingest.take_receipts(cloud, LOCK_ID.hex(), telemetry.encode_receipts(batch))
        else:
            note = (telemetry.NOTE, self._now(), telemetry.NOTE_BOOT, 0)
            reply = ingest.telemetry(cloud, LOCK_ID.hex(), telemetry.encode_batch(1, [note]))
        for raw in batch:
            self._arrived(raw)
        if lost == "answer":
            return
        answer = telemetry.decode_answer(reply)
        if batch:
            lock.receipts.acked(answer[telemetry.RECEIPTS_UP_TO])
        lock.floors.uplink(answer[telemetry.RIDE_FLOOR], answer[telemetry.MASTER_FLOOR])
        lock.clock.set(answer[telemetry.TIME], 2)
        self.model.floor = max(self.model.floor, answer[telemetry.RIDE_FLOOR])
        self.model.master_floor = max(self.model.master_floor, answer[telemetry.MASTER_FLOOR])

    # ---- what always holds

    @invariant()
    def the_lock_is_what_the_rulebook_says(self):
        if not hasattr(self, "street"):
            return
        street, model = self.street, self.model
        self._view()
        lock = street.lock
        ride = lock.ledger.ride
        assert (ride and ride.cti) == (model.ride and model.ride.cti)
        event(f"state {street.state()}")
        if ride:
            assert (ride.epoch, public(model.ride.key)) == (model.ride.epoch, ride.holder)
        assert lock.floors.ride() == model.floor
        assert street.bolt_open == model.bolt_open
        assert street.world.actuations == model.moves, (
            "the motor ran without an accepted proof, or not with one"
        )
        expected = "open" if model.ride and not model.ride.parked else "parked" if model.ride else "locked"
        expected = "service" if model.service_open else expected
        assert street.state() == expected

    @invariant()
    def receipts_are_a_gapless_chain_and_nothing_told_is_lost(self):
        if not hasattr(self, "street"):
            return
        self._view()
        raw = self._unsent()
        log = [receipt.parse(data) for data in raw]
        first = log[0].seq if log else 1
        assert [r.seq for r in log] == list(range(first, first + len(log)))
        assert [r.type for r in log] == self.model.log[first - 1 :]
        for one, following in zip(raw, log[1:], strict=False):
            assert following.prev == receipt.digest(one)[:16]
        on_flash = {r.seq: data for r, data in zip(log, raw, strict=True)}
        for seq, told in self.street.told_receipts.items():
            assert on_flash.get(seq, self.delivered.get(seq)) == told

    @invariant()
    def the_cloud_has_each_receipt_once_and_rides_as_they_say(self):
        if not hasattr(self, "street") or not self.delivered:
            return
        cloud = self.street.cloud
        with cloud.db.reading() as session:
            rows = receipts.of_lock(session, LOCK_ID.hex(), limit=10_000)
            stored = {row.seq: bytes(row.body) for row in rows}
            listed = rides.page(session, EVERYTHING, {"lock_id": LOCK_ID.hex()}, None, 10_000)
            told = sorted(
                (row.opened_seq, row.cti, row.state, row.opened_at, row.closed_at) for row in listed
            )
        assert stored == self.delivered
        prefix = []
        while len(prefix) + 1 in stored:
            prefix.append(receipt.parse(stored[len(prefix) + 1]))
        wanted = sorted(
            (ride.opened_seq, ride.cti.hex(), ride.state, ride.opened_at, ride.closed_at)
            for ride in projection.project(prefix, STILL_S)
        )
        assert told == wanted

    @invariant()
    def a_single_ride_claim_starts_once(self):
        if not hasattr(self, "street"):
            return
        single = {claim.cti for claim in self.claims if claim.single}
        starts = [
            r.cti.hex()
            for r in self.street.receipts_on_flash()
            if r.type in (receipt.OPEN, receipt.HAND_OVER) and r.cti.hex() in single
        ]
        assert len(starts) == len(set(starts))

    def _a_free_bike_is_given_to_whoever_claims_it(self):
        """No history may take a bike out of service: closed, rested, powered and online, it takes the next claim."""
        self.battery(FULL_MV)
        self.time_passes(WINDOW_S + 60)  # every start window is over
        for claim in self.claims:
            self.street.api(claim.rider, "DELETE", f"/claims/{claim.cti}")
        for _ in range(200):
            if not self.street.lock.receipts.unacked(1):
                break
            self.uplink("")
        answer = telemetry.decode_answer(
            ingest.telemetry(
                self.street.cloud, LOCK_ID.hex(), telemetry.encode_batch(1 << 20, [(2, 0, 3, 0)])
            )
        )
        self.street.lock.clock.set(answer[telemetry.TIME], 2)
        key = self._fresh_key()
        mode = "period" if self.street.pooled else "single"
        code, answer = self.street.api(
            RIDERS[0], "POST", "/claims", lock=LOCK_ID.hex(), holder_key=b64(public(key)), mode=mode
        )
        assert code == 201, answer
        raw = unb64(answer["token"])
        self._view()

        async def act(link, greeting):
            return await link.ask(greeting, exchange.OPEN, raw, b"", key)

        ride = self.model.ride
        result = self._exchange(act)
        parked_service = ride is not None and self.model.service_open
        assert result.status == status.OK or parked_service, status.NAMES.get(result.status)


TestStreet = Street_.TestCase
TestStreet.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    phases=(
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ),  # each try is some 50 exchanges: shrinking takes half an hour
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_the_template_is_a_street():
    """One plain ride, so that a failure of the bench itself is seen as one."""
    street = Street(_template[0])
    try:
        key = hashlib.sha256(b"plain").hexdigest()
        code, answer = street.api(
            RIDERS[0], "POST", "/claims", lock=LOCK_ID.hex(), holder_key=b64(public(key)), mode="single"
        )
        assert code == 201, answer
        link = street.link()
        street.lock.clock.set(street.timeline.now // 1000, 1)
        greeting = street.run(link.hello())
        result = street.run(link.ask(greeting, exchange.OPEN, unb64(answer["token"]), b"", key))
        assert status.NAMES[result.status] == "OK"
        assert street.bolt_open and street.world.actuations == 1
        street.world.close()
        street.wait(1)
        assert street.state() == "parked"
        with street.cloud.db.writing() as session:
            assert session.scalars(select(1)).one() == 1
    finally:
        street.close()
