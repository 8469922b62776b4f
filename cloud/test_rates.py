import pytest
from sqlalchemy import event

from cloud import rates
from cloud.app import create_app
from cloud.config import Settings
from cloud.testsite import SECRET, problem


def test_so_many_at_once_and_then_evenly():
    rate = rates.Rate(6)
    assert [rate.take("a", 1000) for _ in range(6)] == [0] * 6
    assert rate.take("a", 1000) == rate.take("a", 1000) == 10  # being refused costs nothing
    assert rate.take("a", 1009) == 1
    assert rate.take("a", 1010) == 0 and rate.take("a", 1010) == 10
    assert rate.take("b", 1010) == 0
    assert [rate.take("a", 2000) for _ in range(7)] == [0] * 6 + [10]


def test_no_more_than_said_in_any_stretch_of_time():
    rate, passed = rates.Rate(50), []
    for now in range(1000, 1300):
        passed += [now for _ in range(3) if rate.take("a", now) == 0]
    assert abs(len(passed) - (50 + 299 * 50 / 60)) <= 1


def test_a_number_of_zero_is_no_limit():
    rate = rates.Rate(0)
    assert not any(rate.take("a", 1) for _ in range(1000))


def test_what_is_remembered_is_bounded_and_the_busy_are_not_forgotten_first():
    rate = rates.Rate(1, subjects=3)
    assert rate.take("busy", 100) == 0
    for n in range(9):
        assert rate.take(f"s{n}", 100) == 0
        assert rate.take("busy", 100) > 0
    assert rate.take("s0", 100) == 0  # forgotten long ago


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        (None, "nonsense", True),
    ],
)
def test_whom_an_address_stands_for(one, other, same):
    assert (rates.of_address(one) == rates.of_address(other)) == same


@pytest.fixture
def slow(site):
    """The same site, for a caller three requests a minute, for an address five."""
    settings = Settings(secret=SECRET, database_url=site.url, rate_caller=3, rate_address=5)
    return create_app(settings, now=lambda: site.now)


def ask(app, person, address="192.0.2.1"):
    headers = person.headers if person else {}
    path = "/api/v1/me" if person else "/api/v1/keys"
    return app.test_client().get(path, headers=headers, environ_base={"REMOTE_ADDR": address})


def test_who_asks_too_often_is_told_when_to_come_again(site, slow):
    one, other = site.person(), site.person()
    assert [ask(slow, one).status_code for _ in range(3)] == [200] * 3
    answer = ask(slow, one)
    problem(answer, 429, "too_fast")
    assert answer.headers["Retry-After"] == "20"
    assert ask(slow, other).status_code == 200  # the fifth from this address
    problem(ask(slow, other), 429, "too_fast")
    problem(ask(slow, None), 429, "too_fast")
    assert ask(slow, other, "192.0.2.9").status_code == 200
    problem(ask(slow, one, "192.0.2.9"), 429, "too_fast")  # a caller is one wherever they are
    site.now += 20
    assert ask(slow, one, "192.0.2.9").status_code == 200


def test_counting_requests_writes_nothing(site, slow):
    person = site.person()
    statements = []
    engine = slow.extensions["ringslot"].db.engine
    event.listen(
        engine, "before_cursor_execute", lambda c, cur, statement, *rest: statements.append(statement)
    )
    ask(slow, person)
    verbs = {statement.split()[0] for statement in statements}
    assert "SELECT" in verbs and verbs <= {"SELECT", "BEGIN"}
