"""Receipts and rides in the database: any order, any number of times, the same rides; forks and gaps told."""

import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from cloud import assets, claims, context, fixes, locks, masters, receipts, rides, views
from cloud.db import is_unavailable
from cloud.reach import EVERYTHING
from cloud.tables import Asset, Claim, Event, IssuedToken, IssuerKey, Lock, Receipt, ReceiptFork, Ride
from cloud.testlock import NOW, RIDER, Pen, make_cloud, proof, public
from protocol import exchange, receipt

A, B, C = b"ride-aaa", b"ride-bbb", b"ride-ccc"
T = NOW - 100_000


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = make_cloud(tmp_path_factory.mktemp("cloud"))
    yield cloud
    cloud.db.close()


def take(
    cloud: context.Cloud, pen: Pen, bodies: Sequence[bytes], via: str = "uplink"
) -> list[receipts.Outcome]:
    with cloud.db.writing() as session:
        return receipts.take(cloud, session, pen.hex, bodies, via)


def rows(cloud: context.Cloud, table: type, pen: Pen) -> list[dict]:
    """All columns of a lock's rows, in order of their primary key."""
    with cloud.db.reading() as session:
        found = session.scalars(select(table).where(table.lock_id == pen.hex)).all()
    plain = [{column.name: getattr(row, column.name) for column in table.__table__.columns} for row in found]
    return sorted(plain, key=lambda row: [str(row[column.name]) for column in table.__table__.primary_key])


def lock_of(cloud: context.Cloud, pen: Pen) -> Lock:
    with cloud.db.reading() as session:
        return locks.get(session, pen.hex)


# ---- a life of a lock, made up


@st.composite
def lives(draw) -> Pen:
    """A log of plausible and implausible events: what must come out is the same whatever the order of arrival."""
    pen, at, ctis = Pen(began=T), T, [b"cti-%04d" % n for n in range(3)]
    for _ in range(draw(st.integers(1, 14))):
        at += draw(st.integers(1, 2000))
        cti, other = draw(st.sampled_from(ctis)), draw(st.sampled_from(ctis))
        known = draw(st.integers(0, 5)) > 0
        match draw(st.sampled_from("open close reopen end over abort service boot successor".split())):
            case "open":
                pen.open(cti, at, known=known)
            case "close":
                still = draw(st.sampled_from((0, at - 301, at - 100, at - 1500)))
                pen.close(cti, at, still_since=still, known=known)
            case "reopen":
                pen.reopen(cti, at, known=known)
            case "end":
                pen.end(cti, at, known=known)
            case "over":
                pen.hand_over(cti, other, at, still_since=at - draw(st.integers(300, 4000)), known=known)
            case "abort":
                pen.abort(cti, at, known=known)
            case "service":
                pen.service(cti, at)
            case "successor":
                pen.successor(cti, at, epoch=3)
            case "boot":
                pen.reboot(at)
    if not pen.log:
        pen.open(ctis[0], at)
    return pen


FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(lives(), st.randoms(use_true_random=False), st.data())
def test_any_order_with_any_repetition_gives_the_same_rides(cloud, pen, rng: random.Random, data):
    straight = Pen(pen.lock_id, pen.k_lock)
    straight.register(cloud)
    for body in pen.log:
        take(cloud, pen, [body])
    expected = rows(cloud, Ride, pen)
    with cloud.db.writing() as session:  # the same lock again, as if nothing had ever arrived
        session.execute(delete(Ride).where(Ride.lock_id == pen.hex))
        session.execute(delete(Receipt).where(Receipt.lock_id == pen.hex))
        lock = locks.get(session, pen.hex)
        lock.received_seq = lock.chained_seq = 0
    arrivals = pen.log + data.draw(st.lists(st.sampled_from(pen.log), max_size=8))
    rng.shuffle(arrivals)
    while arrivals:
        size = rng.randint(1, 4)
        take(cloud, pen, arrivals[:size], rng.choice(("uplink", "phone", "mule")))
        del arrivals[:size]
    assert rows(cloud, Ride, pen) == expected
    assert lock_of(cloud, pen).received_seq == lock_of(cloud, pen).chained_seq == len(pen.log)
    with cloud.db.writing() as session:
        rides.rebuild(session, 300, pen.hex)
    assert rows(cloud, Ride, pen) == expected


@FEW
@given(lives(), st.integers(0, 400), st.integers(0, 1000))
def test_rides_rebuilt_are_identical_with_fixes_that_came_before_between_and_after(cloud, pen, every, shift):
    pen.register(cloud)
    first, last = T + shift, T + 30_000
    points = [
        {"lock_id": pen.hex, "seq": n, "at": at, "lat": 52_0000000 + 1500 * n, "lon": 900 * n, "accuracy": 9}
        for n, at in enumerate(range(first, last, every + 20))
    ]
    for third, body in enumerate(pen.log):
        take(cloud, pen, [body])
        part = points[third * 40 : (third + 1) * 40]
        if part:
            with cloud.db.writing() as session:
                fixes.store(session, part)
                rides.measure(session, pen.hex, part[0]["at"], part[-1]["at"])
    expected = rows(cloud, Ride, pen)
    with cloud.db.writing() as session:
        session.execute(delete(Ride).where(Ride.lock_id == pen.hex))
        rides.rebuild(session, 300, pen.hex)
    assert rows(cloud, Ride, pen) == expected


# ---- storing


def test_the_same_bytes_are_stored_once_and_answered_alike(cloud):
    pen = Pen().register(cloud)
    body = pen.open(A, T)
    (first,) = take(cloud, pen, [body], "phone")
    (again,) = take(cloud, pen, [body], "uplink")
    (twice, twin) = take(cloud, pen, [body, body], "mule")
    assert [first.status, again.status, twice.status, twin.status] == ["stored", "known", "known", "known"]
    assert first.row.countersignature == again.row.countersignature == twin.row.countersignature
    (row,) = rows(cloud, Receipt, pen)
    assert (row["via"], row["copies"], row["body"]) == ("phone", 4, body)


def test_the_countersignature_holds_for_these_bytes_only(cloud):
    pen = Pen().register(cloud)
    body = pen.open(A, T)
    row = take(cloud, pen, [body])[0].row
    with cloud.db.reading() as session:
        key = session.get(IssuerKey, row.countersign_kid)
    assert key.role == 5
    signer = Ed25519PublicKey.from_public_bytes(key.public)
    signer.verify(row.countersignature, receipt.countersign_input(pen.lock_id, 1, receipt.digest(body)))
    with pytest.raises(InvalidSignature):
        signer.verify(row.countersignature, receipt.countersign_input(pen.lock_id, 2, receipt.digest(body)))


def test_other_bytes_under_the_same_seq_are_a_fork_and_an_alarm(cloud, caplog):
    pen = Pen().register(cloud)
    clone = Pen(pen.lock_id, pen.k_lock)
    take(cloud, pen, [pen.open(A, T), pen.close(A, T + 60)])
    clone.log.append(pen.log[0])
    forged = clone.close(A, T + 5)
    before = rows(cloud, Ride, pen)
    for _ in range(2):
        (outcome,) = take(cloud, pen, [forged], "phone")
        assert outcome.status == "fork" and outcome.row.body == pen.log[1]
    assert "forked" in caplog.text
    assert [(row["seq"], row["body"]) for row in rows(cloud, ReceiptFork, pen)] == [(2, forged)]
    assert rows(cloud, Ride, pen) == before  # bills what came first
    assert len(rows(cloud, Receipt, pen)) == 2


def test_a_gap_holds_back_the_rides_behind_it(cloud):
    pen = Pen().register(cloud)
    bodies = [pen.open(A, T), pen.close(A, T + 60), pen.end(A, T + 900), pen.open(B, T + 1000)]
    take(cloud, pen, [bodies[0], bodies[2], bodies[3]])
    assert (lock_of(cloud, pen).received_seq, lock_of(cloud, pen).reported_seq) == (1, 4)
    assert [row["state"] for row in rows(cloud, Ride, pen)] == ["open"]
    take(cloud, pen, [bodies[1]], "mule")
    assert lock_of(cloud, pen).received_seq == 4
    assert sorted(row["state"] for row in rows(cloud, Ride, pen)) == ["ended", "open"]


def test_a_broken_hash_chain_stops_the_rides_and_not_the_log(cloud, caplog):
    pen = Pen().register(cloud)
    other = Pen(pen.lock_id, pen.k_lock)
    take(cloud, pen, [pen.open(A, T), pen.close(A, T + 60)])
    other.open(A, T + 1)
    other.close(A, T + 61)
    third, fourth = other.end(A, T + 900), other.open(B, T + 1000)
    take(cloud, pen, [third, fourth])
    lock = lock_of(cloud, pen)
    assert (lock.received_seq, lock.chained_seq) == (
        4,
        2,
    )  # acknowledged, so that the lock can go on; not billed
    assert [row["state"] for row in rows(cloud, Ride, pen)] == ["parked"]
    assert "does not follow" in caplog.text


def test_the_chain_does_not_go_on_beyond_where_it_broke(cloud):
    pen = Pen().register(cloud)
    first, second = pen.open(A, T), pen.close(A, T + 60)
    other = Pen(pen.lock_id, pen.k_lock)
    other.open(A, T + 1)
    other.close(A, T + 61)
    third = other.end(A, T + 900)
    pen.log.append(second)  # a fourth that names the second as the one before it
    take(cloud, pen, [first, second, third, pen.open(B, T + 1000)])
    lock = lock_of(cloud, pen)
    assert (lock.received_seq, lock.chained_seq) == (4, 2)
    assert len(rows(cloud, Ride, pen)) == 1


def test_a_gap_that_closes_dates_rides_from_long_before_it(cloud):
    pen = Pen(began=T).register(cloud)
    early = [
        pen.open(A, T + 10, known=False),
        pen.close(A, T + 70, known=False),
        pen.end(A, T + 80, known=False),
    ]
    early += [pen.open(B, T + 90, known=False)]
    take(cloud, pen, early)
    assert [row["opened_at"] for row in rows(cloud, Ride, pen)] == [None, None]
    late = [pen.close(B, T + 100)]  # by now the lock knows the time
    pen.reboot(T + 200)
    late += [pen.reopen(B, T + 300)]
    take(cloud, pen, late)
    assert sorted(row["opened_at"] for row in rows(cloud, Ride, pen)) == [T + 10, T + 90]


def test_what_does_not_verify_is_refused_by_itself(cloud):
    pen, stranger = Pen().register(cloud), Pen().register(cloud)
    good = pen.open(A, T)
    flipped = bytes([*good[:-1], good[-1] ^ 1])
    impostor = Pen(pen.lock_id, stranger.k_lock).open(A, T)
    outcomes = take(cloud, pen, [flipped, impostor, stranger.open(A, T), b"", good])
    assert [outcome.status for outcome in outcomes] == ["refused"] * 4 + ["stored"]
    assert len(rows(cloud, Receipt, pen)) == 1


# ---- what receipts mean to claims, floors and proofs


def claimed(
    cloud: context.Cloud, pen: Pen, mode: str = "single"
) -> tuple[Ed25519PrivateKey, Claim, IssuedToken]:
    holder = Ed25519PrivateKey.generate()
    with cloud.db.writing() as session:
        claim, _lock, _token = claims.create(session, cloud.box, RIDER, pen.hex, public(holder), mode, NOW)
        session.flush()
        issued = session.scalars(select(IssuedToken).where(IssuedToken.cti == claim.cti)).one()
        claims_open = session.scalars(
            select(Claim).where(Claim.user_id == RIDER, Claim.cti != claim.cti)
        ).all()
        for old in claims_open:  # the rider's limit of open claims is not what is tested here
            old.status, old.open_on = "cancelled", None
    return holder, claim, issued


def opened(pen: Pen, holder: Ed25519PrivateKey, claim: Claim, issued: IssuedToken, **more) -> bytes:
    said = {
        "request": proof(holder, issued.token_hash),
        "epoch": claim.epoch,
        "kid": bytes.fromhex(claim.kid),
    } | more
    return pen.open(bytes.fromhex(claim.cti), NOW, **said)


def test_an_opening_uses_the_claim_up_and_raises_the_floor_that_we_know_of(cloud):
    pen = Pen().register(cloud)
    holder, claim, issued = claimed(cloud, pen)
    take(cloud, pen, [opened(pen, holder, claim, issued)], "phone")
    with cloud.db.reading() as session:
        claim = session.get(Claim, claim.cti)
        (ride,) = session.scalars(select(Ride).where(Ride.lock_id == pen.hex)).all()
    assert (claim.status, claim.open_on) == ("used", None)
    assert lock_of(cloud, pen).seen_floor == claim.epoch + 1
    assert (ride.claim, ride.user_id, ride.cti) == (claim.cti, RIDER, claim.cti)


def test_a_period_claim_stays_open_after_its_first_ride(cloud):
    pen = Pen().register(cloud)
    holder, claim, issued = claimed(cloud, pen, "period")
    take(cloud, pen, [opened(pen, holder, claim, issued)])
    with cloud.db.reading() as session:
        claim = session.get(Claim, claim.cti)
    assert (claim.status, claim.open_on) == ("open", pen.hex)
    assert lock_of(cloud, pen).seen_floor == claim.epoch


def proof_of(cloud: context.Cloud, pen: Pen, body: bytes) -> str | None:
    return take(cloud, pen, [body])[0].row.proof


def test_the_holders_proof_is_checked_against_the_tokens_issued(cloud, caplog):
    pen = Pen().register(cloud)
    holder, claim, issued = claimed(cloud, pen)
    cti = bytes.fromhex(claim.cti)
    assert proof_of(cloud, pen, opened(pen, holder, claim, issued)) == "holds"
    assert proof_of(cloud, pen, pen.close(cti, NOW + 60)) is None
    assert proof_of(cloud, pen, pen.reopen(cti, NOW + 70, request=proof(holder, cti))) == "holds"
    assert proof_of(cloud, pen, pen.close(cti, NOW + 80)) is None
    request = proof(holder, cti, exchange.END)
    assert proof_of(cloud, pen, pen.end(cti, NOW + 90, cause=1, request=request)) == "holds"
    assert "its proof is" not in caplog.text


@pytest.mark.parametrize(
    "lie",
    [
        lambda holder, issued: {
            "request": proof(Ed25519PrivateKey.generate(), issued.token_hash)
        },  # another key
        lambda holder, issued: {"request": proof(holder, bytes(32))},  # another token
        lambda holder, issued: {"request": proof(holder, issued.token_hash, exchange.END)},  # another command
        lambda holder, issued: {"epoch": 99},  # an epoch that the token did not say
        lambda holder, issued: {"kid": b"\1abc"},
    ],
)
def test_a_proof_that_does_not_fit_is_flagged_and_the_ride_still_counts(cloud, caplog, lie):
    pen = Pen().register(cloud)
    holder, claim, issued = claimed(cloud, pen)
    assert proof_of(cloud, pen, opened(pen, holder, claim, issued, **lie(holder, issued))) == "fails"
    assert "its proof is fails" in caplog.text
    assert len(rows(cloud, Ride, pen)) == 1  # the bolt did move


def test_a_ride_without_a_token_ever_issued_is_flagged(cloud, caplog):
    pen = Pen().register(cloud)
    assert proof_of(cloud, pen, pen.open(A, T)) == "unknown"
    (ride,) = rows(cloud, Ride, pen)
    assert (ride["claim"], ride["user_id"]) == (None, None)


def test_a_successors_proof_holds_with_its_own_token_and_key(cloud):
    pen = Pen().register(cloud)
    holder, claim, issued = claimed(cloud, pen)
    cti = bytes.fromhex(claim.cti)
    take(cloud, pen, [opened(pen, holder, claim, issued), pen.close(cti, NOW + 5)])
    new = Ed25519PrivateKey.generate()
    with cloud.db.writing() as session:
        claim, _, _ = claims.succeed(session, cloud.box, claim.cti, RIDER, public(new), NOW)
        tokens = select(IssuedToken).where(IssuedToken.cti == claim.cti).order_by(IssuedToken.token_id.desc())
        successor = session.scalars(tokens).first()
    request = proof(new, successor.token_hash)
    issue = [bytes.fromhex(claim.kid), claim.epoch]
    body = pen.write(receipt.SUCCESSOR, NOW + 9, cti=cti, request=request, issue=issue)
    assert proof_of(cloud, pen, body) == "holds"
    assert proof_of(cloud, pen, pen.reopen(cti, NOW + 9, request=request)) == "holds"
    assert lock_of(cloud, pen).seen_floor == claim.epoch


def test_a_decommissioned_lock_leaves_its_bicycle_and_whoever_had_claimed_it(cloud):
    pen = Pen().register(cloud)
    holder, claim, issued = claimed(cloud, pen)
    with cloud.db.writing() as session:
        assets.create(session, EVERYTHING, "BIKE-7", "Seven", pen.lock_id.hex(), NOW)
    body = pen.write(
        receipt.DECOMMISSION, NOW + 5, cti=bytes(8), request=proof(holder, bytes(32)), issue=[b"\2kid", 1]
    )
    (outcome,) = take(cloud, pen, [body])
    assert outcome.status == receipts.STORED
    with cloud.db.reading() as session:
        assert session.get(Claim, claim.cti).status == "cancelled"
        assert [bike.lock_id for bike in session.scalars(select(Asset))] == [None]
    assert take(cloud, pen, [body])[0].status == receipts.KNOWN


@pytest.mark.parametrize(
    ("kind", "command", "what"),
    [
        (receipt.SERVICE_OPEN, exchange.SERVICE, "opened"),
        (receipt.UPDATE, exchange.UPDATE, "update"),
        (receipt.DECOMMISSION, exchange.DECOMMISSION, "decommissioned"),
    ],
)
def test_each_use_of_a_master_token_is_proved_told_once_and_no_ride(cloud, kind, command, what):
    pen, holder = Pen().register(cloud), Ed25519PrivateKey.generate()
    wanted = (public(holder), NOW, None, [pen.hex], None, None, None)
    with cloud.db.writing() as session:
        master = masters.create(
            session, cloud.box, EVERYTHING._replace(user_id=RIDER), *wanted, rights=["update"]
        )
        issued = session.scalars(select(IssuedToken).where(IssuedToken.cti == master.cti.hex())).one()
        key, issue = issued.token_hash, [bytes.fromhex(issued.kid), 1]
    more = {"detail": [7, bytes(range(32))]} if kind == receipt.UPDATE else {}
    signed = {"request": proof(holder, key, command), "issue": issue}
    body = pen.write(kind, NOW, cti=master.cti, **signed, **more)
    assert proof_of(cloud, pen, body) == "holds"
    take(cloud, pen, [body, body])
    with cloud.db.reading() as session:
        told = [event for event in session.scalars(select(Event)) if event.kind == "lock.serviced"]
        mine = [json.loads(event.data) for event in told if event.subject == pen.hex]
        shown = views.logged(session.get(Receipt, (pen.hex, 1)), session.get(Lock, pen.hex), {})
    release = {"version": 7, "manifest": bytes(range(32)).hex()} if more else {}
    assert mine == [{"lock_id": pen.hex, "what": what, "cti": master.cti.hex(), "seq": 1, **release}]
    assert (shown["release"], shown["proof"], rows(cloud, Ride, pen)) == (7 if more else None, "holds", [])
    for other in {exchange.SERVICE, exchange.UPDATE, exchange.OPEN} - {command}:
        pen = Pen().register(cloud)
        lie = {"request": proof(holder, key, other), "issue": issue}
        assert proof_of(cloud, pen, pen.write(kind, NOW, cti=master.cti, **lie, **more)) == "fails"


def test_two_carriers_of_one_lock_at_once_store_each_receipt_once(cloud):
    pen = Pen().register(cloud)
    cti = b"cti-both"
    bodies = [pen.open(cti, NOW - 5000)]
    for n in range(1, 40):
        bodies.append((pen.close if n % 2 else pen.reopen)(cti, NOW - 5000 + 60 * n))

    def carry(how: tuple[str, int]) -> None:
        via, step = how
        for start in range(0, len(bodies), step):
            bring(via, bodies[start : start + step])

    def bring(via: str, some: list[bytes]) -> None:
        """Whoever had to wait too long for the others (503) comes again, as a phone does."""
        for last in (False, False, False, True):
            try:
                with cloud.db.writing() as session:
                    receipts.take(cloud, session, pen.hex, some, via)
                return
            except Exception as error:
                if last or not is_unavailable(error):
                    raise

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(carry, [("uplink", 4), ("phone", 20), ("mule", 3), ("uplink", 1)]))
    found = rows(cloud, Receipt, pen)
    assert [row["seq"] for row in sorted(found, key=lambda row: row["seq"])] == list(range(1, 41))
    assert {row["copies"] for row in found} == {4}
    (ride,) = rows(cloud, Ride, pen)
    assert (ride["receipts"], ride["state"], ride["closed_at"]) == (40, "parked", NOW - 5000 + 60 * 39)
