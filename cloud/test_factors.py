import pyotp
import pytest

from cloud import factors, passkeys, testdatabase
from cloud.limits import LIMITS
from cloud.tables_people import Passkey, RecoveryCode
from cloud.test_matrix import ROWS, never
from cloud.testpasskey import Authenticator
from cloud.testsite import PASSWORD, Person, Site, problem


@pytest.fixture
def strict(tmp_path):
    """A site whose staff needs a second factor, as it is in earnest."""
    made = Site(tmp_path, staff_second_factor=True)
    yield made
    made.close()


def sign_in(site, login="anna", **more):
    """A Person, or the answer when nobody came in."""
    answer = site.app.test_client(use_cookies=False).post(
        "/api/v1/sessions", json={"login": login, "password": PASSWORD, **more}
    )
    return signed_in(site, answer) if answer.status_code == 201 else answer


def signed_in(site, answer):
    item = answer.get_json()
    person = Person(site.app.test_client(use_cookies=False), item["user_id"], item["token"])
    person.enrol = item["enrol"]
    return person


def code(site, secret, steps=0):
    return pyotp.TOTP(secret).at(site.now + 30 * steps)


def with_totp(site, person):
    """(secret, recovery codes)"""
    secret = person.post("/me/totp").get_json()["secret"]
    answer = person.post("/me/totp/confirm", code=code(site, secret))
    assert answer.status_code == 200, answer.get_json()
    site.now += 30  # that code is spent
    return secret, answer.get_json()["recovery_codes"]


def with_passkey(site, person, device=None, name="phone"):
    device = device or Authenticator()
    options = person.post("/me/passkey-challenges").get_json()["options"]
    answer = person.post("/me/passkeys", name=name, **device.create(options))
    assert answer.status_code == 201, answer.get_json()
    return device, answer.get_json()


def by_passkey(site, device, **lie):
    client = site.app.test_client(use_cookies=False)
    options = client.post("/api/v1/passkey-challenges").get_json()["options"]
    return client.post("/api/v1/sessions/passkey", json=device.get(options, **lie))


# ---- the authenticator app


def test_the_codes_are_those_of_rfc_6238():
    secret = factors._base32(b"12345678901234567890")
    for at, eight in ((59, "94287082"), (1111111109, "07081804"), (20000000000, "65353130")):  # appendix B
        assert pyotp.TOTP(secret, digits=8).at(at) == eight and pyotp.TOTP(secret).at(at) == eight[2:]


def test_who_has_an_authenticator_app_needs_it(site):
    anna = site.person(login="anna")
    begun = anna.post("/me/totp").get_json()
    assert begun["uri"].startswith("otpauth://totp/Ringslot:anna?") and begun["picture"].startswith(
        "data:image/svg"
    )
    assert sign_in(site).get("/me").status_code == 200, "it does not count before a first code"
    problem(anna.post("/me/totp/confirm", code="000000"), 401, "wrong_code")
    secret, codes = with_totp(site, anna)
    assert len(codes) == factors.CODES
    said = problem(sign_in(site), 401, "second_factor")
    assert said["methods"] == ["totp", "recovery"]
    problem(sign_in(site, code="000000"), 401, "wrong_code")
    in_again = sign_in(site, code=code(site, secret))
    assert in_again.get("/me").get_json()["second_factor"] is True
    problem(sign_in(site, password="wrong " + PASSWORD, code=code(site, secret, 1)), 401, "wrong_password")


def test_a_code_is_good_once_and_a_step_late_or_early(site):
    secret, _codes = with_totp(site, site.person(login="anna"))
    late = code(site, secret, -1)
    problem(sign_in(site, code=late), 401, "wrong_code")  # it confirmed the app
    now = code(site, secret)
    assert sign_in(site, code=now).get("/me").status_code == 200
    problem(sign_in(site, code=now), 401, "wrong_code")
    early = code(site, secret, 1)
    assert sign_in(site, code=early).get("/me").status_code == 200
    problem(sign_in(site, code=now), 401, "wrong_code")  # an older one, after a newer
    site.now += 60
    problem(sign_in(site, code=code(site, secret, 2)), 401, "wrong_code")
    problem(sign_in(site, code=code(site, secret, -2)), 401, "wrong_code")


def test_a_recovery_code_is_good_once_however_it_is_typed(site):
    anna = site.person(login="anna")
    _secret, codes = with_totp(site, anna)
    assert sign_in(site, code=codes[0]).get("/me").status_code == 200
    problem(sign_in(site, code=codes[0]), 401, "wrong_code")
    assert sign_in(site, code=codes[1].replace("-", "").lower()).get("/me").status_code == 200
    assert anna.get("/me/factors").get_json()["recovery_codes"] == factors.CODES - 2
    newer = anna.post("/me/recovery-codes").get_json()["recovery_codes"]
    problem(sign_in(site, code=codes[2]), 401, "wrong_code")
    assert sign_in(site, code=newer[0]).get("/me").status_code == 200
    bert = site.person(login="bert")
    with_totp(site, bert)
    problem(sign_in(site, "bert", code=newer[1]), 401, "wrong_code")  # another's


def test_guessing_codes_makes_one_wait_and_good_ones_do_not_count(site):
    secret, codes = with_totp(site, site.person(login="anna"))
    most, window = LIMITS["code"]
    for n in range(2):
        assert sign_in(site, code=codes[n]).get("/me").status_code == 200
    for _ in range(most):
        problem(sign_in(site, code="000000"), 401, "wrong_code")
    problem(sign_in(site, code=code(site, secret)), 429, "too_many")
    site.now += window
    assert sign_in(site, code=code(site, secret)).get("/me").status_code == 200


def test_the_database_shows_no_secret_of_an_app_and_no_recovery_code(site):
    anna = site.person(login="anna")
    secret = anna.post("/me/totp").get_json()["secret"]
    import base64

    raw = base64.b32decode(secret)
    codes = anna.post("/me/totp/confirm", code=code(site, secret)).get_json()["recovery_codes"]
    stored = testdatabase.stored(site.cloud.db)
    for shown in (raw, secret.encode(), codes[0].encode(), codes[0].replace("-", "").encode()):
        assert shown not in stored
    assert b"totp" in stored or b"anna" in stored


def test_the_first_factor_signs_other_devices_out(site):
    site.person(login="anna")
    phone, thief = sign_in(site), sign_in(site)
    with_totp(site, phone)
    problem(thief.get("/me"), 401, "sign_in")
    assert phone.get("/me").get_json()["second_factor"] is True


def test_a_second_app_does_not_replace_the_first(site):
    anna = site.person(login="anna")
    secret, _codes = with_totp(site, anna)
    problem(anna.post("/me/totp"), 409, "factor_exists")
    problem(anna.post("/me/totp/confirm", code=code(site, secret)), 401, "wrong_code")
    assert anna.delete("/me/totp").status_code == 204
    assert anna.get("/me/factors").get_json() == {"totp": False, "passkeys": [], "recovery_codes": 0}
    problem(anna.delete("/me/totp"), 404, "not_found")
    assert sign_in(site).get("/me").status_code == 200
    with site.cloud.db.reading() as session:
        assert session.query(RecoveryCode).count() == 0


# ---- passkeys


def test_a_passkey_signs_in_without_a_password(site):
    anna = site.person(login="anna")
    device, made = with_passkey(site, anna)
    assert made["name"] == "phone" and len(made["recovery_codes"]) == factors.CODES
    answer = by_passkey(site, device)
    assert answer.status_code == 201 and answer.get_json()["user_id"] == anna.user_id
    assert signed_in(site, answer).get("/me").get_json()["second_factor"] is True
    assert problem(sign_in(site), 401, "second_factor")["methods"] == ["passkey", "recovery"]
    assert sign_in(site, code=made["recovery_codes"][0]).get("/me").status_code == 200


@pytest.mark.parametrize(
    "lie",
    [
        {"challenge": "A" * 43},
        {"origin": "https://fleet.example"},
        {"origin": "http://localhost:8001"},
        {"type": "webauthn.get"},
        {"rp": "fleet.example"},
    ],
)
def test_a_passkey_made_for_something_else_is_refused(site, lie):
    anna = site.person(login="anna")
    options = anna.post("/me/passkey-challenges").get_json()["options"]
    problem(
        anna.post("/me/passkeys", name="x", **Authenticator().create(options, **lie)), 401, "passkey_refused"
    )
    assert anna.get("/me/factors").get_json()["passkeys"] == []


@pytest.mark.parametrize(
    "lie",
    [
        {"challenge": "A" * 43},
        {"origin": "https://fleet.example"},
        {"type": "webauthn.create"},
        {"rp": "fleet.example"},
    ],
)
def test_a_passkey_used_for_something_else_is_refused(site, lie):
    device, _made = with_passkey(site, site.person(login="anna"))
    problem(by_passkey(site, device, **lie), 401, "passkey_refused")
    assert by_passkey(site, device).status_code == 201


def test_a_passkey_that_does_not_know_its_owner_is_refused(site):
    anna = site.person(login="anna")
    options = anna.post("/me/passkey-challenges").get_json()["options"]
    careless = Authenticator(verifies=False)
    problem(anna.post("/me/passkeys", name="x", **careless.create(options)), 401, "passkey_refused")
    device, _made = with_passkey(site, anna)
    device.verifies = False
    problem(by_passkey(site, device), 401, "passkey_refused")


def test_a_copied_passkey_is_found_by_its_counter(site):
    device, _made = with_passkey(site, site.person(login="anna"))
    for _ in range(3):
        assert by_passkey(site, device).status_code == 201
    device.counter = 1  # the copy was made then
    problem(by_passkey(site, device), 401, "passkey_refused")


def test_a_challenge_is_good_once_for_a_while_and_for_its_purpose(site):
    anna = site.person(login="anna")
    device, _made = with_passkey(site, anna)
    client = site.app.test_client(use_cookies=False)
    options = client.post("/api/v1/passkey-challenges").get_json()["options"]
    answer = device.get(options)
    assert client.post("/api/v1/sessions/passkey", json=answer).status_code == 201
    problem(client.post("/api/v1/sessions/passkey", json=answer), 401, "passkey_refused")
    problem(client.post("/api/v1/sessions/passkey", json=device.get(options)), 401, "passkey_refused")
    late = client.post("/api/v1/passkey-challenges").get_json()["options"]
    site.now += passkeys.CHALLENGE_S
    problem(client.post("/api/v1/sessions/passkey", json=device.get(late)), 401, "passkey_refused")
    mine = anna.post("/me/passkey-proofs").get_json()["options"]
    problem(client.post("/api/v1/sessions/passkey", json=device.get(mine)), 401, "passkey_refused")
    making = anna.post("/me/passkey-challenges").get_json()["options"]
    making |= {"rpId": "localhost", "userVerification": "required"}
    problem(client.post("/api/v1/sessions/passkey", json=device.get(making)), 401, "passkey_refused")


def test_a_challenge_of_one_person_registers_no_passkey_for_another(site):
    anna, bert = site.person(login="anna"), site.person(login="bert")
    options = anna.post("/me/passkey-challenges").get_json()["options"]
    problem(bert.post("/me/passkeys", name="x", **Authenticator().create(options)), 401, "passkey_refused")


@pytest.mark.parametrize("part", ["credential_id", "client_data", "authenticator_data", "signature"])
def test_any_part_of_a_passkeys_answer_that_is_changed_is_refused(site, part):
    device, _made = with_passkey(site, site.person(login="anna"))
    client = site.app.test_client(use_cookies=False)
    options = client.post("/api/v1/passkey-challenges").get_json()["options"]
    answer = device.get(options)
    for other in (answer[part][:-4] + ("AAAA" if answer[part][-4:] != "AAAA" else "BBBB"), "A" * 60):
        problem(client.post("/api/v1/sessions/passkey", json={**answer, part: other}), 401, "passkey_refused")
    assert client.post("/api/v1/sessions/passkey", json=answer).status_code == 201


def test_passkeys_are_named_counted_and_removed_by_their_owner(site):
    anna, bert = site.person(login="anna"), site.person(login="bert")
    device, made = with_passkey(site, anna)
    with_passkey(site, anna, device, "key ring")
    shown = anna.get("/me/factors").get_json()["passkeys"]
    assert [row["name"] for row in shown] == ["phone", "key ring"] or {r["name"] for r in shown} == {
        "phone",
        "key ring",
    }
    path = f"/me/passkeys/{made['passkey_id']}"
    for answer in (bert.delete(path), bert.patch(path, name="mine")):
        problem(answer, 404, "not_found")
    assert anna.patch(path, name="old phone").status_code == 204
    assert "old phone" in [row["name"] for row in anna.get("/me/factors").get_json()["passkeys"]]
    assert anna.delete(path).status_code == 204
    with site.cloud.db.reading() as session:
        assert session.query(Passkey).count() == 1


def test_a_passkey_is_registered_once(site):
    anna, bert = site.person(login="anna"), site.person(login="bert")
    device = Authenticator()
    options = anna.post("/me/passkey-challenges").get_json()["options"]
    first = device.create(options)
    assert anna.post("/me/passkeys", name="x", **first).status_code == 201
    problem(anna.post("/me/passkeys", name="x", **first), 401, "passkey_refused")
    problem(bert.post("/me/passkeys", name="x", **first), 401, "passkey_refused")


# ---- who must have one


def test_staff_without_a_second_factor_gets_one_and_does_nothing_else(strict):
    """Every route there is, with the session of an admin who signed in by password alone."""
    strict.person("admin", login="anna")
    anna = sign_in(strict)
    assert anna.enrol is True
    open_to_all = {route for route, cells in ROWS.items() if cells == ["anyone"]}
    enrolling = {
        "GET /api/v1/me",
        "DELETE /api/v1/sessions",
        "POST /api/v1/sessions/proof",
        "GET /api/v1/me/factors",
        "POST /api/v1/me/totp",
        "POST /api/v1/me/totp/confirm",
        "POST /api/v1/me/passkey-challenges",
        "POST /api/v1/me/passkeys",
        "POST /api/v1/me/passkey-proofs",
    }
    for route in sorted(set(ROWS) - open_to_all - enrolling):
        method, rule = route.split()
        path = never(rule)
        answer = anna.client.open(path, method=method, headers=anna.headers)
        if path.startswith("/api/"):
            problem(answer, 403, "second_factor_needed")
        else:
            assert answer.status_code in (303, 403), path
    problem(anna.post("/users", login="newcomer", password=PASSWORD, role="admin"), 403, "forbidden")
    secret, _codes = with_totp(strict, anna)
    assert anna.get("/locks").status_code == 200
    again = sign_in(strict, code=code(strict, secret))
    assert again.enrol is False and again.get("/locks").status_code == 200


def test_a_stolen_password_adds_no_factor_to_an_account_that_has_one(strict):
    strict.person("admin", login="anna")
    early = sign_in(strict)  # the thief, before
    anna = sign_in(strict)
    with_passkey(strict, anna)
    problem(early.post("/me/totp"), 401, "sign_in")
    problem(sign_in(strict), 401, "second_factor")
    with strict.cloud.db.writing() as session:  # even with a session of before
        from cloud import sessions

        token, _expires = sessions.start(session, anna.user_id, strict.now)
    thief = Person(strict.app.test_client(use_cookies=False), anna.user_id, token)
    for answer in (thief.post("/me/totp"), thief.post("/me/passkey-challenges")):
        problem(answer, 403, "second_factor_needed")


def test_staff_keeps_a_second_factor_and_riders_need_none(strict):
    strict.person("technician", login="anna")
    anna = sign_in(strict)
    with_totp(strict, anna)
    problem(anna.delete("/me/totp"), 409, "last_factor")
    assert anna.get("/me/factors").get_json()["totp"] is True
    with_passkey(strict, anna)
    assert anna.delete("/me/totp").status_code == 204
    (key,) = anna.get("/me/factors").get_json()["passkeys"]
    problem(anna.delete(f"/me/passkeys/{key['passkey_id']}"), 409, "last_factor")
    strict.person("rider", login="bert")
    bert = sign_in(strict, "bert")
    assert bert.enrol is False and bert.get("/me").status_code == 200


def test_a_fresh_proof_is_given_by_whatever_one_has(site):
    anna = site.person(login="anna")
    site.now += 601
    problem(anna.post("/me/totp"), 403, "prove_again")
    problem(anna.post("/sessions/proof", password="wrong " + PASSWORD), 401, "wrong_password")
    assert anna.post("/sessions/proof", password=PASSWORD).status_code == 204
    secret, _codes = with_totp(site, anna)
    site.now += 601
    problem(anna.post("/sessions/proof", password=PASSWORD), 401, "second_factor")
    problem(anna.post("/sessions/proof", password=PASSWORD, code="000000"), 401, "wrong_code")
    assert anna.post("/sessions/proof", password=PASSWORD, code=code(site, secret)).status_code == 204
    device, _made = with_passkey(site, anna)
    site.now += 601
    problem(anna.delete("/me/totp"), 403, "prove_again")
    answer = device.get(anna.post("/me/passkey-proofs").get_json()["options"])
    bert = site.person()
    problem(bert.post("/sessions/proof", passkey=answer), 401, "passkey_refused")
    assert anna.post("/sessions/proof", passkey=answer).status_code == 204
    assert anna.delete("/me/totp").status_code == 204


def test_guessing_a_password_from_a_session_makes_one_wait(site):
    anna = site.person(login="anna")
    most, _window = LIMITS["proof"]
    for _ in range(most):
        problem(anna.post("/sessions/proof", password="wrong " + PASSWORD), 401, "wrong_password")
    problem(anna.post("/sessions/proof", password=PASSWORD), 429, "too_many")


def test_a_browser_may_keep_its_token_in_a_cookie_that_no_script_reads(site):
    site.person(login="anna")
    browser = site.app.test_client()
    answer = browser.post("/api/v1/sessions", json={"login": "anna", "password": PASSWORD, "cookie": True})
    assert answer.get_json()["token"] is None
    assert "HttpOnly" in answer.headers["Set-Cookie"] and "SameSite=Lax" in answer.headers["Set-Cookie"]
    me = browser.get("/api/v1/me").get_json()
    assert me["login"] == "anna"
    problem(browser.post("/api/v1/sessions/end-others"), 403, "csrf")
    assert (
        browser.post("/api/v1/sessions/end-others", headers={"X-CSRF-Token": me["csrf"]}).status_code == 204
    )
