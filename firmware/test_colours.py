# heap: 1m
"""The colour code: what the light shows between HELLO and whatever comes then, and when it goes dark."""

from boards.sim.bench import Bench, key
from firmware.lock import Lock
from protocol import exchange, status

RIDER, OTHER = key("rider"), key("other")


def _code(phone):
    """What that phone shows."""
    code = exchange.colours(exchange.transcript(phone.hello_body, phone.challenge_body))
    return " ".join([exchange.COLOURS[number] for number in code])


def _greeted(bench):
    phone = bench.phone()
    phone.hello()
    return phone


def test_lock_and_phone_show_the_same_until_the_link_ends():
    bench = Bench(Lock)
    shown = set()
    for _ in range(6):
        phone = _greeted(bench)
        assert bench.world.led == _code(phone)
        shown.add(bench.world.led)
        phone.leave()
        assert bench.world.led == "off"
    assert len(shown) > 1 and bench.world.actuations == 0
    bench.close()


def test_each_hello_has_its_own():
    bench = Bench(Lock)
    phone = _greeted(bench)
    codes = set()
    for _ in range(6):
        phone.hello()
        assert bench.world.led == _code(phone)
        codes.add(bench.world.led)
    assert len(codes) > 1
    bench.close()


def test_every_end_of_the_link_darkens_it():
    bench = Bench(Lock)
    idle = _greeted(bench)
    bench.wait(11)  # its time is over
    assert not idle.up and bench.world.led == "off"
    oldest = _greeted(bench)
    bench.wait(1)
    for _ in range(3):
        bench.phone()
        bench.wait(0.1)
    assert bench.world.led == _code(oldest)
    bench.lock.session.take("connect", 77, None)  # a fifth
    assert not oldest.up and bench.world.led == "off"
    bench.close()


def test_the_latest_is_shown_and_another_links_end_leaves_it():
    bench = Bench(Lock)
    first, second = _greeted(bench), _greeted(bench)
    assert bench.world.led == _code(second) != _code(first)
    first.leave()
    assert bench.world.led == _code(second)
    second.leave()
    assert bench.world.led == "off"
    bench.close()


def test_what_comes_of_a_request_is_shown_in_its_place():
    bench = Bench(Lock)
    phone = bench.phone()
    assert phone.open(bench.token(RIDER, 1), RIDER).status == status.OK
    code = _code(phone)
    phone.leave()
    assert [pattern for _, pattern in bench.world.led_history] == [code, "busy", "ok"]
    thief = bench.phone()
    assert thief.open(bench.token(RIDER, 2), OTHER).status == status.FORGED
    bench.wait(1)
    assert not thief.up and bench.world.led == "refused"
    bench.close()


def test_who_looks_for_the_bike_finds_it_whoever_leaves():
    bench = Bench(Lock)
    phone = _greeted(bench)
    assert bench.lock.command(1, 1, [])
    phone.leave()
    assert bench.world.led == "find"
    bench.close()


def test_a_lock_that_is_out_of_order_shows_no_code():
    bench = Bench(Lock)
    bench.lock.ledger.fail()
    phone = bench.phone()
    phone.send(exchange.HELLO, exchange.encode_hello(bytes(8)))
    phone.leave()
    assert not [pattern for _, pattern in bench.world.led_history if pattern not in ("fault", "off")]
    bench.close()
