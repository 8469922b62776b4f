"""The console's door: cookie, CSRF, where one lands."""

import re

import pytest

from cloud import passwords
from cloud.testsite import PASSWORD, problem


@pytest.fixture
def browser(site):
    site.person("admin", login="anna")
    return site.app.test_client()


def sign_in(browser, target="/console", password=PASSWORD, **more):
    return browser.post("/sign-in", data={"login": "anna", "password": password, "next": target}, **more)


def csrf(browser):
    page = browser.get("/sign-in").get_data(as_text=True)
    return re.search(r'name="csrf" value="([^"]+)"', page).group(1)


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(browser):
    (cookie,) = sign_in(browser).headers.getlist("Set-Cookie")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie and "Secure" not in cookie
    elsewhere = browser.application.test_client()
    (cookie,) = sign_in(elsewhere, base_url="https://localhost").headers.getlist("Set-Cookie")
    assert "Secure" in cookie


def test_a_cookie_reads_with_no_more_and_writes_only_with_the_csrf_token(browser):
    sign_in(browser)
    assert browser.get("/api/v1/me").get_json()["login"] == "anna"
    for headers in ({}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": "\xe9"}):
        problem(browser.post("/api/v1/assets", json={}, headers=headers), 403, "csrf")
    answer = browser.post("/api/v1/assets", json={}, headers={"X-CSRF-Token": csrf(browser)})
    problem(answer, 422, "invalid")


def test_who_is_signed_in_may_sign_in_again(browser):
    sign_in(browser)
    problem(sign_in(browser), 403, "csrf")
    fields = {"login": "anna", "password": PASSWORD, "csrf": csrf(browser)}
    assert browser.post("/sign-in", data=fields).status_code == 303


def test_signing_out_ends_the_session(browser):
    sign_in(browser)
    problem(browser.post("/sign-out"), 403, "csrf")
    cookie = browser.get_cookie("ringslot_session").value
    assert browser.post("/sign-out", data={"csrf": csrf(browser)}).status_code == 303
    assert browser.get_cookie("ringslot_session") is None
    browser.set_cookie("ringslot_session", cookie)
    problem(browser.get("/api/v1/me"), 401, "sign_in")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_signs_nobody_in(browser, headers):
    problem(sign_in(browser, headers=headers), 403, "csrf")
    assert (
        sign_in(browser, headers={"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}).status_code
        == 303
    )


@pytest.mark.parametrize(
    "target, lands",
    [
        ("/console/locks?x=1", "/console/locks?x=1"),
        ("https://evil.example/", "/console"),
        ("//evil.example/", "/console"),
        ("///evil.example/", "/console"),
        ("/\\evil.example/", "/console"),
        ("/\n/evil.example", "/console"),
        ("javascript:alert(1)", "/console"),
        ("//[", "/console"),
        ("", "/console"),
    ],
)
def test_one_lands_on_a_page_of_ours(browser, target, lands):
    assert sign_in(browser, target).headers["Location"] == lands


def test_a_wrong_password_says_so_on_the_page(browser):
    for password in ("wrong " + PASSWORD, "short", ""):
        answer = sign_in(browser, password=password)
        assert answer.status_code == 401 and "do not match" in answer.get_data(as_text=True)


def test_too_many_tries_say_so_on_the_page(browser, monkeypatch):
    monkeypatch.setattr(passwords, "matches", lambda stored, password: False)
    answers = [sign_in(browser) for _ in range(11)]
    assert answers[-1].status_code == 429 and "wait" in answers[-1].get_data(as_text=True)
    assert answers[-1].headers["Retry-After"]


def test_what_a_person_typed_is_escaped(browser):
    page = browser.get("/sign-in?next=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E").get_data(as_text=True)
    assert "<script>" not in page


def test_every_answer_forbids_scripts_of_others_and_sniffing(browser):
    for path in ("/sign-in", "/api/v1/keys", "/nowhere", "/static/style.css"):
        headers = browser.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe-inline" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert ("no-store" in headers["Cache-Control"]) == (not path.startswith("/static"))
    assert "Strict-Transport-Security" in browser.get("/sign-in", base_url="https://localhost").headers
