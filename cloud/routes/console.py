"""The console's frame: one page for every address below it. What is on it comes from the public API, by script."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from cloud.auth import cloud, public

routes = Blueprint("console", __name__, url_prefix="/console")


@routes.get("")
@routes.get("/<path:page>")
@public
def frame(page: str = "") -> ResponseReturnValue:
    """Public: it holds nothing; the script asks who is there."""
    return render_template("console.html", tiles=cloud().settings.tiles)
