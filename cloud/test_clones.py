"""F04: two devices that speak as one lock are noticed within one message; a lone lock, however unlucky, never is."""

import json
import random

import pytest
from sqlalchemy import select

from cloud import attention, clones, evidence, locks, telemetry
from cloud.attention import Facts
from cloud.tables import Event, Lock
from cloud.test_oscore import Cloud
from cloud.test_oscore import Lock as Radio
from cloud.testlock import NOW, Pen, make_cloud
from protocol import telemetry as wire


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    made = make_cloud(tmp_path_factory.mktemp("clones"))
    yield made
    made.db.close()


def fix(number: int, at: int = NOW) -> tuple:
    return (wire.FIX, at, 520_900_000 + number, 51_200_000, 30)


def status(at: int = NOW, uptime: int = 60) -> tuple:
    return (wire.STATUS, at, 0, 3900, 2, uptime)


def note(value: int) -> tuple:
    return (wire.NOTE, NOW, wire.NOTE_BOOT, value)


def tell(cloud, pen: Pen, first: int, *records: tuple, now: int = NOW) -> dict:
    """Its evidence after this batch."""
    batch = wire.encode_batch(first, list(records))
    with cloud.db.writing() as session:
        telemetry.take(session, locks.get(session, pen.hex, for_update=True), batch, now)
    with cloud.db.reading() as session:
        return json.loads(session.get(Lock, pen.hex).clone_evidence or "{}")


def test_a_lone_lock_tells_in_order_repeats_itself_and_leaves_numbers_out(cloud):
    pen = Pen().register(cloud)
    rng, at, sent = random.Random(7), 0, []
    for _ in range(60):
        if sent and rng.random() < 0.4:  # the answer was lost: the same again, perhaps with more behind it
            first, records = sent[-1]
            records = records + [fix(first + len(records) + n) for n in range(rng.randrange(3))]
        else:
            first = at + (rng.choice((0, 0, 0, 256)))  # a boot begins behind what was reserved
            records = [rng.choice((fix(first + n), status(NOW + n), note(n))) for n in range(1, 6)]
        sent.append((first, records))
        at = max(at, first + len(records))
        assert tell(cloud, pen, first, *records) == {}


@pytest.mark.parametrize("other", [fix(11), status(), note(11), fix(10, NOW + 1)])
def test_the_same_number_with_other_content_is_two_devices(cloud, other):
    pen = Pen().register(cloud)
    assert tell(cloud, pen, 10, fix(10), status(), note(3)) == {}
    assert tell(cloud, pen, 10, other) == {"record": [NOW, 1, 10]}
    assert tell(cloud, pen, 10, other, now=NOW + 9) == {"record": [NOW, 2, 10]}
    with cloud.db.reading() as session:
        told = [json.loads(e.data) for e in session.scalars(select(Event)) if e.kind == "lock.cloned"]
        [(rule, found)] = attention.found(Facts(session.get(Lock, pen.hex), NOW))[:1]
    assert [one for one in told if one["lock_id"] == pen.hex] == [
        {"lock_id": pen.hex, "sign": "record", "record": 10}
    ]
    assert rule.code == "clone"
    said = "Two devices speak as this lock: record 10 came with two contents (2 ×)"
    assert evidence.sentence(found, NOW) == said


def test_a_new_record_below_those_that_are_here_is_two_devices_unless_it_is_old(cloud):
    for late, found in ((NOW - 60, {"back": [NOW, 1, 5]}), (NOW - 2 * clones.LATE_S, {})):
        pen = Pen().register(cloud)
        assert tell(cloud, pen, 300, fix(300)) == {}
        assert tell(cloud, pen, 5, fix(5, late)) == found


def test_a_flash_that_was_put_back_is_seen_at_its_first_word(cloud):
    pen = Pen().register(cloud)
    for first in range(0, 40, 10):
        assert tell(cloud, pen, first, *[fix(first + n) for n in range(10)]) == {}
    assert list(tell(cloud, pen, 0, status(NOW, 1))) == ["record"]


def test_two_that_answer_by_turns_under_one_key_are_seen_by_their_sessions():
    gateway = Cloud()
    real, copy = Radio(), Radio()
    gateway.prove(real)
    gateway.prove(copy)  # as far as anybody knows, the lock has booted
    datagram, _ = real.request(echo=gateway.echo(real, named=True), named=False)
    assert gateway.accept(datagram).returned
    for second, boot in enumerate([Radio() for _ in range(20)]):  # and a lone one that boots all the time
        datagram, _ = boot.request(echo=gateway.echo(boot, float(second), named=True), named=False)
        assert not gateway.accept(datagram).returned
        assert not gateway.accept(boot.request(named=False)[0]).returned


def test_a_lone_lock_whose_gateway_forgot_it_has_not_returned():
    gateway, lock = Cloud(), Radio()
    for _ in range(3):
        datagram, _ = lock.request(echo=gateway.echo(lock, named=True), named=False)
        assert not gateway.accept(datagram).returned
        gateway.restart()


def test_a_recorded_old_session_that_is_played_back_makes_nobody_a_clone():
    gateway, old, new = Cloud(), Radio(), Radio()
    datagram, _ = old.request(echo=gateway.echo(old, named=True), named=True)
    assert not gateway.accept(datagram).returned
    gateway.prove(new)
    try:
        assert not gateway.accept(datagram).returned
    except Exception as refused:
        assert type(refused).__name__ in ("Challenge", "Refused", "Replayed")
    assert not gateway.accept(new.request(named=False)[0]).returned
