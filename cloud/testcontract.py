"""For tests: a client that holds every answer of the API to its own description. Whatever a test asks, an answer with
a status, a media type, a problem code or a field that is not described fails it."""

from functools import lru_cache
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from cloud import openapi
from cloud.describe import PREFIX

_DOCUMENTS: dict[tuple[str, ...], dict[str, Any]] = {}


class Client(FlaskClient):
    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        answer = super().open(*args, **kwargs)
        if answer.request.path.startswith(PREFIX):
            check(self.application, answer)
        return answer


def check(app: Flask, answer: TestResponse) -> None:
    """Raises AssertionError."""
    method = answer.request.method
    try:
        rule, _ = app.url_map.bind("").match(answer.request.path, method, return_rule=True)
    except HTTPException:
        return  # the router's own 404 or 405
    if method not in ("HEAD", "OPTIONS"):
        key = tuple(sorted(str(each) for each in app.url_map.iter_rules()))
        found = complaint(_document(app, key), rule.rule, method, answer)
        assert not found, f"{method} {rule.rule} answered {answer.status}: {found}"


def complaint(document: dict[str, Any], rule: str, method: str, answer: TestResponse) -> str:
    """What is wrong with an answer; empty when nothing is."""
    operation = document["paths"][openapi.path(rule)][method.lower()]
    said = operation["responses"].get(str(answer.status_code))
    if said is None:
        return "this status is not described"
    if "content" not in said:
        return "a body where none is described" if answer.data else ""
    content = said["content"].get(answer.mimetype)
    if content is None:
        return f"{answer.mimetype} is not described"
    missing = [name for name in said.get("headers", {}) if name not in answer.headers]
    if missing:
        return f"without {missing}"
    if not str(answer.mimetype).endswith("json"):
        return ""
    errors = _validator(_Schema(content["schema"], document)).iter_errors(answer.get_json())
    return "; ".join(f"{error.json_path}: {error.message[:300]}" for error in errors)


class _Schema:
    """A schema with its components, told apart by identity: they live as long as their document."""

    def __init__(self, schema: dict[str, Any], document: dict[str, Any]):
        self.whole = {**schema, "components": document["components"]}
        self._id = id(schema)

    def __hash__(self) -> int:
        return self._id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Schema) and self._id == other._id


@lru_cache(2000)
def _validator(schema: _Schema) -> Any:
    return Draft202012Validator(schema.whole)


def _document(app: Flask, key: tuple[str, ...]) -> dict[str, Any]:
    """With every answer closed: a field that is not described is one too many here, though not for a client."""
    if key not in _DOCUMENTS:
        made = openapi.document(app)
        for name, schema in made["components"]["schemas"].items():
            if name != "Problem" and "properties" in schema:
                schema["additionalProperties"] = False
        _DOCUMENTS[key] = made
    return _DOCUMENTS[key]
