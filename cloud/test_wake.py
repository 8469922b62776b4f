"""What one process tells of wakes the others at once, where the database can; where it cannot, everybody looks."""

import threading
import time

import pytest
from sqlalchemy import event as happening

from cloud import db, events, testdatabase, testpostgres, worker
from cloud.testlock import Gateway, Pen, Uplink, Wire
from cloud.testsite import Site
from protocol import coap, telemetry

WAIT = 20  # seconds for anything


@pytest.fixture(scope="module")
def databases():
    made = testdatabase.Databases("postgres")
    yield made
    made.close()


@pytest.fixture
def shop(databases, tmp_path):
    made = Site(tmp_path, databases.fresh(tmp_path), now=int(time.time()))
    yield made
    made.close()


def until(look, what):
    end = time.monotonic() + WAIT
    while not (found := look()):
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.02)
    return found


def happen(database, at=1):
    with database.writing() as session:
        events.tell(session, "zone.changed", "zone-1", at)


@pytest.mark.postgres
def test_an_event_of_another_process_is_known_at_once(shop):
    other = db.Database(shop.url)
    assert (
        until(lambda: shop.cloud.db.wake.newest() is not None, "the listener")
        and not shop.cloud.db.wake.newest()
    )
    shop.cloud.db.wake.wait(0)
    for number in (1, 2, 3):
        began = time.monotonic()
        happen(other)
        assert shop.cloud.db.wake.wait(WAIT) and time.monotonic() - began < 2
        assert shop.cloud.db.wake.newest() == number
    assert not shop.cloud.db.wake.wait(0.1)
    with pytest.raises(KeyError), other.writing() as session:
        events.tell(session, "zone.changed", "zone-1", 1)
        raise KeyError
    assert not shop.cloud.db.wake.wait(0.3) and shop.cloud.db.wake.newest() == 3
    other.close()


@pytest.mark.postgres
def test_a_look_in_vain_asks_no_events_and_one_in_time_has_the_news_of_the_gateway(shop):
    admin = shop.person("admin")
    until(lambda: shop.cloud.db.wake.newest() is not None, "the listener")
    asked = []

    @happening.listens_for(shop.cloud.db.engine, "before_cursor_execute")
    def note(connection, cursor, statement, *rest):
        asked.append(statement)

    def look(last):
        headers = {**admin.headers, "Last-Event-ID": str(last)}
        return shop.client.get("/api/v1/events", headers=headers).get_data(as_text=True)

    newest = shop.cloud.db.wake.newest()
    assert f"id: {newest}\n" in look(newest) and not any("FROM event" in each for each in asked)
    pen = Pen(began=shop.now - 1000).register(shop.cloud)
    gateway = Gateway(shop.cloud).start()
    wire = Wire(gateway.port)
    try:
        batch = telemetry.encode_batch(1, [(telemetry.STATUS, shop.now, 2, 3870, 3, 900)])
        assert Uplink(pen, wire).post(b"t", batch)[0] == coap.CHANGED
        until(lambda: shop.cloud.db.wake.newest() > newest, "word of the gateway")
        assert "event: lock.state" in look(newest)
    finally:
        wire.close()
        gateway.stop()


@pytest.mark.postgres
def test_a_worker_that_is_told_does_not_wait_for_its_hour(shop):
    told = threading.Event()
    table = [("webhooks", 3600, lambda cloud, now: told.set())]
    stopped, one = threading.Event(), worker.Worker(shop.cloud, table)
    thread = threading.Thread(target=one.run, args=(stopped,))
    thread.start()
    try:
        assert told.wait(WAIT)  # a new job is due at once
        shop.now += 1
        until(lambda: shop.cloud.db.wake.newest() is not None, "the listener")
        time.sleep(1.5)
        told.clear()
        shop.now += 1
        assert not told.wait(1)
        other = db.Database(shop.url)
        happen(other)
        other.close()
        assert told.wait(5)
    finally:
        stopped.set()
        thread.join(WAIT)


@pytest.mark.postgres
def test_it_comes_back_with_its_server_and_says_nothing_meanwhile(tmp_path):
    with testpostgres.server() as server:
        db.upgrade(server.url)
        database = db.Database(server.url)
        until(lambda: database.wake.newest() == 0, "the listener")
        server.stop()
        until(lambda: database.wake.newest() is None, "it to notice")
        server.start()
        happen(database)
        until(lambda: database.wake.newest() == 1, "it to come back")
        database.close()
        assert database.wake._stopped is None


@pytest.mark.sqlite
def test_where_nobody_can_tell_everybody_looks(site):
    assert site.cloud.db.wake.newest() is None
    happen(site.cloud.db, site.now)
    assert not site.cloud.db.wake.wait(0.05)
    admin = site.person("admin")
    answer = site.client.get("/api/v1/events", headers={**admin.headers, "Last-Event-ID": "0"})
    assert "event: zone.changed" in answer.get_data(as_text=True)
