"""A changing call acts once however often it is sent under one Idempotency-Key."""

import http.client
import json
import secrets
import threading
from collections import Counter

import pytest
from sqlalchemy import func, select

from cloud import idempotency, limits
from cloud.context import unix_now
from cloud.db import UNAVAILABLE
from cloud.tables import Audit, Claim, Command, IssuedToken, User
from cloud.tables_api import KeptAnswer
from cloud.testsite import PASSWORD, Site, holder_key, problem, served

KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'


def send(person, path, key=KEY, method="POST", **fields):
    headers = {**person.headers, "Idempotency-Key": key}
    return person.client.open("/api/v1" + path, method=method, headers=headers, json=fields)


def count(site, table):
    with site.cloud.db.reading() as session:
        return session.scalar(select(func.count()).select_from(table))


def test_sent_again_it_answers_the_same_and_does_nothing(site):
    bike, rider = site.bike(), site.person()
    fields = {"code": bike.code, "holder_key": holder_key()}
    first = send(rider, "/claims", **fields)
    assert first.status_code == 201 and "Idempotency-Replayed" not in first.headers
    for _ in range(9):
        again = send(rider, "/claims", **fields)
        assert again.status_code == 201 and again.data == first.data
        assert again.headers["Location"] == first.headers["Location"]
        assert again.headers["Idempotency-Replayed"] == "true"
    assert count(site, Claim) == count(site, IssuedToken) == 1
    problem(rider.post("/claims", **fields), 409, "already_claimed")  # without a key it is another call


def test_a_refusal_is_given_again_too(site):
    bike, rider, other = site.bike(), site.person(), site.person()
    other.claim(bike)
    fields = {"code": bike.code, "holder_key": holder_key()}
    first = problem(send(rider, "/claims", **fields), 409, "already_claimed")
    (made,) = other.get("/claims").get_json()["claims"]
    other.delete(f"/claims/{made['claim_id']}")
    assert problem(send(rider, "/claims", **fields), 409, "already_claimed") == first
    assert send(rider, "/claims", key="another-key", **fields).status_code == 201


def test_a_body_that_cannot_be_read_uses_up_no_key(site):
    bike, rider = site.bike(), site.person()
    problem(send(rider, "/claims", code=bike.code), 422, "invalid")
    assert send(rider, "/claims", code=bike.code, holder_key=holder_key()).status_code == 201


def test_another_call_under_the_same_key_is_refused(site):
    bike, rider = site.bike(), site.person()
    fields = {"code": bike.code, "holder_key": holder_key()}
    made = send(rider, "/claims", **fields).get_json()
    problem(send(rider, "/claims", **{**fields, "holder_key": holder_key()}), 422, "key_reused")
    problem(send(rider, f"/claims/{made['claim_id']}", method="DELETE"), 422, "key_reused")
    problem(send(rider, "/claims?x=1", **fields), 422, "invalid")
    assert send(rider, "/claims", key=KEY.strip('"'), **fields).status_code == 201  # bare, it is the same key


def test_a_key_is_its_callers_own(site):
    bikes, people = [site.bike() for _ in range(2)], [site.person() for _ in range(2)]
    made = [
        send(person, "/claims", code=bike.code, holder_key=holder_key()).get_json()
        for person, bike in zip(people, bikes, strict=True)
    ]
    assert made[0]["claim_id"] != made[1]["claim_id"]


def test_nobody_has_keys_too_and_no_password_is_found_in_what_is_kept(site):
    fields = {"login": "anna", "password": PASSWORD}
    site.client.post("/api/v1/users", json=fields, headers={"Idempotency-Key": KEY})
    twice = [
        site.client.post("/api/v1/sessions", json=fields, headers={"Idempotency-Key": "k" * 8}).get_json()
        for _ in range(2)
    ]
    assert twice[0] == twice[1] and "token" in twice[0]
    elsewhere = site.client.post(
        "/api/v1/sessions",
        json=fields,
        headers={"Idempotency-Key": "k" * 8},
        environ_base={"REMOTE_ADDR": "192.0.2.7"},
    )
    assert elsewhere.get_json()["token"] != twice[0]["token"]
    assert count(site, User) == 1
    with site.cloud.db.reading() as session:
        stored = b"".join(
            part
            for row in session.scalars(select(KeptAnswer))
            for part in (row.answer, row.fingerprint, row.key_hash, row.caller)
        )
    assert twice[0]["token"].encode() not in stored and b"anna" not in stored


@pytest.mark.parametrize(
    "key", ["", "short", '""', '"' + "a" * 65 + '"', 'half"open-key', "sp ace-and-more", "é" * 8]
)
def test_a_key_that_is_none_is_refused(site, key):
    problem(send(site.person(), "/claims", key=key, holder_key=holder_key(), code="A1"), 400, "bad_key")


def test_an_answer_is_kept_for_a_day(site):
    bike, admin = site.bike(), site.person("admin")
    path = f"/locks/{bike.hex}/commands"
    first = send(admin, path, kind="find").get_json()
    site.now += idempotency.KEEP_S - 1
    assert send(admin, path, kind="find").get_json() == first
    site.now += 1
    assert send(admin, path, kind="find").get_json() != first
    site.now += idempotency.KEEP_S
    with site.cloud.db.writing() as session:
        idempotency.forget(session, site.now)
    assert count(site, KeptAnswer) == 0


def test_what_was_too_much_may_be_asked_again_under_its_key(site):
    rider, bike = site.person(), site.bike()
    fault = {"code": bike.code, "kind": "brake"}
    most, window = limits.LIMITS["fault"]
    for n in range(most):
        assert send(rider, "/faults", key=f"fault-{n:04}", **fault).status_code == 201
    problem(send(rider, "/faults", **fault), 429, "too_many")
    site.now += window
    assert send(rider, "/faults", **fault).status_code == 201


def test_keys_are_bounded(site, monkeypatch):
    monkeypatch.setattr(idempotency, "MOST", 3)
    bike, admin = site.bike(), site.person("admin")
    path = f"/locks/{bike.hex}/commands"
    for n in range(3):
        assert send(admin, path, key=f"number-{n}", kind="find").status_code == 202
    answer = send(admin, path, key="number-3", kind="find")
    problem(answer, 429, "too_many")
    assert 0 < int(answer.headers["Retry-After"]) <= idempotency.KEEP_S
    assert send(admin, path, key="number-0", kind="find").status_code == 202  # it is there already
    assert count(site, Command) == 3


def test_the_audit_names_an_action_once(site):
    bike, admin = site.bike(), site.person("admin")
    before = count(site, Audit)
    for _ in range(3):
        send(admin, f"/locks/{bike.hex}/commands", kind="find")
    assert count(site, Audit) == before + 1


# ---- cut off, or failed on our side


def broken(site, monkeypatch, where, error):
    """The next call of a function of ours raises; the ones after it are right again."""
    module, name = where.rsplit(".", 1)
    real = getattr(__import__(module, fromlist=[name]), name)
    told = []

    def once(*args, **kwargs):
        if not told:
            told.append(1)
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(where, once)


def test_what_failed_before_it_did_anything_may_be_sent_again(site, monkeypatch):
    bike, admin = site.bike(), site.person("admin")
    broken(site, monkeypatch, "cloud.commands.ask", UNAVAILABLE[0]("x", {}, Exception()))
    problem(send(admin, f"/locks/{bike.hex}/commands", kind="find"), 503, "unavailable")
    assert count(site, KeptAnswer) == count(site, Command) == 0
    assert send(admin, f"/locks/{bike.hex}/commands", kind="find").status_code == 202
    assert count(site, Command) == 1


def test_what_acted_and_then_failed_never_acts_again(site, monkeypatch):
    bike, rider = site.bike(), site.person()
    fields = {"code": bike.code, "holder_key": holder_key()}
    broken(site, monkeypatch, "cloud.views.claim_for_owner", RuntimeError("after the commit"))
    problem(send(rider, "/claims", **fields), 500, "unexpected")
    problem(send(rider, "/claims", **fields), 409, "key_busy")
    site.now += idempotency.CUT_S
    problem(send(rider, "/claims", **fields), 409, "key_cut")
    assert count(site, Claim) == 1


def test_a_call_that_was_cut_off_before_it_acted_is_taken_over_and_the_first_cannot_finish(site):
    secret, box = site.cloud.settings.secret, site.cloud
    first, second = (idempotency.call(secret, KEY, "user x", [b"POST", b"/x"]) for _ in range(2))
    done = []

    def act(name):
        with box.db.writing() as session:
            session.execute(select(1))
        done.append(name)
        return idempotency.Answer(200, [], name.encode())

    def slow():
        site.now += idempotency.CUT_S
        other = threading.Thread(target=lambda: idempotency.once(box, second, lambda: act("second")))
        other.start()
        other.join(20)
        return act("first")

    with pytest.raises(Exception, match="key_busy"):
        idempotency.once(box, first, slow)
    assert done == ["second"]
    assert idempotency.once(box, first, lambda: act("third")) == (
        idempotency.Answer(200, [], b"second"),
        True,
    )


# ---- at once, over real connections to several processes


def test_ten_at_once_act_once(tmp_path):
    site = Site(tmp_path, now=unix_now())
    calls = [(site.bike(), site.person()) for _ in range(8)]
    with served(site, tmp_path / "gunicorn.log") as address:
        for bike, rider in calls:
            body = json.dumps({"code": bike.code, "holder_key": holder_key()})
            answers = at_once(address, "/api/v1/claims", rider.token, secrets.token_hex(8), body)
            said = Counter(status for status, _ in answers)
            assert said[201] >= 1 and set(said) <= {201, 409}, answers
            made = {answer["claim_id"] for status, answer in answers if status == 201}
            assert len(made) == 1
            assert all(answer["code"] == "key_busy" for status, answer in answers if status == 409)
    assert count(site, Claim) == count(site, IssuedToken) == len(calls)
    site.close()


def at_once(address, path, token, key, body, times=10):
    """-> [(status, answer)]"""
    start, answers = threading.Barrier(times, timeout=30), []

    def one():
        connection = http.client.HTTPConnection(*address, timeout=30)
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        start.wait()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answers.append((answer.status, json.loads(answer.read())))
        connection.close()

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == times
    return answers


def test_the_fingerprint_tells_nobody_who_has_not_the_secret(site):
    """A password has few bits: whoever steals the database could try them all against a plain hash."""
    one, other = (idempotency.call(secret * 40, KEY, "x", [b"password"]) for secret in (b"a", b"b"))
    assert one.key_hash == other.key_hash and one.fingerprint != other.fingerprint
    parts = [
        idempotency.call(b"a" * 40, KEY, "x", told).fingerprint for told in ([b"a", b"bc"], [b"ab", b"c"])
    ]
    assert parts[0] != parts[1]


def test_two_programs_behind_one_address_get_their_own_tokens(site):
    admin = site.person("admin")
    tokens = []
    for name in ("one", "two"):
        fields = {"name": name, "kind": "oauth", "scopes": ["fleet:read"]}
        made = admin.post("/clients", **fields).get_json()
        auth = (made["client_id"], made["secret"])
        for _ in range(2):
            answer = site.client.post(
                "/api/v1/oauth/token",
                data={"grant_type": "client_credentials"},
                auth=auth,
                base_url="https://localhost",
                headers={"Idempotency-Key": KEY},
            )
            assert answer.status_code == 200, answer.data
            tokens.append(answer.get_json()["access_token"])
    assert tokens[0] == tokens[1] != tokens[2] == tokens[3]
