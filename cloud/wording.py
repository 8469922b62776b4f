"""An OpenAPI document in words, for the page that shows it."""

from typing import Any

Schema = dict[str, Any]


def groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Operations by their tag, each with its method and path."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            shared = document["components"].get("parameters", {})
            given = [shared[name(p["$ref"])] if "$ref" in p else p for p in operation.get("parameters", ())]
            row = {**operation, "parameters": given, "method": method.upper(), "path": path}
            found.setdefault(operation["tags"][0], []).append(row)
    return dict(sorted(found.items()))


def who(operation: dict[str, Any]) -> str:
    if not operation["security"]:
        return "anyone"
    scopes = [f"programs with {name}" for way in operation["security"] for name in way.get("oauth", ())]
    return ", ".join([*operation.get("x-roles", ["signed in"]), *scopes])


def refers(schema: Schema) -> list[str]:
    """Names of the component schemas in it, in the order in which they are met."""
    if "$ref" in schema:
        return [name(schema["$ref"])]
    parts = [*schema.get("anyOf", ()), *schema.get("allOf", ())]
    parts += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    return [found for part in parts for found in refers(part)]


def name(ref: str) -> str:
    return ref.rpartition("/")[2]


def brief(schema: Schema) -> str:
    """A schema in a few words: `text of 1 to 64`, `list of Lock`, `one of rider, admin`, `number or nothing`."""
    if "$ref" in schema:
        return name(schema["$ref"])
    if "enum" in schema:
        return "one of " + ", ".join("null" if word is None else str(word) for word in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(brief(part) for part in schema["anyOf"])
    if "const" in schema:
        return str(schema["const"])
    return _BRIEF.get(schema.get("type", ""), lambda _: "anything")(schema)


def _text(schema: Schema) -> str:
    if schema.get("contentEncoding"):
        return "base64url" + _span(schema, "minLength", "maxLength", " characters")
    return "text" + _span(schema, "minLength", "maxLength", "") + _form(schema)


def _form(schema: Schema) -> str:
    pattern = schema.get("pattern", "")
    return (
        f" like {pattern.strip('^$')}" if pattern and len(pattern) < 40 and "minLength" not in schema else ""
    )


def _span(schema: Schema, low: str, high: str, unit: str) -> str:
    if high not in schema:
        return ""
    least, most = schema.get(low, 0), schema[high]
    return f" of {least}{unit}" if least == most else f" of {least} to {most}{unit}"


def _number(schema: Schema) -> str:
    said = "whole number" if schema["type"] == "integer" else "number"
    if "maximum" in schema:
        return f"{said} from {schema.get('minimum', 0)} to {schema['maximum']}"
    return said


def _list(schema: Schema) -> str:
    return "list" + _span(schema, "minItems", "maxItems", "") + ": " + brief(schema.get("items", {}))


def _object(schema: Schema) -> str:
    inner = schema.get("properties")
    if inner:
        return "{ " + ", ".join(f"{key}: {brief(value)}" for key, value in inner.items()) + " }"
    return "object"


_BRIEF = {
    "string": _text,
    "integer": _number,
    "number": _number,
    "array": _list,
    "object": _object,
    "boolean": lambda _: "true or false",
    "null": lambda _: "null",
}
