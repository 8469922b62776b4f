"""Whatever comes in, what goes out is an answer or a problem, and never a trace of what is inside."""

import json
import logging
import secrets
import traceback

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from cloud import testdatabase
from cloud.app import create_app
from cloud.body import LIMIT, b64
from cloud.config import Settings
from cloud.db import insert
from cloud.tables import WebSession
from cloud.testsite import PASSWORD, SECRET, Site, holder_key, problem

LOCK, KEY = "0123456789abcdef", b64(bytes(range(32)))
VALID = {  # path: a body that is right in form
    "/users": {"login": "somebody", "password": PASSWORD, "role": "rider"},
    "/sessions": {"login": "somebody", "password": PASSWORD},
    "/claims": {"lock": LOCK, "holder_key": KEY, "mode": "single", "exp": 1_800_000_300, "hold": 60},
    "/claims/" + LOCK + "/token": {"hello": "gwFIAAAAAAAAAAAB", "challenge": "hAFQAAAAAAAAAAAAAAAAAAAAAAFA"},
    "/claims/" + LOCK + "/successor": {"holder_key": KEY},
    "/master-tokens": {"holder_key": KEY, "locks": [LOCK], "group": "01020304", "exp": 1_800_000_300},
    "/locks": {"lock_id": LOCK, "k_lock": KEY, "kind": "exclusive", "group": "01020304"},
    "/locks/" + LOCK + "/floor": {"ride": 1, "master": 1},
    "/locks/" + LOCK + "/commands": {"kind": "find"},
    "/assets": {"code": "A1", "label": "Bike", "lock": LOCK},
}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=40),
    st.sampled_from(
        ["", "\0", "\ud800", "A" * 5000, "=" * 43, "0" * 16, LOCK, KEY, "single", "admin", "' OR 1=1 --"]
    ),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner)
)


@st.composite
def bodies(draw):
    """(path, bytes): a right body with some fields changed, dropped or added, or anything at all."""
    path = draw(st.sampled_from(sorted(VALID)))
    fields = dict(VALID[path])
    for name in draw(st.lists(st.sampled_from([*fields, "extra"]), max_size=3)):
        fields[name] = draw(values)
    for name in draw(st.lists(st.sampled_from([*fields]), max_size=2)):
        fields.pop(name, None)
    whole = json.dumps(fields).encode()
    at = draw(st.integers(0, len(whole)))
    junk = st.one_of(st.binary(max_size=60), values.map(lambda value: json.dumps(value).encode()))
    return path, draw(
        st.sampled_from([whole] * 6 + [whole[:at], whole[:at] + b"\xff" + whole[at:], draw(junk)])
    )


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A site with one lock, and an admin, who is let through to every body."""
    site = Site(tmp_path_factory.mktemp("site"))
    site.admin = site.person("admin")
    site.admin.post("/locks", lock_id=LOCK, k_lock=KEY, kind="exclusive")
    site.admin.post("/assets", code="A1", label="Bike", lock=LOCK)
    yield site
    site.close()


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(bodies())
def test_garbage_gets_a_problem_and_never_a_5xx(busy, monkeypatch, body):
    monkeypatch.setattr("cloud.passwords.make", lambda password: "x")  # argon2 has its own tests
    monkeypatch.setattr("cloud.passwords.matches", lambda stored, password: False)
    busy.now += 1000  # so that no limit on tries hides what is behind it
    path, data = body
    headers = {**busy.admin.headers, "Content-Type": "application/json"}
    answer = busy.client.post("/api/v1" + path, data=data, headers=headers)
    assert answer.status_code < 500, (path, data, answer.data)
    if answer.status_code >= 400:
        problem(answer, answer.status_code, answer.get_json()["code"])


@pytest.mark.parametrize("path", sorted(VALID))
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"{",
        b"{}x",
        b"\xff",
        b"[" * 60000,
        b'{"a":' * 9000,
        b"1" * 6000,
        b'{"a":NaN}',
    ]
    + [b'{"login":"a","login":"b"}', b"\xef\xbb\xbf{}", b"{'a':1}"],
)
def test_what_is_no_json_object_is_refused(busy, path, data):
    answer = busy.client.post(
        "/api/v1" + path, data=data, headers={**busy.admin.headers, "Content-Type": "application/json"}
    )
    assert answer.status_code in ((200, 422) if not data and path.endswith("floor") else (400,))
    if answer.status_code == 400:
        problem(answer, 400, "bad_json")


@pytest.mark.parametrize("path", sorted(VALID))
def test_what_is_not_called_json_is_refused(busy, path):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        headers = {**busy.admin.headers, "Content-Type": kind}
        problem(
            busy.client.post("/api/v1" + path, data=json.dumps(VALID[path]), headers=headers), 415, "not_json"
        )


def test_a_wrong_field_is_named(busy):
    body = problem(busy.admin.post("/claims", lock="x", mode="x", extra=1), 422, "invalid")
    assert {error["field"] for error in body["errors"]} == {"holder_key", "lock", "mode", "extra"}


@pytest.mark.parametrize("label", ["\0", "a\0b", "\ud800", "\x1b[31m", "\u202e", "a\nb", "", "a" * 65])
def test_text_that_a_database_or_a_screen_chokes_on_is_refused(busy, label):
    body = problem(busy.admin.post("/assets", code="B2", label=label), 422, "invalid")
    assert [error["field"] for error in body["errors"]] == ["label"]


def test_too_large_a_body_is_413_with_and_without_a_length(busy):
    big = b'{"login":"' + b"a" * (2 * LIMIT) + b'"}'
    headers = {"Content-Type": "application/json"}
    problem(busy.client.post("/api/v1/sessions", data=big, headers=headers), 413, "too_large")
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    answer = busy.client.post("/api/v1/sessions", data=big, headers=headers, environ_overrides=chunked)
    problem(answer, 413, "too_large")


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "//api/v1/keys",
        "/api/v1/keys/",
        "/api/v1/claims/../../etc/passwd",
        "/api/v1/claims/%00",
        "/api/v1/locks/" + "g" * 16,
    ]
    + [
        "/api/v1/bikes/%F0%9F%9A%B2",
        "/api/v1/bikes/" + "a" * 33,
        "/api/v1/claims/" + "0" * 17,
        "/static/../app.py",
    ],
)
def test_what_is_not_there_is_404(busy, path):
    problem(busy.client.get(path, headers=busy.admin.headers), 404, "not_found")


def test_a_wrong_method_is_405_and_names_the_right_ones(busy):
    answer = busy.client.put("/api/v1/claims", headers=busy.admin.headers)
    problem(answer, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    "cursor", ["", "%00", "'", "a" * 9999, "%ff", "\u2603", b64(b"[1]"), b64(b"[]"), b64(b"1")]
)
def test_a_strange_page_is_refused(busy, cursor):
    for path in ("/locks", "/bikes"):
        body = problem(busy.admin.get(f"{path}?cursor={cursor}"), 422, "invalid")
        assert [error["field"] for error in body["errors"]] == ["cursor"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=01", "limit=x", "limit=1&limit=2", "after=a"]
)
def test_a_strange_query_is_refused(busy, query):
    body = problem(busy.admin.get("/bikes?" + query), 422, "invalid")
    assert [error["field"] for error in body["errors"]] == [query.partition("=")[0]]


def test_the_unexpected_is_500_without_a_word_of_what_is_inside(tmp_path, caplog):
    app = create_app(Settings(secret=SECRET, database_url=f"sqlite:///{tmp_path}/x.db"))

    def broken():
        raise RuntimeError("the inside")

    broken.allowed = None
    app.add_url_rule("/broken", view_func=broken)
    answer = app.test_client().get("/broken")
    problem(answer, 500, "unexpected")
    assert b"inside" not in answer.data and b"Traceback" not in answer.data
    assert "the inside" in caplog.text  # but the operator sees it


def test_a_database_that_is_away_is_503_and_says_to_come_again(caplog):
    app = create_app(Settings(secret=SECRET, database_url="postgresql://nobody:hunter2@127.0.0.1:1/x"))
    for answer in (
        app.test_client().get("/api/v1/keys"),
        app.test_client().get("/api/v1/me", headers={"Authorization": "Bearer x"}),
        app.test_client().post("/api/v1/sessions", json={"login": "anna", "password": PASSWORD}),
    ):
        problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"]
    assert "hunter2" not in caplog.text


def test_a_database_that_is_busy_for_too_long_is_503(site, monkeypatch):
    site.cloud.db.close()
    monkeypatch.setattr("cloud.db.BUSY_MS", 50)
    with testdatabase.held(site.cloud.db):
        problem(
            site.client.post("/api/v1/users", json={"login": "anna", "password": PASSWORD}),
            503,
            "unavailable",
        )
        assert site.client.get("/api/v1/keys").status_code == 200


def test_another_secret_is_500_and_the_log_says_which_setting(site, caplog):
    bike, rider = site.bike(), site.person()
    other = create_app(Settings(secret=SECRET[::-1], database_url=site.url), now=lambda: site.now)
    rider.client = other.test_client()
    problem(rider.claim(bike), 500, "unexpected")
    assert "RINGSLOT_SECRET" in caplog.text


def test_an_error_of_the_database_does_not_show_what_was_to_be_stored(site):
    row = {"token_hash": b"x", "session_id": "s", "user_id": "sesame", "created_at": 1, "expires_at": 2}
    row |= {"device": "", "seen_on": 0, "second": 0, "proved_at": 1}
    with pytest.raises(IntegrityError) as raised, site.cloud.db.writing() as session:
        session.execute(insert(session, WebSession).values(row))  # there is no such user
    said = "".join(traceback.format_exception(raised.value))
    assert "FOREIGN KEY" in said.upper() and "sesame" not in said


def test_no_secret_and_no_token_reaches_the_log(site, caplog):
    caplog.set_level(logging.DEBUG)
    k_lock, lock_id, holder = secrets.token_bytes(32), secrets.token_bytes(8), holder_key()
    admin, rider = site.person("admin"), site.person()
    admin.post("/locks", lock_id=lock_id.hex(), k_lock=b64(k_lock), kind="exclusive")
    admin.post("/locks", lock_id=lock_id.hex(), k_lock=b64(k_lock), kind="exclusive")  # refused
    made = rider.post("/claims", lock=lock_id.hex(), holder_key=holder).get_json()
    rider.post("/claims", lock=lock_id.hex(), holder_key=holder)  # refused
    master = admin.post("/master-tokens", locks=[lock_id.hex()], holder_key=holder).get_json()
    site.client.post("/api/v1/sessions", json={"login": "anna", "password": PASSWORD})
    assert "master token" in caplog.text
    for secret in (
        made["token"],
        master["token"],
        b64(k_lock),
        k_lock.hex(),
        rider.token,
        PASSWORD,
        SECRET.decode(),
    ):
        assert secret not in caplog.text
