"""Whatever a person can see or do on a page, a program can through the API: no page knows more.

What a page shows is what its template is handed; each of these has its twin in TWINS, and so has each form's address
in ACTIONS. A script gets everything from the API, by addresses that are described.
"""

import re
from pathlib import Path

import pytest
from flask import template_rendered

from cloud import openapi
from cloud.body import b64
from cloud.testlock import Pen
from cloud.testsite import NOW, PASSWORD
from protocol import settings

HERE = Path(__file__).parent
NOT_PAGES = ("/sso/", "/api/", "/gbfs/", "/static/", "/healthz", "/readyz", "/metrics", "/.well-known/")
ALWAYS = {"csrf", "person", "config", "g", "request", "session", "now"}
NOTHING = None  # words and links of the page itself

TWINS = {  # template: {what it is handed: the call that tells the same}
    "console.html": {"tiles": NOTHING},  # a frame; the rest comes by script
    "app.html": {"tiles": NOTHING, "colour": NOTHING},  # the riders'
    "account.html": {},  # another
    "api.html": dict.fromkeys(("api", "groups", "wording"), "GET /api/openapi.json"),
}
PARTS = {"base.html"}  # have no route of their own
ACTIONS: dict[str, str] = {}  # route that changes something from a page: its twin; a script's are the API's


def described(site):
    return {f"{op.method} {op.path}" for op in openapi.operations(site.app)}


def pages(site):
    """(method, rule) of what a browser is shown or sends."""
    for rule in site.app.url_map.iter_rules():
        if not rule.rule.startswith(NOT_PAGES) or rule.rule == "/api/":
            yield from ((method, rule.rule) for method in rule.methods - {"HEAD", "OPTIONS"})


def without_twin(site, handed):
    """[what] is on a page and in no answer of the API. `handed`: {template: names}"""
    here = described(site) | {"GET /api/openapi.json"}
    found = [
        f"{method} {rule}"
        for method, rule in pages(site)
        if method != "GET" and ACTIONS.get(f"{method} {rule}") not in here
    ]
    for template, names in handed.items():
        twins = TWINS.get(template, {})
        found += [f"{template}: {name}" for name in sorted(names - ALWAYS - set(twins))]
        found += [f"{template}: {name}" for name, twin in twins.items() if twin and twin not in here]
    return found


@pytest.fixture
def handed(site):
    """{template: names of what it was handed} of every page of a site with a ride in it, seen by an admin."""
    bike, rider = site.bike(), site.person()
    made = rider.claim(bike).get_json()
    pen = Pen(bike.lock_id, bike.k_lock)
    rider.post("/receipts", receipts=[b64(pen.open(bytes.fromhex(made["cti"]), NOW))])
    site.person("admin", login="anna")
    browser, seen = site.app.test_client(), {}

    def note(_app, template, context, **_):
        seen.setdefault(template.name, set()).update(context)

    with template_rendered.connected_to(note, site.app):
        browser.post("/api/v1/sessions", json={"login": "anna", "password": PASSWORD, "cookie": True})
        for method, rule in pages(site):
            if method == "GET":
                path = (
                    rule.replace("<id8:lock_id>", bike.hex)
                    .replace("<path:page>", "locks")
                    .replace("<code:code>", "A1")
                )
                assert "<" not in path, f"say here how {rule} is looked at"
                assert browser.get(path).status_code in (200, 302, 303), path
    return seen


def test_no_page_shows_or_does_what_the_api_does_not(site, handed):
    assert without_twin(site, handed) == []


def test_every_template_was_looked_at(handed):
    assert {path.name for path in (HERE / "templates").glob("*.html")} == set(handed) | PARTS


def test_something_new_on_a_page_is_noticed(site, handed, monkeypatch):
    more = {"console.html": handed["console.html"] | {"secrets"}}
    assert without_twin(site, more) == ["console.html: secrets"]
    assert without_twin(site, {"new.html": {"table"}}) == ["new.html: table"]
    monkeypatch.setattr("cloud.test_ui.pages", lambda site: [("POST", "/erase")])
    assert without_twin(site, {}) == ["POST /erase"]
    monkeypatch.setitem(ACTIONS, "POST /erase", "POST /api/v1/nothing")
    assert without_twin(site, {}) == ["POST /erase"]


def test_scripts_ask_for_addresses_that_are_described(site):
    here = described(site)
    asking = (
        "get(`/locks/${id}/receipts`); all('/locks', 'locks'); send(\"POST\", `/locks/${id}/commands`, {})"
    )
    assert strange(asking, here) == []
    assert strange("get('/bolts'); send('DELETE', `/locks/${id}`); all('/locks/x/y')", here) == [
        "GET /api/v1/bolts",
        "GET /api/v1/locks/x/y",
        "DELETE /api/v1/locks/x",
    ]
    assert (
        strange("fetch('/secret')", here) == strange("new EventSource(there)", here) == ["no call of api.js"]
    )
    scripts = [path for path in (HERE / "static").rglob("*.js") if "vendor" not in path.parts]
    assert scripts
    for script in scripts:
        text = script.read_text()
        if script.name == "api.js":
            assert text.count("fetch(") == text.count("fetch(ROOT + path,") == 1
            text = text.replace("fetch(", "")
        assert strange(text, here) == [], script.name


def strange(text, here):
    """Calls in a script that no route answers. `api.js` has get, all, address and send."""
    rules = [re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(each)) + "$") for each in here]
    asked = [("GET", path) for path in re.findall(r"\b(?:get|all|address)\(\s*[\"'`](/[^\"'`?]*)", text)]
    asked += re.findall(r"\bsend\(\s*[\"'`]([A-Z]+)[\"'`],\s*[\"'`](/[^\"'`?]*)", text)
    asked = [f"{method} /api/v1" + re.sub(r"\$\{[^}]*\}", "x", path) for method, path in asked]
    found = [each for each in asked if not any(rule.match(each) for rule in rules)]
    aside = re.search(r"\bfetch\(\s*[\"'`]|XMLHttpRequest|new EventSource\((?!address\()", text)
    return found + (["no call of api.js"] if aside else [])


def test_a_lock_is_offered_just_the_settings_that_may_be_changed_from_afar():
    script = (HERE / "static/console/commands.js").read_text()
    offered = re.findall(r"^  (\w+): \[(\d+), (\d+)\],$", script, re.M)
    assert [(name, int(low), int(high)) for name, low, high in offered] == list(settings.REMOTE)
