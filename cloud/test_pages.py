"""The console's door: cookie, CSRF, where one lands."""

import re

import pytest

from cloud import passwords
from cloud.routes.pages import local
from cloud.testsite import PASSWORD, problem


@pytest.fixture
def browser(site):
    site.person("admin", login="anna")
    return site.app.test_client()


def sign_in(browser, password=PASSWORD, **more):
    fields = {"login": "anna", "password": password, "cookie": True}
    return browser.post("/api/v1/sessions", json=fields, **more)


def csrf(browser):
    return browser.get("/api/v1/me").get_json()["csrf"]


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(browser):
    (cookie,) = sign_in(browser).headers.getlist("Set-Cookie")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie and "Secure" not in cookie
    elsewhere = browser.application.test_client()
    (cookie,) = sign_in(elsewhere, base_url="https://localhost").headers.getlist("Set-Cookie")
    assert "Secure" in cookie


def test_a_rider_stays_signed_in_on_their_phone_and_staff_for_a_shift(browser, site):
    site.person("rider", login="ben")
    for login, hours in (("anna", 12), ("ben", 30 * 24)):
        fields = {"login": login, "password": PASSWORD, "cookie": True}
        answer = browser.post("/api/v1/sessions", json=fields)
        assert f"Max-Age={hours * 3600};" in answer.headers["Set-Cookie"]
        assert answer.get_json()["expires_at"] == site.now + hours * 3600
        browser.delete_cookie("ringslot_session")


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
    assert sign_in(browser, headers={"X-CSRF-Token": csrf(browser)}).status_code == 201


def test_signing_out_ends_the_session(browser):
    sign_in(browser)
    problem(browser.delete("/api/v1/sessions"), 403, "csrf")
    cookie = browser.get_cookie("ringslot_session").value
    assert browser.delete("/api/v1/sessions", headers={"X-CSRF-Token": csrf(browser)}).status_code == 204
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
    ours = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert sign_in(browser, headers=ours).status_code == 201


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
def test_one_lands_on_a_page_of_ours(target, lands):
    assert local(target) == lands


def test_who_types_only_the_name_lands_on_the_console(browser):
    assert browser.get("/").headers["Location"] == "/console"


def test_too_many_tries_are_refused(browser, monkeypatch):
    monkeypatch.setattr(passwords, "matches", lambda stored, password: False)
    answers = [sign_in(browser) for _ in range(11)]
    problem(answers[-1], 429, "too_many")
    assert answers[-1].headers["Retry-After"]


@pytest.mark.parametrize("path", ["/console", "/console/locks/0000000000000000", "/account"])
def test_a_frame_holds_nothing_of_anybody_and_asks_nobody_else(browser, path):
    text = browser.get(path).get_data(as_text=True)
    sign_in(browser)
    assert browser.get(path).get_data(as_text=True) == text
    assert "http" not in text and "style=" not in text and not re.search(r"\son\w+=", text)
    assert all("src=" in tag for tag in re.findall("<script[^>]*>", text)) and "<style" not in text


def test_the_style_asks_nobody_else(browser):
    css = browser.get("/static/style.css").get_data(as_text=True)
    assert "url(" not in css and "@import" not in css


def test_every_answer_forbids_scripts_of_others_and_sniffing(browser):
    for path in ("/console", "/api/v1/keys", "/nowhere", "/static/style.css"):
        headers = browser.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe-inline" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert ("no-store" in headers["Cache-Control"]) == (not path.startswith("/static"))
    assert "Strict-Transport-Security" in browser.get("/console", base_url="https://localhost").headers
