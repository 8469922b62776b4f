"""The API's description is valid, complete, and what the application does."""

import json
import re
from html.parser import HTMLParser

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from cloud import openapi, testcontract
from cloud.problem import TABLE
from cloud.testsite import problem


def document(site):
    answer = site.client.get("/api/openapi.json")
    assert answer.status_code == 200 and answer.mimetype == "application/json"
    return answer.get_json()


def test_the_document_is_valid_openapi_3_1(site):
    made = document(site)
    assert made["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(made).iter_errors()] == []


def test_the_document_has_every_route_and_each_says_what_it_does(site):
    made = document(site)
    here = {
        (openapi.path(rule.rule), method.lower())
        for rule in site.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/v1/")
    }
    described = {(path, method) for path, item in made["paths"].items() for method in item}
    assert described == here and len(here) > 30
    operations = [operation for item in made["paths"].values() for operation in item.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    for operation in operations:
        assert operation["summary"] != operation["operationId"].replace("_", "."), "give the view a docstring"
        codes = re.findall("`([a-z_]+)`:", json.dumps(operation["responses"]))
        assert codes and set(codes) <= set(TABLE)
    assert "Lock" in made["components"]["schemas"]


def test_the_description_says_who_may_call(site):
    paths = document(site)["paths"]
    assert paths["/api/v1/keys"]["get"]["security"] == []
    assert paths["/api/v1/locks"]["post"]["x-roles"] == ["admin"]
    assert "401" in paths["/api/v1/locks"]["post"]["responses"]
    assert "401" not in paths["/api/v1/keys"]["get"]["responses"]


def test_a_client_of_the_tests_notices_what_is_not_described(site):
    admin, bike = site.person("admin"), site.bike()
    made = json.loads(json.dumps(openapi.document(site.app)))
    rule, answer = "/api/v1/locks/<id8:lock_id>", admin.get(f"/locks/{bike.hex}")
    operation = made["paths"]["/api/v1/locks/{lock_id}"]["get"]
    assert testcontract.complaint(made, rule, "GET", answer) == ""
    made["components"]["schemas"]["LockWithClaims"]["properties"]["battery_mv"] = {"type": "string"}
    assert "battery_mv" in testcontract.complaint(made, rule, "GET", answer)
    operation["responses"]["200"]["content"] = {"text/csv": {}}
    assert "application/json" in testcontract.complaint(made, rule, "GET", answer)
    del operation["responses"]["200"]
    assert "status" in testcontract.complaint(made, rule, "GET", answer)
    missing = admin.get("/locks/" + "00" * 8)
    problem(missing, 404, "not_found")
    made = json.loads(json.dumps(openapi.document(site.app)))
    assert testcontract.complaint(made, rule, "GET", missing) == ""
    listed = made["paths"]["/api/v1/locks/{lock_id}"]["get"]["responses"]["404"]
    listed["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"] = [
        "else"
    ]
    assert "code" in testcontract.complaint(made, rule, "GET", missing)


def test_an_answer_with_a_field_too_many_fails_the_test_that_asked(site, monkeypatch):
    real = __import__("cloud.views", fromlist=["lock"]).lock
    monkeypatch.setattr("cloud.views.lock", lambda row, asset: {**real(row, asset), "k_lock": "x"})
    bike, admin = site.bike(), site.person("admin")
    with pytest.raises(AssertionError, match="k_lock"):
        admin.get(f"/locks/{bike.hex}")


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.ids = [], [], []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append((tag, found))
        self.links += [found[name] for name in ("href", "src", "action") if name in found]
        self.ids += [found["id"]] if "id" in found else []


def test_the_page_shows_it_all_without_script_or_anyone_elses_files(site):
    answer = site.client.get("/api/")
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy and "style-src 'self';" in policy and "unsafe" not in policy
    page, text = Page(), answer.get_data(as_text=True)
    page.feed(text)
    assert all(link.startswith(("/", "#")) for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert not any(
        tag == "script" or "style" in found or any(name.startswith("on") for name in found)
        for tag, found in page.tags
    )
    assert len(set(page.ids)) == len(page.ids)
    for path, item in document(site)["paths"].items():
        assert path in text
        assert all(operation["operationId"] in page.ids for operation in item.values())
    assert "<code>k_lock</code>" in text and "bad_window" in text
