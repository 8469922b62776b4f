import secrets

import pytest
from flask import Flask

from cloud import auth, passwords, sessions, testdatabase
from cloud.limits import LIMITS
from cloud.tables import WebSession
from cloud.testsite import PASSWORD, Person, holder_key, problem


def test_a_route_that_does_not_say_who_may_call_it_stops_the_start(site):
    app = Flask("bare")
    app.extensions["ringslot"] = site.cloud
    app.add_url_rule("/", view_func=lambda: "")
    with pytest.raises(RuntimeError, match="does not say who may call it"):
        auth.install(app)


def test_a_strangers_claim_is_not_there(site):
    owner, bike = site.person(), site.bike()
    made = owner.claim(bike).get_json()
    path = f"/claims/{made['claim_id']}"
    for stranger in (site.person(), site.person("technician"), site.person("admin")):
        for answer in (
            stranger.get(path),
            stranger.delete(path),
            stranger.post(path + "/token", **bike.challenge()),
            stranger.post(path + "/successor", holder_key=holder_key()),
        ):
            body = problem(answer, 404, "not_found")
            assert body == problem(
                stranger.get("/claims/" + "00" * 8), 404, "not_found"
            )  # as if it never was
        assert stranger.get("/claims").get_json() == {"claims": [], "next": None}
    assert owner.get(path).get_json()["status"] == "open"
    with site.cloud.db.reading() as session:
        assert session.query(WebSession).count() > 0


def test_signing_up_in_and_out(site):
    client = site.app.test_client(use_cookies=False)
    fields = {"login": " Anna of Example ", "password": PASSWORD}
    made = client.post("/api/v1/users", json=fields)
    assert made.status_code == 201 and made.get_json()["role"] == "rider"
    problem(client.post("/api/v1/users", json={**fields, "login": "anna of EXAMPLE"}), 409, "login_taken")
    answer = client.post("/api/v1/sessions", json={**fields, "login": "ANNA of example"}).get_json()
    person = Person(client, answer["user_id"], answer["token"])
    me = person.get("/me").get_json()
    assert me.pop("csrf") and me == {
        "user_id": made.get_json()["user_id"],
        "login": "anna of example",
        "role": "rider",
        "operator_id": None,
        "email": None,
        "language": None,
        "second_factor": False,
        "erase_asked_at": None,
    }
    assert person.delete("/sessions").status_code == 204
    problem(person.get("/me"), 401, "sign_in")


def test_a_session_ends_by_itself(site):
    person = site.person()
    site.now += sessions.LIFETIME - 1
    assert person.get("/me").status_code == 200
    site.now += 1
    problem(person.get("/me"), 401, "sign_in")


def test_the_database_holds_no_session_token_and_no_password(site):
    client = site.app.test_client()
    client.post("/api/v1/users", json={"login": "anna", "password": PASSWORD})
    token = client.post("/api/v1/sessions", json={"login": "anna", "password": PASSWORD}).get_json()["token"]
    stored = testdatabase.stored(site.cloud.db)
    assert b"anna" in stored
    assert PASSWORD.encode() not in stored and token.encode() not in stored


def test_only_an_admin_makes_staff(site):
    fields = {"login": "newcomer", "password": PASSWORD, "role": "technician"}
    problem(site.client.post("/api/v1/users", json=fields), 403, "forbidden")
    problem(site.person("technician").post("/users", **fields), 403, "forbidden")
    assert site.person("admin").post("/users", **fields).get_json()["role"] == "technician"


def test_passwords_are_argon2id_and_a_spelling_is_one_password():
    stored = passwords.make("Blåbær på sykkel")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$") and stored != passwords.make(
        "Blåbær på sykkel"
    )
    assert passwords.matches(stored, "Bla\u030abær pa\u030a sykkel")
    assert not passwords.matches(stored, "Blåbær på Sykkel")
    assert not passwords.matches(None, "no user has this hash")


def test_an_unknown_login_costs_the_same_work(site, monkeypatch):
    seen = []

    class Counting:
        def __getattr__(self, name):
            return getattr(_HASHER, name)

        def verify(self, stored, password):
            seen.append(stored.rsplit("$", 2)[0])  # algorithm and parameters
            return _HASHER.verify(stored, password)

    _HASHER = passwords._HASHER
    monkeypatch.setattr(passwords, "_HASHER", Counting())
    site.person(login="anna")
    answers = [
        site.client.post("/api/v1/sessions", json={"login": login, "password": "wrong " + PASSWORD})
        for login in ("anna", "nobody")
    ]
    assert problem(answers[0], 401, "wrong_password") == problem(answers[1], 401, "wrong_password")
    assert len(seen) == 2 and seen[0] == seen[1]


def sign_in(site, login, password, address="192.0.2.1"):
    fields = {"login": login, "password": password}
    return site.client.post("/api/v1/sessions", json=fields, environ_base={"REMOTE_ADDR": address})


def test_guessing_a_password_makes_one_wait_and_the_owner_elsewhere_comes_in(site, monkeypatch):
    monkeypatch.setattr(
        passwords, "matches", lambda stored, password: stored is not None and password == PASSWORD
    )
    site.person(login="anna")
    most, window = LIMITS["sign_in"]
    for _ in range(3):
        assert sign_in(site, "anna", PASSWORD).status_code == 201  # good ones do not count
    for _ in range(most):
        problem(sign_in(site, "anna", "wrong " + PASSWORD), 401, "wrong_password")
    answer = sign_in(site, "anna", PASSWORD)
    problem(answer, 429, "too_many")
    assert 0 < int(answer.headers["Retry-After"]) <= window
    assert sign_in(site, "anna", PASSWORD, "192.0.2.2").status_code == 201
    site.now += window
    assert sign_in(site, "anna", PASSWORD).status_code == 201


def test_guessing_many_logins_from_one_address_makes_one_wait(site, monkeypatch):
    monkeypatch.setattr(passwords, "matches", lambda stored, password: False)
    most, _window = LIMITS["sign_in_address"]
    for _ in range(most):
        problem(sign_in(site, secrets.token_hex(8), PASSWORD), 401, "wrong_password")
    problem(sign_in(site, "one-more", PASSWORD), 429, "too_many")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic YTpi",
        "Bearer " + "a" * 3000,
        "bearer\t",
        "Bearer \x80\xff",
        "",
    ],
)
def test_a_strange_authorization_header_is_nobody(site, header):
    answer = site.client.get("/api/v1/me", headers={"Authorization": header})
    problem(answer, 401, "sign_in")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
