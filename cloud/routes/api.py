"""The API's description, for programs and for people. It is no secret: what a route answers depends on who asks."""

from typing import Any

from flask import Blueprint, Response, current_app, json, render_template

from cloud import openapi, wording
from cloud.auth import public

routes = Blueprint("api", __name__, url_prefix="/api")


@routes.get("/openapi.json")
@public
def document() -> Response:
    return Response(json.dumps(_document()), mimetype="application/json")


@routes.get("/")
@public
def page() -> str:
    """The same as a page to read."""
    return render_template("api.html", api=_document(), groups=wording.groups(_document()), wording=wording)


def _document() -> dict[str, Any]:
    """Made when it is first asked for: the routes of a running application do not change."""
    kept: dict[str, Any] = current_app.extensions.setdefault("ringslot_openapi", {})
    if not kept:
        kept.update(openapi.document(current_app))
    return kept
