"""All routes. A new noun is a file here with a Blueprint called `routes`, and one line in the table."""

from importlib import import_module

from flask import Flask
from werkzeug.routing import BaseConverter

NOUNS = (
    "sessions",
    "accounts",
    "factors",
    "tickets",
    "teams",
    "providers",
    "claims",
    "locks",
    "notes",
    "assets",
    "keys",
    "masters",
    "receipts",
    "rides",
    "releases",
    "rollouts",
    "api",
    "events",
    "hooks",
    "health",
    "operators",
    "clients",
    "groups",
    "oauth",
    "zones",
    "attention",
    "maintenance",
    "overview",
    "gbfs",
    "exports",
    "pages",
    "console",
    "app",
    "account_page",
)


class Id8(BaseConverter):
    """A lock id or a cti; whatever else stands in its place is 404 before any query."""

    regex = "[0-9a-f]{16}"


class Id16(BaseConverter):
    """A ride id."""

    regex = "[0-9a-f]{32}"


class Id4(BaseConverter):
    """A rollout id."""

    regex = "[0-9a-f]{8}"


class Id22(BaseConverter):
    """16 random bytes in base64url: a session's id, a person's."""

    regex = "[A-Za-z0-9_-]{22}"


class Opaque(BaseConverter):
    """An id that says nothing, as body.opaque."""

    regex = "[A-Za-z0-9_-]{1,22}"


class Ticket(BaseConverter):
    """The number of a dispute or a question."""

    regex = "[A-Z2-9]{10}"


class Code(BaseConverter):
    """The code on a bicycle's sticker, as body.code."""

    regex = "[A-Za-z0-9-]{1,32}"


class Exported(BaseConverter):
    """What can be taken away; see exports.py."""

    regex = "rides|locks|fixes"


class Form(BaseConverter):
    """In which form."""

    regex = "csv|geojson"


def install(app: Flask) -> None:
    kinds = {
        "id4": Id4,
        "id8": Id8,
        "id16": Id16,
        "id22": Id22,
        "ticket": Ticket,
        "opaque": Opaque,
        "code": Code,
        "exported": Exported,
        "form": Form,
    }
    app.url_map.converters.update(kinds)
    for noun in NOUNS:
        app.register_blueprint(import_module(f"cloud.routes.{noun}").routes)
