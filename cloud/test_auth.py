import secrets

import pytest
from flask import Flask

from cloud import auth, passwords, sessions, testdatabase
from cloud.limits import LIMITS
from cloud.tables import WebSession
from cloud.testsite import PASSWORD, Person, holder_key, problem

ANYONE, EVERYBODY, STAFF = None, {"rider", "technician", "admin"}, {"technician", "admin"}

ALLOWED = {  # the allow-list of every route; a new one is added here by hand
    ("POST", "/api/v1/users"): ANYONE,
    ("POST", "/api/v1/sessions"): ANYONE,
    ("DELETE", "/api/v1/sessions"): EVERYBODY,
    ("GET", "/api/v1/sessions"): EVERYBODY,
    ("DELETE", "/api/v1/sessions/<id22:session_id>"): EVERYBODY,
    ("POST", "/api/v1/sessions/end-others"): EVERYBODY,
    ("POST", "/api/v1/sessions/passkey"): ANYONE,
    ("POST", "/api/v1/sessions/proof"): EVERYBODY,
    ("POST", "/api/v1/passkey-challenges"): ANYONE,
    ("GET", "/api/v1/me/factors"): EVERYBODY,
    ("POST", "/api/v1/tickets"): EVERYBODY,
    ("GET", "/api/v1/tickets"): EVERYBODY,
    ("POST", "/api/v1/providers"): {"admin"},
    ("GET", "/api/v1/providers"): {"admin"},
    ("DELETE", "/api/v1/providers/<id22:provider_id>"): {"admin"},
    ("GET", "/sso/<id22:provider_id>"): ANYONE,
    ("GET", "/sso/callback"): ANYONE,
    ("GET", "/api/v1/tickets/<ticket:ticket_id>"): EVERYBODY,
    ("POST", "/api/v1/tickets/<ticket:ticket_id>/messages"): EVERYBODY,
    ("POST", "/api/v1/tickets/<ticket:ticket_id>/acknowledge"): STAFF,
    ("POST", "/api/v1/tickets/<ticket:ticket_id>/decision"): STAFF,
    ("POST", "/api/v1/staff-invitations"): {"admin"},
    ("POST", "/api/v1/staff-invitations/confirm"): ANYONE,
    ("POST", "/api/v1/staff-invitations/accept"): EVERYBODY,
    ("DELETE", "/api/v1/staff/<opaque:user_id>/factors"): {"admin"},
    ("POST", "/api/v1/me/totp"): EVERYBODY,
    ("POST", "/api/v1/me/totp/confirm"): EVERYBODY,
    ("DELETE", "/api/v1/me/totp"): EVERYBODY,
    ("POST", "/api/v1/me/recovery-codes"): EVERYBODY,
    ("POST", "/api/v1/me/passkey-challenges"): EVERYBODY,
    ("POST", "/api/v1/me/passkey-proofs"): EVERYBODY,
    ("POST", "/api/v1/me/passkeys"): EVERYBODY,
    ("PATCH", "/api/v1/me/passkeys/<id22:passkey_id>"): EVERYBODY,
    ("DELETE", "/api/v1/me/passkeys/<id22:passkey_id>"): EVERYBODY,
    ("POST", "/api/v1/sign-ups"): ANYONE,
    ("POST", "/api/v1/sign-ups/confirm"): ANYONE,
    ("POST", "/api/v1/resets"): ANYONE,
    ("POST", "/api/v1/resets/confirm"): ANYONE,
    ("POST", "/api/v1/addresses/confirm"): ANYONE,
    ("GET", "/api/v1/me"): EVERYBODY,
    ("PATCH", "/api/v1/me"): EVERYBODY,
    ("DELETE", "/api/v1/me"): EVERYBODY,
    ("POST", "/api/v1/me/stay"): EVERYBODY,
    ("PUT", "/api/v1/me/password"): EVERYBODY,
    ("POST", "/api/v1/me/address"): EVERYBODY,
    ("POST", "/api/v1/claims"): EVERYBODY,
    ("GET", "/api/v1/claims"): EVERYBODY,
    ("GET", "/api/v1/claims/<id8:cti>"): EVERYBODY,
    ("DELETE", "/api/v1/claims/<id8:cti>"): EVERYBODY,
    ("POST", "/api/v1/claims/<id8:cti>/token"): EVERYBODY,
    ("POST", "/api/v1/claims/<id8:cti>/successor"): EVERYBODY,
    ("POST", "/api/v1/master-tokens"): STAFF,
    ("GET", "/api/v1/locks"): STAFF,
    ("POST", "/api/v1/locks"): {"admin"},
    ("GET", "/api/v1/locks/<id8:lock_id>"): STAFF,
    ("POST", "/api/v1/locks/<id8:lock_id>/floor"): {"admin"},
    ("POST", "/api/v1/locks/<id8:lock_id>/commands"): STAFF,
    ("POST", "/api/v1/assets"): {"admin"},
    ("GET", "/api/v1/bikes"): EVERYBODY,
    ("GET", "/api/v1/bikes/<code:code>"): EVERYBODY,
    ("GET", "/api/v1/keys"): ANYONE,
    ("GET", "/api/v1/keyset"): STAFF,
    ("POST", "/api/v1/receipts"): EVERYBODY,
    ("POST", "/api/v1/sealed"): EVERYBODY,
    ("GET", "/api/v1/locks/<id8:lock_id>/receipts"): STAFF,
    ("GET", "/api/v1/locks/<id8:lock_id>/notes"): STAFF,
    ("GET", "/api/v1/rides"): EVERYBODY,
    ("POST", "/api/v1/releases"): {"admin"},
    ("GET", "/api/v1/releases"): STAFF,
    ("POST", "/api/v1/rollouts"): {"admin"},
    ("GET", "/api/v1/rollouts"): STAFF,
    ("GET", "/api/v1/rollouts/<id4:rollout_id>"): STAFF,
    ("PATCH", "/api/v1/rollouts/<id4:rollout_id>"): {"admin"},
    ("PATCH", "/api/v1/locks/<id8:lock_id>"): {"admin"},
    ("GET", "/api/v1/rides/<id16:ride_id>"): EVERYBODY,
    ("GET", "/api/v1/rides/<id16:ride_id>/track"): EVERYBODY,
    ("GET", "/healthz"): ANYONE,
    ("GET", "/readyz"): ANYONE,
    ("GET", "/api/v1/events"): EVERYBODY,
    ("GET", "/api/v1/events/history"): EVERYBODY,
    ("GET", "/api/v1/audit"): {"admin"},
    ("GET", "/api/v1/exports/<exported:what>.<form:form>"): {"admin"},
    ("GET", "/gbfs/<opaque:operator_id>/gbfs.json"): ANYONE,
    (
        "GET",
        "/gbfs/<opaque:operator_id>/<any(system_information, vehicle_types, vehicle_status, geofencing_zones, "
        "system_pricing_plans):name>.json",
    ): ANYONE,
    ("GET", "/api/v1/vehicles/<opaque:operator_id>/<id16:vehicle_id>"): EVERYBODY,
    ("GET", "/api/v1/fleet"): STAFF,
    ("GET", "/api/v1/locks/<id8:lock_id>/series"): STAFF,
    ("GET", "/api/v1/locks/<id8:lock_id>/track"): STAFF,
    ("GET", "/api/v1/locks/<id8:lock_id>/commands"): STAFF,
    ("GET", "/api/v1/locks/<id8:lock_id>/assets"): STAFF,
    ("GET", "/api/v1/locks/<id8:lock_id>/measurements"): STAFF,
    ("GET", "/api/v1/assets"): STAFF,
    ("GET", "/api/v1/assets/<id22:asset_id>"): STAFF,
    ("PATCH", "/api/v1/assets/<id22:asset_id>"): {"admin"},
    ("POST", "/api/v1/assets/<id22:asset_id>/lock"): STAFF,
    ("GET", "/api/v1/zones"): EVERYBODY,
    ("POST", "/api/v1/zones"): {"admin"},
    ("GET", "/api/v1/zones/<id8:zone_id>"): STAFF,
    ("PATCH", "/api/v1/zones/<id8:zone_id>"): {"admin"},
    ("DELETE", "/api/v1/zones/<id8:zone_id>"): {"admin"},
    ("GET", "/api/v1/rides/<id16:ride_id>/end"): EVERYBODY,
    ("GET", "/api/v1/attention"): STAFF,
    ("POST", "/api/v1/faults"): EVERYBODY,
    ("GET", "/api/v1/faults"): EVERYBODY,
    ("POST", "/api/v1/faults/<id8:fault_id>/close"): STAFF,
    ("POST", "/api/v1/jobs"): STAFF,
    ("GET", "/api/v1/jobs"): STAFF,
    ("GET", "/api/v1/jobs/<id8:job_id>"): STAFF,
    ("PATCH", "/api/v1/jobs/<id8:job_id>"): STAFF,
    ("POST", "/api/v1/jobs/<id8:job_id>/assign"): STAFF,
    ("POST", "/api/v1/jobs/<id8:job_id>/done"): STAFF,
    ("POST", "/api/v1/webhooks"): {"admin"},
    ("GET", "/api/v1/webhooks"): {"admin"},
    ("GET", "/api/v1/webhooks/<id8:hook_id>"): {"admin"},
    ("PATCH", "/api/v1/webhooks/<id8:hook_id>"): {"admin"},
    ("DELETE", "/api/v1/webhooks/<id8:hook_id>"): {"admin"},
    ("POST", "/api/v1/webhooks/<id8:hook_id>/secret"): {"admin"},
    ("POST", "/api/v1/webhooks/<id8:hook_id>/replay"): {"admin"},
    ("POST", "/api/v1/operators"): {"admin"},
    ("GET", "/api/v1/operators"): STAFF,
    ("GET", "/api/v1/operators/<opaque:operator_id>"): STAFF,
    ("PATCH", "/api/v1/operators/<opaque:operator_id>"): {"admin"},
    ("GET", "/api/v1/staff"): {"admin"},
    ("PATCH", "/api/v1/staff/<opaque:user_id>"): {"admin"},
    ("DELETE", "/api/v1/staff/<opaque:user_id>"): {"admin"},
    ("POST", "/api/v1/clients"): {"admin"},
    ("GET", "/api/v1/clients"): {"admin"},
    ("GET", "/api/v1/clients/<opaque:client_id>"): {"admin"},
    ("DELETE", "/api/v1/clients/<opaque:client_id>"): {"admin"},
    ("POST", "/api/v1/clients/<opaque:client_id>/secret"): {"admin"},
    ("POST", "/api/v1/groups"): {"admin"},
    ("GET", "/api/v1/groups"): STAFF,
    ("GET", "/api/v1/groups/<id4:group_id>"): STAFF,
    ("PATCH", "/api/v1/groups/<id4:group_id>"): {"admin"},
    ("GET", "/api/v1/groups/<id4:group_id>/members"): {"admin"},
    ("DELETE", "/api/v1/groups/<id4:group_id>/members/<opaque:user_id>"): {"admin"},
    ("POST", "/api/v1/groups/<id4:group_id>/invitations"): {"admin"},
    ("DELETE", "/api/v1/groups/<id4:group_id>/invitations"): {"admin"},
    ("POST", "/api/v1/me/groups"): {"rider"},
    ("GET", "/api/v1/me/groups"): {"rider"},
    ("DELETE", "/api/v1/me/groups/<id4:group_id>"): {"rider"},
    ("POST", "/api/v1/oauth/token"): ANYONE,
    ("POST", "/api/v1/oauth/revoke"): ANYONE,
    ("GET", "/.well-known/oauth-authorization-server"): ANYONE,
    ("GET", "/console"): STAFF,
    ("GET", "/console/locks/<id8:lock_id>"): STAFF,
    ("GET", "/"): ANYONE,
    ("GET", "/desk"): ANYONE,
    ("GET", "/desk/<path:page>"): ANYONE,
    ("GET", "/api/"): ANYONE,
    ("GET", "/api/openapi.json"): ANYONE,
    ("GET", "/sign-in"): ANYONE,
    ("POST", "/sign-in"): ANYONE,
    ("POST", "/sign-out"): EVERYBODY,
}
SAMPLE = {
    "<opaque:operator_id>": "nobody",
    "<opaque:user_id>": "nobody",
    "<opaque:client_id>": "nobody",
    "<id4:group_id>": "00" * 4,
    "<id4:rollout_id>": "00" * 4,
    "<id16:ride_id>": "00" * 16,
    "<id8:cti>": "00" * 8,
    "<id8:lock_id>": "00" * 8,
    "<id8:hook_id>": "00" * 8,
    "<exported:what>": "rides",
    "<form:form>": "csv",
    "<id16:vehicle_id>": "00" * 16,
    "<id8:zone_id>": "00" * 8,
    "<id8:fault_id>": "00" * 8,
    "<id8:job_id>": "00" * 8,
    "<id22:asset_id>": "A" * 22,
    "<code:code>": "A1",
    "<id22:session_id>": "A" * 22,
    "<id22:passkey_id>": "A" * 22,
    "<id22:provider_id>": "A" * 22,
    "<ticket:ticket_id>": "A" * 10,
}


def routes(app):
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            if rule.endpoint != "static":
                yield method, rule.rule


def test_the_allow_list_names_every_route(site):
    assert set(routes(site.app)) == set(ALLOWED), "write in ALLOWED who may call the new route"


@pytest.mark.parametrize("method, rule", sorted(ALLOWED))
def test_a_route_lets_in_the_roles_on_its_list_and_nobody_else(site, method, rule):
    path = rule
    for part, value in SAMPLE.items():
        path = path.replace(part, value)
    allowed = ALLOWED[method, rule]
    for role in (None, "rider", "technician", "admin"):
        headers = site.person(role).headers if role else {}
        answer = site.app.test_client(use_cookies=False).open(path, method=method, headers=headers)
        if role is None and allowed is not None and method == "GET" and not path.startswith("/api/"):
            assert answer.status_code == 303 and answer.headers["Location"].startswith("/sign-in?")  # a page
            continue
        refused = answer.is_json and answer.get_json().get("code") in ("sign_in", "forbidden")
        assert refused == (allowed is not None and role not in allowed), (role, answer.status)
        if refused:
            problem(answer, *((401, "sign_in") if role is None else (403, "forbidden")))


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
