"""The API against its own description, by Schemathesis: whatever the description allows, and what it forbids, gets an
answer that is described, and never a 5xx; as a rider, as an admin, and as nobody."""

import hashlib

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as of_openapi

from cloud.testsite import Site

CHECKS = [
    checks.not_a_server_error,
    of_openapi.status_code_conformance,
    of_openapi.content_type_conformance,
    of_openapi.response_schema_conformance,
    of_openapi.response_headers_conformance,
]
WHO = ("rider", "admin", None)


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr("cloud.passwords.make", lambda password: "x")  # argon2 has its own tests
    monkeypatch.setattr("cloud.passwords.matches", lambda stored, password: False)
    made = Site(tmp_path, rate_caller=0, rate_address=0)
    yield made
    made.close()


def known(site):
    """Ids that are there, by the names that addresses have for them: random ones would only ever be 404."""
    bike, rider = site.bike(), site.person()
    made = rider.claim(bike).get_json()
    return {"lock_id": bike.hex, "code": bike.code, "cti": made["claim_id"], "user_id": rider.user_id}


def fuzz(site, role, examples, randomly=False):
    """-> [what is wrong]"""
    ids = known(site)
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", site.app)
    found = []
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            headers = site.person(role).headers if role else {}
            wrong = _try(operation, mode, headers, ids, examples, randomly)
            if wrong:
                found.append(f"{operation.label}, {mode.value}: {wrong}")
    assert len(list(schema.get_all_operations())) > 40
    return found


def _try(operation, mode, headers, ids, examples, randomly):
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case):
        for name, value in ids.items():
            if name in (case.path_parameters or {}) and _coin(case.path_parameters[name]):
                case.path_parameters[name] = value
        case.call_and_validate(headers=headers, checks=CHECKS)

    try:
        (one if randomly else seed(0)(one))()
    except Unsatisfiable:
        return None  # there is nothing to get wrong in it
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _coin(value):
    return hashlib.sha256(str(value).encode(errors="replace")).digest()[0] % 2


@pytest.mark.parametrize("role", WHO)
def test_every_answer_is_described_and_none_is_a_5xx(site, role):
    assert fuzz(site, role, 2) == []


@pytest.mark.long
@pytest.mark.parametrize("role", WHO)
def test_every_answer_is_described_and_none_is_a_5xx_at_length(site, role):
    assert fuzz(site, role, 150, randomly=True) == []
