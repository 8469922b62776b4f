"""All routes. A new noun is a file here with a Blueprint called `routes`, and one line in the table."""

from importlib import import_module

from flask import Flask

NOUNS = (
    "sessions",
    "claims",
    "locks",
    "assets",
    "keys",
    "masters",
    "pages",
)


def install(app: Flask) -> None:
    for noun in NOUNS:
        app.register_blueprint(import_module(f"cloud.routes.{noun}").routes)
