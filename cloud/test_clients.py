"""Programs with keys and OAuth credentials: what they get, what they see, and what they never do."""

import logging
from base64 import b64encode

import pytest
import sqlalchemy as sa
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from cloud import clients, fixes, limits
from cloud.tables import AccessToken, Client, User
from cloud.testride import bring, pen_of
from cloud.testride import ride as ridden
from cloud.testsite import PASSWORD, Person, holder_key, problem

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def admin(site):
    return site.person("admin", operator=site.operator("A"))


def make(admin, *scopes, kind="key", **more):
    answer = admin.post("/clients", name="Partner", kind=kind, scopes=list(scopes), **more)
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def key(site, admin, *scopes) -> Person:
    made = make(admin, *scopes)
    return Person(site.app.test_client(use_cookies=False), made["user_id"], made["secret"])


def ask(site, form, basic=None, path="token"):
    headers = {}
    if basic:
        headers["Authorization"] = "Basic " + b64encode(":".join(basic).encode()).decode()
    return site.client.post(f"/api/v1/oauth/{path}", data=form, headers=headers)


def credentials(made):
    return made["client_id"], made["secret"]


def granted(site, made, **form) -> Person:
    answer = ask(site, {"grant_type": "client_credentials", **form}, credentials(made))
    assert answer.status_code == 200, answer.get_json()
    return Person(site.app.test_client(use_cookies=False), made["user_id"], answer.get_json()["access_token"])


# ---- keys


def test_a_key_is_shown_once_and_its_hash_is_all_that_is_kept(site, admin):
    made = make(admin, "fleet:read")
    assert made["secret"].startswith("rk.") and len(made["secret"]) == 46
    for path in ("/clients", f"/clients/{made['client_id']}"):
        answer = admin.get(path)
        assert answer.status_code == 200 and made["secret"] not in answer.get_data(as_text=True)
    with site.cloud.db.reading() as session:
        rows = session.execute(sa.select(*Client.__table__.columns)).all()
        assert made["secret"] not in repr(rows) and made["secret"][3:] not in repr(rows)


def test_a_key_acts_for_its_operator_by_its_scopes_and_says_which_one_was_missing(site, admin):
    mine = site.bike(operator=admin.get("/me").get_json()["operator_id"])
    other = site.bike(operator=site.operator("B"))
    program = key(site, admin, "fleet:read")
    assert [lock["lock_id"] for lock in program.get("/locks").get_json()["locks"]] == [mine.hex]
    problem(program.get(f"/locks/{other.hex}"), 404, "not_found")
    refused = program.post(f"/locks/{mine.hex}/commands", kind="find")
    assert problem(refused, 403, "scope")["scope"] == "fleet:write"
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="fleet:write"'
    problem(program.get("/rides"), 403, "scope")
    for answer in (
        program.get("/me"),
        program.delete("/sessions"),
        program.get("/clients"),
        program.post("/master-tokens", holder_key=holder_key(), locks=[mine.hex]),
    ):
        problem(answer, 403, "persons_only")
    staff = {"login": "newcomer", "password": PASSWORD, "role": "admin"}
    problem(program.post("/users", **staff), 403, "forbidden")


def test_a_key_says_on_which_day_it_was_last_used(site, admin):
    made = make(admin, "bikes:read")
    program = Person(site.app.test_client(use_cookies=False), made["user_id"], made["secret"])
    day = site.now - site.now % 86400
    shown = []
    for wait in (0, 3600, 86400):
        site.now += wait
        if wait != 3600:
            shown.append(admin.get(f"/clients/{made['client_id']}").get_json()["used_on"])
        assert program.get("/bikes").status_code == 200
    shown.append(admin.get(f"/clients/{made['client_id']}").get_json()["used_on"])
    assert shown == [None, day, site.now - site.now % 86400]


def test_a_revoked_key_is_nobody_and_a_renewed_one_has_only_its_new_secret(site, admin):
    made = make(admin, "bikes:read")
    program = Person(site.app.test_client(use_cookies=False), made["user_id"], made["secret"])
    renewed = admin.post(f"/clients/{made['client_id']}/secret").get_json()["secret"]
    problem(program.get("/bikes"), 401, "sign_in")
    program.headers = {"Authorization": f"Bearer {renewed}"}
    assert program.get("/bikes").status_code == 200
    assert admin.delete(f"/clients/{made['client_id']}").status_code == 204
    problem(program.get("/bikes"), 401, "sign_in")
    problem(admin.post(f"/clients/{made['client_id']}/secret"), 409, "client_revoked")


def test_a_cookie_brings_no_key(site, admin):
    made = make(admin, "bikes:read")
    browser = site.app.test_client()
    browser.set_cookie("ringslot_session", made["secret"])
    problem(browser.get("/api/v1/bikes"), 401, "sign_in")


def test_nobody_signs_in_as_a_program(site, admin):
    made = make(admin, "bikes:read")
    with site.cloud.db.reading() as session:
        login = session.get(User, made["user_id"]).login
    for password in (made["secret"], clients.NOBODY * 10):
        answer = site.client.post("/api/v1/sessions", json={"login": login, "password": password})
        problem(answer, 401, "wrong_password")


def test_the_platforms_scopes_are_for_its_own_clients(site, admin):
    body = {"name": "Builder", "kind": "key", "scopes": ["platform:read"]}
    problem(admin.post("/clients", **body), 422, "scope_of_platform")
    problem(admin.post("/clients", **body, operator=site.operator("B")), 404, "not_found")
    platform = site.person("admin")
    program = key(site, platform, "platform:read", "fleet:read")
    site.bike(operator=site.operator("C"))
    assert program.get("/releases").status_code == program.get("/keyset").status_code == 200
    assert len(program.get("/locks").get_json()["locks"]) == 1


def test_what_a_program_does_is_in_the_audit_log_under_its_name(site, admin):
    bike = site.bike(operator=admin.get("/me").get_json()["operator_id"])
    program = key(site, admin, "fleet:write")
    assert program.post(f"/locks/{bike.hex}/commands", kind="find").status_code == 202
    entry = admin.get("/audit").get_json()["audit"][0]
    assert (entry["who"], entry["user_id"]) == ("Partner", program.user_id)
    assert entry["route"].endswith("/commands") and entry["objects"]["lock_id"] == bike.hex


# ---- claims in a program's own name, and personal data


def test_a_program_claims_in_its_own_name_and_never_touches_a_riders(site, admin):
    operator = admin.get("/me").get_json()["operator_id"]
    mine, taken = (site.bike(operator=operator) for _ in range(2))
    other = site.bike(operator=site.operator("B"))
    rider, program = site.person(), key(site, admin, "claims:write")
    theirs = rider.claim(taken).get_json()
    made = program.claim(mine)
    assert made.status_code == 201
    with site.cloud.db.reading() as session:
        row = session.get(User, program.user_id)
        assert (row.role, row.password) == ("rider", clients.NOBODY)
    assert [c["claim_id"] for c in program.get("/claims").get_json()["claims"]] == [
        made.get_json()["claim_id"]
    ]
    path = f"/claims/{theirs['claim_id']}"
    for answer in (
        program.get(path),
        program.delete(path),
        program.post(path + "/token", **taken.challenge()),
        program.post(path + "/successor", holder_key=holder_key()),
        program.claim(other),
        program.post("/claims", lock=other.hex, holder_key=holder_key()),
    ):
        problem(answer, 404, "not_found")
    problem(rider.get(f"/claims/{made.get_json()['claim_id']}"), 404, "not_found")
    assert "claim_id" not in problem(program.claim(taken), 409, "already_claimed")


def test_a_program_may_hold_more_claims_than_a_rider_and_not_without_end(site, admin, monkeypatch):
    monkeypatch.setattr("cloud.claims.CLIENT_CLAIMS", 7)
    operator = admin.get("/me").get_json()["operator_id"]
    program = key(site, admin, "claims:write")
    answers = [program.claim(site.bike(operator=operator)) for _ in range(8)]
    assert [answer.status_code for answer in answers[:7]] == [201] * 7
    problem(answers[7], 409, "claim_limit")


def test_where_somebody_rode_needs_a_scope_of_its_own(site, admin):
    bike = site.bike(operator=admin.get("/me").get_json()["operator_id"])
    rider = site.person()
    ridden(site, bike, rider)
    fleet, times, places = (key(site, admin, f"{scope}:read") for scope in ("fleet", "rides", "tracks"))
    (ride,) = times.get("/rides").get_json()["rides"]
    path = f"/rides/{ride['ride_id']}"
    assert times.get(path).get_json()["receipts"] == []  # a receipt says where
    problem(times.get(path + "/track"), 403, "scope")
    problem(times.get(f"/locks/{bike.hex}/receipts"), 403, "scope")
    assert places.get(path + "/track").get_json()["geometry"]["type"] == "LineString"
    assert len(places.get(f"/locks/{bike.hex}/receipts").get_json()["receipts"]) == 3
    problem(places.get("/rides"), 403, "scope")
    assert fleet.get(f"/locks/{bike.hex}").get_json()["claims"] == []
    both = key(site, admin, "fleet:read", "rides:read")
    assert len(both.get(f"/locks/{bike.hex}").get_json()["claims"]) == 1
    told = {
        name: {event["kind"].split(".")[0] for event in who.get("/events/history").get_json()["events"]}
        for name, who in (("fleet", fleet), ("both", both))
    }
    assert (
        told["both"] - told["fleet"] == {"ride", "claim"}
        and told["fleet"] == {"receipt", "lock"} & told["both"]
    )
    for program in (fleet, times, places, both):  # who it was, no scope tells
        for asked in ("/rides", path, path + "/track", "/locks", f"/locks/{bike.hex}", "/events/history"):
            assert rider.user_id not in program.get(asked).get_data(as_text=True)


def test_where_somebody_rides_just_now_is_not_for_who_looks_after_the_fleet(site, admin):
    bike = site.bike(operator=admin.get("/me").get_json()["operator_id"])
    rider = site.person()
    cti = bytes.fromhex(rider.claim(bike).get_json()["cti"])
    at = {
        "lock_id": bike.hex,
        "seq": 1,
        "at": site.now - 60,
        "lat": 520000000,
        "lon": 50000000,
        "accuracy": 9,
    }
    with site.cloud.db.writing() as session:
        fixes.store(session, [at])

    def place(program):
        said = program.get("/fleet").get_json()
        (row,) = (dict(zip(said["columns"], row, strict=True)) for row in said["rows"])
        return [row[name] for name in ("lat", "lon", "fix_at", "accuracy_dm")]

    fleet, both = key(site, admin, "fleet:read"), key(site, admin, "fleet:read", "tracks:read")
    known = [520000000, 50000000, site.now - 60, 9]
    assert place(fleet) == place(both) == place(admin) == known
    bring(rider, pen_of(bike).open(cti, site.now - 30))
    assert place(fleet) == [None] * 4 and place(both) == place(admin) == known


def test_which_of_the_staff_did_something_no_program_is_told(site, admin):
    bike = site.bike(operator=admin.get("/me").get_json()["operator_id"])
    admin.post(f"/locks/{bike.hex}/commands", kind="find")
    path = f"/locks/{bike.hex}/commands"
    assert admin.get(path).get_json()["commands"][0]["by"] == admin.get("/me").get_json()["login"]
    assert key(site, admin, "fleet:read").get(path).get_json()["commands"][0]["by"] is None


# ---- OAuth


def test_credentials_get_a_short_lived_token_by_basic_and_by_the_body(site, admin):
    made = make(admin, "bikes:read", "fleet:read", kind="oauth")
    for form, basic in (
        ({}, credentials(made)),
        ({"client_id": made["client_id"], "client_secret": made["secret"]}, None),
    ):
        answer = ask(site, {"grant_type": "client_credentials", **form}, basic)
        said = answer.get_json()
        assert answer.status_code == 200 and answer.mimetype == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"  # RFC 6749 section 5.1
        assert said.keys() == {"access_token", "token_type", "expires_in", "scope"}
        assert (said["token_type"], said["expires_in"], said["scope"]) == (
            "Bearer",
            900,
            "bikes:read fleet:read",
        )
        program = Person(site.client, made["user_id"], said["access_token"])
        assert program.get("/locks").status_code == 200
        with site.cloud.db.reading() as session:
            stored = repr(session.execute(sa.select(*AccessToken.__table__.columns)).all())
        assert said["access_token"] not in stored and said["access_token"][3:] not in stored
        site.now += 899
        assert program.get("/locks").status_code == 200
        site.now += 1
        problem(program.get("/locks"), 401, "sign_in")


def test_a_token_may_have_less_than_its_client_and_never_more(site, admin):
    made = make(admin, "bikes:read", "fleet:read", kind="oauth")
    program = granted(site, made, scope="bikes:read")
    assert program.get("/bikes").status_code == 200
    problem(program.get("/locks"), 403, "scope")
    for scope in ("bikes:read rides:read", "everything", "platform:write"):
        answer = ask(site, {"grant_type": "client_credentials", "scope": scope}, credentials(made))
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_scope")


def test_errors_are_those_of_the_rfc(site, admin):
    made, a_key = make(admin, "bikes:read", kind="oauth"), make(admin, "bikes:read")
    good = {"grant_type": "client_credentials"}
    for form, basic, status, error in (
        (good, (made["client_id"], "wrong"), 401, "invalid_client"),
        (good, ("nobody", made["secret"]), 401, "invalid_client"),
        (good, credentials(a_key), 401, "invalid_client"),  # a key is not for this
        (good, None, 401, "invalid_client"),
        ({}, credentials(made), 400, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "a"}, credentials(made), 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, credentials(made), 400, "unsupported_grant_type"),
        ({"grant_type": ["client_credentials"] * 2}, credentials(made), 400, "invalid_request"),
    ):  # fmt: skip
        answer = ask(site, form, basic)
        assert (answer.status_code, answer.get_json()["error"]) == (status, error), (form, basic)
        assert status != 401 or answer.headers["WWW-Authenticate"].startswith("Basic")  # section 5.2
    in_the_url = "/api/v1/oauth/token?client_id=" + made["client_id"]
    problem(site.client.post(in_the_url, data=good), 422, "invalid")


def test_an_oauth_secret_is_no_key_and_a_token_is_no_credential(site, admin):
    made = make(admin, "bikes:read", kind="oauth")
    problem(Person(site.client, "", made["secret"]).get("/bikes"), 401, "sign_in")
    token = granted(site, made).token
    answer = ask(site, {"grant_type": "client_credentials"}, (made["client_id"], token))
    assert answer.get_json()["error"] == "invalid_client"


def test_a_token_is_revoked_by_its_own_client_at_once(site, admin):
    made, other = make(admin, "bikes:read", kind="oauth"), make(admin, "bikes:read", kind="oauth")
    program = granted(site, made)
    answer = ask(site, {"token": program.token}, credentials(other), "revoke")
    assert answer.status_code == 400 and program.get("/bikes").status_code == 200
    assert ask(site, {"token": program.token}, None, "revoke").status_code == 401
    for _ in range(2):  # RFC 7009 section 2.2: a token that is none is no error
        assert ask(site, {"token": program.token}, credentials(made), "revoke").status_code == 200
        problem(program.get("/bikes"), 401, "sign_in")


def test_revoking_or_renewing_a_client_kills_its_tokens(site, admin):
    made = make(admin, "bikes:read", kind="oauth")
    program = granted(site, made)
    renewed = admin.post(f"/clients/{made['client_id']}/secret").get_json()
    problem(program.get("/bikes"), 401, "sign_in")
    program = granted(site, renewed)
    admin.delete(f"/clients/{made['client_id']}")
    problem(program.get("/bikes"), 401, "sign_in")
    answer = ask(site, {"grant_type": "client_credentials"}, credentials(renewed))
    assert answer.get_json()["error"] == "invalid_client"


def test_guessing_a_secret_makes_one_wait(site, admin):
    made = make(admin, "bikes:read", kind="oauth")
    form = {"grant_type": "client_credentials"}
    for _ in range(3):
        assert ask(site, form, credentials(made)).status_code == 200  # good ones do not count
    for _ in range(limits.LIMITS["client_secret"][0]):
        assert ask(site, form, (made["client_id"], "wrong")).status_code == 401
    problem(ask(site, form, credentials(made)), 429, "too_many")
    site.now += limits.LIMITS["client_secret"][1]
    assert ask(site, form, credentials(made)).status_code == 200


def test_a_token_travels_over_tls_or_not_at_all(site, admin):
    made = make(admin, "bikes:read", kind="oauth")
    form = {"grant_type": "client_credentials"}
    auth = (made["client_id"], made["secret"])
    for base, status in (("http://fleet.example", 400), ("https://fleet.example", 200)):
        answer = site.client.post("/api/v1/oauth/token", data=form, base_url=base, auth=auth)
        assert answer.status_code == status, answer.get_json()


def test_no_log_has_a_secret_or_a_token(site, admin, caplog):
    with caplog.at_level(logging.DEBUG):
        made = make(admin, "bikes:read", kind="oauth")
        program = granted(site, made)
        ask(site, {"token": program.token}, credentials(made), "revoke")
    for secret in (made["secret"], program.token):
        assert secret not in caplog.text and secret[3:] not in caplog.text


def test_the_servers_metadata_holds_by_rfc_8414(site):
    answer = site.client.get("/.well-known/oauth-authorization-server", base_url="https://fleet.example")
    said = answer.get_json()
    assert said["issuer"] == "https://fleet.example"
    # Authlib asks for these of every server; one without an authorization endpoint has nothing to put there.
    no_endpoint = {"authorization_endpoint": said["issuer"], "response_types_supported": ["none"]}
    AuthorizationServerMetadata({**said, **no_endpoint}).validate()
    for name in ("token_endpoint", "revocation_endpoint"):
        path = said[name].removeprefix(said["issuer"])
        assert ("POST", path) in {(m, r.rule) for r in site.app.url_map.iter_rules() for m in r.methods}
