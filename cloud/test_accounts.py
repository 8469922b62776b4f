import pytest

from cloud import accounts, links, mail, passwords, testdatabase, testmail
from cloud.limits import LIMITS
from cloud.problem import Problem
from cloud.tables import Base, Mail, MailedLink, User, WebSession
from cloud.testmail import Mailbox
from cloud.testsite import PASSWORD, Person, Site, holder_key, problem

OTHER = "another long password"
ANNA = "anna@example.org"


@pytest.fixture
def site(tmp_path):
    mailbox = Mailbox()
    with testmail.server(tmp_path, mailbox) as post:
        made = Site(tmp_path, post=post)
        made.mailbox = mailbox
        yield made
        made.close()


def mails(site):
    """Send what is due; -> what came since the last time."""
    before = len(site.mailbox.taken)
    mail.send_due(site.cloud, site.now)
    return site.mailbox.taken[before:]


def call(site, path, method="post", **fields):
    return site.client.open("/api/v1" + path, method=method, json=fields)


def sign_up(site, email=ANNA, password=PASSWORD):
    assert call(site, "/sign-ups", email=email).status_code == 202
    (made,) = mails(site)
    return call(site, "/sign-ups/confirm", token=testmail.link(made), password=password)


def sign_in(site, name=ANNA, password=PASSWORD, **more):
    answer = call(site, "/sessions", login=name, password=password, **more)
    if answer.status_code != 201:
        return answer
    item = answer.get_json()
    return Person(site.app.test_client(use_cookies=False), item["user_id"], item["token"])


def test_signing_up_by_mail_and_in_by_the_address(site):
    made = sign_up(site, "Anna@Example.org")
    assert made.status_code == 201 and made.get_json()["role"] == "rider"
    anna = sign_in(site, " ANNA@example.org ")
    me = anna.get("/me").get_json()
    assert me["email"] == ANNA and me["login"] == made.get_json()["login"] and me["login"].startswith("u-")
    assert sign_in(site, me["login"]).get("/me").get_json() | {"csrf": me["csrf"]} == me


def test_a_link_is_good_once_and_for_a_day_and_for_its_purpose(site):
    call(site, "/sign-ups", email=ANNA)
    token = testmail.link(mails(site)[0])
    for path in ("/resets/confirm", "/addresses/confirm"):
        fields = {"token": token} | ({"password": OTHER} if "reset" in path else {})
        problem(call(site, path, **fields), 410, "link_over")
    with pytest.raises(Problem, match="link_over"), site.cloud.db.writing() as session:
        links.take(session, site.cloud.box, "reset", token, site.now)
    problem(call(site, "/sign-ups/confirm", token="A" * 43, password=OTHER), 410, "link_over")
    site.now += links.LIFETIMES["sign_up"]
    problem(call(site, "/sign-ups/confirm", token=token, password=OTHER), 410, "link_over")
    site.now -= 1
    assert call(site, "/sign-ups/confirm", token=token, password=OTHER).status_code == 201
    problem(call(site, "/sign-ups/confirm", token=token, password=OTHER), 410, "link_over")


def test_a_link_in_the_database_is_a_hash_and_what_it_does_is_wrapped(site):
    call(site, "/sign-ups", email=ANNA)
    token = testmail.link(mails(site)[0])
    with site.cloud.db.reading() as session:
        (row,) = session.query(MailedLink).all()
    assert token.encode() not in row.token_hash + row.wrapped and b"anna" not in row.wrapped


def test_whether_an_address_has_an_account_is_told_to_its_mailbox_only(site, monkeypatch):
    sign_up(site)
    written = []
    real = mail.queue
    monkeypatch.setattr(mail, "queue", lambda *args, **more: written.append(args[2:4]) or real(*args, **more))
    for path in ("/sign-ups", "/resets"):
        known, unknown = (call(site, path, email=email) for email in (ANNA, "stranger@example.org"))
        assert (known.status_code, known.data) == (unknown.status_code, unknown.data) == (202, b"")
        said = [{k: v for k, v in each.headers if k != "X-Request-Id"} for each in (known, unknown)]
        assert said[0] == said[1]
    assert written == [
        ("sign_up_known", ANNA),
        ("sign_up", "stranger@example.org"),
        ("reset", ANNA),
        ("reset_unknown", "stranger@example.org"),
    ]
    bert = site.person()
    taken, free = (bert.post("/me/address", email=email) for email in (ANNA, "free@example.org"))
    assert (taken.status_code, taken.data) == (free.status_code, free.data) == (202, b"")
    for each in mails(site):
        assert ("#" in each.get_content()) == each["Subject"].startswith(("Confirm", "Choose"))


def test_nobody_takes_an_address_as_a_login(site):
    answer = call(site, "/users", login=ANNA, password=PASSWORD)
    assert problem(answer, 422, "invalid")["errors"][0]["field"] == "login"
    site.person(login=ANNA)  # of before, or by the command line
    assert sign_up(site, password=OTHER).status_code == 201
    problem(sign_in(site, password=PASSWORD), 401, "wrong_password")
    assert sign_in(site, password=OTHER).get("/me").get_json()["email"] == ANNA, "the verified one wins"


def test_two_links_for_one_address_make_one_account(site):
    for _ in range(2):
        call(site, "/sign-ups", email=ANNA)
    first, second = (testmail.link(made) for made in mails(site))
    assert call(site, "/sign-ups/confirm", token=first, password=PASSWORD).status_code == 201
    problem(call(site, "/sign-ups/confirm", token=second, password=OTHER), 410, "link_over")
    assert sign_in(site).get("/me").status_code == 200


def test_a_reset_ends_every_session_and_every_older_link(site):
    sign_up(site)
    phone, tablet = sign_in(site), sign_in(site)
    call(site, "/resets", email=ANNA)
    older = testmail.link(mails(site)[0])
    call(site, "/resets", email=ANNA)
    token = testmail.link(mails(site)[0])
    problem(call(site, "/resets/confirm", token=older, password=OTHER), 410, "link_over")
    assert phone.get("/me").status_code == 200, "asking alone changes nothing"
    assert call(site, "/resets/confirm", token=token, password=OTHER).status_code == 204
    for device in (phone, tablet):
        problem(device.get("/me"), 401, "sign_in")
    problem(sign_in(site), 401, "wrong_password")
    assert sign_in(site, password=OTHER).get("/me").status_code == 200
    assert [each["Subject"] for each in mails(site)] == ["Your password was changed"]
    problem(call(site, "/resets/confirm", token=token, password=PASSWORD), 410, "link_over")


def test_a_reset_link_for_an_address_without_an_account_does_nothing(site):
    with site.cloud.db.writing() as session:
        token, _until = links.make(session, site.cloud.box, "reset", {"email": ANNA}, site.now)
    problem(call(site, "/resets/confirm", token=token, password=OTHER), 410, "link_over")
    with site.cloud.db.reading() as session:
        assert session.query(User).filter(User.email == ANNA).count() == 0


def test_mails_that_anybody_may_ask_for_are_few(site):
    most, window = LIMITS["mail_to"]
    for _ in range(most):
        assert call(site, "/resets", email=ANNA).status_code == 202
    problem(call(site, "/sign-ups", email=ANNA.upper()), 429, "too_many")
    assert call(site, "/resets", email="bert@example.org").status_code == 202
    with site.cloud.db.reading() as session:
        assert session.query(Mail).count() == most + 1
    site.now += window
    assert call(site, "/resets", email=ANNA).status_code == 202


def test_no_password_is_hashed_for_a_link_that_is_not_good(site, monkeypatch):
    monkeypatch.setattr(passwords, "make", lambda password: pytest.fail("hashed"))
    for path in ("/sign-ups/confirm", "/resets/confirm"):
        problem(call(site, path, token="B" * 43, password=OTHER), 410, "link_over")


def test_another_address_is_confirmed_by_the_new_and_told_to_both(site):
    sign_up(site)
    anna = sign_in(site)
    assert anna.post("/me/address", email="new@example.org").status_code == 202
    told = {each["To"]: each for each in mails(site)}
    assert told[ANNA]["Subject"] == "Your address is about to change"
    assert anna.get("/me").get_json()["email"] == ANNA
    answer = call(site, "/addresses/confirm", token=testmail.link(told["new@example.org"]))
    assert (
        answer.get_json() == {"email": "new@example.org"}
        and anna.get("/me").get_json()["email"] == "new@example.org"
    )
    assert {each["To"]: each["Subject"] for each in mails(site)} == {
        ANNA: "Your address was changed",
        "new@example.org": "Your address was changed",
    }
    problem(sign_in(site, ANNA), 401, "wrong_password")
    assert sign_in(site, "new@example.org").get("/me").status_code == 200


def test_an_address_that_somebody_took_meanwhile_stays_theirs(site):
    bert = site.person()
    bert.post("/me/address", email=ANNA)
    token = testmail.link(mails(site)[0])
    sign_up(site)
    problem(call(site, "/addresses/confirm", token=token), 410, "link_over")
    assert bert.get("/me").get_json()["email"] is None


def test_a_dangerous_act_wants_a_fresh_proof(site):
    sign_up(site)
    anna = sign_in(site)
    site.now += 601
    for answer in (
        anna.post("/me/address", email="new@example.org"),
        anna.put("/me/password", password=OTHER),
        anna.delete("/me"),
    ):
        problem(answer, 403, "prove_again")
    site.now -= 1
    assert anna.put("/me/password", password=OTHER).status_code == 204


def test_a_new_password_signs_the_other_devices_out(site):
    sign_up(site)
    phone, tablet = sign_in(site), sign_in(site)
    assert phone.put("/me/password", password=OTHER).status_code == 204
    assert phone.get("/me").status_code == 200
    problem(tablet.get("/me"), 401, "sign_in")
    problem(sign_in(site), 401, "wrong_password")
    assert sign_in(site, password=OTHER).get("/me").status_code == 200


def test_mails_come_in_the_language_one_chose(site):
    call(site, "/sign-ups", email=ANNA, language="nl")
    (made,) = mails(site)
    assert made["Subject"] == "Bevestig je adres"
    call(site, "/sign-ups/confirm", token=testmail.link(made), password=PASSWORD)
    call(site, "/resets", email=ANNA, language="en")  # a stranger's wish does not count
    assert mails(site)[0]["Subject"] == "Kies een nieuw wachtwoord"
    assert sign_in(site).patch("/me", language="en").status_code == 204
    call(site, "/resets", email=ANNA)
    assert mails(site)[0]["Subject"] == "Choose a new password"
    assert call(site, "/sign-ups", email=ANNA, language="xx").status_code == 422


def test_devices_are_listed_with_the_day_they_were_used_and_can_be_ended(site):
    sign_up(site)
    phone = sign_in(site, device="Anna's phone")
    site.now += 86400
    tablet = sign_in(site, device="tablet")
    rows = tablet.get("/sessions").get_json()["sessions"]
    today = site.now - site.now % 86400
    assert [(r["device"], r["seen_on"], r["here"]) for r in rows] == [
        ("tablet", today, True),
        ("Anna's phone", today - 86400, False),
    ]
    phone.get("/me")
    assert [r["seen_on"] for r in tablet.get("/sessions").get_json()["sessions"]] == [today, today]
    stranger = site.person()
    problem(stranger.delete(f"/sessions/{rows[1]['session_id']}"), 404, "not_found")
    assert tablet.delete(f"/sessions/{rows[1]['session_id']}").status_code == 204
    problem(phone.get("/me"), 401, "sign_in")
    others = [sign_in(site) for _ in range(2)]
    assert tablet.post("/sessions/end-others").status_code == 204
    for device in others:
        problem(device.get("/me"), 401, "sign_in")
    assert tablet.get("/me").status_code == 200 and stranger.get("/me").status_code == 200
    with site.cloud.db.reading() as session:
        shown = str([row.__dict__ for row in session.query(WebSession)])
    assert tablet.token not in shown


def test_leaving_erases_what_says_who_one_was(site):
    sign_up(site, "canary@example.org")
    canary = sign_in(site, "canary@example.org", device="canary's phone")
    bike = site.bike()
    made = canary.claim(bike).get_json()
    canary.delete(f"/claims/{made['claim_id']}")
    canary.post("/me/address", email="canary-2@example.org")
    assert canary.delete("/me").get_json() == {"erased": True, "waits": []}
    problem(canary.get("/me"), 401, "sign_in")
    problem(sign_in(site, "canary@example.org"), 401, "wrong_password")
    assert mails(site)[-1]["Subject"] == "Your account was deleted"
    stored = everything(site)
    assert "canary" not in stored and made["claim_id"] in stored
    if (
        site.cloud.db.engine.dialect.name == "sqlite"
    ):  # not in free pages either, nor in what was written ahead
        with site.cloud.db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        assert b"canary" not in testdatabase.stored(site.cloud.db)
    assert sign_up(site, "canary@example.org").status_code == 201, "and may come back as somebody new"


def everything(site):
    """Every value of every row, as text."""
    found = []

    with site.cloud.db.reading() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(table.select()):
                found += [v.decode("latin-1") if isinstance(v, bytes) else str(v) for v in row]
    return "\n".join(found)


def test_leaving_waits_for_what_is_open_and_can_be_taken_back(site):
    sign_up(site)
    anna = sign_in(site)
    claim = anna.claim(site.bike()).get_json()["claim_id"]
    answer = anna.delete("/me")
    assert answer.get_json() == {"erased": False, "waits": ["claim"]}
    assert anna.get("/me").get_json()["erase_asked_at"] == site.now
    assert accounts.erase_due(site.cloud, site.now) == 0 and anna.get("/me").status_code == 200
    assert anna.post("/me/stay").status_code == 204
    anna.delete(f"/claims/{claim}")
    assert accounts.erase_due(site.cloud, site.now) == 0
    second = anna.post("/claims", lock=site.bike().hex, holder_key=holder_key())
    assert not anna.delete("/me").get_json()["erased"] and second.status_code == 201
    site.now += 86400
    assert accounts.erase_due(site.cloud, site.now) == 1
    problem(anna.get("/me"), 401, "sign_in")


def test_the_last_admin_does_not_leave(site):
    admin = site.person("admin")
    problem(admin.delete("/me"), 409, "last_admin")
    other = site.person("admin")
    assert admin.delete("/me").get_json()["erased"]
    problem(other.delete("/me"), 409, "last_admin")
