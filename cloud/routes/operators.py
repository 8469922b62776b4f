"""Operators: made by the platform, described by their own admins; their staff."""

import re
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint

from cloud import body, floors, operators, shapes_tenancy, users, views
from cloud.auth import STAFF, allow, cloud, fresh, me, platform, reach
from cloud.conditions import unchanged
from cloud.describe import Fields, Page, answers, guarded, paged, takes
from cloud.problem import Problem

routes = Blueprint("operators", __name__, url_prefix="/api/v1")

_ZONES = available_timezones()


def _pattern(form: str, wanted: str, most: int) -> body.Reader:
    known = re.compile(form, re.ASCII)

    @body.reads(type="string", pattern=f"^{form}$", maxLength=most)
    def reader(value: Any) -> str:
        if type(value) is not str or len(value) > most or not known.fullmatch(value):
            raise ValueError(wanted)
        return value

    return reader


@body.reads(type="string", maxLength=32)
def timezone(value: Any) -> str:
    if type(value) is not str or value not in _ZONES:
        raise ValueError("must be a name of the IANA time zone database, such as Europe/Amsterdam")
    return value


URL = _pattern(r"https://[!-~]{1,247}", "must be an address that starts with https://", 255)
SHOWN = {  # what riders, their apps and public feeds are told
    "name": body.text(1, 64),
    "colour": _pattern("#[0-9a-f]{6}", "must be # and six lower-case hex digits", 7),
    "email": body.email,
    "phone": _pattern(r"\+[1-9][0-9]{6,14}", "must be + and 7 to 15 digits, with the country's code", 16),
    "url": URL,
    "terms_url": URL,
    "privacy_url": URL,
    "timezone": timezone,
    "language": _pattern("[a-z]{2,3}(-[A-Z]{2})?", "must be a language, such as nl or en-GB", 8),
}
OPTIONAL = {name: reader for name, reader in SHOWN.items() if name != "name"}


@routes.post("/operators")
@platform
@allow("admin")
@takes({"name": SHOWN["name"]}, OPTIONAL)
@answers(201, location="/api/v1/operators/{operator_id}")
def create(fields: Fields) -> shapes_tenancy.Operator:
    """Make an operator; then make its first admin, by `operator` of `POST /users`."""
    given = {name: value for name, value in fields.items() if value is not None}
    with cloud().db.writing() as session:
        return views.operator(operators.create(session, cloud().now(), **given))


@routes.get("/operators")
@allow(*STAFF, scope="fleet:read")
@paged(body.opaque)
@answers()
def listed(page: Page) -> shapes_tenancy.Operators:
    """Operators: one's own; all for the platform's staff."""
    (after,) = page.after or ("",)
    with cloud().db.reading() as session:
        found = operators.page(session, reach(), after, page.fetch)
    rows, following = page.cut(found, lambda row: (row.operator_id,))
    return {"operators": [views.operator(row) for row in rows], "next": following}


@routes.get("/operators/<opaque:operator_id>")
@allow(*STAFF, scope="fleet:read")
@answers()
def one(operator_id: str) -> shapes_tenancy.Operator:
    """One operator."""
    with cloud().db.reading() as session:
        return views.operator(operators.find(session, reach(), operator_id))


@routes.patch("/operators/<opaque:operator_id>")
@allow("admin")
@guarded
@takes({}, SHOWN)
@answers()
def change(operator_id: str, fields: Fields) -> shapes_tenancy.Operator:
    """Change what riders are told of an operator."""
    with cloud().db.writing() as session:
        row = operators.find(session, reach(), operator_id)
        unchanged(session, row, lambda: views.operator(row))
        for name, value in fields.items():
            if value is not None:
                setattr(row, name, value)
        return views.operator(row)


@routes.get("/staff")
@allow("admin")
@paged(body.opaque)
@answers()
def staff(page: Page) -> shapes_tenancy.Staff:
    """Technicians and admins: of one's operator; everybody's for the platform's admins."""
    (after,) = page.after or ("",)
    with cloud().db.reading() as session:
        found = users.staff(session, reach(), after, page.fetch)
    rows, following = page.cut(found, lambda row: (row.user_id,))
    return {"staff": [views.colleague(row) for row in rows], "next": following}


@routes.patch("/staff/<opaque:user_id>")
@allow("admin")
@fresh
@takes({"role": body.word(*STAFF)})
@answers(problems=("own_role", "last_admin"))
def promote(user_id: str, fields: Fields) -> shapes_tenancy.Colleague:
    """Make a technician an admin, or an admin a technician. Not oneself: an operator would be left without."""
    _not_oneself(user_id)
    with cloud().db.writing() as session:
        row = users.find_staff(session, reach(), user_id)
        if fields["role"] != "admin":
            users.keep_one_admin(session, row)
        row.role = fields["role"]
        return views.colleague(row)


@routes.delete("/staff/<opaque:user_id>")
@allow("admin")
@fresh
@answers(problems=("own_role", "last_admin"))
def dismiss(user_id: str) -> None:
    """Make somebody of the staff a rider like any other, sign them out everywhere, and end their master tokens."""
    _not_oneself(user_id)
    with cloud().db.writing() as session:
        users.dismiss(session, users.find_staff(session, reach(), user_id))
        floors.end_masters(session, user_id, cloud().now())


def _not_oneself(user_id: str) -> None:
    if user_id == me().user_id:
        raise Problem("own_role")
