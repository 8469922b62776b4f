"""Request bodies: JSON objects read by a table of fields. Unknown fields are refused, so that a typo is seen.

A field's reader takes the JSON value and returns ours, or raises ValueError with a sentence about what it wants. It
carries the same rule as JSON Schema (2020-12), for the API's description; a reader of one's own is made by @reads.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request

from cloud.config import ADDRESS
from cloud.problem import Problem

UINT32 = 2**32 - 1
LIMIT = 64 * 1024  # bytes


@dataclass(frozen=True)
class Reader:
    """`read`: what it does; `schema`: what it takes. The schema may promise more than is kept, never less."""

    read: Callable[[Any], Any]
    schema: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, value: Any) -> Any:
        return self.read(value)


def reads(**schema: Any) -> Callable[[Callable[[Any], Any]], Reader]:
    """Make a reader of a function: `@reads(type="string", maxLength=8)`."""
    return lambda read: Reader(read, schema)


def read(required: Mapping[str, Reader], optional: Mapping[str, Reader] | None = None) -> dict[str, Any]:
    """The body's fields; an absent optional one is None. Raises Problem not_json, bad_json or invalid."""
    return parse(_object(empty_is_fine=not required), required, optional or {})


def parse(
    item: dict[str, Any], required: Mapping[str, Reader], optional: Mapping[str, Reader]
) -> dict[str, Any]:
    fields: dict[str, Any] = dict.fromkeys(optional)
    errors = [{"field": name, "detail": "is missing"} for name in required if item.get(name) is None]
    for name, value in item.items():
        reader = required.get(name) or optional.get(name)
        if reader is None:
            errors.append({"field": name[:64], "detail": "is not known here"})
        elif value is not None:
            try:
                fields[name] = reader(value)
            except ValueError as wrong:
                errors.append({"field": name, "detail": str(wrong)})
    if errors:
        raise Problem("invalid", errors=errors[:16])
    return fields


def query(table: Mapping[str, Reader]) -> dict[str, Any]:
    """The URL's parameters, each at most once; an absent one is None. Raises Problem invalid."""
    given = request.args.to_dict(flat=False)
    twice = [{"field": name[:64], "detail": "must be given once"} for name in given if len(given[name]) > 1]
    if twice:
        raise Problem("invalid", errors=twice[:16])
    return parse({name: _of_text(table.get(name), texts[0]) for name, texts in given.items()}, {}, table)


def _of_text(reader: Reader | None, value: str) -> Any:
    """A URL has only text: what is a number or a truth value in the reader's eyes becomes one, if it is spelled so."""
    wanted = reader.schema.get("type") if reader else None
    if wanted == "integer" and re.fullmatch("0|-?[1-9][0-9]{0,18}", value, re.ASCII):
        return int(value)
    if wanted == "number" and re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,15})?", value, re.ASCII):
        return float(value)
    return {"true": True, "false": False}.get(value, value) if wanted == "boolean" else value


def together(fields: Mapping[str, Any], *names: str) -> None:
    """All of these or none. Raises Problem invalid."""
    missing = [name for name in names if fields[name] is None]
    if missing and len(missing) < len(names):
        raise Problem("invalid", errors=[{"field": name, "detail": "is missing"} for name in missing])


def _object(empty_is_fine: bool) -> dict[str, Any]:
    data = request.get_data()  # MAX_CONTENT_LENGTH bounds it, but cuts a chunked body without a word
    if len(data) > LIMIT:
        raise Problem("too_large")
    if not data and empty_is_fine:
        return {}
    if request.mimetype != "application/json":
        raise Problem("not_json")
    try:
        item = json.loads(data.decode(), parse_constant=_no_constant, object_pairs_hook=_no_twice)
    except (ValueError, RecursionError):  # also bad UTF-8, and a number of thousands of digits
        raise Problem("bad_json") from None
    if type(item) is not dict:
        raise Problem("bad_json")
    return item


def _no_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are not JSON (RFC 8259 §6)


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    item = dict(pairs)
    if len(item) != len(pairs):
        raise ValueError("a name twice")  # RFC 8259 §4: what it means is anyone's guess
    return item


PRINTABLE = "^[^\\u0000-\\u001f\\u007f-\\u00a0]*$"  # as far as every dialect of regular expressions says it


PROSE = "^[^\\u0000-\\u0009\\u000b-\\u001f\\u007f-\\u00a0]*$"  # the same, and line breaks


def text(low: int, high: int) -> Reader:
    """Printable text; no control characters (PostgreSQL takes no NUL, a console no escape) and no lone surrogates."""

    @reads(type="string", minLength=low, maxLength=high, pattern=PRINTABLE)
    def reader(value: Any) -> str:
        if type(value) is not str or not low <= len(value) <= high or not value.isprintable():
            raise ValueError(f"must be {low} to {high} printable characters")
        return value

    return reader


def prose(low: int, high: int) -> Reader:
    """Text of several lines; no other control characters."""

    @reads(type="string", minLength=low, maxLength=high, pattern=PROSE)
    def reader(value: Any) -> str:
        plain = value.replace("\n", "") if type(value) is str else ""
        if not plain.isprintable() or not low <= len(plain.strip()) or len(value) > high:
            raise ValueError(f"must be {low} to {high} characters, printable but for line breaks")
        return str(value)

    return reader


@reads(type="string", minLength=10, maxLength=128, format="password")
def password(value: Any) -> str:
    if type(value) is not str or not 10 <= len(value) <= 128 or any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError("must be 10 to 128 characters")
    return value


def word(*choices: str) -> Reader:
    @reads(type="string", enum=list(choices))
    def reader(value: Any) -> str:
        if type(value) is not str or value not in choices:
            raise ValueError("must be one of " + ", ".join(choices))
        return value

    return reader


@reads(type="string", format="email", minLength=3, maxLength=254, pattern="^[^@ ]+@[^@ ]+$")
def email(value: Any) -> str:
    """An address, case-folded: mailboxes that differ in case only are one to everybody who runs any."""
    if type(value) is not str or not ADDRESS.fullmatch(value):
        raise ValueError("must be an e-mail address")
    return value.lower()


_CODE = re.compile("[A-Za-z0-9-]{1,32}", re.ASCII)


@reads(type="string", pattern="^[A-Za-z0-9-]{1,32}$")
def code(value: Any) -> str:
    """What is printed on a bicycle; fits a URL as it is."""
    if type(value) is not str or not _CODE.fullmatch(value):
        raise ValueError("must be 1 to 32 letters, digits or dashes")
    return value


_OPAQUE = re.compile("[A-Za-z0-9_-]{1,22}", re.ASCII)


@reads(type="string", pattern="^[A-Za-z0-9_-]{1,22}$")
def opaque(value: Any) -> str:
    """An id of ours that says nothing."""
    if type(value) is not str or not _OPAQUE.fullmatch(value):
        raise ValueError("must be 1 to 22 letters, digits, - or _")
    return value


_BOARD = re.compile("[a-z0-9_]{1,24}", re.ASCII)


@reads(type="string", pattern="^[a-z0-9_]{1,24}$")
def board(value: Any) -> str:
    """A kind of board, as a release names it."""
    if type(value) is not str or not _BOARD.fullmatch(value):
        raise ValueError("must be 1 to 24 of a-z, 0-9 and _")
    return value


_PLACE = re.compile("(-?[0-9]{1,9}),(-?[0-9]{1,10})", re.ASCII)


@reads(type="string", pattern="^-?[0-9]{1,9},-?[0-9]{1,10}$")
def place(value: Any) -> tuple[int, int]:
    """Latitude and longitude, degrees x 10^7 (WGS 84), with a comma between."""
    found = _PLACE.fullmatch(value) if type(value) is str else None
    lat, lon = (int(part) for part in found.groups()) if found else (0, 0)
    if found is None or abs(lat) > 900_000_000 or abs(lon) > 1_800_000_000:
        raise ValueError("must be latitude,longitude in degrees x 10^7, such as 520907028,51214737")
    return lat, lon


def integer(low: int = 0, high: int = UINT32) -> Reader:
    @reads(type="integer", minimum=low, maximum=high)
    def reader(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return value

    return reader


def number(low: float, high: float) -> Reader:
    """Whole or not, such as degrees."""

    @reads(type="number", minimum=low, maximum=high)
    def reader(value: Any) -> float:
        if type(value) not in (int, float) or not low <= value <= high or not math.isfinite(value):
            raise ValueError(f"must be a number from {low} to {high}")
        return float(value)

    return reader


@reads(type="boolean")
def boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("must be true or false")
    return value


def hex_of(length: int) -> Reader:
    """`length` bytes in lower-case hex, kept as text."""
    form = re.compile(f"[0-9a-f]{{{2 * length}}}", re.ASCII)

    @reads(type="string", pattern=f"^{form.pattern}$")
    def reader(value: Any) -> str:
        if type(value) is not str or not form.fullmatch(value):
            raise ValueError(f"must be {2 * length} lower-case hex digits")
        return value

    return reader


def b64_of(low: int, high: int | None = None) -> Reader:
    """`low` (to `high`) bytes in base64url without padding (RFC 4648 §5), in its one canonical form."""
    most = low if high is None else high
    lengths = {"minLength": (4 * low + 2) // 3, "maxLength": (4 * most + 2) // 3}

    @reads(type="string", contentEncoding="base64url", pattern="^[A-Za-z0-9_-]*$", **lengths)
    def reader(value: Any) -> bytes:
        wrong = ValueError(
            f"must be {low}{f' to {most}' if most > low else ''} bytes in base64url without padding"
        )
        if type(value) is not str or not value.isascii() or len(value) > 4 * (most + 2) // 3:
            raise wrong
        try:
            data = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise wrong from None
        if not low <= len(data) <= most or b64(data) != value:
            raise wrong
        return data

    return reader


def list_of(reader: Reader, low: int, high: int, unique: bool = True) -> Reader:
    """A list, of values that differ unless `unique` is False."""

    @reads(type="array", items=reader.schema, minItems=low, maxItems=high, uniqueItems=unique)
    def read_list(value: Any) -> list[Any]:
        if type(value) is not list or not low <= len(value) <= high:
            raise ValueError(f"must be a list of {low} to {high}")
        items = [reader(item) for item in value]
        if unique and len(set(items)) != len(items):
            raise ValueError("must not name one twice")
        return items

    return read_list


def object_of(required: Mapping[str, Reader], optional: Mapping[str, Reader] | None = None) -> Reader:
    """An object inside the body, by the same rules; what is wrong with it is told as one sentence."""
    table = optional or {}

    def read_object(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise ValueError("must be an object")
        try:
            return parse(value, required, table)
        except Problem as problem:
            first = problem.extra["errors"][0]
            raise ValueError(f"{first['field']} {first['detail']}") from None

    return Reader(read_object, schema_of(required, table))


def schema_of(required: Mapping[str, Reader], optional: Mapping[str, Reader]) -> dict[str, Any]:
    """What `parse` takes, as JSON Schema. An optional field may also be null: that is leaving it out."""
    maybe = {name: {"anyOf": [reader.schema, {"type": "null"}]} for name, reader in optional.items()}
    return {
        "type": "object",
        "properties": {**{name: reader.schema for name, reader in required.items()}, **maybe},
        "required": list(required),
        "additionalProperties": False,
    }


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
