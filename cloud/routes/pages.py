"""Where people land: the console."""

from urllib.parse import urlsplit

from flask import Blueprint, redirect
from flask.typing import ResponseReturnValue

from cloud.auth import public

routes = Blueprint("pages", __name__)

HOME = "/console"


@routes.get("/")
@public
def home() -> ResponseReturnValue:
    return redirect(HOME, 303)


def local(target: str | None) -> str:
    """A path of ours, or the console: nobody is sent elsewhere after signing in."""
    if not target or not target.isprintable() or not target.startswith("/") or "\\" in target:
        return HOME
    try:
        parts = urlsplit(target)
    except ValueError:
        return HOME
    return HOME if parts.scheme or parts.netloc or target.startswith("//") else target
