"""The API's description, OpenAPI 3.1, made from the routes themselves: what they read, answer and refuse.

Nothing here names a route. What every route of a kind may refuse is one table, IMPLIED; the rest each says itself.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.routing import Rule
from werkzeug.routing.converters import NumberConverter

from cloud import body
from cloud.auth import COOKIE, SAFE
from cloud.describe import JSON, Description
from cloud.problem import TABLE
from cloud.scopes import SCOPES
from cloud.tables import ROLES

PROBLEM = "application/problem+json"
REF = "#/components/schemas/{model}"
ABOUT = """Everything that the console and the apps do, they do through this.

Bytes are base64url without padding, ids lower-case hex, times Unix seconds. Sign in with
`Authorization: Bearer <token>`; a browser may use its cookie instead, and then sends `X-CSRF-Token` with whatever
changes something. A program sends its key in the same way, or a token that it got for its credentials from
`/api/v1/oauth/token`; what it may do is in its scopes. Every refusal is `application/problem+json` (RFC 9457) with a
stable `code`. A field or parameter that is not described is refused; answers may gain fields. Somebody else's object is
404, as if it were not there."""
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    "oauth": {
        "type": "oauth2",
        "flows": {"clientCredentials": {"tokenUrl": "/api/v1/oauth/token", "scopes": SCOPES}},
    },
}
PERSON = ("bearer", "cookie")  # a key is a bearer token too; what it may do is said by the scope of `oauth`


@dataclass(frozen=True)
class Operation:
    """One method of one address."""

    method: str
    rule: Rule
    view: Callable[..., Any]
    said: Description

    @property
    def changes(self) -> bool:
        return self.method not in SAFE

    @property
    def allowed(self) -> frozenset[str] | None:
        """Roles; None: anyone."""
        found: frozenset[str] | None = self.view.allowed  # type: ignore[attr-defined]
        return found

    @property
    def scope(self) -> str | None:
        """What a program needs; None: only persons may."""
        found: str | None = getattr(self.view, "scope", None)
        return found

    @property
    def path(self) -> str:
        return path(self.rule.rule)


# what need not be said of each: (of which operations, codes)
IMPLIED: tuple[tuple[Callable[[Operation], bool], tuple[str, ...]], ...] = (
    (lambda op: True, ("invalid", "too_fast", "unavailable", "unexpected")),
    (lambda op: op.allowed is not None, ("sign_in",)),
    (lambda op: op.allowed is not None and op.allowed != frozenset(ROLES), ("forbidden",)),
    (lambda op: op.allowed is not None and op.scope is None, ("persons_only",)),
    (lambda op: op.scope is not None, ("scope",)),
    (lambda op: op.allowed is not None and not hasattr(op.view, "enrolling"), ("second_factor_needed",)),
    (lambda op: hasattr(op.view, "fresh"), ("prove_again",)),
    (lambda op: getattr(op.view, "platform", False), ("forbidden",)),
    (lambda op: bool(op.rule.arguments), ("not_found",)),
    (
        lambda op: op.changes,
        ("csrf", "too_large", "bad_key", "key_reused", "key_busy", "key_cut", "too_many"),
    ),
    (lambda op: op.said.guarded, ("changed",)),
    (lambda op: op.said.required is not None, ("not_json", "bad_json")),
    (lambda op: op.said.files is not None, ("not_multipart", "bad_request")),
)


def path(rule: str) -> str:
    """An address as OpenAPI writes it."""
    return re.sub("<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule)


def operations(app: Flask) -> Iterator[Operation]:
    """By address."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        view = app.view_functions[rule.endpoint]
        said: Description | None = getattr(view, "described", None)
        if said is not None and said.answered:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield Operation(method, rule, view, said)


def codes(op: Operation) -> list[str]:
    """Every problem that it may answer, in the order of problem.TABLE."""
    implied = {code for holds, found in IMPLIED if holds(op) for code in found}
    return [code for code in TABLE if code in implied or code in op.said.problems]


def document(app: Flask) -> dict[str, Any]:
    ops = list(operations(app))
    shapes, components = _shapes(ops)
    paths: dict[str, dict[str, Any]] = {}
    for op in ops:
        paths.setdefault(op.path, {})[op.method.lower()] = _operation(app, op, shapes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ringslot", "version": "1", "description": ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": _PROBLEM},
            "parameters": _PARAMETERS,
            "securitySchemes": SECURITY,
        },
    }


class _Schema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # a name in other letters says nothing


def _shapes(ops: list[Operation]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(endpoint -> schema of its answer, the schemas that those name)."""
    shapes = {op.rule.endpoint: op.said.shape for op in ops if _is_json(op.said)}
    shapes |= {_other(op, status): shape for op in ops for status, shape in op.said.others.items()}
    adapters = [(name, "serialization", TypeAdapter(shape)) for name, shape in shapes.items()]
    found, more = TypeAdapter.json_schemas(adapters, ref_template=REF, schema_generator=_Schema)  # type: ignore[arg-type]
    return {name: schema for (name, _mode), schema in found.items()}, more.get("$defs", {})


def _other(op: Operation, status: int) -> str:
    return f"{op.rule.endpoint} {status}"


def _is_json(said: Description) -> bool:
    return said.shape is not None and not (inspect.isclass(said.shape) and issubclass(said.shape, Response))


def _operation(app: Flask, op: Operation, shapes: dict[str, Any]) -> dict[str, Any]:
    summary, _, more = inspect.cleandoc(op.view.__doc__ or op.rule.endpoint).partition("\n\n")
    item: dict[str, Any] = {
        "operationId": op.rule.endpoint.replace(".", "_"),
        "tags": [op.rule.endpoint.partition(".")[0]],
        "summary": " ".join(summary.split()),
        "security": _security(op),
    }
    if more:
        item["description"] = more
    if op.allowed is not None:
        item["x-roles"] = [role for role in ROLES if role in op.allowed]
    parameters = [*_in_path(app, op.rule), *_query(op.said), *_headers(op)]
    if parameters:
        item["parameters"] = parameters
    content = _body(op.said)
    if content:
        item["requestBody"] = {"required": bool(op.said.required or op.said.files), "content": content}
    item["responses"] = {str(op.said.status): _answer(op, shapes), **_not_modified(op), **_problems(op)}
    for status in op.said.others:
        said = item["responses"].setdefault(
            str(status), {"description": HTTP_STATUS_CODES[status], "content": {}}
        )
        said["content"][JSON] = {"schema": shapes[_other(op, status)]}
    return item


def _security(op: Operation) -> list[dict[str, list[str]]]:
    if op.allowed is None:
        return []
    ways: list[dict[str, list[str]]] = [{name: []} for name in PERSON]
    return [*ways, {"oauth": [op.scope]}] if op.scope else ways


def _in_path(app: Flask, rule: Rule) -> Iterator[dict[str, Any]]:
    for name, argument in re.findall("<(?:([^:>]+):)?([^>]+)>", rule.rule):
        converter = app.url_map.converters[name or "default"]
        number = issubclass(converter, NumberConverter)
        schema = (
            {"type": "integer", "minimum": 0}
            if number
            else {"type": "string", "pattern": f"^{converter.regex}$"}
        )
        yield {"name": argument, "in": "path", "required": True, "schema": schema}


def _query(said: Description) -> Iterator[dict[str, Any]]:
    for name, reader in said.query.items():
        yield {"name": name, "in": "query", "schema": reader.schema}


def _headers(op: Operation) -> Iterator[dict[str, Any]]:
    if op.changes:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}
    elif op.said.status == 200:
        yield {"$ref": "#/components/parameters/IfNoneMatch"}
    if op.said.guarded:
        yield {"$ref": "#/components/parameters/IfMatch"}


def _body(said: Description) -> dict[str, Any]:
    if said.required is not None:
        return {JSON: {"schema": body.schema_of(said.required, said.optional)}}
    if said.files is not None:
        return {"multipart/form-data": {"schema": _files(said.files)}}
    if said.form is not None:
        fields = {"type": "object", "properties": {name: {"type": "string"} for name in said.form}}
        return {"application/x-www-form-urlencoded": {"schema": fields}}
    return {}


def _files(parts: Any) -> dict[str, Any]:
    """OpenAPI 3.1 §4.8.14.3: a file is a string of no type; several under one name are an array."""
    many = {
        name: {"type": "array", "items": {}, "minItems": 1, "maxItems": most} for name, most in parts.items()
    }
    named = {name: {} if most == 1 else many[name] for name, most in parts.items()}
    return {"type": "object", "properties": named, "required": list(parts), "additionalProperties": False}


def _answer(op: Operation, shapes: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTP_STATUS_CODES[op.said.status]}
    if op.said.media:
        schema = shapes.get(op.rule.endpoint, {})
        answer["content"] = {kind: {"schema": schema} for kind in op.said.media}
    if op.said.location:
        answer["headers"] = {"Location": {"schema": {"type": "string"}, "required": True}}
    return answer


def _not_modified(op: Operation) -> dict[str, Any]:
    return {} if op.changes or op.said.status != 200 else {"304": {"description": "You have this already."}}


def _problems(op: Operation) -> dict[str, Any]:
    """By status, each with the codes that it may have."""
    found: dict[int, list[str]] = {}
    for code in codes(op):
        found.setdefault(TABLE[code][0], []).append(code)
    return {str(status): _refusal(status, found[status]) for status in sorted(found)}


def _refusal(status: int, names: list[str]) -> dict[str, Any]:
    said = "\n".join(f"- `{code}`: {TABLE[code][1]}" for code in names)
    exactly = {"properties": {"status": {"const": status}, "code": {"enum": names}}}
    schema = {"allOf": [{"$ref": REF.format(model="Problem")}, exactly]}
    return {"description": said, "content": {PROBLEM: {"schema": schema}}}


_PARAMETERS = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Sent again with the same key within 24 hours, a call does nothing and has its first answer "
        "again, with `Idempotency-Replayed: true`.",
        "schema": {"type": "string", "pattern": '^("[!#-~]{8,64}"|[!#-~]{8,64})$'},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "`ETag` of an earlier answer: 304 without a body when nothing changed.",
        "schema": {"type": "string"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "`ETag` of what a GET of this said: 412 when it has changed since.",
        "schema": {"type": "string"},
    },
}
_PROBLEM = {
    "type": "object",
    "description": "A refusal (RFC 9457). `code` is stable, `detail` one sentence for the person.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "the fields at fault",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
                "required": ["field", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "code"],
}
