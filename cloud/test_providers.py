import socket
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from cloud import limits, oidc, providers, testdatabase, testprovider
from cloud.tables import User
from cloud.tables_people import ProviderLogin
from cloud.testprovider import CLIENT, SECRET
from cloud.testsite import Site, problem


@pytest.fixture(scope="module")
def issuer():
    with testprovider.running() as found:
        yield found


@pytest.fixture
def site(tmp_path, issuer):
    made = Site(tmp_path, hooks_private=True, now=int(time.time()), staff_second_factor=True)
    made.north = made.operator("North")
    made.chief = made.person("admin", operator=made.north)
    requests.post(f"{issuer}/lie", json={}, timeout=5)
    yield made
    made.close()


def trust(site, issuer, **more):
    """-> what the API says of the new provider"""
    fields = {"name": "Company", "issuer": issuer, "client_id": CLIENT, "client_secret": SECRET, **more}
    answer = site.chief.post("/providers", **fields)
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def leave(browser, made, target="/console"):
    """Off to the provider; -> where the browser is sent."""
    answer = browser.get(f"/sso/{made['provider_id']}?next={target}")
    assert answer.status_code == 303, answer.data
    return answer.headers["Location"]


def consent(url, user="alice"):
    """What happens there; -> where the browser is sent, without our host."""
    answer = requests.get(url, cookies={"user": user}, allow_redirects=False, timeout=5)
    assert answer.status_code == 302, answer.text
    back = answer.headers["Location"]
    assert back.startswith("http://localhost:8000/sso/callback?")
    return back.removeprefix("http://localhost:8000")


def visit(site, made, user="alice", browser=None):
    """(browser, the answer of our callback)"""
    browser = browser or site.app.test_client()
    return browser, browser.get(consent(leave(browser, made), user))


def test_a_companys_people_sign_in_by_its_own_provider(site, issuer):
    made = trust(site, issuer)
    browser, answer = visit(site, made)
    assert answer.status_code == 303 and answer.headers["Location"] == "/console"
    me = browser.get("/api/v1/me").get_json()
    assert me["role"] == "rider" and me["email"] is None and me["second_factor"] is False
    again, _answer = visit(site, made)
    assert again.get("/api/v1/me").get_json()["user_id"] == me["user_id"]
    other, _answer = visit(site, made, "bob")
    assert other.get("/api/v1/me").get_json()["user_id"] != me["user_id"]


def test_of_what_a_provider_says_only_the_subject_is_kept(site, issuer):
    visit(site, trust(site, issuer))
    with site.cloud.db.reading() as session:
        (row,) = session.query(ProviderLogin).all()
    assert row.subject == "alice"
    stored = testdatabase.stored(site.cloud.db)
    for said in (b"A Name", b"a.name@company", SECRET.encode()):
        assert said not in stored


def test_the_request_carries_state_nonce_and_a_challenge(site, issuer):
    asked = {
        k: v[0]
        for k, v in parse_qs(urlsplit(leave(site.app.test_client(), trust(site, issuer))).query).items()
    }
    assert asked["response_type"] == "code" and asked["scope"] == "openid" and asked["client_id"] == CLIENT
    assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
    assert len(asked["state"]) == 32 and len(asked["nonce"]) == 32
    assert asked["redirect_uri"] == "http://localhost:8000/sso/callback"


def test_a_visit_ends_once_in_the_same_browser_and_in_time(site, issuer):
    made = trust(site, issuer)
    victim, thief = site.app.test_client(), site.app.test_client()
    back = consent(leave(thief, made), "thief")
    problem(victim.get(back), 403, "sso_refused")  # signing a victim in as the thief
    leave(victim, made)
    problem(victim.get(back), 403, "sso_refused")
    assert thief.get(back).status_code == 303
    problem(thief.get(back), 403, "sso_refused")
    late = consent(leave(victim, made))
    site.now += providers.VISIT_S
    problem(victim.get(late), 403, "sso_refused")


@pytest.mark.parametrize("change", ["code=x", "state=x", "iss=https://elsewhere.example", "code="])
def test_a_callback_that_was_changed_signs_nobody_in(site, issuer, change):
    browser = site.app.test_client()
    back = consent(leave(browser, trust(site, issuer)))
    name, _, value = change.partition("=")
    query = {k: v[0] for k, v in parse_qs(urlsplit(back).query).items()} | {name: value}
    problem(browser.get("/sso/callback", query_string=query), 403, "sso_refused")
    problem(browser.get("/api/v1/me"), 401, "sign_in")


@pytest.mark.parametrize(
    "lie",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another"},
        {"aud": "another", "azp": CLIENT},
        {"aud": ["another", "third"]},
        {"nonce": "of another visit"},
        {"nonce": None},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": 7},
        {"key": "other"},
        {"key": "none"},
        {"azp": "another"},
    ],
)
def test_an_id_token_that_does_not_hold_signs_nobody_in(site, issuer, lie):
    made = trust(site, issuer)
    requests.post(f"{issuer}/lie", json=lie, timeout=5)
    browser, answer = visit(site, made)
    problem(answer, 403, "sso_refused")
    problem(browser.get("/api/v1/me"), 401, "sign_in")
    with site.cloud.db.reading() as session:
        assert session.query(ProviderLogin).count() == 0
    requests.post(f"{issuer}/lie", json={}, timeout=5)
    assert visit(site, made)[1].status_code == 303


def test_a_wrong_client_secret_signs_nobody_in(site, issuer):
    made = trust(site, issuer, client_secret="wrong")
    problem(visit(site, made)[1], 403, "sso_refused")


@pytest.mark.parametrize("path", ["/nowhere", "/elsewhere"])
def test_a_provider_that_is_not_what_was_configured_is_not_asked(site, issuer, path):
    made = trust(site, issuer + path)  # nothing there; a redirect, whose issuer is another
    problem(site.app.test_client().get(f"/sso/{made['provider_id']}"), 403, "sso_refused")


def test_a_provider_that_is_away_is_said_so(site):
    made = trust(site, "http://127.0.0.1:1")
    problem(site.app.test_client().get(f"/sso/{made['provider_id']}"), 403, "sso_refused")


def test_no_provider_is_in_our_own_network_unless_it_may(tmp_path, issuer):
    made = Site(tmp_path)
    chief = made.person("admin", operator=made.operator("North"))
    fields = {"name": "x", "client_id": "x", "client_secret": "x"}
    for url in (
        issuer,
        "https://127.0.0.1",
        "https://[::1]/",
        "https://10.0.0.1",
        "ftp://example.org",
        "https://a?b=c",
    ):
        problem(chief.post("/providers", **fields, issuer=url), 422, "invalid")
    with socket.create_server(("127.0.0.1", 0)) as ours:  # a name is looked up, and nobody knocks
        ours.setblocking(False)
        url = f"https://localhost:{ours.getsockname()[1]}"
        with pytest.raises(oidc.Refused):
            oidc.begin(oidc.Known(url, "x", "x", testprovider.BACK, False))
        with pytest.raises(BlockingIOError):
            ours.accept()
    made.close()


def test_only_the_operators_admin_sees_and_removes_a_provider(site, issuer):
    made = trust(site, issuer)
    assert SECRET not in str(made) and site.chief.get("/providers").get_json()["providers"] == [made]
    stranger = site.person("admin", operator=site.operator("South"))
    assert stranger.get("/providers").get_json()["providers"] == []
    problem(stranger.delete(f"/providers/{made['provider_id']}"), 404, "not_found")
    browser, _answer = visit(site, made)
    waiting = site.app.test_client()
    back = consent(leave(waiting, made))
    assert site.chief.delete(f"/providers/{made['provider_id']}").status_code == 204
    problem(browser.get("/api/v1/me"), 401, "sign_in")
    problem(waiting.get(back), 403, "sso_refused")
    problem(site.app.test_client().get(f"/sso/{made['provider_id']}"), 404, "not_found")


def test_its_people_become_members_of_the_companys_group(site, issuer):
    group = site.chief.post("/groups", name="Company", members_only=True).get_json()["group_id"]
    stranger = site.person("admin", operator=site.operator("South"))
    fields = {"name": "x", "issuer": issuer, "client_id": CLIENT, "group": group}
    problem(stranger.post("/providers", **fields), 404, "not_found")
    browser, _answer = visit(site, trust(site, issuer, group=group))
    members = site.chief.get(f"/groups/{group}/members").get_json()["members"]
    assert [row["user_id"] for row in members] == [browser.get("/api/v1/me").get_json()["user_id"]]


@pytest.mark.parametrize("vouches", [True, False])
def test_staff_that_came_by_a_provider_needs_a_second_factor_from_it_or_from_us(site, issuer, vouches):
    made = trust(site, issuer, second=vouches)
    browser, _answer = visit(site, made)
    with site.cloud.db.writing() as session:
        row = session.get(User, browser.get("/api/v1/me").get_json()["user_id"])
        row.role, row.operator_id = "technician", site.north
    browser, _answer = visit(site, made)
    answer = browser.get("/api/v1/locks")
    assert answer.status_code == 200 if vouches else problem(answer, 403, "second_factor_needed")


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_elsewhere_after_signing_in(site, issuer, target):
    browser = site.app.test_client()
    answer = browser.get(consent(leave(browser, trust(site, issuer), target)))
    assert answer.headers["Location"] == "/console"


def test_visits_from_one_address_are_bounded(site, issuer, monkeypatch):
    made = trust(site, issuer)
    monkeypatch.setitem(limits.LIMITS, "sso", (2, 600))
    for _ in range(2):
        leave(site.app.test_client(), made)
    problem(site.app.test_client().get(f"/sso/{made['provider_id']}"), 429, "too_many")
